"""Which rows and columns of a dossier a right gives, and what is left out for which reason."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from dsar import values
from dsar.datamap import Address, Column, Table
from dsar.find.dossier import Dossier, as_key
from dsar.find.hold import HOLDS
from dsar.find.mentions import Cell, cells_of
from dsar.law import rights
from dsar.law.outcomes import Outcome
from dsar.recognise import MARK, mask

Term = tuple[tuple[str, ...], str]  # legal bases, origin


@dataclass(frozen=True)
class Group:
    """Cells of one table that share a legal basis and an origin, and what the right gives for them."""

    address: Address
    columns: tuple[str, ...]
    rows: int
    bases: tuple[str, ...]
    origin: str
    outcome: Outcome


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
_ONLY_YOURS = "Art. 15(1), 20(1)"  # both give data concerning the person who asks, and no other
CHECKING = HOLDS["third party"].for_requester


def choose(dossier: Dossier, right: str) -> tuple[Chosen, ...]:
    """Return what a right gives, table by table, for tables in which something was found.

    Columns about another person stay here by rule. What a cell of free text says of somebody else goes, stays or is
    masked as a person ruled; until they have, the cell stays here.
    """
    return tuple(_choose(dossier, address, right) for address, found in dossier.tables.items() if found.table.num_rows)


def groups(dossier: Dossier, right: str) -> tuple[Group, ...]:
    """Return what the right gives for every kind of data found."""
    return tuple(group for address, found in dossier.tables.items() if found.outcome.rows for group in _groups(dossier, address, right))


def _choose(dossier: Dossier, address: Address, right: str) -> Chosen:
    table = dossier.datamap.table(address)
    frame, cells = dossier[str(address)], cells_of(dossier.listed(address))
    found = _groups(dossier, address, right)
    given = {c for g in found if g.outcome.answer == "yes" for c in g.columns if c in about(table)}
    stays = {c for c, column in table.columns.items() if column.other_person}
    columns = [c for c in frame.columns if c in given and c not in stays]
    terms = _row_terms(dossier, address)
    going = {t: {c for c in columns if _decide(dossier, table, c, t, right).answer == "yes"} for t in dict.fromkeys(terms)}
    rows = [n for n, term in enumerate(terms) if going[term]]
    left_out = (
        *_refused(dossier, address, found, stays),
        *_staying(dossier, address, frame),
        *_spoken_of(table, cells, columns),
        *_held(dossier, address),
    )
    shown = values.take(ruled(frame, table, cells)[columns], rows)
    for column in columns:  # a row goes for those of its columns alone that its own terms give
        shown[column] = shown[column].where(pd.Series([column in going[terms[n]] for n in rows], dtype=bool))
    return Chosen(address, shown, found, left_out)


def ruled(frame: pd.DataFrame, table: Table, cells: Sequence[Cell]) -> pd.DataFrame:
    """Return the rows with the marked parts of their cells masked, or whole cells withheld, as was ruled."""
    if not cells:
        return frame
    keys = [as_key(*(row[c] for c in table.key)) for row in values.rows(frame[list(table.key)])]
    shown = {(cell.key, cell.column): _shown(cell) for cell in cells}
    changed = {}
    for column in dict.fromkeys(cell.column for cell in cells):
        found = [shown.get((key, column), v) for key, v in zip(keys, values.pylist(frame[column]), strict=True)]
        changed[column] = values.frame({column: found}, {column: "text"})[column]
    return frame.assign(**changed)


def _shown(cell: Cell) -> str:
    if cell.choice == "keep":
        return cell.text
    return mask(cell.text, cell.mentions) if cell.choice == "mask" else MARK


def _spoken_of(table: Table, cells: Sequence[Cell], columns: Sequence[str]) -> Iterator[LeftOut]:
    for column in columns:
        choices = {cell.choice for cell in cells if cell.column == column}
        what = f"{table.label}: {table.label_of(column)}"
        if None in choices:
            yield LeftOut(f"{what}, parts", None, CHECKING, "Art. 15(4), 20(4)", pending=True)
        if choices & {"mask", "leave out"}:
            yield LeftOut(f"{what}, parts marked {MARK}", None, HOLDS["withheld"].for_requester, "Art. 15(4), 20(4)")


def about(table: Table) -> set[str]:
    """Return the columns that are about the person: all of a person's table; of a company's, those said to be and its key."""
    if table.owner == "person":
        return set(table.columns)
    return {c for c, column in table.columns.items() if column.about == "person"} | set(table.key)


def _groups(dossier: Dossier, address: Address, right: str) -> tuple[Group, ...]:
    table = dossier.datamap.table(address)
    counted: dict[tuple[tuple[str, ...], str], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for term, rows in Counter(_row_terms(dossier, address)).items():
        for name, column in table.columns.items():
            counted[_terms(column, term)][name] += rows
    activity = dossier.datamap.activity(table)
    return tuple(
        Group(address, tuple(names), max(names.values()), bases, origin, rights.decide(bases, origin, activity.automated, right))
        for (bases, origin), names in counted.items()
    )


def _decide(dossier: Dossier, table: Table, name: str, term: Term, right: str) -> Outcome:
    return rights.decide(*_terms(table.columns[name], term), dossier.datamap.activity(table).automated, right)


def _row_terms(dossier: Dossier, address: Address) -> list[Term]:
    """Return the legal bases and the origin of each row: the activity's, or what the row's own columns say."""
    table = dossier.datamap.table(address)
    activity = dossier.datamap.activity(table)
    return [(table.bases_of(row, activity), table.origin_of(row, activity)) for row in dossier.listed(address)]


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


def _staying(dossier: Dossier, address: Address, frame: pd.DataFrame) -> Iterator[LeftOut]:
    table = dossier.datamap.table(address)
    if len(about(table)) < len(table.columns) and dossier.tables[address].outcome.rows:  # without such rows, `_held` names the whole table
        yield LeftOut(f"{table.label}: the company's own affairs", None, NOT_ABOUT_YOU, _ONLY_YOURS)
    for name, column in table.columns.items():
        if name not in about(table):
            continue
        filled = sum(v is not None for v in values.pylist(frame[name])) if name in frame else 0
        if filled and column.other_person:
            yield LeftOut(f"{table.label}: {table.label_of(name)}", None, NOT_ABOUT_YOU, _ONLY_YOURS)


def _held(dossier: Dossier, address: Address) -> Iterator[LeftOut]:
    label = dossier.datamap.table(address).label
    holds = Counter(HOLDS[str(code)] for code in dossier.tables[address].table["dsar_hold"].to_pylist() if code)
    reasons: dict[tuple[str, str], int] = defaultdict(int)
    for hold, rows in holds.items():
        reasons[hold.standing, hold.for_requester] += rows
    for (standing, reason), rows in reasons.items():
        if standing == "another's":
            continue  # what is not theirs is nothing left out, and naming it would tell them of somebody else
        if standing != "company":  # a number would tell how large the company's account is
            yield LeftOut(label, rows, reason, "Art. 15(4), 20(4)", pending=standing == "held")
        elif not dossier.tables[address].outcome.rows:
            yield LeftOut(label, None, reason, _ONLY_YOURS)
