"""How a row's key is spelled: as `dsar_key` keeps it, as it is printed, and as a person may write it."""

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from dsar import values


def as_key(*parts: object) -> str:
    """Return a row's key as `dsar_key` spells it."""
    return json.dumps(list(parts), default=values.as_text)


def key_of(record: Mapping[str, Any]) -> str:
    """Return the key of a line of `Dossier.records` as it is printed, and as `dsar why` takes it."""
    key = record["key"]
    return as_key(*key) if isinstance(key, list) else as_key(key)


def spellings(key: object) -> Iterator[str]:
    """Yield how `dsar_key` may spell a key that somebody wrote or copied: as JSON, as its values, or a number that is kept as text."""
    parts: object = key
    if isinstance(key, str):
        for text in (key, f"[{key}]"):
            with suppress(ValueError):
                parts = json.loads(text)
                break
    parts = list(parts) if isinstance(parts, list | tuple) else [parts]
    yield as_key(*parts)
    yield as_key(*map(values.as_text, parts))
    yield as_key(key)
