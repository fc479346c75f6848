"""The systems that are erased from: their writing parts, and how many visitors share what remains of a line."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, cast

from dsar import values
from dsar.datamap import Address
from dsar.erase.jobs import Job
from dsar.erase.step import Step
from dsar.errors import DsarError, ErasureRefused
from dsar.find.dossier import Dossier
from dsar.law.retention import Crowd
from dsar.source import Can, Erasable, Eraser, Everyone, Result, Rows, Source
from dsar.workspace import Workspace


class Writing(NamedTuple):
    """What a source offers for writing; `error` says why there is no eraser."""

    eraser: Eraser | None
    can: Can
    error: DsarError | None


@dataclass(frozen=True)
class Outcome:
    """What came of one request in one source; `error` is why nothing could be done."""

    request: str
    source: str
    job: Job | None = None
    results: Mapping[str, Result] | None = None
    error: DsarError | None = None

    @property
    def done(self) -> bool:
        """Whether all changes are made, or in a dry run could be."""
        return self.error is None and all(r.state in {"done", "already"} for r in (self.results or {}).values())


def chosen(ws: Workspace, source: str | None) -> list[str]:
    """Return the sources that are meant: one, or all of the map; raises `ErasureRefused` where there is no such source."""
    if source is not None and source not in ws.datamap.sources:
        raise ErasureRefused("there is no such source in the map", where=source, remedy=f"name one of {', '.join(ws.datamap.sources)}")
    return [source] if source else list(ws.datamap.sources)


def writing(source: Source | DsarError) -> Writing:
    """Return the writing part of a source, or why it has none."""
    if isinstance(source, DsarError):
        return Writing(None, Can(), source)
    if not source.can.erase:
        return Writing(None, source.can, ErasureRefused("this system is erased from by hand", remedy="work off its checklist"))
    try:
        return Writing(cast("Erasable", source).eraser(), source.can, None)
    except DsarError as error:
        return Writing(None, source.can, error)


def crowds(opened: Mapping[str, Source | DsarError], dossiers: Iterable[Dossier], plans: Mapping[str, Sequence[Step]]) -> dict[str, dict[str, Crowd]]:
    """Return, per table of logs that lines are anonymised in, how many visitors share what remains of a line on the same days."""
    days: dict[Address, set[object]] = defaultdict(set)
    for dossier in dossiers:
        for step in plans[dossier.request.id]:
            if step.action == "anonymise" and dossier.datamap.table(step.address).is_log:
                at = (dossier.row(f"{step.address} {step.key}") or {}).get("at")
                days[step.address].add(at.date() if at else None)
    found: dict[str, dict[str, Crowd]] = defaultdict(dict)
    for address, wanted in days.items():
        source = opened[address.source]
        if isinstance(source, DsarError) or not source.can.everyone:
            continue
        crowd = found[address.source][address.table] = Crowd()
        for part in source.read(Everyone(address.table, ("client", "at", "request", "status", "referrer", "browser"))):
            for row in values.rows(part.frame) if isinstance(part, Rows) else ():
                if (at := row["at"]) and at.date() in wanted:  # type: ignore[attr-defined]
                    crowd.add(row)
    return found
