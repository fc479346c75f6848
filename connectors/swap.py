"""A file rewritten beside itself and put in its place in one step, however often the run is killed.

The new file is written under a hidden name, brought to disk, and exchanged with the old one (Linux's `renameat2`), so that it
can be seen what was swapped out. Was it another file than the one that was read, because a server rotated just then, the
exchange is undone and nothing is lost.
"""

import ctypes
import os
import shutil
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from connectors.logfiles import BESIDE
from dsar.errors import ErasureRefused

_AT_FDCWD, _EXCHANGE = -100, 2


def in_use(stream: BinaryIO) -> bool | None:
    """Return whether a process has an open file open for writing; None where this system does not let us see."""
    mine = os.fstat(stream.fileno())
    seen = False
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            for handle in (process / "fd").iterdir():
                with suppress(OSError):
                    state = handle.stat()
                    if (state.st_dev, state.st_ino) == (mine.st_dev, mine.st_ino) and _writes(process, handle.name):
                        return True
            seen = True
    return False if seen and os.geteuid() == 0 else None


def _writes(process: Path, handle: str) -> bool:
    flags = (process / "fdinfo" / handle).read_text(encoding="ascii").split("flags:")[1].split()[0]
    return int(flags, 8) & os.O_ACCMODE != os.O_RDONLY


def tidy(folder: Path) -> None:
    """Remove what a killed run left beside the files; raises `ErasureRefused` where that is neither its old nor its new file."""
    for left in folder.glob(f"{BESIDE}*"):
        known = left.name.removeprefix(BESIDE).split("-")[:2]
        if known[0] != "new" and str(left.stat().st_ino) not in known:
            raise ErasureRefused(
                "a run was killed in the moment the server rotated; what it swapped out lies here under a name that begins with .dsar-",
                where=str(folder),
                remedy="give it back its name by hand",
            )
        left.unlink()


def rewrite(path: Path, old: BinaryIO, write: Callable[[BinaryIO], None], check: Callable[[BinaryIO], None]) -> None:
    """Put what `write` writes in the place of a file, once `check` has read it back; mode, owner and times stay.

    `old` is the file as it was opened to be read. Raises `ErasureRefused` where its name stands for another file by now, and where the
    system knows no such exchange.
    """
    if not sys.platform.startswith("linux"):
        raise ErasureRefused("only Linux exchanges two files in one step", where=str(path.parent), remedy="erase on the server that writes the logs")
    state = os.fstat(old.fileno())
    fresh = path.with_name(f"{BESIDE}new-{os.getpid()}-{path.name}")
    try:
        with fresh.open("xb") as stream:
            write(stream)
            stream.flush()
            os.fsync(stream.fileno())
        with fresh.open("rb") as stream:
            check(stream)
            named = path.with_name(f"{BESIDE}{state.st_ino}-{os.fstat(stream.fileno()).st_ino}-{path.name}")
        shutil.copystat(path, fresh)
        with suppress(PermissionError):
            os.chown(fresh, state.st_uid, state.st_gid)
        os.utime(fresh, ns=(state.st_atime_ns, state.st_mtime_ns))
        fresh = fresh.rename(named)
        _exchange(fresh, path)
        if fresh.stat().st_ino != state.st_ino:
            _exchange(fresh, path)
            raise ErasureRefused(f"{path.name} was rotated just now; it was left as it is", where=str(path.parent), remedy="try again")
        _late(old, state.st_size, path)
    finally:
        fresh.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _late(old: BinaryIO, size: int, path: Path) -> None:
    """Take over what a writer nobody saw added to the old file in the last moment."""
    while (grown := os.fstat(old.fileno()).st_size) > size:
        old.seek(size)
        with path.open("ab") as stream:
            stream.write(old.read(grown - size))
        size = grown


def _exchange(one: Path, other: Path) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.renameat2(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _EXCHANGE) != 0:
        error = ctypes.get_errno()
        raise ErasureRefused(f"this file system cannot exchange two files ({os.strerror(error)})", where=str(other.parent), remedy="move the logs")
