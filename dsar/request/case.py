"""A case: one request with all that happened to it, and what follows from that.

Nothing here is stored: state, clock and what is waited for are worked out from the events each time.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any, Literal

from dsar.datamap import Controller
from dsar.law.deadlines import Deadline, Span
from dsar.request.events import Event
from dsar.request.identity import LAPSE_AFTER, REMIND_AFTER, Identifier
from dsar.request.request import Request

State = Literal["identity to settle", "waiting for the requester", "in work", "to send", "done", "closed"]
_IDENTITY = (("identity asked", "identity confirmed"), ("authority asked", "authority confirmed"))
_QUESTIONS = (
    ("proof of identity", *_IDENTITY[0]),
    ("proof of authority", *_IDENTITY[1]),
    ("clarification", "clarification asked", "clarified"),
    ("the fee", "fee asked", "fee paid"),
)


@dataclass(frozen=True)
class Case:
    """One request as the register holds it; `version` is what it was when read."""

    request: Request
    version: int
    channel: str
    requester: str
    reply_to: str
    language: str
    handler: str
    line_sha256: str | None
    events: tuple[Event, ...]
    controller: Controller

    def last(self, kind: str, right: str | None = None) -> Event | None:
        """Return the latest event of a kind, of a right where one is named."""
        found = [e for e in self.events if e.kind == kind and (right is None or e.right == right)]
        return found[-1] if found else None

    def delivered(self, right: str) -> bool:
        """Return whether the copy of a right was delivered, by itself or with the whole answer."""
        return any(e.kind == "delivered" and e.right in {"", right} for e in self.events)

    @cached_property
    def deadlines(self) -> dict[str, Deadline]:
        """The clock of every right."""
        return {right: self.request.deadline(right, self.controller) for right in self.request.rights}

    @property
    def outcomes(self) -> dict[str, str]:
        """Right → outcome, for those that are decided."""
        return {e.right: e.details["outcome"] for e in self.events if e.kind == "decided"}

    @property
    def open_rights(self) -> tuple[str, ...]:
        """The rights not decided yet."""
        return tuple(r for r in self.request.rights if r not in self.outcomes)

    @property
    def duplicates(self) -> tuple[str, ...]:
        """Earlier requests of, as it seems, the same person."""
        registered = self.last("registered")
        return tuple(registered.details.get("duplicates", ())) if registered else ()

    @property
    def closed(self) -> bool:
        """Whether it was closed and not reopened since."""
        closed, reopened = (self._place(kind) for kind in ("closed", "reopened"))
        return closed > reopened

    def _place(self, kind: str) -> int:
        return max((n for n, e in enumerate(self.events) if e.kind == kind), default=-1)

    @property
    def waits_for(self) -> tuple[tuple[str, date], ...]:
        """What the requester was asked and has not answered: what, and since when."""
        return tuple((what, asked) for what, start, end in _QUESTIONS for asked, answered in _spans(self.events, start, end) if answered is None)

    @property
    def asked_after(self) -> int:
        """Days from receipt until proof of identity or authority was first asked for; of several questions, until the last."""
        asked = (span[0] for start, end in _IDENTITY for span in _spans(self.events, start, end))
        return max(((day - self.request.received).days for day in asked), default=0)

    @property
    def authority_settled(self) -> bool:
        """Whether who writes for somebody else has shown that they may."""
        return self.request.authority_settled

    @property
    def may_send(self) -> bool:
        """Whether anything about the person may leave: identity and authority are settled."""
        return self.request.identity_settled

    @property
    def state(self) -> State:
        """Where the case stands, in words of the desk."""
        if self.closed:
            return "closed"
        if not self.open_rights:
            return "done" if self.last("delivered") or self.last("letter sent") else "to send"
        if self.waits_for:
            return "waiting for the requester"
        return "in work" if self.may_send else "identity to settle"

    @property
    def due(self) -> date:
        """The first day something of it is due; while the clock waits, the day that counts if it should not."""
        chosen = [self.deadlines[r] for r in self.open_rights] or list(self.deadlines.values())
        return min(d.due or d.cautious for d in chosen)

    def reminders(self, today: date) -> Iterator[str]:
        """Yield what is to be sent today because an answer has not come: 'reminder 7', 'reminder 14' or 'lapse'."""
        for what, asked in self.waits_for:
            if what not in {"proof of identity", "proof of authority"}:
                continue
            waited = (today - asked).days
            sent = {e.details["after"] for e in self.events if e.kind == "identity reminded" and e.on >= asked}
            if waited >= LAPSE_AFTER:
                yield "lapse"
                return
            due = [after for after in REMIND_AFTER if waited >= after]
            if due and due[-1] not in sent:
                yield f"reminder {due[-1]}"
                return


def fold(
    row: Mapping[str, Any], rights: tuple[str, ...], identifiers: tuple[Identifier, ...], events: tuple[Event, ...], controller: Controller
) -> Case:
    """Return the case that the register's lines tell of."""
    settled = _settled_on(events)
    asked = [s for start, end in _IDENTITY for s in _spans(events, start, end)]
    fees = _spans(events, "fee asked", "fee paid")
    request = Request(
        id=row["id"],
        received=row["received"],
        rights=rights,
        identifiers=identifiers,
        verified_on=settled,
        no_reasonable_doubt=row["no_reasonable_doubt"],
        regime=row["regime"],
        calendar=row["calendar"],
        language=row["language"],
        identity=_together(asked),
        fee=_together(fees),
        pauses=tuple(_spans(events, "clarification asked", "clarified")),
        extended=frozenset(e.right for e in events if e.kind == "extended"),
        authority_settled=row["requester"] in {"person", "child"} or any(e.kind == "authority confirmed" for e in events),
    )
    names = ("version", "channel", "requester", "reply_to", "language", "handler", "line_sha256")
    return Case(request, **{n: row[n] for n in names}, events=events, controller=controller)


def _settled_on(events: tuple[Event, ...]) -> date | None:
    settled: date | None = None
    for event in events:
        if event.kind == "identity confirmed":
            settled = event.on
        elif event.kind == "identity withdrawn":
            settled = None
    return settled


def _spans(events: tuple[Event, ...], start: str, end: str) -> list[Span]:
    """Return the questions with their answers: one that is asked again before its answer is one question still."""
    spans: list[Span] = []
    for event in events:
        if event.kind == start and (not spans or spans[-1][1] is not None):
            spans.append((event.on, None))
        elif event.kind == end and spans and spans[-1][1] is None:
            spans[-1] = (spans[-1][0], max(event.on, spans[-1][0]))
    return spans


def _together(spans: list[Span]) -> Span | None:
    """Return one span over all: open while one is open, answered when the last is (12A(2): the latest of)."""
    if not spans:
        return None
    answers = [answered for _, answered in spans]
    return min(asked for asked, _ in spans), (None if None in answers else max(a for a in answers if a))
