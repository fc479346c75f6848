"""The notebooks that come with the toolkit, and copies of them for an analyst to change."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

from dsar import files
from dsar.run.jobs import NOTEBOOKS


def titles() -> dict[str, str]:
    """Return the name of each notebook and its heading, in the order of the numbers that the headings begin with."""
    found = {path.stem: _title(path) for path in sorted(NOTEBOOKS.glob("*.ipynb"))}
    return dict(sorted(found.items(), key=lambda one: int((re.match(r"\d+", one[1]) or ["0"])[0])))


def copied(target: Path) -> Iterator[tuple[Path, bool]]:
    """Copy every notebook into a folder, and yield each path and whether it was made: one that is there already may have been changed."""
    files.private_dir(target)
    for notebook in sorted(NOTEBOOKS.glob("*.ipynb")):
        path = target / notebook.name
        new = not path.exists()
        if new:
            files.write_atomic(path, notebook.read_bytes())
        yield path, new


def _title(path: Path) -> str:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    text = next("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    return text.partition("\n")[0].lstrip("# ")
