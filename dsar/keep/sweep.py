"""Looks for values in files as they lie on a disk, in every coding: what `dsar.answer.decode` opens, hexadecimal, and the bytes themselves.

The bytes tell what no reader shows any more: freed pages of a database, the tail of a file, text in an odd encoding. What cannot be
opened is told as such and never passed over.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from dsar.answer import decode
from dsar.keep import memory

_ENCODINGS = ("latin-1", "utf-8", "utf-16-le", "utf-16-be")
_HEX = re.compile(r"(?<![0-9A-Za-z])(?:0x|\\x)?((?:[0-9A-Fa-f]{2}){6,})(?![0-9A-Za-z])")


class Seen(NamedTuple):
    """A file or link that was looked into: whether something was `found`, and whether part of it could not be read (`unread`)."""

    path: Path
    found: bool
    unread: bool = False


def texts(path: Path) -> Iterator[str]:
    """Yield every text that a file, or its name, can be read as; nothing where it is gone by now."""
    return (text for text in _texts(path) if text is not None)


def _texts(path: Path) -> Iterator[str | None]:
    """Yield the same, and None for each part that cannot be read."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return
    except OSError:
        yield None
        return
    for piece in decode.pieces(path):
        if piece.unread:
            yield None
        yield from decode.readings(piece.text)
        if (plain := _HEX.sub(_from_hex, piece.text)) != piece.text:
            yield from decode.readings(plain)
    for encoding in _ENCODINGS:
        for start in (0, 1) if encoding.startswith("utf-16") else (0,):
            yield from decode.readings(data[start:].decode(encoding, "ignore"))


def _from_hex(match: re.Match[str]) -> str:
    try:
        return f" {bytes.fromhex(match[1]).decode('utf-8')} "
    except UnicodeDecodeError:
        return match[0]


def walk(root: Path, leave_out: Callable[[Path], bool] = lambda _: False) -> Iterator[Path]:
    """Yield what lies below a folder and is no folder, sorted; `leave_out` names files and folders that are passed by.

    A link to a folder is yielded and not followed, but for those into memory, where a sealed workspace is open.
    """
    for path in sorted(root.iterdir()):
        if leave_out(path):
            continue
        if path.is_dir() and (not path.is_symlink() or memory.links_there(path)):
            yield from walk(path, leave_out)
        else:
            yield path


def look(path: Path, found: Callable[[str], bool]) -> Seen:
    """Look into one file; of a link to a folder elsewhere, and of what is no file, there is the name alone."""
    if not path.is_file():
        return Seen(path, found(path.name), unread=path.is_dir())
    unread = False
    for text in _texts(path):
        if text is None:
            unread = True
        elif found(text):
            return Seen(path, found=True, unread=unread)
    return Seen(path, found=False, unread=unread)


def files_with(root: Path, found: Callable[[str], bool], *, leave_out: Callable[[Path], bool] = lambda _: False) -> Iterator[Path]:
    """Yield the files below a folder in which some reading is `found`; `leave_out` names files and folders that are not looked at."""
    return (path for path in walk(root, leave_out) if look(path, found).found)
