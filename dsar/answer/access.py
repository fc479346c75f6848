"""The answer to a request for access (Art. 15): confirmation, a copy, and what the law wants said about this person's data.

Tailored to the person (EDPB 01/2022): the purposes, recipients and periods of what was found, not of all we might do.
"""

from collections.abc import Iterator
from datetime import date
from functools import partial
from pathlib import Path

from dsar import values
from dsar.answer import workbook
from dsar.answer.export import open_points, plain
from dsar.answer.layout import Facts, Grid, Heading, Page, Paragraph
from dsar.answer.publish import Written, publish
from dsar.answer.select import Chosen, choose
from dsar.answer.sheets import Answer, access_sheets, kept, local, part_one_notice, policy_versions, recipients
from dsar.errors import AnswerIncomplete
from dsar.find.decisions import Decisions
from dsar.find.dossier import Dossier
from dsar.law import words

RIGHT = "access"


def report(dossier: Dossier, case: Path, decisions: Decisions, today: date) -> Written:
    """Write the access workbook into the outbox of the case.

    Raises `NotAsked` where the request does not ask for it, `IdentityNotVerified` while the requester's
    identity is open, and `AnswerIncomplete` while there are open points, unless the decision to send
    part 1 is on record. Same dossier, decisions and day: same bytes.
    """
    dossier.request.require(RIGHT)
    points, part_one = open_points(dossier, RIGHT), decisions.get("part 1")
    if points and not part_one:
        raise AnswerIncomplete("; ".join(map(str, points)), where=dossier.request.id, remedy="close these points, or record the decision 'part 1'")
    chosen = choose(dossier, RIGHT)
    answer = Answer(dossier, chosen, today, part_one if points else None, RIGHT)
    stem = f"{plain(dossier.datamap.controller.name)}_{dossier.request.id}_your-data"
    return Written(tuple(publish(case, "outbox", stem, partial(_build, answer))))


def _build(answer: Answer, stem: str, into: Path) -> list[Path]:
    controller = answer.dossier.datamap.controller
    sheets = access_sheets(answer, _read_me(answer), _use(answer))
    return workbook.write(into / f"{stem}.xlsx", sheets, controller=controller.name, zone=controller.zone, attachments_prefix=stem)


def confirmation(answer: Answer) -> str:
    """Say whether personal data are processed (Art. 15(1)), as far as was searched."""
    rows = sum(len(c.frame) for c in answer.tables)
    if rows:
        return f"Yes, we process personal data about you. This file holds {rows} record{'s' if rows != 1 else ''}."
    if answer.chosen or answer.part_one:
        return "This file holds no record; what could not be put in stands on the sheet What is not included."
    return "We hold nothing about you in the systems listed on the sheet Where we looked."


def _read_me(answer: Answer) -> Page:
    dossier, controller = answer.dossier, answer.dossier.datamap.controller
    blocks = [
        Heading("What we hold about you"),
        Paragraph(
            "You asked whether we process personal data about you, and for a copy (Article 15 of the General Data Protection Regulation). "
            f"{confirmation(answer)} We searched the systems that stand on the sheet Where we looked."
        ),
        *part_one_notice(answer),
        Facts(
            {
                "Reference": dossier.request.id,
                "From": controller.name,
                "Address": controller.address,
                "Request received on": dossier.request.received,
                "Data as of": local(dossier, dossier.collected_at),
                "Prepared on": answer.prepared,
                "Questions to": controller.contact,
            }
        ),
        Heading("How to read this"),
        Paragraph("The sheet Summary lists everything in this file. Each sheet after it holds one kind of record, numbered in the first column."),
        Paragraph('"not recorded" means that we hold nothing in that place. Times carry their time zone in the heading of the column.'),
        Paragraph("Why we hold it, where it comes from, who received it and how long we keep it is on the sheet How we use it."),
        Paragraph("What we hold but could not put in here, and why, is on the sheet What is not included."),
    ]
    return Page("Read me first", tuple(blocks))


def _use(answer: Answer) -> Page:
    header = ("What", "Kinds of data", "Purpose", "Legal basis", "Where it comes from", "Who received it", "Kept until")
    lines = tuple(_use_lines(answer))
    return Page("How we use it", (Grid(header, lines) if lines else Paragraph("We hold nothing of yours in the systems we searched."),))


def _use_lines(answer: Answer) -> Iterator[tuple[str, ...]]:
    datamap = answer.dossier.datamap
    for chosen in (c for c in answer.chosen if c.groups):
        table = datamap.table(chosen.address)
        bases = "; ".join(dict.fromkeys(words.bases(g.bases) for g in chosen.groups))
        origins = "; ".join(dict.fromkeys(words.ORIGINS[g.origin] for g in chosen.groups)) + policy_versions(answer, chosen)
        shown = (table.label, _kinds(answer, chosen), datamap.activity(table).purpose, bases, origins)
        yield (*shown, recipients(answer, chosen), kept(answer, chosen))


def _kinds(answer: Answer, chosen: Chosen) -> str:
    """Return the kinds of data that there actually are: labels of the columns that hold something (Art. 15(1)(b))."""
    table = answer.dossier.datamap.table(chosen.address)
    filled = [c for c in chosen.frame.columns if any(v is not None for v in values.pylist(chosen.frame[c]))]
    return ", ".join(dict.fromkeys(table.label_of(str(c)) for c in filled)) or "none that this file shows"
