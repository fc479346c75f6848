"""Notebooks are the counter, not the kitchen: thin, clean in git, numbered, on public names alone. tests/browser runs each."""

import ast
import inspect
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

import dsar
from dsar import Dossier, Listing, Request, Review, Workspace
from dsar.desk.notebooks import FOR
from dsar.desk.notebooks import NOTEBOOKS as ORDER
from dsar.law.deadlines import RIGHTS
from dsar.run.jobs import TASKS

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))

each = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)


def test_every_right_has_a_notebook():
    assert set(TASKS) == set(RIGHTS)
    assert {task.notebook for task in TASKS.values()} <= {path.stem for path in NOTEBOOKS}


def code(path):
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


@each
def test_is_valid_and_for_the_kernel_everybody_has(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"


@each
def test_holds_no_output_and_no_execution_count(path):
    assert [(cell.outputs, cell.execution_count) for cell in code(path)] == [([], None)] * len(code(path))


@each
def test_one_cell_is_tagged_parameters_and_explains_each(path):
    tagged = [cell for cell in code(path) if "parameters" in cell.metadata.get("tags", [])]
    assert len(tagged) == 1
    assert [line.split(" = ")[0] for line in tagged[0].source.splitlines()] == ["request_id", "workspace"]
    assert all(re.search(r"  # \w+", line) for line in tagged[0].source.splitlines())


@each
def test_is_thin(path):
    assert len(code(path)) <= 10
    for cell in code(path):
        assert 1 <= len(cell.source.splitlines()) <= 5
        banned = (ast.FunctionDef, ast.ClassDef, ast.For, ast.While, ast.comprehension, ast.Lambda)
        assert not [node for node in ast.walk(ast.parse(cell.source)) if isinstance(node, banned)]
        assert "import pandas" not in cell.source


@each
def test_says_what_it_is_before_it_does_anything(path):
    cells = nbformat.read(path, as_version=4).cells
    assert cells[0].cell_type == "markdown"
    assert cells[0].source.startswith("# ")
    headings = [c.source for c in cells if c.cell_type == "markdown" and c.source.startswith("## ")]
    assert len(headings) >= 4


def test_they_are_numbered_in_the_order_of_use_and_lead_to_the_next():
    assert {path.stem for path in NOTEBOOKS} == {"start", *(n.name for n in ORDER)}
    assert {right: notebook.name for right, notebook in FOR.items()} == {right: task.notebook for right, task in TASKS.items()}
    start = "\n".join(c.source for c in nbformat.read(ROOT / "notebooks" / "start.ipynb", as_version=4).cells)
    for number, (notebook, following) in enumerate(zip(ORDER, [*ORDER[1:], None], strict=True), start=1):
        cells = nbformat.read(ROOT / "notebooks" / f"{notebook.name}.ipynb", as_version=4).cells
        assert cells[0].source.splitlines()[0] == f"# {notebook.title}"
        assert notebook.title.startswith(f"{number} · ")
        assert f"[{notebook.title}]({notebook.name}.ipynb)" in start
        foot = cells[-1].source
        assert foot.startswith("---\nNext: ")
        assert "[start](start.ipynb)" in foot
        if following and notebook.name != "verify_erasure":
            link = f"[{following.title}]({following.name}.ipynb)"
            assert (link if notebook.name == "review" else f"Next: {link}") in foot


@each
def test_links_lead_to_notebooks_by_their_titles(path):
    titles = {n.name: n.title for n in ORDER} | {"start": "start"}
    source = "\n".join(c.source for c in nbformat.read(path, as_version=4).cells if c.cell_type == "markdown")
    for text, target in re.findall(r"\[([^\]]+)\]\(([^)]+)\)", source):
        assert titles[target.removesuffix(".ipynb")] == text


@each
def test_its_top_says_which_request_and_where_it_stands(path):
    first = next(c.source for c in code(path) if "dsar.open" in c.source).splitlines()[-1]
    right = next((n.right or ("erasure" if n.name == "verify_erasure" else "") for n in ORDER if n.name == path.stem), "")
    if path.stem in {"start", "desk", "retention_audit"}:  # about all requests
        assert first in {"ws.agenda()", "ws.status()", "ws = dsar.open(workspace or None)"}
    else:
        assert first == (f'ws.header(request, "{right}")' if right else "ws.header(request)")


@each
def test_stands_on_the_public_names_alone(path):
    """`dsar` is all it imports; `ws` is a workspace, `dossier` a dossier; nothing begins with an underscore."""
    of = {"ws": Workspace, "dossier": Dossier, "request": Request, "review": Review}
    tree = ast.parse("\n".join(c.source for c in code(path)))
    imported = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    assert imported == ["dsar"]
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            assert not node.attr.startswith("_")
            owner = node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
            if owner == "dsar":
                assert node.attr in dsar.__all__
            elif owner == "erasure":
                assert node.attr in dsar.erasure.__all__
            elif owner in of:
                assert hasattr(of[owner], node.attr), node.attr


def test_what_is_public_is_typed_and_said():
    assert (ROOT / "dsar" / "py.typed").exists()
    assert all(hasattr(dsar, name) for name in dsar.__all__)
    public = [(f"erasure.{name}", getattr(dsar.erasure, name)) for name in dsar.erasure.__all__]
    for kind in (Workspace, Dossier, Review, Request, Listing):
        public += [(f"{kind.__name__}.{name}", value) for name, value in vars(kind).items() if not name.startswith("_")]
    told = [(name, getattr(value, "fget", None) or getattr(value, "func", None) or value) for name, value in public]
    functions = {name: value for name, value in told if inspect.isfunction(value) and value.__name__ != "<lambda>"}
    assert len(functions) > 60
    for name, function in functions.items():
        assert function.__doc__, name
        signature = inspect.signature(function)
        assert signature.return_annotation is not inspect.Signature.empty, name
        assert all(p.annotation is not inspect.Parameter.empty for p in signature.parameters.values() if p.name != "self"), name


def test_runs_by_nbconvert_too(tmp_path, monkeypatch):
    """Without papermill and without JupyterLab, in which tests/browser runs them all."""
    from tests.run.test_batch import MAP, REQUESTS

    (tmp_path / "dsar.toml").write_text(MAP, encoding="utf-8")
    (tmp_path / "requests.csv").write_text(REQUESTS, encoding="utf-8")
    (tmp_path / "people.csv").write_text("id,email\n1,ann@example.org\n", encoding="utf-8")
    monkeypatch.setenv("DSAR_WORKSPACE", str(tmp_path))
    ws = dsar.open(tmp_path)
    ws.pick(ws.request("R-1"))
    copy = shutil.copy(ROOT / "notebooks" / "portability_export.ipynb", tmp_path)
    command = [sys.executable, "-m", "nbconvert", "--execute", "--to", "html", "--log-level=ERROR", copy]
    subprocess.run(command, check=True, cwd=tmp_path, timeout=120)
    page = (tmp_path / "portability_export.html").read_text(encoding="utf-8")
    assert "R-1" in page
    assert "days left" in page
    assert "_R-1_portability.xlsx" in page
