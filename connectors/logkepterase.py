"""Lines of a kept store made nobody's: the parts they stand in are written anew, and no others.

The new parts lie beside the old ones until the whole file was written again from both and compared, line by line. Then an entry that replaces
the old one is put down, and the old parts go. A run that is killed leaves the old entry, or the new one and what `logcompact.sweep` takes away.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from zlib import crc32

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from connectors import logcolumns, logcompact, logentries, logexpire, logkept, logline, loglookup, logrows
from connectors.logentries import Content, Entries, Entry, Part
from dsar import files
from dsar.errors import ErasureRefused

Anonymous = Callable[[bytes], bytes | None]  # what becomes of a line (without its line feed), asked in the order of the file; None: it stays
Places = dict[int, bytes]  # row of a part → its new line


def lines_of(store: Path, entry: Entry) -> Iterator[bytes]:
    """Yield the lines of an entry in their order, without line feeds."""
    for some in loglookup.again(entry, store):
        yield from some.to_pylist()


def rewrite(store: Path, entries: Entries, entry: Entry, anonymous: Callable[[], Anonymous], raw: Callable[[], Iterable[bytes]] | None) -> Entry:
    """Return an entry in the place of another, in which some lines are anonymous; `anonymous` is made anew each time the lines are gone through.

    `raw` yields the lines of the raw file as they are to become, where that lies there whole. Raises `ErasureRefused` where what was
    written is not what was planned; the store is then as it was.
    """
    changed = _changed(store, entry, anonymous())
    if not changed:
        return entry
    parts = tuple(_written(store, part, entry, changed[part.name]) if part.name in changed else part for part in entry.parts)
    fresh = replace(entry, parts=parts, marks=(), replaces=(entry.id,), former=(*entry.former, entry.content), edition=entry.edition + 1)
    content = _checked(store, entry, fresh, anonymous())
    if raw is not None:
        content, _ = _content(raw())
    fresh = _unreadable(store, entry, changed, fresh)
    if content is None:  # some of its lines have expired, and the file itself is gone: no file is it any more
        content = Content(entry.length, entry.crc, "", 0, entry.ended)
    fresh = replace(fresh, **content._asdict())
    entries.add(fresh)
    logcompact.discard(entry, store, entries)
    return fresh


def _changed(store: Path, entry: Entry, anonymous: Anonymous) -> dict[str, Places]:
    """Return which rows of which parts are to become which lines."""
    found: dict[str, Places] = {}
    for parts in loglookup.stretches(entry).values():
        tables = [_read(store / part.name) for part in parts]
        of = np.repeat(np.arange(len(parts)), [len(table) for table in tables])
        at = np.concatenate([np.arange(len(table)) for table in tables])
        together = pa.concat_tables(tables).unify_dictionaries()
        order = pc.sort_indices(together["number"]).to_numpy()
        for start in range(0, len(order), loglookup.AT_ONCE):
            some = order[start : start + loglookup.AT_ONCE]
            texts = logkept.texts_of(together.take(pa.array(some)).cast(logkept.SCHEMA)).to_pylist()
            for row, text in zip(some, texts, strict=True):
                if (new := anonymous(text)) is not None:
                    found.setdefault(parts[of[row]].name, {})[int(at[row])] = new
    return found


def _read(path: Path) -> pa.Table:
    return pq.read_table(path, partitioning=None, read_dictionary=list(logkept.REPEATED))


def _written(store: Path, part: Part, entry: Entry, changed: Places) -> Part:
    """Write a part anew beside the old one, with some lines in place of others, and return it."""
    table = _read(store / part.name).cast(logkept.SCHEMA)
    rows = pa.array(sorted(changed), pa.int64())
    lines = pa.array([changed[row] + b"\n" for row in sorted(changed)], pa.large_binary())
    fresh = logcolumns.rows_of(lines, 0)
    fresh = fresh.set_column(fresh.column_names.index("number"), "number", table["number"].take(rows).combine_chunks())
    stays = np.ones(len(table), bool)
    stays[rows.to_numpy()] = False
    whole = pa.concat_tables([table.filter(pa.array(stays)), fresh.cast(logkept.SCHEMA)])
    marks = {k: v for k, v in (pq.read_schema(store / part.name).metadata or {}).items() if k == logexpire.MARK}
    name = f"day={part.day}/{entry.id}e{entry.edition + 1}-{part.name.rpartition('-')[2]}"
    writing = (store / name).with_name(f".{Path(name).stem}.writing")
    logcompact.write(whole.sort_by([("address", "ascending"), ("number", "ascending")]), writing, marks)
    files.publish(writing, store / name)
    if not marks:
        logrows.write(store, name)
    return Part(part.day, name, part.rows)


def _checked(store: Path, before: Entry, after: Entry, anonymous: Anonymous) -> Content | None:
    """Go through both entries line by line, and return by what the file is known from now on; None where the store does not have all its lines."""

    def lines() -> Iterator[bytes]:
        for old, new in zip(lines_of(store, before), lines_of(store, after), strict=True):
            planned = anonymous(old)
            if new != (old if planned is None else planned):
                raise ValueError
            yield new

    try:
        content, count = _content(lines())
    except ValueError as error:
        remedy = "the store was left as it was; try again"
        raise ErasureRefused("what was written beside is not what was planned", where=before.name, remedy=remedy) from error
    return content._replace(ended=before.ended) if count == before.lines else None


def _content(lines: Iterable[bytes]) -> tuple[Content, int]:
    """Return by what a file of these lines is known, and how many they are."""
    length, crc, count, head, ended = 0, 0, 0, b"", True
    for text in lines:
        ended = text.endswith(b"\n")
        whole = text if ended else text + b"\n"
        head = head + whole if len(head) < logentries.HEAD else head
        length, crc, count = length + len(whole), crc32(whole, crc), count + 1
    return Content(length, crc, logentries.head_of(head), min(len(head), logentries.HEAD), ended), count


def _unreadable(store: Path, entry: Entry, changed: Mapping[str, Places], fresh: Entry) -> Entry:
    """Return the new entry with its count of lines that are no log lines."""
    was, now = set[int](), set[int]()
    for name, places in changed.items():
        table = _read(store / name).take(pa.array(sorted(places), pa.int64())).cast(logkept.SCHEMA)
        for row, number, text in zip(sorted(places), table["number"].to_pylist(), logkept.texts_of(table).to_pylist(), strict=True):
            was |= set() if logline.is_log_line(text) else {number}
            now |= set() if logline.is_log_line(places[row]) else {number}
    at = tuple(sorted((set(entry.unreadable_at) - was) | now)[: logentries.UNREADABLE_AT])
    return replace(fresh, unreadable=entry.unreadable - len(was) + len(now), unreadable_at=at)
