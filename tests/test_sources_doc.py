"""docs/sources.md: its tutorial's code keeps the promises of a source, its maps and connectors are there."""

import json
import re
import sys
import types
from contextlib import contextmanager
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from dsar import values
from tests.source_suite import SourceSuite

TEXT = (Path(__file__).parents[1] / "docs/sources.md").read_text(encoding="utf-8")
CODE = re.search(r"```python\n(.*?)```", TEXT, re.DOTALL)[1]


def tutorial():
    module = types.ModuleType("helpdesk")
    exec(compile(CODE, "docs/sources.md", "exec"), module.__dict__)
    sys.modules["helpdesk"] = module
    return module


class OnTickets(SourceSuite):
    needs_types = True
    many_rows = 300

    def load(self, folder, tables):
        for name, grid in tables.items():
            (folder / "export" / name).mkdir(parents=True, exist_ok=True)
            for n, row in enumerate(grid.rows):
                ticket = {c: v if isinstance(v, str | int | None) else values.as_text(v) for c, v in zip(grid.columns, row, strict=True)}
                (folder / "export" / name / f"{n:06}.json").write_text(json.dumps(ticket), encoding="utf-8")

    def connect(self, settings):
        return tutorial().Tickets(settings)

    def url(self, _):
        return "export"

    def break_off(self, folder, table):
        path = max((folder / "export" / table).iterdir())
        path.write_text(path.read_text(encoding="utf-8")[:-5], encoding="utf-8")

    def drop(self, folder, table):
        for path in (folder / "export" / table).iterdir():
            path.unlink()
        (folder / "export" / table).rmdir()

    def take_down(self, folder):
        (folder / "export").rename(folder / f"gone{len(list(folder.iterdir()))}")

    @contextmanager
    def counting(self, table):
        yield lambda: 1


PROMISES = [name for name in dir(SourceSuite) if name.startswith("test_") and name not in {
    "test_one_done_with_the_right_count", "test_reading_changes_nothing", "test_others_are_counted", "test_hostile_values_are_only_data",
    "test_an_unreachable_source_raises", "test_a_missing_table_raises", "test_many_subjects_are_read_in_one_pass", "test_a_limit_is_respected",
}]  # fmt: skip


@pytest.mark.parametrize("promise", PROMISES)
def test_the_tutorial_keeps_the_promises(tmp_path, promise):
    """Those left out also ask for counts, which it does not offer, or count reads of an engine."""
    getattr(OnTickets(), promise)(tmp_path)


def test_every_connector_is_described():
    described = {name for line in re.findall(r"^\| (`.*?) \|", TEXT, re.MULTILINE) for name in re.findall(r"`(\w+)`", line)}
    assert {point.name for point in entry_points(group="dsar.sources")} <= described


def test_the_tutorial_is_as_short_as_it_says():
    assert len(CODE.splitlines()) < 40
