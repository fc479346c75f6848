"""Forgetting on time: what was gathered for requests goes by schedule, what explains them stays as case summaries.

    for outcome in purge.purge(ws, by=…):      # dry_run=True: says what would go, and touches nothing
        outcome.gone, outcome.waits, outcome.against

A killed run is completed by the next. Its order sees to that: summary first, then what several requests share, then the mark
that a stage is gone (in the ledger and in the summary), then the files.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import partial

from dsar import files
from dsar.answer import nearby
from dsar.errors import DsarError
from dsar.keep import left, vault
from dsar.keep import purge as purging
from dsar.keep import summary as kept
from dsar.keep.ledger import Entry
from dsar.keep.summary import STAGES, CaseSummary, Stage
from dsar.request.case import Case
from dsar.request.listed import ID
from dsar.run import aged, leftover, shared, summaries
from dsar.run.retained import against, still_there
from dsar.workspace import INTAKE, REQUESTS, Workspace

_ASTRAY = "its request is in no register, so no purge comes to it: find out whose it is; bring the register back, or delete it by hand"
_UNCONFIRMED = "nobody confirmed it, or a question is left: `dsar register confirm` it, or delete it if none of its letters is a request"


@dataclass(frozen=True)
class Outcome:
    """What became of one request: stages that went now (or would), the day of the next, and why nothing does.

    `request` is its id, or the place of a file that belongs to none.
    """

    request: str
    gone: tuple[Stage, ...] = ()
    files: int = 0
    waits: tuple[tuple[Stage, date], ...] = ()
    against: tuple[str, ...] = ()
    stays: tuple[str, ...] = ()  # rows that its erasure left in the systems, and that nobody could find any more by what was purged
    left: tuple[str, ...] = ()  # files of the workspace that still hold a value of the person: nobody but a person can say whose they are
    unread: tuple[str, ...] = ()  # files that could not be looked into
    changed: tuple[str, ...] = ()  # files that were named at the last purge, and were changed since
    error: str = ""
    summary: bool = True  # False: its day had come too, and it went in the same run


def purge(workspace: Workspace, requests: Sequence[str] | None = None, *, by: str, dry_run: bool = False) -> list[Outcome]:
    """Purge what is due of these requests (all when none is named), and return one outcome per request."""
    cases = workspace.register.cases()
    chosen = [case for i, case in cases.items() if requests is None or i in requests]
    outcomes = [_tried(c.request.id, partial(_purged, workspace, c, cases, by=by, dry_run=dry_run)) for c in chosen]
    outcomes += [
        Outcome(f"{INTAKE}/{name}", ("working copies",), 1) if confirmed else Outcome(f"{INTAKE}/{name}", against=(_UNCONFIRMED,))
        for name, confirmed in (shared.intake(workspace, dry_run=dry_run) if requests is None else {}).items()
    ]
    outcomes += _astray(workspace, cases) if requests is None else []
    if dry_run:
        return outcomes
    outcomes += [_tried(i, partial(_again, workspace, i, cases)) for i in left.requests(workspace.root) if i not in cases and requests is None]
    old = aged.take(workspace, by)
    return [replace(o, summary=o.request not in old.summaries) for o in outcomes] + [Outcome(f, error=why) for f, why in old.faults.items()]


def _astray(workspace: Workspace, cases: Mapping[str, Case]) -> Iterator[Outcome]:
    """Yield the case folders that no purge will come to; one whose name nobody of us gave is not named."""
    for folder in sorted(path for path in (workspace.root / "cases").glob("*/") if path.name not in cases):
        yield Outcome(f"cases/{folder.name if ID.fullmatch(folder.name) else '…'}", error=_ASTRAY)


def _tried(name: str, purged: Callable[[], Outcome]) -> Outcome:
    try:
        return purged()
    except OSError as error:
        return Outcome(name, error=f"{type(error).__name__}: close what has a file of it open, then purge again")
    except DsarError as error:
        return Outcome(name, error=str(error))
    except ValueError as error:  # what readers of files raise for one that is cut; its words may quote it
        return Outcome(name, error=f"{type(error).__name__}: a file of its case folder cannot be read, and only what is read can be purged")


def _purged(workspace: Workspace, case: Case, cases: Mapping[str, Case], *, by: str, dry_run: bool) -> Outcome:
    name = case.request.id
    summary = summaries.of(workspace, case)
    due, done = purging.due(summary, workspace.datamap.purge), purging.standing(summary)
    now = tuple(stage for stage in STAGES if stage in due and stage not in done and due[stage] <= workspace.today)
    waits = tuple((stage, due[stage]) for stage in STAGES if stage in due and stage not in done and stage not in now)
    if reasons := against(workspace, case, cases) if now or not summary.closed else []:
        return Outcome(name, waits=waits, against=tuple(reasons))
    stays = tuple(still_there(workspace, case)) if "working copies" in now else ()
    if dry_run:
        return Outcome(name, now, waits=waits, stays=stays)
    count = _completed(workspace, name, done)
    if not now:
        return replace(_again(workspace, name, cases), files=count, waits=waits)
    looker = leftover.Looker(workspace, name, shared.needles(workspace, case), cases)
    looker.owe()
    count += sum(_stage(workspace, case, cases, stage, by) for stage in now if stage != "register")
    look = looker.around()  # before the line goes, since no run after that knows what to look for
    if "register" in now:
        _stage(workspace, case, cases, "register", by)
        look = leftover.Look(look.left + looker.register().left, look.unread, look.changed)
    return Outcome(name, now, count, waits, stays=stays, **look._asdict())


def _again(workspace: Workspace, name: str, cases: Mapping[str, Case]) -> Outcome:
    """Look again where the last look was not clean, or a run was killed before it."""
    if left.read(workspace.root, name) is None:
        return Outcome(name)
    known = shared.needles(workspace, cases[name]) if name in cases else ()
    return Outcome(name, **leftover.Looker(workspace, name, known, cases).around()._asdict())


def _completed(workspace: Workspace, name: str, done: frozenset[Stage]) -> int:
    """Take what a killed run left of stages that are marked as gone."""
    folder = workspace.root / "cases" / name
    if "register" in done:  # its line is there still, or nobody would ask
        _struck(workspace, name)
    count = sum(purging.clear(folder, stage) for stage in STAGES if stage in done and stage != "register")
    if count:
        vault.seal(workspace.root)
    return count


def _stage(workspace: Workspace, case: Case, cases: Mapping[str, Case], stage: Stage, by: str) -> int:
    summary = summaries.of(workspace, case)
    if stage == "working copies":
        kept.write(workspace.root, summary)  # whatever happens now, the request can be explained
        shared.clear(workspace, [case], [c for c in cases.values() if _needs_files(workspace, c) and c.request.id != case.request.id])
    marked = summary.model_copy(update={"purged": {**_since(summary), stage: workspace.clock()}})
    name, details = case.request.id, {"stage": stage, "summary": files.digest(kept.as_written(marked))}
    # Before anything goes: the ledger is compared with the register, and has to know why a line is missing there.
    workspace.ledger.add([Entry("register line purged" if stage == "register" else "purged", name, by, details)])
    kept.write(workspace.root, marked)
    if stage == "register":
        _struck(workspace, name)
        return 0
    count = purging.clear(workspace.root / "cases" / name, stage)
    vault.seal(workspace.root)  # while the register's line is there: without it no later run would look for what is sealed still
    return count


def _struck(workspace: Workspace, name: str) -> None:
    # The index first, since after the line no run comes back to it; parts of their identifiers stand in it, and it is made anew.
    (workspace.root / "cases" / nearby.FILE).unlink(missing_ok=True)
    workspace.register.purge(name, workspace.root / REQUESTS)


def _since(summary: CaseSummary) -> dict[Stage, datetime]:
    return {stage: at for stage, at in summary.purged.items() if stage in purging.standing(summary)}


def _needs_files(workspace: Workspace, case: Case) -> bool:
    return "working copies" not in purging.standing(summaries.of(workspace, case))
