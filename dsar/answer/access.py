"""The answer to a request for access (Art. 15): confirmation, a copy, and what the law wants said about this person's data.

Tailored to the person (EDPB 01/2022): the purposes, recipients and periods of what was found, not of all we might do.
"""

from collections.abc import Iterator
from datetime import date
from functools import partial
from pathlib import Path

from dsar import values
from dsar.answer import foreign, workbook
from dsar.answer.contents import Answer
from dsar.answer.export import open_points, plain
from dsar.answer.layout import Grid, Heading, Page, Paragraph
from dsar.answer.publish import Written, publish
from dsar.answer.select import Chosen, choose
from dsar.answer.sheets import access_sheets, read_me
from dsar.answer.uses import kept, policy_versions, recipients
from dsar.errors import AnswerIncomplete
from dsar.find.decisions import Decisions
from dsar.find.dossier import Dossier
from dsar.law import words

RIGHT, ENDING = "access", "_your-data"  # the ending of its files' names


def report(dossier: Dossier, case: Path, decisions: Decisions, today: date, others: foreign.Others = foreign.nobody) -> Written:
    """Write the access workbook into the outbox of the case.

    Raises `NotAsked` where the request does not ask for it, `IdentityNotVerified` while the requester's
    identity is open, and `AnswerIncomplete` while there are open points, unless the decision to send
    part 1 is on record; `ForeignData` as `export` does. Same dossier, decisions and day: same bytes.
    """
    dossier.request.require(RIGHT)
    points, part_one = open_points(dossier, RIGHT), decisions.get("part 1")
    if points and not part_one:
        raise AnswerIncomplete("; ".join(map(str, points)), where=dossier.request.id, remedy="close these points, or record the decision 'part 1'")
    chosen = choose(dossier, RIGHT)
    answer = Answer(dossier, chosen, today, part_one if points else None, RIGHT)
    stem = f"{plain(dossier.datamap.controller.name)}_{dossier.request.id}{ENDING}"
    return Written(tuple(publish(case, "outbox", stem, partial(_build, answer), foreign.check(dossier, others))))


def _build(answer: Answer, stem: str, into: Path) -> list[Path]:
    controller = answer.dossier.datamap.controller
    sheets = access_sheets(answer, _read_me(answer), _use(answer))
    return workbook.write(into / f"{stem}.xlsx", sheets, controller=controller.name, zone=controller.zone, attachments_prefix=stem, say=answer.say)


def confirmation(answer: Answer) -> str:
    """Say whether personal data are processed (Art. 15(1)), as far as was searched."""
    rows, say = sum(len(c.frame) for c in answer.tables), answer.say
    if rows:
        holds = say("This answer holds one record." if rows == 1 else "This answer holds {count} records.", count=rows)
        return f"{say('Yes, we process personal data about you.')} {holds}"
    if answer.chosen or answer.part_one:
        return say("This answer holds no record: see the sheet What is not included.")
    return say("We hold nothing about you in the systems listed on the sheet Where we looked.")


def _read_me(answer: Answer) -> Page:
    say = answer.say
    asked = "You asked whether we process personal data about you, and for a copy (Article 15 of the General Data Protection Regulation)."
    opening = (
        Heading(say("What we hold about you")),
        Paragraph(f"{say(asked)} {confirmation(answer)} {say('The systems stand on the sheet Where we looked.')}"),
    )
    return read_me(answer, opening, _HOW_TO_READ)


_HOW_TO_READ = (
    "The sheet Summary lists everything in this file. Each sheet after it holds one kind of record, numbered in the first column.",
    '"not recorded" means that we hold nothing there, or What is not included names it. Times carry their time zone in the heading of the column.',
    "Why we hold it, where it comes from, who received it and how long we keep it is on the sheet How we use it.",
    "What we hold but could not put in here, and why, is on the sheet What is not included.",
)


def _use(answer: Answer) -> Page:
    say = answer.say
    header = tuple(map(say, ("What", "Kinds of data", "Purpose", "Legal basis", "Where it comes from", "Who received it", "Kept until")))
    lines = tuple(_use_lines(answer))
    nothing = Paragraph(say("We hold nothing of yours in the systems we searched."))
    return Page(say("How we use it"), (Grid(header, lines) if lines else nothing,))


def _use_lines(answer: Answer) -> Iterator[tuple[str, ...]]:
    datamap, say = answer.dossier.datamap, answer.say
    for chosen in (c for c in answer.chosen if c.groups):
        table = datamap.table(chosen.address)
        bases = "; ".join(dict.fromkeys(words.bases(g.bases, say) for g in chosen.groups)) + policy_versions(answer, chosen)
        origins = "; ".join(dict.fromkeys(say(words.ORIGINS[g.origin]) for g in chosen.groups))
        shown = (table.label, _kinds(answer, chosen), datamap.activity(table).purpose, bases, origins)
        yield (*shown, recipients(answer, chosen), kept(answer, chosen))


def _kinds(answer: Answer, chosen: Chosen) -> str:
    """Return the kinds of data that there actually are: labels of the columns that hold something (Art. 15(1)(b))."""
    table = answer.dossier.datamap.table(chosen.address)
    filled = [c for c in chosen.frame.columns if any(v is not None for v in values.pylist(chosen.frame[c]))]
    return ", ".join(dict.fromkeys(table.label_of(str(c)) for c in filled)) or answer.say("none that this file shows")
