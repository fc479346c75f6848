"""What a person decided for one case: a code, who, when, and the snapshot they looked at."""

import json
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Literal

from dsar import files, values
from dsar.errors import AnswerIncomplete

Code = Literal["part 1"]


@dataclass(frozen=True)
class Decision:
    """One decision; it holds for the snapshot collected at `collected_at` and for no later one."""

    code: Code
    by: str
    on: datetime
    collected_at: datetime
    rest_by: date | None = None  # "part 1" only: when the rest follows, not after the due date


@dataclass(frozen=True)
class Decisions:
    """The decisions of a case that hold for one snapshot."""

    path: Path
    collected_at: datetime

    def all(self) -> tuple[Decision, ...]:
        """Return every decision on record, also those made on older snapshots."""
        if not self.path.exists():
            return ()
        return tuple(_decision(entry) for entry in json.loads(self.path.read_text(encoding="utf-8")))

    def get(self, code: Code) -> Decision | None:
        """Return the latest decision with this code that holds for the snapshot, if any."""
        fitting = [d for d in self.all() if d.code == code and d.collected_at == self.collected_at]
        return fitting[-1] if fitting else None

    def add(self, code: Code, by: str, on: datetime, rest_by: date | None = None) -> Decision:
        """Record a decision; raises `AnswerIncomplete` where it lacks a name or, for part 1, a date to come."""
        if not by.strip():
            raise AnswerIncomplete("a decision needs the name of who takes it", where=code, remedy="name yourself: by='A. Nalyst'")
        if (code == "part 1") != (rest_by is not None):
            remedy = "give rest_by with 'part 1' alone"
            raise AnswerIncomplete("'part 1' needs the date the rest follows by, other decisions none", where=code, remedy=remedy)
        if rest_by is not None and rest_by < on.date():
            raise AnswerIncomplete("the date the rest follows by is past", where=code, remedy="name a day to come, not after the due date")
        decision = Decision(code, by.strip(), on, self.collected_at, rest_by)
        files.write_atomic(self.path, json.dumps([asdict(d) for d in (*self.all(), decision)], indent=1, default=values.as_text))
        return decision


def _decision(entry: dict[str, str]) -> Decision:
    rest_by = date.fromisoformat(entry["rest_by"]) if entry["rest_by"] else None
    moments = (datetime.fromisoformat(entry["on"]), datetime.fromisoformat(entry["collected_at"]))
    return Decision(entry["code"], entry["by"], *moments, rest_by)  # type: ignore[arg-type]
