"""What happens at once when a request comes in, before anybody has proved anything.

Owners pause whatever would delete the person's rows (s.173 DPA 2018: nothing is erased to escape access),
and marketing stops where objection, withdrawal or deletion is asked. Rows that are held are on these
lists too: keeping them harms nobody, losing them could not be undone.
"""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from dsar import values
from dsar.answer import workbook
from dsar.answer.layout import Content, Facts, Grid, Heading, Page, Paragraph, Progress, Worklist
from dsar.answer.publish import Written, publish
from dsar.datamap import Address
from dsar.erase.checklist import COMMON, STATUSES
from dsar.find.dossier import Dossier
from dsar.request.register import Register
from dsar.request.request import Request

STOPS_MARKETING = frozenset({"objection", "withdrawal", "erasure"})
_ACTIONS = (
    ("pause deletion", "Let no clean-up, retention or anonymising job touch this record until we say that the case is closed."),
    ("stop marketing", "Send no advertising any more, from now on; leave the record itself as it is."),
)
_FILLED_IN = ("Status", "Done by", "Done on", "Remark")


def stops_marketing(request: Request) -> bool:
    """Whether marketing has to stop at once."""
    return bool(STOPS_MARKETING & set(request.rights))


def write(dossier: Dossier, case: Path) -> tuple[Written, dict[str, list[str]]]:
    """Write one list per system with rows of the person, and return the files and, by action, the systems concerned."""
    made: list[Path] = []
    systems: dict[str, list[str]] = {"pause deletion": [], "stop marketing": []}
    for name, source in dossier.datamap.sources.items():
        rows = tuple(line for address in dossier.tables if address.source == name for line in _lines(dossier, address))
        for action, listed in systems.items():
            if any(action in line for line in rows):
                listed.append(source.label)
        made += publish(case, "worklists", f"{dossier.request.id}_{name}_first-steps", partial(_build, dossier, name, rows))
    return Written(tuple(made)), systems


def note(register: Register, dossier: Dossier, systems: dict[str, list[str]], *, by: str) -> None:
    """Record what `write` listed, once: the snapshot, the deletions that owners pause, the marketing that stops."""
    request = dossier.request
    case = register.case(request.id)
    failed = [str(a) for a, found in dossier.tables.items() if not found.outcome.complete]
    details: dict[str, Any] = {"tables": len(dossier.tables)} | ({"failed": failed} if failed else {})
    if not case.last("snapshot taken"):
        case = register.record(case, "snapshot taken", by=by, **details)
    owners = [s.owner for s in dossier.datamap.sources.values() if s.label in systems["pause deletion"]]
    if not case.last("deletion paused"):
        case = register.record(case, "deletion paused", by=by, owners=owners or ["nobody: nothing was found"])
    if stops_marketing(request) and not case.last("marketing stopped"):
        listed = systems["stop marketing"] or ["none: no system the map marks for marketing holds them"]
        register.record(case, "marketing stopped", by=by, systems=listed)


def _lines(dossier: Dossier, address: Address) -> Iterator[tuple[str | None, ...]]:
    table, system = dossier.datamap.table(address), dossier.datamap.sources[address.source]
    marketing = dossier.datamap.activity(table).marketing and stops_marketing(dossier.request)
    for row in values.rows(dossier.tables[address].frame[["dsar_key"]]):
        key = ", ".join(map(str, json.loads(str(row["dsar_key"]))))
        how = table.find.replace("{key}", key) if table.find else f"{address.table}: {' and '.join(table.key)} = {key}"
        for action in ("pause deletion", *(["stop marketing"] if marketing else [])):
            step = f"{dossier.request.id}-{address}-{key}-{action.split()[0]}"
            yield (step, dossier.request.id, system.label, system.owner, table.label, key, how, action, "To do", "", None, "")


def _build(dossier: Dossier, source: str, rows: tuple[tuple[str | None, ...], ...], stem: str, into: Path) -> list[Path]:
    if not rows:
        return []
    system, controller = dossier.datamap.sources[source], dossier.datamap.controller
    facts = {"System": system.label, "Owner": system.owner, "Request": dossier.request.id, "This file back to": controller.contact}
    unsure = "" if dossier.request.identity_settled else ", and we do not yet know for certain whose it is"
    how = (
        f"A request has come in{unsure}. Please do this today. Delete nothing, change nothing else, and tell "
        "nobody outside; what becomes of the records is decided later, and comes in a list of its own."
    )
    grid = Grid(("Action", "What to do"), tuple((word, text) for word, text in _ACTIONS if any(word in line for line in rows)))
    cover = (Heading(f"First steps: {system.label}"), Facts(facts), Paragraph(how), grid, Heading("Progress"), Progress("Steps", "Status", STATUSES))
    header = (*COMMON, *_FILLED_IN)
    sheets: list[Content] = [Page("Start here", cover), Worklist("Steps", header, rows, choices={"Status": STATUSES}, editable=_FILLED_IN)]
    return workbook.write(into / f"{stem}.xlsx", sheets, controller=controller.name, zone=controller.zone, attachments_prefix=stem)
