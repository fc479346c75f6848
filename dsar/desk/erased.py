"""What the letter on an erasure says: what was planned, and what somebody has seen gone since."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from dsar.datamap import DataMap
from dsar.desk.found import Found
from dsar.erase import record
from dsar.erase.plan import plan
from dsar.erase.step import CHANGES, STAYS, Step
from dsar.erase.verify import Verification
from dsar.request.letters import day, words


def told(found: Found, language: str) -> dict[str, Any]:
    """Return what is erased, kept, restricted or waits, as it was planned; of what was seen gone, that it is, and since when."""
    datamap = found.dossier.datamap
    verified = record.load_verified(found.case) if found.case else None
    # Once somebody looked again, the plan of that day is told of: of what is gone, nothing is found any more.
    steps = record.load_plan(found.case, found.dossier.request.id) if found.case and verified else plan(found.dossier, found.today, found.frozen)
    gone = _gone(verified) if verified else set()
    changed = {when: [s for s in steps if s.action in CHANGES and (s.id in gone) == (when == "done")] for when in ("done", "to do")}
    stays: dict[str, dict[tuple[str, str], list[date | str]]] = {action: defaultdict(list) for action in STAYS}
    for step in steps:
        if step.action in STAYS and not step.new and step.until:
            stays[step.action][datamap.table(step.address).label, step.why].append(step.until)
    listed = {
        action: [f"{what} ({len(ends)}), {_last(ends, language)} – {why}" for (what, why), ends in groups.items()] for action, groups in stays.items()
    }
    return {
        "erased": _counted(datamap, changed["done"], anonymised=False),
        "anonymised": _counted(datamap, changed["done"], anonymised=True),
        "erase": _counted(datamap, changed["to do"], anonymised=False),
        "anonymise": _counted(datamap, changed["to do"], anonymised=True),
        "kept": listed["keep"],
        "restricted": listed["restrict"],
        "later": _later(datamap, steps, language),
        "checked": day(verified.at.astimezone(datamap.controller.zone).date(), language) if verified and gone else None,
        **backups(found, language),
    }


def _gone(verified: Verification) -> set[str]:
    """Return the steps that were seen gone; of a table in which somebody has to act, none."""
    faulty = {v.address for v in verified.verdicts if v.fault}
    return {v.step for v in verified.verdicts if v.state == "gone" and v.address not in faulty}


def _counted(datamap: DataMap, steps: Sequence[Step], *, anonymised: bool) -> list[str]:
    rows = Counter(datamap.table(s.address).label for s in steps if (s.action == "anonymise") == anonymised)
    return [f"{what} ({count})" for what, count in rows.items()]


def _later(datamap: DataMap, steps: Sequence[Step], language: str) -> list[str]:
    """Return what waits, by what it waits for."""
    waits = [s for s in steps if s.action == "not due"]
    return [
        str(words(language)["once"]).format(event=event, what=", ".join(_counted(datamap, [s for s in waits if s.until == event], anonymised=False)))
        for event in dict.fromkeys(s.until for s in waits)
    ]


def backups(found: Found, language: str) -> dict[str, Any]:
    """Return the sets of backups that what was seen gone may still stand in, with the last day on which each is overwritten."""
    verified = record.load_verified(found.case) if found.case else None
    sources, datamap = found.dossier.datamap.sources, found.dossier.datamap
    gone = _gone(verified) if verified else set()
    touched = dict.fromkeys(v.address.source for v in verified.verdicts if v.step in gone) if verified else {}
    seen = verified.at.astimezone(datamap.controller.zone).date() if verified else found.today
    sets = [(sources[name].label, one) for name in touched for one in sources[name].backups]
    return {"backups": [f"{label}, {one.label}: {day(seen + timedelta(one.days), language)}" for label, one in sets]}


def _last(ends: Sequence[date | str], language: str) -> str:
    days = [end for end in ends if isinstance(end, date)]
    return day(max(days), language) if days else str(ends[0])
