"""A full disk, a read-only one, a clock that jumps, a workbook that is open: nothing is lost, the next run completes and says what happened."""

import contextlib
import os
import resource
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from dsar import cli, faults, workspace
from dsar.errors import MachineRefuses
from dsar.run.batch import batch
from tests.faults import kills
from tests.here import Here
from tests.run import erasing

ROOT = Path(__file__).parents[2]


def command(folder, *words, limit=None):
    """Run the command as an analyst does, with files that may grow to `limit` bytes; return its status and what it said."""
    done = subprocess.run(
        [sys.executable, "-m", "dsar", "--workspace", str(folder), *words],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "DSAR_NOW": erasing.NOW.isoformat()},
        preexec_fn=(lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))) if limit is not None else None,
    )
    return done.returncode, done.stderr + done.stdout


def here(monkeypatch, folder, *words):
    """Run the command in this process, and return its status."""
    monkeypatch.setattr(sys, "argv", ["dsar", "--workspace", str(folder), *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return ended.value.code or 0


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    folder = tmp_path_factory.mktemp("start")
    kills.world(folder)
    return folder


@pytest.fixture
def world(start, tmp_path):
    return kills.fresh(start, tmp_path / "w")


@pytest.fixture(scope="module")
def undisturbed(start, tmp_path_factory):
    """What is there when everybody was collected, and nothing happened."""
    folder = kills.fresh(start, tmp_path_factory.mktemp("undisturbed") / "w")
    kills.collect(folder)
    return kills.state(folder)


@contextlib.contextmanager
def read_only(folder):
    """Let nothing be written there: a mount where this account may mount, else by its mode."""
    mounted = subprocess.run(["mount", "--bind", folder, folder], check=False, capture_output=True).returncode == 0
    if mounted:
        subprocess.run(["mount", "-o", "remount,ro,bind", folder], check=True)
    else:
        subprocess.run(["chmod", "-R", "a-w", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", folder] if mounted else ["chmod", "-R", "u+w", folder], check=True)


@pytest.mark.parametrize("limit", [0, 4_000])
def test_a_full_disk_leaves_nothing_half_written_and_the_next_run_completes(world, undisturbed, limit):
    status, said = command(world, "collect", limit=limit)
    assert status == 2
    assert "the disk is full. Nothing was half-written — make room, then run the same command again" in " ".join(said.split())
    assert not any(word in said for word in ("ann@", "bob@", "cyn@", "Traceback"))
    kills.collect(world)
    kills.aged(world)
    kills.collect(world)
    assert kills.differences(undisturbed, kills.state(world)) == []


def test_a_full_disk_keeps_the_answer_that_was_there(world):
    kills.collect(world)
    kills.written(world)
    before = kills.visible(world)
    child = os.fork()
    if child == 0:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, 2_000))
        try:
            kills.written(world)
        except Exception as error:  # noqa: BLE001 - whichever library it comes through
            os._exit(7 if faults.of_machine(error) else 8)
        os._exit(9)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    assert {name: digest for name, digest in kills.visible(world).items() if before.get(name) != digest} == {}
    kills.written(world)
    assert kills.visible(world) == before


def test_a_disk_that_may_only_be_read_is_named(world):
    kills.collect(world)
    before = kills.state(world)
    with read_only(world):
        status, said = command(world, "collect", "--again")
    assert status == 2
    assert "may only be read" in said or "may not be written" in said
    assert "Traceback" not in said
    assert kills.differences(before, kills.state(world)) == []
    ws = erasing.opened(world)
    ws.collect_all(ws.requests.values(), again=True)


def test_a_workbook_that_is_open_elsewhere_is_named_and_the_old_one_stays(world, monkeypatch):
    kills.collect(world)
    kills.written(world)
    before, real = kills.visible(world), Path.replace

    def held(path, target):  # as Windows refuses while Excel has it open
        if str(target).endswith(".xlsx"):
            raise PermissionError(13, "The process cannot access the file", str(path), 32, str(target))
        return real(path, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", held)
        with pytest.raises(PermissionError) as raised:
            kills.written(world)
    said = str(faults.of_machine(raised.value))
    assert said.startswith("Quill-Co_A-3_portability.xlsx: may not be written or read: another program has it open")
    assert {name: digest for name, digest in kills.visible(world).items() if before.get(name) != digest} == {}
    kills.written(world)
    assert kills.visible(world) == before


def test_what_an_office_program_leaves_beside_an_open_workbook_goes_nowhere(world, monkeypatch):
    kills.collect(world)
    outbox = world / "cases/A-3/outbox"
    kills.written(world)
    for name in (".~lock.Quill-Co_A-3_portability.xlsx#", "~$Quill-Co_A-3_portability.xlsx"):
        (outbox / name).write_bytes(b"A. Nalyst")
    kills.written(world)
    monkeypatch.setenv("DSAR_NOW", erasing.NOW.isoformat())
    assert here(monkeypatch, world, "deliver", "A-3") == 0
    sent = [p.name for p in (world / "cases/A-3/delivery").rglob("*")]
    assert not [name for name in sent if "lock" in name or "~$" in name]


@pytest.mark.parametrize("jump", [timedelta(days=-3), timedelta(days=400)], ids=["back", "ahead"])
def test_a_clock_that_jumps_loses_nothing(world, jump, monkeypatch):
    kills.collect(world)
    monkeypatch.setenv("DSAR_NOW", (erasing.NOW + jump).isoformat())
    ws = workspace.open_workspace(world)
    assert [r.state for r in batch(ws, [ws.request("A-3")], executor=Here())] == ["done", "done"]
    snapshot = ws.snapshot(ws.request("A-3"))
    assert snapshot.collected_at == erasing.NOW + jump, "a snapshot from the future, or from last year, is none to answer from"
    assert here(monkeypatch, world, "ledger", "verify") == 0
    monkeypatch.setenv("DSAR_NOW", erasing.NOW.isoformat())
    assert here(monkeypatch, world, "status") == 0


def test_the_machines_own_words_never_reach_a_message():
    error = OSError(28, "No space left on device", "/home/ann.wright/ann@x.org.csv")
    assert str(faults.of_machine(error)) == ("ann@x.org.csv: the disk is full. Nothing was half-written — make room, then run the same command again")
    assert faults.of_machine(ValueError("ann@x.org")) is None
    wrapped = RuntimeError("x")
    wrapped.__cause__ = MemoryError()
    assert isinstance(faults.of_machine(wrapped), MachineRefuses)
