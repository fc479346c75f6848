"""A snapshot by its counts alone: what each table gave, and by which codes rows are held; whatever map and register say by now."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Counted:
    """One table of a snapshot: its outcome as the manifest has it, and rows by the code they are held or left out by."""

    table: str
    outcome: Mapping[str, Any]
    holds: Mapping[str, int]


@dataclass(frozen=True)
class Counts:
    """A snapshot's counts; None of its rows is in here."""

    collected_at: datetime
    tables: tuple[Counted, ...]


def counts(folder: Path) -> Counts | None:
    """Return the counts of the snapshot in a folder, or None where there is none that can be read."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        return Counts(datetime.fromisoformat(manifest["collected_at"]), tuple(_tables(folder, manifest["tables"])))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _tables(folder: Path, tables: Mapping[str, dict[str, Any]]) -> Iterator[Counted]:
    for name, entry in tables.items():
        codes = pq.read_table(folder / entry["file"], columns=["dsar_hold"])["dsar_hold"].to_pylist()
        yield Counted(name, entry, dict(sorted(Counter(code for code in codes if code).items())))


def rows(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each row of the snapshot in a folder with its table's name, whatever map and register say by now."""
    found = counts(folder)
    for table in found.tables if found else ():
        for row in pq.read_table(folder / table.outcome["file"]).to_pylist():
            yield table.table, row
