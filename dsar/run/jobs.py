"""One notebook run: what it needs to know, and what became of it. Both travel between processes."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from dsar.answer.publish import intact

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
MEMORY = 2 << 30  # bytes of its own a notebook's process may take unless the batch says otherwise
State = Literal["done", "already done", "would run", "waiting", "closed meanwhile", "failed"]


class Task(NamedTuple):
    """What a right runs, and the folder of the case its files go to."""

    notebook: str
    folder: str


TASKS = {
    "access": Task("access_report", "outbox"),
    "portability": Task("portability_export", "outbox"),
    "erasure": Task("deletion_checklist", "worklists"),
    "rectification": Task("rectification_checklist", "worklists"),
    "restriction": Task("restriction_checklist", "worklists"),
    "objection": Task("objection_checklist", "worklists"),
    "withdrawal": Task("consent_withdrawal", "worklists"),
    "complaint": Task("complaint_answer", "letters"),
}


@dataclass(frozen=True)
class Job:
    """One notebook run; holds no identifier of a person."""

    request: str
    right: str
    workspace: Path
    collected_at: str
    timeout: int  # seconds per cell
    notebooks: Path = NOTEBOOKS
    memory: int = MEMORY  # bytes the kernel may take; 0: as many as there are
    was_open: bool = False  # when the batch began: a case that is closed by the time its turn comes is left as it is

    @property
    def case(self) -> Path:
        """The case folder."""
        return self.workspace / "cases" / self.request

    @property
    def executed(self) -> Path:
        """Where the executed notebook lies once the run succeeded."""
        return self.case / "notebooks" / f"{TASKS[self.right].notebook}.ipynb"

    @property
    def record(self) -> Path:
        """What says that this was done, and for which snapshot."""
        return self.case / "notebooks" / f"{TASKS[self.right].notebook}.json"

    @property
    def done(self) -> bool:
        """Whether an earlier run did this for the present snapshot, and its files are all there."""
        if not (self.record.exists() and self.executed.exists()):
            return False
        recorded = json.loads(self.record.read_text(encoding="utf-8"))
        return recorded == {"collected_at": self.collected_at} and intact(self.case, TASKS[self.right].folder)


class Result(NamedTuple):
    """What became of one right of one request."""

    request: str
    right: str
    state: State
    why: str = ""
    seconds: float = 0.0
    cpu: float = 0.0  # seconds, of the kernel
    peak: int = 0  # bytes, of the kernel
