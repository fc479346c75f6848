"""Which files a table lies in: one file, a folder, or a pattern; on this machine or in an object store.

A folder's files are read as one table, those of sub-folders too, and all have to be of one kind; what begins with
`.` or `_` is left out, as writers name what is not finished. `country=GB` in a path is a column of that name.
An address such as `s3://bucket/folder` is reached through fsspec (`dsar[s3]`).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, cast

from dsar import datamap
from dsar.errors import SourceBroken, SourceUnreachable

CSV, XLSX, PARQUET, JSON = (".csv", ".tsv", ".txt"), (".xlsx", ".xlsm"), (".parquet",), (".jsonl", ".ndjson", ".json")
LISTED = (".csv", ".tsv", *XLSX, *PARQUET, ".jsonl", ".ndjson")


@dataclass(frozen=True)
class Part:
    """One file of a table, and the columns that its path tells."""

    path: Path
    told: Mapping[str, str]


@dataclass(frozen=True)
class Place:
    """Where a table lies and how it is read."""

    path: Path
    file: datamap.File

    @cached_property
    def lying(self) -> list[Part]:
        """All files there, sorted, whatever their kind; one that is not there is among them, for its reader to say so."""
        base, found = _found(self.path)
        return [Part(path, _told(path, base)) for path in found] or [Part(self.path, {})]

    @property
    def parts(self) -> list[Part]:
        """The table's files, sorted; raises `SourceBroken` where they are of several kinds: one of them would be left out unsaid."""
        if len(kinds := sorted({ending(p.path) or "no ending" for p in self.lying})) > 1:
            remedy = "move what is not of the table elsewhere, or name one kind: folder/**/*.csv"
            raise SourceBroken(f"holds files of several kinds ({', '.join(kinds)})", where=self.path.name, remedy=remedy)
        return self.lying

    @property
    def suffix(self) -> str:
        """The ending of its files, `.gz` aside."""
        return ending(self.parts[0].path)

    @property
    def exists(self) -> bool:
        """Whether at least one of its files is there."""
        return any(part.path.is_file() for part in self.lying)


def at(root: Path, text: str, source: str) -> Path:
    """Return the path that a map names, from the workspace; raises `SourceUnreachable` where its store needs more than is installed."""
    if "://" not in text:
        return root / text
    try:
        from upath import UPath

        path: Any = UPath(text)
    except (ImportError, ValueError) as error:
        raise SourceUnreachable(
            "this kind of store cannot be read", where=f"sources.{source}", remedy="pip install 'dsar[s3]' for s3://, or export to a folder"
        ) from error
    return cast("Path", path)


def ending(path: Path) -> str:
    """Return a file's ending in small letters, `.gz` aside."""
    return Path(path.name.lower().removesuffix(".gz")).suffix


def stem(path: Path) -> str:
    """Return what a table is called that lies in this file or folder."""
    bare = path.name.removesuffix(".gz")
    return Path(bare).stem if ending(path) in LISTED else bare


def lying(url: Path, source: str) -> list[Path]:
    """Return the files, and the folders of files, in a folder; just the file where it is one."""
    if url.is_file():
        return [url]
    if not url.is_dir():
        raise SourceUnreachable("there is no such file or folder", where=f"sources.{source}.url", remedy="put the exported files there")
    inside = sorted(url.iterdir(), key=str)
    files = [p for p in inside if ending(p) in LISTED and p.is_file() and not p.name.startswith((".", "_", "~$"))]
    folders = [p for p in inside if p.is_dir() and not p.name.startswith((".", "_")) and any(ending(q) in LISTED for q in _walk(p))]
    return [*files, *folders]


def _found(path: Path) -> tuple[Path, list[Path]]:
    parts = path.parts
    first = next((n for n, part in enumerate(parts) if re.search(r"[*?\[]", part)), None)
    if first is not None and not path.exists():
        base = path.parents[len(parts) - 1 - first]
        pattern = "/".join(parts[first:])
        return base, sorted((p for p in base.glob(pattern) if p.is_file() and not _hidden(p, base)), key=str)
    if path.is_dir():
        return path, list(_walk(path))
    return path.parent, [path]


def _walk(folder: Path) -> Iterator[Path]:
    store: Any = folder
    if hasattr(store, "fs"):  # one listing, where asking of each entry whether it is a file would be a call each
        depth = len(PurePosixPath(store.path).parts)
        inside = [store.joinpath(*PurePosixPath(name).parts[depth:]) for name in store.fs.find(store.path)]
        yield from sorted((p for p in inside if not _hidden(p, folder)), key=str)
        return
    yield from sorted((p for p in folder.rglob("*") if p.is_file() and not _hidden(p, folder)), key=str)


def _hidden(path: Path, base: Path) -> bool:
    return any(part.startswith((".", "_", "~$")) for part in _below(path, base))


def _told(path: Path, base: Path) -> dict[str, str]:
    return dict(part.split("=", 1) for part in _below(path, base)[:-1] if "=" in part)


def _below(path: Path, base: Path) -> tuple[str, ...]:
    return PurePosixPath(str(path)).parts[len(PurePosixPath(str(base)).parts) :]
