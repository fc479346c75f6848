"""The retention audit of a workspace: the controller's own promises over everyone, with what became of the counts."""

from collections import defaultdict

from dsar.answer.publish import Written
from dsar.datamap import Address
from dsar.erase import audit
from dsar.erase.look import Key
from dsar.erase.verify import key_of
from dsar.listing import Listing, listing
from dsar.patience import patiently
from dsar.workspace import Workspace

_NAMED = 5  # keys of each promise that the table names


@patiently("looking at everyone's rows")
def retention(ws: Workspace) -> Listing:
    """What the controller promised and did not keep: columns System, What, Promise, Rows, Before, Left out, For, Keys, Fault.

    Left out are rows of open requests, which `For` names. The counts are noted, so that the next audit shows what has become of them.
    """
    findings = _audited(ws)
    before = audit.note(ws.root, findings, ws.clock())
    columns = ("System", "What", "Promise", "Rows", "Before", "Left out", "For", "Keys", "Fault")
    lines = [
        (
            *(ws.datamap.sources[f.address.source].label, ws.datamap.table(f.address).label, f.what, f.rows),
            *(before.get(f"{f.address}: {f.what}", "–"), f.skipped, ", ".join(f.cases)),
            *(_named(f), f.failed),
        )
        for f in findings
    ]
    return listing(columns, lines, empty="The map names no promise that could be looked at.")


def _named(finding: audit.Finding) -> str:
    """Return some keys of a finding, and where the others stand."""
    named, more = " ".join(finding.keys[:_NAMED]), finding.rows - _NAMED
    if more <= 0:
        return named
    most = f" up to the first {audit.KEYS:,}" if finding.rows > audit.KEYS else ""
    return f"{named} and {more:,} more: the workbooks of `dsar.erasure.audit_lists` name them{most}, in worklists/"


def trend(ws: Workspace) -> Listing:
    """The counts of all audits so far: columns On, Promise, Rows."""
    lines = [(entry["at"][:10], promise, rows) for entry in audit.noted(ws.root) for promise, rows in entry["rows"].items()]
    return listing(("On", "Promise", "Rows"), lines, empty="There was no audit before.")


@patiently("looking at everyone's rows")
def audit_lists(ws: Workspace) -> Written:
    """Write one workbook per owner with the keys of what was promised and not kept, into the workspace's `worklists/`."""
    return audit.write(ws.root, ws.datamap, _audited(ws))


def _audited(ws: Workspace) -> list[audit.Finding]:
    open_rows: dict[Address, dict[Key, dict[str, None]]] = defaultdict(lambda: defaultdict(dict))
    for case in ws.register.cases().values():
        snapshot = ws.snapshot(case.request) if not case.closed else None
        for address, found in snapshot.tables.items() if snapshot else ():
            for row in found.listed:
                open_rows[address][key_of(str(row["dsar_key"]))][case.request.id] = None
    return audit.audit(ws.root, ws.datamap, ws.sources(), open_rows, ws.today)
