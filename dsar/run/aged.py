"""What is kept for years and then goes too: case summaries whose request left the register, and ledgers that are old."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from dsar.keep import summary as kept
from dsar.keep.ledger import Entry
from dsar.keep.summary import CaseSummary
from dsar.workspace import Workspace


def taken(workspace: Workspace, by: str) -> Iterator[str]:
    """Take summaries and ledgers past their day, and yield the requests whose summary went.

    A ledger that begins before that day is set aside first, and goes when its last line is old.
    """
    oldest = workspace.clock() - timedelta(days=workspace.datamap.purge.ledger)
    for summary in list(kept.written(workspace.root)):
        if "register" in summary.purged and _closed(summary) < oldest:
            kept.path(workspace.root, summary.request).unlink()
            yield summary.request
    for path in sorted(workspace.root.glob("ledger-*.jsonl")):
        lines = path.read_text(encoding="utf-8").splitlines()
        if lines and datetime.fromisoformat(re.findall(r'"at":"([^"]+)"', lines[-1])[0]) < oldest:
            path.unlink()
            path.with_suffix(".head").unlink(missing_ok=True)
    first = next(workspace.ledger.lines(), None)
    if first and datetime.fromisoformat(first["at"]) < oldest:
        workspace.ledger.restart(Entry("ledger restarted", "", by, {"why": f"its first line is older than {workspace.datamap.purge.ledger} days"}))


def _closed(summary: CaseSummary) -> datetime:
    return max((e.at for e in summary.events if e.kind == "closed"), default=datetime.min.replace(tzinfo=UTC))
