"""Looking again: by row key, by identity, by text; what was seen is written down, and certified."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from dsar.answer.publish import Written
from dsar.erase import certificate, jobs, record, stubs, suppress
from dsar.erase import verify as verifying
from dsar.erase.freeze import frozen
from dsar.erase.look import look, needles_of
from dsar.erase.plan import plan
from dsar.erase.step import GOES, Step
from dsar.erase.verify import State, Verification
from dsar.errors import DossierMissing
from dsar.find.collect import collect
from dsar.find.remembered import Remembered
from dsar.find.review import Rulings
from dsar.listing import Listing, listing
from dsar.patience import patiently
from dsar.request.request import Request
from dsar.run.erasure.records import load_plan, load_verified, planned_requests, states
from dsar.workspace import Workspace


class Asked(NamedTuple):
    """What is looked at again for one request."""

    request: Request
    steps: Sequence[Step]
    before: Mapping[str, State]  # what was seen of each step the last time
    known: Sequence[Remembered]  # rows that are still to be dealt with, and that perhaps nothing else leads to any more


@patiently("asking the sources again")
def verify(ws: Workspace, requests: Sequence[Request]) -> dict[str, Verification]:
    """Ask again what became of every step, all requests in one pass; raises `DossierMissing` where nothing was planned.

    Of an erasure that was seen complete an encrypted stub stays, by which `verify_all` finds out later whether anybody came back.
    """
    found = _verified(ws, [Asked(r, load_plan(ws, r), states(ws, r), record.remembered(ws.case(r), r)) for r in requests])
    for request in requests:
        record.save_verified(ws.case(request), found[request.id])
        if found[request.id].passed:
            stubs.write(ws.root, request, load_plan(ws, request), ws.today, ws.datamap.controller.stub_days)
    return found


@patiently("asking the sources again")
def verify_all(ws: Workspace) -> dict[str, Verification]:
    """Ask again for every request that anything was planned for, and for those of which only a stub is left."""
    kept = planned_requests(ws)
    found = verify(ws, kept) if kept else {}
    alone = [stub for stub in stubs.read(ws.root, ws.today) if stub.request.id not in found]
    return found | _verified(ws, [Asked(s.request, s.steps, s.states, record.left(s.steps, s.states)) for s in alone])


def _verified(ws: Workspace, asked: Sequence[Asked]) -> dict[str, Verification]:
    if not asked:
        return {}
    # Collected, and not kept: what is looked at to see that nothing is there is no new dossier of a person.
    dossiers = collect(
        [a.request for a in asked],
        ws.datamap,
        ws.sources(),
        ws.clock,
        rulings={a.request.id: Rulings.read(ws.root / "cases" / a.request.id / "review.json") for a in asked},
        remembered={a.request.id: a.known for a in asked},
    )
    needles = dict.fromkeys(n for d in dossiers.values() for n in needles_of(d))
    seen = look(ws.datamap, ws.sources(), [s for a in asked for s in a.steps], tuple(needles))
    cases = ws.register.cases()
    stops = {i: frozen(cases[i], cases.values()) if i in cases else "" for i in dossiers}
    due = {s.id for i, dossier in dossiers.items() for s in plan(dossier, ws.today, stops[i]) if s.action in GOES}
    listed = {s.id: _on_the_list(ws, a.request, s) for a in asked for s in a.steps if s.action == "suppress"}
    return {a.request.id: verifying.verify(dossiers[a.request.id], a.steps, seen, a.before, due, listed) for a in asked}


def _on_the_list(ws: Workspace, request: Request, step: Step) -> str:
    """Return whether a person's address is on the list of those who are not written to, or they declined it; '' where neither is on record."""
    return suppress.chosen(ws.root, ws.root / "cases" / request.id, request, ws.datamap.table(step.address).activity)


@patiently("asking the sources again")
def look_again(ws: Workspace, request: Request) -> Listing:
    """What became of each step, by asking again: columns System, What, Key, Planned, Seen, Remark; what needs somebody to act comes first."""
    found = verify(ws, [request])[request.id]
    lines = [
        (ws.datamap.sources[v.address.source].label, ws.datamap.table(v.address).label, v.key, v.action or "not planned", v.state, v.detail)
        for v in sorted(found.verdicts, key=lambda v: not v.fault)
    ]
    return listing(("System", "What", "Key", "Planned", "Seen", "Remark"), lines, empty="There was nothing to look for.")


@patiently("writing the certificate")
def certify(ws: Workspace, request: Request) -> Written:
    """Write the certificate of what the last verification saw; raises `DossierMissing` where nobody looked yet."""
    found = load_verified(ws, request)
    if found is None:
        raise DossierMissing("nobody looked yet what became of it", where=request.id, remedy="run `dsar verify`")
    labels = {step: label for job in jobs.all_of(ws.case(request)) for step, label in job.labels.items()}
    return certificate.write(ws.datamap, ws.case(request), request, load_plan(ws, request), found, labels)


@patiently("writing the certificates")
def certificates(ws: Workspace, request_id: str) -> tuple[Path, ...]:
    """Return the certificate of a request as files; none where its case was purged and only a stub is left."""
    if not record.has_plan(ws.root / "cases" / request_id):
        return ()
    return certify(ws, ws.request(request_id)).files
