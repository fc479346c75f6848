"""Which files are in a kept store: by what is in them, since servers rename and pack their logs.

An entry knows its file by length and CRC-32 of what it holds, as a gzip file has them at its end, and by its first bytes. A raw file that
begins as an entry does and is longer has grown since: then the entry's lines count no more, and the raw file is read.
"""

import hashlib
import json
import zlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import date
from itertools import chain
from pathlib import Path
from typing import Any

from connectors import logblocks
from connectors.logblocks import Piece
from connectors.logfiles import LogFile
from dsar import files

HEAD, ENDS = 4096, 2**13
UNREADABLE_AT = 100


@dataclass(frozen=True)
class Part:
    """One Parquet file of an entry: the lines of one day."""

    day: str
    name: str  # below the store
    rows: int


@dataclass(frozen=True)
class Entry:
    """A file that is wholly in the store: `lines` is the sum of its parts' rows, counted again from the disk."""

    name: str
    length: int
    crc: int
    head: str  # hash of the first bytes
    head_length: int
    marks: tuple[str, ...]  # hashes of the file as it lay, packed or not
    lines: int
    unreadable: int
    unreadable_at: tuple[int, ...]  # the numbers of the first such lines
    parts: tuple[Part, ...]
    replaces: tuple[str, ...] = ()  # entries of the same file when it was shorter

    @property
    def id(self) -> str:
        """What the entry and its parts are named by."""
        return entry_id(self.length, self.crc, self.head)

    @property
    def last(self) -> date | None:
        """The last day the file has lines of."""
        return max((date.fromisoformat(part.day) for part in self.parts), default=None)


def entry_id(length: int, crc: int, head: str) -> str:
    """Return the name of an entry of a file with this content."""
    return f"{length:x}-{crc:08x}-{head[:8]}"


def mark(file: LogFile) -> str:
    """Return a hash of a file as it lies: its size, its first and last bytes."""
    with file.lock:
        ends = b"".join(_at(file, place) for place in (0, max(0, file.size - ENDS)))
    return hashlib.sha256(b"%d %s" % (file.size, ends)).hexdigest()


def _at(file: LogFile, place: int) -> bytes:
    file.stream.seek(place)
    return file.stream.read(min(ENDS, file.size - place))


def head_of(data: bytes) -> str:
    """Return the hash of a file's first bytes."""
    return hashlib.sha256(data[:HEAD]).hexdigest()


class Entries:
    """The entries of a store."""

    def __init__(self, store: Path) -> None:
        self.folder = store / "files"
        found = [self._read(path) for path in sorted(self.folder.glob("*.json"))]
        replaced = set(chain.from_iterable(entry.replaces for entry in found))
        self.known = {entry.id: entry for entry in found if entry.id not in replaced}
        self.replaced = {entry.id: entry for entry in found if entry.id in replaced}
        self._marks = {mark_: entry.id for entry in self.known.values() for mark_ in entry.marks}

    @staticmethod
    def _read(path: Path) -> Entry:
        raw: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        parts = tuple(Part(**part) for part in raw.pop("parts"))
        lists: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in raw.items()}
        return Entry(**lists, parts=parts)

    def add(self, entry: Entry) -> None:
        """Put an entry down: from now on its parts count."""
        files.private_dir(self.folder)
        files.write_atomic(self.folder / f"{entry.id}.json", json.dumps(asdict(entry), indent=1))
        self.known[entry.id] = entry
        self._marks |= dict.fromkeys(entry.marks, entry.id)

    def forget(self, entry: Entry) -> None:
        """Take an entry away."""
        (self.folder / f"{entry.id}.json").unlink(missing_ok=True)

    def seen_as(self, entry: Entry, file: LogFile) -> Entry:
        """Return an entry that knows its file also as it lies now."""
        return replace(entry, marks=tuple(dict.fromkeys((*entry.marks, mark(file)))))

    def same(self, file: LogFile) -> tuple[Entry | None, tuple[Entry, ...]]:
        """Return the entry that holds the lines of a file, if any, and those that held them when it was shorter; raises as `logblocks.blocks`."""
        if known := self.known.get(self._marks.get(mark(file), "")):
            return known, ()
        alike = self._alike(file)
        if not alike:
            return None, ()
        length, prefixes = _content(file, {entry.length for entry in alike})
        held = [entry for entry in alike if prefixes.get(entry.length) == entry.crc]
        exact = next((entry for entry in held if entry.length == length), None)
        return exact, () if exact else tuple(held)

    def _alike(self, file: LogFile) -> list[Entry]:
        """Return the entries whose file began as this one does."""
        if not self.known:
            return []
        start = next((bytes(buffer[start : min(stop, start + HEAD)]) for buffer, start, stop in logblocks.blocks(whole(file))), b"")
        return [entry for entry in list(self.known.values()) if hashlib.sha256(start[: entry.head_length]).hexdigest() == entry.head]


def whole(file: LogFile) -> Piece:
    """Return all of a file as one piece."""
    return Piece(file) if file.packed else Piece(file, 0, file.size)


def _content(file: LogFile, lengths: Iterable[int]) -> tuple[int, dict[int, int]]:
    """Return the length of what a file holds, and the CRC-32 of its first bytes at each of these lengths."""
    read, crc, found, wanted = 0, 0, {}, sorted(lengths)
    for buffer, start, stop in logblocks.blocks(whole(file)):
        while wanted and wanted[0] <= read + stop - start:
            length = wanted.pop(0)
            found[length] = zlib.crc32(memoryview(buffer)[start : start + length - read], crc)
        crc = zlib.crc32(memoryview(buffer)[start:stop], crc)
        read += stop - start
    return read, found
