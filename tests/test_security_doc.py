"""docs/security.md: each guard names its test, and each of these exists."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", TEXT)


def found_in(path):
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_every_test_it_names_exists():
    assert len(NAMED) > 35
    assert [f"{path}::{name}" for path, name in NAMED if not (ROOT / path).is_file() or name not in found_in(path)] == []


def test_every_guard_names_a_test():
    rows = [line for line in TEXT.splitlines() if line.startswith("| ") and line.count("|") == 4]
    guards = [row for row in rows if not row.endswith("| test |")]
    assert len(guards) > 25
    assert [row for row in guards if not re.search(r"`tests/[\w/]+\.py::test_\w+`", row)] == []


def test_each_actor_is_told_what_does_not_stop_them():
    actors = re.findall(r"^\*\*(.+?)\*\*", TEXT, re.MULTILINE)
    assert len(actors) == 6
    assert TEXT.count("*Not stopped:*") == 6


def test_the_commands_it_names_are_targets():
    targets = re.search(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)[1].split()
    assert set(re.findall(r"`make ([\w-]+)`", TEXT)) <= set(targets)
