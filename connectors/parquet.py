"""Parquet files: DuckDB, through Ibis, finds the rows; pyarrow hands them on as the file types them.

DuckDB alone would round decimals of more than 38 digits, cut nanoseconds and drop zone names.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import reduce
from operator import and_, or_
from pathlib import Path
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from connectors.exact import CHUNK, EMAIL_UNUSUAL, PHONE_DIGITS, PHONE_PUNCTUATION, PHONE_TAIL, Look, phone_tails, plain, plain_keys
from dsar import values
from dsar.datamap import Table

ROW_NUMBER = "file_row_number"


@dataclass(frozen=True)
class ArrowChunk:
    """Rows as Arrow columns; `typed` applies what the map declares."""

    table: pa.Table
    typed: Callable[[str, pa.ChunkedArray], pa.Array]

    def values(self, column: str) -> Sequence[object]:
        """Return one column's values: as stored, or as the type the map declares."""
        plain: list[object] = self.typed(column, self.table[column]).to_pylist()
        return plain

    def frame(self, positions: Sequence[int]) -> pd.DataFrame:
        """Return these rows with all their columns."""
        rows = self.table.take(pa.array(positions, pa.int64()))
        return values.to_frame(pa.table({name: self.typed(name, rows[name]) for name in rows.column_names}))


def columns(path: Path) -> dict[str, str | None]:
    """Return the file's columns with their logical types."""
    return {field.name: _logical(field.type) for field in pq.read_schema(path)}


def length(path: Path) -> int:
    """Return how many rows the file has."""
    return int(pq.read_metadata(path).num_rows)


def rows(path: Path, table: Table, looks: Sequence[Look], *, every: bool) -> Iterator[pa.Table]:
    """Yield, in chunks, the rows that fulfil one of the looks (or every one), and perhaps some more."""
    with _engine() as engine:
        seen = _open(engine, path)
        if not looks and not every:
            return
        conditions = [_condition(seen[look.column], look, table) for look in looks]
        found = seen.filter(reduce(and_ if every else or_, conditions)) if conditions else seen
        positions = np.sort(found[[ROW_NUMBER]].to_pyarrow()[ROW_NUMBER].to_numpy())
    yield from _at(path, positions)


def counts(path: Path, table: Table, look: Look, beside: Sequence[str] = ()) -> pa.Table:
    """Return a column's values that may have one of the forms, as `value`, each with its number of `rows`, apart by the columns `beside`."""
    with _engine() as engine:
        seen = _open(engine, path)
        some = seen.filter(_condition(seen[look.column], look, table))
        by = {"value": some[look.column], **{name: some[name] for name in beside}}
        return some.group_by(**by).aggregate(rows=some.count()).to_pyarrow()


@contextmanager
def _engine() -> Iterator[Any]:
    # In memory, and nothing is fetched from anywhere.
    engine = ibis.duckdb.connect(":memory:", autoinstall_known_extensions=False, autoload_known_extensions=False)
    try:
        yield engine
    finally:
        engine.disconnect()


def _open(engine: Any, path: Path) -> Any:
    literal = re.sub(r"([*?\[])", r"[\1]", str(path))  # a file's name is not a pattern
    return engine.read_parquet(literal, table_name="file", hive_partitioning=False, file_row_number=True)


def _condition(column: Any, look: Look, table: Table) -> Any:
    """Return a condition that lets through at least each value with one of the forms, and each that may hold it among others."""
    mapped = table.columns.get(look.column)
    declared = mapped.type if mapped else None
    kind = column.type()
    if kind.is_string() and declared in {None, "text"}:
        return _TEXT.get(look.kind, _key)(column, look.forms)
    if kind.is_integer() and look.kind not in _TEXT and declared in {None, "text", "integer"}:
        low, high = kind.bounds
        numbers = [int(f) for f in look.forms if re.fullmatch(r"-?[0-9]{1,20}", f)]
        return column.isin([n for n in numbers if low <= n <= high])
    return _known(column)


def _known(column: Any) -> Any:
    return column.notnull()  # noqa: PD004 - Ibis has no other word for it


def _email(column: Any, forms: Sequence[str]) -> Any:
    trimmed = column.strip()
    return trimmed.lower().isin(plain(forms)) | trimmed.re_search(rf"{EMAIL_UNUSUAL}|@.*@|\.$")


def _mailbox(column: Any, forms: Sequence[str]) -> Any:
    bare = column.strip().lower().replace(".", "")
    return bare.isin([form.replace(".", "") for form in plain(forms)]) | column.re_search(r"\+.*@") | _email(column, ())


def _any(column: Any, _forms: Sequence[str]) -> Any:
    return _known(column)


def _phone(column: Any, forms: Sequence[str]) -> Any:
    tails = phone_tails(forms)
    if tails is None:
        return _known(column)
    digits = reduce(lambda text, sign: text.replace(sign, ""), PHONE_PUNCTUATION, column)
    return digits.right(PHONE_TAIL).isin(tails) | digits.re_search("[^0-9]") | (digits.length() > PHONE_DIGITS)


def _ip(column: Any, forms: Sequence[str]) -> Any:
    return column.strip().isin(list(forms)) | column.re_search("[^0-9. ]")


def _key(column: Any, forms: Sequence[str]) -> Any:
    return column.strip().isin(plain_keys(forms)) | column.re_search("[^ -~]")


_TEXT: dict[str, Callable[[Any, Sequence[str]], Any]] = {
    "email": _email,
    "mailbox": _mailbox,
    "phone": _phone,
    "ip": _ip,
    **dict.fromkeys(("name", "postal", "born", "handle"), _any),
}


def _at(path: Path, positions: Any) -> Iterator[pa.Table]:
    """Yield the rows at these positions, with the file's own types."""
    with pq.ParquetFile(path) as file:
        first = 0
        for group in range(file.num_row_groups):
            end = first + file.metadata.row_group(group).num_rows
            start = first
            first = end
            if np.searchsorted(positions, start) == np.searchsorted(positions, end):
                continue
            for batch in file.iter_batches(CHUNK, row_groups=[group]):
                mine = positions[np.searchsorted(positions, start) : np.searchsorted(positions, start + len(batch))] - start
                start += len(batch)
                if len(mine):
                    yield _plain(pa.Table.from_batches([batch])).take(pa.array(mine, pa.int64()))


def _plain(table: pa.Table) -> pa.Table:
    # Without what pandas noted in the file: it would turn columns into an index. Dictionaries are only a way to store text.
    decoded = {f.name: table[f.name].cast(f.type.value_type) if pa.types.is_dictionary(f.type) else table[f.name] for f in table.schema}
    return pa.table(decoded)


def _logical(kind: pa.DataType) -> str | None:
    if pa.types.is_dictionary(kind):
        return _logical(kind.value_type)
    if pa.types.is_decimal(kind):
        return f"decimal({kind.precision},{kind.scale})"
    tests = {
        "boolean": pa.types.is_boolean,
        "integer": pa.types.is_integer,
        "number": pa.types.is_floating,
        "datetime": pa.types.is_timestamp,
        "date": pa.types.is_date,
        "time": pa.types.is_time,
        "text": lambda t: pa.types.is_string(t) or pa.types.is_large_string(t),
        "binary": lambda t: pa.types.is_binary(t) or pa.types.is_large_binary(t),
    }
    return next((name for name, test in tests.items() if test(kind)), None)
