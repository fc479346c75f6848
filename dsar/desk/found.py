"""What a letter may say of what was found: the snapshot of a case, and what was decided on it."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from dsar.answer.export import open_points
from dsar.errors import AnswerIncomplete
from dsar.find.decisions import Decisions
from dsar.find.dossier import Dossier


@dataclass(frozen=True)
class Found:
    """What the snapshot of a case holds, and what was decided on it."""

    dossier: Dossier
    decisions: Decisions
    today: date
    frozen: str  # what nothing of theirs is erased before, other requests of the same person looked at too (`erase.freeze`)
    case: Path | None = None  # its folder: what became of an erasure lies there


def part_one(found: Found, right: str) -> date | None:
    """Return the day the rest follows by where only part 1 is answered; raises `AnswerIncomplete` where nobody decided that."""
    points = open_points(found.dossier, right) if right in {"access", "portability"} else found.dossier.open_points
    decision = found.decisions.get("part 1")
    if points and not decision:
        remedy = "close these points, or record the decision 'part 1'"
        raise AnswerIncomplete("; ".join(map(str, points)), where=found.dossier.request.id, remedy=remedy)
    return decision.rest_by if points and decision else None
