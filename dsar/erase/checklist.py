"""The deletion checklist: one workbook per system, for its owner to work off and send back."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from functools import partial
from pathlib import Path

from dsar.answer import workbook
from dsar.answer.layout import Content, Facts, Grid, Heading, Page, Paragraph, Progress, Worklist
from dsar.answer.publish import Written, publish
from dsar.datamap import Address, Controller, DataMap
from dsar.erase.plan import plan
from dsar.erase.step import CHANGES, TO_DO, Step
from dsar.errors import AnswerIncomplete
from dsar.find.decisions import Decisions
from dsar.find.dossier import Dossier
from dsar.find.hold import HOLDS
from dsar.law import words
from dsar.law.deadlines import working_days_before
from dsar.request.request import Request

STATUSES = ("To do", "Done", "Not found", "Not possible", "Question")
COMMON = ("Step ID", "Request", "System", "Owner", "Record", "Key", "How to find it", "Action")  # of the worklist of any right
HEADER = (
    *COMMON, "Columns concerned", "Shared with others?", "Why",
    "Article", "Keep until / until event", "After step", "Internal due", "Status", "Done by", "Done on", "Evidence ref", "Remark", "Verified",
)  # fmt: skip
_SHARED = "none found"  # what somebody else refers to is held, and on no list
FILLED_IN = ("Status", "Done by", "Done on", "Evidence ref", "Remark")
TEXTS = (
    ("erase", "Delete the whole record."),
    ("anonymise", "Take out of the record whatever could lead to the person; leave no more than counts."),
    ("blank", "Empty the columns named, leave the rest."),
    ("unlink", "Empty the columns named, so that the record leads to the person no more; leave the rest."),
    ("replace", "Put the role in the place of the person in the columns named; leave the rest."),
    ("suppress", "Put the address, and no more, on the list of those we never write to; check each import against it."),
    ("restrict", "Leave it, marked or locked: it is stored and used for nothing else until the date given."),
    ("decide", "A date is missing: find out whether it must be kept, and say so under Remark."),
    ("keep", "Leave it until the date given; the law requires it."),
    ("not due", "Leave it until the event given, then it is listed again."),
)


def internal_due(request: Request, controller: Controller, right: str = "erasure") -> date:
    """Return the day owners should be done by: five working days before the statutory day.

    While the clock waits for an answer, the day that counts if it should not have waited.
    """
    deadline = request.deadline(right, controller)
    return working_days_before(deadline.due or deadline.cautious, 5, request.calendar or controller.calendar)


def checklist(dossier: Dossier, case: Path, decisions: Decisions, today: date, frozen: str = "") -> Written:
    """Write one worklist per system that holds something into the case's `worklists/`; nothing is due before `frozen`, an event in words.

    Raises `NotAsked` where the request does not ask for it, `IdentityNotVerified` while the requester's
    identity is open, and `AnswerIncomplete` while the dossier has open points, unless the decision to
    begin with part 1 is on record.
    """
    dossier.request.require("erasure")
    if dossier.open_points and not decisions.get("part 1"):
        remedy = "close these points, or record the decision 'part 1'"
        raise AnswerIncomplete("; ".join(map(str, dossier.open_points)), where=dossier.request.id, remedy=remedy)
    steps = plan(dossier, today, frozen)
    files = []
    for name in dossier.datamap.sources:
        mine = [s for s in steps if s.address.source == name]
        stem = f"{dossier.request.id}_{name}_worklist"
        files += publish(case, "worklists", stem, partial(_build, dossier, name, mine))
    return Written(tuple(files))


def _build(dossier: Dossier, source: str, steps: Sequence[Step], stem: str, into: Path) -> list[Path]:
    if not steps:
        return []
    controller = dossier.datamap.controller
    listed = _steps(dossier, source, steps)
    sheets: list[Content] = [_cover(dossier, source, steps, to_do=any(row[HEADER.index("Status")] for row in listed.rows)), listed]
    open_ = not_here(dossier, source)
    if open_:
        sheets.append(open_)
    sheets += others_to_tell(dossier.datamap, {dossier.request.id: steps}, source)
    sheets.append(where_we_looked(dossier, source))
    return workbook.write(into / f"{stem}.xlsx", sheets, controller=controller.name, zone=controller.zone, attachments_prefix=stem)


def _cover(dossier: Dossier, source: str, steps: Sequence[Step], *, to_do: bool) -> Page:
    system, controller = dossier.datamap.sources[source], dossier.datamap.controller
    counts = Counter[str](s.action for s in steps)
    facts = Facts(
        {
            "System": system.label,
            "Owner": system.owner,
            "Request": dossier.request.id,
            **({"Please finish by": internal_due(dossier.request, controller)} if to_do else {}),
            "Records as of": f"{dossier.collected_at.astimezone(controller.zone):%Y-%m-%d %H:%M} ({controller.timezone})",
            "Questions and this file back to" if to_do else "Questions to": controller.contact,
        }
    )
    how = (
        "Work through the sheet Steps from top to bottom: what hangs on a record comes before the record. "
        "Fill in the marked columns: Status, Done by, Done on. Not found and Not possible need a remark. "
        "Sorting and filtering are fine; leave the Step ID as it is. Send the file back when nothing is left To do."
    )
    grid = Grid(("Action", "What to do", "Records"), tuple((action, text, counts[action]) for action, text in TEXTS if counts[action]))
    title = Heading(f"Deletion checklist: {system.label}")
    if not to_do:
        nothing = "There is nothing for you to do now. The sheet Steps says what stays, and until when; please leave it as it is."
        return Page("Start here", (title, facts, Heading("What this is for"), Paragraph(nothing), grid))
    how_to = (Heading("How to work with it"), Paragraph(how), grid)
    return Page("Start here", (title, facts, *how_to, Heading("Progress"), Progress("Steps", "Status", STATUSES)))


def _steps(dossier: Dossier, source: str, steps: Sequence[Step]) -> Worklist:
    rows = tuple(line(dossier.datamap, dossier.request, step) for step in steps if step.address.source == source)
    return Worklist("Steps", HEADER, rows, choices={"Status": STATUSES}, editable=FILLED_IN)


def line(datamap: DataMap, request: Request, step: Step, verified: str = "") -> tuple[str | int | date | None, ...]:
    """Return the cells of a step under `HEADER`: what is done, never the record's own data; what was `verified` is nobody's to do any more."""
    system, table = datamap.sources[step.address.source], datamap.table(step.address)
    key = plain_key(step.key)
    names = " and ".join(table.key)
    find = table.find.replace("{key}", key) if table.find else f"{step.address.table}: {names} = {key}"
    columns = ", ".join(table.label_of(c) for c in step.columns) or "all"
    due = internal_due(request, datamap.controller)
    todo = (step.action in TO_DO or bool(step.new)) and not verified
    if step.action == "suppress":
        find, columns = "the list of those who are not written to", "e-mail address"
    return (
        step.id, request.id, system.label, system.owner, table.label, key, find, step.action, columns if todo or verified else "", _SHARED, step.why,
        step.article, step.until, ", ".join(step.after), due if todo else None, "To do" if todo else "", "", None, "", "", verified,
    )  # fmt: skip


def plain_key(key: str) -> str:
    """Return a row's key as people read it."""
    return ", ".join(map(str, json.loads(key)))


def where_we_looked(dossier: Dossier, source: str) -> Page:
    """Say of each table of a system by which kinds of identifier it was searched, when, and what came of it."""
    controller = dossier.datamap.controller
    lines = []
    for address, found in dossier.tables.items():
        if address.source == source:
            kinds = ", ".join(words.kind(k) for k in found.outcome.searched_by) or "nothing led here"
            at = found.outcome.collected_at
            moment = f"{at.astimezone(controller.zone):%Y-%m-%d %H:%M} ({controller.timezone})" if at else ""
            lines.append((dossier.datamap.table(address).label, kinds, moment, found.outcome.words()))
    return Page("Where we looked", (Grid(("What", "Searched by", "On", "Result"), tuple(lines)),))


def others_to_tell(datamap: DataMap, plans: Mapping[str, Sequence[Step]], *sources: str) -> list[Page]:
    """Return the pages on who else holds the data: recipients to tell (Art. 19), and backups with the day they are overwritten."""
    told: dict[tuple[str, str, str], list[str]] = {}
    for request, steps in plans.items():
        gone = dict.fromkeys(s.address for s in steps if s.action in CHANGES and s.address.source in sources)
        for name in dict.fromkeys(n for a in gone for n in datamap.activity(datamap.table(a)).recipients):
            recipient = datamap.recipients[name]
            if recipient.tell and not recipient.confidential:
                told.setdefault((recipient.name, recipient.role, recipient.country), []).append(request)
    kept = [(datamap.sources[n].label, b) for n in sources for b in datamap.sources[n].backups]
    pages = []
    if told:
        lines = tuple((*who, ", ".join(requests), "", "") for who, requests in told.items())
        text = "Tell them in writing what was erased, and note the day; where that is impossible or out of proportion, the reason (Art. 19)."
        columns = ("Recipient", "Role", "Country", "Requests", "Told on", "Acknowledged on, or why not told")
        pages.append(Page("Others to tell", (Heading("Recipients to tell"), Paragraph(text), Grid(columns, lines))))
    if kept:
        sets = tuple((system, b.label, f"{b.days} days after the erasure", b.restored) for system, b in kept)
        text = "They stay as they are, out of use, until they are overwritten. After a restore, first of all: `dsar verify --all`, then erase again."
        replay = Paragraph(f"Replay list: {', '.join(plans)}.")
        grid = Grid(("System", "Backup", "Overwritten", "After a restore"), sets)
        pages.append(Page("Backups", (Heading("Backups"), Paragraph(text), grid, replay)))
    return pages


def not_here(dossier: Dossier, source: str) -> Page | None:
    """List what is no step yet: nobody may touch it, and nobody may take the list for the whole."""
    lines: list[tuple[str, int | str, str]] = []
    for address, found in dossier.tables.items():
        if address.source != source:
            continue
        label = dossier.datamap.table(address).label
        if not found.outcome.complete:
            lines.append((label, "", found.outcome.words()))
        lines += [(label, rows, reason) for reason, rows in _held(dossier, address).items()]
    lines += [(name, "", "not searched: the map neither maps nor ignores it") for at, name in dossier.undescribed if at == source]
    if not lines:
        return None
    text = "Leave these as they are. What is held or not searched yet comes in a later list once it is decided."
    return Page("Not on this list", (Heading("Not on this list yet"), Paragraph(text), Grid(("Record", "How many", "Why"), tuple(lines))))


def _held(dossier: Dossier, address: Address) -> Counter[str]:
    codes = (row["dsar_hold"] for row in dossier.tables[address].listed if row["dsar_hold"])
    return Counter(f"{'held: ' if HOLDS[str(code)].standing == 'held' else ''}{HOLDS[str(code)].internal}" for code in codes)
