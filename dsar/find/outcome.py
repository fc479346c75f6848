"""One outcome per table, and what is open before an answer is complete."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, NamedTuple

import pandas as pd

from dsar import kinds, values
from dsar.datamap import Address, DataMap
from dsar.find.order import reading_order, upstream

State = Literal["found", "nothing", "failed", "waiting", "not searched"]
COMPLETE = ("found", "nothing")


@dataclass(frozen=True)
class Outcome:
    """What became of one table for one request; only `found` and `nothing` are complete."""

    state: State
    rows: int = 0
    held: int = 0
    why: str = ""
    searched_by: tuple[str, ...] = ()  # kinds of identifiers
    undeclared: tuple[str, ...] = ()  # columns the map does not know
    malformed: int = 0
    collected_at: datetime | None = None

    @property
    def complete(self) -> bool:
        """Whether this table's answer is whole, holds aside."""
        return self.state in COMPLETE

    def words(self) -> str:
        """The result in plain words, as OUTPUTS' *Where we looked* prints it."""
        if self.state == "found":
            held = f", {self.held} being checked" if self.held else ""
            return f"found {self.rows}{held}"
        return f"{self.state}: {self.why}" if self.why else self.state


@dataclass(frozen=True)
class OpenPoint:
    """Something that stands between this request and a complete answer, and what mends it."""

    table: str
    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.table}: {self.what}"


class TableFacts(NamedTuple):
    """What is known of a table once all is asked, for one request."""

    failed: str
    waiting: str
    undeclared: tuple[str, ...]
    malformed: int
    collected_at: datetime | None
    searched_by: tuple[str, ...]


def outcomes(datamap: DataMap, facts: Mapping[Address, TableFacts], standings: "Mapping[Address, pd.Series[str]]") -> dict[Address, Outcome]:
    """Return the outcome of each table of one request; `standings` holds "found" or "held" per row.

    A table behind one that did not answer is not complete either: rows reached through it may be missing.
    """
    found: dict[Address, Outcome] = {}
    for address in reading_order(datamap):
        held = values.pylist(standings[address]).count("held")
        rows = len(standings[address])
        fact = facts[address]
        base = Outcome("found" if rows else "nothing", rows - held, held, "", fact.searched_by, fact.undeclared, fact.malformed, fact.collected_at)
        found[address] = _judged(datamap, address, fact, base, found)
    return found


def _judged(datamap: DataMap, address: Address, fact: TableFacts, base: Outcome, before: Mapping[Address, Outcome]) -> Outcome:
    if fact.failed:
        return replace(base, state="failed", why=fact.failed)
    if fact.waiting:
        return replace(base, state="waiting", why=fact.waiting)
    incomplete = [a for a in upstream(datamap, address) if a in before and not before[a].complete]
    silent = [a for a in incomplete if before[a].state != "not searched" or not base.searched_by]
    if silent:
        why = f"{', '.join(map(str, silent))} did not answer, so rows reached through it may be missing"
        return replace(base, state="failed" if base.searched_by else "not searched", why=why)
    asked_for = [k for k in datamap.table(address).match_kinds(address.source) if k in kinds.GLOBAL]
    if asked_for and not base.searched_by:
        return replace(base, state="not searched", why=f"it is searched by {' or '.join(asked_for)}, which this request does not give")
    return base
