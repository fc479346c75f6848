"""One outcome per table, and what is open before an answer is complete."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, NamedTuple

from dsar.datamap import Address
from dsar.find.order import Way

State = Literal["found", "nothing", "failed", "waiting", "not searched", "a client's"]
_HELD_REMEDY = "rule on them: `dsar review`, or the notebook review"
_CELLS_REMEDY = "mask, keep or leave out what they say: `dsar review`, or the notebook review"
COMPLETE = ("found", "nothing", "a client's")


@dataclass(frozen=True)
class Outcome:
    """What became of one table for one request; only `found` and `nothing` are complete."""

    state: State
    rows: int = 0
    held: int = 0
    company: int = 0  # rows of a company account they belong to that are not about them
    withheld: int = 0  # rows a person decided to leave out
    others: int = 0  # rows a person ruled to be somebody else's: told to the desk, never to the requester
    cells: int = 0  # cells of rows found that speak of somebody else and wait for a ruling
    why: str = ""
    searched_by: tuple[str, ...] = ()  # kinds of identifiers
    undeclared: tuple[str, ...] = ()  # columns the map does not know
    malformed: int = 0  # lines and cells that may be theirs and cannot be read
    unreadable: int = 0  # lines that bear nobody's identifier
    collected_at: datetime | None = None
    clients: tuple[str, ...] = ()  # whom we hold rows for as a processor, with their number: never handed out, redirected

    @property
    def complete(self) -> bool:
        """Whether this table's answer is whole, holds aside."""
        return self.state in COMPLETE

    def words(self) -> str:
        """The result in plain words, as OUTPUTS' *Where we looked* prints it."""
        if self.state == "a client's":
            held = f"held for clients, who are to be told: {'; '.join(self.clients)}"
            return held if self.clients else "nothing, in a table that we keep for clients"  # begins with the verdict: a badge covers no more
        if self.state == "found":
            kinds_ = (
                (self.held, "being checked"), (self.company, "their company's"), (self.withheld, "withheld"), (self.others, "ruled not theirs"),
            )  # fmt: skip
            more = [f"{n} {what}" for n, what in kinds_ if n]
            return ", ".join([f"found {self.rows}", *more])
        if self.state == "nothing" and self.others:
            return f"nothing, {self.others} ruled not theirs"
        return f"{self.state}: {self.why}" if self.why else self.state


@dataclass(frozen=True)
class OpenPoint:
    """Something that stands between this request and a complete answer, and what mends it."""

    table: str
    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.table}: {self.what}"


def points_of(table: str, outcome: Outcome) -> Iterator[OpenPoint]:
    """Yield what an outcome leaves open."""
    if not outcome.complete:
        yield OpenPoint(table, outcome.words(), "mend the source and collect again, or answer for it by hand")
    if outcome.malformed:
        what = f"{outcome.malformed} of its lines or rows cannot be read, so some of the person's may be missing"
        yield OpenPoint(table, what, "mend the source and collect again, or look through them by hand")
    if outcome.undeclared:
        columns = ", ".join(outcome.undeclared)
        yield OpenPoint(table, f"the map does not know the column {columns}", "classify it in dsar.toml and collect again")
    elif outcome.held:
        yield OpenPoint(table, f"{outcome.held} held", _HELD_REMEDY)
    if outcome.cells:
        yield OpenPoint(table, f"{outcome.cells} cells speak of somebody else", _CELLS_REMEDY)


class TableFacts(NamedTuple):
    """What is known of a table once all is asked, for one request."""

    failed: str
    waiting: str
    undeclared: tuple[str, ...]
    malformed: int
    collected_at: datetime | None
    searched_by: tuple[str, ...]
    unreadable: int = 0


def outcomes(ways: Mapping[Address, Way], facts: Mapping[Address, TableFacts], standings: Mapping[Address, Sequence[str]]) -> dict[Address, Outcome]:
    """Return the outcome of each table of one request, in the order of `ways`; `standings` holds "found" or "held" per row.

    A table behind one that did not answer is not complete either: rows reached through it may be missing.
    """
    alone = {a: _alone(facts[a], standings[a]) for a in ways}
    return {a: _behind(ways, a, alone) if outcome.complete else outcome for a, outcome in alone.items()}


def _alone(fact: TableFacts, standing: Sequence[str]) -> Outcome:
    """Return what a table's own answer makes of it."""
    counted = Counter(standing)
    base = Outcome(
        "found" if any(s != "another's" for s in standing) else "nothing",
        counted["found"],
        counted["held"],
        counted["company"],
        counted["withheld"],
        counted["another's"],
        searched_by=fact.searched_by,
        undeclared=fact.undeclared,
        malformed=fact.malformed,
        unreadable=fact.unreadable,
        collected_at=fact.collected_at,
    )
    if fact.failed:
        return replace(base, state="failed", why=fact.failed)
    if fact.waiting:
        return replace(base, state="waiting", why=fact.waiting)
    return base


def _behind(ways: Mapping[Address, Way], address: Address, alone: Mapping[Address, Outcome]) -> Outcome:
    """Return the outcome of a table that answered, but may have been asked too little."""
    outcome, before = alone[address], ways[address].before
    broken = [a for a in before if not alone[a].complete]
    if broken:
        why = f"{', '.join(map(str, broken))} did not answer, so rows reached through it may be missing"
        return replace(outcome, state="failed" if outcome.searched_by else "not searched", why=why)
    if outcome.searched_by:
        return outcome
    if asked_for := ways[address].given:
        return replace(outcome, state="not searched", why=f"it is searched by {' or '.join(asked_for)}, which this request does not give")
    unsearched = [a for a in before if not alone[a].searched_by and ways[a].given]
    if unsearched:
        return replace(outcome, state="not searched", why=f"{', '.join(map(str, unsearched))} could not be searched, so nothing led here")
    return outcome
