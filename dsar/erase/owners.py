"""One deletion checklist per owner, over all open requests: earliest due first, worked off in that order, sent back and split by step."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path

from dsar.answer import workbook
from dsar.answer.layout import Content, Facts, Grid, Heading, Page, Paragraph, Progress, Worklist
from dsar.answer.publish import Written, publish
from dsar.datamap import DataMap
from dsar.erase.checklist import FILLED_IN, HEADER, STATUSES, TEXTS, internal_due, line, others_to_tell
from dsar.erase.step import Step
from dsar.request.request import Request

Plans = Mapping[str, tuple[Request, Sequence[Step]]]
Seen = Mapping[str, str]  # step → what is known of it by now: erased by a program, seen gone
_HOW = (
    "Work through the sheet Steps from top to bottom: the request that is due first comes first, and what hangs on a record before the record. "
    "Fill in the marked columns: Status, Done by, Done on. Not found and Not possible need a remark. "
    "Sorting and filtering are fine; leave the Step ID as it is. Send the file back when nothing is left To do."
)


def write(root: Path, datamap: DataMap, plans: Plans, seen: Seen) -> Written:
    """Write one workbook per owner into the workspace's `worklists/`; owners of systems with nothing to do get none."""
    made: list[Path] = []
    owners = dict.fromkeys(source.owner for source in datamap.sources.values())
    for number, owner in enumerate(owners, 1):
        made += publish(root, "worklists", f"erasure_owner-{number}", partial(_build, datamap, owner, plans, seen))
    return Written(tuple(made))


def _build(datamap: DataMap, owner: str, plans: Plans, seen: Seen, stem: str, into: Path) -> list[Path]:
    sources = [name for name, source in datamap.sources.items() if source.owner == owner]
    due = {i: internal_due(request, datamap.controller) for i, (request, _) in plans.items()}
    rows = tuple(
        line(datamap, request, replace(step, after=tuple(s for s in step.after if s not in seen)), seen.get(step.id, ""))
        for _, (request, steps) in sorted(plans.items(), key=lambda item: (due[item[0]], item[0]))
        for step in steps
        if step.address.source in sources
    )
    waiting = {str(row[HEADER.index("Request")]) for row in rows if row[HEADER.index("Status")]}
    if not waiting:
        return []
    controller = datamap.controller
    listed = {i: steps for i, (_, steps) in plans.items() if any(s.address.source in sources for s in steps)}
    facts: dict[str, str | date] = {
        "Systems": ", ".join(datamap.sources[n].label for n in sources),
        "Owner": owner,
        "Requests": ", ".join(listed),
        "Please finish by": min(due[i] for i in waiting),
        "Questions and this file back to": controller.contact,
    }
    used = {str(row[HEADER.index("Action")]) for row in rows}
    grid = Grid(("Action", "What to do"), tuple((action, text) for action, text in TEXTS if action in used))
    how = (Heading("Deletion checklist"), Facts({**facts}), Heading("How to work with it"), Paragraph(_HOW), grid)
    cover = Page("Start here", (*how, Heading("Progress"), Progress("Steps", "Status", STATUSES)))
    steps_ = Worklist("Steps", HEADER, rows, choices={"Status": STATUSES}, editable=FILLED_IN)
    sheets: list[Content] = [cover, steps_, *others_to_tell(datamap, listed, *sources)]
    return workbook.write(into / f"{stem}.xlsx", sheets, controller=controller.name, zone=controller.zone, attachments_prefix=stem)
