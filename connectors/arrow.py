"""Rows as Arrow columns, as engines and parquet files hand them over."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pandas as pd
import pyarrow as pa

from dsar import values


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


def logical(kind: pa.DataType) -> str | None:
    """Return the logical type (`dsar.values`) of an Arrow type, or None where there is none."""
    if pa.types.is_dictionary(kind):
        return logical(kind.value_type)
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
