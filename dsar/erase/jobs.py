"""What is to be changed in one source for one request, as it was decided, and how far it has come.

A job lies in the case folder (`erasure/jobs/<source>.json`). It is written before the first change and after the last, so that a
run that was killed goes on from it: the rows that led to others may be gone by then, and could not be found again.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal

from dsar import files, values
from dsar.datamap import Address
from dsar.erase.step import CHANGES, Step
from dsar.find.dossier import Dossier
from dsar.law.retention import Crowd, anonymised
from dsar.source import Change, Result

State = Literal["planned", "begun", "done"]
_FOLDER = "erasure/jobs"  # of their own: a source may have any name


@dataclass(frozen=True)
class Job:
    """The changes of one request in one source, and what came of each (by its first step)."""

    request: str
    source: str
    changes: tuple[Change, ...]
    state: State
    at: datetime
    results: Mapping[str, Result]
    labels: Mapping[str, str]  # step → `anonymised` or `reduced`, for lines of logs

    @property
    def left(self) -> tuple[Change, ...]:
        """The changes that are not made yet."""
        return tuple(c for c in self.changes if c.steps[0] not in self.results or self.results[c.steps[0]].state not in {"done", "already"})

    def with_results(self, results: Mapping[str, Result], at: datetime) -> "Job":
        """Return the job as it stands after a run."""
        known = {**self.results, **results}
        done = all(known.get(c.steps[0], Result("refused")).state in {"done", "already"} for c in self.changes)
        return replace(self, results=known, state="done" if done else "planned", at=at)

    def save(self, case: Path) -> None:
        """Write it down, whole or not at all."""
        folder = files.private_dir(case / _FOLDER)
        files.write_atomic(folder / f"{self.source}.json", json.dumps(asdict(self), indent=1, default=_json))


def load(case: Path, source: str) -> Job | None:
    """Return the job of a source, or None where nothing was planned yet."""
    path = case / _FOLDER / f"{source}.json"
    return _job(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else None


def all_of(case: Path) -> Iterator[Job]:
    """Yield the jobs of a case."""
    for path in sorted((case / _FOLDER).glob("*.json")):
        yield _job(json.loads(path.read_text(encoding="utf-8")))


def planned(dossier: Dossier, steps: Sequence[Step], source: str, at: datetime, crowds: Mapping[str, Crowd] | None = None) -> Job:
    """Return the job that the steps of one source make: one change a row, in the order of the plan."""
    by_row: dict[tuple[Address, str], list[Step]] = {}
    for step in steps:
        if step.address.source == source and (step.action in CHANGES or step.new):
            by_row.setdefault((step.address, step.key), []).append(step)
    changes, labels = [], {}
    for (address, key), mine in by_row.items():
        row = dossier.row(f"{address} {key}")
        assert row is not None
        new: dict[str, object] | None = {c: v for step in mine for c, v in step.new.items()}
        whole = any(step.action == "anonymise" for step in mine)
        if dossier.datamap.table(address).is_log:
            new, labels[mine[0].id] = anonymised(_own(row), (crowds or {}).get(address.table, Crowd()))
        elif any(step.action == "erase" for step in mine):
            new = None
        elif not new:
            continue  # to be anonymised, and nothing in it names anybody
        rest = dossier.datamap.table(address).own_hash({c: v for c, v in row.items() if c not in new}) if new is not None else ""
        changes.append(
            Change(
                tuple(s.id for s in mine),
                address.table,
                tuple(json.loads(key)),
                mine[0].seen,
                new,
                rest,
                whole,
                tuple(dict.fromkeys(a for s in mine for a in s.after)),
            )
        )
    return Job(dossier.request.id, source, tuple(changes), "planned", at, {}, labels)


def _own(row: Mapping[str, Any]) -> dict[str, object]:
    return {c: v for c, v in row.items() if not c.startswith("dsar_")}


def _json(value: object) -> object:
    if isinstance(value, datetime) or not isinstance(value, date):
        return values.as_text(value)
    return {"date": value.isoformat()}


def _job(entry: dict[str, Any]) -> Job:
    changes = tuple(
        Change(tuple(c["steps"]), c["table"], tuple(c["key"]), c["seen"], _new(c["new"]), c["rest"], c["whole"], tuple(c["after"]))
        for c in entry["changes"]
    )
    results = {step: Result(*result) for step, result in entry["results"].items()}
    return Job(entry["request"], entry["source"], changes, entry["state"], datetime.fromisoformat(entry["at"]), results, entry["labels"])


def _new(entry: Mapping[str, Any] | None) -> dict[str, object] | None:
    if entry is None:
        return None
    return {c: date.fromisoformat(v["date"]) if isinstance(v, dict) else v for c, v in entry.items()}
