"""When what was gathered for a request goes, by the map's `[purge]`, and how it goes: whole stages, completed by the next run after a kill.

First the *working copies*: all of the case folder but what left. Then what was *delivered*: the rest of it. Last the *register*'s
line. What stays is the case summary, and for a while the ledger. A file is unlinked; on a disk that copies what it writes
(SSD, snapshots) only encryption of the disk takes what was in it away.
"""

import shutil
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path

from dsar.answer.publish import BUILDING
from dsar.datamap import Purge
from dsar.keep import bundle
from dsar.keep.summary import CaseSummary, Stage

DELIVERED = (bundle.FOLDER, "outbox", "delivery", "letters", "certificates", "published")  # of a case; whatever is not named here is a working copy
_DAYS: Mapping[Stage, str] = {"working copies": "working_copies", "delivered": "delivered", "register": "register_line"}


def due(summary: CaseSummary, schedule: Purge) -> dict[Stage, date]:
    """Return the day from which each stage may go; nothing for a request that is open.

    The first two are counted from the day the answer left, or from the closing of one that was never answered.
    """
    closed = max((e.on for e in summary.events if e.kind == "closed"), default=None)
    if not summary.closed or closed is None:
        return {}
    starts: dict[Stage, date] = {"working copies": summary.last_on or closed, "delivered": summary.last_on or closed, "register": closed}
    return {stage: max(closed, start + timedelta(days=getattr(schedule, _DAYS[stage]))) for stage, start in starts.items()}


def standing(summary: CaseSummary) -> frozenset[Stage]:
    """Return the stages that are purged; none of those from before a request was opened anew."""
    reopened = max((e.at for e in summary.events if e.kind == "reopened"), default=None)
    return frozenset(stage for stage, at in summary.purged.items() if reopened is None or at > reopened)


def clear(case: Path, stage: Stage) -> int:
    """Take the files of a stage out of a case folder, and return how many; raises `OSError` where one is held."""
    if not case.is_dir():
        return 0
    chosen = [p for p in sorted(case.iterdir()) if stage != "working copies" or p.name not in DELIVERED]
    chosen += sorted((case / "published").glob(f"{BUILDING}*")) if stage == "working copies" else []  # of a run that was killed
    count = sum(1 for top in chosen for p in (top.rglob("*") if top.is_dir() else (top,)) if p.is_file())
    for path in chosen:
        remove(path)
    if not any(case.iterdir()):
        case.rmdir()
    return count


def remove(path: Path) -> None:
    """Take a file, or a folder with all in it; what a link points to stays."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
