"""A folder of mails, proposed in one sheet and registered from it once a person has confirmed each line."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from dsar.answer import workbook
from dsar.answer.layout import Content, Grid, Heading, Page, Paragraph, Worklist
from dsar.datamap import DataMap
from dsar.desk import lines
from dsar.desk.imports import checked, too_many
from dsar.errors import BadRequests
from dsar.plugins import languages
from dsar.request.entry import Entry, entry
from dsar.request.identity import CHANNELS, REQUESTERS
from dsar.request.intake import Proposal, propose
from dsar.request.register import Register

DECISIONS = {
    "Register": "a request of its own",
    "Belongs to": "the same person's, part of the request on the line under With line; its address and rights are added there",
    "Repeat": "the same mail once more; nothing is registered",
    "Not a request": "asks for nothing under data protection law",
    "Question": "not decided yet; left for the next time",
}
HEADER = (
    "Line", "File", "From", "Name", "Subject", "Attachments", "Seems to ask for", "Same letter as line", "Same person as line", "Note",
    "Decision", "With line", "Received", "Rights", "Identifiers", "Channel", "Requester", "Reply to", "Language", "Letter",
)  # fmt: skip
_FILLED_IN = ("Decision", "With line", "Received", "Rights", "Identifiers", "Channel", "Requester", "Reply to", "Language")
_CHOICES = {"Decision": tuple(DECISIONS), "Channel": CHANNELS, "Requester": REQUESTERS}


class Confirmed(NamedTuple):
    """What came of a sheet: the requests registered, and how many lines are still a question."""

    registered: tuple[str, ...]
    questions: int


def write_proposals(register: Register, folder: Path, path: Path, datamap: DataMap) -> tuple[Path, list[Proposal]]:
    """Write the sheet of proposals for a folder of mails, and return it with them."""
    controller = datamap.controller
    found = propose(folder, controller.zone, register.today, controller.region, register.letters())
    how = Page(
        "How to use this",
        (
            Heading("Letters to register"),
            Paragraph(
                "Open each mail beside its line. What it seems to ask for is a guess from its words. Choose a Decision, correct Rights and the day "
                "it was received, then: dsar register confirm with this file. An address is claimed until identity is settled."
            ),
            Grid(("Decision", "What it means"), tuple(DECISIONS.items())),
        ),
    )
    rows = tuple(_row(p) for p in found)
    choices = {**_CHOICES, "Language": languages()}
    sheets: list[Content] = [how, Worklist("Letters", HEADER, rows, choices=choices, editable=_FILLED_IN)]
    return workbook.write(path, sheets, controller=controller.name, zone=controller.zone, attachments_prefix=path.stem)[0], found


def _row(proposal: Proposal) -> tuple[str | int | None, ...]:
    mail, asked = proposal.mail, "; ".join(proposal.rights)
    decision, with_line = _usual(proposal)
    person = ", ".join(map(str, proposal.person))
    if mail is None:
        nothing = [""] * 7
        unread = (*nothing, proposal.fault, decision, *nothing[:4])
        return (proposal.number, proposal.file, *unread, "other", "person", "", "en", "")
    came = (mail.sender, mail.name, mail.subject, ", ".join(mail.attachments))
    seems = (asked, str(proposal.template or ""), person, "; ".join(_notes(proposal)))
    day = proposal.received.isoformat() if proposal.received else ""
    language = "de" if _german(mail.text) else "en"
    who = ("", "e-mail", "agent", mail.sender) if proposal.for_somebody else (f"email={mail.sender}", "e-mail", "person", "")
    chosen = (decision, with_line, day, asked, *who, language)
    return (proposal.number, proposal.file, *came, *seems, *chosen, mail.letter_sha256)


def _notes(proposal: Proposal) -> Iterator[str]:
    if proposal.fault:
        yield proposal.fault
    if proposal.for_somebody:
        yield "it seems to be written for somebody else: fill in what that person is known by"
    if proposal.named:  # a signature or a template letter names others too, so none of them is taken without a look
        yield f"its text names {', '.join(proposal.named)}: add to Identifiers what is the person's"


def _usual(proposal: Proposal) -> tuple[str, str]:
    if proposal.twice:
        return "Repeat", proposal.twice.removeprefix("line ")
    if proposal.mail is None or proposal.fault or proposal.for_somebody or not proposal.rights:
        return "Question", ""
    if proposal.person:
        return "Belongs to", str(proposal.person[0])
    return "Register", ""


def _german(text: str) -> bool:
    words = text.casefold().split()
    return sum(w in {"ich", "und", "meine", "bitte", "sie", "mit", "der", "die", "das"} for w in words) > len(words) / 20


def confirm(register: Register, path: Path, datamap: DataMap, *, by: str) -> Confirmed:
    """Register what a sheet of proposals was decided to be, all of it or nothing; raises `BadRequests` naming the lines to mend.

    A letter that is registered already is passed over, so that the same sheet can be confirmed again once its questions are settled.
    """
    found = lines.read(path, HEADER)
    faults = dict(_faults(found))
    known = register.letters()
    wanted = [(n, cells) for n, cells in found if cells["Decision"] == "Register" and cells["Letter"] not in known]
    entries, wrong = checked(wanted, lambda cells: _entry(cells, _belonging(found, cells["Line"]), register, datamap))
    faults |= wrong
    if faults:
        raise BadRequests(too_many(faults, len(found)), where=path.name, remedy="mend these lines; nothing was registered")
    added = register.add(entries, by=by, source=path.name)
    return Confirmed(tuple(added), sum(cells["Decision"] == "Question" for _, cells in found))


def _faults(found: Sequence[lines.Line]) -> list[tuple[int, str]]:
    decided = {cells["Line"]: cells["Decision"] for _, cells in found}
    faults = []
    for number, cells in found:
        if cells["Decision"] not in DECISIONS:
            faults.append((number, f"Decision must be one of {', '.join(DECISIONS)}"))
        elif cells["Decision"] == "Belongs to" and decided.get(cells["With line"]) != "Register":
            faults.append((number, "With line must name a line that is to be registered"))
        elif cells["Decision"] == "Register" and cells["With line"]:
            faults.append((number, "With line stays empty for a request of its own"))
    return faults


def _belonging(found: Sequence[lines.Line], line: str) -> list[Mapping[str, str]]:
    return [cells for _, cells in found if cells["Decision"] == "Belongs to" and cells["With line"] == line]


def _entry(cells: Mapping[str, str], others: Sequence[Mapping[str, str]], register: Register, datamap: DataMap) -> Entry:
    together = [cells, *others]
    received = min(c["Received"] for c in together if c["Received"]) if any(c["Received"] for c in together) else ""
    made = entry(
        {
            "received": received,
            "rights": ";".join(c["Rights"] for c in together),
            "identifiers": ";".join(c["Identifiers"] for c in together),
            "channel": cells["Channel"],
            "requester": cells["Requester"],
            "reply_to": cells["Reply to"],
            "language": cells["Language"],
        },
        datamap,
        register.today,
    )
    return replace(made, letter_sha256=cells["Letter"] or None)
