"""Erasing for one request or many: what was looked at is executed, and what was executed is looked at again.

    planned = erasure.dry_run(ws, requests)     # plans anew, tries every change, undoes it, and writes down what was decided
    done = erasure.execute(ws, requests, by=…)  # asks the sources again; what differs from what was decided is refused
    seen = erasure.verify(ws, requests)         # asks once more: by row key, by identity, by text

The sources are asked in one pass for all; changes are made request by request, so that one that fails harms no other.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import cast

from dsar import files, keys, values
from dsar.answer.publish import Written
from dsar.datamap import Address
from dsar.desk import returned
from dsar.erase import audit, certificate, jobs, owners, record, stubs
from dsar.erase import execute as executing
from dsar.erase import verify as verifying
from dsar.erase.freeze import frozen
from dsar.erase.jobs import Job
from dsar.erase.plan import WAITS, Step, plan
from dsar.erase.verify import State, Verification
from dsar.errors import AnswerIncomplete, DossierMissing, DsarError, ErasureRefused
from dsar.find.collect import collect
from dsar.find.dossier import Dossier
from dsar.find.review import Rulings
from dsar.law.retention import Crowd
from dsar.listing import Listing, listing
from dsar.request.register import Request
from dsar.source import Can, Erasable, Eraser, Everyone, Result, Rows, Source
from dsar.workspace import Workspace

_REPORTED = "reported.json"


@dataclass(frozen=True)
class Outcome:
    """What came of one request in one source; `error` is why nothing could be done."""

    request: str
    source: str
    job: Job | None = None
    results: Mapping[str, Result] | None = None
    error: DsarError | None = None

    @property
    def done(self) -> bool:
        """Whether all changes are made, or in a dry run could be."""
        return self.error is None and all(r.state in {"done", "already"} for r in (self.results or {}).values())


def dry_run(ws: Workspace, requests: Sequence[Request], source: str | None = None) -> list[Outcome]:
    """Plan anew, try every change and undo it, and write down what `execute` will be held to."""
    # A snapshot that somebody decided on is what was decided; one from before changes were made is not how it is.
    begun = [r for r in requests if any(jobs.all_of(ws.case(r))) and not ((s := ws.snapshot(r)) and s.open_points and ws.decisions(r).get("part 1"))]
    dossiers = ws.collect_all(begun, again=True) | ws.collect_all([r for r in requests if r not in begun])
    for request in requests:
        _require_decided(ws, request, dossiers[request.id])
    steps = planned(ws, dossiers)
    opened = ws.sources()
    crowds = _crowds(opened, dossiers.values(), steps)
    for request in requests:
        _save_plan(ws, request, steps[request.id])
    found = []
    for name in _chosen(ws, source):
        eraser, can, error = _eraser(opened[name])
        for request in requests:
            job = jobs.planned(dossiers[request.id], steps[request.id], name, ws.clock(), crowds.get(name))
            old = jobs.load(ws.case(request), name)
            if job.changes or (old and old.state == "begun"):
                found.append(_tried(ws, request, job, eraser, can, error))
    return found


def _tried(ws: Workspace, request: Request, job: Job, eraser: Eraser | None, can: Can, error: DsarError | None) -> Outcome:
    if eraser is None:
        return Outcome(request.id, job.source, job, error=error)
    try:
        job = _taken_up(jobs.load(ws.case(request), job.source), job)
        job.save(ws.case(request))
        with executing.alone(ws.root, job.source):
            return Outcome(request.id, job.source, job, executing.tried(eraser, job.left, commit=False, whole=can.transactional))
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


def execute(ws: Workspace, requests: Sequence[Request], source: str | None = None, *, by: str) -> list[Outcome]:
    """Make the changes that were looked at in a dry run, in every source that can; what a killed run left begun is completed first.

    A request whose plan differs by now is refused, and so is a change that has to wait for another system.
    """
    names = _chosen(ws, source)
    erasers = {name: _eraser(source) for name, source in ws.sources().items() if name in names}
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
        turn = {(r, name) for r, name in left if not _waits_for(ws, r, old[r.id, name])} or left
        for name in names:
            for request in (r for r in requests if (r, name) in turn):
                found[request.id, name] = _made(ws, request, old[request.id, name], fresh.get((request.id, name)), erasers[name], by)
        left -= turn
    return [found[r.id, name] for name in names for r in requests if (r.id, name) in found]


def _made(ws: Workspace, request: Request, job: Job, fresh: Job | None, writing: tuple[Eraser | None, Can, DsarError | None], by: str) -> Outcome:
    eraser, can, error = writing
    if job.state == "done" or eraser is None:
        return Outcome(request.id, job.source, job, job.results, None if job.state == "done" else error)
    try:
        if job.state == "planned" and fresh is not None:
            _require_same(job, fresh)
        _require_turn(ws, request, job)
        with executing.alone(ws.root, job.source):
            made = executing.run(ws.ledger, keys.key(ws.root, "ledger"), ws.case(request), job, eraser, can, ws.clock, by)
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
    if waits := _waits_for(ws, request, job):
        remedy = f"erase in {', '.join(waits)}; where that is done by hand, `dsar verify` sees it"
        raise ErasureRefused("rows in another system have to go first", where=f"{job.request} in {job.source}", remedy=remedy)


def _waits_for(ws: Workspace, request: Request, job: Job) -> list[str]:
    """Return the systems in which something has to go before this job: not made by a job there, and not seen gone."""
    mine = {s for c in job.left for s in c.steps}
    steps = {s.id: s for s in load_plan(ws, request)}
    first = {a: steps[a].address.source for s in mine if s in steps for a in steps[s].after if a in steps}
    others = [other for n in set(first.values()) - {job.source} if (other := jobs.load(ws.case(request), n))]
    made = {s for other in others for c in other.changes if c not in other.left for s in c.steps}
    gone = {step for step, state in _states(ws, request).items() if state == "gone"}
    return sorted({source for step, source in first.items() if source != job.source and step not in made | gone})


def _require_decided(ws: Workspace, request: Request, dossier: Dossier) -> None:
    """Raise `NotAsked`, `IdentityNotVerified`, and `AnswerIncomplete` while points are open and no decision to begin with part 1 is on record."""
    request.require("erasure")
    if dossier.open_points and not ws.decisions(request).get("part 1"):
        remedy = "close these points, or record the decision 'part 1'"
        raise AnswerIncomplete("; ".join(map(str, dossier.open_points)), where=request.id, remedy=remedy)


def planned(ws: Workspace, dossiers: Mapping[str, Dossier]) -> dict[str, tuple[Step, ...]]:
    """Return the plans as of these snapshots by request, with what freezes a request taken into account."""
    cases = ws.register.cases()
    for dossier in dossiers.values():
        dossier.request.require("erasure")
    return {i: plan(dossier, ws.today, frozen(cases[i], cases.values())) for i, dossier in dossiers.items()}


def verify(ws: Workspace, requests: Sequence[Request]) -> dict[str, Verification]:
    """Ask again what became of every step, all requests in one pass; raises `DossierMissing` where nothing was planned.

    Of an erasure that was seen complete an encrypted stub stays, by which `verify_all` finds out later whether anybody came back.
    """
    found = _verified(ws, {r.id: (r, load_plan(ws, r), _states(ws, r)) for r in requests})
    for request in requests:
        record.save_verified(ws.case(request), found[request.id])
        if found[request.id].passed:
            stubs.write(ws.root, request, load_plan(ws, request), ws.today, ws.datamap.controller.stub_days)
    return found


def verify_all(ws: Workspace) -> dict[str, Verification]:
    """Ask again for every request that anything was planned for, and for those of which only a stub is left."""
    kept = planned_requests(ws)
    found = verify(ws, kept) if kept else {}
    alone = [stub for stub in stubs.read(ws.root, ws.today) if stub.request.id not in found]
    gone: State = "gone"
    return found | _verified(ws, {s.request.id: (s.request, s.steps, {step.id: gone for step in s.steps}) for s in alone})


def _verified(ws: Workspace, asked: Mapping[str, tuple[Request, Sequence[Step], Mapping[str, State]]]) -> dict[str, Verification]:
    if not asked:
        return {}
    # Collected, and not kept: what is looked at to see that nothing is there is no new dossier of a person.
    dossiers = collect(
        [r for r, *_ in asked.values()],
        ws.datamap,
        ws.sources(),
        ws.clock,
        rulings={i: Rulings.read(ws.root / "cases" / i / "review.json") for i in asked},
    )
    needles = dict.fromkeys(n for d in dossiers.values() for n in verifying.needles_of(d))
    seen = verifying.look(ws.datamap, ws.sources(), [s for _, steps, _ in asked.values() for s in steps], tuple(needles))
    return {i: verifying.verify(dossiers[i], steps, seen, before) for i, (_, steps, before) in asked.items()}


def certify(ws: Workspace, request: Request) -> Written:
    """Write the certificate of what the last verification saw; raises `DossierMissing` where nobody looked yet."""
    found = load_verified(ws, request)
    if found is None:
        raise DossierMissing("nobody looked yet what became of it", where=request.id, remedy="run `dsar verify`")
    labels = {step: label for job in jobs.all_of(ws.case(request)) for step, label in job.labels.items()}
    return certificate.write(ws.datamap, ws.case(request), request, load_plan(ws, request), found, labels)


def certificates(ws: Workspace, request_id: str) -> tuple[Path, ...]:
    """Return the certificate of a request as files; none where its case was purged and only a stub is left."""
    if not record.has_plan(ws.root / "cases" / request_id):
        return ()
    return certify(ws, ws.request(request_id)).files


def statements(ws: Workspace, requests: Sequence[Request], source: str | None = None) -> str:
    """Return what was tried in a dry run as statements for the administrator of a database; raises `NotOffered` where there are none."""
    written = []
    for name in _chosen(ws, source):
        found = [job for r in requests if (job := jobs.load(ws.case(r), name)) and job.left]
        eraser, can, error = _eraser(ws.sources()[name]) if found else (None, Can(), None)
        if eraser is None:
            if found and source and error:
                raise error
            continue
        written += [f"-- {job.request} in {name}\n{eraser.statements(job.left)}" for job in found if can.transactional]
    return "\n".join(written)


def checklists(ws: Workspace, requests: Sequence[Request]) -> Written:
    """Write one checklist per owner over these requests, from what the dry run planned."""
    return owners.write(ws.root, ws.datamap, {r.id: (r, load_plan(ws, r)) for r in requests})


def take_back(ws: Workspace, path: Path) -> returned.Returned:
    """Take over a checklist that came back, all or nothing; raises `BadRequests`. What it reports is noted, not believed."""
    known = {s.id: r.id for r in planned_requests(ws) for s in load_plan(ws, r)}
    found = returned.read(path, known, ws.today)
    for request, reports in found.reports.items():
        file = files.private_dir(ws.case(ws.request(request)) / "erasure") / _REPORTED
        before = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        files.write_atomic(file, json.dumps({**before, **{r.step: asdict(r) for r in reports}}, indent=1))
    return found


def planned_requests(ws: Workspace) -> list[Request]:
    """Return the requests that a plan was made for."""
    return [r for r in ws.requests.values() if record.has_plan(ws.root / "cases" / r.id)]


def ensure_plan(ws: Workspace, request: Request) -> Listing:
    """The plan that was looked at, made now where there is none: columns System, What, Key, Action, Why, Article, Until."""
    if not record.has_plan(ws.case(request)):
        dry_run(ws, [request])
    return plan_listing(ws, request)


def plan_listing(ws: Workspace, request: Request) -> Listing:
    """The plan that was looked at: columns System, What, Key, Action, Why, Article, Until."""
    lines = [
        (ws.datamap.sources[s.address.source].label, ws.datamap.table(s.address).label, s.key, s.action, s.why, s.article, str(s.until or ""))
        for s in load_plan(ws, request)
    ]
    return listing(("System", "What", "Key", "Action", "Why", "Article", "Until"), lines, empty="Nothing was found, so there is nothing to erase.")


def look_again(ws: Workspace, request: Request) -> Listing:
    """What became of each step, by asking again: columns System, What, Key, Planned, Seen, Remark; what needs somebody to act comes first."""
    found = verify(ws, [request])[request.id]
    lines = [
        (ws.datamap.sources[v.address.source].label, ws.datamap.table(v.address).label, v.key, v.action or "not planned", v.state, v.detail)
        for v in sorted(found.verdicts, key=lambda v: not v.fault)
    ]
    return listing(("System", "What", "Key", "Planned", "Seen", "Remark"), lines, empty="There was nothing to look for.")


def retention(ws: Workspace) -> Listing:
    """What the controller promised and did not keep: columns System, What, Promise, Rows, Before, Left out, Keys, Fault.

    Left out are rows of open requests. The counts are noted, so that the next audit shows what has become of them.
    """
    findings = _audited(ws)
    before = audit.note(ws.root, findings, ws.clock())
    columns = ("System", "What", "Promise", "Rows", "Before", "Left out", "Keys", "Fault")
    lines = [
        (
            *(ws.datamap.sources[f.address.source].label, ws.datamap.table(f.address).label, f.what, f.rows),
            *(before.get(f"{f.address}: {f.what}", "–"), f.skipped, " ".join(f.keys[:5]) + (" …" if f.rows > 5 else ""), f.failed),
        )
        for f in findings
    ]
    return listing(columns, lines, empty="The map names no promise that could be looked at.")


def trend(ws: Workspace) -> Listing:
    """The counts of all audits so far: columns On, Promise, Rows."""
    lines = [(entry["at"][:10], promise, rows) for entry in audit.noted(ws.root) for promise, rows in entry["rows"].items()]
    return listing(("On", "Promise", "Rows"), lines, empty="There was no audit before.")


def audit_lists(ws: Workspace) -> Written:
    """Write one workbook per owner with the keys of what was promised and not kept, into the workspace's `worklists/`."""
    return audit.write(ws.root, ws.datamap, _audited(ws))


def _audited(ws: Workspace) -> list[audit.Finding]:
    open_rows: dict[Address, set[verifying.Key]] = defaultdict(set)
    for case in ws.register.cases().values():
        snapshot = ws.snapshot(case.request) if not case.closed else None
        for address, found in snapshot.tables.items() if snapshot else ():
            open_rows[address] |= {verifying.key_of(str(row["dsar_key"])) for row in found.listed}
    return audit.audit(ws.root, ws.datamap, ws.sources(), open_rows, ws.today)


# -- what lies in the case folder --------------------------------------------------------------------


def load_plan(ws: Workspace, request: Request) -> tuple[Step, ...]:
    """Return the plan that was looked at; raises `DossierMissing` where there is none."""
    return record.load_plan(ws.case(request), request.id)


def _save_plan(ws: Workspace, request: Request, steps: Sequence[Step]) -> None:
    case = ws.case(request)
    made = {s for job in jobs.all_of(case) for c in job.changes if job.state == "begun" or c not in job.left for s in c.steps}
    fresh = {s.id for s in steps}
    before = load_plan(ws, request) if made else ()
    # What was done stays on record, so that it must not come back; so does what waits, since what led to it may be gone by now.
    kept = (s for s in before if s.id not in fresh and (s.id in made or (s.action in WAITS and not s.new)))
    record.save_plan(case, (*kept, *steps))


def load_verified(ws: Workspace, request: Request) -> Verification | None:
    """Return the last verification of a request, or None."""
    return record.load_verified(ws.case(request))


def _states(ws: Workspace, request: Request) -> dict[str, State]:
    before = load_verified(ws, request)
    return {v.step: v.state for v in before.verdicts if v.step} if before else {}


# -- sources -------------------------------------------------------------------------------------------


def _chosen(ws: Workspace, source: str | None) -> list[str]:
    if source is not None and source not in ws.datamap.sources:
        raise ErasureRefused("there is no such source in the map", where=source, remedy=f"name one of {', '.join(ws.datamap.sources)}")
    return [source] if source else list(ws.datamap.sources)


def _eraser(source: Source | DsarError) -> tuple[Eraser | None, Can, DsarError | None]:
    if isinstance(source, DsarError):
        return None, Can(), source
    if not source.can.erase:
        return None, source.can, ErasureRefused("this system is erased from by hand", remedy="work off its checklist")
    try:
        return cast("Erasable", source).eraser(), source.can, None
    except DsarError as error:
        return None, source.can, error


def _crowds(
    opened: Mapping[str, Source | DsarError], dossiers: Iterable[Dossier], plans: Mapping[str, Sequence[Step]]
) -> dict[str, dict[str, Crowd]]:
    """Return, per table of logs that lines are anonymised in, how many visitors share what remains of a line on the same days."""
    days: dict[Address, set[object]] = defaultdict(set)
    for dossier in dossiers:
        for step in plans[dossier.request.id]:
            if step.action == "anonymise" and dossier.datamap.table(step.address).is_log:
                at = (dossier.row(f"{step.address} {step.key}") or {}).get("at")
                days[step.address].add(at.date() if at else None)
    found: dict[str, dict[str, Crowd]] = defaultdict(dict)
    for address, wanted in days.items():
        source = opened[address.source]
        if isinstance(source, DsarError) or not source.can.everyone:
            continue
        crowd = found[address.source][address.table] = Crowd()
        for part in source.read(Everyone(address.table, ("client", "at", "request", "status", "referrer", "browser"))):
            for row in values.rows(part.frame) if isinstance(part, Rows) else ():
                if (at := row["at"]) and at.date() in wanted:  # type: ignore[attr-defined]
                    crowd.add(row)
    return found
