"""Runs that fail in every way a notebook can, beside runs that must not notice."""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, date, datetime

import nbformat
import pytest

from dsar import workspace
from dsar.run import batch as batches
from dsar.run.batch import Job, Result, batch, run_all

NOW = "2026-11-23T09:00:00+00:00"

MAP = """
[controller]
name = "Testers Ltd"
address = "1 Test Row"
contact = "privacy@testers.example"
regime = "uk"
calendar = "GB-ENG"
timezone = "Europe/London"
region = "GB"
policy_version = "1"
supervisory_authority = "the ICO"
automated_decisions = { text = "None.", reviewed_by = "A", reviewed_on = 2026-01-01 }

[activities.accounts]
purpose = "To run your account"
basis = "6(1)(b)"
origin = "provided"

[sources.crm]
connector = "lake"
label = "Customers"
owner = "crm@testers.example"

[sources.crm.tables.people]
label = "Contact"
activity = "accounts"
key = ["id"]
match = { email = "email" }
file = { path = "people.csv" }

[sources.crm.tables.people.columns]
id = { category = "user.unique_id" }
email = { category = "user.contact.email" }
"""

REQUESTS = """id,received,rights,identifiers,verified_on,no_reasonable_doubt
R-1,2026-11-02,portability; erasure,email=ann@example.org,2026-11-03,
R-2,2026-11-02,portability,email=ben@example.org,2026-11-03,
R-3,2026-11-02,portability,email=cat@example.org,,
R-4,2026-11-02,access,email=dan@example.org,2026-11-03,
"""


def notebook(folder, source, name="portability_export"):
    folder.mkdir(exist_ok=True)
    cells = [nbformat.v4.new_code_cell('request_id = ""\nworkspace = ""', metadata={"tags": ["parameters"]}), nbformat.v4.new_code_cell(source)]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel}), folder / f"{name}.ipynb")
    return folder


def job(tmp_path, source, request="R-1", timeout=60):
    folder = notebook(tmp_path / f"notebooks-{request}", source)
    return Job(request, "portability", tmp_path, NOW, timeout, folder)


def states(results):
    return {r.request: (r.state, r.why) for r in results}


def test_each_way_to_fail_is_told_and_stops_nobody_else(tmp_path):
    jobs = [
        job(tmp_path, "raise ValueError('ann@example.org')", "raises"),
        job(tmp_path, "import os; os._exit(3)", "kernel-dies"),
        job(tmp_path, "import time; time.sleep(60)", "hangs", timeout=2),
        job(tmp_path, "from dsar.errors import SourceUnreachable; raise SourceUnreachable('the database is down', where='shop')", "ours"),
        job(tmp_path, "from dsar.errors import AnswerIncomplete; raise AnswerIncomplete('1 held', where='R')", "held"),
        job(tmp_path, "print(request_id)", "fine"),
    ]
    assert states(run_all(jobs, 2)) == {
        "raises": ("failed", "ValueError, see the executed notebook"),
        "kernel-dies": ("failed", "the kernel died"),
        "hangs": ("failed", "a cell ran longer than the timeout"),
        "ours": ("failed", "shop: the database is down"),
        "held": ("waiting", "R: 1 held"),
        "fine": ("done", ""),
    }
    executed = {j.request: sorted(p.name for p in j.executed.parent.iterdir()) for j in jobs}
    failed = ["portability_export.failed.ipynb"]
    done = ["portability_export.ipynb", "portability_export.json"]
    assert executed == {"raises": failed, "kernel-dies": failed, "hangs": failed, "ours": failed, "held": failed, "fine": done}


@pytest.mark.skipif(os.name != "posix", reason="kills a process by signal")
def test_a_worker_that_is_killed_takes_only_its_own_job_with_it(tmp_path):
    jobs = [
        job(tmp_path, "import os, signal; os.kill(os.getppid(), signal.SIGKILL)", "killer"),
        job(tmp_path, "request_id", "beside"),
        job(tmp_path, "request_id", "later"),
    ]
    assert states(run_all(jobs, 2)) == {"killer": ("failed", "the process that ran it died"), "beside": ("done", ""), "later": ("done", "")}


def test_requests_that_run_at_the_same_time_never_meet(tmp_path):
    jobs = [job(tmp_path, "import time; time.sleep(0.3); request_id", f"R-{n}") for n in range(6)]
    assert {r.state for r in run_all(jobs, 3)} == {"done"}
    shown = {j.request: nbformat.read(j.executed, as_version=4).cells[-1].outputs[0].data["text/plain"] for j in jobs}
    assert shown == {j.request: f"'{j.request}'" for j in jobs}
    assert not list(tmp_path.glob("kernel-ipc*"))


@pytest.fixture
def desk(tmp_path):
    (tmp_path / "dsar.toml").write_text(MAP, encoding="utf-8")
    (tmp_path / "requests.csv").write_text(REQUESTS, encoding="utf-8")
    (tmp_path / "people.csv").write_text("id,email\n1,ann@example.org\n2,ben@example.org\n3,cat@example.org\n", encoding="utf-8")
    return workspace.open_workspace(tmp_path)


def run(desk, **options):
    return {(r.request, r.right): (r.state, r.why) for r in batch(desk, list(desk.requests.values()), **options)}


def test_a_batch_answers_what_it_can_and_says_what_it_cannot(desk):
    waiting = ("waiting", "the requester's identity is not settled")
    expected = {
        ("R-1", "portability"): ("done", ""),
        ("R-1", "erasure"): ("done", ""),
        ("R-2", "portability"): ("done", ""),
        ("R-3", "portability"): waiting,
        ("R-4", "access"): ("done", ""),
    }
    assert run(desk) == expected
    assert {p.parent.parent.name for p in desk.root.glob("cases/*/outbox/*")} == {"R-1", "R-2", "R-4"}  # nothing for the unverified R-3

    collected = desk.collect(desk.request("R-1")).collected_at
    done_before = ("already done", f"with the data of {collected:%Y-%m-%d %H:%M} UTC")
    again = {key: (done_before if state == ("done", "") else state) for key, state in expected.items()}
    assert run(desk) == again

    next(desk.root.glob("cases/R-2/outbox/*.zip")).unlink()
    assert run(desk) == again | {("R-2", "portability"): ("done", "")}
    assert len(list(desk.root.glob("cases/R-2/outbox/*.zip"))) == 1


def test_a_source_that_is_down_lets_nothing_out_and_the_next_run_mends_it(desk):
    csv = desk.root / "people.csv"
    content = csv.read_bytes()
    csv.unlink()
    results = run(desk)
    assert Counter(state for state, _ in results.values()) == {"failed": 4, "waiting": 1}
    assert not list(desk.root.glob("cases/*/outbox/*"))
    assert "crm.people: failed" in results["R-2", "portability"][1]
    csv.write_bytes(content)
    assert run(desk)["R-2", "portability"] == ("done", "")
    assert not list(desk.root.glob("cases/R-2/notebooks/*.failed.ipynb"))


def test_progress_is_told_as_it_comes(desk):
    tables, planned, finished = [], [], []
    results = batch(desk, [desk.request("R-2")], collecting=tables.append, planned=planned.append, finished=finished.append)
    assert (tables, planned, finished) == (["crm.people"], [1], results)


def test_a_batch_fails_as_a_whole_when_one_failed():
    waiting, failed = Result("R", "erasure", "waiting"), Result("R", "erasure", "failed")
    assert (batches.worst([waiting]), batches.worst([waiting, failed])) == (0, 1)


def test_the_executed_notebook_holds_no_identifier_in_its_metadata(desk):
    run(desk)
    raw = json.loads((desk.root / "cases/R-1/notebooks/portability_export.ipynb").read_text(encoding="utf-8"))
    assert raw["metadata"]["papermill"]["parameters"] == {"request_id": "R-1", "workspace": str(desk.root)}
    assert "ann@example.org" not in json.dumps(raw["metadata"])


def test_the_clock_is_given(monkeypatch):
    monkeypatch.setenv("DSAR_NOW", "2026-11-23T10:00:00+01:00")
    assert workspace.now() == datetime(2026, 11, 23, 9, tzinfo=UTC)
    assert workspace.now().date() == date(2026, 11, 23)


def test_an_answer_from_an_older_snapshot_does_not_stay_in_the_outbox(desk):
    run(desk)
    out = sorted(p.name for p in desk.root.glob("cases/R-2/outbox/*"))
    assert len(out) == 2
    unverified = REQUESTS.replace("ben@example.org,2026-11-03,", "ben@example.org,,")
    (desk.root / "requests.csv").write_text(unverified, encoding="utf-8")
    again = workspace.open_workspace(desk.root)
    assert run(again)["R-2", "portability"] == ("waiting", "the requester's identity is not settled")
    assert not list(desk.root.glob("cases/R-2/outbox/*"))
    assert sorted(p.name for p in desk.root.glob("cases/R-2/superseded/*")) == out


@pytest.mark.skipif(os.name != "posix", reason="kills a process by signal")
def test_workers_end_with_the_batch_that_was_killed(desk):
    (desk.root / "dsar.toml").write_text(MAP, encoding="utf-8")
    killed = subprocess.Popen([sys.executable, "-m", "dsar", "--workspace", desk.root, "batch", "R-1"], stderr=subprocess.DEVNULL)
    for _ in range(300):
        if list(desk.root.glob("cases/R-1/notebooks/.*.running.ipynb")):
            break
        time.sleep(0.1)
    workers = [int(p) for p in subprocess.run(["pgrep", "-P", str(killed.pid)], capture_output=True, text=True, check=False).stdout.split()]
    assert workers
    killed.kill()
    killed.wait()
    for _ in range(100):
        if not any(os.path.exists(f"/proc/{pid}") for pid in workers):  # noqa: PTH110
            break
        time.sleep(0.1)
    assert not [pid for pid in workers if os.path.exists(f"/proc/{pid}")]  # noqa: PTH110
    assert run(desk)["R-1", "portability"] == ("done", "")
