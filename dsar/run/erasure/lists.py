"""The plan as a list, and the owners' checklists out and back."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from dsar import files
from dsar.answer.publish import Written
from dsar.desk import returned
from dsar.erase import jobs, owners, suppress
from dsar.keep.ledger import Entry
from dsar.listing import Listing, listing
from dsar.patience import patiently
from dsar.request.request import Request
from dsar.run.erasure.records import load_plan, load_verified, planned_requests
from dsar.workspace import Workspace

_REPORTED = "reported.json"


def plan_listing(ws: Workspace, request: Request) -> Listing:
    """The plan that was looked at: columns System, What, Key, Action, Why, Article, Until."""
    lines = [
        (ws.datamap.sources[s.address.source].label, ws.datamap.table(s.address).label, s.key, s.action, s.why, s.article, str(s.until or ""))
        for s in load_plan(ws, request)
    ]
    return listing(("System", "What", "Key", "Action", "Why", "Article", "Until"), lines, empty="Nothing was found, so there is nothing to erase.")


@patiently("writing the checklists")
def checklists(ws: Workspace, requests: Sequence[Request]) -> Written:
    """Write one checklist per owner over these requests, from what the dry run planned."""
    known = {step: text for r in requests for step, text in _known(ws, r).items()}
    return owners.write(ws.root, ws.datamap, {r.id: (r, load_plan(ws, r)) for r in requests}, known)


def _known(ws: Workspace, request: Request) -> dict[str, str]:
    """Return what is known of steps by now: made by a program, or seen to be gone."""
    zone = ws.datamap.controller.zone
    made = {
        s: f"erased by program on {job.at.astimezone(zone):%Y-%m-%d}, not yet looked at"
        for job in jobs.all_of(ws.case(request))
        for c in job.changes
        if c not in job.left
        for s in c.steps
    }
    found = load_verified(ws, request)
    if found is None:
        return made
    by_step = {v.step: v for v in found.verdicts if v.step}
    chosen = {s: v.detail for s, v in by_step.items() if v.action == "suppress" and v.state == "kept as planned"}
    gone = {s: f"gone, looked at on {found.at.astimezone(zone):%Y-%m-%d}" for s, v in by_step.items() if v.state == "gone" and not v.fault}
    back = {s for s, v in by_step.items() if v.fault}
    return {s: text for s, text in (made | gone | chosen).items() if s not in back}


def decline_suppression(ws: Workspace, request: Request, purpose: str, *, by: str) -> None:
    """Record that a person declined the list of those who are not written to; raises `BadMap` where the purpose is no advertising."""
    suppress.require_advertising(ws.datamap, purpose)
    suppress.decline(ws.case(request), purpose, by, ws.clock())
    ws.ledger.add([Entry("suppression declined", request.id, by, {"purpose": purpose})])


def take_back(ws: Workspace, path: Path) -> returned.Returned:
    """Take over a checklist that came back, all or nothing; raises `BadRequests`. What it reports is noted, not believed."""
    known = {s.id: r.id for r in planned_requests(ws) for s in load_plan(ws, r)}
    found = returned.read(path, known, ws.today)
    for request, reports in found.reports.items():
        file = files.private_dir(ws.case(ws.request(request)) / "erasure") / _REPORTED
        before = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        files.write_atomic(file, json.dumps({**before, **{r.step: asdict(r) for r in reports}}, indent=1))
    return found
