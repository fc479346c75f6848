"""Runs that fail in every way a notebook can, beside runs that must not notice."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import distributed
import nbformat
import pytest

from dsar import cli, workspace
from dsar.run import batch as batches
from dsar.run.batch import batch, preview
from dsar.run.jobs import NOTEBOOKS, TASKS, Job, Result
from dsar.run.pool import run_all
from fixtures import generate
from tests.here import Here
from tests.run import dying

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


LEAVES_RUNNING = """
import os, subprocess, time
near, apart = subprocess.Popen(["sleep", "600"]), subprocess.Popen(["sleep", "600"], start_new_session=True)
left = subprocess.run(["sh", "-c", "setsid sleep 600 >/dev/null 2>&1 & echo $!"], capture_output=True, text=True).stdout
open(request_id + ".pids", "w").write(f"{near.pid} {apart.pid} {left}")
"""
FLOODS = """
for _ in range(40):
    print("x" * 99_999)
"""
BESIDE = [f"R-{n}" for n in range(6)]


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    """A folder, the jobs that two workers ran in it beside each other, and their results."""
    folder = tmp_path_factory.mktemp("ended")
    twice = job(folder, "import time; time.sleep(0.3); open('ran', 'a').write('x')", "twice")
    jobs = [
        job(folder, "raise ValueError('ann@example.org')", "raises"),
        job(folder, "import os; os._exit(3)", "kernel-dies"),
        job(folder, "import time; time.sleep(60)", "hangs", timeout=2),
        job(folder, "from dsar.errors import SourceUnreachable; raise SourceUnreachable('the database is down', where='shop')", "ours"),
        job(folder, "from dsar.errors import AnswerIncomplete; raise AnswerIncomplete('1 held', where='R')", "held"),
        job(folder, "print(request_id)", "fine"),
        *(job(folder, "import time; time.sleep(0.3); request_id", name) for name in BESIDE),
        twice,
        twice,
        job(folder, LEAVES_RUNNING, "leaves-well"),
        job(folder, LEAVES_RUNNING + "time.sleep(60)", "leaves-hanging", timeout=2),
        job(folder, LEAVES_RUNNING + "os._exit(3)", "leaves-dying"),
        job(folder, FLOODS, "floods"),
        replace(job(folder, "x = bytearray(3 << 30)", "greedy"), memory=1 << 30),
        job(folder, "x = bytearray(300 << 20)", "modest"),
    ]
    return folder, {j.request: j for j in jobs}, list(run_all(jobs, 2))


def of(results, *names):
    return [r for r in results if r.request in names]


def test_each_way_to_fail_is_told_and_stops_nobody_else(ended):
    _, jobs, results = ended
    ways = ("raises", "kernel-dies", "hangs", "ours", "held", "fine")
    assert states(of(results, *ways)) == {
        "raises": ("failed", "ValueError, see the executed notebook"),
        "kernel-dies": ("failed", "the kernel died"),
        "hangs": ("failed", "a cell ran longer than the timeout"),
        "ours": ("failed", "shop: the database is down"),
        "held": ("waiting", "R: 1 held"),
        "fine": ("done", ""),
    }
    executed = {way: sorted(p.name for p in jobs[way].executed.parent.iterdir()) for way in ways}
    failed = ["portability_export.failed.ipynb"]
    done = ["portability_export.ipynb", "portability_export.json"]
    assert executed == {"raises": failed, "kernel-dies": failed, "hangs": failed, "ours": failed, "held": failed, "fine": done}


KILL_THE_WARM_PROCESS = """
import os, signal, time
if not os.path.exists("once"):
    open("once", "w").close()
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(60)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="kills a process by signal")
def test_a_worker_that_is_killed_takes_only_its_own_job_with_it(tmp_path):
    jobs = [
        job(tmp_path, "request_id", "killer"),
        job(tmp_path, "request_id", "beside"),
        job(tmp_path, "request_id", "later"),
    ]
    assert states(run_all(jobs, 2, run=dying.run)) == {
        "killer": ("failed", "the process that ran it died"),
        "beside": ("done", ""),
        "later": ("done", ""),
    }


@pytest.mark.skipif(sys.platform != "linux", reason="kills a process by signal")
def test_a_warm_process_that_is_killed_costs_a_second_start_and_nothing_else(tmp_path):
    jobs = [job(tmp_path, KILL_THE_WARM_PROCESS, "R-1"), job(tmp_path, "request_id", "R-2")]
    assert states(run_all(jobs, executor=Here())) == {"R-1": ("done", ""), "R-2": ("done", "")}


def test_a_notebook_takes_no_more_memory_than_it_may_and_what_it_took_is_told(ended):
    [greedy], [modest] = (of(ended[2], name) for name in ("greedy", "modest"))
    assert (greedy.state, greedy.why) == ("failed", "it needs more memory, see the executed notebook")
    assert modest.state == "done"
    assert modest.peak > 300 << 20
    assert modest.cpu > 0


@pytest.mark.skipif(sys.platform != "linux", reason="cells run in forks on Linux")
def test_nothing_that_a_cell_started_runs_on_after_its_notebook(ended):
    folder, _, results = ended
    ways = {"leaves-well": "done", "leaves-hanging": "failed", "leaves-dying": "failed"}
    assert {r.request: r.state for r in of(results, *ways)} == ways
    started = [pid for way in ways for pid in (folder / f"{way}.pids").read_text().split()]
    assert len(started) == 9
    assert [pid for pid in started if os.path.exists(f"/proc/{pid}")] == []  # noqa: PTH110


def test_of_what_a_cell_prints_no_more_is_kept_than_anybody_reads(ended):
    [floods] = of(ended[2], "floods")
    assert floods.state == "done"
    [shown] = nbformat.read(ended[1]["floods"].executed, as_version=4).cells[-1].outputs
    assert (len(shown.text) < 1.1 * (1 << 20), shown.text[-40:]) == (True, "xxx\n[more was printed, and is not kept]\n")


def test_a_job_that_another_batch_did_meanwhile_is_not_done_again(ended):
    folder, _, results = ended
    assert [r.state for r in of(results, "twice")] == ["done", "done"]
    assert (folder / "ran").read_text() == "x"


def test_requests_that_run_at_the_same_time_never_meet(ended):
    folder, jobs, results = ended
    assert {r.state for r in of(results, *BESIDE)} == {"done"}
    shown = {name: nbformat.read(jobs[name].executed, as_version=4).cells[-1].outputs[0].data["text/plain"] for name in BESIDE}
    assert shown == {name: f"'{name}'" for name in BESIDE}
    assert not list(folder.glob("kernel-ipc*"))


def set_up(folder):
    folder.mkdir(exist_ok=True)
    (folder / "dsar.toml").write_text(MAP, encoding="utf-8")
    (folder / "requests.csv").write_text(REQUESTS, encoding="utf-8")
    (folder / "people.csv").write_text("id,email\n1,ann@example.org\n2,ben@example.org\n3,cat@example.org\n", encoding="utf-8")
    return workspace.open_workspace(folder)


@pytest.fixture
def desk(tmp_path):
    return set_up(tmp_path)


def run(desk):
    return {(r.request, r.right): (r.state, r.why) for r in batch(desk, list(desk.requests.values()), executor=Here())}


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


def test_a_case_that_is_closed_or_loses_its_identity_while_others_run_gets_nothing(desk):
    def meanwhile(_):
        case = desk.register.case("R-1")
        desk.register.record(case, "closed", by="A", outcome="withdrawn")
        desk.register.record(desk.register.case("R-2"), "identity withdrawn", by="A", why="the mailbox is not theirs")

    results = batch(desk, list(desk.requests.values()), planned=meanwhile, executor=Here())
    assert {(r.request, r.right): r.state for r in results} == {
        ("R-1", "portability"): "closed meanwhile",
        ("R-1", "erasure"): "closed meanwhile",
        ("R-2", "portability"): "waiting",
        ("R-3", "portability"): "waiting",
        ("R-4", "access"): "done",
    }
    assert {p.parent.parent.name for folder in ("outbox", "worklists") for p in desk.root.glob(f"cases/*/{folder}/*")} == {"R-4"}
    [again] = batch(desk, [desk.request("R-1")], executor=Here())[:1]
    assert again.state == "done"  # named although it is closed


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


def test_a_dry_run_says_what_a_batch_would_do_and_does_nothing(desk):
    def states(results):
        return {(r.request, r.right): (r.state, r.why) for r in results}

    waiting = ("waiting", "the requester's identity is not settled")
    would = ("would run", "once collected")
    everybody = list(desk.requests.values())
    before = states(preview(desk, everybody))
    assert before == {(r, right): waiting if r == "R-3" else would for r, right in before}
    assert len(before) == 5
    assert not (desk.root / "cases").exists()
    run(desk)
    assert {state for state, _ in states(preview(desk, everybody)).values()} == {"already done", "waiting"}


@pytest.mark.skipif(sys.platform != "linux", reason="kernels are forked on Linux")
@pytest.mark.parametrize("right", ["portability", "erasure"])
def test_the_warm_process_has_imported_what_notebooks_need(desk, right):
    folder = desk.root / "watched"
    folder.mkdir()
    name = TASKS[right].notebook
    watched = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
    watched.cells.insert(0, nbformat.v4.new_code_cell("import sys; known = set(sys.modules)"))
    watched.cells.append(nbformat.v4.new_code_cell("print(*sorted(set(sys.modules) - known))"))
    nbformat.write(watched, folder / f"{name}.ipynb")
    request = desk.request("R-1")
    done = Job("R-1", right, desk.root, desk.collect(request).collected_at.isoformat(), 60, folder)
    assert [r.state for r in run_all([done], executor=Here())] == ["done"]
    late = nbformat.read(done.executed, as_version=4).cells[-1].outputs[0].text.split()
    assert len(late) < 25, late  # a few codecs and readers of one kind of file; a library would be many


def outputs(folder):
    """Return every file that a batch put out, but for executed notebooks, with its bytes."""
    kept = (p for p in folder.glob("cases/*/*/*") if p.parent.name in {"outbox", "worklists", "letters"})
    return {str(p.relative_to(folder)): p.read_bytes() for p in kept}


def test_a_batch_puts_out_the_bytes_that_single_runs_do_also_when_two_run_at_once(tmp_path, monkeypatch):
    monkeypatch.setenv("DSAR_NOW", NOW)
    folders = {name: tmp_path / name for name in ("single", "twice")}
    single, _ = (set_up(folder) for folder in folders.values())
    for request in single.requests.values():
        batch(single, [request], executor=Here())
    command = [sys.executable, "-m", "dsar", "--workspace", folders["twice"], "batch"]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    told = [process.communicate() for process in running]
    assert [process.returncode for process in running] == [0, 0], told
    assert set(outputs(folders["twice"])) == set(outputs(folders["single"]))
    assert {name for name, data in outputs(folders["twice"]).items() if data != outputs(folders["single"])[name]} == set()
    assert any(name.endswith(".xlsx") for name in outputs(folders["single"]))


def test_a_batch_of_an_invented_company_puts_out_the_bytes_that_single_runs_do(tmp_path, monkeypatch):
    monkeypatch.setenv("DSAR_NOW", NOW)
    generate.build(tmp_path / "batch", subjects=30, log_lines=400, requests=5)
    shutil.copytree(tmp_path / "batch", tmp_path / "single")
    desks = {name: workspace.open_workspace(tmp_path / name) for name in ("batch", "single")}
    batch(desks["batch"], list(desks["batch"].requests.values()), executor=Here())
    for _ in range(2):  # an answer is taken back where a request that comes later reaches a row of it: that one is run again
        for request in desks["single"].requests.values():
            batch(desks["single"], [request], executor=Here())
    one, other = (outputs(tmp_path / name) for name in desks)
    assert len(one) > 5
    assert {name for name in one.keys() | other.keys() if one.get(name) != other.get(name)} == set()


def test_a_dask_cluster_runs_the_notebooks(desk):
    """Two workers, each a process with a warm process of its own, started as its documentation says."""
    dask = str(Path(sys.executable).with_name("dask"))
    scheduler = subprocess.Popen(
        [dask, "scheduler", "--host", "tcp://127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", desk.root / "s.json"]
    )
    log = desk.root / "workers.log"
    command = [dask, "worker", "--scheduler-file", desk.root / "s.json", "--nworkers", "2", "--nthreads", "1", "--no-dashboard"]
    with log.open("w") as told:
        workers = subprocess.Popen(command, stdout=told, stderr=told)
    try:
        for _ in range(600):  # looked for here, since each command that comes too early imports everything to say so
            if (desk.root / "s.json").exists() and log.read_text(encoding="utf-8").count("Registered to:") == 2:
                break
            time.sleep(0.1)
        address = json.loads((desk.root / "s.json").read_text(encoding="utf-8"))["address"]
        command = [sys.executable, "-m", "dsar", "--workspace", desk.root, "batch", "--cluster", address]
        for _ in range(20):  # their log may read otherwise one day
            told = subprocess.run(command, capture_output=True, text=True, check=False)
            if told.returncode == 0:
                break
            time.sleep(1)
        assert "5 to do: 4 done, 0 already done, 1 waiting, 0 failed" in told.stdout, told.stderr
    finally:
        for process in (workers, scheduler):
            process.terminate()
            process.wait(30)


def test_a_cluster_that_does_not_answer_is_told(desk, monkeypatch, capsys):
    patient = distributed.Client
    monkeypatch.setattr(distributed, "Client", lambda address, timeout: patient(address, timeout="1s" if timeout == "10s" else timeout))
    monkeypatch.setattr(sys, "argv", ["dsar", "--workspace", str(desk.root), "batch", "--cluster", "tcp://127.0.0.1:1"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert (ended.value.code, "no scheduler answers" in capsys.readouterr().err) == (2, True)


def test_progress_is_told_as_it_comes(desk):
    tables, planned, finished = [], [], []
    results = batch(desk, [desk.request("R-2")], collecting=tables.append, planned=planned.append, finished=finished.append, executor=Here())
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


def descendants(pid):
    children = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False).stdout.split()
    return [found for child in children for found in (int(child), *descendants(child))]


@pytest.mark.skipif(sys.platform != "linux", reason="kills a process by signal")
def test_workers_end_with_the_batch_that_was_killed(desk):
    (desk.root / "dsar.toml").write_text(MAP, encoding="utf-8")
    killed = subprocess.Popen([sys.executable, "-m", "dsar", "--workspace", desk.root, "batch", "R-1"], stderr=subprocess.DEVNULL)
    for _ in range(300):
        if list(desk.root.glob("cases/R-1/notebooks/.*.running.ipynb")):
            break
        time.sleep(0.1)
    workers = descendants(killed.pid)
    assert len(workers) >= 3  # a worker, its warm process, its kernel
    killed.kill()
    killed.wait()
    for _ in range(100):
        if not any(os.path.exists(f"/proc/{pid}") for pid in workers):  # noqa: PTH110
            break
        time.sleep(0.1)
    assert not [pid for pid in workers if os.path.exists(f"/proc/{pid}")]  # noqa: PTH110
    assert run(desk)["R-1", "portability"] == ("done", "")
