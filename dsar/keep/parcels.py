"""A parcel: one folder packed and sealed with age for a public key, so that packing needs no secret; opened whole or not at all.

The folder's name stands inside, so that a parcel which was given another's name is refused. Anybody can open one without this toolkit:
`age -d -i KEY FILE | tar x`.
"""

import io
import os
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from dsar import files
from dsar.errors import SealBroken

Look = Callable[[], None]
_NAME = "DSAR.parcel"  # a header of the archive: which folder this is


def pack(folder: Path, name: str, target: Path, recipient: str, scratch: Path, *, deep: bool = True, whole: Look = lambda: None) -> None:
    """Seal a folder (`deep`: with all below it) as `target`, whole or not at all; `scratch` is where the archive lies meanwhile.

    `whole` raises where what was packed is not all there; then the parcel that was there stays.
    """
    from pyrage import encrypt_io, x25519

    plain, sealed = scratch / f"{os.getpid()}.tar", files.private_dir(target.parent) / f"{files.WRITING}{os.getpid()}.age"
    try:
        with tarfile.open(plain, "w", format=tarfile.PAX_FORMAT, pax_headers={_NAME: name}) as archive:
            for path in entries(folder, deep=deep):
                _add(archive, path, path.relative_to(folder).as_posix())
        with plain.open("rb") as source, sealed.open("wb") as out:
            encrypt_io(source, out, [x25519.Recipient.from_str(recipient)])
        whole()
        files.publish(sealed, target)
    finally:
        plain.unlink(missing_ok=True)
        sealed.unlink(missing_ok=True)


def unpack(parcel: Path, name: str, folder: Path, identity: Any, scratch: Path) -> None:
    """Open a parcel into a folder; raises `SealBroken` where it was changed, cut, is another's, or was sealed for another key."""
    from pyrage import DecryptError, decrypt_io

    plain = scratch / f"{os.getpid()}.tar"
    try:
        with parcel.open("rb") as source, plain.open("wb") as out:
            decrypt_io(source, out, [identity])
        with tarfile.open(plain) as archive:
            if archive.pax_headers.get(_NAME) != name:
                raise SealBroken("holds another folder than its name says", where=_told(parcel), remedy=_REMEDY)
            archive.extractall(files.private_dir(folder), filter=_private)  # noqa: S202 - what the filter is for
    except (DecryptError, tarfile.TarError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the machine's; what age refuses half-way has no number
        raise SealBroken("cannot be opened: it was changed or cut, or is sealed for another key", where=_told(parcel), remedy=_REMEDY) from error
    finally:
        plain.unlink(missing_ok=True)


def entries(folder: Path, *, deep: bool = True) -> Iterator[Path]:
    """Yield what belongs to a folder, sorted: not what is being written beside its place, and nothing that is `odd`."""
    for path in sorted(folder.iterdir()):
        if path.name.startswith(files.WRITING) or path.is_symlink():
            continue
        if deep and path.is_dir():
            yield path
            yield from entries(path)
        elif path.is_file():
            yield path


def odd(folder: Path) -> Iterator[Path]:
    """Yield what lies in a folder, however deep, and is neither a file nor a folder: a parcel holds none of it."""
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not path.is_symlink():
            yield from odd(path)
        # Emacs marks a file that it has open by a link to nowhere.
        elif (path.is_symlink() or not path.is_file()) and not (path.name.startswith(".#") and not path.exists()):
            yield path


def fingerprint(folder: Path, *, deep: bool = True) -> str:
    """Return what changes with whatever is written, renamed or taken away in a folder; '' where no file is in it."""
    found, some = [], False
    try:
        for path in entries(folder, deep=deep):
            known = path.stat()
            some = some or path.is_file()
            found.append((path.relative_to(folder).as_posix(), known.st_ino, *((known.st_size, known.st_mtime_ns) if path.is_file() else ())))
    except FileNotFoundError:
        return "in motion"
    return files.digest(repr(found).encode()) if some else ""


def _private(entry: tarfile.TarInfo, folder: str) -> tarfile.TarInfo:
    """Let nothing leave the folder (PEP 706), and only the owner in: that filter makes folders as the umask has them."""
    return tarfile.data_filter(entry, folder).replace(mode=0o700 if entry.isdir() else 0o600)


_REMEDY = "bring it back from a backup; nothing was taken for empty, and nothing else was changed"


def _told(parcel: Path) -> str:
    folder = parcel.parent
    return f"{folder.parent.name}/{folder.name}/{parcel.name}" if folder.name == "cases" else f"{folder.name}/{parcel.name}"


def _add(archive: tarfile.TarFile, path: Path, name: str) -> None:
    # Read before its size is written down: another process may write the file anew meanwhile.
    known, content = path.stat(), b"" if path.is_dir() else path.read_bytes()
    entry = tarfile.TarInfo(name)
    entry.mtime, entry.size = known.st_mtime, len(content)
    entry.type, entry.mode = (tarfile.DIRTYPE, 0o700) if path.is_dir() else (tarfile.REGTYPE, 0o600)
    archive.addfile(entry, io.BytesIO(content))
