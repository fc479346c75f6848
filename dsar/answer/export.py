"""The portability export: the workbook and the package that go to the requester, or why they do not."""

import re
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from dsar.answer import foreign, package, page, workbook
from dsar.answer.contents import Answer
from dsar.answer.publish import Written, publish
from dsar.answer.select import Chosen, choose, groups
from dsar.answer.sheets import portability_sheets, readme
from dsar.datamap import Table
from dsar.errors import AnswerIncomplete
from dsar.find.decisions import Decisions
from dsar.find.dossier import Dossier
from dsar.find.outcome import OpenPoint
from dsar.law import words
from dsar.listing import Listing, listing

RIGHT, ENDING = "portability", "_portability"  # the ending of its files' names


def portability(dossier: Dossier) -> Listing:
    """What is portable and what is not: columns What, Columns, Rows, Legal basis, Origin, Portable, Why, Article."""
    datamap = dossier.datamap
    lines = [
        (
            datamap.table(g.address).label,
            ", ".join(_column(datamap.table(g.address), c) for c in g.columns),
            g.rows,
            words.bases(g.bases),
            words.ORIGINS[g.origin],
            g.outcome.answer,
            g.outcome.sentence,
            g.outcome.article,
        )
        for g in groups(dossier, RIGHT)
    ]
    columns = ("What", "Columns", "Rows", "Legal basis", "Origin", "Portable", "Why", "Article")
    return listing(columns, lines, empty="Nothing was found, so there is nothing to carry over.")


def _column(table: Table, name: str) -> str:
    return table.label_of(name) + (" (left out: about somebody else)" if table.columns[name].other_person else "")


def open_points(dossier: Dossier, right: str = RIGHT) -> tuple[OpenPoint, ...]:
    """Return what stands between the dossier and a complete answer to a right that hands data over."""
    points = list(dossier.open_points)
    undetermined = {str(g.address) for g in groups(dossier, right) if g.outcome.answer == "blocked"}
    points += [OpenPoint(table, "its legal basis is not determined", "determine it in dsar.toml") for table in sorted(undetermined)]
    return tuple(points)


def export(dossier: Dossier, case: Path, decisions: Decisions, today: date, others: foreign.Others = foreign.nobody) -> Written:
    """Write the workbook and the package into the outbox of the case.

    Raises `NotAsked` where the request does not ask for it, `IdentityNotVerified` while the requester's
    identity is open, and `AnswerIncomplete` while there are open points, unless the decision to send
    part 1 is on record; `ForeignData` where a file holds something of `others`, who also asked, or of the people behind held
    and masked items. Same dossier, decisions and day: same bytes.
    """
    dossier.request.require(RIGHT)
    points, part_one = open_points(dossier), decisions.get("part 1")
    if points and not part_one:
        raise AnswerIncomplete("; ".join(map(str, points)), where=dossier.request.id, remedy="close these points, or record the decision 'part 1'")
    chosen = choose(dossier, RIGHT)
    answer = Answer(dossier, chosen, today, part_one if points else None)
    stem = f"{plain(dossier.datamap.controller.name)}_{dossier.request.id}{ENDING}"
    return Written(tuple(publish(case, "outbox", stem, lambda name, into: _build(answer, name, into), foreign.check(dossier, others))))


def _build(answer: Answer, stem: str, into: Path) -> list[Path]:
    datamap = answer.dossier.datamap
    controller, sheets = datamap.controller, portability_sheets(answer)
    written = workbook.write(into / f"{stem}.xlsx", sheets, controller=controller.name, zone=controller.zone, attachments_prefix=stem, say=answer.say)
    title = answer.say("Data held by {controller}, request {request}", controller=controller.name, request=answer.dossier.request.id)
    beside = {p.read_bytes(): p.name for p in written[1:]}
    reading = page.page(
        sheets, title=title, workbook=written[0].name, zone=controller.zone, say=answer.say, attach=lambda value: beside[workbook.content(value)]
    )
    zipped = package.write(
        into / f"{stem}.zip",
        [_data(answer, chosen) for chosen in answer.tables],
        written,
        page=reading,
        readme=readme(answer, written[0].name),
        title=title,
        request_id=answer.dossier.request.id,
        controller=controller.name,
        created=answer.dossier.collected_at,
    )
    return [written[0], zipped, *written[1:]]


def _data(answer: Answer, chosen: Chosen) -> package.DataTable:
    datamap = answer.dossier.datamap
    table = datamap.table(chosen.address)
    kept: Sequence[str] = [str(c) for c in chosen.frame.columns]
    portable = [g for g in chosen.groups if g.outcome.answer == "yes"]
    return package.DataTable(
        name=answer.data_name(chosen.address),
        label=table.label,
        frame=chosen.frame,
        columns={c: table.columns[c] for c in kept},
        key=table.key,
        basis=tuple(dict.fromkeys(b for g in portable for b in g.bases)),
        origins=tuple(dict.fromkeys(g.origin for g in portable)),
        purpose=datamap.activity(table).purpose,
        system=datamap.sources[chosen.address.source].label,
    )


def plain(name: str) -> str:
    """Return a name as part of a file name."""
    return re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")
