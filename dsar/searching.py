"""A search for long tables, by itables (DataTables): it works on the table that stands there, and without it the table is whole all the same.

Nothing is fetched: the program comes from the installed package, once per notebook, and nothing of a table's content passes through it as code.
"""

import re
from functools import cache
from pathlib import Path
from typing import Any

_CARRIED: dict[str, object] = {}  # in which cell of this kernel's notebook the program stands

_NAMES = re.compile(r"window\.(\w+) = .*?new Event\(\"([^\"]+)\"\)", re.DOTALL)


def searchable() -> str:
    """Return what gives the long tables of a page their search: with the program itself where no cell of this notebook brought it yet."""
    cell = _cell()
    first = _CARRIED.setdefault("cell", cell)  # run again, the cell that brought it brings it again
    return (program() if first == cell else "") + start()


@cache
def start() -> str:
    """Return the few lines that begin it, by the names the program gives itself."""
    named = _NAMES.search(program())
    assert named, "itables begins in another way than it did: see its init_notebook_offline.html"
    begin = (Path(__file__).parent / "templates" / "searching.js").read_text(encoding="utf-8")
    return f'<script type="module">\n{begin.replace("PROGRAM", named[1]).replace("READY", named[2])}</script>'


@cache
def program() -> str:
    """Return the program, about 1 MB, as an element of a page."""
    from itables.javascript import generate_init_offline_itables_html
    from itables.utils import find_package_file

    return generate_init_offline_itables_html(find_package_file("html", "dt_bundle.js")).partition("<div")[0]


def _cell() -> object:
    """Return what tells the present cell from others: its id in JupyterLab and VS Code, its count elsewhere."""
    from IPython.core.getipython import get_ipython

    shell: Any = get_ipython()
    if shell is None:
        return None
    asked = shell.get_parent() if hasattr(shell, "get_parent") else {}
    return (asked.get("metadata") or {}).get("cellId") or shell.execution_count
