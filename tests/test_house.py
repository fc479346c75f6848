"""Habits of the house that a machine can hold: how long a module is."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
LONG = 250  # lines: above that a module is two, or docs/decisions.md says why it is one


def long_modules():
    modules = (path for package in ("dsar", "connectors") for path in (ROOT / package).rglob("*.py"))
    return {str(path.relative_to(ROOT)) for path in modules if len(path.read_text(encoding="utf-8").splitlines()) > LONG}


def test_a_module_above_250_lines_is_one_for_a_written_reason():
    decisions = (ROOT / "docs" / "decisions.md").read_text(encoding="utf-8")
    (paragraph,) = re.findall(rf"^\*\*Modules above {LONG} lines.*?(?=\n\n|\Z)", decisions, re.MULTILINE | re.DOTALL)
    assert set(re.findall(r"`([\w/]+\.py)`", paragraph)) == long_modules()
