"""Looks for values in files as they lie on a disk, in every coding: what `dsar.answer.decode` opens, and the bytes themselves.

The bytes tell what no reader shows any more: freed pages of a database, the tail of a file, text in an odd encoding.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

from dsar.answer import decode
from dsar.keep import memory

_ENCODINGS = ("latin-1", "utf-8", "utf-16-le", "utf-16-be")


def texts(path: Path) -> Iterator[str]:
    """Yield every text that a file, or its name, can be read as; nothing where it is gone by now."""
    try:
        data = path.read_bytes()
    except OSError:
        return
    for piece in decode.pieces(path):
        yield from decode.readings(piece.text)
    for encoding in _ENCODINGS:
        for start in (0, 1) if encoding.startswith("utf-16") else (0,):
            yield from decode.readings(data[start:].decode(encoding, "ignore"))


def files_with(root: Path, found: Callable[[str], bool], *, leave_out: Callable[[Path], bool] = lambda _: False) -> Iterator[Path]:
    """Yield the files below a folder in which some reading is `found`; `leave_out` names files and folders that are not looked at."""
    for path in sorted(root.iterdir()):
        if leave_out(path):
            continue
        if path.is_dir() and (not path.is_symlink() or memory.links_there(path)):
            yield from files_with(path, found, leave_out=leave_out)
        elif path.is_file() and any(found(text) for text in texts(path)):
            yield path
        elif not path.is_file() and found(path.name):
            yield path
