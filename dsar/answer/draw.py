"""Draws the kinds of sheets: tables of records, pages to read, worklists to fill in."""

from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc
from openpyxl import Workbook
from openpyxl.utils import get_column_letter as letter
from openpyxl.utils import quote_sheetname
from openpyxl.worksheet.datavalidation import DataValidation

from dsar import values
from dsar.answer import cells
from dsar.answer.bulk import Bulk, Column
from dsar.answer.cells import Manner, Shown
from dsar.answer.layout import Facts, Grid, Heading, Page, Paragraph, Progress, Table, Value, Worklist
from dsar.answer.look import FOOTER, Formula, Sheet, fit, width_wanted

_TO_WRITE = 16.0  # the least width of a cell somebody fills in
_FILL_IN = "To fill in: the shaded, framed cells under {columns}. Leave the other columns as they are; rows may be sorted and filtered."
_LONG = "Some texts are longer than a row can show: click into the cell to read all of it."
WORKLIST_HEAD = 4  # the row of a worklist's header


def table(book: Workbook, name: str, content: Table, rows: range, intro: Sequence[str], manner: Manner) -> Bulk:
    """Draw a table's title, introduction and header; return these rows of it, still to be written."""
    data = values.to_arrow(content.frame)
    columns = content.shown(data, manner)
    labels = [cells.visible(content.labels.get(c, c) + column.suffix) for c, column in columns.items()]
    quiet = content.shown(data, _quiet(manner))
    numbered = [max(7.0, len(str(rows.stop)) + 4.0)] if content.numbered else []
    widths = fit(
        [width_wanted(label, [quiet[c].show(v) for v in cells.samples(data[c])]) for c, label in zip(columns, labels, strict=True)], sum(numbered)
    )
    if any(_longest(data[c]) > 30 * w for c, w in zip(columns, widths, strict=True) if c not in content.masked):
        intro = [*intro, manner.say(_LONG)]
    head = len(intro) + 3
    sheet = Sheet(book, name, numbered + widths, freeze=f"{'B' if numbered else 'A'}{head + 1}", head=head, footer=manner.say(FOOTER))
    sheet.title(content.title, intro)
    sheet.append([])
    heads = [(Shown(label), "head number" if c.number else "head") for label, c in zip(labels, columns.values(), strict=True)]
    sheet.append([*([(Shown(manner.say("No.")), "head number")] if numbered else []), *heads])
    lanes = [Column(data[c], columns[c], width) for c, width in zip(columns, widths, strict=True)]
    bulk = Bulk(lanes, rows, head + 1, content.numbered, sheet.xf)
    bulk.styles()
    if not rows:
        sheet.line(manner.say("There are no rows."), "prose")
    else:
        sheet.ws.auto_filter.ref = f"A{head}:{letter(len(numbered) + len(columns))}{head + len(rows)}"
    return bulk


def page(book: Workbook, name: str, content: Page, formulas: Mapping[Progress, Sequence[str]], manner: Manner) -> None:
    """Draw a page: its blocks one below the other, on common columns."""
    sheet = Sheet(book, name, _page_widths(content, manner), footer=manner.say(FOOTER))
    sheet.title(content.title)
    head = None
    for before, block in zip((None, *content.blocks), content.blocks, strict=False):
        if isinstance(before, Facts | Grid | Progress) and not isinstance(block, Heading):
            sheet.append([])
        match block:
            case Heading(text):
                sheet.line(text, "heading")
            case Paragraph(text):
                sheet.line(text, "prose")
            case Facts(pairs):
                for label, value in pairs.items():
                    sheet.line(_show(value, manner).text, "text", 2, label=(Shown(cells.visible(label)), "label"))
            case Grid(header, rows):
                head = sheet.row + 1
                _grid(sheet, header, [[_show(v, manner) for v in row] for row in rows])
            case Progress(_, column, labels):
                counts = [Formula(f) for f in formulas[block]]
                _grid(
                    sheet, (column, manner.say("Rows")), [[Shown(cells.visible(label)), count] for label, count in zip(labels, counts, strict=True)]
                )
    if head and isinstance(content.blocks[-1], Grid):  # a header above what is not its own would mislead
        sheet.ws.print_title_rows = f"{head}:{head}"


def worklist(book: Workbook, name: str, content: Worklist, manner: Manner, elsewhere: Mapping[tuple[str, ...], str]) -> None:
    """Draw a worklist: how to fill it in, then its rows with drop-downs; `elsewhere` is where the words of long ones stand."""
    rows = [[Shown("") if v is None else cells.show(v, manner) for v in row] for row in content.rows]
    wanted = [width_wanted(label, [row[n] for row in rows]) for n, label in enumerate(content.header)]
    widths = fit(
        [(max(w, _TO_WRITE), max(m, _TO_WRITE)) if h in content.editable else (w, m) for (w, m), h in zip(wanted, content.header, strict=True)]
    )
    sheet = Sheet(book, name, widths, freeze=f"B{WORKLIST_HEAD + 1}", head=WORKLIST_HEAD, footer=manner.say(FOOTER))
    to_do = [content.every or any(s.value for s, label in zip(row, content.header, strict=True) if label in content.choices) for row in rows]
    others = set(content.header) - set(content.editable)
    every = manner.say("To fill in: the shaded, framed cells. Rows may be sorted and filtered.")
    how = manner.say(_FILL_IN, columns=", ".join(content.editable)) if others else every
    sheet.title(content.title, [how if content.editable and (any(to_do) or not rows) else ""])
    sheet.append([])
    _head(sheet, content.header, [False] * len(content.header))
    for row, open_ in zip(rows, to_do, strict=True):
        editable = content.editable if open_ else ()
        sheet.append([(shown, "edit" if label in editable else shown.style) for shown, label in zip(row, content.header, strict=True)])
    if rows:
        sheet.ws.auto_filter.ref = f"A{WORKLIST_HEAD}:{letter(len(widths))}{sheet.row}"
    for label, allowed in content.choices.items():
        _choice(sheet, letter(content.header.index(label) + 1), elsewhere.get(allowed) or _listed(allowed))


def words(name: str, choices: Sequence[tuple[str, ...]]) -> dict[tuple[str, ...], str]:
    """Return where the words of long drop-downs stand on the sheet `name`, a column each."""
    first = WORKLIST_HEAD + 1
    return {
        allowed: f"{quote_sheetname(name)}!${letter(n)}${first}:${letter(n)}${WORKLIST_HEAD + len(allowed)}"
        for n, allowed in enumerate(choices, start=1)
    }


def fits(allowed: Sequence[str]) -> bool:
    """Whether a drop-down can hold its own words: at most 255 characters, and none of them a comma or a quotation mark."""
    return len(",".join(allowed)) <= 255 and not any("," in word or '"' in word for word in allowed)


def progress(block: Progress, name: str, content: Worklist) -> tuple[str, ...]:
    """Return the counting formulas of a progress block over a worklist that stands on the sheet `name`."""
    column = letter(content.header.index(block.column) + 1)
    cells_ = f"{quote_sheetname(name)}!${column}${WORKLIST_HEAD + 1}:${column}${WORKLIST_HEAD + max(1, len(content.rows))}"
    return tuple(f'=COUNTIF({cells_},"{label.replace(chr(34), chr(34) * 2)}")' for label in block.labels)


def _head(sheet: Sheet, header: Sequence[str], numbers: Sequence[bool]) -> None:
    sheet.append([(Shown(cells.visible(label)), "head number" if number else "head") for label, number in zip(header, numbers, strict=True)])


def _grid(sheet: Sheet, header: Sequence[str], rows: Sequence[Sequence[Shown | Formula]]) -> None:
    drawn = [[(shown, shown.style if isinstance(shown, Shown) else "number") for shown in row] for row in rows]
    _head(sheet, header, [bool(drawn) and all(row[n][1] == "number" for row in drawn) for n in range(len(header))])
    for row in drawn:
        sheet.append(row)


def _listed(allowed: Sequence[str]) -> str:
    if not fits(allowed):
        raise ValueError("a drop-down holds at most 255 characters, and none of its words a comma or a quotation mark")
    return f'"{",".join(allowed)}"'


def _choice(sheet: Sheet, column: str, listed: str) -> None:
    if sheet.row > WORKLIST_HEAD:
        rule = DataValidation("list", formula1=listed, allow_blank=True, showErrorMessage=True)
        rule.errorTitle, rule.error = "Not one of the words", "Please choose one of the words of the list."
        rule.add(f"{column}{WORKLIST_HEAD + 1}:{column}{sheet.row}")
        sheet.ws.data_validations.append(rule)


def _show(value: Value, manner: Manner) -> Shown:
    return Shown("–") if value is None else cells.show(value, manner)


def _quiet(manner: Manner) -> Manner:
    return manner._replace(attach=lambda _: "")


def _longest(column: pa.ChunkedArray) -> int:
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return 0
    lengths = pc.utf8_length(column)
    longest: int | None = pc.max(pc.if_else(pc.greater(lengths, cells.LONGEST), 0, lengths)).as_py()  # those beyond are in files
    return longest or 0


def _page_widths(content: Page, manner: Manner) -> list[float]:
    columns: list[tuple[float, float]] = []
    for block in content.blocks:
        match block:
            case Facts(pairs):
                found = [width_wanted("", [Shown(label) for label in pairs]), (20.0, 20.0)]
            case Grid(header, rows):
                found = [width_wanted(label, [_show(row[n], _quiet(manner)) for row in rows]) for n, label in enumerate(header)]
            case Progress(_, column, labels):
                found = [width_wanted(column, [Shown(label) for label in labels]), (10.0, 10.0)]
            case _:
                continue
        pad = [(0.0, 0.0)] * max(len(columns), len(found))
        columns = [(max(a[0], b[0]), max(a[1], b[1])) for a, b in zip([*columns, *pad], [*found, *pad], strict=False) if max(a, b) > (0.0, 0.0)]
    return fit(columns, comfort=20.0)  # a page is read as one: better narrow columns than a second sheet of paper
