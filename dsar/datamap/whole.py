"""The map as a whole, and reading it."""

import hashlib
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Annotated, Any, Self
from zoneinfo import ZoneInfo

from pydantic import Field, ValidationError, model_validator

from dsar import forgotten, keys, kinds
from dsar.datamap import faults
from dsar.datamap.activity import Activity, Recipient
from dsar.datamap.controller import Controller, Policy, Purge
from dsar.datamap.source import Address, Source
from dsar.datamap.table import Table
from dsar.datamap.words import Model, form
from dsar.errors import BadMap


class DataMap(Model):
    """The whole map, with the folder it was read from."""

    controller: Controller
    purge: Purge = Purge()
    policy: Policy = Policy()
    recipients: dict[str, Recipient] = {}
    activities: dict[str, Activity] = Field(min_length=1)
    sources: dict[
        Annotated[str, form(r"[A-Za-z][A-Za-z0-9_-]*", "a source's name may hold letters, digits, - and _, and begins with a letter")], Source
    ] = Field(min_length=1)
    systems: dict[str, forgotten.Answered] = {}  # the questionnaire of systems one forgets
    root: Path = Field(default=Path(), exclude=True)
    sha256: str = Field(default="", exclude=True)

    def tables(self) -> Iterator[tuple[Address, Table]]:
        """Yield every mapped table with its address, in the order of the map."""
        for name, source in self.sources.items():
            for table_name, table in source.tables.items():
                yield Address(name, table_name), table

    def table(self, address: Address) -> Table:
        """Return the table at an address."""
        return self.sources[address.source].tables[address.table]

    def activity(self, table: Table) -> Activity:
        """Return the activity a table belongs to."""
        return self.activities[table.activity]

    @cached_property
    def revealing(self) -> Mapping[str, tuple[tuple[Address, str], ...]]:
        """Return scoped kind → each table and column that reveals identifiers of it."""
        found: dict[str, list[tuple[Address, str]]] = defaultdict(list)
        for address, table in self.tables():
            for kind, column in table.revealed(address.source).items():
                found[kind].append((address, column))
        return {kind: tuple(places) for kind, places in found.items()}

    def zone(self, source: str) -> ZoneInfo:
        """Return the zone of the times a source stores without one."""
        return ZoneInfo(self.sources[source].timezone or self.controller.timezone)

    def is_processor(self, address: Address) -> bool:
        """Whether the table is held for clients: its rows are not ours to hand out."""
        return self.sources[address.source].role == "processor"

    def identifier_kinds(self) -> tuple[str, ...]:
        """Return every scoped kind some table can be searched by, sorted."""
        return tuple(sorted({k for a, t in self.tables() for k in t.match_kinds(a.source)} - {kinds.MAILBOX}))

    @model_validator(mode="after")
    def _names_exist(self) -> Self:
        found = list(faults.of(self))
        if found:
            raise ValueError("\n".join(found))
        return self


def expand(text: str, root: Path, where: str) -> str:
    """Return `text` with `${NAME}` taken from the environment, else from the system's keyring; `${WORKSPACE}` is `root`.

    A name that is in neither is a `BadMap`.
    """

    def value(match: re.Match[str]) -> str:
        found = str(root) if match[1] == "WORKSPACE" else keys.secret(match[1])
        if found is None:
            remedy = f"export {match[1]}=… before you start, or keep it in the keyring: `keyring set dsar {match[1]}`"
            raise BadMap(f"the environment variable {match[1]} is not set", where=where, remedy=remedy)
        return found

    return re.sub(r"\$\{(\w+)\}", value, text)


def read(path: Path) -> DataMap:
    """Return the checked map in `path`; raises `BadMap` with file, key path and what is allowed."""
    try:
        return _read(path.resolve(), path.read_bytes())
    except OSError as error:
        raise BadMap("cannot be read", where=str(path), remedy="make one with `dsar init DIR`") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadMap(f"is not TOML: {error}", where=path.name, remedy="mend the line named") from error


@lru_cache(4)  # it is read for each kernel, and does not change meanwhile
def _read(path: Path, raw: bytes) -> DataMap:
    return parse(tomllib.loads(raw.decode("utf-8")), path, hashlib.sha256(raw).hexdigest())


def parse(content: dict[str, Any], path: Path, sha256: str = "") -> DataMap:
    """Return the checked map from parsed TOML; `path` is named in errors and is what paths are relative to."""
    try:
        return DataMap.model_validate({**content, "root": path.parent.resolve(), "sha256": sha256})
    except ValidationError as error:
        raise BadMap(faults.in_words(error, content), where=path.name, remedy="see docs/data-map.md") from None
