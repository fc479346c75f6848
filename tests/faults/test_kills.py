"""A few of the kills of `make test-faults`; each step of the work is among them."""

import os
import random

import pytest

from dsar.run.batch import batch
from tests.faults import kills
from tests.here import Here
from tests.run import erasing


def answered(folder):
    ws = erasing.opened(folder)
    return batch(ws, [ws.request("A-2"), ws.request("A-3")], executor=Here())


CALM = kills.Calm(answered, 8)  # a worker and its warm process start within some seconds, and are as long at work


@pytest.mark.parametrize("step", kills.STEPS, ids=lambda step: step.name)
def test_what_was_killed_and_run_again_ends_as_an_undisturbed_run(tmp_path, monkeypatch, step):
    monkeypatch.setenv("DSAR_NOW", erasing.NOW.isoformat())
    seed = int(os.environ.get("DSAR_SEED") or random.randrange(1000))
    runs, calm = (1, CALM) if step.name == "batch" else (3, None)
    told = kills.try_step(step, runs, tmp_path, random.Random(seed), calm)
    assert told.faults == (), f"DSAR_SEED={seed}"


def test_a_difference_would_be_seen(tmp_path):
    kills.world(tmp_path)
    kills.collect(tmp_path)
    before = kills.state(tmp_path)
    (tmp_path / "cases/A-3/dossier/shop.orders.parquet").write_bytes(b"half")
    erasing.sql(tmp_path, "shop.db", "DELETE FROM lines WHERE id = 200")
    (tmp_path / "cases/A-3/.writing-x").write_text("Cyn")
    told = kills.differences(before, kills.state(tmp_path))
    assert told == ["cases/A-3/.writing-x", "cases/A-3/dossier/shop.orders.parquet", "lines", "snapshots"]
