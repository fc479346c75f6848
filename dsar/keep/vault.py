"""Sealed case folders: on the disk only what age sealed, in memory what is open, and nothing in between.

On the disk a sealed workspace has `sealed/`: a parcel per case and per folder of its own (`dsar.keep.parcels`), and the public key they
are sealed for. Whoever opens the workspace (`opened`) gets them unpacked into a folder in memory, to which `cases/`, `worklists/` … are
links, so that everything that works with paths works as ever: notebooks, kernels, workers, office programs. Those need no key.
What changed is sealed again before the ledger says that it was done, and when the last that has it open leaves; then the
folder in memory goes. A killed run leaves it there: the next finds it as it was, and goes on. When the power goes it is gone, and what
was sealed last stands.
"""

import atexit
import contextlib
import json
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock

from dsar import files
from dsar.errors import NotOffered, SealBroken
from dsar.keep import agekey, memory, parcels, shelf
from dsar.keep.shelf import FOLDERS, STORE, Unit

try:
    import fcntl
except ImportError:  # Windows: there is no place in memory either, so nothing is ever sealed
    fcntl = None  # type: ignore[assignment]

SEALED_EVERY = 5  # seconds, while somebody works in what is open with programs that are not ours
_RECIPIENT, _MARK, _LEAVING = "recipient.txt", "open.json", ".leaving-"
_BOOT = Path("/proc/sys/kernel/random/boot_id")


@dataclass
class Opened:
    """A workspace that this process has open."""

    root: Path
    memory: Path
    recipient: str
    users: int  # a file that everybody who has it open holds a shared lock on
    process: int = field(default_factory=os.getpid)

    def seal(self, requests: Collection[str] | None = None) -> int:
        """Seal what changed in these requests' cases and in the folders beside them (None: in all), and return how many parcels that were."""
        done = 0
        with self._whole() as whole:
            units = list(shelf.units(self.memory, requests))
            done += sum(self._sealed(unit, whole) for unit in units)
            if requests is None:
                done += self._forgotten({unit.name for unit in units if parcels.fingerprint(unit.folder, deep=unit.deep)}, whole)
            if done:
                shelf.note(self.root)
        return done

    @contextlib.contextmanager
    def _whole(self) -> Iterator[Callable[[], None]]:
        """Yield what raises where somebody takes away what is open in memory, as some systems do when an account logs out.

        That must never pass for files that are gone. Folders are cleared from their oldest or their newest entry on, so both are looked at.
        """
        newest = self.memory / f".newest-{os.getpid()}"

        def look(*, all_of_it: bool = True) -> None:
            if not _intact(self.memory, self.root) or (all_of_it and not newest.exists()):
                remedy = "run the same command again: what was sealed last stands"
                raise SealBroken("what was open in memory was taken away by the system", where=STORE, remedy=remedy)

        look(all_of_it=False)
        try:
            with FileLock(self.memory / ".sealing", mode=0o600):
                newest.touch()
                yield look
        except FileNotFoundError:
            look()
            raise
        finally:
            newest.unlink(missing_ok=True)

    def _sealed(self, unit: Unit, whole: Callable[[], None]) -> bool:
        noted, target = self._note(unit), shelf.parcel(self.root, unit.name)
        for last in (False, False, True):
            now = parcels.fingerprint(unit.folder, deep=unit.deep)
            if target.exists() and noted.exists() and noted.read_text(encoding="utf-8") == now:
                return False
            if not now:
                whole()
                return self._gone(unit.name)
            try:
                parcels.pack(unit.folder, unit.name, target, self.recipient, self.memory / ".packing", deep=unit.deep, whole=whole)
            except FileNotFoundError:
                if last:
                    raise
                continue  # somebody renamed a file meanwhile
            if last or parcels.fingerprint(unit.folder, deep=unit.deep) == now:
                break
        files.write_atomic(noted, now)
        return True

    def _forgotten(self, there: Collection[str], whole: Callable[[], None]) -> int:
        """Take the parcels of cases that are gone."""
        whole()
        return sum(self._gone(name) for name in {*shelf.lying(self.root), *shelf.listed(self.root)} if name not in there)

    def _gone(self, name: str) -> bool:
        self._note(Unit(name, self.memory, deep=True)).unlink(missing_ok=True)
        shelf.strike(self.root, name)
        target = shelf.parcel(self.root, name)
        was = target.exists()
        target.unlink(missing_ok=True)
        return was

    def note(self, unit: Unit) -> None:
        """Note that a folder is sealed as it stands."""
        files.write_atomic(self._note(unit), parcels.fingerprint(unit.folder, deep=unit.deep))

    def _note(self, unit: Unit) -> Path:
        return files.private_dir(self.memory / ".sealed") / unit.name.replace("/", "+")


_open: dict[Path, Opened] = {}
_temp: dict[str, str | None] = {}  # where temporary files went before a workspace was opened


def sealed(root: Path) -> bool:
    """Whether a workspace is sealed."""
    return any((root / name).is_dir() for name in (STORE, f"{STORE}.old"))


def opened(root: Path) -> Opened | None:
    """Open a sealed workspace for this process, until it leaves; None where the workspace is not sealed.

    Raises `KeyMissing`, `SealBroken` and `MachineRefuses`; then nothing is open that was not before.
    """
    if (known := _open.get(root)) and known.process == os.getpid() and _intact(known.memory, root):
        return known
    if not sealed(root):
        return None
    with _alone(root):
        files.finish_replace(root / STORE)
        recipient, place = _recipient(root), _standing(root)
        fresh = place is None
        place = place or _unpacked(root, recipient)
        users = os.open(place / ".users", os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(users, fcntl.LOCK_SH)
        made = Opened(root, place, recipient, users)
        try:
            _linked(made)
        except BaseException:
            if fresh:
                _close(made)
            os.close(users)
            raise
        memory.sweep(root, place)
    if not _open:
        atexit.register(leave)
    _open[root] = made
    _temporary(files.private_dir(place / ".tmp"))
    return made


def seal(root: Path, requests: Collection[str] | None = None) -> int:
    """Seal what changed, if this process has the workspace open; returns how many parcels that were."""
    known = _open.get(root)
    return known.seal(requests) if known and known.process == os.getpid() else 0


def leave() -> list[Path]:
    """Let go of what this process has open, and return what is closed now: the last to leave seals what is not sealed yet, and closes."""
    mine = [known for known in _open.values() if known.process == os.getpid()]
    _open.clear()
    if mine:
        _temporary(None)
    return [known.root for known in mine if _left(known)]


def _left(known: Opened) -> bool:
    try:
        with _alone(known.root):
            if not _intact(known.memory, known.root):
                return False  # as it was sealed last
            try:
                fcntl.flock(known.users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            _sealable(known.memory)
            known.seal()
            _close(known)
            return True
    finally:
        os.close(known.users)


def establish(root: Path) -> Opened:
    """Seal a workspace whose folders lie in the clear, or complete that, and return it opened.

    Raises `KeyMissing`, `MachineRefuses`, `NotOffered` and `SealBroken`; then what lay in the clear lies there still.
    """
    memory.place()
    _sealable(root)
    if not sealed(root):
        recipient, fresh = agekey.new(), files.private_dir(root / f"{STORE}.new")
        files.write_atomic(fresh / _RECIPIENT, recipient + "\n")
        files.write_atomic(fresh / shelf.LIST, "")
        fresh.rename(root / STORE)
    made = opened(root)
    assert made is not None
    made.seal()
    return made


def renew(root: Path) -> Opened:
    """Seal all anew for a new key, in one step; raises `NotOffered` while another program has the workspace open."""
    known = opened(root)
    if known is None:
        raise NotOffered("the case folders are not sealed", where=str(root), remedy="`dsar seal` seals them")
    with _alone(root):
        try:
            fcntl.flock(known.users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            fcntl.flock(known.users, fcntl.LOCK_SH)
            raise NotOffered("another program has it open", where=str(root), remedy="close notebooks and JupyterLab, then again") from None
        known.seal()
        known.recipient = _sealed_anew(known)
        fcntl.flock(known.users, fcntl.LOCK_SH)
    return known


def _sealed_anew(known: Opened) -> str:
    store, fresh, recipient = known.root / STORE, known.root / f"{STORE}.new", agekey.new()
    shutil.rmtree(fresh, ignore_errors=True)
    files.private_dir(fresh)
    with known._whole() as whole:  # noqa: SLF001 - of this module
        for unit in shelf.units(known.memory, None):
            if parcels.fingerprint(unit.folder, deep=unit.deep):
                target = fresh / f"{unit.name}.age"
                parcels.pack(unit.folder, unit.name, target, recipient, known.memory / ".packing", deep=unit.deep, whole=whole)
        files.write_atomic(fresh / _RECIPIENT, recipient + "\n")
        for name in (_MARK, shelf.LIST):
            files.write_atomic(fresh / name, (store / name).read_text(encoding="utf-8") if (store / name).is_file() else "")
        files.replace_dir(fresh, store)
    return recipient


def each(root: Path, inside: Callable[[Path], Iterator[Path]]) -> Iterator[Path]:
    """Yield what `inside` finds in a workspace and in its folders that are open in memory: a search from the top follows no links."""
    yield from inside(root)
    for name in FOLDERS:
        if memory.links_there(root / name):
            yield from inside(root / name)


# -- opening and closing ---------------------------------------------------------------------------


@contextlib.contextmanager
def _alone(root: Path) -> Iterator[None]:
    with FileLock(root / f".{STORE}.lock", mode=0o600):
        yield


def _recipient(root: Path) -> str:
    path = root / STORE / _RECIPIENT
    if not path.is_file():
        raise SealBroken("the public key is gone", where=f"{STORE}/{_RECIPIENT}", remedy="bring it back: it is the public half of the key")
    return path.read_text(encoding="utf-8").strip()


def _standing(root: Path) -> Path | None:
    """Return where a workspace is open in memory, or None; raises `SealBroken` where it is open on another machine."""
    mark = root / STORE / _MARK
    if not mark.is_file():
        return None
    told = json.loads(mark.read_text(encoding="utf-8"))
    if told["host"] != socket.gethostname():
        remedy = f"close it there (end `dsar open` and JupyterLab); if that machine is gone, delete {STORE}/{_MARK}"
        raise SealBroken(f"is open on {told['host']}", where=STORE, remedy=remedy)
    place = Path(told["memory"])
    if told["boot"] == _boot() and _intact(place, root):
        return place
    # Not what a kill leaves, for memory outlives that.
    print("dsar: this was open when the machine or the account's session ended; what was sealed last stands", file=sys.stderr)  # noqa: T201
    return None


def _intact(place: Path, root: Path) -> bool:
    return memory.belongs(place, root) and all((place / name).is_dir() for name in FOLDERS)


def _boot() -> str:
    return _BOOT.read_text(encoding="ascii").strip() if _BOOT.is_file() else ""


def _unpacked(root: Path, recipient: str) -> Path:
    """Open every parcel into memory; what was open in there is marked only once all is."""
    for unfinished in (root / STORE).glob(f"**/{files.WRITING}*"):  # of a run that was killed: nobody has it open now
        unfinished.unlink()
    there = shelf.lying(root)
    if missing := [name for name in shelf.listed(root) if name not in there]:
        what = f"{len(missing)} sealed folders are gone, {missing[0]} first" if len(missing) > 1 else "a sealed folder is gone"
        remedy = f"bring it back from a backup; if it is lost, strike it from {STORE}/{shelf.LIST} and collect again"
        raise SealBroken(what, where=f"{STORE}/{missing[0]}.age", remedy=remedy)
    memory.room(sum(shelf.parcel(root, name).stat().st_size for name in there) * 2)
    identity = agekey.identity(recipient)
    place = memory.make(root)
    try:
        made = Opened(root, place, recipient, -1)
        files.private_dir(place / ".packing")
        for name in FOLDERS:
            files.private_dir(place / name)
        for name in there:
            parcels.unpack(shelf.parcel(root, name), name, place / name, identity, place / ".packing")
        for unit in shelf.units(place, None):
            made.note(unit)
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise
    mark = {"host": socket.gethostname(), "boot": _boot(), "memory": str(place)}
    files.write_atomic(root / STORE / _MARK, json.dumps(mark, indent=1) + "\n")
    return place


def _linked(known: Opened) -> None:
    """Let the workspace's folders be links to those in memory; what lies in the clear in their place is taken over and sealed first."""
    _sealable(known.root)
    for name in FOLDERS:
        path, target = known.root / name, known.memory / name
        if path.is_symlink():
            if path.readlink() == target:
                continue
            path.unlink()
        elif path.exists():
            _taken_over(known, path, target)
        path.symlink_to(target, target_is_directory=True)
    for left in known.root.glob(f"{_LEAVING}*"):
        shutil.rmtree(left)


def _sealable(place: Path) -> None:
    """Raise `NotOffered` where a link, a pipe or a device lies in the folders to be sealed: it would be lost, or what it leads to taken in unseen.

    Raises `SealBroken` where such a folder is itself a link to somewhere else.
    """
    for name in FOLDERS:
        folder = place / name
        if folder.is_symlink() and not memory.links_there(folder):
            raise SealBroken("is a link to somewhere else", where=name, remedy="put the folder itself in its place, then again")
        found = parcels.odd(folder) if folder.is_dir() and not folder.is_symlink() else iter(())
        if (first := next(found, None)) is not None:
            # A file may be called by a person's name, and what came through the inbox was named by somebody outside.
            parts = first.parent.relative_to(place).parts[: 2 if name in {"cases", "inbox"} else 1]
            remedy = "put the file itself in its place, or delete it; nothing was sealed or taken away"
            raise NotOffered("a link, a pipe or a device lies here, which a sealed folder cannot hold", where="/".join(parts), remedy=remedy)


def _taken_over(known: Opened, path: Path, target: Path) -> None:
    """Seal what lies in the clear, and only then take it away; a file that is sealed already with other content is told, and stays."""
    for plain in parcels.entries(path):
        inside = target / plain.relative_to(path)
        if plain.is_dir():
            files.private_dir(inside)
        elif not inside.exists():
            copy = inside.with_name(f"{files.WRITING}{os.getpid()}")  # a killed run leaves no half of it under its own name, which may be the longest
            shutil.copy2(plain, copy)
            copy.chmod(0o600)
            copy.replace(inside)
        elif files.sha256(plain) != files.sha256(inside):
            where = "/".join((path.name, *plain.relative_to(path).parts[:1])) if path.name == "cases" else path.name
            remedy = "put the one that lies in the clear elsewhere, then run `dsar open` and compare"
            raise SealBroken("a file lies here in the clear that differs from the sealed one", where=where, remedy=remedy)
    known.seal()
    leaving = known.root / f"{_LEAVING}{path.name}"
    shutil.rmtree(leaving, ignore_errors=True)
    path.rename(leaving)
    shutil.rmtree(leaving)


def _close(known: Opened) -> None:
    (known.root / STORE / _MARK).unlink(missing_ok=True)
    for name in FOLDERS:
        if memory.links_there(known.root / name):
            (known.root / name).unlink()
    shutil.rmtree(known.memory)


def _temporary(folder: Path | None) -> None:
    """Let temporary files go to memory as well; None: to where they went before."""
    if folder is not None:
        _temp.setdefault("TMPDIR", os.environ.get("TMPDIR"))
        os.environ["TMPDIR"] = tempfile.tempdir = str(folder)
    elif "TMPDIR" in _temp:
        before = _temp.pop("TMPDIR")
        tempfile.tempdir = None
        os.environ.pop("TMPDIR", None)
        if before is not None:
            os.environ["TMPDIR"] = before
