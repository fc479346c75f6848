"""The controller's own promises, held against everyone's rows: what should be gone by now, or should never have come back.

Five promises: lines of logs lose their address after 365 days; rows go when the map says so (`gone_when`, such as unsubscribed);
rows kept by a law go after their last day; suppressed people stay away; nothing is held without a legal basis.
Rows of open requests are left out, and counted: they are frozen, and dealt with in their case.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from dsar import files, values
from dsar.answer import workbook
from dsar.answer.layout import Facts, Grid, Heading, Page, Paragraph, Worklist
from dsar.answer.publish import Written, publish
from dsar.datamap import Address, DataMap, Table
from dsar.erase import suppress
from dsar.erase.checklist import STATUSES, plain_key
from dsar.erase.look import Key, frames
from dsar.errors import DsarError
from dsar.law.retention import LOG_DAYS, keep_until, network
from dsar.source import Everyone, Source

KEYS = 1_000  # of each promise that are listed; the count is of all
TREND = "retention.jsonl"
OpenRows = Mapping[Key, Mapping[str, None]]  # row → the open requests it was found for
_Broken = Callable[[Mapping[str, Any]], bool]


@dataclass(frozen=True)
class Promise:
    """One promise about one table, which columns tell, and when a row breaks it."""

    address: Address
    what: str
    columns: tuple[str, ...]
    broken: _Broken


@dataclass(frozen=True)
class Finding:
    """How many rows break a promise: their number, some keys, and how many were left out for an open request."""

    address: Address
    what: str
    rows: int
    keys: tuple[str, ...] = ()
    skipped: int = 0
    cases: tuple[str, ...] = ()  # the open requests that rows were left out for
    failed: str = ""  # why it could not be looked at


def promises(root: Path, datamap: DataMap, today: date) -> Iterator[Promise]:
    """Yield what is promised of each table of the map."""
    for address, table in datamap.tables():
        activity = datamap.activity(table)
        if table.is_log:
            old = today - timedelta(days=LOG_DAYS)
            yield Promise(address, f"lines with an address, {LOG_DAYS} days old or older", ("at", "client"), _old_line(old))
        if gone := table.gone_when:
            columns = tuple(c for c in (gone.column, gone.since) if c)
            yield Promise(address, f"rows whose {table.label_of(gone.column)} says that they should be gone", columns, _should_be_gone(table, today))
        rule = activity.retention
        if rule and rule.from_ in table.columns:
            yield Promise(
                address, f"rows past their last day ({rule.period} from {table.label_of(rule.from_)})", (rule.from_,), _past(datamap, table, today)
            )
        mail = [c for k in ("email",) for c in table.match_columns(k, address.source)]
        if activity.marketing and mail and suppress.read(root):
            yield Promise(address, "people on the list of those who are not written to", tuple(mail), _suppressed(root, table.activity, mail))
        if table.basis_column or "undetermined" in activity.bases:
            columns = (table.basis_column,) if table.basis_column else (table.key[0],)
            yield Promise(address, "rows without a legal basis on record", columns, _baseless(datamap, table))


def _old_line(old: date) -> _Broken:
    def broken(row: Mapping[str, Any]) -> bool:
        return isinstance(row["at"], datetime) and row["at"].date() <= old and row["client"] is not None and network(row["client"]) != row["client"]

    return broken


def _should_be_gone(table: Table, today: date) -> _Broken:
    rule = table.gone_when
    assert rule is not None

    def broken(row: Mapping[str, Any]) -> bool:
        if not any(values.same(row[rule.column], v) for v in rule.values):
            return False
        since = row.get(rule.since) if rule.since else None
        if isinstance(since, str):
            since = _day(since)
        return not rule.days or (isinstance(since, date) and date(since.year, since.month, since.day) + timedelta(days=rule.days) < today)

    return broken


def _day(text: str) -> date | None:
    try:
        return datetime.fromisoformat(text).date()
    except ValueError:
        return None


def _past(datamap: DataMap, table: Table, today: date) -> _Broken:
    rule = datamap.activity(table).retention
    assert rule is not None

    def broken(row: Mapping[str, Any]) -> bool:
        until = keep_until(rule, row[rule.from_])
        return until is not None and until < today

    return broken


def _suppressed(root: Path, purpose: str, columns: Iterable[str]) -> _Broken:
    listed = suppress.Listed(root, purpose)
    return lambda row: any(row[c] is not None and str(row[c]) in listed for c in columns)


def _baseless(datamap: DataMap, table: Table) -> _Broken:
    activity = datamap.activity(table)
    return lambda row: table.bases_of(row, activity)[0] == "undetermined"


def audit(
    root: Path, datamap: DataMap, sources: Mapping[str, Source | DsarError], open_rows: Mapping[Address, OpenRows], today: date
) -> list[Finding]:
    """Return what was found of every promise; a table that cannot be read is said to be, and ends nothing."""
    return [_found(promise, datamap, sources, open_rows.get(promise.address, {})) for promise in promises(root, datamap, today)]


def _found(promise: Promise, datamap: DataMap, sources: Mapping[str, Source | DsarError], open_rows: OpenRows) -> Finding:
    key = datamap.table(promise.address).key
    columns = tuple(dict.fromkeys((*key, *promise.columns)))
    rows = skipped = 0
    cases: dict[str, None] = {}
    keys: list[str] = []
    try:
        source = sources[promise.address.source]
        if not isinstance(source, DsarError) and not source.can.everyone:
            return Finding(promise.address, promise.what, 0, failed="this system does not hand over all its rows: look by hand")
        for frame in frames(sources, promise.address, Everyone(promise.address.table, columns)):
            for row in values.rows(frame):
                if not promise.broken(row):
                    continue
                if asking := open_rows.get(tuple(values.plain(row[c]) for c in key)):
                    skipped += 1
                    cases |= asking
                    continue
                rows += 1
                if len(keys) < KEYS:
                    keys.append(json.dumps([row[c] for c in key], default=values.as_text))
    except DsarError as error:
        return Finding(promise.address, promise.what, 0, failed=str(error))
    return Finding(promise.address, promise.what, rows, tuple(keys), skipped, tuple(sorted(cases)))


def note(root: Path, findings: Iterable[Finding], at: datetime) -> dict[str, int]:
    """Write the counts down for the next time, and return those of the last time, by "table: what"."""
    path, earlier = root / TREND, noted(root)
    before: dict[str, int] = earlier[-1]["rows"] if earlier else {}
    counts = {f"{f.address}: {f.what}": f.rows for f in findings if not f.failed}
    with files.private_file(path, "a") as file:
        file.write(json.dumps({"at": at.isoformat(), "rows": counts}, ensure_ascii=False) + "\n")
    return before


def noted(root: Path) -> list[dict[str, Any]]:
    """Return the counts of the audits so far, each with the day `at` and `rows` by "table: what"."""
    path = root / TREND
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def write(root: Path, datamap: DataMap, findings: Iterable[Finding]) -> Written:
    """Write one workbook per owner into `worklists/`: every promise that is not kept, with keys to find the rows by."""
    broken = [f for f in findings if f.rows]
    owners = dict.fromkeys(s.owner for s in datamap.sources.values())
    made: list[Path] = []
    for number, owner in enumerate(owners, 1):
        mine = [f for f in broken if datamap.sources[f.address.source].owner == owner]
        made += publish(root, "worklists", f"retention_owner-{number}", partial(_build, datamap, owner, mine))
    return Written(tuple(made))


def _build(datamap: DataMap, owner: str, mine: list[Finding], stem: str, into: Path) -> list[Path]:
    if not mine:
        return []
    lines = tuple(
        (datamap.sources[f.address.source].label, datamap.table(f.address).label, plain_key(key), f.what, "To do", "", None, "")
        for f in mine
        for key in f.keys
    )
    header = ("System", "Record", "Key", "Promise not kept", "Status", "Done by", "Done on", "Remark")
    counts = Grid(("Record", "Promise not kept", "Rows"), tuple((datamap.table(f.address).label, f.what, f.rows) for f in mine))
    text = f"Up to {KEYS:,} keys of each promise are listed. Mend what brings them about: a job that does not run, an unchecked import."
    cover = Page("Start here", (Heading("Retention audit"), Facts({"Owner": owner}), Paragraph(text), counts))
    steps = Worklist("Rows", header, lines, choices={"Status": STATUSES}, editable=("Status", "Done by", "Done on", "Remark"))
    controller = datamap.controller
    return workbook.write(into / f"{stem}.xlsx", [cover, steps], controller=controller.name, zone=controller.zone, attachments_prefix=stem)
