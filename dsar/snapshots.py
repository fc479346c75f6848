"""The dossiers of a workspace: as they lie on the disk, and asked for anew where they are missing, old or incomplete.

Requests are collected by one process and thread after the other, all that are wanted in one pass over the sources.
"""

import importlib
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import cast

from filelock import FileLock

from dsar import files, plugins
from dsar.answer import searches
from dsar.answer.publish import withdraw
from dsar.datamap import DataMap
from dsar.erase.record import remembered as known_rows
from dsar.errors import BadMap, DossierMissing, DsarError
from dsar.find import between, compare
from dsar.find import dossier as dossiers
from dsar.find.check import in_words
from dsar.find.collect import Clock, Progress, collect
from dsar.find.decisions import Decisions
from dsar.find.dossier import Dossier
from dsar.find.review import Rulings
from dsar.keep import asof, bundle, purge, record, summary
from dsar.keep.ledger import Ledger
from dsar.patience import Waiting, patience
from dsar.request.register import Register
from dsar.request.request import Request
from dsar.source import Asker, Settings, Source


@dataclass(frozen=True)
class Snapshots:
    """What was found for each request of a workspace, and when."""

    root: Path
    datamap: DataMap
    clock: Clock
    register: Register
    ledger: Ledger

    def case(self, request: Request) -> Path:
        """Return the request's case folder, made if missing; only its owner may enter."""
        return case_folder(self.root, request)

    def rulings(self, request: Request) -> Rulings:
        """Return what was ruled on rows of a request that are held."""
        return Rulings.read(self.root / "cases" / request.id / "review.json")

    def decisions(self, request: Request, dossier: Dossier) -> Decisions:
        """Return what was decided on a snapshot."""
        return Decisions(self.case(request) / "decisions.json", dossier.collected_at)

    def latest(self, request: Request) -> Dossier | None:
        """Return the dossier on disk, whatever was ruled since, or None where there is none that fits the request and the map."""
        try:
            return dossiers.load(self.root / "cases" / request.id / "dossier", request, self.datamap)
        except DossierMissing:
            return None

    def valid(self, request: Request) -> Dossier | None:
        """Return the dossier on disk, or None where none fits, a ruling was made since, or its run died before the ledger told of it."""
        dossier = self.latest(request) if asof.stands(self.root / "cases" / request.id) else None
        return dossier if dossier and dossier.ruled == self.rulings(request).fingerprint else None

    def fresh(self, request: Request) -> Dossier:
        """Return a snapshot that an answer may be made from: asked again where it is old and nothing was made from it yet."""
        snapshot = self.valid(request)
        return self.one(request, again=snapshot is not None and self._stale(request, snapshot))

    def kept(self, requests: Iterable[Request]) -> dict[str, Dossier]:
        """Return the snapshots, by request id, that `all` would not collect anew."""
        return {r.id: s for r in requests if (s := self.valid(r)) and not self._worth_a_retry(r, s) and not self._stale(r, s)}

    def one(self, request: Request, *, again: bool = False) -> Dossier:
        """Return the request's dossier: the snapshot on disk, or, without one or `again`, a fresh one."""
        self.sweep([request])
        if not again and (snapshot := self.valid(request)):
            return snapshot
        with self._alone(), patience("asking the sources") as waiting:
            return (None if again else self.valid(request)) or self._collect([request], self._telling(waiting))[request.id]

    def all(self, requests: Iterable[Request], *, again: bool = False, progress: Progress | None = None) -> dict[str, Dossier]:
        """Return dossiers by request id, collecting what is missing in one pass over the sources.

        A snapshot in which a table failed or waits is collected anew, unless somebody decided on it.
        """
        wanted = list(requests)
        self.sweep(wanted)
        with self._alone(), patience("asking the sources") if progress is None else nullcontext() as waiting:
            kept = {} if again else self.kept(wanted)
            return kept | self._collect([r for r in wanted if r.id not in kept], progress or self._telling(waiting))

    def sweep(self, requests: Iterable[Request]) -> None:
        """Take away what runs that were killed left unfinished: it holds people's data, and nobody would look for it."""
        files.sweep_scratch()
        files.sweep(self.root, depth=1)
        for folder in ("worklists", *(f"cases/{request.id}" for request in requests)):
            files.sweep(self.root / folder)

    def purged(self, request: Request) -> bool:
        """Whether the files of a request were purged, and nobody opened it anew since."""
        found = summary.read(self.root, request.id)
        return found is not None and bool(purge.standing(found)) and self.register.case(request.id).closed

    def _alone(self) -> FileLock:
        """Return the lock under which requests are collected, one process and thread after the other.

        Two at a time would each look for people who reach the same rows among snapshots that the other has not written yet.
        """
        return FileLock(files.private_dir(self.root / "cases") / ".collecting", mode=0o600, is_singleton=True)

    def _telling(self, waiting: Waiting | None) -> Progress:
        """Return what tells a wait which table is being read."""
        tables, seen = sum(1 for _ in self.datamap.tables()), set[str]()

        def tell(table: str) -> None:
            if waiting:
                waiting(f"reading {table}", len(seen), tables)
            seen.add(table)

        return tell

    def _collect(self, requests: list[Request], progress: Progress) -> dict[str, Dossier]:
        if not requests:
            return {}
        if gone := [r.id for r in requests if self.purged(r)]:
            raise DossierMissing("its files were purged; the case summary is what is left", where=gone[0], remedy="reopen it to work on it again")
        sources = opened(self.root, self.datamap)
        fresh = self._asked(requests, sources, progress)
        cases = self.register.cases()
        everybody = (case.request for case in cases.values())
        if met := between.earlier(fresh, (s for r in everybody if r.id not in fresh and (s := self.latest(r)))):
            fresh = self._asked([*requests, *met], sources, progress)
            requests = [*requests, *(r for r in met if not cases[r.id].closed)]
        askers = [cast("Asker", s) for s in sources.values() if not isinstance(s, DsarError) and s.can.asks_people]
        if askers:
            searches.write(self.root, [search for asker in askers for search in asker.searches()], self.datamap.controller)
        for request in requests:
            if case := cases.get(request.id):
                bundle.keep(self.case(request), case)
            self._save(request, fresh[request.id])
        self.ledger.add(record.collected((fresh[r.id] for r in requests), self.register.secret))
        asof.note(self.root, [self.case(r) for r in requests])  # last: what lacks it is collected anew
        return {r.id: fresh[r.id] for r in requests}

    def _asked(self, requests: list[Request], sources: dict[str, Source | DsarError], progress: Progress) -> dict[str, Dossier]:
        rulings = {r.id: self.rulings(r) for r in requests}
        remembered = {r.id: known for r in requests if (known := known_rows(self.root / "cases" / r.id, r))}
        return collect(requests, self.datamap, sources, self.clock, progress, rulings, remembered)

    def _save(self, request: Request, dossier: Dossier) -> None:
        folder = self.case(request)
        asof.forget(folder)
        withdraw(folder)  # what was written from an older snapshot is no answer any more
        if before := self.latest(request):
            compare.save(before, dossier, folder / "difference.json")
        dossier.save(folder / "dossier")

    def _stale(self, request: Request, snapshot: Dossier) -> bool:
        age = self.clock() - snapshot.collected_at
        made = any((self.case(request) / folder).is_dir() and any((self.case(request) / folder).iterdir()) for folder in ("outbox", "worklists"))
        from_the_future = age < -timedelta(minutes=5)  # the clock was set back: nobody knows how old it is
        return (from_the_future or age > timedelta(hours=self.datamap.controller.fresh_hours)) and not made

    def _worth_a_retry(self, request: Request, snapshot: Dossier) -> bool:
        unanswered = any(found.outcome.state in {"failed", "waiting"} for found in snapshot.tables.values())
        return unanswered and self.decisions(request, snapshot).get("part 1") is None


def case_folder(root: Path, request: Request) -> Path:
    """Return a request's case folder, made if missing; only its owner may enter."""
    files.private_dir(root / "cases")
    return files.private_dir(root / "cases" / request.id)


def opened(root: Path, datamap: DataMap) -> dict[str, Source | DsarError]:
    """Return every source of the map, or the error that keeps it from being opened."""
    return {name: _source(name, root, datamap) for name in datamap.sources}


def _source(name: str, root: Path, datamap: DataMap) -> Source | DsarError:
    declared = datamap.sources[name]
    try:
        return connector(declared.connector)(Settings(name, declared, root, datamap.controller.region))
    except DsarError as error:
        return error
    except Exception as error:  # noqa: BLE001 - one source that cannot be opened does not end the others
        return in_words(error, f"sources.{name}")


def connector(name: str) -> Callable[[Settings], Source]:
    """Return a connector's class, named as `module:Class` or by entry point; raises `BadMap` naming what there is."""
    known = plugins.sources()
    module, _, cls = known.get(name, name).partition(":")
    try:
        found: Callable[[Settings], Source] = getattr(importlib.import_module(module), cls)
    except (ImportError, AttributeError, ValueError) as error:
        raise BadMap(f"there is no connector '{name}'", remedy=f"use one of {', '.join(sorted(known))}, or module:Class") from error
    return found
