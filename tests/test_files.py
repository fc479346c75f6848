"""What a killed run leaves unfinished is taken away by the next one, and never what somebody is writing."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from dsar import files

WRITER = """
import sys, time
from pathlib import Path
from dsar import files
folder = Path(sys.argv[1])
with files.scratch(folder) as beside, files.scratch() as elsewhere:
    (beside / "half.xlsx").write_text("Ann")
    print(elsewhere, flush=True)
    real = files.publish
    def publish(*_):
        print("half", flush=True)
        time.sleep(60)
    files.publish = publish
    files.write_atomic(folder / "whole.txt", "Ann")
"""


@pytest.fixture
def writing(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path / "system"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    (tmp_path / "system").mkdir()
    (tmp_path / "case" / "outbox").mkdir(parents=True)
    child = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path / "case/outbox")], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1]
    )
    elsewhere = Path(child.stdout.readline().strip())
    assert child.stdout.readline() == "half\n"
    yield child, tmp_path / "case", elsewhere
    child.kill()
    child.wait()
    child.stdout.close()


def unfinished(case):
    return sorted(p.name[:9] for p in case.rglob(".writing-*"))


def aged(*places):
    old = time.time() - 600
    for place in places:
        for path in (place, *place.rglob("*")):
            os.utime(path, (old, old))


def test_what_a_killed_run_left_is_swept(writing):
    child, case, elsewhere = writing
    assert elsewhere.parent == case.parent / "system"
    aged(elsewhere, *(p for p in case.rglob(".writing-*") if p.is_dir()))
    assert (files.sweep(case), files.sweep_scratch()) == (0, 0), "it is being written"
    assert unfinished(case) == [".writing-", ".writing-"]
    child.send_signal(signal.SIGKILL)
    child.wait()
    aged(case)
    assert (files.sweep(case), files.sweep_scratch()) == (2, 1)
    assert unfinished(case) == []
    assert not elsewhere.exists()


def test_what_was_just_begun_is_left_alone(writing):
    child, case, _ = writing
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert (files.sweep(case), files.sweep_scratch()) == (0, 0), "its writer may not hold it yet"


def test_what_is_finished_stays(tmp_path):
    files.write_atomic(tmp_path / "a.txt", "Ann")
    aged(tmp_path)
    assert files.sweep(tmp_path) == 0
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]
    assert (tmp_path / "a.txt").stat().st_mode & 0o777 == 0o600


def test_what_others_keep_beside_it_stays(tmp_path, monkeypatch):
    """A clone, a demo, a running JupyterLab: much in the system's folder may be called dsar-…"""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    for name in ("dsar-demo", "dsar-main", "dsar-x4k2p9"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "mine.txt").write_text("mine", encoding="utf-8")
    aged(*tmp_path.iterdir())
    assert files.sweep_scratch() == 0
    assert sorted(p.name for p in tmp_path.iterdir()) == ["dsar-demo", "dsar-main", "dsar-x4k2p9"]


@pytest.mark.parametrize("name", [f"{files.WRITING}answer", "superseded"])
def test_a_folder_that_another_process_takes_away_meanwhile_stops_no_sweep(tmp_path, monkeypatch, name):
    (tmp_path / "case" / name).mkdir(parents=True)
    scan = os.scandir

    def scandir(path):
        if Path(path).name == name:
            raise FileNotFoundError(path)  # it was listed, and is gone
        return scan(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert files.sweep(tmp_path) == 0
