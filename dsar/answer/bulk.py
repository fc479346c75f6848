"""Writes the rows of a table as the XML of a sheet, a column at a time.

Nearly every value is plain: it is spelled for a whole column at once, in Arrow. What is not plain (a control
character, a number of twenty digits, a text for a file of its own) is shown by `cells`, which stays the one
display mapping; the tests hold the two equal. The styles are those that `look` gave the workbook.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple
from xml.sax.saxutils import escape

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from openpyxl.utils import get_column_letter as letter

from dsar.answer import cells, look
from dsar.answer.cells import Shown

Xf = Callable[[str, str, bool], int]  # style, number format, whether it is quoted → its number in the workbook
_BYTES = 8 << 20  # of values at a time: bounds the memory however long the texts are
_EPOCH = 25_569  # 1970-01-01, as spreadsheets count days
_FIRST = 61  # 1900-03-01
_DAY = 86_400
_ZONES_KNOWN = 2037  # from here on Arrow and Python may read a zone's rules differently
_ODD = rf"[{cells.RTL}\x00-\x09\x0b-\x1f\x7f-\x{{9f}}\x{{fffe}}\x{{ffff}}]|_x[0-9A-Fa-f]{{4}}_|^\s|\s$|\n|^$"
_SURE = cells.LONGEST // 4  # bytes of a text that certainly fits a cell
_WIDTHS = np.array(
    [0.0 if n < 32 or 0x80 <= n < 0xC0 else cells.width(chr(n)) if n < 0x80 else 1.3 if n < 0xE0 else 2.0 for n in range(256)], np.float32
)


@dataclass(frozen=True)
class Column:
    """A column of a sheet: its values, how one of them is shown, and how wide it is."""

    values: pa.ChunkedArray
    shown: cells.Column
    width: float


class _Drawn(NamedTuple):
    """What stands in the cells of one column: the rest of each `<c` element, and how many lines it needs."""

    xml: pa.Array
    lines: np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True)
class Bulk:
    """Rows of a sheet still to be written: `first` is the row of the first, `number` its No. (None where there is none)."""

    columns: Sequence[Column]
    rows: range
    first: int
    numbered: bool
    xf: Xf = field(repr=False)

    @property
    def large(self) -> bool:
        """Whether the XML may go beyond the 2 GiB of a plain zip entry."""
        values = sum(int(c.values.nbytes) for c in self.columns)
        return values + 100 * len(self.columns) * len(self.rows) > 1 << 30

    def chunks(self) -> Iterator[bytes]:
        """Yield the rows as XML, some thousands at a time."""
        done = self.rows.start
        for batch in _batches(pa.table([c.values for c in self.columns], names=[str(n) for n in range(len(self.columns))]), self.rows):
            yield self._rows(batch, done)
            done += len(batch)

    def _rows(self, batch: pa.RecordBatch, done: int) -> bytes:
        numbers = pc.cast(pa.array(np.arange(len(batch)) + self.first + done - self.rows.start), pa.large_string())
        drawn = [_draw(column, values, self.xf) for column, values in zip(self.columns, batch.columns, strict=True)]
        if self.numbered:
            places = pc.cast(pa.array(np.arange(len(batch)) + done + 1), pa.large_string())
            drawn.insert(0, _Drawn(_join(f' s="{self.xf("number", "0", False)}"><v>', places, "</v></c>"), np.ones(len(batch), np.int64)))
        lines = np.max([d.lines for d in drawn], axis=0) if drawn else np.ones(len(batch), np.int64)
        parts: list[Any] = ['<row r="', numbers, _heights(lines)]
        for n, column in enumerate(drawn, start=1):
            parts += [f'<c r="{letter(n)}', numbers, '"', column.xml]
        return _bytes(_join(*parts, "</row>"))

    def styles(self) -> None:
        """Make sure that every style a row may take is in the workbook, before its styles are written."""
        for name, pattern in (("text", "General"), ("text rtl", "General"), ("number", "@")):
            for quoted in (False, True):
                self.xf(name, pattern, quoted)
        for scale in range(cells.DIGITS + 1):
            self.xf("number", cells.decimals(scale), False)
        for pattern in (cells.DAY, cells.SECONDS, cells.THOUSANDTHS):
            self.xf("date", pattern, False)
        for name in ("absent", "absent number", "note"):
            for quoted in (False, True):
                self.xf(name, "General", quoted)


def _batches(table: pa.Table, rows: range) -> Iterator[pa.RecordBatch]:
    for batch in table.slice(rows.start, len(rows)).to_batches(max_chunksize=20_000):
        yield from _halved(batch)


def _halved(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    if batch.nbytes <= _BYTES or len(batch) == 1:
        yield batch
    else:
        half = len(batch) // 2
        yield from _halved(batch.slice(0, half))
        yield from _halved(batch.slice(half))


def _draw(column: Column, values: pa.Array, xf: Xf) -> _Drawn:
    lines = np.ones(len(values), np.int64)
    plain = _plain(column, values, lines, xf) if column.shown.plain else pa.nulls(len(values), pa.large_string())
    rest = np.asarray(pc.is_null(plain))
    if not rest.any():
        return _Drawn(plain, lines)
    odd = _Odd(column, xf)
    xml, lines[rest] = zip(*map(odd, values.filter(pa.array(rest)).to_pylist()), strict=True)
    return _Drawn(pc.replace_with_mask(plain, pa.array(rest), pa.array(xml, pa.large_string())), lines)


class _Odd:
    """Shows values one by one."""

    def __init__(self, column: Column, xf: Xf) -> None:
        self.column, self.xf = column, xf
        self.known: dict[object, tuple[str, int]] = {}

    def __call__(self, value: object) -> tuple[str, int]:
        if value not in self.known if isinstance(value, str | bool | None) else True:
            shown = self.column.shown.show(value)
            drawn = self._cell(shown), look.lines(shown.text, self.column.width) if isinstance(shown.value, str) else 1
            if shown.style == "note" or not isinstance(value, str | bool | None):
                return drawn  # each value that goes to a file has one of its own
            self.known[value] = drawn
        return self.known[value]

    def _cell(self, shown: Shown) -> str:
        style = "absent number" if self.column.shown.number and shown.style == "absent" else shown.style
        start = f' s="{self.xf(style, shown.format, look.quoted(shown))}"'
        if not isinstance(shown.value, str):
            return f"{start}><v>{look.serial(shown.value)}</v></c>"
        if not shown.value:
            return f"{start}></c>"
        return f'{start} t="inlineStr"><is><t xml:space="preserve">{escape(cells.stored(shown.value))}</t></is></c>'


def _plain(column: Column, values: pa.Array, lines: Any, xf: Xf) -> pa.Array:
    """Return the cells of the plain values; null for the others."""
    kind, shown = values.type, column.shown
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _texts(values, column.width, lines, xf)
    if pa.types.is_signed_integer(kind):
        wide = values.cast(pa.int64())
        fits = pc.and_(pc.less(wide, 10**cells.DIGITS), pc.greater(wide, -(10**cells.DIGITS)))
        return _numbers(wide, fits, xf("number", "0", False))
    if pa.types.is_decimal(kind) and 0 <= kind.scale <= cells.DIGITS:
        limit = pa.scalar(Decimal(10) ** (cells.DIGITS - kind.scale))
        return _numbers(values, pc.less(pc.abs(values), limit), xf("number", cells.decimals(kind.scale), False))
    if pa.types.is_date32(kind):
        days = pc.add(values.cast(pa.int32()), _EPOCH)
        return _numbers(days, pc.greater_equal(days, _FIRST), xf("date", cells.DAY, False))
    if pa.types.is_timestamp(kind) and shown.format:
        return _moments(values, shown, xf("date", shown.format, False))
    return pa.nulls(len(values), pa.large_string())


def _numbers(values: pa.Array, fits: pa.Array, style: int) -> pa.Array:
    drawn = _join(f' s="{style}"><v>', values.cast(pa.large_string()), "</v></c>")
    return pc.if_else(fits, drawn, None)  # null stays null


def _moments(values: pa.Array, shown: cells.Column, style: int) -> pa.Array:
    local = pc.local_timestamp(pc.cast(values, pa.timestamp(values.type.unit, shown.zone))) if shown.zone else values
    micro = np.asarray(pc.fill_null(pc.cast(pc.cast(local, pa.timestamp("us"), safe=False), pa.int64()), 0))
    days = micro / (_DAY * 1_000_000) + _EPOCH
    known = (days >= _FIRST + 1) & (days < (_ZONES_KNOWN - 1970) * 365.2425 + _EPOCH - 2)
    return _numbers(pa.array(days), pc.and_(pa.array(known), values.is_valid()), style)


def _texts(values: pa.Array, width: float, lines: Any, xf: Xf) -> pa.Array:
    values = values.cast(pa.large_string())
    plain = pc.and_(pc.invert(pc.match_substring_regex(values, _ODD)), pc.less(pc.binary_length(values), _SURE))
    room = look.room(width)
    np.maximum(lines, np.ceil(_measure(values) / room * look.RAGGED - (look.RAGGED - 1)).astype(np.int64), out=lines)
    spelled = values
    for sign, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        if pc.any(pc.match_substring(spelled, sign)).as_py():
            spelled = pc.replace_substring(spelled, sign, entity)
    starts = [f' s="{xf("text", "General", quoted)}" t="inlineStr"><is><t xml:space="preserve">' for quoted in (True, False)]
    start = pc.if_else(pc.match_substring_regex(values, r"^[=+\-@]"), *(pa.scalar(s, pa.large_string()) for s in starts))
    return pc.if_else(plain, _join(start, spelled, "</t></is></c>"), None)


def _measure(values: pa.Array) -> Any:
    """Return about how wide each text is, by its bytes in UTF-8: exact for ASCII, generous for others."""
    offsets = np.frombuffer(values.buffers()[1], np.int64)[values.offset : values.offset + len(values) + 1]
    data = np.frombuffer(values.buffers()[2] or b"", np.uint8)[offsets[0] : offsets[-1]]
    ends = np.concatenate([[0.0], np.cumsum(_WIDTHS[data], dtype=np.float64)])
    return np.diff(ends[offsets - offsets[0]])


def _heights(lines: Any) -> pa.Array:
    known = {n: f'" ht="{look.height(n):g}" customHeight="1">' if n > 1 else '">' for n in map(int, np.unique(lines))}
    return pa.array([known[n] for n in lines.tolist()], pa.large_string())


def _join(*parts: Any) -> pa.Array:
    return pc.binary_join_element_wise(
        *(pa.scalar(p, pa.large_string()) if isinstance(p, str) else p for p in parts), pa.scalar("", pa.large_string())
    )


def _bytes(rows: pa.Array) -> bytes:
    offsets = np.frombuffer(rows.buffers()[1], np.int64)[rows.offset : rows.offset + len(rows) + 1]
    return bytes(memoryview(rows.buffers()[2])[int(offsets[0]) : int(offsets[-1])])
