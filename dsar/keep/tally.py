"""Whether the register is what the ledger told of it last: events, lines, rights, identifiers and their standing, both ways.

Found is what was changed, put in or taken out by anything but this toolkit. Not found is an event that somebody appends behind the last one told: it
cannot be known from one of another desk, and the ledger tells it, with whatever name it bears, as it tells every other.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from dsar.keep.ledger import Fault, Ledger
from dsar.keep.record import hashed, told_of
from dsar.request.events import Event
from dsar.request.register import Register
from dsar.request.state import PARTS

BEHIND, REMEDY = "the register and the ledger differ", "`dsar ledger verify` names it: find out who did, and bring the register back from a backup"
_PURGED = "register line purged"
_Events = Mapping[int, tuple[str, Event]]  # number → request and event


@dataclass
class _Told:
    """What the ledger tells of one request: the lines of its events by number, and the last line that holds its state."""

    lines: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    state: Mapping[str, Any] | None = None
    purged: bool = False


def differences(ledger: Ledger, register: Register) -> list[Fault]:
    """Return what differs, in the order of the ledger's lines; what no line tells of comes first. No value is in it."""
    return sorted((fault for _, fault in _compared(ledger, register)), key=lambda fault: fault.line)


def changed(ledger: Ledger, register: Register) -> dict[str, str]:
    """Return the requests that differ, and in what; one pass over both, however many there are."""
    found: dict[str, str] = {}
    for request, fault in _compared(ledger, register):
        found[request] = f"{found[request]}; {fault.what}" if request in found else fault.what
    return found


def covered(ledger: Ledger) -> tuple[int, int]:
    """Return the first line that holds a request's state (0: none does), and of how many requests no line holds it yet."""
    told = _told(ledger)
    first = next((line["n"] for line in ledger.lines() if "state" in line["details"]), 0)
    return first, sum(not t.state and not t.purged for t in told.values())


def _told(ledger: Ledger) -> dict[str, _Told]:
    told: dict[str, _Told] = {}
    for line in ledger.lines():
        request = line["request"]
        if line["what"] == _PURGED:
            told.setdefault(request, _Told()).purged = True
        elif line["event"]:
            if line["what"] == "registered":  # under the id of one that was purged, where there was one
                told[request] = _Told()
            known = told.setdefault(request, _Told())
            known.lines[line["event"]], known.purged = line, False
            known.state = line if "state" in line["details"] else known.state
    return told


def _compared(ledger: Ledger, register: Register) -> Iterator[tuple[str, Fault]]:
    with ledger.lock:  # so that nothing is purged between the two; what is recorded meanwhile has a number that is not told yet
        told, last = _told(ledger), ledger.head.event
        there: _Events = {number: (request, event) for number, request, event in register.events()}
        states, secret = register.states(), register.secret
    of: dict[str, dict[int, Event]] = {}
    for number, (request, event) in there.items():
        of.setdefault(request, {})[number] = event
    for request in sorted({*told, *states, *of}):
        known, events = told.get(request), of.get(request, {})
        if known is None:
            if not any(number > last for number in events):
                yield request, Fault(0, f"the register holds {request}, and no line of the ledger tells of it")
            continue
        if known.purged and not events:
            if request in states:
                yield request, Fault(0, f"the register holds lines of {request} again, which was purged")
            continue
        yield from ((request, fault) for fault in _events(request, known, events, there, last, secret))
        if known.state and not any(number > last for number in events):
            before, now = known.state["details"]["state"], hashed(request, states.get(request, {part: [] for part in PARTS}), secret)
            if parts := [words for part, words in PARTS.items() if before.get(part) != now[part]]:
                yield request, Fault(known.state["n"], f"what the register holds of {request} was changed since: {', '.join(parts)}")


def _events(request: str, known: _Told, events: Mapping[int, Event], there: _Events, last: int, secret: str) -> Iterator[Fault]:
    for number, line in known.lines.items():
        if number not in events:
            yield Fault(line["n"], f"what the register says of {request} was {'changed' if number in there else 'taken out'} since")
        elif not _same(told_of(number, request, events[number], secret)._asdict(), line):
            yield Fault(line["n"], f"what the register says of {request} was changed since")
    for number in events:
        if number not in known.lines and number <= last:
            yield Fault(0, f"the register has an event of {request} that no line tells of: event {number}")


def _same(entry: Mapping[str, Any], line: Mapping[str, Any]) -> bool:
    details = {name: value for name, value in line["details"].items() if name != "state"}
    return (entry["what"], entry["who"], entry["details"]) == (line["what"], line["who"], details)
