"""What the machine refuses, in one line each: a full or read-only disk, a file held open, too little memory.

Whatever is written appears whole or not at all (`dsar.files`), so the same command completes it once that is mended.
"""

import errno
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from dsar.errors import MachineRefuses

_FULL = ("the disk is full", "make room, then run the same command again")
_FIXED = ("this disk may only be read", "name a workspace that can be written to, then run the same command again")
_DENIED = (
    "may not be written or read: another program has it open, or it is not this account's",
    "close it, or mend its owner, then run the same command again",
)
_BROKEN = ("the disk does not answer as it should", "have it looked at, then run the same command again")
_BY_NUMBER = {
    errno.ENOSPC: _FULL, errno.EDQUOT: _FULL, errno.EFBIG: _FULL, errno.EROFS: _FIXED, errno.EACCES: _DENIED, errno.EPERM: _DENIED,
    errno.EIO: _BROKEN,
}  # fmt: skip
_BY_CODE = {
    sqlite3.SQLITE_FULL: _FULL, sqlite3.SQLITE_READONLY: _FIXED, sqlite3.SQLITE_IOERR: _BROKEN, sqlite3.SQLITE_CANTOPEN: _DENIED,
    sqlite3.SQLITE_PERM: _DENIED,
}  # fmt: skip


def of_machine(error: BaseException) -> MachineRefuses | None:
    """Return what the machine refused, where an error goes back to that; never more of it than a file's own name."""
    for cause in _causes(error):
        if isinstance(cause, MemoryError):
            return MachineRefuses("there is not enough memory", remedy="run fewer at a time, or with more memory; then the same command again")
        known = _known(cause)
        if known:
            name = getattr(cause, "filename2", None) or getattr(cause, "filename", None)
            return MachineRefuses(f"{known[0]}. Nothing was half-written", where=Path(str(name)).name if name else "", remedy=known[1])
    return None


def _known(cause: BaseException) -> tuple[str, str] | None:
    if isinstance(cause, OSError):
        return _BY_NUMBER.get(cause.errno or 0)
    if type(cause).__name__ == "SerialisationError":  # lxml's, which openpyxl writes with: "IO_ENOSPC"
        return _BY_NUMBER.get(getattr(errno, str(cause).removeprefix("IO_"), 0))
    if isinstance(cause, sqlite3.Error):
        return _BY_CODE.get(getattr(cause, "sqlite_errorcode", 0) & 0xFF)
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    ahead: list[BaseException | None] = [error]
    while ahead:
        cause = ahead.pop(0)
        if cause is not None and id(cause) not in seen:
            seen.add(id(cause))
            yield cause
            ahead += [getattr(cause, "orig", None), cause.__cause__, cause.__context__]
