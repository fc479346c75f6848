"""How a value is shown in a cell: the one display mapping of every workbook.

Text stays text whatever it begins with; a number or date becomes a real one only where Excel and
LibreOffice show it exactly, else it is text digit for digit; nothing is cut.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any, Literal, NamedTuple
from zoneinfo import ZoneInfo

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from dsar.texts import ENGLISH, Texts
from dsar.values import as_text

NOT_RECORDED = "not recorded"
LONGEST = 32_767  # UTF-16 units in a cell, as Excel counts
DIGITS = 15  # significant digits that a spreadsheet keeps
FIRST_DAY = date(1900, 3, 1)  # earlier days shift: spreadsheets disagree on 29 February 1900
DAY, SECONDS, THOUSANDTHS = "yyyy-mm-dd", "yyyy-mm-dd hh:mm:ss", "yyyy-mm-dd hh:mm:ss.000"

_CONTROLS = (
    {n: 0x2400 + n for n in range(32) if n != ord("\n")}
    | {0x7F: 0x2421}
    | {n: f"‹U+{n:04X}›" for n in (*range(0x80, 0xA0), *range(0xD800, 0xE000), 0xFFFE, 0xFFFF)}
)
_CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
RTL = "\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff"
_RTL = re.compile(f"[{RTL}]")
_ESCAPE = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")

Style = Literal["text", "text rtl", "number", "date", "absent", "note"]
Attach = Callable[[str | bytes], str]


class Manner(NamedTuple):
    """How values are shown in one workbook or page: times in `zone`, what no cell holds in files, words in a language."""

    zone: ZoneInfo
    attach: Attach = lambda _: ""
    say: Texts = ENGLISH


class Shown(NamedTuple):
    """What a cell holds: a text, a number or a date, and how it is formatted."""

    value: str | int | float | Decimal | date
    style: Style = "text"
    format: str = "General"

    @property
    def text(self) -> str:
        """What the reader sees."""
        if isinstance(self.value, str):
            return self.value
        if isinstance(self.value, date):
            return _date_text(self.value, self.format)
        return f"{self.value:.{len(self.format.partition('.')[2])}f}"


class Column(NamedTuple):
    """How the values of one column are shown, and what its header adds about time zones.

    `plain` says that a value is shown by its type alone; a time then in `zone` (or as it is) and in
    `format`, where every one of the column fits that.
    """

    show: Callable[[object], Shown]
    suffix: str = ""
    number: bool = False
    plain: bool = False
    format: str | None = None
    zone: str | None = None


def visible(text: str) -> str:
    """Return the text with line breaks as they are and every other control character made visible."""
    if not _CONTROL.search(text):
        return text
    return text.replace("\r\n", "\n").translate(_CONTROLS)


def decimals(scale: int) -> str:
    """Return the number format with so many digits after the point."""
    return "0." + "0" * scale if scale else "0"


def stored(text: str) -> str:
    """Return the text as a workbook file spells it: what looks like an OOXML escape is escaped itself."""
    return _ESCAPE.sub("_x005F_", text)


def rtl(text: str) -> bool:
    """Whether a text is to be read from right to left: its first letter says so."""
    if not _RTL.search(text):
        return False
    directions = (unicodedata.bidirectional(c) for c in text)
    return next((d for d in directions if d in {"L", "R", "AL"}), "L") != "L"


def width(text: str) -> float:
    """Return about how wide the longest line is in the sans-serif of our workbooks; a digit is 1."""
    return max((sum(map(_wide, line)) for line in text.split("\n")), default=0.0)


def show_text(text: str, manner: Manner) -> Shown:
    """Show a text; one that no cell can hold goes to a file that the cell names."""
    seen = visible(text)
    if len(stored(seen).encode("utf-16-le")) // 2 > LONGEST:
        return Shown(manner.say("too long for a cell: see the file {name}", name=manner.attach(text)), "note")
    return Shown(seen, "text rtl" if rtl(seen) else "text")


def show(value: object, manner: Manner) -> Shown:
    """Show one value by its own type; a time keeps the zone it has."""
    match value:
        case None:
            return absent(manner)
        case bool():
            return Shown(manner.say("yes" if value else "no"))
        case int():
            return Shown(value, "number", "0") if abs(value) < 10**DIGITS else Shown(str(value), "number", "@")
        case float() | Decimal():
            return _show_number(value)
        case datetime():
            return show_moment(value, SECONDS if not value.microsecond else None)
        case date():
            return Shown(value, "date", DAY) if value >= FIRST_DAY else Shown(value.isoformat())
        case bytes():
            return Shown(manner.say("see the file {name}", name=manner.attach(value)), "note") if value else Shown("")
    return show_text(as_text(value) or "", manner)


def absent(manner: Manner) -> Shown:
    """Show that there is nothing, which differs from an empty text."""
    return Shown(manner.say(NOT_RECORDED), "absent")


def show_moment(moment: datetime, number_format: str | None) -> Shown:
    """Show a date and time as a real one in this format, or as ISO text where it is early, zoned or has no format."""
    if number_format is None or moment.tzinfo or moment.date() < FIRST_DAY:
        return Shown(moment.isoformat(sep=" "))
    return Shown(moment, "date", number_format)


def column(
    values: pa.ChunkedArray, manner: Manner, *, codes: Mapping[str, str] | None = None, masked: str | None = None, stored_zone: str = ""
) -> Column:
    """Return how a column is shown: `codes` gives words to coded values, `masked` one text to all that is there."""
    if masked is not None:
        return Column(lambda v: absent(manner) if v is None else Shown(visible(masked), "note"))
    if pa.types.is_timestamp(values.type):
        return _moments(values, manner, stored_zone)
    number = pa.types.is_integer(values.type) or pa.types.is_floating(values.type) or pa.types.is_decimal(values.type)
    if codes:
        return Column(lambda v: _show_code(v, codes, manner))
    return Column(lambda v: show(v, manner), number=number, plain=True)


def samples(values: pa.ChunkedArray) -> list[object]:
    """Return values among which is the widest that could not wrap: a number or a date."""
    kind = values.type
    if pa.types.is_integer(kind) or pa.types.is_decimal(kind) or pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        ends = pc.min_max(values)
        return [ends["min"].as_py(), ends["max"].as_py(), *([None] if values.null_count else [])]
    found: list[object] = (pc.unique(values) if pa.types.is_floating(kind) else values.slice(0, 2000)).to_pylist()
    return found


@cache
def _wide(character: str) -> float:
    # Arial's advance widths, rounded.
    for width_, characters in ((1.7, "mMW@%—…"), (1.35, "w&+=<>"), (0.64, 'r-()[]{}"*'), (0.53, "tfI.,:;!/\\ "), (0.42, "ijl'|")):
        if character in characters:
            return width_
    if unicodedata.east_asian_width(character) in "WF":
        return 2.0
    return 1.3 if character.isupper() or unicodedata.category(character)[0] in "SC" else 1.06


def _date_text(value: date, number_format: str) -> str:
    text = value.isoformat(sep=" ", timespec="milliseconds") if isinstance(value, datetime) else value.isoformat()
    return text[: len(number_format)]


def _show_number(value: float | Decimal) -> Shown:
    text = as_text(value) or ""
    if isinstance(value, float):
        value = Decimal(text)
    if not value.is_finite() or "e" in text or (value.is_zero() and value.is_signed()):
        return Shown(text, "number", "@")
    scale = len(text.partition(".")[2])
    if len(text.lstrip("-").replace(".", "").lstrip("0")) > DIGITS or scale > DIGITS:
        return Shown(text, "number", "@")
    return Shown(value, "number", decimals(scale))


def _show_code(value: object, codes: Mapping[str, str], manner: Manner) -> Shown:
    code = as_text(value)
    if code is None or code not in codes:
        return show(value, manner)
    return show_text(f"{codes[code]} ({code})", manner)


def _moments(values: pa.ChunkedArray, manner: Manner, stored_zone: str) -> Column:
    second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[values.type.unit]
    ticks = values.cast(pa.int64())
    number_format: str | None = SECONDS
    if not _multiples(ticks, second):
        # A spreadsheet shows no more than thousandths; the whole column then is text, so that it sorts.
        number_format = THOUSANDTHS if _multiples(ticks, second // 1000) else None
    if values.type.tz:
        zone = manner.zone.key
        return Column(lambda v: _show_zoned(v, manner, number_format), f" ({zone})", plain=True, format=number_format, zone=zone)
    if _multiples(ticks, 86_400 * second):
        return Column(lambda v: _show_naive(v, manner, DAY), plain=True, format=DAY)
    suffix = f" ({stored_zone or manner.say('time zone not recorded')})"
    return Column(lambda v: _show_naive(v, manner, number_format), suffix, plain=True, format=number_format)


def _multiples(ticks: pa.ChunkedArray, unit: int) -> bool:
    rest = pc.subtract(ticks, pc.multiply(pc.divide(ticks, unit), unit)) if unit > 1 else pa.array([0])
    return not pc.any(pc.not_equal(rest, 0)).as_py()


def _show_zoned(value: object, manner: Manner, number_format: str | None) -> Shown:
    if value is None:
        return absent(manner)
    moment: Any = value
    try:
        local = moment.astimezone(manner.zone)
    except (OverflowError, pd.errors.OutOfBoundsDatetime):  # at the very ends of the calendar
        return Shown(moment.isoformat(sep=" "))
    return _show_naive(local.replace(tzinfo=None), manner, number_format)


def _show_naive(value: object, manner: Manner, number_format: str | None) -> Shown:
    if value is None:
        return absent(manner)
    assert isinstance(value, datetime)
    if number_format == DAY and value.date() < FIRST_DAY:
        return Shown(value.date().isoformat())
    return show_moment(value, number_format)
