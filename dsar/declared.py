"""The logical types of the data map, and how a single value, mostly a text, is read as one.

They are `text`, `integer`, `decimal(p,s)`, `number`, `boolean`, `date`, `datetime`, `time`, `binary`;
`date(FORMAT)` and `datetime(FORMAT)` read text by a strptime format.
"""

import base64
import math
import re
from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

TYPE = re.compile(r"(text|integer|number|boolean|binary|time|decimal|date|datetime)(?:\((.+)\))?$")
DIGITS = 76  # of pyarrow's decimal256
ISO = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d(:?\d\d)?)?)?", re.ASCII)
_WORDS = {"true": True, "yes": True, "1": True, "t": True, "false": False, "no": False, "0": False, "f": False}


def check_type(declared: str) -> str:
    """Return the logical type unchanged; raise `ValueError` where it is none of those above."""
    match = TYPE.fullmatch(declared)
    if not match:
        raise ValueError("allowed: text, integer, decimal(p,s), number, boolean, date, datetime, time, binary, date(FORMAT), datetime(FORMAT)")
    name, detail = match.groups()
    if name == "decimal":
        digits = re.fullmatch(r"(\d+),\s*(\d+)", detail or "", re.ASCII)
        if not digits:
            raise ValueError("a decimal is written decimal(p,s), for example decimal(12,2)")
        if not 1 <= int(digits[1]) <= DIGITS:
            raise ValueError(f"a decimal has 1 to {DIGITS} digits")
    return declared


def reader(kind: str, detail: str | None) -> Callable[[object], object]:
    """Return what reads a value as a logical type, apart from `text`, which every value has: `dsar.values.as_text`."""
    readers: dict[str, Callable[[object], object]] = {
        "integer": _integer,
        "decimal": lambda v: v if isinstance(v, Decimal) else Decimal(repr(v) if isinstance(v, float) else str(v).strip()),
        "number": _number,
        "boolean": lambda v: v if isinstance(v, bool) else _WORDS[str(v).strip().lower()] if str(v).strip().lower() in _WORDS else _refuse(),
        "date": lambda v: _day(v, detail),
        "datetime": lambda v: _moment(v, detail),
        "time": lambda v: v if isinstance(v, time) else time.fromisoformat(str(v).strip()),
        "binary": lambda v: v if isinstance(v, bytes) else base64.b64decode(str(v), validate=True),
    }
    return readers[kind]


def _integer(value: object) -> int:
    number = Decimal(repr(value) if isinstance(value, float) else str(value).strip())
    return int(number) if number == number.to_integral_value() else _refuse()


def _number(value: object) -> float:
    number = float(str(value).strip()) if not isinstance(value, float) else value
    return number if math.isfinite(number) else _refuse()


def _day(value: object, detail: str | None) -> date:
    moment = _moment(value, detail)
    # A time or a zone would be dropped in silence.
    return moment.date() if moment.time() == time() and moment.tzinfo is None else _refuse()


def _moment(value: object, detail: str | None) -> datetime:
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day)  # noqa: DTZ001 - a date has no zone to keep
    text = str(value).strip()
    # Python would read the milliseconds 1712010112123 as a day in 1712, and cut what is finer than a microsecond.
    if not detail and not ISO.fullmatch(text):
        raise ValueError
    return datetime.strptime(text, detail) if detail else datetime.fromisoformat(text)  # noqa: DTZ007 - the zone is the text's own


def _refuse() -> Any:
    raise ValueError
