"""Which letters a case needs now, and which of those that answer a right it may have at all."""

from collections.abc import Collection
from datetime import date

from dsar.request.case import Case

MEASURED = {"restriction_answer": "restriction", "objection_answer": "objection", "withdrawal_answer": "withdrawal"}
ANSWERS = {
    "access": "access_answer",
    "portability": "portability_answer",
    "erasure": "erasure_answer",
    "rectification": "rectification_answer",
    "complaint": "complaint_outcome",
    **{right: letter for letter, right in MEASURED.items()},
}
_FOR = {"complaint_acknowledged": "complaint", **{letter: right for right, letter in ANSWERS.items()}}
_NOT_DONE = {"refused", "redirected", "withdrawn", "lapsed"}
_WITH = {"erasure": ["backups"], "objection": ["suppression"], "withdrawal": ["suppression"]}


def due(case: Case, today: date, seen: Collection[str] = ()) -> tuple[str, ...]:
    """Return the letters that the case needs now, in the order of writing; `seen` are the rights that were seen carried out."""
    found = ["complaint_acknowledged" if case.request.rights == ("complaint",) else "acknowledgement"] if not case.last("acknowledged") else []
    waits = {what for what, _ in case.waits_for}
    if "proof of identity" in waits and not case.last("identity reminded"):
        found.append("identity_request")
    found += ["lapse" if told == "lapse" else "reminder" for told in case.reminders(today)]
    if not case.may_send:
        return tuple(found)
    found += [name for what, name in (("clarification", "clarification"), ("the fee", "fee")) if what in waits]
    found += ["extension"] if case.request.extended and not case.last("letter sent") else []
    if waits:
        return tuple(found)
    for right in case.request.rights:
        outcome = case.outcomes.get(right)
        found += ["refusal"] if outcome in {"refused", "partial"} else []
        found += ["redirect"] if outcome == "redirected" else []
        found += [ANSWERS[right], *_WITH.get(right, [])] if outcome not in _NOT_DONE else []
        found += ["recipient_notice"] if right in seen else []
    return tuple(dict.fromkeys(found))


def require_asked(name: str, case: Case) -> None:
    """Raise `NotAsked` for the letter of a right that the request does not ask for; a right is in the register, complaints too."""
    if name in _FOR:
        case.request.require_asked(_FOR[name])
