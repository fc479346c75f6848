"""docs/sources.md: every connector that is installed is described there."""

import re
from importlib.metadata import entry_points
from pathlib import Path

TEXT = (Path(__file__).parents[1] / "docs/sources.md").read_text(encoding="utf-8")


def test_every_connector_is_described():
    described = {name for line in re.findall(r"^\| (`.*?) \|", TEXT, re.MULTILINE) for name in re.findall(r"`(\w+)`", line)}
    assert {point.name for point in entry_points(group="dsar.sources")} <= described
