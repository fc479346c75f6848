"""Look-ups in a kept store of log lines: which of the files that lie there it stands for, and the lines of wanted addresses.

What comes out are lines as they were written, so that everything after is the same whether a line was kept or lay in its raw file.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from connectors import logkept
from connectors.logentries import Entries, Entry, Part
from connectors.logfiles import LogFile
from connectors.logline import Line
from dsar.errors import SourceBroken

AT_ONCE = 60_000  # lines in memory when a file is written again


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
    whose = {str(store / part.name): entry.id for entry in entries for part in entry.parts}
    found: dict[str, list[tuple[int, Line]]] = {}
    if not whose or not addresses:
        return found
    for path in whose:
        if not Path(path).is_file():
            remedy = "bring it back from a backup; or put the raw file back, delete the file's entry under files/, and compact again"
            raise SourceBroken(f"{Path(path).name} is missing from the kept store", where=store.name, remedy=remedy)
    import duckdb

    # A list written out: DuckDB compares it with a part's words, and leaves out row groups by their bounds and bloom filters.
    wanted = ", ".join("'" + address.replace("'", "''") + "'" for address in sorted(addresses))
    with duckdb.connect() as connection:
        connection.execute("SET enable_progress_bar = false; SET TimeZone = 'UTC'")  # else moments come in the machine's zone
        asked = f"SELECT * FROM read_parquet(?, filename = true, hive_partitioning = false) WHERE address IN ({wanted})"  # noqa: S608 - normal forms, quoted
        for batch in connection.execute(asked, [list(whose)]).to_arrow_reader(AT_ONCE):
            for row in batch.to_pylist():
                found.setdefault(whose[row["filename"]], []).append((row["number"], logkept.line_of(row)))
    return {entry: sorted(rows, key=lambda numbered: numbered[0]) for entry, rows in found.items()}


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
