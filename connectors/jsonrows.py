"""Files of JSON lines, row by row, and JSON as text in which a number keeps its digits."""

import codecs
import json
from collections.abc import Generator, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from connectors.files import Empty, opened
from dsar.datamap import File
from dsar.errors import SourceBroken


def json_rows(path: Path, file: File) -> Generator[Sequence[object], None, None]:  # noqa: ARG001 - called as `csv_rows` is
    """Yield the column names and the rows of a file of JSON lines; a number keeps its digits, what is nested stays JSON.

    The columns are the keys of all lines: the file is read twice. Raises `OSError`, `SourceBroken`.
    """
    columns = list(dict.fromkeys(key for record in _json_lines(path) for key in record))
    if not columns:
        raise Empty("is empty: there is no line", where=path.name, remedy="export the file again")
    yield columns
    for record in _json_lines(path):
        yield [_flat(record.get(c)) for c in columns]


def _json_lines(path: Path) -> Iterator[dict[str, Any]]:
    with opened(path) as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                record = parsed(line.removeprefix(codecs.BOM_UTF8))
            except ValueError as error:
                raise SourceBroken("is no whole JSON", where=f"{path.name}, line {number}", remedy="export the file again") from error
            if not isinstance(record, dict):
                raise SourceBroken("is no JSON object", where=f"{path.name}, line {number}", remedy="write one object per line")
            yield record


def parsed(text: str | bytes) -> Any:
    """Return what a JSON text holds; a number keeps its digits. Raises `ValueError`, for NaN and infinity too (RFC 8259, section 6)."""
    return json.loads(text, parse_float=Decimal, parse_constant=_refuse)


def _refuse(_: str) -> None:
    raise ValueError


def _flat(value: object) -> object:
    return as_json(value) if isinstance(value, dict | list) else value


def as_json(value: object) -> str:
    """Return JSON in which a Decimal keeps its digits."""
    # Python's own way would write a Decimal as text, or round it.
    match value:
        case dict():
            return f"{{{', '.join(f'{json.dumps(k, ensure_ascii=False)}: {as_json(v)}' for k, v in value.items())}}}"
        case list():
            return f"[{', '.join(map(as_json, value))}]"
        case Decimal():
            return str(value)
    return json.dumps(value, ensure_ascii=False)
