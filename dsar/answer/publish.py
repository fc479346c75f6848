"""The outbox: files appear whole, a re-issue gets a version, and what it supersedes leaves."""

import json
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from dsar import files


@dataclass(frozen=True)
class Written:
    """The files one run put out, the first one to be opened first."""

    files: tuple[Path, ...]

    def _repr_html_(self) -> str:
        from dsar.listing import listing  # with pandas, which whoever shows nothing does without

        if not self.files:
            return "<p>Nothing was found, so there is nothing to write.</p>"
        listed = listing(("File", "Bytes"), [(f.name, f"{f.stat().st_size:,}") for f in self.files], empty="")
        return f"<p>In <code>{escape(str(self.files[0].parent))}</code>:</p>" + listed.to_display()


BUILDING = ".building-"  # how a folder's name begins in which files are built, in `published/`
_PREPARED = ("delivery", "review")  # for sending, from what lies in the outbox
Build = Callable[[str, Path], list[Path]]
Check = Callable[[Sequence[Path]], None]


def publish(case: Path, folder: str, stem: str, build: Build, check: Check = lambda _: None) -> list[Path]:
    """Build the files named after `stem` and put them into a folder of the case; return their paths.

    `build(stem, into)` writes them, `check` raises where they must not be released. The same content keeps its
    version; other content becomes `stem_v2`, and the files it supersedes move to `superseded/`.
    """
    last = _record(case, folder, stem)
    work = files.private_dir(_record_path(case, folder, stem).parent / f"{BUILDING}{stem}")
    try:
        version = last["version"]
        hashes = _built(work, _name(stem, version), build)
        if last["files"] and hashes != last["files"]:
            version += 1
            hashes = _built(work, _name(stem, version), build)
        check([work / name for name in hashes])
        target = files.private_dir(case / folder)
        for name in hashes:
            files.publish(work / name, target / name)
    finally:
        shutil.rmtree(work)  # also what a check refused
    files.write_atomic(_record_path(case, folder, stem), json.dumps({"version": version, "files": hashes}, indent=1))
    _supersede(case, target, stem, keep=set(hashes))
    if folder == "outbox" and hashes != last["files"]:
        _retire(case, _PREPARED)
    return [target / name for name in hashes]


def withdraw(case: Path) -> None:
    """Take every file of the case that is meant to leave out of its folders, into `superseded/`."""
    _retire(case, ("outbox", "worklists", *_PREPARED))


def _retire(case: Path, folders: Sequence[str]) -> None:
    for path in sorted(p for folder in folders for p in (case / folder).glob("*")):
        path.replace(files.private_dir(case / "superseded") / path.name)


def intact(case: Path, folder: str) -> bool:
    """Whether every file that was put into the folder lies there as it was written."""
    return all((case / folder / name).is_file() and files.sha256(case / folder / name) == sha for name, sha in listed(case, folder).items())


def listed(case: Path, folder: str) -> dict[str, str]:
    """Return name → SHA-256 of every file that was put into the folder."""
    records = [json.loads(p.read_text(encoding="utf-8")) for p in (case / "published").glob(f"{folder}.*.json")]
    return {name: sha for record in records for name, sha in record["files"].items()}


def named(case: Path, folder: str, ending: str) -> set[str]:
    """Return the names of the files that were put into the folder under a stem with this ending."""
    records = [json.loads(p.read_text(encoding="utf-8")) for p in (case / "published").glob(f"{folder}.*{ending}.json")]
    return {name for record in records for name in record["files"]}


def lies(case: Path, folder: str, ending: str) -> bool:
    """Whether files whose stem has this ending were put into the folder, and lie there still."""
    names = named(case, folder, ending)
    return bool(names) and all((case / folder / name).is_file() for name in names)


def _record_path(case: Path, folder: str, stem: str) -> Path:
    # One record per set of files: two notebooks of one request may publish at the same time.
    return files.private_dir(case / "published") / f"{folder}.{stem}.json"


def _record(case: Path, folder: str, stem: str) -> dict[str, Any]:
    path = _record_path(case, folder, stem)
    record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"version": 1, "files": {}}
    return record


def _name(stem: str, version: int) -> str:
    return stem if version == 1 else f"{stem}_v{version}"


def _built(work: Path, stem: str, build: Build) -> dict[str, str]:
    shutil.rmtree(work)
    files.private_dir(work)
    return {path.name: files.sha256(path) for path in build(stem, work)}


def _supersede(case: Path, target: Path, stem: str, keep: set[str]) -> None:
    ours = re.compile(rf"{re.escape(stem)}(_v\d+)?(_(text|file)-\d+)?\.\w+")  # and not those of a stem that begins like this one
    for path in sorted(target.iterdir()):
        if ours.fullmatch(path.name) and path.name not in keep:
            path.replace(files.private_dir(case / "superseded") / path.name)
