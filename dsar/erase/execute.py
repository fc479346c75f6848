"""Assisted execution: the changes of a job made through a source's writing part, undone as a whole where it can, resumed after a kill."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from filelock import FileLock, Timeout

from dsar import files, keys
from dsar.erase.jobs import Job
from dsar.errors import ErasureRefused
from dsar.find.collect import Clock
from dsar.keep.ledger import Entry, Ledger
from dsar.source import Can, Change, Eraser, Result

_FAILED = {"changed since", "refused"}


class _Stop(Exception):
    pass


@contextmanager
def alone(root: Path, source: str) -> Iterator[None]:
    """Let no two programs of this workspace change the same source at once; raises `ErasureRefused`."""
    try:
        held = FileLock(files.private_dir(root / "secrets") / f"{source}.lock", timeout=0, mode=0o600).acquire()
    except Timeout as error:
        raise ErasureRefused("another run is erasing in this system", where=source, remedy="wait until it has ended") from error
    with held:
        yield


def run(ledger: Ledger, secret: bytes, case: Path, job: Job, eraser: Eraser, can: Can, clock: Clock, by: str) -> Job:
    """Make the changes of a job and return it with what came of each; it is on disk before the first and after the last.

    Where a source keeps transactions, one change that cannot be made undoes all. Raises what the eraser raises; the job then
    stays begun, and the next run takes it up.
    """
    job = replace(job, state="begun", at=clock())
    job.save(case)
    ledger.add([Entry("erasure begun", job.request, by, {"source": job.source, "steps": len(job.changes)})])
    results = tried(eraser, job.left, commit=True, whole=can.transactional)
    job = job.with_results(results, clock())
    job.save(case)
    done = {_known(secret, job, c): results[c.steps[0]].state for c in job.changes if c.steps[0] in results}
    ledger.add([Entry("erasure ended", job.request, by, {"source": job.source, "state": job.state, "rows": done})])
    return job


def tried(eraser: Eraser, changes: Sequence[Change], *, commit: bool, whole: bool) -> dict[str, Result]:
    """Return what comes of each change; nothing is made last without `commit`, or where one fails of what goes `whole` or not at all."""
    results: dict[str, Result] = {}
    if not changes:
        return results
    with suppress(_Stop), eraser.begin(changes, commit=commit) as made:
        for change in changes:
            # Where one fails alone, what has to go after it stays: the rest could not be found again.
            stuck = not whole and any(a in results and results[a].state in _FAILED for a in change.after)
            results[change.steps[0]] = Result("refused", "what has to go before it could not be changed") if stuck else made.apply(change)
        if whole and any(r.state in _FAILED for r in results.values()):
            raise _Stop
    if whole and any(r.state in _FAILED for r in results.values()):
        undone = Result("refused", "undone with the others")
        results = {step: undone if r.state == "done" else r for step, r in results.items()}
    return results


def _known(secret: bytes, job: Job, change: Change) -> str:
    """Return by what the ledger knows a row."""
    return keys.keyed(secret, job.source, change.table, *map(str, change.key))[:32]
