"""The dry run: plans anew, tries every change, undoes it, and writes down what was decided."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from dsar.erase import execute as executing
from dsar.erase import jobs, record
from dsar.erase.freeze import frozen
from dsar.erase.jobs import Job
from dsar.erase.plan import plan
from dsar.erase.step import Step
from dsar.errors import AnswerIncomplete, DsarError, ErasureRefused
from dsar.find.dossier import Dossier
from dsar.listing import Listing
from dsar.patience import patiently
from dsar.request.request import Request
from dsar.run.erasure.lists import plan_listing
from dsar.run.erasure.records import save_plan
from dsar.run.erasure.systems import Outcome, Writing, chosen, crowds, writing
from dsar.workspace import Workspace


@patiently("trying the erasure")
def dry_run(ws: Workspace, requests: Sequence[Request], source: str | None = None) -> list[Outcome]:
    """Plan anew, try every change and undo it, and write down what `execute` will be held to."""
    # A snapshot that somebody decided on is what was decided; one from before changes were made is not how it is.
    begun = [r for r in requests if any(jobs.all_of(ws.case(r))) and not ((s := ws.snapshot(r)) and s.open_points and ws.decisions(r).get("part 1"))]
    dossiers = ws.collect_all(begun, again=True) | ws.collect_all([r for r in requests if r not in begun])
    for request in requests:
        _require_decided(ws, request, dossiers[request.id])
    steps = planned(ws, dossiers)
    opened = ws.sources()
    sharing = crowds(opened, dossiers.values(), steps)
    for request in requests:
        save_plan(ws, request, steps[request.id], dossiers[request.id])
    found = []
    for name in chosen(ws, source):
        system = writing(opened[name])
        for request in requests:
            job = jobs.planned(dossiers[request.id], steps[request.id], name, ws.clock(), sharing.get(name))
            old = jobs.load(ws.case(request), name)
            if job.changes or (old and old.state == "begun"):
                found.append(_tried(ws, request, job, system))
    return found


def planned(ws: Workspace, dossiers: Mapping[str, Dossier]) -> dict[str, tuple[Step, ...]]:
    """Return the plans as of these snapshots by request, with what freezes a request taken into account."""
    cases = ws.register.cases()
    for dossier in dossiers.values():
        dossier.request.require("erasure")
    return {i: plan(dossier, ws.today, frozen(cases[i], cases.values())) for i, dossier in dossiers.items()}


@patiently("planning the erasure")
def ensure_plan(ws: Workspace, request: Request) -> Listing:
    """The plan that was looked at, made now where there is none: columns System, What, Key, Action, Why, Article, Until."""
    if not record.has_plan(ws.case(request)):
        dry_run(ws, [request])
    return plan_listing(ws, request)


def _tried(ws: Workspace, request: Request, job: Job, system: Writing) -> Outcome:
    if system.eraser is None and not system.can.transactional:
        return Outcome(request.id, job.source, job, error=system.error)
    try:
        job = _taken_up(jobs.load(ws.case(request), job.source), job)
        job.save(ws.case(request))
        if system.eraser is None:  # its administrator gets the changes as statements
            return Outcome(request.id, job.source, job, error=system.error)
        with executing.alone(ws.root, job.source):
            return Outcome(request.id, job.source, job, executing.tried(system.eraser, job.left, commit=False, whole=system.can.transactional))
    except DsarError as refused:
        return Outcome(request.id, job.source, job, error=refused)


def _taken_up(old: Job | None, job: Job) -> Job:
    """Return a new job with what an earlier one has done; raises `ErasureRefused` where that was killed in the middle."""
    if old is None:
        return job
    if old.state == "begun":
        raise ErasureRefused("a run was killed in the middle", where=f"{job.request} in {job.source}", remedy="complete it first: --execute")
    anew = {c.steps[0] for c in job.changes}
    made = {s: r for s, r in old.results.items() if r.state in {"done", "already"} and s not in anew}
    kept = tuple(c for c in old.changes if c.steps[0] in made)
    return replace(job, changes=(*kept, *job.changes), results=made, labels={**old.labels, **job.labels})


def _require_decided(ws: Workspace, request: Request, dossier: Dossier) -> None:
    """Raise `NotAsked`, `IdentityNotVerified`, and `AnswerIncomplete` while points are open and no decision to begin with part 1 is on record."""
    request.require("erasure")
    if dossier.open_points and not ws.decisions(request).get("part 1"):
        remedy = "close these points, or record the decision 'part 1'"
        raise AnswerIncomplete("; ".join(map(str, dossier.open_points)), where=request.id, remedy=remedy)
