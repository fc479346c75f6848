"""What is on record of an erasure in the case folder: the plan that was looked at, and what the last look back saw."""

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from typing import Any

from dsar import files, values
from dsar.datamap import Address
from dsar.erase import jobs
from dsar.erase.step import GOES, WAITS, Step
from dsar.erase.verify import Verdict, Verification
from dsar.errors import DossierMissing
from dsar.find.remembered import Remembered
from dsar.request.request import Request

_FOLDER, _PLAN, _VERIFIED = "erasure", "plan.json", "verified.json"


def has_plan(case: Path) -> bool:
    """Whether anything was planned."""
    return (case / _FOLDER / _PLAN).exists()


def load_plan(case: Path, request: str) -> tuple[Step, ...]:
    """Return the plan that was looked at; raises `DossierMissing` where there is none."""
    if not has_plan(case):
        raise DossierMissing("nothing was planned yet", where=request, remedy="run `dsar erase --dry-run`")
    return tuple(map(step_of, _read(case)["steps"]))


def save_plan(case: Path, request: Request, steps: Sequence[Step]) -> None:
    """Write a plan down, whole or not at all, and by which identifiers it was made."""
    entry = {"by": sorted(_proved(request)), "steps": [step_entry(step) for step in steps]}
    files.write_atomic(files.private_dir(case / _FOLDER) / _PLAN, json.dumps(entry, indent=1, default=values.as_text))


def remembered(case: Path, request: Request) -> list[Remembered]:
    """Return the rows of a plan that are still to be dealt with, once something of it was done: what led to them may be gone.

    A plan that was made by an identifier which is no longer proved tells nothing.
    """
    if not has_plan(case) or not set(_read(case)["by"]) <= _proved(request):
        return []
    made = {s for job in jobs.all_of(case) for c in job.changes if c not in job.left for s in c.steps}
    before = load_verified(case)
    gone = {v.step for v in before.verdicts if v.state == "gone"} if before else set()
    return left(load_plan(case, request.id), made | gone) if made | gone else []


def left(steps: Sequence[Step], dealt_with: Collection[str]) -> list[Remembered]:
    """Return the rows of steps that are not dealt with, each as it looked, and which of its columns were to change."""
    changed: dict[tuple[Address, str], set[str]] = {}
    for step in steps:
        changed.setdefault((step.address, step.key), set()).update(step.new)
    return [
        Remembered(s.address, s.key, s.looked, frozenset(changed[s.address, s.key]))
        for s in steps
        if s.looked and s.id not in dealt_with and (s.action in (*GOES, *WAITS)) and not (s.new and s.action == "restrict")
    ]


def _proved(request: Request) -> set[str]:
    return {values.row_hash({i.kind: i.value}) for i in request.identifiers if i.standing == "verified"}


def _read(case: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((case / _FOLDER / _PLAN).read_text(encoding="utf-8"))
    return found


def load_verified(case: Path) -> Verification | None:
    """Return the last verification, or None."""
    path = case / _FOLDER / _VERIFIED
    if not path.exists():
        return None
    entry = json.loads(path.read_text(encoding="utf-8"))
    verdicts = tuple(Verdict(**{**v, "address": Address(*v["address"])}) for v in entry["verdicts"])
    return Verification(entry["request"], datetime.fromisoformat(entry["at"]), verdicts, tuple(entry["unsearched"]))


def save_verified(case: Path, found: Verification) -> None:
    """Write a verification down, whole or not at all."""
    files.write_atomic(files.private_dir(case / _FOLDER) / _VERIFIED, json.dumps(asdict(found), indent=1, default=values.as_text))


def step_entry(step: Step) -> dict[str, Any]:
    """Return a step as JSON can hold it."""
    until = {"date": step.until.isoformat()} if isinstance(step.until, date) else step.until
    return {**asdict(step), "address": list(step.address), "until": until}


def step_of(entry: dict[str, Any]) -> Step:
    """Return the step that `step_entry` wrote."""
    until = entry["until"]
    return Step(
        **{
            **entry,
            "address": Address(*entry["address"]),
            "columns": tuple(entry["columns"]),
            "after": tuple(entry["after"]),
            "until": date.fromisoformat(until["date"]) if isinstance(until, dict) else until,
        }
    )
