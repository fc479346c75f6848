"""What a period's requests came to, from their case summaries: answered in time or not, extended, refused, still open.

A right counts as answered on the day its answer left: the first delivery or letter on or after the day it was decided. What the
person took back, or never answered us on, is owed nothing and counts neither way; what is neither answered nor due is open.
"""

import statistics
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal, NamedTuple

from dsar.errors import BadEvent
from dsar.keep.summary import CaseSummary, Clock

Timing = Literal["in time", "late", "open", "nothing owed"]
_NOTHING_OWED = {"withdrawn", "lapsed"}
_NO_ANSWERS = frozenset({  # letters that may follow a decision and are not its answer
    "acknowledgement", "backups", "clarification", "complaint_acknowledged", "complaint_form", "extension", "fee", "identity_request", "lapse",
    "lifting", "recipient_notice", "recipients_told", "reminder", "suppression",
})  # fmt: skip
_REFUSED = {"refused", "partial"}


class Answered(NamedTuple):
    """One right of one request as it stood at the end of a period, or today where it still runs; `on` is the day its answer left."""

    request: str
    right: str
    received: date
    due: date | None  # None while the clock waits for the requester
    on: date | None
    timing: Timing
    outcome: str


@dataclass(frozen=True)
class Period:
    """Two days and all between them."""

    first: date
    last: date

    def __contains__(self, day: date | None) -> bool:
        return day is not None and self.first <= day <= self.last

    def __str__(self) -> str:
        return f"{self.first} to {self.last}"


def period(first: str, last: str) -> Period:
    """Return a period from two days in writing; raises `BadEvent` where they are none."""
    try:
        days = Period(date.fromisoformat(first), date.fromisoformat(last))
    except ValueError:
        raise BadEvent("this is no day", where="--from, --to", remedy="write it as 2026-01-31") from None
    if days.last < days.first:
        raise BadEvent("the last day lies before the first", where="--from, --to", remedy="change their places")
    return days


def touching(summaries: Iterable[CaseSummary], period: Period) -> list[CaseSummary]:
    """Return the requests that were received, open, or worked on in a period."""
    return [s for s in summaries if s.received <= period.last and (not s.closed or max(e.on for e in s.events) >= period.first)]


def answers(summaries: Iterable[CaseSummary], period: Period, today: date) -> list[Answered]:
    """Return every right that was asked for in a period, and what became of it by its end, or by today where the period still runs."""
    end = min(period.last, today)  # what is due later in a period that still runs is not late
    return [_answered(s, clock, end) for s in summaries if s.received in period for clock in s.clocks]


def _answered(summary: CaseSummary, clock: Clock, end: date) -> Answered:
    decided = clock.decided_on if clock.decided_on and clock.decided_on <= end else None
    outcome = clock.outcome if decided else ""
    left = _left(summary, clock) if decided else None
    on = left if left and left <= end else None
    return Answered(summary.request, clock.right, summary.received, clock.due, on, _timing(clock, outcome, on, end), outcome)


def _timing(clock: Clock, outcome: str, on: date | None, end: date) -> Timing:
    if outcome in _NOTHING_OWED:
        return "nothing owed"
    if on is not None:
        return "late" if on > (clock.due or clock.cautious) else "in time"
    return "late" if clock.due is not None and clock.due < end else "open"


def _left(summary: CaseSummary, clock: Clock) -> date | None:
    days = [
        e.on
        for e in summary.events
        if e.right in {"", clock.right}
        and clock.decided_on is not None
        and e.on >= clock.decided_on
        and (e.kind == "delivered" or (e.kind == "letter sent" and e.details.get("letter") not in _NO_ANSWERS))
    ]
    return min(days, default=None)


def shares(known: Sequence[Answered]) -> list[tuple[str, int, int, int, int, str, str]]:
    """Return per right, and for all: asked, in time, late, open, in time of those that were due, median days until the answer left."""
    rights = dict.fromkeys(a.right for a in known)
    return [_share(right, [a for a in known if a.right == right]) for right in rights] + ([_share("all", known)] if known else [])


def _share(name: str, known: Sequence[Answered]) -> tuple[str, int, int, int, int, str, str]:
    counts = Counter(a.timing for a in known)
    due = counts["in time"] + counts["late"]
    days = [(a.on - a.received).days for a in known if a.on]
    share = f"{100 * counts['in time'] / due:.1f} % of {due}" if due else "none was due"
    return name, len(known), counts["in time"], counts["late"], counts["open"], share, f"{statistics.median(days):g}" if days else "–"


def extensions(summaries: Iterable[CaseSummary], period: Period) -> list[tuple[str, str, date, date | None, str]]:
    """Return every extension of a period: request, right, day, new due day, reason."""
    clocks = {(s.request, c.right): c for s in summaries for c in s.clocks}
    found = ((s.request, e) for s in summaries for e in s.events if e.kind == "extended" and e.on in period)
    return [(request, e.right, e.on, clocks[request, e.right].due, clocks[request, e.right].extended_because) for request, e in found]


def refusals(summaries: Iterable[CaseSummary], period: Period) -> list[tuple[str, str, date | None, str, str, str]]:
    """Return what was refused in a period, whole or in part: request, right, day, outcome, grounds, who decided."""
    return [
        (s.request, c.right, c.decided_on, c.outcome, ", ".join(c.grounds) or "no ground on record", c.decided_by)
        for s in summaries
        for c in s.clocks
        if c.outcome in _REFUSED and c.decided_on in period
    ]


def complaints(summaries: Iterable[CaseSummary], period: Period) -> list[tuple[str, date, date | None, str, str]]:
    """Return the complaints of a period: request, received, due, outcome, who decided."""
    return [
        (s.request, s.received, c.due, c.outcome or "open", c.decided_by)
        for s in summaries
        for c in s.clocks
        if c.right == "complaint" and s.received in period
    ]


def follow_ups(summaries: Iterable[CaseSummary]) -> list[tuple[str, str, date | None]]:
    """Return what is still to be done for anybody: request, what, and by when where a day is set."""
    return [line for s in summaries for line in (*_of_clocks(s), *_of_answers(s), *_of_erasure(s))]


def _of_clocks(summary: CaseSummary) -> Iterator[tuple[str, str, date | None]]:
    for clock in summary.clocks if not summary.closed else ():
        if not clock.outcome:
            yield summary.request, f"{clock.right}: to be decided", clock.due or clock.cautious
        elif clock.outcome not in _NOTHING_OWED and not _left(summary, clock):
            yield summary.request, f"{clock.right}: decided ({clock.outcome}), and no answer has left", clock.due or clock.cautious


def _of_answers(summary: CaseSummary) -> Iterator[tuple[str, str, date | None]]:
    for decision in summary.decisions:
        if decision.rest_by is not None and not summary.closed:
            yield summary.request, "a first part was sent: the rest is owed", decision.rest_by
    if not summary.closed:
        failed = [t.label for t in summary.searched if t.state in {"failed", "waiting", "not searched"}]
        if failed:
            yield summary.request, f"not searched, or failed: {', '.join(failed)}", None
        if held := sum(t.held for t in summary.searched):
            yield summary.request, f"{held} row{'s are' if held > 1 else ' is'} held until somebody rules", None


def _of_erasure(summary: CaseSummary) -> Iterator[tuple[str, str, date | None]]:
    for state, steps in summary.verified.items():
        if state not in {"gone", "kept as planned"}:
            yield summary.request, f"erasure: {steps} step{'s' if steps > 1 else ''} {state}", None
    told = any(e.kind == "recipients told" for e in summary.events)
    if any(s.action == "erase" for s in summary.erasure) and summary.verified and not told:
        yield summary.request, "erasure: no word on record to the recipients (Art. 19)", None
