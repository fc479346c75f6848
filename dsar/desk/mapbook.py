"""The data map as a workbook for those who read no TOML, and back: what somebody changed there is changed in dsar.toml.

Each cell to fill in stands for one key of the map. Only cells that differ from what was sent are taken over, so comments, order
and what somebody else changed in dsar.toml meanwhile stay; all or nothing, and every fault is named by its cell.
"""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from openpyxl.utils import get_column_letter as letter

from dsar import datamap as maps
from dsar import files, forgotten
from dsar.answer import workbook
from dsar.answer.layout import Facts, Heading, Page, Paragraph, Worklist
from dsar.datamap import DataMap
from dsar.desk import lines, tomledit
from dsar.desk.mapsheets import Sheet, sheets, words
from dsar.errors import BadMap

_HOW = (
    "Each sheet shows one part of the data map. Change what is shaded; leave the other cells as they are. Rows may be sorted and filtered.",
    (
        "Tables: Confirmed is no where the map was drafted by a program and nobody has read it yet. Set it to yes when the table, what its "
        "rows are for, and each of its columns are right. Until then nothing of it is sent to anybody."
    ),
    "A new activity or recipient goes into a row below the last one, under a short name of its own in small letters.",
    (
        "Forgotten systems: say for each whether it is mapped (and in which system of the sheet Systems), searched by a person (manual), "
        "not there (none: who says so, and when) or left out (ignored: why)."
    ),
)
_BACK = "When it is filled in, give it back to whoever sent it. They read it with: dsar map --from-xlsx FILE"


class Change(NamedTuple):
    """A cell that somebody changed: where it stands, and what it makes of the map (None takes the key away)."""

    cell: str
    path: tuple[str, ...]
    value: Any


_FORGOTTEN = ("Forgotten system", "What it is", "Answer", "Where, or why")


def write(path: Path, workspace: Path, known: DataMap) -> Path:
    """Write the map as a workbook, and keep what was sent beside the map: what comes back is compared with it."""
    sent = (workspace / "dsar.toml").read_text(encoding="utf-8")
    content = tomllib.loads(sent)
    worklists = [_worklist(sheet, content) for sheet in sheets(known)]
    answers = tuple((name, what, *_answer(content, name)) for name, what in forgotten.SYSTEMS.items())
    asked = Worklist("Forgotten systems", _FORGOTTEN, answers, choices={"Answer": forgotten.ANSWERS}, editable=_FORGOTTEN[2:], every=True)
    open_ = sum(table.guessed for _, table in known.tables())
    facts = Facts({"Controller": known.controller.name, "State of the map": known.sha256[:16], "Tables to confirm": open_})
    cover = Page("Start here", (Heading("The data map"), facts, Heading("How to work with it"), *map(Paragraph, (*_HOW, _BACK))))
    controller = known.controller
    files.private_dir(workspace / "map-sent")
    files.write_atomic(workspace / "map-sent" / f"{known.sha256[:16]}.toml", sent)
    workbook.write(path, [cover, *worklists, asked], controller=controller.name, zone=controller.zone, attachments_prefix=path.stem)
    return path


def _worklist(sheet: Sheet, content: Mapping[str, Any]) -> Worklist:
    rows = tuple((*row.shown, *(field.shown(_at(content, row.path)) for field in sheet.fields)) for row in sheet.rows)
    blank = ((*("" for _ in sheet.header),),) * (3 if sheet.below else 0)
    editable = (*(sheet.fixed if sheet.below else ()), *(f.header for f in sheet.fields))
    choices = {f.header: f.choices for f in sheet.fields if f.choices and f.kind != "list"}
    return Worklist(sheet.title, sheet.header, (*rows, *blank), choices=choices, editable=editable, every=True)


def _answer(content: Mapping[str, Any], name: str) -> tuple[str, str]:
    said = content.get("systems", {}).get(name)
    if not said:
        return "", ""
    answered = forgotten.Answered.model_validate(said)
    return answered.answer, answered.words


def _at(content: Mapping[str, Any], path: Sequence[str]) -> Mapping[str, Any]:
    place: Any = content
    for part in path:
        place = place.get(part, {}) if isinstance(place, Mapping) else {}
    return place if isinstance(place, Mapping) else {}


# -- back ------------------------------------------------------------------------------------------


def read(path: Path, workspace: Path, known: DataMap) -> list[str]:
    """Take over what was changed in a workbook that came back, all or nothing; return what changed, key by key. Raises `BadMap`."""
    target = workspace / "dsar.toml"
    now = target.read_text(encoding="utf-8")
    base = _sent(path, workspace, known, now)
    faults: list[str] = []
    changes = list(_changes(path, known, tomllib.loads(base), faults))
    current = tomllib.loads(now)
    for change in changes:
        before, here = _value(tomllib.loads(base), change.path), _value(current, change.path)
        if here not in (before, change.value):
            faults.append(f"{change.cell}: {'.'.join(change.path)} was changed in dsar.toml meanwhile")
    if not faults:
        faults += _check(now, changes, target)
    if faults:
        more = f"; and {len(faults) - 5} more" if len(faults) > 5 else ""
        raise BadMap("; ".join(faults[:5]) + more, where=path.name, remedy="mend these cells; nothing was taken over")
    if changes:
        files.write_atomic(target, tomledit.changed(now, [(c.path, c.value) for c in changes]))
    return [".".join(c.path) for c in changes]


def _sent(path: Path, workspace: Path, known: DataMap, now: str) -> str:
    """Return the map as it was when the workbook was written."""
    state = lines.facts(path, "Start here").get("State of the map", "")
    if state == known.sha256[:16]:
        return now
    kept = workspace / "map-sent" / f"{state}.toml"
    if not state.isalnum() or not kept.is_file():
        raise BadMap(
            "is no workbook of this map, or of a state of it that is not kept here", where=path.name, remedy="write it anew: dsar map --to-xlsx FILE"
        )
    return kept.read_text(encoding="utf-8")


def _changes(path: Path, known: DataMap, base: Mapping[str, Any], faults: list[str]) -> Iterator[Change]:
    new: set[str] = set()
    by_title = {sheet.title: sheet for sheet in sheets(known)}
    # What others refer to comes first.
    for title in ("Recipients", "Activities", "Systems", "Tables", "Columns"):
        yield from _of_sheet(path, by_title[title], base, faults, new)
    yield from _of_forgotten(path, base, faults)


def _of_sheet(path: Path, sheet: Sheet, base: Mapping[str, Any], faults: list[str], new: set[str]) -> Iterator[Change]:
    where = {row.shown: row.path for row in sheet.rows}
    seen: dict[tuple[str, ...], int] = {}
    for number, cells in lines.read(path, sheet.header):
        columns = {header: letter(n) for n, header in enumerate(cells, start=1)}
        name = tuple(cells[header] for header in sheet.fixed)
        if not any(cells[h] for h in sheet.header if h not in {f.header for f in sheet.fields if f.kind in {"switch", "inverse"}}):
            continue
        at = where.get(name)
        if at is None and sheet.below and name[0].isidentifier():
            at = (*sheet.below, name[0])
            new.add(name[0])
        if at is None or name in seen:
            what = f"the same row as row {seen[name]}" if name in seen else "no such row is in the map"
            faults.append(f"{sheet.title} {columns[sheet.fixed[0]]}{number}: {what}")
            continue
        seen[name] = number
        entry = _at(base, at)
        for field in sheet.fields:
            cell, place = cells[field.header], f"{sheet.title} {columns[field.header]}{number}"
            if cell != field.shown(entry) and (entry or cell):
                try:
                    yield Change(place, (*at, field.key), cell if field.key == "activity" and cell in new else field.read(cell))
                except ValueError as error:
                    faults.append(f"{place}: {error}")


def _of_forgotten(path: Path, base: Mapping[str, Any], faults: list[str]) -> Iterator[Change]:
    for number, cells in lines.read(path, _FORGOTTEN):
        name, answer, said = (cells[h] for h in (_FORGOTTEN[0], *_FORGOTTEN[2:]))
        place = f"Forgotten systems {letter(list(cells).index('Answer') + 1)}{number}"
        if name not in forgotten.SYSTEMS:
            faults.append(f"{place}: no such row is in the list")
        elif (answer, said) != _answer(base, name):
            if answer not in forgotten.ANSWERS and (answer or said):
                faults.append(f"{place}: must be one of {', '.join(forgotten.ANSWERS)}")
                continue
            named: Any = words(said) if answer in {"mapped", "manual"} else said
            yield Change(place, ("systems", name), {answer: named[0] if isinstance(named, list) and len(named) == 1 else named} if answer else None)


def _value(content: Mapping[str, Any], path: Sequence[str]) -> Any:
    return _at(content, path[:-1]).get(path[-1])


def _check(now: str, changes: Sequence[Change], target: Path) -> list[str]:
    """Return what the map would refuse, by cell: all changes together, and only where that fails one after the other."""
    try:
        maps.parse(tomledit.applied(tomllib.loads(now), [(c.path, c.value) for c in changes]), target)
    except BadMap as together:
        good: list[tuple[tuple[str, ...], Any]] = []
        faults = []
        for change in changes:
            try:
                maps.parse(tomledit.applied(tomllib.loads(now), [*good, (change.path, change.value)]), target)
                good.append((change.path, change.value))
            except BadMap as error:
                if not _missing(error):
                    faults.append(f"{change.cell}: {error.what.split(': ', 1)[-1]}")
                good += [(change.path, change.value)] * _missing(error)
        return faults or [together.what]
    return []


def _missing(error: BadMap) -> bool:
    """Whether only another cell of a new row is missing yet."""
    return all(part.endswith("is missing") for part in error.what.split("; "))
