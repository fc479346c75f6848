"""What can happen to a request, as a closed list: which details each event needs, and what they may say.

An event tells who recorded it and on which day it happened. Details hold codes, file names, hashes
and counts, never what a person is known by.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from dsar.errors import BadEvent
from dsar.law.deadlines import EXTENSION_REASONS
from dsar.request.identity import AUTHORITIES, DOCUMENTS, METHODS

OUTCOMES = {
    "granted": "everything asked for was given or done",
    "partial": "given or done in part; the rest refused with reasons",
    "refused": "refused with reasons",
    "no data": "nothing is held in the systems searched",
    "redirected": "we only process this for somebody else, who was told",
    "withdrawn": "the person took the request back",
    "lapsed": "the person never answered what we had to ask",
}
REFUSALS = {
    "manifestly unfounded": "12(5)",
    "manifestly excessive": "12(5)",
    "cannot identify": "12(2)",
    "exemption": "23",
    "exception to erasure": "17(3)",
    "compelling grounds": "21(1)",
    "accuracy confirmed": "16",
    "not portable": "20(1)",
}
_Check = Callable[[Any], bool]


@dataclass(frozen=True)
class Kind:
    """One kind of event: the details it must have, those it may have, and whether it is about one right."""

    needs: Mapping[str, _Check]
    may: Mapping[str, _Check]
    right: bool | None = False  # None: may be about one


def _one_of(allowed: object) -> _Check:
    return lambda value: value in allowed  # type: ignore[operator]


def _text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _words(value: object) -> bool:
    return isinstance(value, str) and len(value.split()) >= 3  # a "no" under this heading is an answer, not a reason


def _texts(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(map(_text, value))


def _mapping(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(k, str) for k in value)


def _flag(value: object) -> bool:
    return isinstance(value, bool)


_MEANT: dict[_Check, str] = {
    _text: "it is a text",
    _words: "it is a reason in three words or more",
    _texts: "it is a list: a, b",
    _mapping: "it is a list of pairs: a: x; b: y",
    _flag: "it is yes or no",
}
_METHOD, _ANY = _one_of(METHODS), lambda _: True
KINDS = {
    "registered": Kind({}, {"duplicates": _texts, "source": _text, "linked": _texts}),
    "corrected": Kind({"fields": _texts}, {"source": _text}),
    "acknowledged": Kind({}, {}),
    "identity asked": Kind({"method": _METHOD, "doubt": _words}, {}),
    "identity reminded": Kind({"after": _one_of((7, 14))}, {}),
    "identity confirmed": Kind({"method": _METHOD, "kinds": _texts}, {"document": _one_of(DOCUMENTS)}),
    "identity withdrawn": Kind({"why": _words}, {}),
    "authority asked": Kind({"authority": _one_of(AUTHORITIES)}, {}),
    "authority confirmed": Kind({"authority": _one_of(AUTHORITIES), "scope": _text}, {"person_first": _flag}),
    "clarification asked": Kind({"about": _words}, {}),
    "clarified": Kind({}, {}),
    "fee asked": Kind({"amount": _text, "why": _one_of(("manifestly unfounded", "manifestly excessive", "further copy"))}, {}),
    "fee paid": Kind({"amount": _text}, {}),
    "extended": Kind({"reason": _one_of({r.code for r in EXTENSION_REASONS}), "because": _words}, {}, right=True),
    "snapshot taken": Kind({"tables": _ANY}, {"failed": _texts}),
    "deletion paused": Kind({"owners": _texts}, {}),
    "marketing stopped": Kind({"systems": _texts}, {}),
    "letter drafted": Kind({"letter": _text, "file": _text}, {"reviewed": _flag}, right=None),
    "letter sent": Kind({"letter": _text}, {"file": _text}, right=None),
    "lifting announced": Kind({}, {}, right=True),  # Art. 18(3)
    "recipients told": Kind({"recipients": _texts}, {"impossible": _mapping}, right=None),
    "decided": Kind({"outcome": _one_of(OUTCOMES)}, {"grounds": _texts, "because": _words}, right=True),
    "ticked": Kind({"answer": _text}, {}),
    "delivered": Kind({"files": _mapping}, {"method": _text, "checked_by": _text}, right=None),
    "handed over": Kind({"handler": _text}, {}),
    "kept back": Kind({"why": _words}, {}),  # from purging, whatever the schedule says: a claim, an audit
    "let go": Kind({}, {}),
    "closed": Kind({"outcome": _one_of(OUTCOMES)}, {}),
    "reopened": Kind({"why": _words}, {}),
}


@dataclass(frozen=True)
class Event:
    """One thing that happened; `on` is the local day, `at` when it was recorded (UTC, ISO 8601)."""

    kind: str
    on: date
    by: str
    at: str
    right: str = ""
    details: Mapping[str, Any] = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        object.__setattr__(self, "details", dict(self.details or {}))


def check(event: Event, *, rights: tuple[str, ...], received: date, today: date) -> Event:
    """Return the event; raises `BadEvent` where it is none of the list, lacks a detail, or cannot have been on that day."""
    kind = KINDS.get(event.kind)
    if kind is None:
        raise BadEvent(f"'{event.kind}' is no event of the register", remedy=f"use one of {', '.join(KINDS)}")
    if not event.by.strip():
        raise BadEvent("an event needs the name of who records it", where=event.kind, remedy="name yourself: --by 'A. Nalyst'")
    if event.on < received or event.on > today:
        raise BadEvent(f"the day must lie between receipt and today ({received} to {today})", where=event.kind, remedy="correct the day")
    if event.right not in {"", *rights} or (kind.right is True and not event.right) or (kind.right is False and event.right):
        asked = f"the request asks for {', '.join(rights)}"
        if kind.right is False:
            raise BadEvent("it is about the request as a whole, not about one right", where=event.kind, remedy="leave the right out")
        raise BadEvent("name the right it is about" if not event.right else f"nobody asked for {event.right}", where=event.kind, remedy=asked)
    allowed = {**kind.needs, **kind.may}
    missing, unknown = [n for n in kind.needs if n not in event.details], [n for n in event.details if n not in allowed]
    if missing or unknown:
        needs = f"it needs {', '.join(kind.needs) or 'no details'}" + (f" and may have {', '.join(kind.may)}" if kind.may else "")
        raise BadEvent(f"{'lacks ' + missing[0] if missing else unknown[0] + ' is not one of its details'}", where=event.kind, remedy=needs)
    for name, value in event.details.items():
        if not allowed[name](value):
            raise BadEvent(f"{name} is not as it should be", where=event.kind, remedy=_allowed(name, allowed[name]))
    if event.kind == "decided":
        grounds, refused = set(event.details.get("grounds", ())), event.details["outcome"] in {"partial", "refused"}
        remedy = f"grounds are {', '.join(REFUSALS)}"
        if refused and not (grounds and grounds <= set(REFUSALS) and "because" in event.details):
            raise BadEvent("a refusal needs grounds and because", where=event.kind, remedy=remedy)
        if not grounds <= set(REFUSALS):
            raise BadEvent("grounds are of a list; words about them stand in because", where=event.kind, remedy=remedy)
    return event


def typed(event: str, name: str, text: str) -> Any:
    """Return a detail from how it is typed: a list as `a, b`, a mapping as `a: x; b: y`, a flag as `yes` or `no`; raises `BadEvent`."""
    kind = KINDS.get(event)
    known = {**kind.needs, **kind.may} if kind else {}
    if name not in known:
        remedy = f"its names are {', '.join(known) or 'none'}" if kind else f"the events are {', '.join(KINDS)}"
        raise BadEvent("details are written name=value, with the names that the event has", where=event, remedy=remedy)
    right = known[name]
    if right is _texts:
        return [part.strip() for part in text.split(",")]
    if right is _mapping:
        pairs = [part.partition(":") for part in text.split(";")]
        return {key.strip(): value.strip() for key, _, value in pairs} if all(colon for _, colon, _ in pairs) else text
    if right is _flag:
        return {"yes": True, "no": False}.get(text, text)
    return int(text) if text.isdecimal() and not right(text) else text


def _allowed(name: str, check_: _Check) -> str:
    if check_ in _MEANT:
        return _MEANT[check_]
    lists: dict[str, object] = {
        "method": METHODS,
        "authority": AUTHORITIES,
        "document": DOCUMENTS,
        "outcome": OUTCOMES,
        "reason": [r.code for r in EXTENSION_REASONS],
        "after": (7, 14),
        "why": ("manifestly unfounded", "manifestly excessive", "further copy"),
    }
    return f"it is one of {', '.join(map(str, lists[name]))}"  # type: ignore[call-overload]
