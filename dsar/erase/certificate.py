"""The certificate of an erasure, for the file: what became of each step, what stays and until when, what could not be looked at.

It names records by label and key, never by what stood in them. "Erased" is said of nothing that was not looked for since.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path

from dsar.answer import workbook
from dsar.answer.layout import Content, Facts, Grid, Heading, Page, Paragraph, Worklist
from dsar.answer.publish import Written, publish
from dsar.datamap import DataMap
from dsar.erase.checklist import plain_key
from dsar.erase.step import Step
from dsar.erase.verify import Verification
from dsar.request.request import Request

_HEADER = ("Step ID", "System", "Record", "Key", "Planned", "Columns", "Article", "Until", "Seen", "Remark")


def write(datamap: DataMap, case: Path, request: Request, steps: Sequence[Step], found: Verification, labels: dict[str, str]) -> Written:
    """Write the certificate into the case's `certificates/`; one that says something else than the last gets a version."""
    return Written(tuple(publish(case, "certificates", f"{request.id}_erasure-certificate", partial(_build, datamap, request, steps, found, labels))))


def _build(
    datamap: DataMap, request: Request, steps: Sequence[Step], found: Verification, labels: dict[str, str], stem: str, into: Path
) -> list[Path]:
    controller = datamap.controller
    at = found.at.astimezone(controller.zone)
    faults = [v for v in found.verdicts if v.fault]
    states = Counter[str](v.state for v in found.verdicts)
    verdict = (
        f"All that was to be erased is gone, as looked for on {at:%Y-%m-%d %H:%M} ({controller.timezone}).{_rest(states)}"
        if found.passed
        else f"Not complete: {len(faults)} records need somebody to act (sheet What was seen)."
    )
    facts = Facts({"Controller": controller.name, "Request": request.id, "Received": request.received, "Looked at": at.date()})
    how = (
        "Each record was asked for again by its key; the requester was searched for by everything they gave; and their addresses were looked for as "
        "text in every column of the tables concerned. What a system or its owner reports was not taken for proof."
    )
    counts = Grid(("Seen", "Records"), tuple(states.items()))
    pages: list[Content] = [
        Page("Certificate", (Heading("Certificate of erasure"), facts, Paragraph(verdict), Heading("How it was checked"), Paragraph(how), counts)),
        Worklist("What was seen", _HEADER, tuple(_lines(datamap, steps, found, labels))),
    ]
    sources = dict.fromkeys(s.address.source for s in steps)
    backups = [(datamap.sources[n].label, b.label, at.date() + timedelta(days=b.days)) for n in sources for b in datamap.sources[n].backups]
    if backups:
        pages.append(Page("Backups", (Heading("Backups"), Grid(("System", "Backup", "Overwritten by"), tuple(backups)))))
    if found.unsearched:
        text = Paragraph("In these tables no text could be searched; their records were asked for by key and by identity only.")
        pages.append(Page("Not searched", (Heading("Not searched"), text, Grid(("Table",), tuple((t,) for t in found.unsearched)))))
    return workbook.write(into / f"{stem}.xlsx", pages, controller=controller.name, zone=controller.zone, attachments_prefix=stem)


def _rest(states: Counter[str]) -> str:
    """Say what is still there, and may be."""
    waits, kept = states["pending event"], states["kept as planned"]
    parts = [f"{waits} wait for an event" if waits else "", f"{kept} are kept" if kept else ""]
    return f" Not erased, as planned: {' and '.join(filter(None, parts))} (sheet What was seen)." if waits or kept else ""


def _lines(datamap: DataMap, steps: Sequence[Step], found: Verification, labels: dict[str, str]) -> list[tuple[str, ...]]:
    by_id = {s.id: s for s in steps}
    lines: list[tuple[str, ...]] = []
    for v in found.verdicts:
        step, table = by_id.get(v.step), datamap.table(v.address)
        columns = ", ".join(table.label_of(c) for c in step.columns) if step else ""
        remark = ", ".join(text for text in (v.detail, labels.get(v.step, "")) if text)
        article, until = (step.article, str(step.until or "")) if step else ("", "")
        system = datamap.sources[v.address.source].label
        lines.append((v.step, system, table.label, plain_key(v.key), v.action or "not planned", columns, article, until, v.state, remark))
    return lines
