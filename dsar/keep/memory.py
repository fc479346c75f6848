"""A place that is memory and no disk, for what is open: what lies there is gone with the power, however a run ends."""

import os
import shutil
import tempfile
from pathlib import Path

from dsar.errors import MachineRefuses

_BEGINS = "dsar-open-"
_OF = ".of"  # in each such folder: the workspace it belongs to


def place() -> Path:
    """Return a folder that lies in memory: `$DSAR_MEMORY`, else the system's own; raises `MachineRefuses` where there is none."""
    named = os.environ.get("DSAR_MEMORY")
    for candidate in [named] if named else ["/dev/shm", os.environ.get("XDG_RUNTIME_DIR", "")]:  # noqa: S108 - made by mkdtemp, and looked at
        if candidate and Path(candidate).is_dir() and os.access(candidate, os.W_OK) and _kind(Path(candidate)) in {"tmpfs", "ramfs"}:
            return Path(candidate)
    what = "is no file system in memory" if named else "this system has no file system in memory that sealed folders could be opened in"
    raise MachineRefuses(what, where="DSAR_MEMORY" if named else "", remedy="seal on Linux; elsewhere use an encrypted disk")


def make(root: Path) -> Path:
    """Return a new folder in memory for a workspace; only its owner may enter."""
    folder = Path(tempfile.mkdtemp(prefix=_BEGINS, dir=place()))
    (folder / _OF).write_text(str(root), encoding="utf-8")
    return folder


def ours(folder: Path) -> bool:
    """Whether this is a folder that `make` made, and this account's alone."""
    try:
        known = folder.lstat()
    except OSError:
        return False
    return (
        folder.name.startswith(_BEGINS) and folder.is_dir() and not folder.is_symlink() and known.st_uid == os.getuid() and not known.st_mode & 0o077
    )


def belongs(folder: Path, root: Path) -> bool:
    """Whether a folder was made for this workspace, and is whole."""
    of = folder / _OF
    return ours(folder) and of.is_file() and of.read_text(encoding="utf-8") == str(root)


def links_there(path: Path) -> bool:
    """Whether a path is a link into such a folder, be it there or gone."""
    return path.is_symlink() and path.readlink().parent.name.startswith(_BEGINS)


def sweep(root: Path, keep: Path) -> None:
    """Take away what runs of this workspace that were killed while they opened or closed it left in memory, and what a system left of a folder."""
    for folder in (p for p in place().glob(_BEGINS + "*") if ours(p) and p != keep):
        of = folder / _OF
        if of.read_text(encoding="utf-8") == str(root) if of.is_file() else any(folder.iterdir()):  # it is the first that is made in one
            shutil.rmtree(folder, ignore_errors=True)


def room(needed: int) -> None:
    """Raise `MachineRefuses` where so many bytes do not fit."""
    if shutil.disk_usage(place()).free < needed:
        raise MachineRefuses(
            "there is not enough memory to open the sealed folders",
            remedy="close programs, or name a larger place in DSAR_MEMORY; then the same again",
        )


def swapped() -> bool:
    """Whether memory may be written to a disk in the clear: there is swap that is neither compressed memory nor encrypted."""
    try:
        lines = Path("/proc/swaps").read_text(encoding="utf-8").splitlines()[1:]
    except OSError:
        return False
    return any(not (device := Path(line.split()[0]).resolve()).name.startswith("zram") and not _encrypted(device) for line in lines)


def _encrypted(device: Path) -> bool:
    kind = Path("/sys/class/block") / device.name / "dm" / "uuid"
    return kind.is_file() and kind.read_text(encoding="utf-8").startswith("CRYPT-")


def _kind(folder: Path) -> str:
    """Return the type of the file system a folder lies in, as Linux tells it."""
    best, kind = "", ""
    try:
        mounts = Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    for line in mounts:
        _, point, type_, *_ = line.split()
        if folder.resolve().is_relative_to(point) and len(point) >= len(best):
            best, kind = point, type_
    return kind
