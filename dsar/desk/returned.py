"""A checklist that comes back: split by step ID, every fault named by its cell, nothing half taken over.

What an owner reports is noted, and proves nothing: `dsar verify` looks for itself. Rows may be sorted, filtered and
re-ordered; a row that somebody added comes back as a remark.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from zipfile import BadZipFile, ZipFile

from dsar.desk import lines
from dsar.erase.checklist import STATUSES
from dsar.errors import BadRequests

_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_OFFICE = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
_NEEDS_REMARK = ("Not found", "Not possible", "Question")


@dataclass(frozen=True)
class Report:
    """What an owner says of one step."""

    step: str
    status: str
    by: str
    on: str
    evidence: str
    remark: str


@dataclass(frozen=True)
class Returned:
    """The reports of a workbook by request, and what stands in rows that are no step."""

    reports: Mapping[str, tuple[Report, ...]]
    remarks: tuple[str, ...]


def read(path: Path, known: Mapping[str, str], today: date) -> Returned:
    """Return what a workbook reports; `known` is step → request. Raises `BadRequests` naming each bad cell, and takes nothing over then."""
    _no_pictures(path)
    faults: list[str] = []
    remarks: list[str] = []
    found: dict[str, tuple[int, Report]] = {}
    for number, cells in lines.read(path, ("Step ID", "Status", "Done by", "Done on", "Remark")):
        step = cells["Step ID"]
        if not step:
            remarks.append(f"row {number}: {' | '.join(text for text in cells.values() if text)}")
        elif step not in known:
            faults.append(f"{_cell('Step ID', cells, number)}: '{step}' is no step of ours")
        elif cells["Status"]:
            report = Report(step, cells["Status"], cells["Done by"], cells["Done on"], cells.get("Evidence ref", ""), cells["Remark"])
            faults += _faults(report, cells, number, today)
            if step in found and found[step][1] != report:
                faults.append(f"{_cell('Step ID', cells, number)}: row {found[step][0]} says something else of the same step")
            found[step] = (number, report)
    if faults:
        more = f"; and {len(faults) - 5} more" if len(faults) > 5 else ""
        raise BadRequests("; ".join(faults[:5]) + more, where=path.name, remedy="mend these cells; nothing was taken over")
    reports: dict[str, list[Report]] = {}
    for step, (_, report) in found.items():
        reports.setdefault(known[step], []).append(report)
    return Returned({request: tuple(listed) for request, listed in reports.items()}, tuple(remarks))


def _faults(report: Report, cells: Mapping[str, str], number: int, today: date) -> list[str]:
    found = []
    if report.status not in STATUSES:
        found.append(f"{_cell('Status', cells, number)}: '{report.status}' is none of {', '.join(STATUSES)}")
    if report.status in _NEEDS_REMARK and not report.remark:
        found.append(f"{_cell('Remark', cells, number)}: {report.status} needs a remark")
    if report.status == "Done" and not report.by:
        found.append(f"{_cell('Done by', cells, number)}: say who did it")
    if report.status == "Done" or report.on:
        try:
            if date.fromisoformat(report.on) > today:
                found.append(f"{_cell('Done on', cells, number)}: lies in the future")
        except ValueError:
            found.append(f"{_cell('Done on', cells, number)}: needs a date, like 2026-11-23")
    return found


def _cell(heading: str, cells: Mapping[str, str], number: int) -> str:
    """Return a cell as a spreadsheet names it."""
    from openpyxl.utils import get_column_letter

    return f"{get_column_letter(list(cells).index(heading) + 1)}{number} ({heading})"


def _no_pictures(path: Path) -> None:
    try:
        with ZipFile(path) as archive:
            pictures = [name for name in archive.namelist() if name.startswith(("xl/media/", "Pictures/"))]
            sheets = list(_with_drawings(archive)) if pictures and "xl/workbook.xml" in archive.namelist() else []
    except (OSError, BadZipFile):
        return  # a csv file, or what `lines.read` says more about
    if pictures:
        raise BadRequests(
            f"{len(pictures)} pictures are pasted in ({', '.join(sheets) or 'in cells'})",
            where=path.name,
            remedy="send them as files of their own, and name them as evidence",
        )


def _with_drawings(archive: ZipFile) -> Iterator[str]:
    """Yield the titles of the sheets that hold a picture, in quotes."""
    from openpyxl.packaging.relationship import get_dependents
    from openpyxl.xml.functions import fromstring

    targets = {rel.Id: rel.Target for rel in get_dependents(archive, "xl/_rels/workbook.xml.rels")}
    for sheet in fromstring(archive.read("xl/workbook.xml")).iter(f"{_MAIN}sheet"):
        folder, _, name = targets.get(sheet.get(f"{_OFFICE}id", ""), "").rpartition("/")
        rels = f"{folder}/_rels/{name}.rels"
        if rels in archive.namelist() and any(rel.Type.endswith(("/drawing", "/legacyDrawing", "/picture")) for rel in get_dependents(archive, rels)):
            yield f"'{sheet.get('name')}'"
