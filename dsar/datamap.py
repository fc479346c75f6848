"""The data map: the controller's record of processing, as data that lawyers and programs can read.

Reads `dsar.toml` into checked models. Nothing in it executes; secrets stay in the environment
and are named as `${NAME}`. Every error names the file, the key path and what is allowed.
"""

import difflib
import hashlib
import itertools
import os
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import date
from functools import cache, cached_property, lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self, TypeVar, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import phonenumbers
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from dsar import forgotten, kinds, mapfaults, restmap, values
from dsar.errors import BadMap
from dsar.texts import Language

Basis = Literal["6(1)(a)", "6(1)(b)", "6(1)(c)", "6(1)(d)", "6(1)(e)", "6(1)(ea)", "6(1)(f)", "9(2)(a)", "undetermined"]
Origin = Literal["provided", "observed", "derived", "third party", "agent"]
BASES: tuple[Basis, ...] = get_args(Basis)
ORIGINS: tuple[Origin, ...] = get_args(Origin)
_Word = TypeVar("_Word", bound=str)


def _known(word: str, allowed: tuple[_Word, ...], otherwise: _Word) -> _Word:
    return next((a for a in allowed if a == word), otherwise)


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
    try:
        ZoneInfo(name)  # listing all that there are takes longer than the rest of the map
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("must be an IANA time zone, such as Europe/London") from None
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
    registration: str = ""  # company register and number, as printed in the policy
    dpo: str = ""  # data protection officer, Art. 37
    eu_representative: str = ""  # Art. 27
    fresh_hours: int = Field(default=24, gt=0)  # an answer is made from a snapshot no older
    stub_days: int = Field(default=1_095, gt=0)  # how long it is looked whether an erased person came back: three years
    two_readers: bool = False  # a ruling on what is held counts once a second person agreed
    one_mailbox: bool = False  # ann+news@ and a.nn@ are taken for ann@: true only where every host in use folds them
    complaints: str = ""  # the electronic form for complaints to the controller, DPA 2018 s.164A
    automated_decisions: AutomatedDecisions
    language: Language = "en"  # what the requester reads is in it; labels and purposes of this map should be too

    @property
    def zone(self) -> ZoneInfo:
        """The controller's time zone."""
        return ZoneInfo(self.timezone)


class PolicyVersion(_Model):
    """A privacy policy that was in force from a day on."""

    version: str
    from_: date = Field(alias="from")


class Clause(_Model):
    """A promise of the privacy policy, in our own words, and the places of this map that keep it."""

    heading: str  # where in the policy it stands
    promise: str
    kept_by: tuple[str, ...] = Field(min_length=1)  # key paths, such as activities.orders


class Gap(_Model):
    """What the policy contradicts or leaves out, and who mends it how; nothing here is ever sent to a requester."""

    what: str = Field(min_length=1)
    owner: str = Field(min_length=1)
    remedy: str = Field(min_length=1)
    by: date | None = None  # the day it is to be mended by


class Policy(_Model):
    """The privacy policy: its versions, its promises clause by clause, and what is wrong with it."""

    versions: tuple[PolicyVersion, ...] = ()
    clauses: dict[str, Clause] = {}
    gaps: dict[str, Gap] = {}

    def at(self, day: date) -> str | None:
        """Return the version in force on a day, or None where none is on record."""
        known = sorted((v.from_, v.version) for v in self.versions if v.from_ <= day)
        return known[-1][1] if known else None


class Recipient(_Model):
    """Somebody the data are disclosed to (Art. 15(1)(c), Art. 19)."""

    name: str
    role: str
    country: str
    safeguard: str = ""
    tell: bool = True
    confidential: bool = False  # a disclosure to it may not be told to the data subject, so it is named nowhere outside


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
    marketing: bool = False  # direct marketing: an objection to it is absolute, Art. 21(2)
    retention: Retention | None = None
    until: str = ""  # how long data are kept, or by which criterion that is decided, Art. 15(1)(d)
    recipients: tuple[str, ...] = ()
    without: str = ""  # consequence of not providing the data, Art. 13(2)(e)

    @property
    def bases(self) -> tuple[Basis, ...]:
        """The legal bases that currently hold, one or several."""
        return self.basis if isinstance(self.basis, tuple) else (self.basis,)


class Replace(_Model):
    """What stands in a column once its person is gone: a role instead of a name."""

    to: str | int | bool


class Mark(_Model):
    """How a row is marked that is stored and used for nothing else (Art. 18, 17(3)): a column and its value."""

    column: str
    value: str | int | bool


class Backup(_Model):
    """A set of backups: how long one stays until it is overwritten, and what to do after a restore."""

    label: str = Field(min_length=1)
    days: int = Field(gt=0)
    restored: str = "erase again what the replay list names"


class Column(_Model):
    """One column: what kind of data it is and how it is shown."""

    category: Annotated[str, AfterValidator(_category)]
    label: str = ""
    type: Annotated[str, AfterValidator(values.check_type)] | None = None
    values: dict[str, str] = {}
    free_text: bool = False
    other_person: bool = False  # about somebody else: masked by rule
    total: bool | str = False  # its sum is shown in the summary; a name is the column that holds the currency
    not_card: str = ""  # why its long numbers are no card numbers, although they look like it
    erase: Literal["blank", "unlink"] | Replace | None = None  # what becomes of it where the row itself stays
    computed: bool = False  # a stamp or a balance that the system writes by itself: a change of it alone is no change of the row
    about: Literal["person"] | None = None  # in a table that belongs to an organisation: about the person the row names, not the organisation
    basis: Basis | None = None
    origin: Origin | None = None


class Reveal(_Model):
    """A column whose value is an identifier of the person the row belongs to.

    `at` and `browser` are the columns that say when and with what it was used: an address is theirs only then.
    """

    column: str
    prefix: str = ""  # what stands before the key where other tables name it in a text: "party.party," in 'party.party,2'
    at: str | None = None
    browser: str | None = None


class Attribution(_Model):
    """When a row found by address is somebody's: same browser, within hours of an event of theirs on that address."""

    at: str
    browser: str
    hours: int = Field(default=12, gt=0)


class OpenWhile(_Model):
    """Rows whose erasure is not due yet, and the event that makes it due."""

    column: str
    values: tuple[str | int | bool, ...]
    until: str = "it is closed"


class GoneWhen(_Model):
    """Rows that our own promise says are not kept: `column` has one of `values`, and `days` have passed since the day in `since`."""

    column: str
    values: tuple[str | int | bool, ...] = Field(min_length=1)
    since: str = ""
    days: int = Field(default=0, ge=0)


class Subset(_Model):
    """The rows of a system's table that serve one purpose: `column` says which."""

    of: str
    column: str
    values: tuple[str | int, ...] = Field(min_length=1)


class File(_Model):
    """Where and how a table that is a file is read; for logs, `path` is a pattern."""

    path: str
    encoding: str | None = None  # found out when left out: UTF-8 with or without BOM, else cp1252
    delimiter: Literal[",", ";", "\t"] | None = None
    decimal: Literal[".", ","] = "."
    sheet: str | None = None
    format: str = "combined"  # of log lines: combined, common, vhost, json, or the server's own string
    store: str = ""  # of logs in the combined format: the folder in which `dsar logs compact` keeps them
    trusted: tuple[str, ...] = ()  # networks of our own proxies, such as 10.0.0.0/8: the client is whom they name


class Table(_Model):
    """One table of a source, and which of its columns name a person."""

    label: str = Field(min_length=1)
    activity: str
    key: tuple[str, ...] = Field(min_length=1)
    match: dict[str, str | tuple[str, ...]] = Field(min_length=1)
    reveals: dict[str, str | Reveal] = {}
    owner: Literal["person", "organisation"] = "person"
    open_while: OpenWhile | None = None
    gone_when: GoneWhen | None = None  # what `dsar retention` looks for: unsubscribed, and still there
    erasure: Literal["row", "anonymise"] = "row"  # whether a row goes, or stays without whoever it was about
    restricted: Mark | None = None  # how a row that has to stay is marked, so that it is used for nothing else
    basis_column: str | None = None
    bases: dict[str, Basis] = {}  # what the words in `basis_column` mean
    origin_column: str | None = None
    origins: dict[str, Origin] = {}  # what the words in `origin_column` mean
    recipient_from: str | None = None  # the column that names the recipient of a row, by its key in [recipients]
    given_on: str | None = None  # the column that says when the data were given, and so under which policy
    client: str | None = None  # the column that names the client a processor holds the row for
    of_request: str | None = None  # of our own records: the column that names the request a row belongs to; no request finds itself
    people: bool = False  # a register of people: looked through for records that are like a person's own
    attribute: Attribution | None = None  # required where rows are matched by IP address
    part: Subset | None = None
    guessed: bool = False  # nobody has confirmed what `dsar map` guessed: its rows are held, and what they lead to
    documents: bool = False  # each row is a document that nobody has read yet: held until a person decides
    find: str = ""  # how the system owner finds a row: "Customers > search by number {key}"
    file: File | None = None
    rest: restmap.Records | None = None
    columns: dict[str, Column] = Field(min_length=1)

    def match_columns(self, kind: str, source: str) -> tuple[str, ...]:
        """Return the columns that hold identifiers of this scoped kind."""
        if kind == kinds.MAILBOX:
            kind = "email"
        found = (c for k, c in self.match.items() if kinds.scoped(k, source) == kind)
        return tuple(name for c in found for name in ((c,) if isinstance(c, str) else c))

    def match_kinds(self, source: str) -> tuple[str, ...]:
        """Return the scoped kinds this table can be searched by."""
        found = tuple(kinds.scoped(k, source) for k in self.match)
        return (*found, kinds.MAILBOX) if "email" in found else found

    def reveals_of(self, source: str) -> dict[str, Reveal]:
        """Return scoped kind → where a row reveals an identifier of that kind."""
        return {kinds.scoped(k, source): (Reveal(column=c) if isinstance(c, str) else c) for k, c in self.reveals.items()}

    def revealed(self, source: str) -> dict[str, str]:
        """Return scoped kind → column for every identifier a row reveals."""
        return {kind: reveal.column for kind, reveal in self.reveals_of(source).items()}

    def bases_of(self, row: Mapping[str, object], activity: Activity) -> tuple[Basis, ...]:
        """Return the legal bases of a row: the activity's, or what its own cell says; a word the map does not know is undetermined."""
        if self.basis_column is None:
            return activity.bases
        word = str(row.get(self.basis_column))
        return (self.bases.get(word) or _known(word, BASES, "undetermined"),)

    def origin_of(self, row: Mapping[str, object], activity: Activity) -> Origin:
        """Return where a row came from: the activity's origin, or what its own cell says; a word the map does not know is the activity's."""
        if self.origin_column is None:
            return activity.origin
        word = str(row.get(self.origin_column))
        return self.origins.get(word) or _known(word, ORIGINS, activity.origin)

    @property
    def is_log(self) -> bool:
        """Whether its rows are lines of files, found by address: they are anonymised, never deleted."""
        return self.file is not None and self.attribute is not None

    @property
    def erased_columns(self) -> dict[str, object]:
        """What becomes of columns where the row itself stays: column → new value, None for nothing."""
        rules = ((name, column.erase) for name, column in self.columns.items() if column.erase is not None)
        return {name: rule.to if isinstance(rule, Replace) else None for name, rule in rules}

    def own_hash(self, row: Mapping[str, object]) -> str:
        """Return the hash (`values.row_hash`) of a row's columns, but for those that the system writes by itself."""
        return values.row_hash({c: v for c, v in row.items() if not ((column := self.columns.get(c)) and column.computed)})

    def name_in(self, row: Mapping[str, object]) -> str:
        """Return the person's name in a row, from all its columns that hold one; '' where none does."""
        return " ".join(str(row[c]) for c in self.name_columns if row.get(c) is not None)

    @property
    def name_columns(self) -> tuple[str, ...]:
        """The columns that together hold the name of the person a row is about."""
        return tuple(c for c, column in self.columns.items() if column.category.startswith("user.name") and not column.other_person)

    def label_of(self, column: str) -> str:
        """Return the plain-words label of a column."""
        known = self.columns.get(column)
        return (known.label if known else "") or column.replace("_", " ").capitalize()


class Source(_Model):
    """A system, its owner, and the tables in it that hold personal data."""

    connector: Annotated[str, _form(r"[\w.]+(:\w+)?", "must be a registered name, such as sql, or module:Class")]
    label: str = Field(min_length=1)
    owner: str = Field(min_length=1)
    role: Literal["controller", "joint", "processor"] = "controller"
    timezone: Annotated[str, AfterValidator(_zone)] | None = None  # of times stored without one; the controller's unless said
    url: str = ""
    write_url: str = ""
    ca: str = ""  # file of the certificate authorities to trust, where they are the controller's own
    without_tls: str = ""  # why the connection needs no verified TLS: a tunnel that ends on this machine
    rest: restmap.Service = restmap.Service()
    backups: tuple[Backup, ...] = ()
    timeout: int = Field(default=600, gt=0)  # seconds that one statement or call may take
    ignored: dict[str, str] = {}
    tables: dict[str, Table] = Field(min_length=1)


class Address(NamedTuple):
    """The name of a table everywhere outside its source: `source.table`."""

    source: str
    table: str

    def __str__(self) -> str:
        return f"{self.source}.{self.table}"


class Purge(_Model):
    """For how many days what was gathered for a request is kept; each outlives the one before it.

    No statute has figures; the defaults follow published schedules (ICO, accountability; Gambling Commission: three years).
    """

    working_copies: int = Field(default=30, ge=1)  # after the answer left: snapshots, notebooks, worklists, inbox
    delivered: int = Field(default=365, ge=1)  # after the answer left: what was sent, to the end of the window for complaints
    register_line: int = Field(default=1_095, ge=1)  # after the request was closed: its line in the register
    ledger: int = Field(default=2_190, ge=1)  # after the request was closed: its summary, and what the ledger says

    @model_validator(mode="after")
    def _one_after_the_other(self) -> Self:
        days = {name: getattr(self, name) for name in ("working_copies", "delivered", "register_line", "ledger")}
        for (before, less), (name, more) in itertools.pairwise(days.items()):
            if more < less:
                raise ValueError(f"{name} must be at least {less} days, as {before} is: what explains the rest goes last")
        return self


class DataMap(_Model):
    """The whole map, with the folder it was read from."""

    controller: Controller
    purge: Purge = Purge()
    policy: Policy = Policy()
    recipients: dict[str, Recipient] = {}
    activities: dict[str, Activity] = Field(min_length=1)
    sources: dict[
        Annotated[str, _form(r"[A-Za-z][A-Za-z0-9_-]*", "a source's name may hold letters, digits, - and _, and begins with a letter")], Source
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
        raise BadMap(mapfaults.in_words(error, content), where=path.name, remedy="see docs/data-map.md") from None
