"""The erasure plan: per row erase, blank some columns, keep until a date, or not due until an event.

What refers to a row comes before it, and a row stays while anything that refers to it or was
reached through it stays, is held or was not searched: the rest could not be found again.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Literal

from dsar import values
from dsar.datamap import Address, Retention, Table
from dsar.erase.blockers import blockers
from dsar.find.dossier import Dossier
from dsar.find.order import reading_order, upstream
from dsar.law.erasure import GROUNDS, Ground
from dsar.law.retention import keep_until

Action = Literal["erase", "blank", "keep", "not due", "decide"]
TO_DO: tuple[Action, ...] = ("erase", "blank", "decide")  # what the system owner works on now


@dataclass(frozen=True)
class Step:
    """One line of a deletion checklist."""

    id: str
    address: Address
    key: str  # JSON list, in the order of the table's key columns
    action: Action
    columns: tuple[str, ...]  # empty: the whole row
    why: str
    article: str
    until: date | str | None = None  # a day, or an event in words
    after: tuple[str, ...] = ()  # steps to be done before this one


def plan(dossier: Dossier, today: date) -> tuple[Step, ...]:
    """Return the steps for every row found, in the order they are worked off.

    Held rows get no step: nothing happens to them before somebody decided whose they are.
    """
    rows = {f"{a} {row['dsar_key']}": (a, row) for a in reading_order(dossier.datamap) for row in values.rows(dossier.rows(a))}
    first = blockers(dossier)
    own = {name: _step(dossier, *rows[name], today) for name in _order(list(reversed(rows)), first)}
    settled = _settled(dossier, own, first)
    steps: dict[str, tuple[Step, ...]] = {}
    for name, step in settled.items():
        below = [s for before in first.get(name, ()) for s in steps.get(before, ())]
        after = tuple(s.id for s in below if s.action in TO_DO) if step.action in TO_DO else ()
        steps[name] = (replace(step, after=after), *_blanked(dossier, *rows[name], step))
    return tuple(step for row_steps in steps.values() for step in row_steps)


def _order(names: Sequence[str], first: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Return the rows, each after those that have to be gone before it; a circle is entered where it is met."""
    done: dict[str, None] = {}
    known, entered = set(names), set[str]()
    for start in names:
        path = [start]  # not by recursion: a thread of replies can be a thousand rows deep
        while path:
            entered.add(path[-1])
            deeper = next((b for b in first.get(path[-1], ()) if b in known and b not in entered), None)
            if deeper:
                path.append(deeper)
            else:
                done[path.pop()] = None
    return tuple(done)


def _settled(dossier: Dossier, own: Mapping[str, Step], first: Mapping[str, Sequence[str]]) -> dict[str, Step]:
    """Return each row's step, once it is known what stays; more than one round, since rows refer in circles."""
    steps, before = dict(own), dict[str, Step]()
    unsearched = {address: _unsearched(dossier, address) for address in dossier.tables}
    while steps != before:
        before = dict(steps)
        for name, step in own.items():
            blocking = first.get(name, ())
            below, held = [steps[b] for b in blocking if b in steps], any(b not in steps for b in blocking)
            needed = _while_needed(step, below, held=held, unsearched=unsearched[step.address])
            if _stay(needed) > _stay(steps[name]):  # never back: so the rounds come to an end
                steps[name] = needed
    return steps


def _stay(step: Step) -> tuple[bool, bool, date]:
    """Return how long a row stays, to be compared."""
    return step.action not in {"erase", "keep"}, step.action == "keep", step.until if isinstance(step.until, date) else date.min


def _blanked(dossier: Dossier, address: Address, row: Mapping[str, Any], step: Step) -> Iterator[Step]:
    table = dossier.datamap.table(address)
    blank = tuple(c for c, column in table.columns.items() if column.erase == "blank" and row.get(c) is not None)
    if step.action == "keep" and blank:
        article, why = _ground(dossier, table, row)
        yield replace(step, id=_id(dossier, address, row, "blank"), action="blank", columns=blank, why=why, article=article, until=None)


def _step(dossier: Dossier, address: Address, row: Mapping[str, Any], today: date) -> Step:
    table = dossier.datamap.table(address)
    retention = dossier.datamap.activity(table).retention
    ground = _ground(dossier, table, row)
    if table.owner == "organisation":
        theirs = tuple(c for c, column in table.columns.items() if column.about == "person" and row.get(c) is not None)
        why = "The record belongs to a company's account; only what is about the person goes."
        return Step(_id(dossier, address, row, "about"), address, row["dsar_key"], "blank", theirs, why, ground.article)
    step = Step(_id(dossier, address, row, "row"), address, row["dsar_key"], "erase", (), ground.sentence, ground.article)
    if table.open_while and row.get(table.open_while.column) in table.open_while.values:
        return replace(step, action="not due", why="It is still open, so it is still needed.", article="17(1)(a)", until=table.open_while.until)
    if retention:
        return _retained(step, retention, dossier.retention_start(address, row), today)
    return step


def _retained(step: Step, rule: Retention, start: object, today: date) -> Step:
    until = keep_until(rule, start)
    if until is None:
        why = f"{rule.why} (kept {rule.period}), but the date it is counted from is not recorded."
        return replace(step, action="decide", why=why, article=rule.article)
    if until >= today:
        return replace(step, action="keep", why=f"{rule.why} (kept {rule.period}).", article=rule.article, until=until)
    return step


def _while_needed(step: Step, below: Sequence[Step], *, held: bool, unsearched: Sequence[Address]) -> Step:
    """Return the step of a linking row: it stays while what hangs on it stays."""
    kept = [s for s in below if s.action == "keep" and _stay(s) > _stay(step)]
    if step.action == "keep" and kept:
        return replace(step, until=max(kept, key=_stay).until)
    if step.action != "erase":
        return step
    if unsearched:
        event = f"{', '.join(map(str, unsearched))} has been searched"
        return replace(step, action="not due", until=event, why="Needed to find rows that could not be searched yet.")
    if held:
        return replace(step, action="not due", until="the held rows are decided", why="Needed to find rows that are held.")
    events = [s.until for s in below if s.action == "not due"]
    if events:
        return replace(step, action="not due", until=str(events[0]), why="Needed for a record that is still open.")
    if any(s.action == "decide" for s in below):
        return replace(step, action="not due", until="the rows below it are decided", why="Needed for rows that wait for a decision.")
    if kept:
        longest = max(kept, key=_stay)
        return replace(step, action="keep", until=longest.until, why="Needed for a record that must be kept.", article=longest.article)
    return step


def _ground(dossier: Dossier, table: Table, row: Mapping[str, Any]) -> Ground:
    return GROUNDS[table.bases_of(row, dossier.datamap.activity(table))[0]]


def _unsearched(dossier: Dossier, address: Address) -> list[Address]:
    """Return the incomplete tables that rows of this one are needed to find."""
    return [a for a, found in dossier.tables.items() if not found.outcome.complete and address in upstream(dossier.datamap, a)]


def _id(dossier: Dossier, address: Address, row: Mapping[str, Any], part: str) -> str:
    # Stable over re-runs, so that a list that comes back can be matched line by line.
    digest = hashlib.sha256(f"{dossier.request.id}|{address}|{row['dsar_key']}|{part}".encode()).hexdigest()
    return f"{dossier.request.id}-{digest[:8]}"
