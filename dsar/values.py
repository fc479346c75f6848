"""Values arrive exactly: the one place that turns Python values into typed, Arrow-backed columns.

Decimal stays Decimal, a NULL never turns an integer into a float, a zone is never dropped, and
where the values of a column do not agree on a type they become text, digit for digit.

A column that the data map gives a logical type is read by it: `dsar.declared`.
"""

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any

import pandas as pd
import pyarrow as pa

from dsar.declared import DIGITS, ISO, TYPE, reader


def as_text(value: object) -> str | None:
    """Return a value as exact text, as CSV and JSON carry it; None stays None."""
    match value:
        case None | str():
            return value
        case bool():
            return "true" if value else "false"
        case Decimal():
            return format(value, "f")
        case float():
            return repr(value)
        case date() | time():
            return value.isoformat()
        case bytes():
            return base64.b64encode(value).decode("ascii")
        case dict() | list():
            return json.dumps(value, ensure_ascii=False, default=as_text)
    return str(value)


def frame(columns: Mapping[str, Sequence[object]], declared: Mapping[str, str | None] | None = None) -> pd.DataFrame:
    """Return an Arrow-backed frame of Python values.

    `declared` maps a column to its logical type; a declared type that a value does not fit raises
    `ValueError` naming the column. Other columns take the type their values agree on.
    """
    types = declared or {}
    arrays = {name: _declared(name, values, kind) if (kind := types.get(name)) else infer(values) for name, values in columns.items()}
    return to_frame(pa.table(arrays) if arrays else pa.table({}))


def to_frame(table: pa.Table) -> pd.DataFrame:
    """Return an Arrow table as a frame whose columns stay Arrow-backed."""
    data: pd.DataFrame = table.to_pandas(types_mapper=pd.ArrowDtype, use_threads=False)  # nothing is converted, so threads would do nothing
    return data


def to_arrow(data: pd.DataFrame) -> pa.Table:
    """Return an Arrow-backed frame as an Arrow table, without the index."""
    if data.columns.is_unique and all(isinstance(kind, pd.ArrowDtype) for kind in data.dtypes):
        return pa.table({str(name): pa.chunked_array(column.array.__arrow_array__()) for name, column in data.items()})
    return pa.Table.from_pandas(data, preserve_index=False).replace_schema_metadata()


def rows(data: pd.DataFrame) -> list[dict[str, object]]:
    """Return the rows as dictionaries of plain Python values (None for a missing value)."""
    plain: list[dict[str, object]] = to_arrow(data).to_pylist() if len(data.columns) else []
    return plain


def pylist(column: "pd.Series[Any]") -> list[object]:
    """Return one column as plain Python values (None for a missing value)."""
    plain: list[object] = pa.array(column).to_pylist()
    return plain


def concat(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return the frames one below the other; columns that disagree on a type are widened, else text."""
    return frames[0] if len(frames) == 1 else to_frame(stack([to_arrow(f) for f in frames]))


def stack(tables: Sequence[pa.Table]) -> pa.Table:
    """Return the tables one below the other; columns that disagree on a type are widened, else text."""
    names = list(dict.fromkeys(name for t in tables for name in t.column_names))
    return pa.table({name: _stack([t[name] if name in t.column_names else pa.nulls(len(t)) for t in tables]) for name in names})


def beside(left: pd.DataFrame, right: pd.DataFrame) -> pd.DataFrame:
    """Return two frames of equally many rows as one, side by side."""
    joined: pd.DataFrame = pd.concat([left, right], axis="columns")
    return joined


def infer(values: Sequence[object]) -> pa.Array:
    """Return the values as the narrowest Arrow type that holds each of them exactly."""
    kinds = {type(v) for v in values if v is not None}
    if kinds == {int} and all(-(2**63) <= v < 2**63 for v in values if isinstance(v, int)):
        return pa.array(values, pa.int64())
    if kinds and kinds <= {int, float, Decimal} and kinds != {float}:
        return _decimals(values)
    if kinds == {datetime}:
        return _instants([v for v in values if v is None or isinstance(v, datetime)])
    if kinds <= {str, bytes, bool, float, date, time} and len(kinds) <= 1:
        return pa.array(values)
    return pa.array([as_text(v) for v in values], pa.string())


def _stack(chunks: Sequence[pa.ChunkedArray]) -> pa.Array | pa.ChunkedArray:
    types = {c.type for c in chunks if not pa.types.is_null(c.type)}
    if len(types) <= 1:
        target = types.pop() if types else pa.null()
        return pa.chunked_array([piece.cast(target) for c in chunks for piece in (c.chunks if isinstance(c, pa.ChunkedArray) else [c])], target)
    return infer([v for c in chunks for v in c.to_pylist()])


def narrowed(column: pa.ChunkedArray) -> pa.ChunkedArray | pa.Array:
    """Return a column of numbers with the places its own values need, two rather than one; without values it has missing ones alone.

    Two, since a number with a single place is nearly always an amount: 3.5 is read as 3.50.
    """
    if column.null_count == len(column):
        return pa.nulls(len(column))
    if not pa.types.is_decimal(column.type):
        return column
    return infer([None if v is None else _plain(v.normalize()) for v in column.to_pylist()])


def _plain(number: Decimal) -> int | Decimal:
    places = -int(number.as_tuple().exponent)
    if places <= 0:
        return int(number)
    return number.quantize(Decimal("0.01")) if places == 1 else number


def _decimals(values: Sequence[object]) -> pa.Array:
    numbers = [None if v is None else v if isinstance(v, Decimal) else Decimal(repr(v)) for v in values]
    known = [n for n in numbers if n is not None]
    if all(n.is_finite() for n in known):
        scale = max(max(0, -int(n.as_tuple().exponent)) for n in known)
        whole = max(n.adjusted() + 1 for n in known)
        digits = max(whole, 1) + scale
        if digits <= DIGITS:
            return pa.array(numbers, _decimal(digits, scale))
    return pa.array([as_text(v) for v in values], pa.string())


def _decimal(digits: int, scale: int) -> pa.DataType:
    return pa.decimal128(digits, scale) if digits <= 38 else pa.decimal256(digits, scale)


def _instants(values: Sequence[datetime | None]) -> pa.Array:
    zones = {v.tzinfo for v in values if v is not None}
    if zones == {None}:
        return pa.array(values, pa.timestamp("us"))
    if None in zones:
        return pa.array([as_text(v) for v in values], pa.string())
    names = {getattr(z, "key", "UTC") for z in zones}
    return pa.array(values, pa.timestamp("us", names.pop() if len(names) == 1 else "UTC"))


def _declared(name: str, values: Sequence[object], declared: str) -> pa.Array:
    match = TYPE.fullmatch(declared)
    assert match, declared
    kind, detail = match.groups()
    read = as_text if kind == "text" else reader(kind, detail)
    try:
        converted = [None if v is None or (v == "" and kind != "text") else read(v) for v in values]
        return _typed(converted, kind, detail)
    except (ValueError, ArithmeticError, TypeError, pa.ArrowInvalid, InvalidOperation) as error:
        # Never the value itself: it is a person's.
        raise ValueError(f"column '{name}' is declared {declared}, and a value in it is not") from error


def _typed(values: Sequence[object], kind: str, detail: str | None) -> pa.Array:
    if kind == "decimal":
        precision, scale = (int(n) for n in (detail or "").split(","))
        return pa.array(values, _decimal(precision, scale))
    if kind in {"datetime", "integer"}:
        return infer(values) if any(v is not None for v in values) else pa.array(values, pa.timestamp("us") if kind == "datetime" else pa.int64())
    plain = {"text": pa.string(), "number": pa.float64(), "boolean": pa.bool_(), "date": pa.date32(), "time": pa.time64("us"), "binary": pa.binary()}
    return pa.array(values, plain[kind])


def soft(values: Sequence[object], declared: str) -> pa.Array:
    """Return the values as the type the source declares; where one does not fit, as they are."""
    if "" in values:
        return infer(values)  # an empty text is stored: it is not NULL
    try:
        return _declared("", values, declared)
    except ValueError:
        return infer(values)


def take(data: pd.DataFrame, positions: Iterable[int]) -> pd.DataFrame:
    """Return the rows at these positions, in this order, with a fresh index."""
    return data.take(list(positions)).reset_index(drop=True)


def row_hash(row: Mapping[str, Any]) -> str:
    """Return a hash of a row's own columns, apart from provenance (`dsar_…`).

    A value counts the same whatever type its neighbours lent it: 5, 5.0 and 5.00 are one number, and a moment is itself as text too.
    """
    content = {c: plain(v) for c, v in row.items() if not c.startswith("dsar_")}
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode("utf-8", "backslashreplace")).hexdigest()[:32]


def same(left: object, right: object) -> bool:
    """Whether two values are one, whatever type their neighbours lent them."""
    return plain(left) == plain(right)


def filled(there: object, new: object) -> bool:
    """Whether a column holds the value it was given; nothing and empty text are one, as where it may not be NULL, but 0 and false are values."""
    return same(None if there == "" else there, None if new == "" else new)


def plain(value: object) -> str | None:
    """Return a value as text that does not depend on the type it arrived in."""
    match value:
        case bool():
            return str(int(value))
        case int() | Decimal():
            return _number_text(Decimal(value))
        case float():
            return _number_text(Decimal(repr(value)))
        case datetime():
            return (value.astimezone(UTC) if value.tzinfo else value).isoformat()
        case str() if ISO.fullmatch(value) and len(value) > 10:
            try:
                return plain(datetime.fromisoformat(value))
            except ValueError:
                return value
    return as_text(value)


def _number_text(number: Decimal) -> str:
    text = format(number, "f")
    return (text.rstrip("0").rstrip(".") or "0") if "." in text else text
