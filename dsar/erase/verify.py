"""What has become of each step, by asking again: by row key, by identity, and by text. Nobody's word is taken for it.

A row that was to go is looked for by its key, whoever it may be found for; the requester is searched for as on the first
day; and their addresses are looked for as text in every column of the tables that were touched.
"""

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal

from dsar import values
from dsar.datamap import Address, DataMap
from dsar.erase.look import Key, Seen, needles_of
from dsar.erase.step import CHANGES, GOES, STAYS, Step
from dsar.find.dossier import Dossier
from dsar.find.hold import HOLDS

State = Literal["gone", "kept as planned", "pending event", "still there", "came back", "not checked"]
FAULTS: tuple[State, ...] = ("still there", "came back", "not checked")


@dataclass(frozen=True)
class Verdict:
    """What was seen of one step, or of a row that is in no step (`step` is empty)."""

    step: str
    address: Address
    key: str
    action: str
    state: State
    detail: str = ""

    @property
    def fault(self) -> bool:
        """Whether somebody has to act."""
        return self.state in FAULTS or self.detail.startswith("but ")


@dataclass(frozen=True)
class Verification:
    """The verdicts on one request, and what could not be looked at."""

    request: str
    at: datetime
    verdicts: tuple[Verdict, ...]
    unsearched: tuple[str, ...] = ()  # tables whose text could not be searched

    @property
    def passed(self) -> bool:
        """Whether all that was to go is gone, and nothing else was missed."""
        return not any(v.fault for v in self.verdicts)


def verify(
    now: Dossier,
    steps: Sequence[Step],
    seen: Seen,
    before: Mapping[str, State] | None = None,
    due: Collection[str] = frozenset(),
    chosen: Mapping[str, str] = MappingProxyType({}),
) -> Verification:
    """Return what became of each step.

    `now` is what a search by identity finds, `before` what was seen the last time, `due` the steps that may be done by now, whatever
    they waited for, and `chosen` says of steps that keep an address from coming back what the person chose.
    """
    earlier = before or {}
    stays = {(s.address, s.key) for s in steps if s.action not in GOES and s.key != "[]"}
    verdicts = [_reopened(_verdict(now, step, seen, earlier, steps), due) for step in steps if step.key != "[]"]
    verdicts += [_suppressed(step, chosen[step.id]) for step in steps if step.id in chosen]
    planned = {(s.address, key_of(s.key)) for s in steps}
    verdicts += _unplanned(now, planned, earlier)
    verdicts += [
        Verdict("", a, "[]", "", "not checked", f.outcome.words()) for a, f in now.tables.items() if f.outcome.state in {"failed", "waiting"}
    ]
    own = set(needles_of(now))
    found = {(a, str(row["dsar_key"])) for a, f in now.tables.items() for row in f.listed}
    kept = {(_lies(now.datamap, a), key_of(k)) for a, k in stays | found}  # what a search by identity finds is told of already
    told: set[tuple[Address, Key, str]] = set()
    for address, hits in seen.texts.items():
        place = _lies(now.datamap, address)
        for key, column, needle in hits:
            if needle in own and (place, key) not in kept and (place, key, column) not in told:
                told.add((place, key, column))
                listed = json.dumps(list(key))
                verdicts.append(Verdict("", address, listed, "", "still there", f"an address of theirs stands in the column {column}"))
    unsearched = tuple(sorted(str(a) for a in seen.unsearched if any(s.address == a for s in steps)))
    return Verification(now.request.id, now.collected_at, tuple(verdicts), unsearched)


def _verdict(now: Dossier, step: Step, seen: Seen, earlier: Mapping[str, State], steps: Sequence[Step]) -> Verdict:
    def said(state: State, detail: str = "") -> Verdict:
        return Verdict(step.id, step.address, step.key, step.action, state, detail)

    if step.address in seen.failed:
        return said("not checked", seen.failed[step.address])
    by_identity = any(step.key == row["dsar_key"] for row in now.tables[step.address].listed)
    is_line = now.datamap.table(step.address).is_log
    if is_line:
        there = json.loads(step.key)[1] in seen.lines[step.address]
        row: dict[str, Any] | None = {} if there else None
    else:
        row = seen.rows[step.address].get(key_of(step.key))
        there = row is not None
    back: State = "came back" if earlier.get(step.id) in {"gone", "came back"} else "still there"
    if step.action == "erase" or (is_line and step.action in CHANGES):  # a line that was changed is another line
        if there or by_identity:
            return said(back)
        outcome = now.tables[step.address].outcome
        # Where nothing leads to a table any more, the key alone tells; where it could not be asked, nobody can.
        return said("not checked", outcome.words()) if outcome.state in {"failed", "waiting"} else said("gone")
    if step.action == "decide":
        return said("pending event", "a person has to decide")
    if step.action == "not due":
        found = next((row for row in now.tables[step.address].listed if step.key == row["dsar_key"]), None)
        unsure = f", and then: {HOLDS['known by key'].internal}" if found and found["dsar_hold"] == "known by key" else ""
        lost = "" if by_identity else ", and only its key still leads to it: erase it by hand then"
        return said("pending event", f"{step.until}{lost or unsure}") if there else said("gone", "but it was not due yet")
    new = step.new or (now.datamap.table(step.address).erased_columns if step.action == "anonymise" else {})
    if new and row is not None:
        left = [c for c, value in new.items() if not values.filled(row.get(c), value)]
        return said(back, ", ".join(left)) if left else said("gone" if step.action != "restrict" else "kept as planned")
    if step.action in STAYS:
        return _kept(now, step, row, steps, said)
    return said("gone")


def _suppressed(step: Step, chosen: str) -> Verdict:
    """Say whether an address is kept from coming back, or the person declined that."""
    if chosen:
        return Verdict(step.id, step.address, step.key, step.action, "kept as planned", chosen)
    return Verdict(step.id, step.address, step.key, step.action, "pending event", "it is put on the list, or it is recorded that the person declined")


def _reopened(verdict: Verdict, due: Collection[str]) -> Verdict:
    """Say of a row that waits or is kept that it may go by now: its event has happened, or its day has passed."""
    waits = verdict.state in {"pending event", "kept as planned"} and not verdict.detail.startswith("but ")
    return (
        replace(verdict, detail=f"but it is due by now{f' ({verdict.detail})' if verdict.detail else ''}")
        if waits and verdict.step in due
        else verdict
    )


def _kept(now: Dossier, step: Step, row: Mapping[str, Any] | None, steps: Sequence[Step], said: Callable[..., Verdict]) -> Verdict:
    """Say whether a row that has to stay is there, and as it was apart from the columns that were to go."""
    if row is None:
        return said("gone", f"but it was to be kept until {step.until}")
    emptied = {c for s in steps if (s.address, s.key) == (step.address, step.key) for c in s.new}
    if now.datamap.table(step.address).is_log:
        return said("kept as planned")  # found by its hash, so it is as it was
    if not emptied and step.seen and now.datamap.table(step.address).own_hash(row) != step.seen:
        return said("kept as planned", "it was changed since")
    return said("kept as planned")


def _unplanned(now: Dossier, planned: set[tuple[Address, Key]], earlier: Mapping[str, State]) -> Iterator[Verdict]:
    """Yield what the search by identity finds beside the plan: new rows, restored ones, and what waits for a ruling."""
    for address, found in now.tables.items():
        if now.datamap.table(address).of_request:
            continue  # a request that was made since is no row that was missed
        for row in found.listed:
            key = str(row["dsar_key"])
            if (address, key_of(key)) in planned:
                continue
            if row["dsar_standing"] == "held":
                yield Verdict("", address, key, "", "pending event", "held rows are decided")
            elif row["dsar_standing"] == "found":
                yield Verdict("", address, key, "", "came back" if "gone" in earlier.values() else "still there", "it is in no plan")


def _lies(datamap: DataMap, address: Address) -> Address:
    """Return the table of the system that rows lie in: parts of one table share it."""
    part = datamap.table(address).part
    return Address(address.source, part.of) if part else address


def key_of(key: str) -> Key:
    """Return a row's key, as `dsar_key` spells it, so that the same key of any type is equal."""
    return tuple(values.plain(v) for v in json.loads(key))
