"""The case file: the notebooks of a request as a batch ran them, in one page that needs nothing else, and as a PDF where there is a Chromium.

What somebody runs in JupyterLab stays in their copy: it may be about any request, so it is part of no case.
"""

import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import nbformat
from jinja2 import Environment
from markupsafe import Markup

from dsar import files, searching
from dsar.answer.publish import Written
from dsar.desk.notebooks import FOR, NOTEBOOKS
from dsar.errors import DossierMissing, MachineRefuses
from dsar.keep import record
from dsar.patience import patiently
from dsar.request.request import Request
from dsar.workspace import Workspace

FOLDER = "case-file"
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge", "microsoft-edge")
_PATIENCE = 300  # seconds for a browser to print
_TEMPLATES = Path(__file__).parents[1] / "templates"


class Part(NamedTuple):
    """One notebook of the case."""

    name: str
    title: str
    state: str
    html: Markup


@patiently("writing the case file")
def case_file(ws: Workspace, request: Request) -> Written:
    """Write the case file of a request into its case folder, the page first; raises `DossierMissing` where no notebook was run."""
    parts = list(_parts(ws, request))
    if not parts:
        raise DossierMissing("no notebook was run for it by a batch yet", where=request.id, remedy=_remedy(request))
    folder = files.private_dir(ws.case(request) / FOLDER)
    page = folder / f"{request.id}_case-file.html"
    files.write_atomic(page, _page(ws, request, parts))
    made = [page]
    if browser := next(filter(None, map(shutil.which, _BROWSERS)), None):
        made.append(_printed(browser, page))
    ws.ledger.add([record.written("case file written", request.id, made)])
    return Written(tuple(made))


def _remedy(request: Request) -> str:
    """Return what leads to a case file: a batch runs nothing, but for a complaint, before it is settled who asks."""
    if request.identity_settled or "complaint" in request.rights:
        return f"run `dsar batch {request.id}`; what was run in `dsar lab` is in no case file"
    return f"settle who asks first: `dsar identity ask {request.id}`, then `dsar identity confirm`; then run `dsar batch {request.id}`"


def _parts(ws: Workspace, request: Request) -> Iterator[Part]:
    snapshot = ws.snapshot(request)
    for notebook in NOTEBOOKS:
        for ending, ended in ((".ipynb", True), (".failed.ipynb", False)):
            path = ws.case(request) / "notebooks" / f"{notebook.name}{ending}"
            if path.is_file():
                stale = ended and snapshot is not None and _collected(path) != snapshot.collected_at
                state = "run to its end" + (", but on an older snapshot than the present one" if stale else "") if ended else "stopped before its end"
                yield Part(notebook.name + ("" if ended else "-stopped"), notebook.title, state, _shown(path))


def _collected(path: Path) -> datetime | None:
    noted = path.with_suffix(".json")
    return datetime.fromisoformat(json.loads(noted.read_text(encoding="utf-8"))["collected_at"]) if noted.is_file() else None


_HEADING = re.compile(r"(</?h)([1-5])\b")
_LINK = re.compile(r'<a href="(\w+)\.ipynb">(.*?)</a>')


def _shown(path: Path) -> Markup:
    """Return a notebook as part of a page: its headings a step lower, without what only leads from notebook to notebook."""
    from nbconvert import HTMLExporter

    notebook = nbformat.read(path, as_version=4)
    notebook.cells = [c for c in notebook.cells if not {"parameters", "injected-parameters"} & set(c.metadata.get("tags", []))]
    if notebook.cells and notebook.cells[-1].source.startswith("---\n"):
        del notebook.cells[-1]
    left_out = {"exclude_input_prompt": True, "exclude_output_prompt": True, "exclude_anchor_links": True}
    exporter = HTMLExporter(template_name="basic", **left_out)  # type: ignore[no-untyped-call]
    html, _ = exporter.from_notebook_node(notebook)
    html = _LINK.sub(r"\2", html)
    html = _HEADING.sub(lambda found: f"{found[1]}{int(found[2]) + 1}", html)
    return Markup(html)  # noqa: S704 - what notebooks show is escaped, and the page runs no script but ours


def _page(ws: Workspace, request: Request, parts: list[Part]) -> str:
    scripts = searching.program() + searching.start()
    inline = re.findall(r"<script[^>]*>(.*?)</script>", scripts, re.DOTALL)
    ours = {
        "css": (_TEMPLATES / "case.css").read_text(encoding="utf-8"),
        "allowed": " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in inline),
        "scripts": scripts,
        "header": _LINK.sub(r"\2", ws.header(request)._repr_html_()),
        "clock": ws.clock_of(request).to_display(),
        "history": ws.history(request).to_display(),
    }
    run = {part.name.removesuffix("-stopped") for part in parts}
    template = Environment(autoescape=True).from_string((_TEMPLATES / "case.html").read_text(encoding="utf-8"))
    return template.render(
        request=request.id,
        controller=ws.datamap.controller.name,
        made=f"{ws.clock().astimezone(ws.datamap.controller.zone):%Y-%m-%d %H:%M}",
        parts=parts,
        missing=[FOR[right].title for right in request.rights if FOR[right].name not in run],
        ledger=str(ws.ledger.head),
        **{name: Markup(text) for name, text in ours.items()},  # noqa: S704 - our own files, and listings, which escape cell by cell
    )


def _printed(browser: str, page: Path) -> Path:
    """Print a page to PDF beside it; raises `MachineRefuses` where the browser does not."""
    pdf = page.with_suffix(".pdf")
    with files.scratch(beside=page.parent) as folder:  # its profile and what it prints lie nowhere else, and go with the folder
        switches = ["--headless", "--disable-gpu", "--disable-background-networking", "--no-first-run", "--no-pdf-header-footer"]
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            switches.append("--no-sandbox")  # Chromium refuses to start as root with it
        command = [browser, *switches, f"--user-data-dir={folder / 'profile'}", f"--print-to-pdf={folder / 'page.pdf'}", page.as_uri()]
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=_PATIENCE)  # noqa: S603 - a browser of this machine
        except (OSError, subprocess.SubprocessError):
            raise MachineRefuses(f"{Path(browser).name} did not print the page", where=page.name, remedy="open the page and print it") from None
        files.publish(folder / "page.pdf", pdf)
    return pdf
