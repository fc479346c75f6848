"""Which rows and columns of a dossier a right gives, and what is left out for which reason."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from dsar import values
from dsar.datamap import Address, Column, Table
from dsar.find.dossier import Dossier
from dsar.find.hold import HOLDS
from dsar.law import rights

Term = tuple[tuple[str, ...], str]  # legal bases, origin


@dataclass(frozen=True)
class Group:
    """Cells of one table that share a legal basis and an origin, and what the right gives for them."""

    address: Address
    columns: tuple[str, ...]
    rows: int
    bases: tuple[str, ...]
    origin: str
    outcome: rights.Outcome


@dataclass(frozen=True)
class LeftOut:
    """One line of *What is not included*."""

    what: str
    rows: int | None  # None where a number would tell of other people
    why: str
    rule: str
    pending: bool = False  # still being checked: the person need not ask again


@dataclass(frozen=True)
class Chosen:
    """What of one table goes out: a frame without provenance, and what stays here."""

    address: Address
    frame: pd.DataFrame
    groups: tuple[Group, ...]
    left_out: tuple[LeftOut, ...]


NOT_ABOUT_YOU = "Not about you."
UNREAD = HOLDS["shared"].for_requester


def choose(dossier: Dossier, right: str, *, free_text: bool) -> tuple[Chosen, ...]:
    """Return what a right gives, table by table, for tables in which something was found.

    Columns about another person stay here by rule; columns of free text unless `free_text`,
    since nobody has read yet whom they speak of.
    """
    return tuple(_choose(dossier, address, right, free_text=free_text) for address, found in dossier.tables.items() if found.table.num_rows)


def groups(dossier: Dossier, right: str) -> tuple[Group, ...]:
    """Return what the right gives for every kind of data found."""
    return tuple(group for address, found in dossier.tables.items() if found.outcome.rows for group in _groups(dossier, address, right))


def _choose(dossier: Dossier, address: Address, right: str, *, free_text: bool) -> Chosen:
    table = dossier.datamap.table(address)
    frame = dossier[str(address)]
    found = _groups(dossier, address, right)
    given = {c for g in found if g.outcome.answer == "yes" for c in g.columns if c in about(table)}
    stays = {c for c, column in table.columns.items() if column.other_person or (column.free_text and not free_text)}
    columns = [c for c in frame.columns if c in given and c not in stays]
    terms = _row_terms(dossier, table, frame)
    going = {term for term in set(terms) if any(_decide(dossier, table, c, term, right).answer == "yes" for c in columns)}
    rows = [n for n, term in enumerate(terms) if term in going]
    left_out = (*_refused(dossier, address, found, stays), *_staying(dossier, address, frame, given, free_text=free_text), *_held(dossier, address))
    return Chosen(address, values.take(frame[columns], rows), found, left_out)


def about(table: Table) -> set[str]:
    """Return the columns that are about the person: all of a person's table; of a company's, those said to be and its key."""
    if table.owner == "person":
        return set(table.columns)
    return {c for c, column in table.columns.items() if column.about == "person"} | set(table.key)


def _groups(dossier: Dossier, address: Address, right: str) -> tuple[Group, ...]:
    table = dossier.datamap.table(address)
    frame = dossier[str(address)]
    counted: dict[tuple[tuple[str, ...], str], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for term, rows in Counter(_row_terms(dossier, table, frame)).items():
        for name, column in table.columns.items():
            counted[_terms(column, term)][name] += rows
    activity = dossier.datamap.activity(table)
    return tuple(
        Group(address, tuple(names), max(names.values()), bases, origin, rights.decide(bases, origin, activity.automated, right))
        for (bases, origin), names in counted.items()
    )


def _decide(dossier: Dossier, table: Table, name: str, term: Term, right: str) -> rights.Outcome:
    return rights.decide(*_terms(table.columns[name], term), dossier.datamap.activity(table).automated, right)


def _row_terms(dossier: Dossier, table: Table, frame: pd.DataFrame) -> list[Term]:
    """Return the legal bases and the origin of each row: the activity's, or what the row's own columns say."""
    activity = dossier.datamap.activity(table)
    said = [c for c in (table.basis_column, table.origin_column) if c]
    rows = values.rows(frame[said]) if said else [{}] * len(frame)
    return [(table.bases_of(row, activity), table.origin_of(row, activity)) for row in rows]


def _terms(column: Column, row: Term) -> Term:
    """Return what holds for one column of a row: its own legal basis and origin, where it has one."""
    return ((column.basis,) if column.basis else row[0]), column.origin or row[1]


def _refused(dossier: Dossier, address: Address, found: tuple[Group, ...], stays: set[str]) -> Iterator[LeftOut]:
    table = dossier.datamap.table(address)
    for group in found:
        columns = [table.label_of(c) for c in group.columns if c not in stays and c in about(table)]
        if group.outcome.answer != "yes" and columns:
            whole = len(columns) + len(stays) >= len(about(table))
            yield LeftOut(table.label if whole else f"{table.label}: {', '.join(columns)}", group.rows, group.outcome.sentence, group.outcome.article)


def _staying(dossier: Dossier, address: Address, frame: pd.DataFrame, given: set[str], *, free_text: bool) -> Iterator[LeftOut]:
    table = dossier.datamap.table(address)
    if len(about(table)) < len(table.columns):
        yield LeftOut(f"{table.label}: the company's own affairs", None, NOT_ABOUT_YOU, "Art. 15(4), 20(4)")
    for name, column in table.columns.items():
        if name not in about(table):
            continue
        filled = sum(v is not None for v in values.pylist(frame[name])) if name in frame else 0
        if filled and column.other_person:
            yield LeftOut(f"{table.label}: {table.label_of(name)}", None, NOT_ABOUT_YOU, "Art. 15(4), 20(4)")
        elif filled and column.free_text and name in given and not free_text:
            yield LeftOut(f"{table.label}: {table.label_of(name)}", filled, UNREAD, "Art. 15(4), 20(4)", pending=True)


def _held(dossier: Dossier, address: Address) -> Iterator[LeftOut]:
    label = dossier.datamap.table(address).label
    holds = Counter(HOLDS[str(code)] for code in values.pylist(dossier.tables[address].frame["dsar_hold"]) if code)
    reasons: dict[tuple[str, str], int] = defaultdict(int)
    for hold, rows in holds.items():
        reasons[hold.standing, hold.for_requester] += rows
    for (standing, reason), rows in reasons.items():
        if standing != "company":  # a number would tell how large the company's account is
            yield LeftOut(label, rows, reason, "Art. 15(4), 20(4)", pending=standing == "held")
        elif not dossier.tables[address].outcome.rows:
            yield LeftOut(label, None, reason, "Art. 15(4), 20(4)")
