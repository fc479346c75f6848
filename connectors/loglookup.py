"""Look-ups in a kept store of log lines: which of the files that lie there it stands for, and the lines of wanted addresses.

What comes out are lines as they were written, so that everything after is the same whether a line was kept or lay in its raw file.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from connectors import logblocks, logkept, logrows
from connectors.logentries import Entries, Entry, Part
from connectors.logfiles import LogFile
from connectors.logline import Line
from dsar.errors import SourceBroken

AT_ONCE = 60_000  # lines in memory when a file is written again
FEW = 10  # addresses for which threads cost more than they save


class Held(NamedTuple):
    """A file the store stands for, under the name it has now, or had when it was kept."""

    name: str
    entry: Entry


def held(store: Path, files: Sequence[LogFile]) -> tuple[list[Held], list[LogFile]]:
    """Return what the store stands for, and the files that have to be read; raises as `logblocks.blocks`."""
    entries = Entries(store)
    left = dict(entries.known)
    found: list[Held] = []
    raw: list[LogFile] = []
    for file in files:
        known = entries.same(file)
        for entry in (known.same, *known.shorter, *known.former):
            if entry:
                left.pop(entry.id, None)
        if known.same:
            found.append(Held(file.path.name, known.same))
        else:
            raw.append(file)
    # A server that numbers its files gives the same name to another file each day; where that file still lies there, its name is its own.
    names = Counter([*(file.path.name for file in files), *(entry.name for entry in left.values())])
    gone = [Held(entry.name if names[entry.name] == 1 else f"{entry.name}~{entry.crc:08x}", entry) for entry in left.values()]
    return [*found, *gone], raw


def lines(store: Path, entries: Sequence[Entry], addresses: Collection[str]) -> dict[str, list[tuple[int, Line]]]:
    """Return, by the entry's id, the lines of these addresses with their numbers, in order; raises `SourceBroken` where a part is gone."""
    parts = [(entry.id, part.name) for entry in entries for part in entry.parts] if addresses else []
    wanted, hashes = pa.array(sorted(addresses), pa.string()), np.unique(logrows.hashes(addresses))

    def look(part: tuple[str, str]) -> pa.Table | None:
        return _rows_of(store, part[1], wanted, hashes)

    with ThreadPoolExecutor(logblocks.cores()) as pool:
        rows = list(pool.map(look, parts) if len(wanted) > FEW else map(look, parts))
    found: dict[str, list[tuple[int, Line]]] = {}
    if tables := [table for table in rows if table is not None]:
        whose = chain.from_iterable([entry] * len(table) for (entry, _), table in zip(parts, rows, strict=True) if table is not None)
        for entry, line in zip(whose, logkept.lines_of(pa.concat_tables(tables)), strict=True):
            found.setdefault(entry, []).append(line)
    return {entry: sorted(numbered, key=lambda line: line[0]) for entry, numbered in found.items()}


def _rows_of(store: Path, name: str, wanted: pa.Array, hashes: logrows.Hashes) -> pa.Table | None:
    """Return a part's rows of wanted addresses, None where its index has none of them."""
    try:
        opened = pa.OSFile(str(store / name))
    except FileNotFoundError as error:
        remedy = "bring it back from a backup; or put the raw file back, delete the file's entry under files/, and compact again"
        raise SourceBroken(f"{Path(name).name} is missing from the kept store", where=store.name, remedy=remedy) from error
    with opened:
        spans = logrows.spans(store, name, opened, hashes)
        return (
            None if spans is not None and not len(spans) else _unpacked(pq.ParquetFile(opened, read_dictionary=list(logkept.REPEATED)), spans, wanted)
        )


def _unpacked(part: pq.ParquetFile, spans: logrows.Spans | None, wanted: pa.Array) -> pa.Table:
    """Return the rows of these spans, or all, that are of wanted addresses; only row groups that have some are unpacked."""
    if spans is None:
        rows = np.flatnonzero(_is_in(part.read(columns=["address"], use_threads=False), wanted))
    else:
        rows = np.concatenate([np.arange(first, behind) for first, behind in spans])
    starts = np.cumsum([0, *(part.metadata.row_group(group).num_rows for group in range(part.num_row_groups))])
    of = np.searchsorted(starts, rows, side="right") - 1
    groups = np.unique(of)
    moved = starts[groups] - np.cumsum([0, *np.diff(starts)[groups]])[:-1]  # by how much rows move up, since other groups are left out
    found = part.read_row_groups(groups.tolist(), use_threads=False).take(pa.array(rows - moved[np.searchsorted(groups, of)]))
    return found.filter(_is_in(found, wanted)).cast(logkept.SCHEMA)


def _is_in(table: pa.Table, wanted: pa.Array) -> pa.ChunkedArray:
    return pc.is_in(table["address"], value_set=wanted)


def stretches(entry: Entry) -> dict[str, list[Part]]:
    """Return the parts of an entry by the stretch of lines they were made of, in order."""
    found: dict[str, list[Part]] = {}
    for part in entry.parts:
        found.setdefault(part.name.rpartition("-")[2], []).append(part)
    return found


def again(entry: Entry, store: Path) -> Iterator[pa.Array]:
    """Yield the lines of an entry in their order, some at a time."""
    for parts in stretches(entry).values():
        tables = [pq.read_table(store / part.name, partitioning=None, read_dictionary=list(logkept.REPEATED)) for part in parts]
        table = pa.concat_tables(tables).unify_dictionaries()
        order = pc.sort_indices(table["number"])
        for start in range(0, len(order), AT_ONCE):
            yield logkept.texts_of(table.take(order[start : start + AT_ONCE]).cast(logkept.SCHEMA))
