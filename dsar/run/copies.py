"""The workspace's copies of the notebooks: brought up to date where nobody edited them, and the start page filled before it is opened."""

import ast
import hashlib
import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import nbformat
from nbformat.sign import NotebookNotary

from dsar import files
from dsar.errors import DsarError

_SHIPPED = ".shipped.json"  # what each copy read like when it was made


def bring(shipped: Path, target: Path) -> list[str]:
    """Copy what is missing, and what reads as an earlier version shipped it; return the names of those that somebody edited."""
    record = target / _SHIPPED
    known = json.loads(record.read_text(encoding="utf-8")) if record.is_file() else {}
    edited = []
    for notebook in sorted(shipped.glob("*.ipynb")):
        copy, now = target / notebook.name, _reading(notebook)
        there = _reading(copy) if copy.is_file() else None
        if there is None or (there == known.get(notebook.name) and there != now):
            files.write_atomic(copy, notebook.read_bytes())
        elif there != now:
            edited.append(notebook.name)
            continue
        known[notebook.name] = now
    files.write_atomic(record, json.dumps(known, indent=1))
    if edited:
        text = f"left as they are, since they differ from this version's: {', '.join(edited)}. Move one away to get the new one."
        print(text, file=sys.stderr)  # noqa: T201 - for whoever started it
    return edited


def edited(shipped: Path, target: Path) -> list[str]:
    """Return the copies, in `target` and in each person's folder of it, that read like no version that was ever copied there."""
    folders = [target, *sorted(p for p in target.iterdir() if p.is_dir())] if target.is_dir() else []
    return [str(copy.relative_to(target)) for folder in folders for copy in _edited(shipped, folder)]


def _edited(shipped: Path, folder: Path) -> list[Path]:
    record = folder / _SHIPPED
    known = json.loads(record.read_text(encoding="utf-8")) if record.is_file() else {}
    there = [folder / notebook.name for notebook in sorted(shipped.glob("*.ipynb")) if (folder / notebook.name).is_file()]
    return [copy for copy in there if _reading(copy) not in {known.get(copy.name), _reading(shipped / copy.name)}]


def _reading(path: Path) -> str:
    """Return a hash of what a notebook says, whatever was typed as its parameters and whatever it put out."""
    try:
        cells = nbformat.read(path, as_version=4).cells
    except (OSError, ValueError, KeyError, AttributeError):  # not a notebook any more: somebody's business, not ours
        return ""
    said = [(c.cell_type, c.source) for c in cells if "parameters" not in c.metadata.get("tags", [])]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def fill(shipped: Path, copy: Path, workspace: Path) -> None:
    """Write a copy of a shipped notebook with what its cells show now, so that it can be read before anything is run.

    It counts as trusted, as if run by hand. Where a cell raises, the page stays empty from there: whoever runs it reads why.
    """
    read = nbformat.read(shipped, as_version=4)  # the one shipped is run, never what lies in the workspace
    names: dict[str, Any] = {}
    with suppress(DsarError):
        for count, cell in enumerate((c for c in read.cells if c.cell_type == "code"), start=1):
            given = f"\nworkspace = {str(workspace)!r}" if "parameters" in cell.metadata.get("tags", []) else ""
            if shown := _shown(cell.source + given, names):
                cell.outputs = [nbformat.v4.new_output("execute_result", data=shown[0], metadata=shown[1], execution_count=count)]
            cell.execution_count = count
    NotebookNotary().sign(read)
    files.write_atomic(copy, nbformat.writes(read) + "\n")


def _shown(source: str, names: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Run a cell of ours here and return what a notebook would show of its last line."""
    from IPython.core.formatters import DisplayFormatter

    lines = ast.parse(source)
    last = lines.body[-1]
    shown = ast.Expression(last.value) if isinstance(last, ast.Expr) else None
    del lines.body[-1 if shown else len(lines.body) :]
    exec(compile(lines, "start", "exec"), names)  # noqa: S102 - the notebook this version ships
    if shown is None:
        return None
    value = eval(compile(shown, "start", "eval"), names)  # noqa: S307 - the same
    data, metadata = DisplayFormatter().format(value)  # type: ignore[no-untyped-call]
    return data, metadata
