"""What is kept for years and then goes too: case summaries whose request left the register, and ledgers that are old."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from dsar.errors import DsarError
from dsar.keep import summary as kept
from dsar.keep.ledger import Entry
from dsar.keep.summary import CaseSummary
from dsar.workspace import Workspace

_UNKNOWN = "no line of it can be read, so that nobody knows how old it is: look, and delete it by hand in its time"


@dataclass
class Aged:
    """The requests whose summary went, and what could not go: file → why."""

    summaries: set[str] = field(default_factory=set)
    faults: dict[str, str] = field(default_factory=dict)


def take(workspace: Workspace, by: str) -> Aged:
    """Take summaries and ledgers past their day; what is broken stays and is told, and the rest goes on.

    A ledger that begins before that day is set aside first, and goes when its last line is old.
    """
    found = Aged()
    oldest = workspace.clock() - timedelta(days=workspace.datamap.purge.ledger)
    for target in sorted((workspace.root / kept.FOLDER).glob("*.json")):
        try:
            summary = kept.read(workspace.root, target.stem)
        except DsarError as error:
            found.faults[f"{kept.FOLDER}/{target.name}"] = f"{error.what}: {error.remedy}"
            continue
        if summary and "register" in summary.purged and _closed(summary) < oldest:
            target.unlink()
            found.summaries.add(summary.request)
    for path in sorted(workspace.root.glob("ledger-*.jsonl")):
        last = _last(path)
        if last is None:
            found.faults[path.name] = _UNKNOWN
        elif last < oldest:
            path.unlink()
            path.with_suffix(".head").unlink(missing_ok=True)
    try:
        _restarted(workspace, by, oldest)
    except DsarError as error:
        found.faults[workspace.ledger.path.name] = str(error)
    return found


def _restarted(workspace: Workspace, by: str, oldest: datetime) -> None:
    first = next(workspace.ledger.lines(), None)
    if first and datetime.fromisoformat(first["at"]) < oldest:
        workspace.ledger.restart(Entry("ledger restarted", "", by, {"why": f"its first line is older than {workspace.datamap.purge.ledger} days"}))


def _last(path: Path) -> datetime | None:
    """Return when the last line was written that can be read; where others stand behind it, not before the file was last written."""
    lines = path.read_bytes().splitlines()
    for behind, line in enumerate(reversed(lines)):
        if at := _at(line):
            return max(at, datetime.fromtimestamp(path.stat().st_mtime, UTC)) if behind else at
    return None


def _at(line: bytes) -> datetime | None:
    try:
        at = datetime.fromisoformat(json.loads(line)["at"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _closed(summary: CaseSummary) -> datetime:
    return max((e.at for e in summary.events if e.kind == "closed"), default=datetime.min.replace(tzinfo=UTC))
