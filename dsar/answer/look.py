"""How every sheet looks: calm, readable on a screen and on A4 landscape, with no colour as the only sign of anything."""

import math
import textwrap
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Alignment, Border, Font, NamedStyle, PatternFill, Side
from openpyxl.utils import get_column_letter as letter
from openpyxl.utils.datetime import to_excel

from dsar.answer import cells
from dsar.answer.cells import Shown

PAPER = 145.0  # characters across A4 landscape at full size
_READABLE = 1.2  # print may shrink by this before the columns go over a further page
_PROSE = 100.0  # a line of prose is no longer
_LINE = 13.0  # points
_ROW = 16.0
_FIXED = {"title": 30.0, "heading": 32.0}
_HIGHEST = 409.0  # points a row can have
FOOTER = "Page &P of &N"
RAGGED = 1.12  # wrapped lines are not filled to the edge


class Formula(NamedTuple):
    """One of our own fixed formulas."""

    formula: str

    @property
    def text(self) -> str:
        """What stands for its result, a count, before it is computed."""
        return "0"


def styles(book: Workbook) -> None:
    """Give the workbook the styles that its cells name."""
    line, frame = Side("thin", "BFC7CE"), Side("thin", "7F8A93")
    plain = Font("Arial", 10)
    bold = Font("Arial", 10, b=True)
    grey = Font("Arial", 10, i=True, color="5F6A72")
    row, box = Border(bottom=line), Border(frame, frame, frame, frame)
    top = Alignment(vertical="top", wrap_text=True)
    leftward = Alignment(horizontal="right", vertical="top", wrap_text=True, indent=1, readingOrder=2)
    left = Alignment(horizontal="left", vertical="top")
    right = Alignment(horizontal="right", vertical="top", indent=1)
    shade, fill_in = PatternFill("solid", "DFE8EE"), PatternFill("solid", "FFF6DD")
    head = Border(top=frame, bottom=frame)
    for name, font, alignment, border, fill in (
        ("title", Font("Arial", 16, b=True), Alignment(vertical="center"), None, None),
        ("heading", Font("Arial", 12, b=True), Alignment(vertical="bottom", wrap_text=True), None, None),
        ("prose", plain, top, None, None),
        ("head", bold, top, head, shade),
        ("head number", bold, Alignment(horizontal="right", vertical="top", wrap_text=True, indent=1), head, shade),
        ("label", bold, top, row, None),
        ("text", plain, top, row, None),
        ("text rtl", plain, leftward, row, None),
        ("number", plain, right, row, None),
        ("date", plain, left, row, None),
        ("absent", grey, top, row, None),
        ("absent number", grey, right, row, None),
        ("note", Font("Arial", 10, i=True), top, row, None),
        ("edit", plain, top, box, fill_in),
    ):
        book.add_named_style(NamedStyle(name, font, fill or PatternFill(), border or Border(), alignment))


Cell = tuple[Shown | Formula, str]  # what it shows, and its style


class Sheet:
    """One sheet while it is written, row by row."""

    def __init__(
        self, book: Workbook, name: str, widths: Sequence[float], *, freeze: str | None = None, head: int | None = None, footer: str = FOOTER
    ) -> None:
        ws: Any = book.create_sheet(name)  # the stubs leave out most of a write-only sheet
        self.ws, self.row = ws, 0
        self.styles: dict[tuple[str, str, bool], Any] = {}
        ws.merged_cells = []  # openpyxl's own set has no fixed order
        ws.sheet_view.showGridLines = False
        ws.sheet_properties.pageSetUpPr.fitToPage = True
        ws.page_setup.orientation, ws.page_setup.paperSize, ws.page_setup.pageOrder = "landscape", 9, "overThenDown"
        self.pages = _pages(widths)
        ws.page_setup.fitToWidth, ws.page_setup.fitToHeight = self.pages, 0
        ws.page_margins.left = ws.page_margins.right = 0.4
        ws.page_margins.top, ws.page_margins.bottom, ws.page_margins.header, ws.page_margins.footer = 0.5, 0.7, 0.3, 0.3
        ws.oddFooter.left.text, ws.oddFooter.right.text = "&A", footer
        ws.oddFooter.left.size = ws.oddFooter.right.size = 8
        if freeze:
            ws.freeze_panes = freeze
        if head:
            ws.print_title_rows = f"{head}:{head}"
            if self.pages > 1:
                ws.print_title_cols = "A:A"
        # A title or sentence may reach over columns that the table itself does not have.
        self.widths = [*widths, *[13.0] * math.ceil(max(0.0, 90.0 - sum(widths)) / 13.0)]
        for number, width in enumerate(self.widths, start=1):
            ws.column_dimensions[letter(number)].width = width

    def append(self, row: Sequence[Cell | None], height: float | None = None) -> None:
        """Write the next row, high enough for its texts: what each cell shows and its style; None leaves a cell out."""
        self.row += 1
        texts = [(c[0].text, w) for c, w in zip(row, self.widths, strict=False) if c and isinstance(c[0], Shown) and isinstance(c[0].value, str)]
        needed = height or max([_height(text, room) for text, room in texts], default=0.0)
        if needed > _ROW:
            self.ws.row_dimensions[self.row].height = needed
        self.ws.append([self._cell(*cell) if cell else None for cell in row])

    def title(self, text: str, intro: Sequence[str] = ()) -> None:
        """Write the title and what introduces the sheet, clear of a first column that print repeats."""
        first = 2 if self.pages > 1 else 1
        self.line(text, "title", first)
        for line in intro:
            self.line(line, "prose", first)

    def line(self, text: str, style: str, first: int = 1, *, label: Cell | None = None) -> None:
        """Write a text over as many columns as prose may be wide, in a row high enough for it; `label` goes before it."""
        last = first
        while last < len(self.widths) and sum(self.widths[first - 1 : last + 1]) <= _PROSE:
            last += 1
        shown = Shown(cells.visible(text))
        height = max(
            _FIXED.get(style) or _height(shown.text, sum(self.widths[first - 1 : last])), _height(label[0].text, self.widths[0]) if label else 0
        )
        before = [label] if label else [None] * (first - 1)
        self.append([*before, (shown, style), *[(Shown(""), style)] * (last - first)], height)
        if last > first:
            self.ws.merged_cells.append(f"{letter(first)}{self.row}:{letter(last)}{self.row}")

    def xf(self, style: str, number_format: str, quoted: bool) -> int:
        """Return the number under which the workbook keeps a style."""
        model: Any = WriteOnlyCell(self.ws)
        model._style = self._style(style, number_format, quoted)  # noqa: SLF001
        number: int = model.style_id
        return number

    def _cell(self, shown: Shown | Formula, style: str) -> Any:
        cell: Any = WriteOnlyCell(self.ws)
        if isinstance(shown, Formula):
            cell.value = shown.formula
        elif not isinstance(shown.value, str):
            cell.value = shown.value
        elif shown.value:
            cell.value = cells.stored(shown.value)
            cell.data_type = "s"  # openpyxl takes a leading = for a formula, and #N/A for an error
        number_format = shown.format if isinstance(shown, Shown) else "General"
        cell._style = self._style(style, number_format, isinstance(shown, Shown) and quoted(shown))  # noqa: SLF001 - the public way is half as fast
        return cell

    def _style(self, style: str, number_format: str, quoted: bool) -> Any:
        key = (style, number_format, quoted)
        if key not in self.styles:
            model: Any = WriteOnlyCell(self.ws)
            model.style, model.number_format = style, number_format
            model.quotePrefix = quoted  # a text stays one when somebody edits the cell
            self.styles[key] = model._style  # noqa: SLF001
        return self.styles[key]


def quoted(shown: Shown) -> bool:
    """Whether a text begins as a formula does."""
    return isinstance(shown.value, str) and shown.value.startswith(("=", "+", "-", "@"))


def serial(value: float | Decimal | date) -> str:
    """Return a number as a sheet spells it; a date or time is a number of days."""
    if isinstance(value, date):
        value = to_excel(value)  # type: ignore[no-untyped-call]
    return format(value, "f") if isinstance(value, Decimal) else repr(value)


def width_wanted(label: str, shown: Sequence[Shown]) -> tuple[float, float]:
    """Return the width a column wants and the least it can do with."""
    # Words of the header stay whole beside the filter's arrow; a number or date that is cut shows as ###.
    least = max([cells.width(word) * 1.1 for word in label.split()] + [5.0]) + 4.0
    least = max([least, *(cells.width(s.text) + 3.0 for s in shown if not isinstance(s.value, str) or s.style == "number")])
    wide = max([cells.width(s.text) for s in shown if isinstance(s.value, str)], default=0.0) + 2.0
    return max(least, min(wide, 80.0 if wide > 500 else 44.0)), max(least, min(wide, 18.0))


def fit(wanted: Sequence[tuple[float, float]], beside: float = 0.0, comfort: float = 30.0) -> list[float]:
    """Return widths that fit the paper where the texts can be wrapped to it; else they go over further pages.

    Before that, no text is wrapped to less than `comfort`.
    """
    pages = _pages([max(least, min(w, comfort)) for w, least in wanted] + [beside])
    excess = sum(w for w, _ in wanted) + beside - pages * PAPER
    slack = sum(w - least for w, least in wanted)
    part = min(1.0, max(0.0, excess) / slack) if slack else 0.0
    return [round(w - (w - least) * part, 1) for w, least in wanted]


def _pages(widths: Sequence[float]) -> int:
    return max(1, math.ceil(sum(widths) / (PAPER * _READABLE)))


def room(width: float) -> float:
    """Return how much text a line of a column holds."""
    return max(1.0, width - 1.5)


def lines(text: str, width: float) -> int:
    """Return how many lines a text takes in a column."""
    if len(text) * 2 < width and "\n" not in text:
        return 1
    return sum(_wrapped(line, room(width)) for line in text.split("\n"))


def height(lines: int) -> float:
    """Return the height of a row of so many lines, in points."""
    return min(_HIGHEST, lines * _LINE + 3)


def _height(text: str, width: float) -> float:
    return height(lines(text, width))


def _wrapped(text: str, room: float) -> int:
    needed = cells.width(text)
    if needed <= room:
        return 1
    return len(textwrap.wrap(text, max(1, int(len(text) * room / needed)))) or 1
