"""The statutory clock: until when a request has to be answered, and why.

UK: Article 12A UK GDPR (in force since 5 February 2026) and Article 4A, which counts periods by
Article 3 of Regulation (EEC, Euratom) 1182/71. EU: Article 12(3) and the same regulation. Both
count "one month" to the same date of the next month, clamp it to that month's end, and roll a last
day that is no working day to the next one. They differ in where the clock starts and what stops it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from typing import Literal, NamedTuple

import holidays
from dateutil.relativedelta import relativedelta

from dsar.errors import BadDates, UnknownCalendar

Regime = Literal["uk", "eu"]
State = Literal["running", "waiting"]
Span = tuple[date, date | None]  # asked, answered; None while it is not

RIGHTS = ("access", "rectification", "erasure", "restriction", "portability", "objection", "withdrawal", "complaint")
TARGET = 28  # days; the ICO's simplification, short of every month
COMPLAINT = 30  # days in which a complaint is acknowledged, s.164A DPA 2018
# The GDPR applies since 2018. One-off holidays are proclaimed a year or two ahead: past the last of these years the library
# only extrapolates, and a deadline that long is a slip of the pen.
YEARS = range(2018, 2036)


class ExtensionReason(NamedTuple):
    """One of the two grounds on which two further months may be taken (Art. 12(3); UK 12A(3))."""

    code: str
    sentence: str


# A closed list: that many *other* people asked at the same time is no ground, neither is a lack of staff.
EXTENSION_REASONS = (
    ExtensionReason("complexity", "what you asked for is complex to find and to prepare"),
    ExtensionReason("number", "you have made a number of requests, which we are answering together"),
)


@dataclass(frozen=True)
class Deadline:
    """What the clock says of one right of one request; all days are the controller's local dates.

    While `waiting` for an answer that stops it, there is no due date, but `cautious`: the day that
    counts if that question should turn out not to have stopped the clock. `notify_extension_by`
    is never rolled over a weekend.
    """

    state: State
    start: date | None
    nominal: date | None
    due: date | None
    notify_extension_by: date | None
    target: date | None
    cautious: date
    excluded_days: int
    reasoning: str


def clock(
    received: date,
    regime: Regime,
    calendar: str,
    right: str,
    identity: Span | None = None,
    fee: Span | None = None,
    pauses: Sequence[Span] = (),
    extended: bool = False,
) -> Deadline:
    """Return the deadline of one right.

    `received` is the local day of receipt, of whatever kind. `identity` and `fee` tell when proof of
    identity or authority, or a fee, was asked for, and when it came; `pauses` when clarification was
    asked for and came. In the UK the first two restart the clock (12A(2)), the last stops it for
    access alone (12A(5)). In the EU, `pauses` are the suspensions the controller stands for (EDPB
    01/2022), and an answered `identity` changes nothing. Raises `UnknownCalendar` for a calendar or
    a year it has no holidays of, and `BadDates` where the dates contradict one another.
    """
    _check(received, regime, right, identity, fee, pauses, extended=extended)
    if right == "complaint":
        return _complaint(received, calendar)
    said = [f"Received on {received}: the day of receipt is not counted, whatever day it is (Reg. 1182/71 Art. 3(1))."]
    start, waits = _start(received, regime, identity, fee, said)
    months = 3 if extended else 1
    days, waits_on = _excluded(regime, right, pauses, start, start + relativedelta(months=months), said)
    if extended:
        said.append("Extended: three months from the start, in one step (Art. 12(3); UK 12A(3)).")
    cautious = _rolled(received + relativedelta(months=months), calendar)
    if waits or waits_on:
        said.append(f"No day is due before the answer comes; should the question not have stopped the clock, {cautious} is.")
        return Deadline("waiting", None if waits else start, None, None, None, None, cautious, 0, " ".join(said))
    nominal, excluded = _period(start, months, days)
    if excluded:
        said.append(f"{excluded} day{'s' if excluded > 1 else ''} not counted, both ends included.")
    due = _rolled(nominal, calendar)
    said.append(_ending(nominal, due, calendar, months))
    notify, _ = _period(start, 1, days)
    target = start + timedelta(days=TARGET + excluded)
    return Deadline("running", start, nominal, due, notify, target, cautious, excluded, " ".join(said))


def _check(received: date, regime: str, right: str, identity: Span | None, fee: Span | None, pauses: Sequence[Span], *, extended: bool) -> None:
    if regime not in ("uk", "eu"):
        raise BadDates("regime must be uk or eu", remedy="correct it in dsar.toml or in the register")
    if right not in RIGHTS:
        raise BadDates("there is no such right", remedy=f"use one of {', '.join(RIGHTS)}")
    if right == "complaint" and (extended or regime == "eu"):
        what = "a complaint's 30 days cannot be extended" if extended else "the law on complaints to the controller (s.164A DPA 2018) is the UK's"
        raise BadDates(what, remedy="register it as what it asks for")
    for name, (asked, answered) in [("identity", s) for s in (identity,) if s] + [("fee", s) for s in (fee,) if s] + [("pause", s) for s in pauses]:
        if asked < received:
            raise BadDates(f"{name}: asked before the request was received", remedy="correct the dates in the register")
        if answered is not None and answered < asked:
            raise BadDates(f"{name}: answered before it was asked", remedy="correct the dates in the register")


def _start(received: date, regime: Regime, identity: Span | None, fee: Span | None, said: list[str]) -> tuple[date, bool]:
    """Return the day the period runs from, and whether something it waits for has not come."""
    start, waits = received, False
    for name, span in (("proof of identity or authority", identity), ("the fee", fee)):
        if span is None:
            continue
        asked, answered = span
        if answered is None:
            waits = True
            said.append(f"Waiting for {name}, asked for on {asked}.")
        elif regime == "uk":
            start = max(start, answered)
            said.append(f"{name[0].upper()}{name[1:]} came on {answered}: the clock starts there (UK GDPR Art. 12A(2)).")
        else:
            said.append(
                f"{name[0].upper()}{name[1:]} came on {answered}; counted from receipt all the same, since only a suspension on record adds days."
            )
    return start, waits


def _excluded(regime: Regime, right: str, pauses: Sequence[Span], start: date, end: date, said: list[str]) -> tuple[list[date], bool]:
    """Return the days that do not count, in order, and whether a pause has no end yet."""
    if not pauses:
        return [], False
    if regime == "uk" and right != "access":
        said.append("The question for clarification stops the clock for access requests only (UK GDPR Art. 12A(5)).")
        return [], False
    rule = "UK GDPR Art. 12A(5)" if regime == "uk" else "EDPB Guidelines 01/2022"
    for asked, answered in pauses:
        said.append(f"Stopped from {asked} {f'to {answered}' if answered else 'until an answer comes'} ({rule}).")
    days = sorted({d for asked, answered in pauses if answered for d in _days(asked, answered) if d >= start})
    last = _lengthened(end, days)
    # A question asked once the time is up stops nothing: the overdue answer stays overdue.
    return days, any(answered is None and asked <= last for asked, answered in pauses)


def _days(first: date, last: date) -> Iterator[date]:
    return (first + timedelta(days=n) for n in range((last - first).days + 1))


def _period(start: date, months: int, days: Sequence[date]) -> tuple[date, int]:
    """Return the nominal last day and how many of the days lengthened it: a day past the end stops nothing any more."""
    end = start + relativedelta(months=months)
    last = _lengthened(end, days)
    return last, (last - end).days


def _lengthened(end: date, days: Sequence[date]) -> date:
    for day in days:
        if day <= end:
            end += timedelta(days=1)
    return end


def _ending(nominal: date, due: date, calendar: str, months: int) -> str:
    period = "three months" if months > 1 else "one month"
    if due == nominal:
        return f"After {period} the last day is {nominal:%A} {nominal}, a working day in {calendar} (Reg. 1182/71 Art. 3(2)(c))."
    return f"After {period} the last day would be {nominal:%A} {nominal}, no working day in {calendar}: due {due:%A} {due} (Reg. 1182/71 Art. 3(4))."


def _complaint(received: date, calendar: str) -> Deadline:
    nominal = received + timedelta(days=COMPLAINT)
    due = _rolled(nominal, calendar)
    said = f"Received on {received}: acknowledged within {COMPLAINT} days (s.164A DPA 2018), so by {due}; the outcome follows without undue delay."
    return Deadline("running", received, nominal, due, None, received + timedelta(days=TARGET), due, 0, said)


def is_working_day(day: date, calendar: str) -> bool:
    """Whether a day is neither Saturday, Sunday nor a public holiday (Reg. 1182/71 Art. 2(2))."""
    return day.weekday() < 5 and day not in _holidays(calendar, day.year)


def working_days_before(day: date, count: int, calendar: str) -> date:
    """Return the working day that lies `count` working days before a day."""
    while count:
        day -= timedelta(days=1)
        count -= is_working_day(day, calendar)
    return day


def _rolled(day: date, calendar: str) -> date:
    while not is_working_day(day, calendar):
        day += timedelta(days=1)
    return day


def check_calendar(calendar: str) -> str:
    """Return the calendar; raises `UnknownCalendar` where there are no holidays of it."""
    _holidays(calendar, YEARS[0])
    return calendar


@cache
def _holidays(calendar: str, year: int) -> frozenset[date]:
    if year not in YEARS:
        remedy = f"holidays are known for {YEARS[0]} to {YEARS[-1]}: correct the date, or bring the package 'holidays' and this list up to date"
        raise UnknownCalendar(f"there are no public holidays on record for {year}", where=calendar, remedy=remedy)
    country, _, part = calendar.partition("-")
    known = holidays.list_supported_countries()
    if country not in known or (part and part not in known[country]) or (country == "GB" and not part):
        remedy = "use a country and its part, such as GB-ENG, GB-WLS, GB-SCT, GB-NIR, IE, DE or DE-BY"
        raise UnknownCalendar("is no calendar of public holidays", where=calendar, remedy=remedy)
    return frozenset(holidays.country_holidays(country, subdiv=part or None, years=year))
