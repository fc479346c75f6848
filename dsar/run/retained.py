"""What stands against purging a request: as long as anything of it is owed, open, held or restricted, all of it stays."""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from dsar.erase import jobs, record
from dsar.erase.verify import Verification
from dsar.find import counted
from dsar.request.case import Case
from dsar.run.logs import covers
from dsar.workspace import Workspace

_ANSWERED = {"granted", "partial"}


def against(workspace: Workspace, case: Case, cases: Mapping[str, Case]) -> list[str]:
    """Return each reason why nothing of a case is purged now, in words; names no person."""
    if not case.closed:
        return ["it is open"]
    return [*_of_the_case(case), *_of_the_person(case, cases), *_of_the_files(workspace, case)]


def _of_the_case(case: Case) -> Iterator[str]:
    kept, let_go = (max((n for n, e in enumerate(case.events) if e.kind == kind), default=-1) for kind in ("kept back", "let go"))
    if kept > let_go:
        yield f"{case.events[kept].by} keeps it back since {case.events[kept].on}"
    if covers(case):
        yield "what it restricts is restricted still"


def _of_the_person(case: Case, cases: Mapping[str, Case]) -> Iterator[str]:
    """Yield the open requests that may be by the same person: what this one holds may have to be told in them (s.173 DPA 2018)."""
    mine = {(i.kind, i.value) for i in case.request.identifiers}
    for other in cases.values():
        if other.request.id == case.request.id:
            continue
        same = mine & {(i.kind, i.value) for i in other.request.identifiers} or case.request.id in other.duplicates
        if same and not other.closed:
            yield (
                f"a complaint is running: {other.request.id}"
                if "complaint" in other.request.rights
                else f"{other.request.id} may be theirs, and is open"
            )
        elif same and covers(other):
            yield f"what {other.request.id} restricts is restricted still"


def _of_the_files(workspace: Workspace, case: Case) -> Iterator[str]:
    folder = workspace.root / "cases" / case.request.id
    closed = case.last("closed")
    answered = {*case.outcomes.values(), closed.details["outcome"] if closed else ""} & _ANSWERED
    found = counted.counts(folder / "dossier")
    held = sum(t.outcome["held"] + t.outcome["cells"] for t in found.tables) if found else 0
    if held and answered:
        yield f"{held} rows or cells are held, and nobody ruled on them"
    if [job for job in jobs.all_of(folder) if job.state == "begun"]:
        yield "an erasure was begun and not completed"
    if record.has_plan(folder) and answered:
        yield from _of_the_erasure(record.load_verified(folder))
    elif case.outcomes.get("erasure") in _ANSWERED and found and sum(t.outcome["rows"] for t in found.tables) and not record.has_plan(folder):
        yield "its erasure was granted, and nobody planned it or looked what became of it: `dsar erase` plans it, `dsar verify` looks"
    elif _erased(folder) and record.load_verified(folder) is None:
        yield "rows were erased before it was closed, and nobody looked yet what became of that"


def _of_the_erasure(seen: Verification | None) -> Iterator[str]:
    if seen is None:
        yield "nobody looked yet what became of its erasure"
    elif not seen.passed:
        yield "its erasure is not complete, as last looked at"
    elif waiting := sum(v.state == "pending event" for v in seen.verdicts):
        yield f"{waiting} rows wait to be erased until something happens"


def _erased(folder: Path) -> bool:
    return any(job.results for job in jobs.all_of(folder))


def still_there(workspace: Workspace, case: Case) -> Iterator[str]:
    """Yield, table by table, how many rows the erasure of a request that was not granted to its end left, as last looked at."""
    folder = workspace.root / "cases" / case.request.id
    seen = record.load_verified(folder) if record.has_plan(folder) and _erased(folder) else None
    left = Counter(v.address for v in seen.verdicts if v.fault or v.state == "pending event") if seen else Counter()
    for address, rows in sorted(left.items()):
        yield f"{rows} rows of {address} stay, that its erasure was to take"
