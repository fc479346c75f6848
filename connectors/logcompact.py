"""Raw log files put into a kept store: each file whole or not at all, and checked by writing it again from the store.

A file is read in stretches of lines; each becomes a part per day, sorted by address. When all parts are on the disk, the file is written
again from them and compared by length and CRC-32. Only then its entry is written (`logentries`), which makes the parts count.
"""

import os
import time
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import chain
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from connectors import logblocks, logcolumns, logentries, logkept, loglookup, logrows
from connectors.logentries import Entries, Entry, Part
from connectors.logfiles import LogFile
from connectors.logmatch import Matcher
from dsar import files
from dsar.errors import SourceBroken

LINES = 60_000  # taken apart at once
STRETCH = 1_000_000  # lines of a file whose rows are sorted together, so that a day is one part unless it is busy
GROUP = 5_000  # rows of a row group: what is unpacked for the lines of one address; fewer take more room
ABANDONED = 86_400  # seconds after which a part without an entry is rubbish

State = Literal["kept now", "kept before", "came back"]


class _Some(NamedTuple):
    """Some lines of a file, each with its line feed, and which of them (counted from 1) are no log lines."""

    lines: pa.Array
    unreadable_at: list[int]
    ended: bool  # whether the last has its line feed in the file


class _Laid(NamedTuple):
    """A part on the disk that does not count yet."""

    day: date
    stretch: int
    path: Path
    rows: int


def compact(file: LogFile, store: Path, entries: Entries) -> tuple[Entry, State]:
    """Return the entry of a file, and since when it is kept; raises as `logblocks.blocks`, and `SourceBroken` where the check fails."""
    known = entries.same(file)
    if known.same:
        if logentries.mark(file) not in known.same.marks:
            entries.add(entries.seen_as(known.same, file))
        return known.same, "kept before"
    if known.former:
        return known.former[0], "came back"
    entry = _written(file, store)
    checked(entry, store)
    entries.add(replace(entry, replaces=tuple(old.id for old in known.shorter)))
    for old in known.shorter:
        discard(old, store, entries)
    return entry, "kept now"


def discard(entry: Entry, store: Path, entries: Entries) -> None:
    """Take out of the store an entry that another replaces, and those of its parts that the other has not taken over."""
    others = {part.name for other in entries.known.values() if other.id != entry.id for part in other.parts}
    for part in entry.parts:
        if part.name not in others:
            (store / part.name).unlink(missing_ok=True)
            logrows.drop(store, part.name)
    entries.forget(entry)  # last: a run that is killed before is completed by `sweep`


def sweep(store: Path, entries: Entries) -> None:
    """Remove what a killed run left: parts without an entry, half-written files, entries that another replaces."""
    for old in list(entries.replaced.values()):
        discard(old, store, entries)
    counted = {part.name for entry in entries.known.values() for part in entry.parts}
    for path in chain(store.glob("day=*/*"), (store / "rows").glob("day=*/*")):
        part = path.relative_to(store / "rows").with_suffix(".parquet") if path.suffix == ".rows" else path.relative_to(store)
        if part.as_posix() not in counted and time.time() - path.stat().st_mtime > ABANDONED:
            path.unlink()


def checked(entry: Entry, store: Path) -> None:
    """Write the file again from its parts; raises `SourceBroken` where it is not the same to the byte."""
    length, crc, rows = 0, 0, 0
    for lines in loglookup.again(entry, store):
        data = b"".join(line + b"\n" for line in lines.to_pylist())
        length, crc, rows = length + len(data), zlib.crc32(data, crc), rows + len(lines)
    if (length, crc, rows) != (entry.length, entry.crc, entry.lines):
        remedy = "the raw file stays as it is; compact again, and report it if it happens again"
        raise SourceBroken(f"{entry.name}: {rows} of {entry.lines} lines came back from the store", where="logs compact", remedy=remedy)


def _written(file: LogFile, store: Path) -> Entry:
    """Write a file's parts under the name its content has, and return its entry."""
    length, crc, lines, head, ended = 0, 0, 0, b"", True
    unreadable: list[int] = []
    stretch: list[pa.Table] = []
    written: list[_Laid] = []
    day = datetime.fromtimestamp(file.modified, UTC).date()
    try:
        for some in _some(file):
            data = some.lines.buffers()[2]
            head = head or bytes(memoryview(data)[: logentries.HEAD])
            length, crc = length + data.size, zlib.crc32(data, crc)
            stretch.append(_small(logcolumns.rows_of(some.lines, lines)))
            unreadable += (lines + n for n in some.unreadable_at)
            lines, ended = lines + len(some.lines), some.ended
            if sum(map(len, stretch)) >= STRETCH:
                written += _laid(stretch, store, day, len(written))
                day = written[-1].day
        written += _laid(stretch, store, day, len(written))
        name = logentries.entry_id(length, crc, logentries.head_of(head))
        parts = tuple(Part(str(one.day), f"day={one.day}/{name}-{one.stretch}.parquet", one.rows) for one in written)
        for one, part in zip(written, parts, strict=True):
            files.publish(one.path, store / part.name)
            logrows.write(store, part.name)
    finally:
        for one in written:
            one.path.unlink(missing_ok=True)
    return Entry(
        file.path.name, length, crc, logentries.head_of(head), min(len(head), logentries.HEAD), ended, (logentries.mark(file),), lines,
        len(unreadable), tuple(unreadable[: logentries.UNREADABLE_AT]), parts,
    )  # fmt: skip


def _laid(stretch: list[pa.Table], store: Path, day: date, number: int) -> list[_Laid]:
    """Write the parts of a stretch, which is emptied, under names that do not count yet."""
    found = []
    if stretch:
        rows = pa.concat_tables(stretch).unify_dictionaries()
        stretch.clear()
        for of, part in _by_day(rows, day):
            path = files.private_dir(store / f"day={of}") / f".{os.getpid()}-{time.monotonic_ns()}.writing"
            found.append(_Laid(of, number, path, len(part)))
            write(part, path)
    return found


def _some(file: LogFile) -> Iterator[_Some]:
    nobody = Matcher(())
    pieces: list[bytes] = []
    read, unreadable, ended = 0, list[int](), True
    for block in logblocks.blocks(logentries.whole(file)):
        buffer, start, stop, ended = block
        found = nobody.look(block)
        pieces.append(bytes(memoryview(buffer)[start:stop]))
        unreadable += (read + n for n in found.unreadable_at)
        read += found.read
        if read >= LINES:
            yield _Some(_lines(b"".join(pieces)), unreadable, ended)
            pieces, read, unreadable = [], 0, []
    if pieces:
        yield _Some(_lines(b"".join(pieces)), unreadable, ended)


def _lines(data: bytes) -> pa.Array:
    """Return lines as an array of bytes, nothing copied."""
    ends = np.flatnonzero(np.frombuffer(data, np.uint8) == 10).astype(np.int64) + 1
    offsets = np.concatenate((np.zeros(1, np.int64), ends))
    return pa.Array.from_buffers(pa.large_binary(), len(ends), [None, pa.py_buffer(offsets), pa.py_buffer(data)])


def _small(rows: pa.Table) -> pa.Table:
    """Return rows in less memory: text that comes again once."""
    return rows.cast(pa.schema([pa.field(f.name, pa.dictionary(pa.int32(), f.type)) if f.name in logkept.REPEATED else f for f in rows.schema]))


def _by_day(rows: pa.Table, before: date) -> Iterator[tuple[date, pa.Table]]:
    """Yield each day's rows, sorted; a line without a moment belongs to the day of the line before it."""
    days = pc.fill_null_forward(pc.cast(rows["at"], pa.date32()).combine_chunks())
    days = pc.fill_null(days, pa.scalar(before, pa.date32()))
    for day in pc.unique(days).to_pylist():
        yield day, rows.filter(pc.equal(days, pa.scalar(day, pa.date32()))).sort_by([("address", "ascending"), ("number", "ascending")])


def write(part: pa.Table, path: Path, marks: Mapping[bytes, bytes] | None = None) -> None:
    """Write sorted rows of the store, a row group at a time: each has words of its own only."""
    options = {
        "compression": "zstd", "compression_level": 9, "use_dictionary": ["address", "status", *logkept.REPEATED],
        "sorting_columns": [pq.SortingColumn(logkept.SCHEMA.get_field_index("address"))],
        "bloom_filter_options": {"address": {"ndv": GROUP, "fpp": 0.01}},
    }  # fmt: skip
    with pq.ParquetWriter(path, logkept.SCHEMA.with_metadata(marks), **options) as writer:
        for start in range(0, len(part), GROUP):
            writer.write_table(part[start : start + GROUP].cast(writer.schema))
