"""Executing one notebook with papermill in a kernel of its own; every way it can fail becomes a result."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

from filelock import FileLock
from traitlets.config import Config

from dsar import errors, files
from dsar.patience import PLAIN
from dsar.run import grammar
from dsar.run.forks import CELLS
from dsar.run.jobs import Job, Result, State

_WAITING = ("IdentityNotVerified", "AnswerIncomplete")  # a person's turn, not a fault
_MEANINGS = {
    "CellTimeoutError": "a cell ran longer than the timeout",
    "DeadKernelError": "the kernel died",
    "MemoryError": "it needs more memory",
    "OSError": "a file could not be written: is the disk full?",
    "PermissionError": "a file could not be written: is it open elsewhere?",
}
_LONGEST_SOCKET_PATH = 107


def run_notebook(job: Job) -> Result:
    """Execute one notebook, unless that was done meanwhile: doing it twice changes nothing."""
    began = monotonic()
    files.private_dir(job.executed.parent)
    with FileLock(job.case / f".running-{job.executed.stem}", mode=0o600):  # another batch may be at it
        if job.done:
            return Result(job.request, job.right, "done", seconds=monotonic() - began)
        partial = job.executed.with_name(f".{job.executed.stem}.running.ipynb")
        state, why = _attempt(job, partial)
        _keep(job, partial, state)
    cpu, peak = sum(k.cpu for k in CELLS.ended), max((k.peak for k in CELLS.ended), default=0)
    return Result(job.request, job.right, state, why, monotonic() - began, cpu, peak)


def _attempt(job: Job, partial: Path) -> tuple[State, str]:
    with grammar.left_out():
        from papermill.exceptions import PapermillExecutionError

    for last in (False, True):
        CELLS.ended.clear()
        try:
            if job.was_open and _closed(job):
                return "closed meanwhile", "nothing was made for it"
            _execute(job, partial)
        except PapermillExecutionError as error:
            return ("waiting" if error.ename in _WAITING else "failed"), _words(error.ename, error.evalue)
        except Exception as error:  # noqa: BLE001 - a dead kernel or a timed-out cell is no PapermillExecutionError, and there are more
            # Else somebody killed the warm process, and the kernel with it, or the kernel died before its first cell.
            if last or not (isinstance(error, RuntimeError) or any(kernel.lost for kernel in CELLS.ended)):
                return "failed", str(error) if isinstance(error, errors.DsarError) else _MEANINGS.get(type(error).__name__, type(error).__name__)
        else:
            return "done", ""
    raise AssertionError


def _closed(job: Job) -> bool:
    from dsar.request import tables  # the register's tables alone: a workspace imports all that the notebook needs, and not this process

    engine = tables.connect(tables.url(job.workspace))
    try:
        return tables.closed(engine, job.request)
    finally:
        engine.dispose()


def _execute(job: Job, partial: Path) -> None:
    import papermill

    from dsar.run import engine

    CELLS.map = job.workspace / "dsar.toml"
    with private_kernel() as config:
        papermill.execute_notebook(
            job.notebooks / job.executed.name,
            partial,
            parameters={"request_id": job.request, "workspace": str(job.workspace)},
            engine_name=engine.NAME,
            kernel_name="python3",
            progress_bar=False,
            cwd=job.workspace,
            start_timeout=60,
            execution_timeout=job.timeout,
            memory=job.memory,
            config=config,
            # Where it must be a plain kernel: what matters comes back as a result; and what was typed is not to be kept in
            # the home folder, in a file that all kernels lock.
            extra_arguments=["--log-level=CRITICAL", "--HistoryManager.enabled=False"],
        )


@contextmanager
def private_kernel() -> Iterator[Config]:
    """Yield the settings of a kernel that talks over sockets in a folder of its own, where the system has such sockets.

    Over TCP, everybody on the machine could listen to what the cells print.
    """
    os.environ[PLAIN] = "1"  # nobody looks on
    with files.scratch() as made:
        os.environ["JUPYTER_RUNTIME_DIR"] = folder = str(made)
        # Named in full: left to itself, jupyter_client puts them into the working folder, where two kernels meet.
        sockets = {"transport": "ipc", "ip": f"{folder}/kernel"}
        fits = os.name == "posix" and len(folder) < _LONGEST_SOCKET_PATH - len("/kernel-1")
        yield Config({"KernelManager": sockets} if fits else {})


def _words(name: str, text: str) -> str:
    # Only our own errors promise to hold nothing personal; of any other the name has to do.
    return text if hasattr(errors, name) else f"{_MEANINGS.get(name, name)}, see the executed notebook"


def _keep(job: Job, partial: Path, state: State) -> None:
    failed = job.executed.with_suffix(".failed.ipynb")
    if state == "done":
        files.publish(partial, job.executed)
        failed.unlink(missing_ok=True)
        files.write_atomic(job.record, json.dumps({"collected_at": job.collected_at}))
    elif partial.exists():
        files.publish(partial, failed)
