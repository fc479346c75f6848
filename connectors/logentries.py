"""Which files are in a kept store: by what is in them, since servers rename and pack their logs.

An entry knows its file by length and CRC-32 of what it holds, as a gzip file has them at its end, and by its first bytes. A raw file that
begins as an entry does and is longer has grown since: then the entry's lines count no more, and the raw file is read. An entry out of which
somebody's lines were taken remembers what its file held before: should that come back, from a backup, it is read as well, and never kept again.
"""

import hashlib
import json
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import date
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from filelock import FileLock

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


class Content(NamedTuple):
    """By what a file is known: its length and CRC-32, and a hash of its first bytes; without that, no file is it.

    A last line that lacks its line feed counts as if it had one; when such a file grows, that line goes on.
    """

    length: int
    crc: int
    head: str
    head_length: int
    ended: bool

    @property
    def own(self) -> int:
        """Return how many bytes the file itself has."""
        return self.length - (not self.ended)

    def begins(self, start: bytes) -> bool:
        """Whether these are the first bytes of a file that begins like this one."""
        whole = self.head_length < self.length or self.ended
        return head_of(start[: self.head_length] if whole else start[: self.own] + b"\n") == self.head

    def is_prefix(self, crc: int | None) -> bool:
        """Whether a file begins with all of this one; its CRC-32 is that of so many bytes as `own`, None where it has fewer."""
        return crc is not None and (crc if self.ended else zlib.crc32(b"\n", crc)) == self.crc


@dataclass(frozen=True)
class Entry:
    """A file that is wholly in the store: `lines` is the sum of its parts' rows, counted again from the disk."""

    name: str
    length: int
    crc: int
    head: str  # hash of the first bytes
    head_length: int
    ended: bool  # whether its last line has a line feed
    marks: tuple[str, ...]  # hashes of the file as it lay, packed or not
    lines: int
    unreadable: int
    unreadable_at: tuple[int, ...]  # the numbers of the first such lines
    parts: tuple[Part, ...]
    replaces: tuple[str, ...] = ()  # entries of the same file when it was shorter, or before lines of it were erased
    former: tuple[Content, ...] = ()  # what the file held before lines of it were erased
    edition: int = 0  # how often lines of it were erased

    @property
    def id(self) -> str:
        """What the entry and its parts are named by."""
        return entry_id(self.length, self.crc, self.head) + (f"-{self.edition}" if self.edition else "")

    @property
    def content(self) -> Content:
        """By what its file is known."""
        return Content(self.length, self.crc, self.head, self.head_length, self.ended)

    @property
    def last(self) -> date | None:
        """The last day the file has lines of."""
        return max((date.fromisoformat(part.day) for part in self.parts), default=None)


def entry_id(length: int, crc: int, head: str) -> str:
    """Return the name of an entry of a file with this content."""
    return f"{length:x}-{crc:08x}-{head[:8]}"


def mark(file: LogFile) -> str:
    """Return a hash of a file as it lies: its size, when it was written, its first and last bytes.

    Whatever else is in it is not read: a file that bears a new moment is compared whole, until `dsar logs compact` has seen it so.
    """
    with file.lock:
        ends = b"".join(_at(file, place) for place in (0, max(0, file.size - ENDS)))
    return hashlib.sha256(f"{file.size} {file.modified!r} ".encode() + ends).hexdigest()


def _at(file: LogFile, place: int) -> bytes:
    file.stream.seek(place)
    return file.stream.read(min(ENDS, file.size - place))


def head_of(data: bytes) -> str:
    """Return the hash of a file's first bytes."""
    return hashlib.sha256(data[:HEAD]).hexdigest()


class Known(NamedTuple):
    """What a store knows of a file: the entry of its lines, those of when it was shorter, and those of which it holds erased lines."""

    same: Entry | None = None
    shorter: tuple[Entry, ...] = ()
    former: tuple[Entry, ...] = ()


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
        raw["former"] = [Content(*former) for former in raw.get("former", ())]
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
        self.known.pop(entry.id, None)
        self.replaced.pop(entry.id, None)

    def seen_as(self, entry: Entry, file: LogFile) -> Entry:
        """Return an entry that knows its file also as it lies now."""
        return replace(entry, marks=tuple(dict.fromkeys((*entry.marks, mark(file)))))

    def same(self, file: LogFile) -> Known:
        """Return what is known of a file; raises as `logblocks.blocks`."""
        if known := self.known.get(self._marks.get(mark(file), "")):
            return Known(known)
        alike = self._alike(file)
        if not alike:
            return Known()
        length, prefixes = _content(file, {content.own for content, _ in alike})
        held = [(content, entry) for content, entry in alike if content.is_prefix(prefixes.get(content.own))]
        now = tuple(entry for content, entry in held if content == entry.content)
        if exact := next((entry for entry in now if entry.length == length), None):
            return Known(exact)
        return Known(None, now, tuple({entry.id: entry for content, entry in held if content != entry.content}.values()))

    def _alike(self, file: LogFile) -> list[tuple[Content, Entry]]:
        """Return the entries whose file begins, or began before lines were erased, as this one does."""
        if not self.known:
            return []
        start = next((bytes(buffer[start : min(stop, start + HEAD)]) for buffer, start, stop, _ in logblocks.blocks(whole(file))), b"")
        contents = [(content, entry) for entry in list(self.known.values()) for content in (entry.content, *entry.former)]
        return [(content, entry) for content, entry in contents if content.begins(start)]


@contextmanager
def alone(store: Path) -> Iterator[None]:
    """Wait until nobody else writes to a store: what is being kept meanwhile would come from a file before lines of it were erased."""
    with FileLock(files.private_dir(store) / ".lock", mode=0o600, is_singleton=True):
        yield


def whole(file: LogFile) -> Piece:
    """Return all of a file as one piece."""
    return Piece(file) if file.packed else Piece(file, 0, file.size)


def _content(file: LogFile, lengths: Iterable[int]) -> tuple[int, dict[int, int]]:
    """Return the length of what a file holds, and the CRC-32 of its first bytes at each of these lengths."""
    read, crc, found, wanted = 0, 0, {}, sorted(lengths)
    for buffer, start, stop, _ in logblocks.blocks(whole(file)):
        while wanted and wanted[0] <= read + stop - start:
            length = wanted.pop(0)
            found[length] = zlib.crc32(memoryview(buffer)[start : start + length - read], crc)
        crc = zlib.crc32(memoryview(buffer)[start:stop], crc)
        read += stop - start
    return read, found
