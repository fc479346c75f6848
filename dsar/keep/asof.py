"""Map, rights table and templates as they were when a request was worked on: kept once each, by their hash, for the case summary."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from dsar import files, plugins
from dsar.law import rights

FOLDER = Path("summaries", "as-of")
_NOTE = "as-of.json"


class AsOf(NamedTuple):
    """The SHA-256 of each, and the tool's version."""

    map: str
    rights: str
    templates: str
    tool: str


def note(root: Path, cases: Iterable[Path]) -> None:
    """Keep what holds now, and note in each case folder which it was."""
    templates = (f for name, f in plugins.templates().items() if name.endswith((".toml", ".html")))
    contents = {
        ".toml": (root / "dsar.toml").read_bytes() if (root / "dsar.toml").is_file() else b"",
        ".rights.json": _json([asdict(rule) for rule in rights.RULES]),
        ".templates.json": _json({f.name: f.read_text(encoding="utf-8") for f in sorted(templates, key=lambda f: f.name)}),
    }
    map_, rules, texts = (_kept(root, content, ending) for ending, content in contents.items())
    hashes = AsOf(map_, rules, texts, version("dsar"))
    for case in cases:
        files.write_atomic(case / _NOTE, json.dumps(hashes._asdict()))


def forget(case: Path) -> None:
    """Take the note away, until what it is about is whole again."""
    (case / _NOTE).unlink(missing_ok=True)


def stands(case: Path) -> bool:
    """Whether it was noted."""
    return (case / _NOTE).exists()


def noted(case: Path) -> AsOf:
    """Return what a case was worked on with; empty where nothing was noted."""
    path = case / _NOTE
    return AsOf(**json.loads(path.read_text(encoding="utf-8"))) if path.exists() else AsOf("", "", "", "")


def find(root: Path, digest: str) -> Path | None:
    """Return the file that was kept under a hash, or None."""
    return next(iter(sorted((root / FOLDER).glob(f"{digest}.*"))), None) if digest else None


def _kept(root: Path, content: bytes, ending: str) -> str:
    digest = files.digest(content)
    files.private_dir(root / FOLDER.parent)
    target = files.private_dir(root / FOLDER) / f"{digest}{ending}"
    if not target.exists():
        files.write_atomic(target, content)
    return digest


def _json(content: object) -> bytes:
    return (json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()
