"""Hundreds of requests: collect once for all, then run one notebook per request and right.

A request that fails never stops the others, and a second run does only what is missing.
"""

import json
import os
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from time import monotonic, sleep
from typing import Literal, NamedTuple

from traitlets.config import Config

from dsar import errors, files
from dsar.answer.publish import intact
from dsar.find.dossier import Dossier
from dsar.request.register import Request
from dsar.workspace import Workspace

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
State = Literal["done", "already done", "waiting", "failed"]


class Task(NamedTuple):
    """What a right runs, and the folder of the case its files go to."""

    notebook: str
    folder: str


TASKS = {
    "access": Task("access_report", "outbox"),
    "portability": Task("portability_export", "outbox"),
    "erasure": Task("deletion_checklist", "worklists"),
    "rectification": Task("rectification_checklist", "worklists"),
    "restriction": Task("restriction_checklist", "worklists"),
    "objection": Task("objection_checklist", "worklists"),
    "withdrawal": Task("consent_withdrawal", "worklists"),
    "complaint": Task("complaint_answer", "letters"),
}
_WAITING = ("IdentityNotVerified", "AnswerIncomplete")  # a person's turn, not a fault


@dataclass(frozen=True)
class Job:
    """One notebook run; holds no identifier of a person."""

    request: str
    right: str
    workspace: Path
    collected_at: str
    timeout: int  # seconds per cell
    notebooks: Path = NOTEBOOKS

    @property
    def case(self) -> Path:
        """The case folder."""
        return self.workspace / "cases" / self.request

    @property
    def executed(self) -> Path:
        """Where the executed notebook lies once the run succeeded."""
        return self.case / "notebooks" / f"{TASKS[self.right].notebook}.ipynb"

    @property
    def record(self) -> Path:
        """What says that this was done, and for which snapshot."""
        return self.case / "notebooks" / f"{TASKS[self.right].notebook}.json"

    @property
    def done(self) -> bool:
        """Whether an earlier run did this for the present snapshot, and its files are all there."""
        if not (self.record.exists() and self.executed.exists()):
            return False
        recorded = json.loads(self.record.read_text(encoding="utf-8"))
        return recorded == {"collected_at": self.collected_at} and intact(self.case, TASKS[self.right].folder)


class Result(NamedTuple):
    """What became of one right of one request."""

    request: str
    right: str
    state: State
    why: str = ""
    seconds: float = 0.0


def batch(
    workspace: Workspace,
    requests: Sequence[Request],
    *,
    workers: int = 2,
    timeout: int = 600,
    collecting: Callable[[str], None] = lambda _: None,
    planned: Callable[[int], None] = lambda _: None,
    finished: Callable[[Result], None] = lambda _: None,
) -> list[Result]:
    """Run what the requests ask for and return one result per request and right, in their order.

    `timeout` is in seconds per notebook cell. The callbacks tell which table is being read, how
    many notebooks will run, and each result as it comes.
    """
    dossiers = workspace.collect_all(requests, progress=collecting)
    results: dict[tuple[str, str], Result] = {}
    jobs: list[Job] = []
    for request in requests:
        for right in request.rights:
            result = _without_run(workspace, request, right, dossiers[request.id], timeout, jobs)
            if result:
                results[request.id, right] = result
    planned(len(jobs))
    for result in run_all(jobs, workers):
        if result.state == "waiting" and any(f.outcome.state == "failed" for f in dossiers[result.request].tables.values()):
            result = result._replace(state="failed")  # noqa: PLW2901 - a source that is down is nobody's turn
        results[result.request, result.right] = result
        finished(result)
    return [results[request.id, right] for request in requests for right in request.rights]


def _without_run(workspace: Workspace, request: Request, right: str, dossier: Dossier, timeout: int, jobs: list[Job]) -> Result | None:
    """Return the result where there is nothing to run; else add the run to `jobs`."""
    if not request.identity_settled and right != "complaint":  # which is acknowledged whoever makes it
        return Result(request.id, right, "waiting", "the requester's identity is not settled")
    job = Job(request.id, right, workspace.root, dossier.collected_at.isoformat(), timeout)
    if job.done:
        return Result(request.id, right, "already done", f"with the data of {dossier.collected_at:%Y-%m-%d %H:%M} UTC")
    jobs.append(job)
    return None


def run_all(jobs: Sequence[Job], workers: int) -> Iterator[Result]:
    """Yield one result per job as it comes; a worker that dies takes only its own job with it."""
    lost = yield from _run(jobs, workers)
    for job in lost:  # one at a time, so that the guilty one is told from those that were running beside it
        for dead in (yield from _run([job], 1)):
            yield Result(dead.request, dead.right, "failed", "the process that ran it died")


def _run(jobs: Sequence[Job], workers: int) -> Generator[Result, None, list[Job]]:
    lost: list[Job] = []
    with _pool(workers) as pool:
        futures = {pool.submit(run_notebook, job): job for job in jobs}
        for future in as_completed(futures):
            try:
                yield future.result()
            except BrokenProcessPool:
                lost.append(futures[future])
    return lost


def _pool(workers: int) -> Executor:
    # Processes, since papermill changes the working folder of the one it runs in (papermill#473).
    return ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_end_with, initargs=(os.getpid(),))


def _end_with(parent: int) -> None:
    """Let this process end when the batch was killed: nobody would wait for its result."""

    def watch() -> None:
        while os.getppid() == parent:
            sleep(1)
        os._exit(1)

    Thread(target=watch, daemon=True).start()


def run_notebook(job: Job) -> Result:
    """Execute one notebook with papermill; every way it can fail becomes a result."""
    import papermill
    from papermill.exceptions import PapermillExecutionError

    began = monotonic()
    files.private_dir(job.executed.parent)
    partial = job.executed.with_name(f".{job.executed.stem}.running.ipynb")
    state, why = "done", ""
    try:
        with _private_kernel() as config:
            papermill.execute_notebook(
                job.notebooks / job.executed.name,
                partial,
                parameters={"request_id": job.request, "workspace": str(job.workspace)},
                kernel_name="python3",
                progress_bar=False,
                cwd=job.workspace,
                start_timeout=60,
                execution_timeout=job.timeout,
                config=config,
                extra_arguments=["--log-level=CRITICAL"],  # what matters comes back as a result
            )
    except PapermillExecutionError as error:
        state, why = ("waiting" if error.ename in _WAITING else "failed"), _words(error.ename, error.evalue)
    except Exception as error:  # noqa: BLE001 - a dead kernel or a timed-out cell is no PapermillExecutionError, and there are more
        state, why = "failed", _MEANINGS.get(type(error).__name__, type(error).__name__)
    _keep(job, partial, state)
    return Result(job.request, job.right, state, why, monotonic() - began)  # type: ignore[arg-type]


@contextmanager
def _private_kernel() -> Iterator[Config]:
    """Yield the settings of a kernel that talks over sockets in a folder of its own, where the system has such sockets.

    Over TCP, everybody on the machine could listen to what the cells print.
    """
    with TemporaryDirectory(prefix="dsar-") as folder:
        os.environ["JUPYTER_RUNTIME_DIR"] = folder
        # Named in full: left to itself, jupyter_client puts them into the working folder, where two kernels meet.
        sockets = {"transport": "ipc", "ip": f"{folder}/kernel"}
        fits = os.name == "posix" and len(folder) < _LONGEST_SOCKET_PATH - len("/kernel-1")
        yield Config({"KernelManager": sockets} if fits else {})


_LONGEST_SOCKET_PATH = 107


_MEANINGS = {"CellTimeoutError": "a cell ran longer than the timeout", "DeadKernelError": "the kernel died"}


def _words(name: str, text: str) -> str:
    # Only our own errors promise to hold nothing personal; of any other the name has to do.
    return text if hasattr(errors, name) else f"{name}, see the executed notebook"


def _keep(job: Job, partial: Path, state: str) -> None:
    failed = job.executed.with_suffix(".failed.ipynb")
    if state == "done":
        files.publish(partial, job.executed)
        failed.unlink(missing_ok=True)
        files.write_atomic(job.record, json.dumps({"collected_at": job.collected_at}))
    elif partial.exists():
        files.publish(partial, failed)


def worst(results: Iterable[Result]) -> int:
    """Return the exit status of a batch: 1 if any failed, else 0."""
    return int(any(r.state == "failed" for r in results))
