"""Parquet files: DuckDB, through Ibis, finds the rows; pyarrow hands them on as the file types them.

DuckDB alone would round decimals of more than 38 digits, cut nanoseconds and drop zone names.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from connectors.arrow import logical
from connectors.exact import CHUNK, Look
from connectors.expressions import counted, possible
from dsar.datamap import Table

ROW_NUMBER = "file_row_number"


def columns(path: Path) -> dict[str, str | None]:
    """Return the file's columns with their logical types."""
    with path.open("rb") as file:
        return {field.name: logical(field.type) for field in pq.read_schema(file)}


def length(path: Path) -> int:
    """Return how many rows the file has."""
    with path.open("rb") as file:
        return int(pq.read_metadata(file).num_rows)


def widened(rows: pa.Table, columns: Sequence[str], told: Mapping[str, str]) -> pa.Table:
    """Return the rows with all columns of the table: NULL in those that only other files have, or what the path tells."""
    own = set(rows.column_names)
    return pa.table({c: rows[c] if c in own else pa.array([told.get(c)] * len(rows), pa.string()) for c in columns})


def rows(path: Path, table: Table, looks: Sequence[Look], *, every: bool) -> Iterator[pa.Table]:
    """Yield, in chunks, the rows that fulfil one of the looks (or every one), and perhaps some more."""
    with _engine() as engine:
        seen = _open(engine, path)
        if not looks and not every:
            return
        found = seen.filter(possible(seen, looks, table, every=every))
        positions = np.sort(found[[ROW_NUMBER]].to_pyarrow()[ROW_NUMBER].to_numpy())
    yield from _at(path, positions)


def everything(path: Path) -> Iterator[pa.Table]:
    """Yield all rows, in chunks."""
    with path.open("rb") as raw, pq.ParquetFile(raw) as file:
        for batch in file.iter_batches(CHUNK):
            yield _plain(pa.Table.from_batches([batch]))


def counts(path: Path, table: Table, look: Look, beside: Sequence[str] = ()) -> pa.Table:
    """Return a column's values that may have one of the forms, as `value`, each with its number of `rows`, apart by the columns `beside`."""
    with _engine() as engine:
        seen = _open(engine, path)
        return counted(seen, look, table, beside).to_pyarrow()


@contextmanager
def _engine() -> Iterator[Any]:
    # In memory, and nothing is fetched from anywhere.
    engine = ibis.duckdb.connect(":memory:", autoinstall_known_extensions=False, autoload_known_extensions=False)
    try:
        yield engine
    finally:
        engine.disconnect()


def _open(engine: Any, path: Path) -> Any:
    if hasattr(path, "fs"):  # in an object store: read through fsspec, not through an extension fetched from elsewhere
        engine.register_filesystem(path.fs)
    literal = re.sub(r"([*?\[])", r"[\1]", str(path))  # a file's name is not a pattern
    # Not Ibis's own way: it would fetch an extension for what looks like an object store.
    engine.con.read_parquet(literal, hive_partitioning=False, file_row_number=True).create_view("file")
    return engine.table("file")


def _at(path: Path, positions: Any) -> Iterator[pa.Table]:
    """Yield the rows at these positions, with the file's own types."""
    with path.open("rb") as raw, pq.ParquetFile(raw) as file:
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
