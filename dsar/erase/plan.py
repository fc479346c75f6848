"""The erasure plan: what becomes of each row, and of each of its columns, by which article, until when.

What refers to a row comes before it, and a row stays while anything that refers to it or was
reached through it stays, is held or was not searched: the rest could not be found again.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from dsar import values
from dsar.datamap import Address, Replace, Retention, Table
from dsar.erase.blockers import blockers
from dsar.erase.step import GOES, STAYS, TO_DO, Action, Step
from dsar.find.dossier import Dossier
from dsar.find.order import reading_order, upstream
from dsar.find.remembered import looks
from dsar.law import rights
from dsar.law.erasure import GROUNDS, Ground
from dsar.law.retention import keep_until

_CLAIMS = ("17(3)(e)", "18")  # articles under which a row is stored, and used for nothing else


def plan(dossier: Dossier, today: date, frozen: str = "") -> tuple[Step, ...]:
    """Return the steps for every row found, in the order they are worked off.

    Held rows get no step: nothing happens to them before somebody decided whose they are. While something freezes the
    request (`frozen`, an event in words), nothing is due before it has happened.
    """
    rows = {f"{a} {row['dsar_key']}": (a, row) for a in reading_order(dossier.datamap) for row in dossier.listed(a)}
    first = blockers(dossier)
    own = {name: _thawed(_step(dossier, *rows[name], today), frozen) for name in _order(list(reversed(rows)), first)}
    settled = _settled(dossier, own, first)
    steps: dict[str, tuple[Step, ...]] = {}
    for name, step in settled.items():
        below = [s for before in first.get(name, ()) for s in steps.get(before, ())]
        after = tuple(s.id for s in below if s.action in TO_DO) if step.action in TO_DO else ()
        steps[name] = (replace(step, after=after), *_emptied(dossier, *rows[name], step))
    planned = tuple(step for row_steps in steps.values() for step in row_steps)
    return (*planned, *_suppressions(dossier, planned))


def _thawed(step: Step, frozen: str) -> Step:
    """Return the step, or while the request is frozen that nothing is due; what stays, stays for its own reason."""
    if not frozen or step.action in STAYS:
        return step
    return replace(step, action="not due", columns=(), new={}, why="Nothing is erased before that.", until=frozen)


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
    return step.action not in {*GOES, *STAYS}, step.action in STAYS, step.until if isinstance(step.until, date) else date.min


def _emptied(dossier: Dossier, address: Address, row: Mapping[str, Any], step: Step) -> Iterator[Step]:
    """Yield what becomes of the columns of a row that has to stay, and how the row is marked."""
    if step.action not in STAYS:
        return
    table = dossier.datamap.table(address)
    article, why = _ground(dossier, table, row)
    # Where the row is to be anonymised one day, its columns are what the law wants kept until then: an invoice has a name.
    now = table.erased_columns if table.erasure == "row" else {}
    filled = {c: new for c, new in now.items() if row.get(c) is not None and not values.same(row.get(c), new)}
    for action in ("blank", "unlink", "replace"):
        new = {c: value for c, value in filled.items() if _how(table, c) == action}
        if new:
            yield replace(
                step, id=_id(dossier, address, row, action), action=action, columns=tuple(new), new=new, why=why, article=article, until=None
            )
    mark = table.restricted
    if mark and not values.same(row.get(mark.column), mark.value):
        marked = {mark.column: mark.value}
        why = "It is only stored from now on, and used for nothing else."
        yield replace(step, id=_id(dossier, address, row, "mark"), action="restrict", columns=tuple(marked), new=marked, why=why)


def _how(table: Table, column: str) -> Action:
    rule = table.columns[column].erase
    return "replace" if isinstance(rule, Replace) else rule or "blank"


def _suppressions(dossier: Dossier, planned: Sequence[Step]) -> Iterator[Step]:
    """Yield, for each list of advertising that a row goes from, that the address is kept from coming back; the person may decline."""
    tables = {s.address: dossier.datamap.table(s.address) for s in planned if s.action in GOES}
    for address in (a for a, table in tables.items() if "email" in table.match and dossier.datamap.activity(table).marketing):
        why = "Kept on the list of those who are not written to, so that no import brings them back; for nothing else."
        yield Step(_id(dossier, address, {"dsar_key": ""}, "suppress"), address, "[]", "suppress", (), why, "21(3)")


def _step(dossier: Dossier, address: Address, row: Mapping[str, Any], today: date) -> Step:
    table = dossier.datamap.table(address)
    retention = dossier.datamap.activity(table).retention
    ground = _ground(dossier, table, row)
    seen = table.own_hash(row)
    if table.owner == "organisation":
        theirs = {c: table.erased_columns.get(c) for c, column in table.columns.items() if column.about == "person" and row.get(c) is not None}
        how = {_how(table, c) for c in theirs}
        action = next(a for a in ("replace", "blank", "unlink") if a in how or a == "unlink") if theirs else "blank"
        why = "The record belongs to a company's account; only what is about the person goes."
        return Step(_id(dossier, address, row, "about"), address, row["dsar_key"], action, tuple(theirs), why, ground.article, new=theirs, seen=seen)
    looked = {} if table.is_log else looks(table, row)
    step = Step(_id(dossier, address, row, "row"), address, row["dsar_key"], "erase", (), ground.sentence, ground.article, looked=looked, seen=seen)
    if table.is_log:
        step = replace(step, action="anonymise")
    elif table.erasure == "anonymise":
        filled = {c: new for c, new in table.erased_columns.items() if row.get(c) is not None}
        step = replace(step, action="anonymise", columns=tuple(filled), new=filled)
    if until := _open_until(dossier, address, row):
        why = "It is still open, so it is still needed."
        return replace(step, action="not due", columns=(), new={}, why=why, article="17(1)(a)", until=until)
    if retention:
        return _retained(step, retention, dossier.retention_start(address, row), today)
    return _obliged(dossier, table, row, step)


def _obliged(dossier: Dossier, table: Table, row: Mapping[str, Any], step: Step) -> Step:
    """Return the step of a row whose legal basis obliges us to keep it, though no period counts the days, such as a list of objections."""
    activity = dossier.datamap.activity(table)
    outcome = rights.decide(table.bases_of(row, activity), table.origin_of(row, activity), activity.automated, "erasure", activity.marketing)
    if outcome.answer == "yes" or step.action not in GOES:
        return step
    if not activity.until:
        return replace(
            step, action="decide", columns=(), new={}, why="A law obliges us to keep it, and until when is not recorded.", article=outcome.article
        )
    why = f"{activity.purpose}: the law obliges us to keep it."
    return replace(step, action="keep", columns=(), new={}, why=why, article=outcome.article, until=activity.until)


def _open_until(dossier: Dossier, address: Address, row: Mapping[str, Any]) -> str:
    """Return until when a row is open, or the row it was reached through and belongs to: the lines of an open order; '' where neither is."""
    activity, seen = dossier.datamap.table(address).activity, set[str]()
    while True:
        table = dossier.datamap.table(address)
        if table.open_while and row.get(table.open_while.column) in table.open_while.values:
            return table.open_while.until
        via = str(row["dsar_via"] or "")
        source, _, name = via.partition(" ")[0].partition(".")
        above = dossier.row(via)
        if via in seen or above is None or name not in dossier.datamap.sources[source].tables:
            return ""
        seen.add(via)
        address, row = Address(source, name), above
        if dossier.datamap.table(address).activity != activity:
            return ""


def _retained(step: Step, rule: Retention, start: object, today: date) -> Step:
    until = keep_until(rule, start)
    if until is None:
        why = f"{rule.why} (kept {rule.period}), but the date it is counted from is not recorded."
        return replace(step, action="decide", columns=(), new={}, why=why, article=rule.article)
    if until >= today:
        action: Action = "restrict" if rule.article.startswith(_CLAIMS) else "keep"
        return replace(step, action=action, columns=(), new={}, why=f"{rule.why} (kept {rule.period}).", article=rule.article, until=until)
    return step


def _while_needed(step: Step, below: Sequence[Step], *, held: bool, unsearched: Sequence[Address]) -> Step:
    """Return the step of a linking row: it stays while what hangs on it stays."""
    kept = [s for s in below if s.action in STAYS and _stay(s) > _stay(step)]
    if step.action in STAYS and kept:
        return replace(step, until=max(kept, key=_stay).until)
    if step.action not in GOES:
        return step
    step = replace(step, columns=(), new={}) if kept or held or unsearched or any(s.action in {"not due", "decide"} for s in below) else step
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
        return replace(step, action=longest.action, until=longest.until, why="Needed for a record that must be kept.", article=longest.article)
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
