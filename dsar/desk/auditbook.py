"""The auditor's workbook: what was asked, answered, refused and is still open; what we promise, and whether it is kept."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from dsar import values
from dsar.answer import workbook
from dsar.answer.layout import Block, Content, Facts, Grid, Heading, Page, Paragraph, Table, Value
from dsar.datamap import DataMap, Gap
from dsar.desk import figures, processing
from dsar.desk.figures import Answered, Period
from dsar.keep.ledger import Fault
from dsar.keep.summary import CaseSummary


@dataclass(frozen=True)
class Audit:
    """All that the workbook tells; `promises` is the retention audit, `faults` what is wrong with the ledger."""

    datamap: DataMap
    period: Period
    made_on: date
    tool: str
    summaries: Sequence[CaseSummary]
    promises: Sequence[Mapping[str, object]]
    gaps: Sequence[Gap]
    faults: Sequence[Fault]
    head: str  # of the ledger; empty where it cannot be read
    lines: Counter[str]  # of the ledger in the period, by what was done

    @property
    def unseen(self) -> list[str]:
        """What could not be looked at: it is no good news."""
        return [f"{p['System']}, {p['What']}: {p['Fault']}" for p in self.promises if p["Fault"]]

    @property
    def cases(self) -> list[CaseSummary]:
        """The requests the period touches."""
        return figures.touching(self.summaries, self.period)

    @property
    def answers(self) -> list[Answered]:
        """Every right that was asked for in the period."""
        return figures.answers(self.cases, self.period, self.made_on)


def write(path: Path, audit: Audit) -> Path:
    """Write the workbook and return its path."""
    sheets = [
        _front(audit), _figures(audit), _register(audit), _list(audit, "Extensions"), _list(audit, "Refusals"), _list(audit, "Complaints"),
        _follow_ups(audit), _promises(audit), _gaps(audit), _processing(audit), _ledger(audit),
    ]  # fmt: skip
    controller = audit.datamap.controller
    return workbook.write(path, sheets, controller=controller.name, zone=controller.zone, attachments_prefix=path.stem)[0]


def _front(audit: Audit) -> Page:
    controller, cases = audit.datamap.controller, audit.cases
    received = [s for s in cases if s.received in audit.period]
    known = audit.answers
    whole = figures.shares(known)
    late = [a for a in known if a.timing == "late"]
    facts: dict[str, Value] = {
        "Controller": controller.name,
        "Period": str(audit.period),
        "Made on": audit.made_on,
        "Requests received": len(received),
        "Answered in time": whole[-1][5] if whole else "nothing was asked",
        "Late": ", ".join(dict.fromkeys(a.request for a in late)) or "none",
        "Nothing was held": sum(a.outcome == "no data" for a in known),
        "Complaints": len(figures.complaints(cases, audit.period)),
        "Still to be done": len(figures.follow_ups(audit.summaries)),
        "Promises not kept": sum(1 for p in audit.promises if p["Rows"]),
        "Gaps in the policy": len(audit.gaps),
        "Ledger": "as it was written" if not audit.faults else f"NOT as it was written: {audit.faults[0].what}",
    }
    unseen: list[Block] = [Heading("What could not be looked at"), *map(Paragraph, audit.unseen)] if audit.unseen else []
    return Page(
        f"Audit {audit.period}",
        (
            Heading(f"Data-subject requests of {controller.name}"),
            Paragraph(
                "Requests are named by their number; no value of a person stands in this file. Those who decided are named as they named themselves."
            ),
            Facts(facts),
            *unseen,
            Heading("How it was made"),
            Paragraph(
                f"By dsar {audit.tool} from the register, the case summaries, the sources as they are on this day, "
                f"and the data map with the hash {audit.datamap.sha256[:16]}."
            ),
        ),
    )


def _figures(audit: Audit) -> Page:
    known = audit.answers
    outcomes = Counter((a.right, a.outcome or "not decided") for a in known)
    reasons = Counter(line[4] for line in figures.extensions(audit.cases, audit.period))
    grounds = Counter(line[4] for line in figures.refusals(audit.cases, audit.period))
    return Page(
        "Figures",
        (
            Paragraph(
                "Counted are the rights asked for in requests received in the period, as they stood at its end, or on the day this was made where "
                "the period still runs. In time: the answer left by the day it was due, extensions included. What was taken back, or lapsed because "
                "we never got an answer, counts neither way."
            ),
            Grid(("Right", "Asked", "In time", "Late", "Open", "In time of those due", "Median days"), tuple(figures.shares(known))),
            Heading("Outcomes"),
            _counted(("Right", "Outcome", "Number"), ((*pair, n) for pair, n in outcomes.items())),
            Heading("Why the time was extended"),
            _counted(("Reason", "Number"), reasons.items()),
            Heading("Grounds of refusals"),
            _counted(("Grounds", "Number"), grounds.items()),
        ),
    )


def _counted(header: tuple[str, ...], rows: Iterable[tuple[Value, ...]]) -> Grid | Paragraph:
    lines = tuple(rows)
    return Grid(header, lines) if lines else Paragraph("None.")


_REGISTER = {
    "Request": "text", "Rights": "text", "Received": "date", "Channel": "text", "Requester": "text", "Regime": "text", "Due": "text",
    "Extended": "text",
    "Outcome": "text", "Answer left on": "text", "Systems searched": "integer", "Rows found": "integer", "Rows held back": "integer",
    "Decided by": "text", "Closed": "boolean", "Files purged": "text",
}  # fmt: skip


def _register(audit: Audit) -> Content:
    return _table("Register", _REGISTER, [_line(s) for s in audit.cases], f"Every request received, open or worked on from {audit.period}")


def _line(summary: CaseSummary) -> tuple[object, ...]:
    clocks = summary.clocks
    return (
        summary.request,
        "; ".join(summary.rights),
        summary.received,
        summary.channel,
        summary.requester,
        summary.regime,
        _per_right((c.right, str(c.due or "waiting")) for c in clocks),
        _per_right((c.right, c.extended_because) for c in clocks if c.extended_because),
        _per_right((c.right, c.outcome or "open") for c in clocks),
        str(summary.last_on or "–"),
        len({t.system for t in summary.searched if t.state in {"found", "nothing"}}),
        sum(t.rows for t in summary.searched),
        sum(t.held for t in summary.searched),
        "; ".join(dict.fromkeys(c.decided_by for c in clocks if c.decided_by)) or "–",
        summary.closed,
        "; ".join(f"{stage} {at:%Y-%m-%d}" for stage, at in summary.purged.items()) or "–",
    )


def _per_right(known: Iterable[tuple[str, str]]) -> str:
    """Return what is known of each right, said once where it is the same of all."""
    lines = list(known)
    if len({what for _, what in lines}) == 1:
        return lines[0][1]
    return "; ".join(f"{right}: {what}" for right, what in lines) or "–"


_LISTS: Mapping[str, tuple[Mapping[str, str], Callable[[Sequence[CaseSummary], Period], Sequence[Sequence[object]]], str]] = {
    "Extensions": (
        {"Request": "text", "Right": "text", "Extended on": "date", "Due": "date", "Reason": "text"},
        figures.extensions,
        "Every extension of the period (Art. 12(3)); the letter that told of it lies in the case",
    ),
    "Refusals": (
        {"Request": "text", "Right": "text", "On": "date", "Outcome": "text", "Grounds": "text", "Decided by": "text"},
        figures.refusals,
        "What was refused in the period, whole or in part (Art. 12(4), 12(5))",
    ),
    "Complaints": (
        {"Request": "text", "Received": "date", "Due": "date", "Outcome": "text", "Decided by": "text"},
        figures.complaints,
        "Complaints to the controller that came in the period (DPA 2018, s.164A)",
    ),
}


def _list(audit: Audit, title: str) -> Content:
    columns, found, intro = _LISTS[title]
    return _table(title, columns, found(audit.cases, audit.period), intro)


def _follow_ups(audit: Audit) -> Content:
    lines = sorted(figures.follow_ups(audit.summaries), key=lambda line: (line[2] is None, line[2] or date.max))
    columns = {"Request": "text", "What is to be done": "text", "By": "text"}
    return _table(
        "Still to be done",
        columns,
        [(*line, str(by or "–")) for *line, by in lines],
        "Over all requests, as things stand on the day this was made; the earliest day first",
    )


def _promises(audit: Audit) -> Content:
    columns = {"System": "text", "What": "text", "Promise": "text", "Rows against it": "integer", "Before": "text", "In open requests": "integer",
               "Could not be looked at": "text"}  # fmt: skip
    lines = [(p["System"], p["What"], p["Promise"], p["Rows"], str(p["Before"]), p["Left out"], p["Fault"] or "–") for p in audit.promises]
    return _table("Our own promises", columns, lines, "What the policy and the map promise, held against everybody's rows today")


def _gaps(audit: Audit) -> Content:
    columns = {"What": "text", "Owner": "text", "Remedy": "text", "By": "text"}
    lines = [(g.what, g.owner, g.remedy, str(g.by or "no day set")) for g in audit.gaps]
    return _table("Gaps in the policy", columns, lines, "What the policy contradicts or leaves out")


def _processing(audit: Audit) -> Content:
    intro = "Art. 30, from the data map; security measures (Art. 32) stand elsewhere"
    return _table("Record of processing", processing.COLUMNS, processing.lines(audit.datamap), intro)


def _ledger(audit: Audit) -> Page:
    holds = "Every line is as it was written." if not audit.faults else "The ledger is NOT as it was written:"
    return Page(
        "Ledger",
        (
            Paragraph(holds),
            *(Paragraph(str(f)) for f in audit.faults),
            Facts({"Head": audit.head or "cannot be read"}),
            Paragraph("The head stands in the foot of each letter and on the signed sheets; `dsar ledger verify --head` compares."),
            Heading("What was done in the period"),
            _counted(("What", "Times"), sorted(audit.lines.items())),
        ),
    )


def _table(title: str, columns: Mapping[str, str], lines: Sequence[Sequence[object]], intro: str) -> Content:
    if not lines:
        return Page(title, (Paragraph(f"{intro}: none."),))
    frame = values.frame({name: [line[n] for line in lines] for n, name in enumerate(columns)}, columns)
    return Table(title, frame, {name: name for name in columns}, intro=(f"{intro}.",))
