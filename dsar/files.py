"""Files appear whole or not at all, are private to their owner, and are the same bytes for the same content."""

import hashlib
import io
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

try:
    import fcntl
except ImportError:  # Windows: what a killed run leaves there stays until somebody deletes it
    fcntl = None  # type: ignore[assignment]

WRITING, SCRATCH = ".writing-", "dsar-scratch-"  # how names begin of what is being written beside its place, or in the system's own folder
_SETTLED = 60  # seconds after which whoever made it holds it, if still alive


def write_atomic(path: Path, data: bytes | str) -> None:
    """Write a file by way of a temporary name in the same folder; text is UTF-8, newlines as they are.

    A run that is killed leaves the old file or the new one. Only the owner may read it.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=WRITING)
    try:
        with os.fdopen(handle, "wb") as file:
            _hold(handle)
            file.write(data.encode("utf-8") if isinstance(data, str) else data)
        publish(Path(name), path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def publish(finished: Path, path: Path) -> None:
    """Give a finished file of the same file system its name, once it is safely on disk."""
    finished.chmod(0o600)
    with finished.open("rb+") as file:
        os.fsync(file.fileno())
    finished.replace(path)


def lying(folder: Path) -> list[Path]:
    """Return what lies in a folder, sorted, apart from the marks that office programs put beside a file they have open."""
    return sorted(p for p in folder.glob("*") if not (p.name.startswith("~$") or (p.name.startswith(".~lock.") and p.name.endswith("#"))))


@contextmanager
def temporary_files_in(folder: Path) -> Iterator[None]:
    """Let libraries put their temporary files there: in the system's own folder they would outlive a run that is killed."""
    before, tempfile.tempdir = tempfile.tempdir, str(folder)
    try:
        yield
    finally:
        tempfile.tempdir = before


@contextmanager
def scratch(beside: Path | None = None) -> Iterator[Path]:
    """Yield a folder of this account's alone that is gone afterwards: in `beside`, else where the system keeps such."""
    with tempfile.TemporaryDirectory(dir=beside, prefix=WRITING if beside else SCRATCH) as name:
        handle = os.open(name, os.O_RDONLY) if fcntl else None
        try:
            if handle is not None:
                _hold(handle)
            yield Path(name)
        finally:
            if handle is not None:
                os.close(handle)


def sweep(folder: Path, depth: int | None = None) -> int:
    """Take away what runs that were killed left unfinished in a folder and those in it, so deep, and return how many pieces that were."""
    return sum(_removed(path) for path in [*_unfinished(folder, depth)] if _left(path))


def _unfinished(folder: Path, depth: int | None) -> Iterator[Path]:
    # Not by glob, which fails where a folder goes while it looks: another process may be finishing one of the same case.
    for at, folders, names in os.walk(folder):
        yield from (Path(at, name) for name in (*folders, *names) if name.startswith(WRITING))
        deep = len(Path(at).relative_to(folder).parts)
        folders[:] = [name for name in folders if not name.startswith(WRITING) and (depth is None or deep < depth)]


def sweep_scratch() -> int:
    """Do the same where the system keeps temporary folders."""
    try:
        place = Path(tempfile.gettempdir())
    except FileNotFoundError:  # no such folder can be written to: whoever has to write says why
        return 0
    return sum(_removed(p) for p in place.glob(SCRATCH + "*") if p.is_dir() and _left(p))


def _hold(handle: int) -> None:
    if fcntl:
        fcntl.flock(handle, fcntl.LOCK_SH)  # let go of by the system when this process ends, however it ends


def _left(path: Path) -> bool:
    """Whether nobody is writing this any more."""
    if fcntl is None:
        return False
    try:
        known = path.lstat()
        if known.st_uid != os.getuid() or path.is_symlink() or time.time() - known.st_mtime < _SETTLED:
            return False
        handle = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(handle)
    return True


def _removed(path: Path) -> bool:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(FileNotFoundError):
            path.unlink()
    return not path.exists()


def private_file(path: Path, mode: str) -> IO[str]:
    """Return a file open for text (`w` or `a`); one that is made is its owner's alone, whatever the umask."""
    flags = os.O_WRONLY | os.O_CREAT | (os.O_APPEND if mode == "a" else os.O_TRUNC)
    return os.fdopen(os.open(path, flags, 0o600), mode, encoding="utf-8")


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest(content: bytes) -> str:
    """Return the SHA-256 of bytes, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def private_dir(path: Path) -> Path:
    """Return the folder, made if missing, that only its owner may enter."""
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(0o700)
    return path


def zip_entry(name: str) -> ZipInfo:
    """Return the header of a zip entry that tells nothing of when and where it was made."""
    entry = ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    entry.compress_type = ZIP_DEFLATED
    entry.create_system = 3  # as on Unix, wherever it is made
    entry.external_attr = 0o600 << 16
    return entry


def zip_bytes(entries: Mapping[str, bytes]) -> bytes:
    """Return a zip of the entries in the given order; the same entries are the same bytes."""
    target = io.BytesIO()
    with ZipFile(target, "w") as archive:
        for name, data in entries.items():
            archive.writestr(zip_entry(name), data)
    return target.getvalue()


def replace_dir(fresh: Path, folder: Path) -> None:
    """Put a finished folder in the place of another; `finish_replace` completes what a kill interrupted."""
    finish_replace(folder)
    old = folder.with_name(folder.name + ".old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    fresh.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def finish_replace(folder: Path) -> None:
    """Bring back the old folder where a run was killed between the two renames of `replace_dir`."""
    old = folder.with_name(folder.name + ".old")
    if old.exists() and not folder.exists():
        old.rename(folder)
