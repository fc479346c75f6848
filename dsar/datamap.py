"""The data map: the controller's record of processing, as data that lawyers and programs can read.

Reads `dsar.toml` into checked models. Nothing in it executes; secrets stay in the environment
and are named as `${NAME}`. Every error names the file, the key path and what is allowed.
"""

import difflib
import hashlib
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self
from zoneinfo import ZoneInfo, available_timezones

import phonenumbers
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from dsar import kinds, mapfaults, values
from dsar.errors import BadMap

Basis = Literal["6(1)(a)", "6(1)(b)", "6(1)(c)", "6(1)(d)", "6(1)(e)", "6(1)(ea)", "6(1)(f)", "9(2)(a)", "undetermined"]
Origin = Literal["provided", "observed", "derived", "third party", "agent"]


@cache
def categories() -> frozenset[str]:
    """Return the keys of the fideslang data categories."""
    from fideslang.default_taxonomy import DEFAULT_TAXONOMY

    return frozenset(str(c.fides_key) for c in DEFAULT_TAXONOMY.data_category)


def _category(key: str) -> str:
    if key not in categories():
        near = difflib.get_close_matches(key, sorted(categories()), 3) or ["user.name", "user.contact.email", "user.payment"]
        raise ValueError(f"'{key}' is not a fideslang data category; such are {', '.join(near)}")
    return key


def _form(pattern: str, allowed: str) -> AfterValidator:
    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(allowed)
        return text

    return AfterValidator(check)


def _zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError("must be an IANA time zone, such as Europe/London")
    return name


def _region(code: str) -> str:
    if code not in phonenumbers.SUPPORTED_REGIONS:
        raise ValueError("must be a two-letter country code, such as GB")
    return code


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class AutomatedDecisions(_Model):
    """The sentence on automated decisions (Art. 15(1)(h)) and the person who stands for it."""

    text: str
    reviewed_by: str
    reviewed_on: date


class Controller(_Model):
    """Who answers, under which regime, and where deletion requests go."""

    name: str = Field(min_length=1)
    address: str
    contact: Annotated[str, _form(r".+@.+", "must be a mailbox, such as privacy@example.org")]
    regime: Literal["uk", "eu"]
    calendar: str
    timezone: Annotated[str, AfterValidator(_zone)]
    region: Annotated[str, AfterValidator(_region)]  # whose rules read a phone number without country code
    policy_version: str
    supervisory_authority: str
    automated_decisions: AutomatedDecisions

    @property
    def zone(self) -> ZoneInfo:
        """The controller's time zone."""
        return ZoneInfo(self.timezone)


class Recipient(_Model):
    """Somebody the data are disclosed to (Art. 15(1)(c), Art. 19)."""

    name: str
    role: str
    country: str
    safeguard: str = ""
    tell: bool = True


class Retention(_Model):
    """How long rows are kept, counted from a date column, and by which rule.

    A table of the activity without that column follows the row that leads to it: lines with their invoice.
    """

    from_: str = Field(alias="from")
    years: int = 0
    months: int = 0
    days: int = 0
    why: str
    article: str

    @model_validator(mode="after")
    def _some_period(self) -> Self:
        if self.years + self.months + self.days <= 0:
            raise ValueError("needs years, months or days")
        return self

    @property
    def period(self) -> str:
        """The period in words: '6 years'."""
        parts = [(self.years, "year"), (self.months, "month"), (self.days, "day")]
        return ", ".join(f"{n} {word}{'s' if n != 1 else ''}" for n, word in parts if n)


class Activity(_Model):
    """A processing activity: why data are processed, on which basis, and for how long."""

    purpose: str
    basis: Basis | tuple[Basis, ...]
    origin: Origin
    automated: bool = True
    retention: Retention | None = None
    recipients: tuple[str, ...] = ()
    without: str = ""  # consequence of not providing the data, Art. 13(2)(e)

    @property
    def bases(self) -> tuple[Basis, ...]:
        """The legal bases that currently hold, one or several."""
        return self.basis if isinstance(self.basis, tuple) else (self.basis,)


class Column(_Model):
    """One column: what kind of data it is and how it is shown."""

    category: Annotated[str, AfterValidator(_category)]
    label: str = ""
    type: Annotated[str, AfterValidator(values.check_type)] | None = None
    values: dict[str, str] = {}
    free_text: bool = False
    other_person: bool = False  # about somebody else: masked by rule
    total: bool | str = False  # its sum is shown in the summary; a name is the column that holds the currency
    erase: Literal["blank"] | None = None  # blanked although the row is kept
    basis: Basis | None = None
    origin: Origin | None = None


class Reveal(_Model):
    """A column whose value is an identifier of the person the row belongs to."""

    column: str


class OpenWhile(_Model):
    """Rows whose erasure is not due yet, and the event that makes it due."""

    column: str
    values: tuple[str | int | bool, ...]
    until: str = "it is closed"


class File(_Model):
    """Where and how a table that is a file is read."""

    path: str
    encoding: str | None = None  # found out when left out: UTF-8 with or without BOM, else cp1252
    delimiter: Literal[",", ";", "\t"] | None = None
    decimal: Literal[".", ","] = "."
    sheet: str | None = None


class Table(_Model):
    """One table of a source, and which of its columns name a person."""

    label: str = Field(min_length=1)
    activity: str
    key: tuple[str, ...] = Field(min_length=1)
    match: dict[str, str | tuple[str, ...]] = Field(min_length=1)
    reveals: dict[str, str | Reveal] = {}
    owner: Literal["person", "organisation"] = "person"
    open_while: OpenWhile | None = None
    basis_column: str | None = None
    find: str = ""  # how the system owner finds a row: "Customers > search by number {key}"
    file: File | None = None
    columns: dict[str, Column] = Field(min_length=1)

    def match_columns(self, kind: str, source: str) -> tuple[str, ...]:
        """Return the columns that hold identifiers of this scoped kind."""
        found = (c for k, c in self.match.items() if kinds.scoped(k, source) == kind)
        return tuple(name for c in found for name in ((c,) if isinstance(c, str) else c))

    def match_kinds(self, source: str) -> tuple[str, ...]:
        """Return the scoped kinds this table can be searched by."""
        return tuple(kinds.scoped(k, source) for k in self.match)

    def revealed(self, source: str) -> dict[str, str]:
        """Return scoped kind → column for every identifier a row reveals."""
        return {kinds.scoped(k, source): (c if isinstance(c, str) else c.column) for k, c in self.reveals.items()}

    def name_in(self, row: Mapping[str, object]) -> str:
        """Return the person's name in a row, to be compared: case and spaces set aside; '' where it holds none."""
        columns = (c for c, column in self.columns.items() if column.category.startswith("user.name") and not column.other_person)
        return " ".join(" ".join(str(row[c]) for c in columns if row.get(c) is not None).casefold().split())

    def label_of(self, column: str) -> str:
        """Return the plain-words label of a column."""
        known = self.columns.get(column)
        return (known.label if known else "") or column.replace("_", " ").capitalize()


class Source(_Model):
    """A system, its owner, and the tables in it that hold personal data."""

    connector: Annotated[str, _form(r"[\w.]+(:\w+)?", "must be a registered name, such as sql, or module:Class")]
    label: str = Field(min_length=1)
    owner: str = Field(min_length=1)
    role: Literal["controller", "joint"] = "controller"
    url: str = ""
    write_url: str = ""
    ignored: dict[str, str] = {}
    tables: dict[str, Table] = Field(min_length=1)


class Address(NamedTuple):
    """The name of a table everywhere outside its source: `source.table`."""

    source: str
    table: str

    def __str__(self) -> str:
        return f"{self.source}.{self.table}"


class DataMap(_Model):
    """The whole map, with the folder it was read from."""

    controller: Controller
    recipients: dict[str, Recipient] = {}
    activities: dict[str, Activity] = Field(min_length=1)
    sources: dict[
        Annotated[str, _form(r"[A-Za-z][A-Za-z0-9_-]*", "a source's name may hold letters, digits, - and _, and begins with a letter")], Source
    ] = Field(min_length=1)
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

    def identifier_kinds(self) -> tuple[str, ...]:
        """Return every scoped kind some table can be searched by, sorted."""
        return tuple(sorted({k for a, t in self.tables() for k in t.match_kinds(a.source)}))

    @model_validator(mode="after")
    def _names_exist(self) -> Self:
        faults = list(mapfaults.of(self))
        if faults:
            raise ValueError("\n".join(faults))
        return self


def expand(text: str, root: Path, where: str) -> str:
    """Return `text` with `${NAME}` taken from the environment; `${WORKSPACE}` is `root`.

    A name that is not set is a `BadMap`.
    """
    env = {**os.environ, "WORKSPACE": str(root)}

    def value(match: re.Match[str]) -> str:
        if match[1] not in env:
            raise BadMap(f"the environment variable {match[1]} is not set", where=where, remedy=f"export {match[1]}=… before you start")
        return env[match[1]]

    return re.sub(r"\$\{(\w+)\}", value, text)


def read(path: Path) -> DataMap:
    """Return the checked map in `path`; raises `BadMap` with file, key path and what is allowed."""
    try:
        raw = path.read_bytes()
        content = tomllib.loads(raw.decode("utf-8"))
    except OSError as error:
        raise BadMap("cannot be read", where=str(path), remedy="make one with `dsar init DIR`") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadMap(f"is not TOML: {error}", where=path.name, remedy="mend the line named") from error
    return parse(content, path, hashlib.sha256(raw).hexdigest())


def parse(content: dict[str, Any], path: Path, sha256: str = "") -> DataMap:
    """Return the checked map from parsed TOML; `path` is named in errors and is what paths are relative to."""
    try:
        return DataMap.model_validate({**content, "root": path.parent.resolve(), "sha256": sha256})
    except ValidationError as error:
        raise BadMap(mapfaults.in_words(error, content), where=path.name, remedy="see docs/data-map.md") from None
