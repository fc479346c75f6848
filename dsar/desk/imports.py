"""Many requests at once, from a table: all are registered or none, and bad lines come back marked."""

from collections.abc import Callable, Sequence
from pathlib import Path

from dsar.answer import workbook
from dsar.answer.layout import Content, Facts, Grid, Heading, Page, Paragraph, Worklist
from dsar.datamap import DataMap
from dsar.desk import lines
from dsar.desk.lines import Line
from dsar.errors import BadDates, BadIdentifier, BadRequests, UnknownCalendar
from dsar.law.deadlines import RIGHTS
from dsar.plugins import languages
from dsar.request.case import Case
from dsar.request.entry import COLUMNS, Entry, entry
from dsar.request.identity import CHANNELS, REQUESTERS
from dsar.request.register import Register

FAULT = "what to mend"
_NEEDED = ("id", "received", "rights", "identifiers")
_CHOICES = {"channel": CHANNELS, "requester": REQUESTERS}
_USUAL = {"channel": "e-mail", "requester": "person"}
_EXPLAINED = {
    "id": "your own number; left empty, the next one is given out",
    "received": "the day it reached you, like 2026-11-23",
    "rights": f"one or more of {', '.join(RIGHTS)}, separated by ;",
    "identifiers": "kind=value, separated by ; — such as email=ann@example.org; phone=+44 20 7946 0018",
    "verified_on": "the day identity was settled; empty while it is not",
    "no_reasonable_doubt": "instead: why no proof was asked, in a few words",
    "channel": "how it came",
    "requester": "who writes: the person, or somebody for them",
    "reply_to": "an agent's or parent's own address",
    "language": "of the letters",
}


def write_template(path: Path, datamap: DataMap, rows: int = 200) -> Path:
    """Write an empty table to fill in, with drop-downs where the words are fixed."""
    usual = {**_USUAL, "language": datamap.controller.language}
    empty = tuple(usual.get(name, "") for name in COLUMNS)
    return _write(path, datamap, "Requests", COLUMNS, [empty] * rows)


def _write(path: Path, datamap: DataMap, title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> Path:
    kinds = ", ".join(dict.fromkeys(("email", "phone", *datamap.identifier_kinds())))
    how = Page(
        "How to fill this in",
        (
            Heading("Requests to register"),
            Paragraph(f"One line per request on the sheet {title}. Then: dsar register import {path.name}. All lines are registered, or none."),
            Grid(("Column", "What it holds"), tuple(_EXPLAINED.items())),
            Facts({"Kinds of identifier": kinds}),
        ),
    )
    choices = {**_CHOICES, "language": languages()}
    sheets: list[Content] = [how, Worklist(title, tuple(header), tuple(map(tuple, rows)), choices=choices, editable=tuple(header))]
    controller = datamap.controller
    return workbook.write(path, sheets, controller=controller.name, zone=controller.zone, attachments_prefix=path.stem)[0]


def import_file(register: Register, path: Path, datamap: DataMap, *, by: str) -> dict[str, Case]:
    """Register every line of a csv or xlsx file and return the cases; raises `BadRequests` and registers nothing where one is wrong.

    The lines then come back in `<name>_marked.xlsx`, each wrong one with what to mend; that file can be imported.
    """
    found = [line for line in lines.read(path, _NEEDED) if any(line[1].get(c) for c in ("id", "received", "rights", "identifiers"))]
    entries, faults = checked(found, lambda cells: entry(cells, datamap, register.today))
    taken = {i.casefold() for i in register.cases()}
    for number, made in zip((n for n, _ in found if n not in faults), entries, strict=True):
        if made.request.id and made.request.id.casefold() in taken:
            faults[number] = "this id stands in the register or in the file already"
        taken.add(made.request.id.casefold())
    if not found:
        raise BadRequests("holds no request", where=path.name, remedy="fill in a line")
    if faults:
        marked = path.with_name(f"{path.stem.removesuffix('_marked')}_marked.xlsx")
        rows = [(faults.get(n, ""), *(cells.get(c, "") or _USUAL.get(c, "") for c in COLUMNS)) for n, cells in found]
        _write(marked, datamap, "Requests", (FAULT, *COLUMNS), rows)
        raise BadRequests(
            too_many(faults, len(found)), where=path.name, remedy=f"mend them in {marked.name}, then import that; nothing was registered"
        )
    return register.add(entries, by=by, source=path.name)


def checked(found: Sequence[Line], read: Callable[[dict[str, str]], Entry]) -> tuple[list[Entry], dict[int, str]]:
    """Return the entries of the good lines, and row → what is wrong with it for the others."""
    entries: list[Entry] = []
    faults: dict[int, str] = {}
    for number, cells in found:
        try:
            entries.append(read(cells))
        except (ValueError, BadIdentifier, BadDates, UnknownCalendar) as error:
            faults[number] = str(error)
    return entries, faults


def too_many(faults: dict[int, str], count: int) -> str:
    """Return one line on what is wrong where."""
    shown = "; ".join(f"row {n}: {text}" for n, text in sorted(faults.items())[:3])
    more = f"; and {len(faults) - 3} more" if len(faults) > 3 else ""
    return f"{len(faults)} of {count} lines are not right ({shown}{more})"
