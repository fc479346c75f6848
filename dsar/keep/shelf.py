"""What lies in `sealed/`: a parcel per case and per folder beside the cases, and the list by which one that is taken away is missed."""

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

from dsar import files
from dsar.errors import SealBroken

STORE = "sealed"
FOLDERS = ("cases", "inbox", "intake", "notebooks", "published", "secrets", "superseded", "worklists")
LIST = "list.txt"


class Unit(NamedTuple):
    """What one parcel holds; not `deep`: the files that lie in the folder itself."""

    name: str
    folder: Path
    deep: bool


def units(place: Path, requests: Collection[str] | None) -> Iterator[Unit]:
    """Yield what a parcel each is made of, for these requests' cases (None: for all) and the folders beside them."""
    for name in FOLDERS:
        if name != "cases":
            yield Unit(name, place / name, deep=True)
    cases = place / "cases"
    yield Unit("cases", cases, deep=False)
    chosen = sorted(p.name for p in cases.iterdir() if p.is_dir() and not p.is_symlink()) if requests is None else sorted(r for r in requests if r)
    for request in chosen:
        if requests is None or (cases / request).is_dir():
            yield Unit(f"cases/{request}", cases / request, deep=True)


def parcel(root: Path, name: str) -> Path:
    """Return where a parcel lies, or would."""
    return root / STORE / f"{name}.age"


def lying(root: Path) -> list[str]:
    """Return the names of the parcels there are, sorted."""
    store = root / STORE
    found = (p for p in (*store.glob("*.age"), *store.glob("cases/*.age")) if not p.name.startswith(files.WRITING))
    return sorted(p.relative_to(store).as_posix().removesuffix(".age") for p in found)


def listed(root: Path) -> list[str]:
    """Return the names on the list; raises `SealBroken` where it is gone."""
    path = root / STORE / LIST
    if not path.is_file():
        remedy = "bring it back from a backup: without it nobody sees what is missing"
        raise SealBroken("the list of what is sealed is gone", where=f"{STORE}/{LIST}", remedy=remedy)
    return path.read_text(encoding="utf-8").split()


def note(root: Path) -> None:
    """Put the parcels there are on the list: nothing is struck here, so that one that was taken away is missed."""
    before = listed(root)
    if (now := sorted({*lying(root), *before})) != before:
        _write(root, now)


def strike(root: Path, name: str) -> None:
    """Take a parcel off the list: it goes by our own hand."""
    before = listed(root)
    if name in before:
        _write(root, [n for n in before if n != name])


def _write(root: Path, names: list[str]) -> None:
    files.write_atomic(root / STORE / LIST, "".join(f"{name}\n" for name in names))
