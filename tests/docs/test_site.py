"""The site as it is built: no warning (MkDocs checks links and anchors), nothing fetched from elsewhere, nothing of the code left out."""

import inspect
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main

from dsar import errors
from dsar.cli import app
from dsar.find.hold import HOLDS
from tests.docs.blocks import ROOT

FETCHED = re.compile(r"""<(?:script|img|iframe|link(?![^>]*rel="?(?:canonical|next|prev))|source|video)\b[^>]*?(?:src|href)="?(?:https?:)?//""")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder]  # with --quiet it counts no warnings, so none fails it
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"})
    assert built.returncode == 0, built.stderr
    assert "WARNING" not in built.stderr
    return folder


def read(site, page):
    return re.sub(r"<[^>]+>", "", (site / page).read_text(encoding="utf-8"))


def test_nothing_is_fetched_from_elsewhere(site):
    pages = list(site.rglob("*.html"))
    assert len(pages) > 30
    assert [(p.name, m[0]) for p in pages for m in FETCHED.finditer(p.read_text(encoding="utf-8"))] == []
    styles = [p for p in site.rglob("*.css") if re.search(r"url\(.?(?:https?:)?//", p.read_text(encoding="utf-8"))]
    assert styles == []


def test_what_pages_link_to_in_the_tree_is_taken_along(site):
    assert (site / "tree/connectors/maps/hubspot.toml").read_bytes() == (ROOT / "connectors/maps/hubspot.toml").read_bytes()
    assert (site / "tree/fixtures/company/dsar.toml").is_file()


def test_every_command_stands_in_the_reference(site):
    text = read(site, "reference/command.html")
    group = typer.main.get_command(app)
    for name, command in group.commands.items():
        below = getattr(command, "commands", None)
        for words in [f"dsar {name} {sub}" for sub in below] if below else [f"dsar {name}"]:
            assert words in text
    assert "--no-sample: Read no row: guess from names and types alone." in text


def test_every_error_stands_in_the_reference_with_what_to_do(site):
    text = read(site, "reference/errors.html")
    for name, kind in inspect.getmembers(errors, inspect.isclass):
        if kind is not errors.DsarError and issubclass(kind, errors.DsarError):
            assert name in text
            assert inspect.getdoc(kind).split()[0] in text
    assert "settle who asks first; until then there are …" in text


def test_every_key_of_the_map_says_how_it_is_written(site):
    text = re.sub(r"\s+", " ", read(site, "data-map.html"))
    assert "fresh_hours a number 24 how old a snapshot may be" in text
    assert 'regime "uk" or "eu" required the law' in text


def test_every_reason_and_right_is_told(site):
    held, law = read(site, "explanation/held.html"), read(site, "explanation/law.html")
    assert [code for code in HOLDS if code not in held] == []
    for right in ("portability", "access", "rectification", "erasure", "restriction", "objection", "withdrawal"):
        assert right in law


def test_what_python_offers_is_told(site):
    text = read(site, "reference/python.html")
    for name in ("collect_all", "open_points", "look_again", "Everyone", "NotOffered"):
        assert name in text
    assert not Path(ROOT / "docs/reference/command.md").exists()


CALLED = re.compile(r"\b((?:dsar|ws|dossier)(?:\.[a-z_]+)+)")
FROM = {"ws.review": "dsar.desk.review.Review", "ws": "dsar.workspace.Workspace", "dossier": "dsar.find.dossier.Dossier", "dsar": "dsar"}


def called_by_notebooks():
    """What the shipped notebooks call of ours, as the page of Python names it."""
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        cells = [c for c in json.loads(path.read_text(encoding="utf-8"))["cells"] if c["cell_type"] == "code"]
        for name in (n for c in cells for n in CALLED.findall("".join(c["source"])) if n not in {"dsar.toml", "ws.review"}):
            whose = next(begin for begin in FROM if name.startswith(f"{begin}."))
            yield name.replace(whose, FROM[whose], 1).replace("dsar.erasure", "dsar.run.erasure")


def test_everything_the_notebooks_call_is_in_the_reference(site):
    page = (site / "reference/python.html").read_text(encoding="utf-8")
    called = set(called_by_notebooks())
    assert {"dsar.run.erasure.certify", "dsar.workspace.Workspace.picked", "dsar.desk.review.Review.form", "dsar.open"} <= called
    assert sorted(name for name in called if f'id="{PAGED.get(name, name)}"' not in page) == []
    assert [name for name in dir(errors) if name.endswith("Missing") and f'id="dsar.errors.{name}"' not in page] == []


PAGED = {"dsar.open": "dsar.workspace.open_workspace"}  # what `import dsar` names otherwise
