"""Logs are kept in a store of our own, and anonymised on day 365 unless somebody's request still needs them.

What a request needs are the lines on every address it was searched by: those it was given with, and those in its snapshot, held lines
included. A request whose addresses are not known yet stops the anonymising, not the keeping.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from typing import cast

from dsar import kinds
from dsar.datamap import Address
from dsar.errors import DossierMissing, DsarError
from dsar.find import dossier as dossiers
from dsar.law import retention
from dsar.request.case import Case
from dsar.source import Expired, Keeper, Kept
from dsar.workspace import Workspace

_WITHOUT_RESTRICTION = {"refused", "withdrawn", "lapsed", "no data", "redirected"}


class Rules:
    """The rules of `dsar.law.retention`, as a source asks for them."""

    def __init__(self) -> None:
        self._crowd = retention.Crowd()

    def add(self, row: Mapping[str, object]) -> None:
        """Count the visitor of a line."""
        self._crowd.add(row)

    def line(self, row: Mapping[str, object]) -> tuple[Mapping[str, object], str]:
        """Return what may remain of a line, and what it may be called."""
        return retention.anonymised(row, self._crowd)


@dataclass
class Done:
    """What was done: each file, each day that was anonymised, and what stopped the anonymising."""

    kept: list[tuple[str, Kept]] = field(default_factory=list)  # with the source
    expired: list[tuple[Address, Expired]] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)  # requests whose addresses nobody knows yet
    overdue: list[tuple[str, Kept]] = field(default_factory=list)  # raw files all of whose days have to be anonymised: they are not ours to delete

    @property
    def came_back(self) -> list[tuple[str, Kept]]:
        """Raw files that hold lines again that were erased."""
        return [(name, kept) for name, kept in self.kept if kept.state == "came back"]


def compact(workspace: Workspace) -> Done:
    """Put finished log files into their stores, then anonymise what is due; raises what a source raises."""
    done = Done()
    for name, source in _keepers(workspace):
        for kept in source.compact(workspace.clock()):
            done.kept.append((name, kept))
            if kept.last and _due(workspace, name, kept.table, kept.last):
                done.overdue.append((name, kept))
    covering = [case for case in workspace.register.cases().values() if covers(case)]
    done.unknown = [case.request.id for case in covering if not _searched(workspace, case)]
    if not done.unknown:
        for name, source in _keepers(workspace):
            needed = {table: _needed(workspace, covering, Address(name, table)) for table in workspace.datamap.sources[name].tables}
            for table, expired in source.expire(partial(_due, workspace, name), workspace.today, needed, Rules):
                done.expired.append((Address(name, table), expired))
    return done


def covers(case: Case) -> bool:
    """Whether a request keeps lines from being anonymised: it is open, or what it restricted is restricted still (Art. 18)."""
    restricted = "restriction" in case.request.rights and case.outcomes.get("restriction") not in _WITHOUT_RESTRICTION
    return not case.closed or (restricted and case.last("lifting announced", "restriction") is None)


def _keepers(workspace: Workspace) -> Iterator[tuple[str, Keeper]]:
    for name, source in workspace.sources().items():
        if isinstance(source, DsarError):
            if any(table.file and table.file.store for table in workspace.datamap.sources[name].tables.values()):
                raise source
        elif source.can.keeps:
            yield name, cast("Keeper", source)


def _due(workspace: Workspace, source: str, table: str, day: date) -> bool:
    """Whether lines of a day have to be anonymised: after the last day of the activity's retention where the map has one, else on day 365."""
    rule = workspace.datamap.activity(workspace.datamap.sources[source].tables[table]).retention
    last = retention.keep_until(rule, day) if rule else None
    return last < workspace.today if last else retention.anonymise_on(day) <= workspace.today


def _searched(workspace: Workspace, case: Case) -> bool:
    """Whether it is known which lines a request needs: all its logs were searched."""
    tables = [Address(name, table) for name, _ in _keepers(workspace) for table in workspace.datamap.sources[name].tables]
    try:
        found = dossiers.load(workspace.case(case.request) / "dossier", case.request, workspace.datamap)
    except DossierMissing:
        return False
    return all(found.tables[address].outcome.complete for address in tables)


def _needed(workspace: Workspace, cases: Collection[Case], address: Address) -> set[str]:
    """Return the addresses, in normal form, whose lines some request needs."""
    found = {i.value for case in cases for i in case.request.identifiers if i.kind == "ip"}
    columns = workspace.datamap.table(address).match_columns("ip", address.source)
    for case in cases:
        frame = dossiers.load(workspace.case(case.request) / "dossier", case.request, workspace.datamap).tables[address].frame
        found |= {form for column in columns if column in frame for value in frame[column].dropna() if (form := kinds.normal("ip", value))}
    return found
