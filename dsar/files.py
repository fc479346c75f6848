"""Files appear whole or not at all, are private to their owner, and are the same bytes for the same content."""

import hashlib
import io
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo


def write_atomic(path: Path, data: bytes | str) -> None:
    """Write a file by way of a temporary name in the same folder; text is UTF-8, newlines as they are.

    A run that is killed leaves the old file or the new one. Only the owner may read it.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".writing-")
    try:
        with os.fdopen(handle, "wb") as file:
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


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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
