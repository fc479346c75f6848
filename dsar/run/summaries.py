"""Every request as a case summary: read where its files are purged, reckoned where they are still there."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from dsar import files
from dsar.datamap import DataMap
from dsar.erase import record as erasures
from dsar.find import counted
from dsar.find.decisions import Decision, Decisions
from dsar.find.review import Rulings
from dsar.keep import asof, bundle
from dsar.keep import summary as kept
from dsar.keep.purge import standing
from dsar.keep.summary import CaseSummary, Clock, Decided, Happened, Put, Ruled, Searched, Stays
from dsar.request.case import Case
from dsar.request.events import Event
from dsar.run.impersonal import Impersonal
from dsar.workspace import Workspace

LEFT = ("outbox", "delivery", bundle.FOLDER, "letters", "worklists", "certificates")  # folders of a case with what leaves, or proves
_FROM_FILES = (
    "collected_at", "searched", "rulings", "decisions", "erasure", "verified_at", "verified", "files", "tool", "map_sha256", "rights_sha256",
    "templates_sha256", "purged",
)  # fmt: skip


def summaries(workspace: Workspace) -> list[CaseSummary]:
    """Return one summary per request, in the order they were registered; those purged from the register come last."""
    cases = workspace.register.cases()
    live = [of(workspace, case) for case in cases.values()]
    return [*live, *(s for s in kept.written(workspace.root) if s.request not in cases)]


def of(workspace: Workspace, case: Case) -> CaseSummary:
    """Return a case's summary as it is now; what stood in files that are purged comes from the summary written then."""
    before = kept.read(workspace.root, case.request.id)
    only = Impersonal(workspace, case)
    said = _registered(case, only)
    if before is not None and standing(before.model_copy(update={"events": said["events"]})):
        there = {name: getattr(before, name) for name in _FROM_FILES}
        return CaseSummary(**said, **there | {"files": tuple(f.model_copy(update={"name": only.files(f.name)}) for f in before.files)})
    return CaseSummary(**said, **_filed(workspace, workspace.root / "cases" / case.request.id, only), purged=before.purged if before else {})


def _registered(case: Case, only: Impersonal) -> dict[str, Any]:
    """Return what the register says, without what anybody is known by and without free text."""
    request = case.request
    return {
        "request": request.id,
        "received": request.received,
        "channel": case.channel,
        "requester": case.requester,
        "regime": request.regime or case.controller.regime,
        "calendar": request.calendar or case.controller.calendar,
        "language": case.language,
        "rights": request.rights,
        "kinds": tuple(dict.fromkeys(i.kind for i in request.identifiers)),
        "handler": only.value("handler", case.handler),
        "closed": case.closed,
        "no_reasonable_doubt": bool(request.no_reasonable_doubt),
        "linked": tuple(only.value("linked", case.duplicates)),
        "events": tuple(_happened(event, only) for event in case.events),
        "clocks": tuple(_clock(case, right, only) for right in request.rights),
    }


def _happened(event: Event, only: Impersonal) -> Happened:
    codes = only.details(event.details)
    return Happened(on=event.on, at=datetime.fromisoformat(event.at), kind=event.kind, right=event.right, by=event.by, details=codes)


def _clock(case: Case, right: str, only: Impersonal) -> Clock:
    counted_ = case.deadlines[right]
    decided, extended = case.last("decided", right), case.last("extended", right)
    days = {name: getattr(counted_, name) for name in ("state", "start", "due", "cautious", "target", "notify_extension_by", "excluded_days")}
    return Clock(
        right=right,
        **days,
        reasoning=counted_.reasoning,
        extended_because=extended.details["reason"] if extended else "",
        outcome=decided.details["outcome"] if decided else "",
        decided_on=decided.on if decided else None,
        decided_by=decided.by if decided else "",
        grounds=tuple(only.value("grounds", decided.details.get("grounds", ()))) if decided else (),
    )


def _filed(workspace: Workspace, case: Path, only: Impersonal) -> dict[str, Any]:
    """Return what the case folder says, by counts."""
    found = counted.counts(case / "dossier")
    seen = erasures.load_verified(case)
    as_of = asof.noted(case)
    return {
        "collected_at": found.collected_at if found else None,
        "searched": tuple(_searched(workspace.datamap, table) for table in found.tables) if found else (),
        "rulings": tuple(_rulings(case)),
        "decisions": tuple(Decided(code=d.code, by=d.by, on=d.on, rest_by=d.rest_by) for d in _decisions(case)),
        "erasure": tuple(_stays(case)),
        "verified_at": seen.at if seen else None,
        "verified": dict(Counter[str](v.state for v in seen.verdicts)) if seen else {},
        "files": tuple(_put(case, only)),
        "tool": as_of.tool,
        "map_sha256": as_of.map,
        "rights_sha256": as_of.rights,
        "templates_sha256": as_of.templates,
    }


def _searched(datamap: DataMap, table: counted.Counted) -> Searched:
    source, _, name = table.table.partition(".")
    system = datamap.sources.get(source)
    known = system.tables.get(name) if system else None
    names = ("state", "why", "rows", "held", "company", "withheld", "others", "cells", "malformed", "unreadable", "searched_by", "collected_at")
    return Searched(
        table=table.table,
        system=system.label if system else source,
        label=known.label if known else name,
        clients=len(table.outcome["clients"]),
        holds=dict(table.holds),
        **{n: table.outcome[n] for n in names},
    )


def _rulings(case: Path) -> Iterator[Ruled]:
    rulings = Rulings.read(case / "review.json").found.values()
    alike = Counter((r.table, r.code, r.choice, r.by, r.second) for r in rulings)
    for (table, code, choice, by, second), items in alike.items():
        yield Ruled(table=table, held_as=code, choice=choice, by=by, second=second, items=items)


def _decisions(case: Path) -> tuple[Decision, ...]:
    return Decisions(case / "decisions.json", datetime.min.replace(tzinfo=UTC)).all()


def _stays(case: Path) -> Iterator[Stays]:
    steps = erasures.load_plan(case, case.name) if erasures.has_plan(case) else ()
    alike: dict[tuple[str, str, str, str], list[date | str]] = {}
    for step in steps:
        alike.setdefault((str(step.address), step.action, step.why, step.article), []).append(step.until or "")
    for (table, action, why, article), until in alike.items():
        last = max((u for u in until if isinstance(u, date)), default=None)
        words = sorted({u for u in until if isinstance(u, str) and u})
        yield Stays(table=table, action=action, why=why, article=article, until="; ".join([*words, *([str(last)] if last else [])]), rows=len(until))


def _put(case: Path, only: Impersonal) -> Iterator[Put]:
    for folder in LEFT:
        for file in sorted(p for p in (case / folder).rglob("*") if p.is_file() and not p.name.startswith(".")):
            yield Put(folder=file.parent.relative_to(case).as_posix(), name=only.files(file.name), sha256=files.sha256(file))
