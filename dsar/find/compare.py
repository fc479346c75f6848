"""What differs between two snapshots of one person: rows that came, went or changed, and in which columns.

Used to show an answer beside the previous one, and to see by asking again what an owner reports as done.
Values are never repeated: a difference names a row and its columns.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from dsar import files, values
from dsar.datamap import Address, DataMap
from dsar.find.dossier import PROVENANCE, Dossier
from dsar.listing import Listing, listing


class Difference(NamedTuple):
    """One row that differs: `change` is new, gone or changed; `columns` are those that changed."""

    address: Address
    key: str
    change: str
    columns: tuple[str, ...] = ()


def differences(before: Dossier, after: Dossier) -> tuple[Difference, ...]:
    """Return in what the later snapshot differs, table by table in the order of the map."""
    return tuple(d for address in after.tables for d in _table(before, after, address))


def _table(before: Dossier, after: Dossier, address: Address) -> Iterator[Difference]:
    old = _rows(before, address) if address in before.tables else {}
    new = _rows(after, address)
    for key in [*old, *(k for k in new if k not in old)]:
        if key not in new:
            yield Difference(address, key, "gone")
        elif key not in old:
            yield Difference(address, key, "new")
        elif changed := tuple(c for c in old[key] | new[key] if old[key].get(c) != new[key].get(c)):
            yield Difference(address, key, "changed", changed)


def lost(before: Dossier, after: Dossier) -> tuple[tuple[Address, str], ...]:
    """Return the rows, held ones too, that the earlier snapshot holds and the later one does not."""
    kept = {address: set(values.pylist(found.frame["dsar_key"])) for address, found in after.tables.items()}
    return tuple((a, str(key)) for a, f in before.tables.items() for key in values.pylist(f.frame["dsar_key"]) if key not in kept.get(a, set()))


def _rows(dossier: Dossier, address: Address) -> dict[str, dict[str, object]]:
    return {str(row["dsar_key"]): {c: v for c, v in row.items() if c not in PROVENANCE} for row in dossier.listed(address)}


def shown(before: Dossier, after: Dossier) -> Listing:
    """Return the differences to be read: columns What, Key, Change, Columns.

    Between two requests, our own records are left out: that there was an earlier one is what is being looked at.
    """
    found = differences(before, after)
    if before.request.id != after.request.id:
        found = tuple(d for d in found if not after.datamap.table(d.address).of_request)
    lines = [
        (after.datamap.table(d.address).label, d.key, d.change, ", ".join(after.datamap.table(d.address).label_of(c) for c in d.columns))
        for d in found
    ]
    since = f"{before.request.id}, collected {before.collected_at:%Y-%m-%d}"
    return listing(("What", "Key", "Change", "Columns"), lines, empty=f"Nothing differs from {since}.")


def save(before: Dossier, after: Dossier, path: Path) -> None:
    """Write down in what the later snapshot differs; keys and columns, never values."""
    found = [(str(d.address), d.key, d.change, list(d.columns)) for d in differences(before, after)]
    files.write_atomic(
        path, json.dumps({"before": before.collected_at.isoformat(), "after": after.collected_at.isoformat(), "rows": found}, indent=1)
    )


def load(path: Path, datamap: DataMap) -> Listing:
    """Return what was written down: columns What, Key, Change, Columns."""
    columns = ("What", "Key", "Change", "Columns")
    if not path.exists():
        return listing(columns, (), empty="The sources were asked once.")
    saved = json.loads(path.read_text(encoding="utf-8"))
    tables = {str(a): t for a, t in datamap.tables()}
    known = (row for row in saved["rows"] if row[0] in tables)
    lines = [(tables[name].label, key, change, ", ".join(map(tables[name].label_of, changed))) for name, key, change, changed in known]
    return listing(columns, lines, empty=f"Nothing changed between {saved['before'][:16]} and {saved['after'][:16]} UTC.")
