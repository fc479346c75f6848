"""What a source promises: all that the author of a connector must read.

A source says what it can (`Can`), what its tables hold (`schema`), and answers every question
through one method (`read`). An answer is a stream of parts that ends with `Done`: a stream that
stops without it has failed, and a failed source is never "no data".
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

import pandas as pd

from dsar import datamap


@dataclass(frozen=True)
class Settings:
    """What a connector is built from: its part of the data map, and where it stands."""

    name: str  # the source's name in the map
    declared: datamap.Source
    root: Path  # the workspace; `${WORKSPACE}` in the map
    region: str | None = None  # whose rules read a phone number without country code

    def expand(self, text: str) -> str:
        """Return `text` with `${NAME}` filled in; raises `BadMap` where one is not set."""
        return datamap.expand(text, self.root, f"sources.{self.name}")


@dataclass(frozen=True)
class Can:
    """What a source offers; where it says no, the framework takes a fallback."""

    many: bool = True  # one read answers for many subjects
    others: bool = True  # counts who else refers to a value
    search: bool = False  # finds text inside columns
    everyone: bool = False  # hands over a table of people, to be compared in memory
    erase: bool = False  # hands out an `Eraser` (`Erasable`)
    transactional: bool = False  # all changes of one request happen, or none (`Transactional`)
    advises: bool = False  # knows what would make it faster (`Adviser`)
    asks_people: bool = False  # a person searches (`Asker`)
    keeps: bool = False  # keeps a store of its own that has to be filled and emptied (`Keeper`)


@dataclass(frozen=True)
class Schema:
    """The columns a table really has, each with its logical type where the engine knows it."""

    columns: Mapping[str, str | None]
    key: tuple[str, ...] = ()
    references: Mapping[str, tuple[str, str]] = field(default_factory=dict)  # column → (table, column)
    fault: str = ""  # why this one table cannot be read, and how to mend it; the others can


class Want(NamedTuple):
    """One identifier of one subject: `value` is in normal form (`dsar.kinds`)."""

    ask_id: str
    kind: str
    value: str
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True)
class Match:
    """The rows in which a match column, in normal form, equals a wanted value.

    A match of more than `limit` rows raises `SourceBroken` before any is handed on.
    """

    table: str
    wanted: tuple[Want, ...]
    limit: int | None = None


@dataclass(frozen=True)
class Keys:
    """Exactly the rows with these keys, as tuples in the order of the table's key columns."""

    table: str
    keys: tuple[tuple[object, ...], ...]


@dataclass(frozen=True)
class Others:
    """How many rows refer to each value in a column; counts, never a stranger's row.

    `values` are in the normal form of `kind`. The answer is a frame with columns `value` and `rows`, and `at` where a column `at` is
    named: then rows are counted per moment. A name that stands in several columns is read from `column` and `also` together.
    Values nobody refers to may be absent. The framework subtracts the rows that are
    the subject's own.
    """

    table: str
    column: str
    values: tuple[object, ...]
    kind: str = "key"
    at: str | None = None
    also: tuple[str, ...] = ()


@dataclass(frozen=True)
class Text:
    """Where in these columns the needles stand, whatever their case, for proof of erasure; without columns, in all there are.

    The answer is a frame with the table's key columns and `dsar_column`, `dsar_needle`, `dsar_offset`, one row a column and needle.
    """

    table: str
    columns: tuple[str, ...]
    needles: tuple[str, ...]


@dataclass(frozen=True)
class Everyone:
    """Every row's values in these columns, key columns first: to look for records that are like a person's own.

    For tables that the map marks as registers of people, where the source offers it (`Can.everyone`). `limit` asks for
    so many rows at most, whichever they are: what `dsar map` tests its guesses on.
    """

    table: str
    columns: tuple[str, ...]
    limit: int | None = None


Ask = Match | Keys | Others | Text | Everyone


class Asked(NamedTuple):
    """Which want a row answers: `row` is its position in the frame beside it."""

    row: int
    ask_id: str
    matched_on: str  # the column, or what stands for it


@dataclass(frozen=True)
class Rows:
    """Rows once, subjects beside them: a row of two subjects shows at once as shared."""

    frame: pd.DataFrame
    asks: tuple[Asked, ...] = ()


@dataclass(frozen=True)
class Malformed:
    """Input that could not be read; `sample` says where, never what.

    `asks` are the wants it may concern: all of them where it is None, none where it bears no identifier at all.
    """

    count: int
    sample: str
    asks: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Waiting:
    """A person has to answer first; `asks` are the wants that wait: all of them where it is None."""

    until: date | None
    owner: str
    asks: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Done:
    """The end of a complete answer: rows looked at (None where the engine does not say), rows handed on."""

    read: int | None
    rows: int


Part = Rows | Malformed | Waiting | Done


class Source(Protocol):
    """A system that holds records. Raises `SourceUnreachable` or `SourceBroken`, never returns short."""

    can: Can

    def schema(self) -> Mapping[str, Schema]:
        """Return every table the source has, mapped or not."""
        ...

    def read(self, ask: Ask) -> Iterator[Part]:
        """Answer one question as a stream of parts that ends with `Done`."""
        ...


class Search(NamedTuple):
    """What a person is asked to look for; `id` names it without saying whom it is about."""

    id: str
    system: str
    owner: str
    what: tuple[str, ...]
    kind: str
    value: str
    remark: str = ""
    back: bool = False  # whether it is answered


class Asker(Protocol):
    """A source that a person searches, where `can.asks_people`."""

    def searches(self) -> Sequence[Search]:
        """Return the searches that reads asked for so far, those answered among them."""
        ...


class Adviser(Protocol):
    """A source that can say what would make it faster, where `can.advises`."""

    def advice(self) -> Iterator[tuple[str, str]]:
        """Yield a table and what would help; no row is read. Raises what `schema` raises."""
        ...


class Kept(NamedTuple):
    """A file and whether it is in the store: written now, there before, still written to by its server, or holding lines again that were erased."""

    table: str
    file: str
    state: Literal["kept now", "kept before", "in use", "came back"]
    lines: int = 0
    last: date | None = None  # the last day it has lines of


class Expired(NamedTuple):
    """What was done with the lines of a day: anonymised, made less but perhaps not enough, left as they were since they are needed."""

    day: date
    anonymised: int
    reduced: int
    needed: int


class Anonymiser(Protocol):
    """The rules by which lines become nobody's: fed with all lines of a day before any is asked about."""

    def add(self, row: Mapping[str, object]) -> None:
        """Count the visitor of a line."""
        ...

    def line(self, row: Mapping[str, object]) -> tuple[Mapping[str, object], str]:
        """Return what may remain of a line, and whether it is `anonymised` or only `reduced`."""
        ...


class Keeper(Protocol):
    """A source with a store of its own, where `can.keeps`."""

    def compact(self, now: datetime) -> Iterator[Kept]:
        """Put every file that is finished into the store, and yield each file; raises what `read` raises."""
        ...

    def expire(
        self, due: Callable[[str, date], bool], today: date, needed: Mapping[str, Collection[str]], anonymiser: Callable[[], Anonymiser]
    ) -> Iterator[tuple[str, Expired]]:
        """Anonymise the days of tables (`due`) but for needed addresses, by table; yield each table and day that something was done with."""
        ...


@dataclass(frozen=True)
class Change:
    """What is to become of one row, and how it looked when that was decided.

    `seen` is the row's `Table.own_hash`. `new` is column → value, the rest of the row stays as it is (`rest` is its hash);
    without `new` the row goes; `whole` says that nothing of the person is to stay in it. An eraser reads the row again, locked where it
    can, and compares before it changes anything.
    """

    steps: tuple[str, ...]  # of the plan; a change is known by the first
    table: str
    key: tuple[object, ...]  # in the order of the table's key columns
    seen: str
    new: Mapping[str, object] | None = None
    rest: str = ""
    whole: bool = False
    after: tuple[str, ...] = ()  # steps of changes that have to be made before this one


Applied = Literal["done", "already", "changed since", "refused"]


class Result(NamedTuple):
    """What came of a change; `why` names no person. `already`: the row is as it was to become."""

    state: Applied
    why: str = ""


class Changes(Protocol):
    """The changes of one request in one source, while they are made."""

    def apply(self, change: Change) -> Result:
        """Make one change that was announced to `begin`, or say why not; making it twice is making it once."""
        ...


class Eraser(Protocol):
    """The part of a source that may write, under its own address (`write_url`)."""

    def begin(self, changes: Sequence[Change], *, commit: bool) -> AbstractContextManager[Changes]:
        """Lock and read the rows of all changes; leaving the context makes them last, or undoes them where not `commit`.

        An error inside undoes whatever can be undone. Raises `SourceUnreachable`, `SourceBroken`, and `ErasureRefused` where more or
        less was changed than the changes say.
        """
        ...


class Erasable(Protocol):
    """A source that can erase, where `can.erase`."""

    def eraser(self) -> Eraser:
        """Return its writing part; raises `SourceUnreachable` where the map names no `write_url`."""
        ...


class Transactional(Erasable, Protocol):
    """A source whose changes are statements, where `can.transactional`."""

    def statements(self, changes: Sequence[Change]) -> str:
        """Return the changes for the system's administrator to make by hand; only reads, so it needs no `write_url`. Raises what `read` raises."""
        ...
