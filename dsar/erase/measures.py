"""The rights that change what is done with data: correct, restrict, stop (Art. 16, 18, 21, 7(3)).

What each row needs by the table of rights, what an owner fills in by law.md section 5, and whom to tell (Art. 19).
Held rows get no step. The worklists that go to owners: `dsar.erase.measurebook`.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from dsar import values
from dsar.datamap import Address, DataMap, Table
from dsar.find.compare import differences
from dsar.find.dossier import Dossier
from dsar.law import rights
from dsar.law.outcomes import Outcome
from dsar.listing import Listing, listing


@dataclass(frozen=True)
class Measure:
    """What the worklist of one right says and asks for; `fields` are filled in by owner or analyst."""

    right: str
    title: str
    how: str
    actions: tuple[tuple[str, str], ...]  # fixed word → what to do
    fields: tuple[str, ...]


_TELL = ("tell recipient", "Tell them in writing, and note the day; impossible or disproportionate needs the reason under Remark (Art. 19).")
_SUPPRESS = ("suppress", "Put the address, and no more, on the list of those we never write to; check each import against it.")
_RESTRICT = ("restrict", "Mark or lock it: it is stored and used for nothing else, and no clean-up job may touch it.")
MEASURES = {
    m.right: m
    for m in (
        Measure(
            "rectification",
            "Rectification checklist",
            "The analyst's covering note says what is claimed to be wrong. Records it does not concern get the status Not concerned. "
            "While accuracy is being checked, the record is restricted (Art. 18(1)(a)). An opinion stays, recorded as one, "
            "with the person's statement beside it.",
            (("check and correct", "Compare with the evidence; correct or complete it, or say why it is right. Copies and exports too."), _TELL),
            ("Claimed to be wrong", "Correct value", "Evidence seen", "Accuracy decided by", "Before", "After", "Copies updated"),
        ),
        Measure(
            "restriction",
            "Restriction checklist",
            "Restricted is not deleted: leave the record, use it for nothing else. Before a restriction is lifted the person is told (Art. 18(3)): "
            "it stays until the day under Lift notice sent on is filled in.",
            (_RESTRICT, _TELL),
            ("Ground (18(1) a, b, c or d)", "How it is marked", "Restricted on", "Lift notice sent on", "Lifted on"),
        ),
        Measure(
            "objection",
            "Objection checklist",
            "Advertising stops at once, without weighing anything. All else is restricted until it is decided whether compelling grounds "
            "outweigh the person's; the burden is ours. Where they do not, it stops and is erased (Art. 17(1)(c)).",
            (
                ("stop", "Stop it at once: mailings, profiles for mailings, transfers for them."),
                ("restrict and weigh", "Restrict it now. The controller decides, with the reasoning on record; then stop or go on."),
                _SUPPRESS,
                _TELL,
            ),
            ("Particular situation given", "Decision", "Reasoning", "Decided by", "Stopped on"),
        ),
        Measure(
            "withdrawal",
            "Consent withdrawal checklist",
            "Taking consent back is as easy as giving it: nothing is asked, nothing is weighed, and what was done before stays lawful (Art. 7(3)).",
            (("stop", "Stop what rested on the consent, at once."), _RESTRICT, _SUPPRESS, _TELL),
            ("Consent given on", "Stopped on"),
        ),
    )
}
_ACTION = {"correct": "check and correct", "weigh": "restrict and weigh", "stop": "stop", "restrict": "restrict"}


@dataclass(frozen=True)
class Step:
    """One line of such a worklist; `key` is empty where it is not about a row."""

    id: str
    address: Address
    record: str
    key: str
    how: str
    action: str
    why: str
    article: str


def steps(dossier: Dossier, right: str) -> tuple[Step, ...]:
    """Return what is to be done about a right, system by system: rows first, then suppression and recipients."""
    found = [s for address in dossier.tables for s in _row_steps(dossier, address, right)]
    touched = dict.fromkeys(s.address for s in found)
    return (*found, *_suppressions(dossier, touched, right), *_recipients(dossier, touched, right))


def _row_steps(dossier: Dossier, address: Address, right: str) -> Iterator[Step]:
    for row in values.rows(dossier.rows(address)):
        step = _row_step(dossier, address, row, right)
        if step:
            yield step


def _row_step(dossier: Dossier, address: Address, row: dict[str, object], right: str) -> Step | None:
    table = dossier.datamap.table(address)
    outcome = _outcome(dossier.datamap, table, row, right)
    action = _action(outcome, right)
    if action is None:
        return None
    key = ", ".join(map(str, json.loads(str(row["dsar_key"]))))
    how = table.find.replace("{key}", key) if table.find else f"{address.table}: {' and '.join(table.key)} = {key}"
    return Step(_id(dossier, right, f"{address}|{row['dsar_key']}"), address, table.label, key, how, action, _WHY[right, action], outcome.article)


# For the owner; the sentence of the table of rights speaks to the person.
_WHY = {
    ("rectification", "check and correct"): "The person says that something in their records is wrong or missing.",
    ("restriction", "restrict"): "The person wants it kept and used for nothing.",
    ("objection", "stop"): "The person objects to advertising: that is absolute.",
    ("objection", "restrict and weigh"): "The person objects; whether it goes on is being decided.",
    ("withdrawal", "stop"): "The person took back the consent it rests on.",
    ("withdrawal", "restrict"): "The person took back consent, and it is not on record on what this rests.",
}


def _action(outcome: Outcome, right: str) -> str | None:
    if outcome.answer == "no":
        return None
    if outcome.answer == "blocked":
        return "restrict and weigh" if right == "objection" else "restrict"
    return next(_ACTION[deed] for deed in ("weigh", "correct", "stop", "restrict") if deed in outcome.do)


def _outcome(datamap: DataMap, table: Table, row: dict[str, object], right: str) -> Outcome:
    """Return what the right gives for a row as a whole: the strongest of what it gives for its columns."""
    activity = datamap.activity(table)
    bases, origin = table.bases_of(row, activity), table.origin_of(row, activity)
    kinds = {(bases, origin)} | {((c.basis,) if c.basis else bases, c.origin or origin) for c in table.columns.values()}
    outcomes = [rights.decide(b, o, activity.automated, right, activity.marketing) for b, o in sorted(kinds)]
    return min(outcomes, key=lambda o: (("yes", "blocked", "no").index(o.answer), o.code))


def _suppressions(dossier: Dossier, touched: Iterable[Address], right: str) -> Iterator[Step]:
    if right not in {"objection", "withdrawal"}:
        return
    for address in touched:
        table = dossier.datamap.table(address)
        if dossier.datamap.activity(table).marketing:
            why, article = "A list of those who do not want to hear from us keeps us from writing again.", "21(3)"
            yield Step(_id(dossier, right, f"{address}|suppress"), address, table.label, "", "the suppression list", "suppress", why, article)


def _recipients(dossier: Dossier, touched: Iterable[Address], right: str) -> Iterator[Step]:
    told: set[tuple[str, str]] = set()
    for address in touched:
        for name in _given_to(dossier, address):
            recipient = dossier.datamap.recipients[name]
            # Whoever a disclosure to may not be told of is named on no list.
            if recipient.tell and not recipient.confidential and (address.source, name) not in told:
                told.add((address.source, name))
                how, why = f"{recipient.role}, {recipient.country}", "Those who were given the data are told of the change."
                yield Step(_id(dossier, right, f"{address.source}|{name}"), address, recipient.name, "", how, "tell recipient", why, "19")


def _given_to(dossier: Dossier, address: Address) -> list[str]:
    """Return the recipients of a table's rows: the activity's, and those that the rows themselves name."""
    table = dossier.datamap.table(address)
    by_row = values.pylist(dossier[str(address)][table.recipient_from]) if table.recipient_from else []
    return list(dict.fromkeys([*dossier.datamap.activity(table).recipients, *(str(v) for v in by_row if v in dossier.datamap.recipients)]))


def _id(dossier: Dossier, right: str, what: str) -> str:
    return f"{dossier.request.id}-{hashlib.sha256(f'{dossier.request.id}|{right}|{what}'.encode()).hexdigest()[:8]}"


def overview(dossier: Dossier, right: str) -> Listing:
    """What the right means for each kind of record found: columns System, What, Action, Why, Article, Rows."""
    datamap = dossier.datamap
    counts: Counter[tuple[str, ...]] = Counter()
    for address in dossier.tables:
        table = datamap.table(address)
        for row in values.rows(dossier.rows(address)):
            outcome = _outcome(datamap, table, row, right)
            system = datamap.sources[address.source].label
            counts[system, table.label, _action(outcome, right) or "nothing", outcome.sentence, outcome.article] += 1
    columns = ("System", "What", "Action", "Why", "Article", "Rows")
    return listing(columns, ((*line, rows) for line, rows in counts.items()), empty="Nothing was found that this right could be about.")


def verified(before: Dossier, after: Dossier, right: str) -> Listing:
    """What became of each row on the worklists, by asking the sources again: columns Step ID, What, Key, Now, Columns.

    Nothing an owner reports is taken as proof; a mark that no column shows cannot be seen from here, and is said to be.
    """
    changes = {(d.address, d.key): d for d in differences(before, after)}
    lines = []
    for address in before.tables:
        for row in values.rows(before.rows(address)):
            step = _row_step(before, address, row, right)
            if step:
                change = changes.get((address, str(row["dsar_key"])))
                labels = [before.datamap.table(address).label_of(c) for c in change.columns] if change else []
                now = change.change if change else "as before"
                now = "not searched again" if not after.tables[address].outcome.complete else now
                lines.append((step.id, step.record, step.key, now, ", ".join(labels)))
    return listing(("Step ID", "What", "Key", "Now", "Columns"), lines, empty="No record was on these lists.")
