"""What a request costs: our batch beside plain papermill with a fresh kernel, on the same notebooks, requests and files.

CPU seconds of runner, warm process and kernels together, as ratios; medians. QUICK=1 ends within 50 seconds: few requests, and
without the runs in which processes are killed or a thousand requests take part.
"""

import compileall
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import nbformat
import papermill

from bench.figures import HERE, Figure, finish, median, quick
from dsar import workspace
from dsar.run.batch import batch
from dsar.run.execute import private_kernel, run_notebook
from dsar.run.forks import CELLS
from dsar.run.jobs import Job, Result
from fixtures import generate

REQUESTS = int(os.environ.get("REQUESTS", "1000"))  # of the largest batch that writes files; fewer to look for differences, not for figures
MOST = 10_500  # people there are telephone numbers for
NOW = "2026-11-23T09:00:00+00:00"
SMALL = [  # imports what our notebooks do, filters a frame, writes a small workbook
    'request_id = ""\nworkspace = ""',
    "import ibis, openpyxl, pandas as pd, pyarrow, sqlalchemy, dsar",
    "frame = pd.DataFrame({'n': range(20_000), 'name': [f'name {n % 97}' for n in range(20_000)]})",
    "found = frame[frame['name'] == 'name 7']\nfound.head()",
    "found.head(50).to_excel(f'{request_id}.xlsx', index=False)",
    "len(found)",
]


def main() -> int:
    """Measure, print, write down."""
    os.environ["DSAR_NOW"] = NOW
    compiled()
    with tempfile.TemporaryDirectory(prefix="bench-") as made:
        folder = Path(made)
        figures = [*told(small, folder), *told(whole, folder / "company", 40 if quick() else 500)]
        if not quick():
            calm = folder / "calm"
            figures += told(scaling, folder, calm, REQUESTS)
            with ThreadPoolExecutor() as both:  # what only looks for differences need not have the machine to itself
                looking = [both.submit(told, undisturbed, folder / "equal", REQUESTS // 5)]
                looking += [both.submit(told, killed, calm, folder / "disturbed", REQUESTS)]
                figures += [figure for found in looking for figure in found.result()]
        return finish("batch", figures)


def told(part: Callable[..., list[Figure]], *given: object) -> list[Figure]:
    """Measure a part and say how long that took, since the whole takes half an hour."""
    began = time.monotonic()
    figures = part(*given)
    print(f"{part.__name__}: {time.monotonic() - began:.0f} s", flush=True)
    return figures


def compiled() -> None:
    """Compile our own modules, as an installer does: else each fresh kernel would, and gains would look larger than they are."""
    for package in ("dsar", "connectors"):
        compileall.compile_dir(HERE.parent / package, quiet=1)


def small(folder: Path) -> list[Figure]:
    """Compare one small notebook, whose outputs have to be equal."""
    notebooks, runs = folder / "notebooks", 2 if quick() else 7
    notebooks.mkdir()
    cells = [nbformat.v4.new_code_cell(source, id=f"c{n}") for n, source in enumerate(SMALL)]
    cells[0].metadata["tags"] = ["parameters"]
    spec = {"display_name": "Python 3", "language": "python", "name": "python3"}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": spec}), notebooks / "portability_export.ipynb")
    jobs = [Job(f"R-{n}", "portability", folder, NOW, 600, notebooks) for n in range(runs + 1)]
    peer, ours = apiece([lambda job=job: plain(job) for job in jobs]), apiece([lambda job=job: forked(job) for job in jobs])
    equal = shown(folder / "plain.ipynb") == shown(jobs[-1].executed)
    return [
        Figure("CPU per notebook run ÷ plain papermill", ours / peer, 1 / 8, f"{ours:.3f} s ÷ {peer:.3f} s; median of {runs}"),
        Figure("outputs that differ from plain papermill's", float(not equal), 0),
    ]


def shown(path: Path) -> list:
    """Return the outputs of an executed notebook."""
    return [[{k: v for k, v in out.items() if k != "metadata"} for out in c.outputs] for c in nbformat.read(path, 4).cells if c.cell_type == "code"]


def plain(job: Job) -> None:
    """Run a notebook as papermill does by itself, with a fresh kernel."""
    parameters = {"request_id": job.request, "workspace": str(job.workspace)}
    source = job.notebooks / job.executed.name
    with private_kernel() as config:
        papermill.execute_notebook(
            source, job.workspace / "plain.ipynb", parameters, kernel_name="python3", progress_bar=False, cwd=job.workspace, config=config
        )


def forked(job: Job) -> None:
    """Run a notebook as the batch does."""
    result = run_notebook(job)
    if result.state == "failed":
        sys.exit(f"{job.request}: {result.why}")


def apiece(runs: list[Callable[[], None]]) -> float:
    """Return the median CPU seconds of all but the first run, with all processes that took part."""
    runs[0]()  # imports of the runner and the start of the warm process are paid once a night
    return median(cpu_of(run) for run in runs[1:])


def cpu_of(run: Callable[[], None]) -> float:
    """Return the CPU seconds a run takes: this process, its children, the warm process and the kernels it forked."""
    CELLS.ended.clear()
    before = _cpu()
    run()
    return _cpu() - before + sum(kernel.cpu for kernel in CELLS.ended)


def _cpu() -> float:
    own = sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    if CELLS.pid is None:
        return own
    fields = Path(f"/proc/{CELLS.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return own + (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def world(folder: Path, requests: int) -> workspace.Workspace:
    """Invent a company with so many requests."""
    people = min(round(requests * 1.3) + 20, MOST)
    generate.build(folder, subjects=people, log_lines=50 * requests, requests=requests)
    return workspace.open_workspace(folder)


def whole(folder: Path, requests: int) -> list[Figure]:
    """Compare whole requests: share of collecting, all notebooks they ask for, all files."""
    ws = world(folder, requests)
    began = _cpu()
    dossiers = ws.collect_all(ws.requests.values())
    collecting = (_cpu() - began) / requests
    rights = ("portability", "erasure")
    both = [r for r in ws.requests.values() if r.identity_settled and dossiers[r.id].complete and set(rights) <= set(r.rights)]
    jobs = [[Job(r.id, right, ws.root, dossiers[r.id].collected_at.isoformat(), 600) for right in rights] for r in both]
    del dossiers
    chosen = list(islice((some for some in jobs if all(run_notebook(job).state == "done" for job in some)), 2 if quick() else 5))
    for job in (job for some in chosen for job in some):
        job.record.unlink()  # so that all that follow find the same files there, and do the same
    peer = median(sum(cpu_of(lambda job=job: plain(job)) for job in some) for some in chosen)
    ours = median(sum(cpu_of(lambda job=job: forked(job)) for job in some) for some in chosen)  # the same files again: the same work
    note = f"{ours + collecting:.2f} s, {collecting:.3f} s of it collecting among {requests}, ÷ {peer:.2f} s; portability and erasure"
    peak = max(kernel.peak for kernel in CELLS.ended) / 2**30
    return [
        Figure("CPU per request, whole ÷ plain papermill", (ours + collecting) / peer, 1 / 6, note),
        Figure("memory of a kernel, GB", peak, 1.5),
        Figure("memory of collecting, GB", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 1.5, f"{requests} requests"),
    ]


def command(folder: Path, *words: str) -> subprocess.Popen[bytes]:
    """Start the command on a workspace; its summary is read by nobody, so it must not fill a pipe."""
    return subprocess.Popen([sys.executable, "-m", "dsar", "--workspace", str(folder), *words], stdout=subprocess.DEVNULL)


def outputs(folder: Path) -> dict[str, bytes]:
    """Return what was put out, but for executed notebooks: file → bytes."""
    kept = (p for p in folder.glob("cases/*/*/*") if p.parent.name in {"outbox", "worklists", "letters"})
    return {str(p.relative_to(folder)): p.read_bytes() for p in kept}


def differing(one: Path, other: Path) -> int:
    """Return how many files differ or are missing."""
    a, b = outputs(one), outputs(other)
    return sum(a.get(name) != b.get(name) for name in a.keys() | b.keys())


def undisturbed(folder: Path, requests: int) -> list[Figure]:
    """Compare a batch with single runs, each collected by itself, byte for byte."""
    command(world(folder / "batch", requests).root, "batch").wait()
    single = world(folder / "single", requests)
    for _ in range(2):  # an answer is taken back where a request that comes later reaches a row of it: that one is run again
        for request in single.requests.values():
            batch(single, [request], executor=Here())
    count = len(outputs(folder / "batch"))
    note = f"{requests} requests, {count} files"
    return [Figure("files of a batch that differ from single runs", differing(folder / "single", folder / "batch"), 0, note)]


class Here(Executor):
    """Runs each job at once, in this process: two hundred batches of one request need not start a warm process each."""

    def submit(self, work: Callable[..., Result], /, *given: object, **named: object) -> Future[Result]:
        """Return what came of it."""
        done: Future[Result] = Future()
        done.set_result(work(*given, **named))
        return done


def killed(calm: Path, disturbed: Path, requests: int) -> list[Figure]:
    """Kill a worker whenever another hundred requests are done, and compare with a run that nobody disturbed."""
    root = world(disturbed, requests).root
    running, kills = command(root, "batch"), 0
    while running.poll() is None:
        time.sleep(0.2)
        done = sum(1 for _ in root.glob("cases/*/notebooks/*.json"))
        if done >= requests // 10 * (kills + 1) and (workers := _workers(running.pid)):
            os.kill(workers[kills % len(workers)], signal.SIGKILL)
            kills += 1
    count = len(outputs(calm))
    return [
        Figure(
            "files that differ with a worker killed every hundred",
            differing(calm, disturbed),
            0,
            f"{requests} requests, {count} files, {kills} kills",
        )
    ]


def _workers(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    return [int(child) for child in children if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]


def scaling(folder: Path, middle: Path, requests: int) -> list[Figure]:
    """Measure a tenth of so many requests, so many and ten times as many, the last without outputs; linear or better is at most 1."""
    few, many = requests // 10, requests * 10
    sizes = {few: folder / "few", requests: middle, many: folder / "many"}
    collecting = {n: timed(world(root, n).root, "collect") / n for n, root in sizes.items()}
    running = {n: timed(sizes[n], "batch") / n for n in (few, requests)}
    grown = [("notebooks", requests, running), *(("collecting", n, collecting) for n in (requests, many))]
    return [
        Figure(f"time per request, {what}, {n:,} ÷ {few:,}", took[n] / took[few], 1.05, f"{took[n]:.3f} s ÷ {took[few]:.3f} s")
        for what, n, took in grown
    ]


def timed(root: Path, words: str) -> float:
    """Return the seconds a command takes."""
    began = time.monotonic()
    command(root, words).wait()
    return time.monotonic() - began


if __name__ == "__main__":
    sys.exit(main())
