"""What is on record of an erasure in the case folder: the plan that was looked at, and what the last look back saw."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from typing import Any

from dsar import files, values
from dsar.datamap import Address
from dsar.erase.plan import Step
from dsar.erase.verify import Verdict, Verification
from dsar.errors import DossierMissing

_FOLDER, _PLAN, _VERIFIED = "erasure", "plan.json", "verified.json"


def has_plan(case: Path) -> bool:
    """Whether anything was planned."""
    return (case / _FOLDER / _PLAN).exists()


def load_plan(case: Path, request: str) -> tuple[Step, ...]:
    """Return the plan that was looked at; raises `DossierMissing` where there is none."""
    if not has_plan(case):
        raise DossierMissing("nothing was planned yet", where=request, remedy="run `dsar erase --dry-run`")
    return tuple(step_of(entry) for entry in json.loads((case / _FOLDER / _PLAN).read_text(encoding="utf-8")))


def save_plan(case: Path, steps: Sequence[Step]) -> None:
    """Write a plan down, whole or not at all."""
    entries = [step_entry(step) for step in steps]
    files.write_atomic(files.private_dir(case / _FOLDER) / _PLAN, json.dumps(entries, indent=1, default=values.as_text))


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
