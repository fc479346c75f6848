"""Look-ups in a kept store of log lines: which of the files that lie there it stands for, and the lines of wanted addresses.

What comes out are lines as they were written, so that everything after is the same whether a line was kept or lay in its raw file.
"""

from bisect import bisect_left, bisect_right
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

from connectors import logblocks, logkept
from connectors.logentries import Entries, Entry, Part
from connectors.logfiles import LogFile
from connectors.logline import Line
from dsar.errors import SourceBroken

AT_ONCE = 60_000  # lines in memory when a file is written again
_ADDRESS = logkept.SCHEMA.get_field_index("address")


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
        same, shorter = entries.same(file)
        for entry in (same, *shorter):
            if entry:
                left.pop(entry.id, None)
        if same:
            found.append(Held(file.path.name, same))
        else:
            raw.append(file)
    # A server that numbers its files gives the same name to another file each day; where that file still lies there, its name is its own.
    names = Counter([*(file.path.name for file in files), *(entry.name for entry in left.values())])
    gone = [Held(entry.name if names[entry.name] == 1 else f"{entry.name}~{entry.crc:08x}", entry) for entry in left.values()]
    return [*found, *gone], raw


def lines(store: Path, entries: Sequence[Entry], addresses: Collection[str]) -> dict[str, list[tuple[int, Line]]]:
    """Return, by the entry's id, the lines of these addresses with their numbers, in order; raises `SourceBroken` where a part is gone."""
    parts = [(entry.id, store / part.name) for entry in entries for part in entry.parts] if addresses else []
    for _, path in parts:
        if not path.is_file():
            remedy = "bring it back from a backup; or put the raw file back, delete the file's entry under files/, and compact again"
            raise SourceBroken(f"{path.name} is missing from the kept store", where=store.name, remedy=remedy)
    wanted = sorted(addresses)
    with ThreadPoolExecutor(logblocks.cores()) as pool:
        rows = list(pool.map(lambda part: _rows_of(part[1], wanted), parts))
    found: dict[str, list[tuple[int, Line]]] = {}
    if some := [table for table in rows if len(table)]:
        whose = chain.from_iterable([entry] * len(table) for (entry, _), table in zip(parts, rows, strict=True))
        for entry, line in zip(whose, logkept.lines_of(pa.concat_tables(some)), strict=True):
            found.setdefault(entry, []).append(line)
    return {entry: sorted(numbered, key=lambda line: line[0]) for entry, numbered in found.items()}


def _rows_of(path: Path, wanted: list[str]) -> pa.Table:
    """Return a part's rows of these addresses: their row groups are found by bounds and by the address alone, before all else is unpacked."""
    with pq.ParquetFile(path, read_dictionary=["address", *logkept.REPEATED]) as part:
        groups = list(_groups(part.metadata, wanted))
        hits, rows, before = [], [np.empty(0, np.intp)], 0
        held = part.read_row_groups([group for group, _ in groups], columns=["address"], use_threads=False)["address"].chunks if groups else ()
        for (group, asked), addresses in zip(groups, held, strict=True):
            known = pc.is_in(addresses.dictionary, value_set=pa.array(asked, pa.string()))
            if known.true_count:
                hits.append(group)
                rows.append(np.flatnonzero(pc.fill_null(known.take(addresses.indices), fill_value=False)) + before)
                before += len(addresses)
        return part.read_row_groups(hits, use_threads=False).take(pa.array(np.concatenate(rows))).cast(logkept.SCHEMA)


def _groups(part: pq.FileMetaData, wanted: list[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield the row groups that may hold wanted addresses, with those that lie within their bounds."""
    for group in range(part.num_row_groups):
        bounds = part.row_group(group).column(_ADDRESS).statistics
        if bounds is None or not bounds.has_min_max:
            asked = wanted
        else:
            asked = wanted[bisect_left(wanted, bounds.min) : bisect_right(wanted, bounds.max)]
        if asked:
            yield group, asked


def again(entry: Entry, store: Path) -> Iterator[pa.Array]:
    """Yield the lines of an entry in their order, some at a time."""
    stretches: dict[str, list[Part]] = {}
    for part in entry.parts:
        stretches.setdefault(part.name.rpartition("-")[2], []).append(part)
    for parts in stretches.values():
        tables = [pq.read_table(store / part.name, partitioning=None, read_dictionary=list(logkept.REPEATED)) for part in parts]
        table = pa.concat_tables(tables).unify_dictionaries()
        order = pc.sort_indices(table["number"])
        for start in range(0, len(order), AT_ONCE):
            yield logkept.texts_of(table.take(order[start : start + AT_ONCE]).cast(logkept.SCHEMA))
