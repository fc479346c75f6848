"""The reading page: what the workbook holds, as one file for a browser.

No script, no font, no picture from elsewhere, and a policy in the page that forbids them; it is read by a
screen reader, on a phone and on paper. Texts are escaped by the template, not by hand.
"""

import base64
import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import jinja2
import pyarrow as pa

from dsar import plugins, values
from dsar.answer import cells
from dsar.answer.cells import Manner, Shown
from dsar.answer.layout import Content, Facts, Grid, Heading, Page, Paragraph, Progress, Table, Value, Worklist
from dsar.answer.names import file_stem, unique
from dsar.texts import Texts

ROWS = 2_000  # of one table; a browser on a phone bears no million
_BARS = 60  # of a chart; beyond them it counts years
_HIGH, _LOW = 14, 100  # the ends of a bar


class Cell(NamedTuple):
    """What a cell shows, the class it is shown in, and whether it is read from the right."""

    text: str
    style: str = ""
    rtl: bool = False
    number: bool = False


@dataclass(frozen=True)
class Section:
    """A sheet of the workbook, as a section of the page."""

    id: str
    title: str
    blocks: tuple[dict[str, Any], ...]


def page(sheets: Sequence[Content], *, title: str, workbook: str, zone: ZoneInfo, say: Texts, attach: Callable[[str | bytes], str]) -> bytes:
    """Return the page in UTF-8; `attach` names the file beside it in which a value lies that is none to read."""
    manner = Manner(zone, attach, say)
    ids = unique([file_stem(sheet.title) for sheet in sheets])
    sections = [
        Section(f"s-{name}", cells.visible(sheet.title), tuple(_blocks(sheet, manner, workbook))) for name, sheet in zip(ids, sheets, strict=True)
    ]
    style = plugins.template("page.css")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    details = {"language": say.language, "title": cells.visible(title), "workbook": workbook, "say": say}
    return _template().render(sections=sections, style=style, style_hash=f"sha256-{digest}", **details).encode("utf-8")


@cache
def _template() -> jinja2.Template:
    text = plugins.template("page.html")
    surroundings = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined)
    return surroundings.from_string(text)


def _blocks(sheet: Content, manner: Manner, workbook: str) -> Iterator[dict[str, Any]]:
    match sheet:
        case Table():
            yield from _records(sheet, manner, workbook)
        case Page(title, blocks):
            for number, block in enumerate(blocks, start=1):
                yield _block(block, f"{title}, {number}", manner)
        case Worklist():
            raise TypeError("a worklist is worked on in the workbook, not read on a page")


def _block(block: object, label: str, manner: Manner) -> dict[str, Any]:
    match block:
        case Heading(text):
            return {"kind": "heading", "text": cells.visible(text)}
        case Paragraph(text):
            return {"kind": "paragraph", "text": cells.visible(text)}
        case Facts(pairs):
            return {"kind": "facts", "pairs": [(cells.visible(name), _value(value, manner)) for name, value in pairs.items()]}
        case Grid(header, rows):
            shown = [[_value(v, manner) for v in row] for row in rows]
            numbers = [bool(shown) and all(row[n].style == "number" for row in shown) for n in range(len(header))]
            return _table(label, [Cell(cells.visible(h), number=number) for h, number in zip(header, numbers, strict=True)], shown)
        case Progress():
            raise TypeError("only a workbook counts progress")
    raise TypeError(block)


def _table(label: str, header: Sequence[Cell], rows: Sequence[Sequence[Cell]], *, numbered: bool = False) -> dict[str, Any]:
    return {"kind": "table", "label": label, "header": header, "rows": rows, "numbered": numbered}


def _value(value: Value, manner: Manner) -> Cell:
    return Cell("–") if value is None else _cell(cells.show(value, manner))


def _cell(shown: Shown) -> Cell:
    style = "" if shown.style.startswith("text") else shown.style
    return Cell(shown.text, style, shown.style == "text rtl")


def _records(sheet: Table, manner: Manner, workbook: str) -> Iterator[dict[str, Any]]:
    for line in sheet.intro:
        yield {"kind": "paragraph", "text": cells.visible(line)}
    count = len(sheet.frame)
    if not count:
        yield {"kind": "paragraph", "text": manner.say("There are no rows.")}
        return
    data = values.to_arrow(sheet.frame)
    yield from _chart(sheet, data, manner)
    columns = sheet.shown(data, manner)
    header = [Cell(cells.visible(sheet.labels.get(c, c) + column.suffix), number=column.number) for c, column in columns.items()]
    shown = [[_cell(column.show(v)) for v in data[c].slice(0, ROWS).to_pylist()] for c, column in columns.items()]
    rows: list[list[Cell]] = [list(row) for row in zip(*shown, strict=True)]
    if sheet.numbered:
        header = [Cell(manner.say("No."), number=True), *header]
        rows = [[Cell(str(number)), *row] for number, row in enumerate(rows, start=1)]
    yield _table(sheet.title, header, rows, numbered=sheet.numbered)
    if count > ROWS:
        more = manner.say(
            "These are the first {shown} of {count} rows. All of them are on the sheet of the same name in {workbook}, and in the folder data.",
            shown=ROWS,
            count=count,
            workbook=workbook,
        )
        yield {"kind": "paragraph", "text": more}


def _chart(sheet: Table, data: pa.Table, manner: Manner) -> Iterator[dict[str, Any]]:
    """Yield how many rows there are per month (or year), by the first column of dates."""
    dated = next((c for c in data.column_names if pa.types.is_temporal(data[c].type) and not pa.types.is_time(data[c].type)), None)
    days = [_day(v, manner.zone) for v in data[dated].to_pylist() if isinstance(v, date)] if dated and dated not in sheet.masked else []
    if len({(d.year, d.month) for d in days}) < 2:
        return
    per_month = (max(days).year - min(days).year) * 12 < _BARS
    counts = Counter(f"{d:%Y-%m}" if per_month else f"{d:%Y}" for d in days)
    bars = _every(min(days), max(days), per_month)
    by = {"what": sheet.title, "column": sheet.labels.get(str(dated), str(dated))}
    title = manner.say("{what} per month, by {column}" if per_month else "{what} per year, by {column}", **by)
    yield _drawn(cells.visible(title), [(name, counts[name]) for name in bars])


def _day(value: date, zone: ZoneInfo) -> date:
    return value.astimezone(zone).date() if isinstance(value, datetime) and value.tzinfo else value


def _every(first: date, last: date, per_month: bool) -> list[str]:
    if not per_month:
        return [f"{year:04}" for year in range(first.year, last.year + 1)]
    months = range(first.year * 12 + first.month - 1, last.year * 12 + last.month)
    return [f"{m // 12:04}-{m % 12 + 1:02}" for m in months]


def _drawn(title: str, counted: Sequence[tuple[str, int]]) -> dict[str, Any]:
    width = 600
    step, most = width / len(counted), max(n for _, n in counted)
    bars = [(n * step, (_LOW - _HIGH) * count / most) for n, (_, count) in enumerate(counted)]
    return {
        "kind": "chart",
        "title": title,
        "words": ", ".join(f"{name}: {count}" for name, count in counted if count),
        "width": width,
        "bar": round(step * 0.8, 1),
        "bars": [{"x": round(x, 1), "y": round(_LOW - high, 1), "height": round(high, 1)} for x, high in bars],
        "labels": [
            {"x": 0, "y": 115, "anchor": "start", "text": counted[0][0]},
            {"x": width, "y": 115, "anchor": "end", "text": counted[-1][0]},
            {"x": 0, "y": 10, "anchor": "start", "text": str(most)},
        ],
    }
