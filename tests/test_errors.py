"""Every error says what to do, where it is raised and on the page that is made of them."""

import ast
import importlib.util
from pathlib import Path

import pytest

from dsar import errors

ROOT = Path(__file__).parents[1]
OURS = {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, errors.DsarError)}


def without_a_remedy(tree):
    """The raise sites that say nothing of what to do: no remedy, or an empty one; what is put together at run time counts as one."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) in OURS:
            said = next((k.value for k in node.keywords if k.arg == "remedy"), None)
            if said is None or (isinstance(said, ast.Constant) and not str(said.value).strip()):
                yield node.lineno


def test_every_error_is_raised_with_what_to_do():
    modules = [p for package in ("dsar", "connectors") for p in (ROOT / package).rglob("*.py") if p.name != "errors.py"]
    found = {f"{p.relative_to(ROOT)}:{line}" for p in modules for line in without_a_remedy(ast.parse(p.read_text(encoding="utf-8")))}
    assert found == set()


@pytest.mark.parametrize("raised", ['BadMap("x")', 'errors.BadMap("x", where="y")', 'BadMap("x", remedy=" ")'])
def test_one_without_is_noticed(raised):
    assert list(without_a_remedy(ast.parse(f"\nraise {raised} from None"))) == [2]


def test_the_page_of_errors_says_what_to_do_in_every_row():
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs/generate.py")
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    kinds = generate.errors_page().split("\n## ")[1:]
    assert [kind.split("\n")[0] for kind in kinds if "| it says |" not in kind] == []
    rows = [row.strip("| ").split(" | ") for kind in kinds for row in kind.splitlines() if row.startswith("| ") and "| it says |" not in row]
    assert [row for row in rows if len(row) != 2 or not row[1].strip(" …")] == []
    assert "+44 20 7946 0018" in dict(rows)["an identifier of kind '…' does not parse"]
    assert ["…", "find out what was sent, and tell whoever must know"] in rows
