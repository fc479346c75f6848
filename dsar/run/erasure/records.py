"""What lies in the case folders of erasures: the plan that was looked at, and what the last look back saw."""

from collections.abc import Sequence

from dsar.erase import jobs, record
from dsar.erase.step import WAITS, Step
from dsar.erase.verify import State, Verification
from dsar.find.dossier import Dossier
from dsar.request.request import Request
from dsar.workspace import Workspace


def load_plan(ws: Workspace, request: Request) -> tuple[Step, ...]:
    """Return the plan that was looked at; raises `DossierMissing` where there is none."""
    return record.load_plan(ws.case(request), request.id)


def save_plan(ws: Workspace, request: Request, steps: Sequence[Step], now: Dossier) -> None:
    """Write a plan down, with the steps of an earlier one that are done, and those that wait and that nobody ruled against since."""
    case = ws.case(request)
    made = {s for job in jobs.all_of(case) for c in job.changes if job.state == "begun" or c not in job.left for s in c.steps}
    fresh = {s.id for s in steps}
    before = load_plan(ws, request) if made else ()
    # What was done stays on record, so that it must not come back; so does what waits, since what led to it may be gone by now.
    ruled = {f"{a} {row['dsar_key']}" for a, found in now.tables.items() for row in found.listed if row["dsar_standing"] not in {"found", "held"}}
    waits = (s for s in before if s.action in WAITS and not s.new and f"{s.address} {s.key}" not in ruled)
    kept = {s.id: s for s in (*(s for s in before if s.id in made), *waits) if s.id not in fresh}
    record.save_plan(case, request, (*kept.values(), *steps))


def load_verified(ws: Workspace, request: Request) -> Verification | None:
    """Return the last verification of a request, or None."""
    return record.load_verified(ws.case(request))


def states(ws: Workspace, request: Request) -> dict[str, State]:
    """Return what was last seen of each step, by its id."""
    before = load_verified(ws, request)
    return {v.step: v.state for v in before.verdicts if v.step} if before else {}


def planned_requests(ws: Workspace) -> list[Request]:
    """Return the requests that a plan was made for."""
    return [r for r in ws.requests.values() if record.has_plan(ws.root / "cases" / r.id)]
