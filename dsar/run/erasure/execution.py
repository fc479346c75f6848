"""Execution: asks the sources again, refuses what differs from the dry run, makes the changes request by request."""

from collections.abc import Sequence
from typing import cast

from dsar import keys
from dsar.erase import execute as executing
from dsar.erase import jobs
from dsar.erase.jobs import Job
from dsar.errors import DsarError, ErasureRefused, NotOffered
from dsar.patience import patiently
from dsar.request.request import Request
from dsar.run.erasure.records import load_plan, states
from dsar.run.erasure.systems import Outcome, Writing, chosen, writing
from dsar.run.erasure.trial import planned
from dsar.source import Transactional
from dsar.workspace import Workspace


@patiently("erasing")
def execute(ws: Workspace, requests: Sequence[Request], source: str | None = None, *, by: str) -> list[Outcome]:
    """Make the changes that were looked at in a dry run, in every source that can; what a killed run left begun is completed first.

    A request whose plan differs by now is refused, and so is a change that has to wait for another system.
    """
    ws.sweep(requests)
    names = chosen(ws, source)
    erasers = {name: writing(source) for name, source in ws.sources().items() if name in names}
    # First of all: until then a database may lie as the kill left it, and could not even be read.
    for request, begun in ((r, j) for r in requests for j in jobs.all_of(ws.case(r)) if j.state == "begun" and j.source in names):
        _made(ws, request, begun, None, erasers[begun.source], by)
    old = {(r.id, name): job for r in requests for name in names if (job := jobs.load(ws.case(r), name))}
    anew = [r for r in requests if any((job := old.get((r.id, n))) and job.state == "planned" and not job.results for n in names)]
    dossiers = ws.collect_all(anew, again=True) if anew else {}
    steps = planned(ws, dossiers)
    fresh = {(i, name): jobs.planned(dossiers[i], steps[i], name, ws.clock()) for i in steps for name in names if (i, name) in old}
    found: dict[tuple[str, str], Outcome] = {}
    left = {(r, name) for r in requests for name in names if (r.id, name) in old}
    while left:
        # What waits for another system has its turn once that is done, whatever the order of the map.
        turn = {(r, name) for r, name in left if not waits_for(ws, r, old[r.id, name])} or left
        for name in names:
            for request in (r for r in requests if (r, name) in turn):
                found[request.id, name] = _made(ws, request, old[request.id, name], fresh.get((request.id, name)), erasers[name], by)
        left -= turn
    return [found[r.id, name] for name in names for r in requests if (r.id, name) in found]


def _made(ws: Workspace, request: Request, job: Job, fresh: Job | None, system: Writing, by: str) -> Outcome:
    if job.state == "done" or system.eraser is None:
        return Outcome(request.id, job.source, job, job.results, None if job.state == "done" else system.error)
    try:
        if job.state == "planned" and fresh is not None:
            _require_same(job, fresh)
        _require_turn(ws, request, job)
        with executing.alone(ws.root, job.source):
            made = executing.run(ws.ledger, keys.key(ws.root, "ledger"), ws.case(request), job, system.eraser, system.can, ws.clock, by)
        return Outcome(request.id, job.source, made, made.results)
    except DsarError as error:
        return Outcome(request.id, job.source, job, error=error)


def _require_same(job: Job, fresh: Job) -> None:
    """Raise `ErasureRefused` unless what is found now is what was decided on."""
    decided, now = ({(c.table, c.key): (c.steps, c.seen) for c in j.left} for j in (job, fresh))
    differ = {place for place in decided.keys() | now.keys() if decided.get(place) != now.get(place)}
    if differ:
        tables = ", ".join(sorted({table for table, _ in differ}))
        raise ErasureRefused(
            f"{len(differ)} rows of {tables} are new, gone or changed since the dry run, so nothing was done",
            where=f"{job.request} in {job.source}",
            remedy="look at a new dry run, then execute",
        )


def _require_turn(ws: Workspace, request: Request, job: Job) -> None:
    """Raise `ErasureRefused` while a step waits for one in another system: what is left there could not be found again."""
    if waits := waits_for(ws, request, job):
        remedy = f"erase in {', '.join(waits)}; where that is done by hand, `dsar verify` sees it"
        raise ErasureRefused("rows in another system have to go first", where=f"{job.request} in {job.source}", remedy=remedy)


def waits_for(ws: Workspace, request: Request, job: Job) -> list[str]:
    """Return the systems in which something has to go before this job: not made by a job there, and not seen gone."""
    mine = {s for c in job.left for s in c.steps}
    steps = {s.id: s for s in load_plan(ws, request)}
    first = {a: steps[a].address.source for s in mine if s in steps for a in steps[s].after if a in steps}
    others = [other for n in set(first.values()) - {job.source} if (other := jobs.load(ws.case(request), n))]
    made = {s for other in others for c in other.changes if c not in other.left for s in c.steps}
    gone = {step for step, state in states(ws, request).items() if state == "gone"}
    return sorted({source for step, source in first.items() if source != job.source and step not in made | gone})


def statements(ws: Workspace, requests: Sequence[Request], source: str | None = None) -> str:
    """Return what a dry run planned as statements for the administrator of a database, which is only read.

    Raises `NotOffered` where there are none, and what keeps a source from being asked.
    """
    opened, written = ws.sources(), []
    for name in chosen(ws, source):
        found = [job for r in requests if (job := jobs.load(ws.case(r), name)) and job.left]
        if not found:
            continue
        system = opened[name]
        if isinstance(system, DsarError):
            raise system
        if system.can.transactional:
            written += [f"-- {job.request} in {name}\n{cast('Transactional', system).statements(job.left)}" for job in found]
    if not written:
        remedy = "--dry-run first; what is in logs, files and services `dsar erase` changes by itself, or a checklist tells"
        raise NotOffered("no change of a database is planned and not made yet", where=", ".join(r.id for r in requests), remedy=remedy)
    return "\n".join(written)
