"""Many jobs on several processes, here or on a cluster; a process that dies takes at most its own job with it."""

import os
import sys
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context
from threading import Thread
from time import sleep
from typing import Any

from dsar.errors import ClusterUnfit
from dsar.run.execute import run_notebook
from dsar.run.jobs import Job, Result

_EACH = 4  # notebooks that make a worker of their own worth it: it imports everything and starts a warm process, which takes as long as eight
_SUSPECT = 2  # times a job was running when a process died: after that it runs alone


def run_all(jobs: Sequence[Job], workers: int = 2, executor: Executor | None = None, run: Callable[[Job], Result] = run_notebook) -> Iterator[Result]:
    """Yield one result per job as it comes, from `executor`, or from at most so many processes of our own, fewer where there is little to do.

    An executor's workers have to be processes that run one job at a time: papermill changes the working folder of its own (papermill#473).
    """
    if executor is not None:
        yield from _given(jobs, executor, run)
        return
    waiting, met, alone = list(jobs), Counter[Job](), list[Job]()
    while waiting:
        lost = yield from _until_broken(waiting, workers, run)
        suspects = lost[:workers]  # they start in the order they were handed in, so these were running when the process died
        met.update(suspects)
        alone += (job for job in suspects if met[job] >= _SUSPECT)
        waiting = [job for job in lost if met[job] < _SUSPECT]
    for job in alone:  # so that the guilty one is told from those that were running beside it
        for guilty in (yield from _until_broken([job], 1, run)):
            yield _dead(guilty)


def _until_broken(jobs: Sequence[Job], workers: int, run: Callable[[Job], Result]) -> Generator[Result, None, list[Job]]:
    """Yield results until a process dies, and return the jobs that are left without one, in their order."""
    lost: set[Job] = set()
    with _pool(min(workers, 1 + (len(jobs) - 1) // _EACH)) as pool:
        futures = {pool.submit(run, job): job for job in jobs}
        for future in as_completed(futures):
            try:
                yield future.result()
            except BrokenProcessPool:
                lost.add(futures[future])
    return [job for job in jobs if job in lost]


def _given(jobs: Sequence[Job], executor: Executor, run: Callable[[Job], Result]) -> Iterator[Result]:
    futures: dict[Future[Result], Job] = {executor.submit(run, job): job for job in jobs}
    for future in as_completed(futures):
        try:
            yield future.result()
        except Exception:  # noqa: BLE001 - a job's own faults come back as results; whatever else comes is the executor's
            yield _dead(futures[future])


def _dead(job: Job) -> Result:
    return Result(job.request, job.right, "failed", "the process that ran it died")


def _pool(workers: int) -> Executor:
    return ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_begin, initargs=(os.getpid(),))


def _begin(parent: int) -> None:
    # jsonschema, which nbformat imports, would have it compile a grammar: most of a worker's start, for a format that is in no notebook.
    sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]
    _end_with(parent)


def _end_with(parent: int) -> None:
    """Let this process end when the batch was killed: nobody would wait for its result."""

    def watch() -> None:
        while os.getppid() == parent:
            sleep(1)
        os._exit(1)

    Thread(target=watch, daemon=True).start()


@contextmanager
def cluster(address: str) -> Iterator[Executor]:
    """Yield an executor on a Dask cluster, whose workers see the same folders; raises `ClusterUnfit`."""
    try:
        from distributed import Client
    except ImportError:
        raise ClusterUnfit("dask.distributed is not installed", where=address, remedy="pip install 'dsar[cluster]'") from None
    try:
        client: Any = Client(address, timeout="10s")
    except (OSError, ValueError) as error:
        raise ClusterUnfit(f"no scheduler answers ({type(error).__name__})", where=address, remedy="start it, or correct --cluster") from None
    with client:
        threads = client.nthreads()
        if not threads or max(threads.values()) > 1:
            fault = "a worker runs several jobs at a time" if threads else "it has no workers"
            raise ClusterUnfit(fault, where=address, remedy="start its workers with `dask worker ADDRESS --nworkers N --nthreads 1`")
        yield client.get_executor(pure=False)
