"""Log files read in blocks of whole lines, a large plain file in pieces, on all cores.

A piece is what one thread reads: all of a packed file, or the lines of a plain one that begin between two of its bytes. Numpy and isal
let go of the interpreter while they work, so threads fill the cores, and nothing has to be copied from process to process.
"""

import io
import os
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import NamedTuple, TypeVar, cast

from isal import igzip, isal_zlib

from connectors.logfiles import LogFile

BLOCK = 4 * 2**20  # bytes looked at together: with fewer, numpy is called for too little at a time
PIECE = 64 * 2**20
ALONE = 8 * 2**20  # bytes for which it is not worth starting threads
FRONT, BACK = 16, 64  # bytes that can be looked at before and behind a block's lines

DAMAGED: tuple[type[Exception], ...] = (
    OSError,
    EOFError,
    zlib.error,
    cast("type[Exception]", isal_zlib.error),
)  # what reading a file that is not whole raises

Fill = Callable[[memoryview], int]
T = TypeVar("T")


class Block(NamedTuple):
    """Whole lines in a buffer that is used again, each with its line feed."""

    buffer: bytearray
    start: int
    stop: int
    ended: bool = True  # False: the file lacks the last line feed


class Piece(NamedTuple):
    """The lines of a file that begin at these bytes of it; `end` is None for all of a packed file."""

    file: LogFile
    begin: int = 0
    end: int | None = None

    @property
    def size(self) -> int:
        """Bytes to read."""
        return (self.file.size if self.end is None else self.end) - self.begin


def pieces(file: LogFile) -> list[Piece]:
    """Return the pieces of a file, in order."""
    if file.packed:
        return [Piece(file)]
    return [Piece(file, begin, min(begin + PIECE, file.size)) for begin in range(0, file.size, PIECE)]


def spread(work: Callable[[Piece], T], of: Sequence[Piece]) -> Iterator[T]:
    """Yield what the work makes of each piece, in their order, whichever is done first; the largest are begun first."""
    if len(of) < 2 or sum(piece.size for piece in of) < ALONE:
        yield from map(work, of)
        return
    with ThreadPoolExecutor(cores()) as pool:
        begun = {n: pool.submit(work, of[n]) for n in sorted(range(len(of)), key=lambda n: (-of[n].size, n))}
        try:
            for n in range(len(of)):
                yield begun.pop(n).result()
        finally:
            for left in begun.values():
                left.cancel()


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def blocks(piece: Piece) -> Iterator[Block]:
    """Yield the lines of a piece.

    Raises what a file's damage raises: one of `DAMAGED`.
    """
    buffer, filled, start = bytearray(FRONT + BLOCK + BACK), FRONT, FRONT
    base = max(piece.begin - 1, 0)  # where in the file the buffer begins: a piece begins behind the first line feed from there
    skipping, ended = piece.begin > 0, True
    with _filler(piece, base) as fill:
        while True:
            if filled == len(buffer) - BACK:
                buffer = _wider(buffer)
            if read := fill(memoryview(buffer)[filled:-BACK]):
                filled += read
                stop = buffer.rfind(b"\n", FRONT, filled) + 1
            elif filled > FRONT:
                buffer[filled] = ord("\n")
                stop = filled = filled + 1
                ended = False
            else:
                return
            if not stop:
                continue
            last = piece.end is not None and base + stop - FRONT >= piece.end
            if last:
                stop = buffer.find(b"\n", FRONT + max((piece.end or 0) - 1 - base, 0), stop) + 1
            start = buffer.find(b"\n", FRONT, stop) + 1 if skipping else FRONT
            skipping = False
            if start < stop:
                yield Block(buffer, start, stop, ended)
            if last:
                return
            base += stop - FRONT
            buffer[FRONT : FRONT + filled - stop] = buffer[stop:filled]
            filled -= stop - FRONT


def _wider(buffer: bytearray) -> bytearray:
    # A new one: arrays may still look at the old.
    return buffer[:-BACK] + bytearray(len(buffer))


@contextmanager
def _filler(piece: Piece, base: int) -> Iterator[Fill]:
    """Yield what fills a buffer with the next bytes, unpacked, and returns how many."""
    file = piece.file
    if file.packed:
        if not file.size:
            raise EOFError("empty, as a full disk leaves it: what is packed has a header at least")
        file.stream.seek(0)
    if file.packed == "gzip":
        with igzip.IGzipFile(fileobj=file.stream, mode="rb") as unpacked:  # type: ignore[no-untyped-call]
            yield unpacked.readinto
    elif file.packed:
        import pyarrow as pa

        raw = os.fdopen(os.dup(file.stream.fileno()), "rb")  # Arrow closes what it reads
        with raw, pa.CompressedInputStream(pa.PythonFile(raw, mode="r"), file.packed) as unpacked, io.BufferedReader(unpacked) as buffered:
            yield buffered.readinto
    else:
        yield _From(file, base)


class _From:
    """Reads a plain file from a place on, beside others that read the same file."""

    def __init__(self, file: LogFile, place: int) -> None:
        self.file, self.place = file, place

    def __call__(self, into: memoryview) -> int:
        with self.file.lock:
            self.file.stream.seek(self.place)
            read = self.file.stream.readinto(into)
        if not read and self.place < self.file.size:
            raise EOFError("cut while it was read, as by logrotate's copytruncate: what it held lies in a copy that was not there yet")
        self.place += read
        return read


def without_copies(files: Sequence[LogFile]) -> list[LogFile]:
    """Return the files without those that are a packed copy of a plain one beside them, or are becoming one just now."""
    plain = {file.path: file for file in files if not file.packed}
    return [file for file in files if not (file.packed and (of := plain.get(file.path.with_suffix(""))) and _copies(file, of))]


def _copies(packed: LogFile, plain: LogFile) -> bool:
    """Whether all that a packed file holds so far is what the plain one begins with."""
    into, compared = bytearray(BLOCK), _From(plain, 0)
    same = bytearray(BLOCK)
    try:
        with _filler(Piece(packed), 0) as fill:
            while read := fill(memoryview(into)):
                if compared(memoryview(same)[:read]) != read or same[:read] != into[:read]:
                    return False
    except DAMAGED as error:
        # Any other damage is found, and told, by whoever reads it. Arrow says only in words that a file is cut.
        return isinstance(error, EOFError) or "Truncated" in str(error)
    return True


def lines(file: LogFile) -> Iterator[bytes]:
    """Yield the lines that a file held when it was opened, unpacked, each with its line feed; raises as `blocks`."""
    for piece in pieces(file):
        for buffer, start, stop, _ in blocks(piece):
            yield from io.BytesIO(memoryview(buffer)[start:stop])
