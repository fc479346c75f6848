"""The worklists of rectification, restriction, objection and withdrawal: a workbook per system, as for erasure."""

from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from dsar.answer import workbook
from dsar.answer.layout import Content, Facts, Grid, Heading, Page, Paragraph, Progress, Worklist
from dsar.answer.publish import Written, publish
from dsar.erase.checklist import COMMON, STATUSES, internal_due, not_here, where_we_looked
from dsar.erase.measures import MEASURES, Measure, Step, steps
from dsar.errors import AnswerIncomplete
from dsar.find.decisions import Decisions
from dsar.find.dossier import Dossier

_NOT_CONCERNED = "Not concerned"
_FILLED_IN = ("Status", "Done by", "Done on", "Evidence ref", "Remark")


def worklists(dossier: Dossier, case: Path, decisions: Decisions, right: str) -> Written:
    """Write one worklist per system that holds something the right is about into the case's `worklists/`.

    Raises `NotAsked`, `IdentityNotVerified`, and `AnswerIncomplete` while the dossier has open points and
    no decision to begin with part 1 is on record. An objection to advertising and a withdrawal wait for
    neither: what is certain is stopped, what is open stands on the sheet Not on this list.
    """
    measure = MEASURES[right]
    dossier.request.require(right)
    if right not in {"objection", "withdrawal"} and dossier.open_points and not decisions.get("part 1"):
        remedy = "close these points, or record the decision 'part 1'"
        raise AnswerIncomplete("; ".join(map(str, dossier.open_points)), where=dossier.request.id, remedy=remedy)
    todo = steps(dossier, right)
    files: list[Path] = []
    for name in dossier.datamap.sources:
        mine = [s for s in todo if s.address.source == name]
        stem = f"{dossier.request.id}_{name}_{right}"
        files += publish(case, "worklists", stem, partial(_build, dossier, measure, name, mine))
    return Written(tuple(files))


def _build(dossier: Dossier, measure: Measure, source: str, todo: Sequence[Step], stem: str, into: Path) -> list[Path]:
    if not todo:
        return []
    controller = dossier.datamap.controller
    sheets: list[Content] = [_cover(dossier, measure, source, todo), _list(dossier, measure, source, todo)]
    open_ = not_here(dossier, source)
    if open_:
        sheets.append(open_)
    sheets.append(where_we_looked(dossier, source))
    return workbook.write(into / f"{stem}.xlsx", sheets, controller=controller.name, zone=controller.zone, attachments_prefix=stem)


def _cover(dossier: Dossier, measure: Measure, source: str, todo: Sequence[Step]) -> Page:
    system, controller = dossier.datamap.sources[source], dossier.datamap.controller
    counts = Counter(s.action for s in todo)
    facts = Facts(
        {
            "System": system.label,
            "Owner": system.owner,
            "Request": dossier.request.id,
            "Please finish by": internal_due(dossier.request, controller, measure.right),
            "Records as of": f"{dossier.collected_at.astimezone(controller.zone):%Y-%m-%d %H:%M} ({controller.timezone})",
            "Questions and this file back to": controller.contact,
        }
    )
    work = (
        "Fill in the marked columns: Status, Done by, Done on. Not found and Not possible need a remark. "
        "Sorting and filtering are fine; leave the Step ID as it is. Send the file back when nothing is left To do."
    )
    grid = Grid(("Action", "What to do", "Lines"), tuple((word, text, counts[word]) for word, text in measure.actions if counts[word]))
    statuses = _statuses(measure)
    title = Heading(f"{measure.title}: {system.label}")
    how = (Heading("How to work with it"), Paragraph(measure.how), Paragraph(work), grid)
    return Page("Start here", (title, facts, *how, Heading("Progress"), Progress("Steps", "Status", statuses)))


def _statuses(measure: Measure) -> tuple[str, ...]:
    return (*STATUSES, _NOT_CONCERNED) if measure.right == "rectification" else STATUSES


def _list(dossier: Dossier, measure: Measure, source: str, todo: Sequence[Step]) -> Worklist:
    system, request = dossier.datamap.sources[source], dossier.request
    due = internal_due(request, dossier.datamap.controller, measure.right)
    header = (*COMMON, "Why", "Article", *measure.fields, "Internal due", *_FILLED_IN, "Verified")
    rows = tuple(
        (s.id, request.id, system.label, system.owner, s.record, s.key, s.how, s.action, s.why, f"Art. {s.article}", *[""] * len(measure.fields),
         due, "To do", "", None, "", "", "")
        for s in todo
    )  # fmt: skip
    return Worklist("Steps", header, rows, choices={"Status": _statuses(measure)}, editable=(*measure.fields, *_FILLED_IN))
