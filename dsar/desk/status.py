"""What stands where: each open case by state and days left, what waits on whom, and what to do next."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import date, timedelta
from io import BytesIO
from typing import TYPE_CHECKING

from dsar.datamap import Controller
from dsar.desk.due import due
from dsar.erase.first_steps import stops_marketing
from dsar.erase.freeze import COPIES
from dsar.law.deadlines import working_days_before
from dsar.listing import Listing, listing
from dsar.request.case import Case

if TYPE_CHECKING:
    from datetime import datetime

    from IPython.display import Image
    from matplotlib.figure import Figure

COLUMNS = ("Request", "Rights", "State", "Due", "Days left", "Waits for", "Next", "Handler", "Mind")
_PROMPT = 7  # days: UK GDPR Art. 12(6), 12A(2) name no figure
_ORDER = ("identity to settle", "in work", "to send", "waiting for the requester", "done")


def status(cases: Iterable[Case], today: date, made: Callable[[Case], Collection[str]]) -> Listing:
    """Return the open cases, the earliest due first: columns `COLUMNS`; `made` says which rights of a case have their files already."""
    lines = [_line(case, today, made(case)) for case in sorted((c for c in cases if not c.closed), key=lambda c: (c.due, c.request.id))]
    return listing(COLUMNS, lines, empty="No case is open.", sparse=True)


def _line(case: Case, today: date, made: Collection[str]) -> tuple[object, ...]:
    waits = "; ".join(f"{what}, since {since}" for what, since in case.waits_for)
    todo = "; ".join(next_steps(case, today, made))
    rights = ", ".join(f"{r} ({case.outcomes[r]})" if r in case.outcomes else r for r in case.request.rights)
    left = (case.due - today).days
    return (case.request.id, rights, case.state, str(case.due), left, waits, todo, case.handler, "; ".join(warnings(case, today)))


def next_steps(case: Case, today: date, made: Collection[str]) -> Iterator[str]:
    """Yield what to do next, in the order of the law: keep what is there, stop what must stop, then identity, access, erasure.

    `made` are the rights whose files lie there already: a copy in the outbox, an erasure that was tried or made.
    """
    if not case.last("snapshot taken"):
        yield "take the first snapshot (dsar begin)"
    if not case.last("deletion paused"):
        yield "have owners pause deletion"
    if stops_marketing(case.request) and not case.last("marketing stopped"):
        yield "stop marketing"
    if case.state == "identity to settle" and not case.waits_for:
        yield "settle who asks, or say why there is no doubt"
    yield from (f"write: {letter.replace('_', ' ')}" for letter in due(case, today) if letter in _LETTERS)
    if case.state == "in work":
        rights = in_order(case.open_rights)
        left = [r for r in rights if r in COPIES and case.delivered(r)]  # what was decided is a person's to say
        if left:
            yield f"record what was decided on {' and '.join(left)}, which was delivered"
        for first in [r for r in rights if r not in left][:1]:
            yield f"{_MADE.get(first, 'answer') if first in made else 'answer'} {first}"
    if case.state == "to send":
        yield "send, then record the delivery"
    if case.state == "done":
        yield "close"


_MADE = {"access": "have it read, deliver", "portability": "have it read, deliver", "erasure": "look back at the"}
_LETTERS = {"acknowledgement", "complaint_acknowledged", "reminder", "lapse"}


def in_order(rights: Iterable[str]) -> list[str]:
    """Return rights in the order they are answered: a copy before anything is erased (s.173 DPA 2018)."""
    first = ("complaint", "withdrawal", "objection", "restriction", "rectification", "access", "portability", "erasure")
    return sorted(rights, key=first.index)


def warnings(case: Case, today: date) -> Iterator[str]:
    """Yield what could go wrong with the dates of a case."""
    clocks = {r: case.deadlines[r] for r in case.open_rights}
    for right, clock in clocks.items():
        day = clock.due or clock.cautious
        if clock.state == "waiting":
            yield f"{right}: no due date while waiting; {clock.cautious} if the question did not stop the clock"
        elif day < today:
            yield f"{right}: overdue since {day}"
        elif right not in case.request.extended and clock.notify_extension_by and today <= clock.notify_extension_by <= today + timedelta(days=5):
            yield f"{right}: an extension must be told by {clock.notify_extension_by}"
        if clock.start and clock.start > case.request.received and case.asked_after > _PROMPT:
            why = f"proof was asked for {case.asked_after} days after receipt"
            yield f"{right}: {why}; due {clock.cautious} if that was not prompt, since the clock runs from receipt then"
    if {"access", "erasure"} <= set(clocks):
        access, erasure = (clocks[r].due or clocks[r].cautious for r in ("access", "erasure"))
        access_waits = clocks["access"].state == "waiting" and clocks["erasure"].state == "running"
        if access > erasure or access_waits:
            yield f"waiting for access would break erasure's own date, {erasure}: send the copy of what is ready before it"


def history(cases: Iterable[Case]) -> Listing:
    """Return what happened in some cases: columns Request, On, By, What, Right, Details."""
    lines = [(c.request.id, str(e.on), e.by, e.kind, e.right, spelled(e.details)) for c in cases for e in c.events]
    return listing(("Request", "On", "By", "What", "Right", "Details"), lines, empty="Nothing happened yet.", sparse=True)


def spelled(details: Mapping[str, object]) -> str:
    """Return the details of an event in words."""
    return "; ".join(f"{k}: {_in_words(v)}" for k, v in details.items())


def _in_words(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{k} ({v})" for k, v in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def clocks(case: Case) -> Listing:
    """Return until when each right has to be answered: columns Request, Right, State, Due, Target, Tell of an extension by, How it was counted."""
    lines = [
        (case.request.id, right, d.state, str(d.due or f"not yet ({d.cautious})"), str(d.target or ""), str(d.notify_extension_by or ""), d.reasoning)
        for right, d in case.deadlines.items()
    ]
    columns = ("Request", "Right", "State", "Due", "Target", "Tell of an extension by", "How it was counted")
    return listing(columns, lines, empty="It asks for nothing.", sparse=True)


def counts(cases: Iterable[Case]) -> dict[str, int]:
    """Return how many open cases stand at each state, in the order of the work."""
    states: list[str] = [c.state for c in cases if not c.closed]
    return {state: states.count(state) for state in _ORDER if states.count(state)}


def chart(cases: Mapping[str, Case], today: date) -> "Image":
    """Return a picture of the open cases: one bar each, as long as the days left."""
    from matplotlib.figure import Figure

    shown = sorted((c for c in cases.values() if not c.closed), key=lambda c: (c.due, c.request.id))[:40]
    figure = Figure(figsize=(8, 1.1 + 0.3 * len(shown)), layout="constrained")
    axes = figure.subplots()
    left = [(c.due - today).days for c in shown]
    if not shown:
        axes.text(0.5, 0.5, "No case is open.", ha="center", va="center")
        axes.set_axis_off()
        return _picture(figure, 0)
    axes.barh([c.request.id for c in shown], left, color=[_COLOURS[c.state] for c in shown])
    for n, (case, days) in enumerate(zip(shown, left, strict=True)):
        axes.annotate(f" {days}: {case.state}", (max(days, 0), n), va="center")
    axes.axvline(0, color="black", linewidth=0.8)
    axes.invert_yaxis()
    axes.margins(x=0.35)
    axes.set_xlabel("days left")
    axes.spines[["top", "right"]].set_visible(False)
    return _picture(figure, len(shown))


def _picture(figure: "Figure", cases: int) -> "Image":
    from IPython.display import Image

    target = BytesIO()
    figure.savefig(target, format="png", dpi=110)
    return Image(target.getvalue(), format="png", alt=f"Days left of {cases} open cases")  # type: ignore[no-untyped-call]


_COLOURS = {
    "identity to settle": "#b4552d",
    "waiting for the requester": "#9aa5ab",
    "in work": "#2f6f8f",
    "to send": "#4d8f5b",
    "done": "#c8d6cb",
    "closed": "#ffffff",
}


def calendar(cases: Iterable[Case], controller: Controller, now: "datetime") -> bytes:
    """Return the dates of the open cases as iCalendar (RFC 5545): due, and five working days before; nothing about any person."""
    from icalendar import Calendar, Event, vDate

    made = Calendar()
    made.add("prodid", "-//dsar//register//EN")
    made.add("version", "2.0")
    for case in cases:
        for right in () if case.closed else case.open_rights:
            clock = case.deadlines[right]
            day = clock.due or clock.cautious
            internal = working_days_before(day, 5, case.request.calendar or controller.calendar)
            state = "due" if clock.due else "due if the clock was not stopped"
            for what, on in ((state, day), ("owners finish", internal)):
                event = Event()
                event.add("uid", f"{case.request.id}-{right}-{what.replace(' ', '-')}@{controller.contact.partition('@')[2]}")
                event.add("summary", f"{case.request.id}: {right}, {what}")
                event.add("dtstart", vDate(on))
                event.add("dtstamp", now)
                made.add_component(event)
    return bytes(made.to_ical())
