"""Notebooks are the counter, not the kitchen: thin, clean in git, and run."""

import ast
import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

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


@each
def test_runs_without_papermill_as_in_jupyterlab(path, tmp_path, monkeypatch):
    from tests.run.test_batch import MAP, REQUESTS

    consent = MAP.replace('basis = "6(1)(b)"', 'basis = ["6(1)(a)", "6(1)(f)"]')  # so that every right is about something
    (tmp_path / "dsar.toml").write_text(consent, encoding="utf-8")
    everything = REQUESTS.replace("portability; erasure", "; ".join(TASKS), 1)
    (tmp_path / "requests.csv").write_text(everything, encoding="utf-8")
    (tmp_path / "people.csv").write_text("id,email\n1,ann@example.org\n", encoding="utf-8")
    monkeypatch.setenv("DSAR_WORKSPACE", str(tmp_path))
    notebook = nbformat.read(path, as_version=4)
    cell = next(c for c in notebook.cells if "parameters" in c.metadata.get("tags", []))
    cell.source = cell.source.replace('request_id = ""', 'request_id = "R-1"')  # what an analyst types
    NotebookClient(notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [o for c in notebook.cells if c.cell_type == "code" for o in c.outputs]
    assert {o.output_type for o in outputs} == {"execute_result"}
    if path.stem == "review":  # it writes nothing: it asks
        assert any("application/vnd.jupyter.widget-view+json" in o.data for o in outputs)
        return
    if path.stem == "retention_audit":  # it is about everyone: no request, no chart
        return
    assert any("image/png" in o.data for o in outputs)
    assert list(tmp_path.glob("cases/R-1/*/*.xlsx")) + list(tmp_path.glob("cases/R-1/letters/*.docx"))
