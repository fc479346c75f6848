"""The fast lane: cases that are ready and hold nothing back, ticked row by row by a second reader."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from dsar import files
from dsar.answer import workbook
from dsar.answer.layout import Heading, Page, Paragraph, Worklist
from dsar.datamap import Controller
from dsar.desk import lines
from dsar.desk.copies import copies
from dsar.desk.drafts import addressees
from dsar.erase.freeze import copies_owed
from dsar.errors import BadRequests
from dsar.find.dossier import Dossier
from dsar.listing import Listing, listing
from dsar.request.case import Case
from dsar.request.register import Register

HEADER = ("Request", "Rights", "Due", "Goes to", "Files", "Prepared by", "Answer", "Read and right?", "Remark")
_CHOICE = "Read and right?"


@dataclass(frozen=True)
class Ready:
    """One case of the fast lane: the rights its answer's files answer, the files, and what they hash to together."""

    case: Case
    rights: tuple[str, ...]
    files: tuple[str, ...]
    sha256: str


def ready(cases: Iterable[Case], snapshot: Callable[[Case], Dossier | None], folder: Callable[[Case], Path]) -> list[Ready]:
    """Return the cases whose copies are all written, complete, free of held rows, and addressed to a proved mailbox."""
    found = []
    for case in cases:
        made = answer(folder(case))
        if case.closed or case.waits_for or not case.may_send or not made or not addressees(case, "access_answer"):
            continue
        dossier = snapshot(case)
        owed = copies_owed(case)
        if dossier is not None and dossier.complete and owed and copies(folder(case), made) >= set(owed):
            found.append(Ready(case, tuple(owed), tuple(made), digest(made)))
    return found


def listed(found: Iterable[Ready]) -> Listing:
    """Return the cases as a list: columns Request, Rights, Due, Files, Read by."""
    lines = [
        (r.case.request.id, ", ".join(r.rights), str(r.case.due), ", ".join(r.files), e.by if (e := r.case.last("ticked")) else "") for r in found
    ]
    return listing(("Request", "Rights", "Due", "Files", "Read by"), lines, empty="No case is ready.")


def answer(folder: Path) -> dict[str, str]:
    """Return the answer's files by name with their hashes."""
    return {p.name: files.sha256(p) for p in files.lying(folder / "outbox") if p.is_file()}


def digest(made: dict[str, str]) -> str:
    """Return one short hash over all files of an answer."""
    return sha256("".join(f"{name}{sha}" for name, sha in made.items()).encode()).hexdigest()[:16]


def write(found: Iterable[Ready], path: Path, controller: Controller) -> Path:
    """Write the sheet for the second reader; it names addresses, so it stays in the house."""
    how = Page(
        "How to use this",
        (
            Heading("Answers that are ready"),
            Paragraph(
                "Open the files of each row in its case's outbox, compare the address letter by letter with the request, and look three values up in "
                "the systems. Say yes only for what you have read yourself. Then: dsar fastlane take with this file. An answer that changed after "
                "this sheet was written, or that you prepared yourself, is not taken."
            ),
        ),
    )
    rows = tuple(
        (
            one.case.request.id,
            ", ".join(one.rights),
            one.case.due,
            ", ".join(addressees(one.case, "access_answer")),
            ", ".join(one.files),
            one.case.handler,
            one.sha256,
            "",
            "",
        )
        for one in found
    )
    sheet = Worklist("Ready", HEADER, rows, choices={_CHOICE: ("yes", "no")}, editable=(_CHOICE, "Remark"), every=True)
    return workbook.write(path, [how, sheet], controller=controller.name, zone=controller.zone, attachments_prefix=path.stem)[0]


def take(register: Register, path: Path, folder: Callable[[Case], Path], *, by: str) -> list[str]:
    """Record what the second reader ticked and return its requests; raises `BadRequests` or `ChangedMeanwhile`, and records nothing."""
    ticked = [(n, cells) for n, cells in lines.read(path, HEADER) if cells[_CHOICE].lower() == "yes"]
    cases = register.cases([cells["Request"] for _, cells in ticked])
    faults = [f"row {n}: {fault}" for n, cells in ticked if (fault := _fault(cases.get(cells["Request"]), cells, folder, by))]
    if faults:
        raise BadRequests("; ".join(faults[:5]), where=path.name, remedy="write the sheet anew; nothing was recorded")
    register.record_each(((cases[cells["Request"]], {"answer": cells["Answer"]}) for _, cells in ticked), "ticked", by=by)
    return [cells["Request"] for _, cells in ticked]


def _fault(case: Case | None, cells: dict[str, str], folder: Callable[[Case], Path], by: str) -> str:
    if case is None:
        return "there is no such request"
    if digest(answer(folder(case))) != cells["Answer"]:
        return "its answer changed since the sheet was written"
    if by.strip().casefold() in prepared_by(case):
        return "who prepared it cannot be its second reader"
    return ""


def prepared_by(case: Case) -> set[str]:
    """Return who prepared an answer, in small letters: whoever decided in the case, and who handles it."""
    return {e.by.casefold() for e in case.events if e.kind == "decided"} | {case.handler.casefold()}
