"""The files of a log, as they stand at one moment, although the server goes on writing and rotating.

All files are opened before the first line is read, and the list is made again until it holds still: a file
that is renamed, packed or deleted afterwards is read to the end of what it held. A file beside its packed copy
counts once. What is written after that moment belongs to the next read.
"""

import gzip
import io
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

_PACKED = (".gz", ".zst", ".zstd")
_TRIES = 50


class LogFile(NamedTuple):
    """One open file: its path when it was opened, and how much of it counts."""

    path: Path
    stream: BinaryIO
    size: int


@contextmanager
def snapshot(folder: Path, pattern: str) -> Iterator[list[LogFile]]:
    """Yield the files that fit a pattern, open, in the order of their names; raises `OSError` where they never hold still."""
    for _ in range(_TRIES):
        with ExitStack() as stack:
            opened = _opened(stack, folder, pattern)
            if opened is not None:
                yield opened
                return
    raise OSError("the files were renamed all the while")


def _opened(stack: ExitStack, folder: Path, pattern: str) -> list[LogFile] | None:
    before = _listed(folder, pattern)
    found: dict[tuple[int, int], LogFile] = {}
    for path in before:
        try:
            stream = stack.enter_context(path.open("rb"))
        except FileNotFoundError:
            return None
        state = os.fstat(stream.fileno())
        found.setdefault((state.st_dev, state.st_ino), LogFile(path, cast("BinaryIO", stream), state.st_size))
    return list(found.values()) if _listed(folder, pattern) == before else None


def _listed(folder: Path, pattern: str) -> dict[Path, tuple[int, int]]:
    paths = sorted(path for path in folder.glob(pattern) if path.is_file())
    plain = {path for path in paths if path.suffix not in _PACKED}
    listed = {}
    for path in paths:
        if path.suffix in _PACKED and path.with_suffix("") in plain:
            continue  # being packed just now
        try:
            state = path.stat()
        except FileNotFoundError:
            continue
        listed[path] = (state.st_dev, state.st_ino)
    return listed


def lines(file: LogFile) -> Iterator[bytes]:
    """Yield the lines that the file held when it was opened, unpacked; raises what its damage raises."""
    if file.path.suffix == ".gz":
        yield from gzip.GzipFile(fileobj=file.stream)
    elif file.path.suffix in {".zst", ".zstd"}:
        import pyarrow as pa

        with pa.CompressedInputStream(pa.PythonFile(file.stream, mode="r"), "zstd") as unpacked, io.BufferedReader(unpacked) as buffered:
            yield from buffered
    else:
        read = 0
        for line in file.stream:
            # A line that was half written at that moment is read to its end.
            if read >= file.size:
                return
            read += len(line)
            yield line
