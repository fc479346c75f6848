"""A few of the kills of `make test-faults`; each step of the work is among them."""

import random

import pytest

from tests.faults import kills
from tests.run import erasing


@pytest.mark.parametrize(
    ("step", "runs"), [(step, 1 if step.name == "batch" else 3) for step in kills.STEPS], ids=lambda known: getattr(known, "name", "")
)
def test_what_was_killed_and_run_again_ends_as_an_undisturbed_run(tmp_path, monkeypatch, step, runs):
    monkeypatch.setenv("DSAR_NOW", erasing.NOW.isoformat())
    told = kills.try_step(step, runs, tmp_path, random.Random(11))
    assert told.faults == ()


def test_a_difference_would_be_seen(tmp_path):
    kills.world(tmp_path)
    kills.collect(tmp_path)
    before = kills.state(tmp_path)
    (tmp_path / "cases/A-3/dossier/shop.orders.parquet").write_bytes(b"half")
    erasing.sql(tmp_path, "shop.db", "DELETE FROM lines WHERE id = 200")
    (tmp_path / "cases/A-3/.writing-x").write_text("Cyn")
    told = kills.differences(before, kills.state(tmp_path))
    assert told == ["cases/A-3/.writing-x", "cases/A-3/dossier/shop.orders.parquet", "lines", "snapshots"]
