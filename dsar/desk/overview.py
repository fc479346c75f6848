"""The register as a table for accountability (Art. 5(2)): one line per request, with everything that was asked, counted, decided and sent.

No article prescribes its columns; these are what the ICO and the practice of supervisory authorities ask for.
Identifiers stay in the register: a line names its request and nobody.
"""

from collections.abc import Iterable
from datetime import date
from pathlib import Path

from dateutil.relativedelta import relativedelta

from dsar import values
from dsar.answer import workbook
from dsar.answer.layout import Table
from dsar.datamap import Controller
from dsar.request.case import Case

KEPT_YEARS = 3  # after the last action; no statute says, regulators publish three


def row(case: Case) -> dict[str, str]:
    """Return the line of one case: heading → text."""
    request, clocks = case.request, case.deadlines
    asked, seen = case.last("identity asked"), case.last("identity confirmed")
    closed = case.last("closed")
    return {
        "Request": request.id,
        "Rights": "; ".join(request.rights),
        "Regime": request.regime or case.controller.regime,
        "Calendar": request.calendar or case.controller.calendar,
        "Received": str(request.received),
        "Channel": case.channel,
        "Requester": case.requester,
        "Identity: doubt": str(asked.details["doubt"]) if asked else request.no_reasonable_doubt and f"none: {request.no_reasonable_doubt}",
        "Identity: method": str(seen.details["method"]) if seen else "",
        "Identity: asked on": _day(case, "identity asked"),
        "Identity: satisfied on": str(request.verified_on or ""),
        "Authority on": _day(case, "authority confirmed"),
        "Clarification": "; ".join(f"{a} to {b or 'open'}" for a, b in request.pauses),
        "Fee": _detail(case, "fee asked", "amount"),
        "Fee paid on": _day(case, "fee paid"),
        "Start": "; ".join(f"{r}: {c.start or 'waiting'}" for r, c in clocks.items()),
        "Nominal": "; ".join(f"{r}: {c.nominal or 'waiting'}" for r, c in clocks.items()),
        "Due": "; ".join(f"{r}: {c.due or 'waiting'}" for r, c in clocks.items()),
        "Extended": "; ".join(f"{e.right}: {e.details['reason']}, {e.details['because']} ({e.on})" for e in case.events if e.kind == "extended"),
        "State": case.state,
        "Outcome": "; ".join(f"{r}: {o}" for r, o in case.outcomes.items()),
        "Grounds of refusal": "; ".join(f"{e.right}: {', '.join(e.details['grounds'])}" for e in case.events if e.details.get("grounds")),
        "Letters": "; ".join(dict.fromkeys(e.details["letter"] for e in case.events if e.kind in {"letter drafted", "letter sent"})),
        "Delivered on": _day(case, "delivered"),
        "Delivered by": _detail(case, "delivered", "method"),
        "Files (SHA-256)": "; ".join(f"{n}: {h}" for e in case.events if e.kind == "delivered" for n, h in e.details["files"].items()),
        "Recipients told": "; ".join(r for e in case.events if e.kind == "recipients told" for r in e.details["recipients"]),
        "Seems to be by the same person as": "; ".join(case.duplicates),
        "Handler": case.handler,
        "Second reader": _by(case, "ticked"),
        "Closed on": str(closed.on) if closed and case.closed else "",
        "Delete case on": str(_delete_on(case) or ""),
    }


def _day(case: Case, kind: str) -> str:
    event = case.last(kind)
    return str(event.on) if event else ""


def _by(case: Case, kind: str) -> str:
    event = case.last(kind)
    return event.by if event else ""


def _detail(case: Case, kind: str, name: str) -> str:
    event = case.last(kind)
    return str(event.details.get(name, "")) if event else ""


def _delete_on(case: Case) -> date | None:
    last = max(event.on for event in case.events)
    return last + relativedelta(years=KEPT_YEARS) if case.closed else None


def write(cases: Iterable[Case], path: Path, controller: Controller) -> Path:
    """Write the table as a workbook and return its path."""
    rows = [row(case) for case in cases]
    headings = list(rows[0]) if rows else ["Request"]
    frame = values.frame({name: [line[name] or None for line in rows] for name in headings}, dict.fromkeys(headings, "text"))
    sheet = Table("Register", frame, {name: name for name in headings}, intro=(f"Requests of {controller.name}: one line each, nobody named",))
    return workbook.write(path, [sheet], controller=controller.name, zone=controller.zone, attachments_prefix=path.stem)[0]
