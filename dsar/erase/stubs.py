"""What stays of an erasure once its case is purged: who was asked for, which rows have to stay away, and which wait for their day.

A stub is encrypted, and holds identifiers, keys and digests of columns, no row's content. It serves `dsar verify --all` alone: without
it nobody could notice that a restored backup brought somebody back. After `stub_days` of the controller, or the last day that a row
is kept until, it is deleted.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from dsar import files, keys
from dsar.erase.record import step_entry, step_of
from dsar.erase.step import CHANGES, WAITS, Step
from dsar.erase.verify import State
from dsar.keep import crypt
from dsar.request.identity import Identifier
from dsar.request.request import Request

_FOLDER, _PURPOSE = "stubs", "stubs"


@dataclass(frozen=True)
class Stub:
    """One erased person's request, the steps that were done or wait, and until when this is kept."""

    request: Request
    steps: tuple[Step, ...]
    until: date

    @property
    def states(self) -> dict[str, State]:
        """What was seen of each step that was done when this was written."""
        return {s.id: "gone" for s in self.steps if s.action in CHANGES}


def write(root: Path, request: Request, steps: Sequence[Step], today: date, days: int) -> Path:
    """Write the stub of a request whose erasure was seen complete; it is kept for `days`, and as long as a row of it is kept for a named day."""
    told = [s for s in steps if s.action in (*CHANGES, *WAITS)]
    days_named = [s.until for s in told if isinstance(s.until, date)]
    entry: dict[str, Any] = {
        "request": request.id,
        "received": request.received.isoformat(),
        "identifiers": [(i.kind, i.value, i.standing) for i in request.identifiers],
        "steps": [{**step_entry(s), "seen": ""} for s in told],
        "until": max([today + timedelta(days=days), *days_named]).isoformat(),
    }
    path = files.private_dir(root / _FOLDER) / f"{request.id}.stub"
    files.write_atomic(path, crypt.lock(keys.key(root, _PURPOSE), json.dumps(entry).encode()))
    return path


def read(root: Path, today: date) -> Iterator[Stub]:
    """Yield the stubs that are still kept; those past their day are deleted."""
    for path in sorted((root / _FOLDER).glob("*.stub")):
        entry = json.loads(crypt.unlock(keys.key(root, _PURPOSE, make=False), path.read_bytes(), path.name))
        until = date.fromisoformat(entry["until"])
        if until < today:
            path.unlink()
            continue
        known = tuple(Identifier(kind, value, standing) for kind, value, standing in entry["identifiers"])
        received = date.fromisoformat(entry["received"])
        yield Stub(Request(entry["request"], received, ("erasure",), known, received), tuple(map(step_of, entry["steps"])), until)
