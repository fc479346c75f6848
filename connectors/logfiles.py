"""The files of a log, as they stand at one moment, although the server goes on writing and rotating.

All files are opened before the first line is read, and the list is made again until it holds still: a file
that is renamed, packed or deleted afterwards is read to the end of what it held. What is written after that moment
belongs to the next read.
"""

import os
import stat
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from io import BufferedReader
from pathlib import Path
from typing import Literal

_PACKED: dict[str, Literal["gzip", "zstd"]] = {".gz": "gzip", ".zst": "zstd", ".zstd": "zstd"}
BESIDE = ".dsar-"  # how the name of a file begins that is being rewritten
_TRIES = 50
_PAUSE = 0.01  # seconds: renaming and opening anew take a server less than all tries together


@dataclass(frozen=True)
class LogFile:
    """One open file: its path when it was opened, and how much of it counts."""

    path: Path
    stream: BufferedReader
    size: int
    modified: float  # seconds since 1970
    lock: threading.Lock = field(default_factory=threading.Lock)  # held by whoever reads from a place of the stream

    @property
    def packed(self) -> Literal["gzip", "zstd"] | None:
        """How the file is packed, by its name's ending."""
        return _PACKED.get(self.path.suffix)


@contextmanager
def snapshot(folder: Path, pattern: str) -> Iterator[list[LogFile]]:
    """Yield the files that fit a pattern, open, in the order of their names.

    Raises `FileNotFoundError` where there is none, and `OSError` where they never hold still.
    """
    for before in _listings(folder, pattern):
        with ExitStack() as stack:
            opened = _opened(stack, before)
            if opened is not None and _listed(folder, pattern) == before:
                yield opened
                return
    raise OSError("the files were renamed all the while")


def _listings(folder: Path, pattern: str) -> Iterator[dict[Path, tuple[int, int]]]:
    """Yield what is there, again and again; a server that rotates has no file for a moment, or one whose name just went."""
    found = None
    for _ in range(_TRIES):
        if found := _listed(folder, pattern):
            yield found
        time.sleep(_PAUSE)
    if found == {}:
        raise FileNotFoundError("no file fits the pattern")


def _opened(stack: ExitStack, listed: Iterable[Path]) -> list[LogFile] | None:
    found: dict[tuple[int, int], LogFile] = {}
    for path in listed:
        try:
            stream = stack.enter_context(path.open("rb"))
        except FileNotFoundError:
            return None
        state = os.fstat(stream.fileno())
        found.setdefault((state.st_dev, state.st_ino), LogFile(path, stream, state.st_size, state.st_mtime))
    return list(found.values())


def _listed(folder: Path, pattern: str) -> dict[Path, tuple[int, int]] | None:
    """Return the files and what each is; None where one went while it was looked at."""
    listed = {}
    for path in sorted(folder.glob(pattern)):
        if path.name.startswith(BESIDE):
            continue  # being rewritten
        try:
            state = path.stat()
        except FileNotFoundError:
            return None
        if stat.S_ISREG(state.st_mode):
            listed[path] = (state.st_dev, state.st_ino)
    return listed
