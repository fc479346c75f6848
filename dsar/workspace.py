"""The folder that ties it together: the Python API of notebooks and of the `dsar` command."""

import importlib
import os
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cached_property
from importlib.metadata import entry_points
from pathlib import Path

from dsar import datamap as maps
from dsar import files
from dsar.answer import export as exports
from dsar.answer.publish import Written, withdraw
from dsar.datamap import DataMap
from dsar.erase import checklist as checklists
from dsar.erase.plan import plan
from dsar.errors import BadMap, DossierMissing, DsarError, WorkspaceMissing
from dsar.find import dossier as dossiers
from dsar.find.check import in_words
from dsar.find.collect import Clock, Progress, collect
from dsar.find.decisions import Code, Decision, Decisions
from dsar.find.dossier import Dossier
from dsar.law.deadlines import check_calendar
from dsar.listing import Listing, listing
from dsar.request.register import Request
from dsar.request.store import Register
from dsar.source import Settings, Source

MAP, REQUESTS, REGISTER = "dsar.toml", "requests.csv", "register.db"


def now() -> datetime:
    """Return the time in UTC, to the second; `DSAR_NOW` (ISO) sets it, so that a run can be repeated."""
    given = os.environ.get("DSAR_NOW")
    moment = datetime.fromisoformat(given) if given else datetime.now(UTC)
    return moment.astimezone(UTC).replace(microsecond=0)


def open_workspace(folder: str | Path | None = None) -> "Workspace":
    """Return the workspace in `folder`, else `$DSAR_WORKSPACE`, else the nearest above the current folder.

    Raises `WorkspaceMissing` where there is no `dsar.toml`, `BadMap` where it is not right, and
    `UnknownCalendar` where it names a calendar without public holidays.
    """
    named = folder or os.environ.get("DSAR_WORKSPACE")
    candidates = [Path(named)] if named else [Path.cwd(), *Path.cwd().parents]
    for candidate in candidates:
        if (candidate / MAP).is_file():
            datamap = maps.read(candidate / MAP)
            check_calendar(datamap.controller.calendar)
            return Workspace(candidate.resolve(), datamap)
    raise WorkspaceMissing(
        f"there is no {MAP} here", where=str(named or "."), remedy="name the folder with --workspace, or make one with `dsar init DIR`"
    )


@dataclass(frozen=True)
class Workspace:
    """A folder with a data map, requests, and one case folder per request."""

    root: Path
    datamap: DataMap
    clock: Clock = field(default=now, repr=False)

    @cached_property
    def register(self) -> Register:
        """The register: `register.db`, or the database that `$DSAR_REGISTER` names; what `requests.csv` says is taken over first."""
        url = os.environ.get("DSAR_REGISTER") or f"sqlite:///{self.root / REGISTER}"
        register = Register.open(url, self.datamap.controller, self.clock)
        register.follow(self.root / REQUESTS, self.datamap)
        return register

    @property
    def requests(self) -> dict[str, Request]:
        """The requests by id, in the order they were registered; raises `BadRequests` where `requests.csv` is not right."""
        return {i: case.request for i, case in self.register.cases().items()}

    def request(self, request_id: str) -> Request:
        """Return one request; raises `UnknownRequest`."""
        return self.register.case(request_id).request

    def case(self, request: Request) -> Path:
        """Return the request's case folder, made if missing; only its owner may enter."""
        files.private_dir(self.root / "cases")
        return files.private_dir(self.root / "cases" / request.id)

    @property
    def today(self) -> date:
        """The day it is at the controller's."""
        return self.clock().astimezone(self.datamap.controller.zone).date()

    def sources(self) -> dict[str, Source | DsarError]:
        """Return every source of the map, or the error that keeps it from being opened."""
        return {name: self._source(name) for name in self.datamap.sources}

    def _source(self, name: str) -> Source | DsarError:
        declared = self.datamap.sources[name]
        try:
            return connector(declared.connector)(Settings(name, declared, self.root, self.datamap.controller.region))
        except DsarError as error:
            return error
        except Exception as error:  # noqa: BLE001 - one source that cannot be opened does not end the others
            return in_words(error, f"sources.{name}")

    # -- find ------------------------------------------------------------------------------------

    def collect(self, request: Request, *, again: bool = False) -> Dossier:
        """Return the request's dossier: the snapshot on disk, or, without one or `again`, a fresh one."""
        snapshot = None if again else self.snapshot(request)
        return snapshot or self._collect([request])[request.id]

    def collect_all(self, requests: Iterable[Request], *, again: bool = False, progress: Progress = lambda _: None) -> dict[str, Dossier]:
        """Return dossiers by request id, collecting what is missing in one pass over the sources.

        A snapshot in which a table failed or waits is collected anew, unless somebody decided on it.
        """
        wanted = list(requests)
        kept = {} if again else {r.id: s for r in wanted if (s := self.snapshot(r)) and not self._worth_a_retry(r, s)}
        return kept | self._collect([r for r in wanted if r.id not in kept], progress)

    def _collect(self, requests: list[Request], progress: Progress = lambda _: None) -> dict[str, Dossier]:
        fresh = collect(requests, self.datamap, self.sources(), self.clock, progress) if requests else {}
        for request in requests:
            withdraw(self.case(request))  # what was written from an older snapshot is no answer any more
            fresh[request.id].save(self.case(request) / "dossier")
        return fresh

    def _worth_a_retry(self, request: Request, snapshot: Dossier) -> bool:
        unanswered = any(found.outcome.state in {"failed", "waiting"} for found in snapshot.tables.values())
        return unanswered and self._decisions(request, snapshot).get("part 1") is None

    def snapshot(self, request: Request) -> Dossier | None:
        """Return the dossier on disk, or None where there is none that fits."""
        try:
            return dossiers.load(self.root / "cases" / request.id / "dossier", request, self.datamap)
        except DossierMissing:
            return None

    # -- decide ----------------------------------------------------------------------------------

    def decisions(self, request: Request) -> Decisions:
        """Return what was decided on the request's present snapshot."""
        return self._decisions(request, self.collect(request))

    def _decisions(self, request: Request, dossier: Dossier) -> Decisions:
        return Decisions(self.case(request) / "decisions.json", dossier.collected_at)

    def decide(self, request: Request, code: Code, *, by: str, rest_by: date | None = None) -> Decision:
        """Record a decision on the present snapshot: 'free text read', or 'part 1' with the day the rest follows by."""
        return self.decisions(request).add(code, by, self.clock(), rest_by)

    def open_points(self, request: Request) -> Listing:
        """What stands between the request and a complete portability export: columns Table, What, To do."""
        points = exports.open_points(self.collect(request), self.decisions(request))
        return listing(("Table", "What", "To do"), [(p.table, p.what, p.remedy) for p in points], empty="Nothing is open.")

    # -- answer and erase ------------------------------------------------------------------------

    def portability(self, request: Request) -> Listing:
        """What is portable and what is not, and why: one line per table, legal basis and origin."""
        return exports.portability(self.collect(request))

    def export(self, request: Request) -> Written:
        """Write the portability workbook and package; raises `IdentityNotVerified`, `AnswerIncomplete`."""
        return exports.export(self.collect(request), self.case(request), self.decisions(request), self.today)

    def plan(self, request: Request) -> Listing:
        """What is to be erased, kept or waited for: columns What, Action, Columns, Why, Article, Until, Rows."""
        steps = plan(self.collect(request), self.today)
        lines = Counter(
            (self.datamap.table(s.address).label, s.action, ", ".join(s.columns) or "all", s.why, s.article, str(s.until or "")) for s in steps
        )
        columns = ("What", "Action", "Columns", "Why", "Article", "Until", "Rows")
        return listing(columns, ((*line, rows) for line, rows in lines.items()), empty="Nothing was found, so there is nothing to erase.")

    def checklist(self, request: Request) -> Written:
        """Write one deletion worklist per system; raises `IdentityNotVerified`, `AnswerIncomplete`."""
        return checklists.checklist(self.collect(request), self.case(request), self.decisions(request), self.today)


def connector(name: str) -> Callable[[Settings], Source]:
    """Return a connector's class, named as `module:Class` or by entry point; raises `BadMap` naming what there is."""
    known = {point.name: point.value for point in entry_points(group="dsar.sources")}
    module, _, cls = known.get(name, name).partition(":")
    try:
        found: Callable[[Settings], Source] = getattr(importlib.import_module(module), cls)
    except (ImportError, AttributeError, ValueError) as error:
        raise BadMap(f"there is no connector '{name}'", remedy=f"use one of {', '.join(sorted(known))}, or module:Class") from error
    return found
