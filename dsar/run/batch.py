"""Hundreds of requests: collect once for all, then run one notebook per request and right.

A request that fails never stops the others, and a second run does only what is missing.
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor

from dsar.find.dossier import Dossier
from dsar.keep import tally
from dsar.request.request import Request
from dsar.run.jobs import MEMORY, Job, Result
from dsar.run.pool import run_all
from dsar.workspace import Workspace


def batch(
    workspace: Workspace,
    requests: Sequence[Request],
    *,
    workers: int = 2,
    executor: Executor | None = None,
    timeout: int = 600,
    memory: int = MEMORY,
    collecting: Callable[[str], None] = lambda _: None,
    planned: Callable[[int], None] = lambda _: None,
    finished: Callable[[Result], None] = lambda _: None,
) -> list[Result]:
    """Run what the requests ask for and return one result per request and right, in their order.

    `timeout` is in seconds per notebook cell, `memory` in bytes per notebook. `executor` runs them instead of `workers`
    processes of our own; see `run_all`. The callbacks tell which table is being read, how many notebooks will run, and each
    result as it comes.
    """
    behind = tally.changed(workspace.ledger, workspace.register)
    dossiers = workspace.collect_all([r for r in requests if r.id not in behind], progress=collecting)
    failing = {r for r, dossier in dossiers.items() if any(f.outcome.state == "failed" for f in dossier.tables.values())}
    results, jobs = _sorted(workspace, requests, dossiers, timeout, memory)
    for key in [(request.id, right) for request in requests if request.id in behind for right in request.rights]:
        results[key] = Result(*key, "failed", f"{tally.BEHIND}: {behind[key[0]]} — {tally.REMEDY}")
    jobs = [job for job in jobs if job.request not in behind]
    del dossiers  # thousands of snapshots; the notebooks read them from disk
    planned(len(jobs))
    for result in run_all(jobs, workers, executor):
        if result.state == "waiting" and result.request in failing:
            result = result._replace(state="failed")  # noqa: PLW2901 - a source that is down is nobody's turn
        results[result.request, result.right] = result
        finished(result)
    return [results[request.id, right] for request in requests for right in request.rights]


def preview(workspace: Workspace, requests: Sequence[Request]) -> list[Result]:
    """Return what a batch would do: no source is asked, no answer made. The register is opened, and so takes over `requests.csv`."""
    dossiers = workspace.kept(requests)
    results, jobs = _sorted(workspace, requests, dossiers, 0, 0)
    for job in jobs:
        collected = f"with the data of {dossiers[job.request].collected_at:%Y-%m-%d %H:%M} UTC" if job.request in dossiers else "once collected"
        results[job.request, job.right] = Result(job.request, job.right, "would run", collected)
    return [results[request.id, right] for request in requests for right in request.rights]


Results = dict[tuple[str, str], Result]


def _sorted(workspace: Workspace, requests: Sequence[Request], dossiers: dict[str, Dossier], timeout: int, memory: int) -> tuple[Results, list[Job]]:
    """Return the results that need no run, and the runs."""
    results: Results = {}
    jobs: list[Job] = []
    cases = workspace.register.cases([r.id for r in requests])
    for request in requests:
        dossier, was_open = dossiers.get(request.id), not cases[request.id].closed
        collected_at = dossier.collected_at.isoformat() if dossier else ""
        for right in request.rights:
            job = Job(request.id, right, workspace.root, collected_at, timeout, memory=memory, was_open=was_open)
            if not request.identity_settled and right != "complaint":  # which is acknowledged whoever makes it
                results[request.id, right] = Result(request.id, right, "waiting", "the requester's identity is not settled")
            elif dossier and job.done:
                when = f"with the data of {dossier.collected_at:%Y-%m-%d %H:%M} UTC"
                results[request.id, right] = Result(request.id, right, "already done", when)
            else:
                jobs.append(job)
    return results, jobs


def worst(results: Iterable[Result]) -> int:
    """Return the exit status of a batch: 1 if any failed, else 0."""
    return int(any(r.state == "failed" for r in results))
