"""What a table holds: whose rows, which column says what, and what becomes of them."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from dsar import declared, kinds, restmap, values
from dsar.datamap.activity import Activity
from dsar.datamap.words import BASES, ORIGINS, Basis, Model, Origin, category, known


class Replace(Model):
    """What stands in a column once its person is gone: a role instead of a name."""

    to: str | int | bool


class Mark(Model):
    """How a row is marked that is stored and used for nothing else (Art. 18, 17(3)): a column and its value."""

    column: str
    value: str | int | bool


class Column(Model):
    """One column: what kind of data it is and how it is shown."""

    category: Annotated[str, AfterValidator(category)]
    label: str = ""
    type: Annotated[str, AfterValidator(declared.check_type)] | None = None
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


class Reveal(Model):
    """A column whose value is an identifier of the person the row belongs to.

    `at` and `browser` are the columns that say when and with what it was used: an address is theirs only then.
    """

    column: str
    prefix: str = ""  # what stands before the key where other tables name it in a text: "party.party," in 'party.party,2'
    at: str | None = None
    browser: str | None = None


class Attribution(Model):
    """When a row found by address is somebody's: same browser, within hours of an event of theirs on that address."""

    at: str
    browser: str
    hours: int = Field(default=12, gt=0)


class OpenWhile(Model):
    """Rows whose erasure is not due yet, and the event that makes it due."""

    column: str
    values: tuple[str | int | bool, ...]
    until: str = "it is closed"


class GoneWhen(Model):
    """Rows that our own promise says are not kept: `column` has one of `values`, and `days` have passed since the day in `since`."""

    column: str
    values: tuple[str | int | bool, ...] = Field(min_length=1)
    since: str = ""
    days: int = Field(default=0, ge=0)


class Subset(Model):
    """The rows of a system's table that serve one purpose: `column` says which."""

    of: str
    column: str
    values: tuple[str | int, ...] = Field(min_length=1)


class File(Model):
    """Where and how a table that is a file is read; for logs, `path` is a pattern."""

    path: str
    encoding: str | None = None  # found out when left out: UTF-8 with or without BOM, else cp1252
    delimiter: Literal[",", ";", "\t"] | None = None
    decimal: Literal[".", ","] = "."
    sheet: str | None = None
    format: str = "combined"  # of log lines: combined, common, vhost, json, or the server's own string
    store: str = ""  # of logs in the combined format: the folder in which `dsar logs compact` keeps them
    missing_ok: bool = False  # raw logs are deleted once they are kept: that none lies there is no fault
    trusted: tuple[str, ...] = ()  # networks of our own proxies, such as 10.0.0.0/8: the client is whom they name


class Table(Model):
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
        return (self.bases.get(word) or known(word, BASES, "undetermined"),)

    def origin_of(self, row: Mapping[str, object], activity: Activity) -> Origin:
        """Return where a row came from: the activity's origin, or what its own cell says; a word the map does not know is the activity's."""
        if self.origin_column is None:
            return activity.origin
        word = str(row.get(self.origin_column))
        return self.origins.get(word) or known(word, ORIGINS, activity.origin)

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
