"""`dsar audit`: one workbook for the auditor of a period."""

from collections import Counter
from pathlib import Path

import dsar.run.erasure as erasing
from dsar import files
from dsar.desk import auditbook
from dsar.desk.auditbook import Audit
from dsar.desk.figures import Period
from dsar.keep import tally
from dsar.law.gaps import gaps
from dsar.run.summaries import summaries
from dsar.workspace import Workspace


def audited(workspace: Workspace, period: Period) -> Audit:
    """Return what the auditor's workbook tells; the sources are asked, once each."""
    faults = workspace.ledger.verify()
    return Audit(
        datamap=workspace.datamap,
        period=period,
        made_on=workspace.today,
        tool=workspace.ledger.known["tool"],
        summaries=summaries(workspace),
        promises=[{str(k): v for k, v in line.items()} for line in erasing.retention(workspace).to_dict("records")],
        gaps=gaps(workspace.datamap),
        faults=faults or tally.differences(workspace.ledger, workspace.register),
        head="" if faults else str(workspace.ledger.head),
        lines=Counter(line["what"] for line in workspace.ledger.lines() if str(period.first) <= line["at"][:10] <= str(period.last)),
    )


def write(workspace: Workspace, audit: Audit, path: Path | None = None) -> Path:
    """Write the workbook, into the workspace's `audits/` unless a path is named, and return its path."""
    target = path or files.private_dir(workspace.root / "audits") / f"audit_{audit.period.first}_{audit.period.last}.xlsx"
    return auditbook.write(target, audit)
