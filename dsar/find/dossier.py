"""The dossier: a snapshot of all that was collected for one request, and where it lies on disk.

Each frame holds the table's columns and, for every row, why it is there (`PROVENANCE`).
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from dsar import files, values
from dsar.datamap import Address, DataMap
from dsar.errors import UnknownRow
from dsar.find import snapshot
from dsar.find.hold import HOLDS
from dsar.find.outcome import OpenPoint, points_of
from dsar.find.snapshot import Found
from dsar.find.spelling import as_key, spellings
from dsar.listing import STYLE, Listing, badge, listing
from dsar.request.request import Request

if TYPE_CHECKING:
    from IPython.display import Image

__all__ = ["PROVENANCE", "Dossier", "Found", "as_key", "forget", "load"]

PROVENANCE = ("dsar_key", "dsar_matched_on", "dsar_standing", "dsar_hold", "dsar_kind", "dsar_via", "dsar_cells")
_UNLISTED = "the map neither maps nor ignores it"
_UNLISTED_REMEDY = "map it (`dsar map` drafts it), or list it under `ignored` with the reason, and collect again"


_CLAIMED = {"two requests", "withheld", "not theirs", "cannot tell"}  # the last three are what was ruled, perhaps on the first


@dataclass(frozen=True)
class Dossier:
    """All that was collected for one request.

    `dossier["source.table"]` is the frame of rows found; held rows are in `held` and nowhere else.
    """

    request: Request
    datamap: DataMap
    collected_at: datetime
    tables: Mapping[Address, Found]
    unlisted: Mapping[str, tuple[str, ...]]  # tables of a source that the map neither maps nor ignores
    ruled: str = ""  # the rulings it was collected with

    def __getitem__(self, name: str) -> Listing:
        """Return the rows found in a table, with the table's own columns; a notebook shows them whole."""
        return Listing(values.to_frame(self._named(name).given.drop_columns(list(PROVENANCE))))

    def __iter__(self) -> Iterator[str]:
        """Yield the names of the tables that hold rows found."""
        return (str(a) for a, f in self.tables.items() if f.outcome.rows)

    def _named(self, name: str) -> Found:
        for address, found in self.tables.items():
            if str(address) == name:
                return found
        raise KeyError(f"{name}: not a table of the map; there are {', '.join(map(str, self.tables))}")

    def rows(self, address: Address) -> pd.DataFrame:
        """Return the rows found in a table with their provenance (columns `PROVENANCE`)."""
        return values.to_frame(self.tables[address].given)

    def listed(self, address: Address) -> list[dict[str, Any]]:
        """Return the rows found in a table with their provenance, as plain Python values."""
        return [row for row in self.tables[address].listed if row["dsar_standing"] == "found"]

    @cached_property
    def names(self) -> frozenset[str]:
        """The rows found, named "source.table key", and those that would be, had nobody else's request reached them and no person ruled."""
        columns = ("dsar_key", "dsar_standing", "dsar_hold")
        return frozenset(
            f"{address} {key}"
            for address, found in self.tables.items()
            for key, standing, hold in zip(*(found.table[name].to_pylist() for name in columns), strict=True)
            if standing == "found" or hold in _CLAIMED
        )

    def row(self, name: str) -> dict[str, Any] | None:
        """Return the row named "source.table key" (as in `dsar_via`), held or found, or None."""
        return self._by_name.get(name)

    @cached_property
    def _by_name(self) -> dict[str, dict[str, Any]]:
        return {f"{a} {row['dsar_key']}": row for a, f in self.tables.items() for row in f.listed}

    def why(self, name: str, key: object) -> Listing:
        """Why a row is here: columns Row, Found by, Because of; from the row back to what the requester gave.

        A key is spelled as it is printed (`["A-1", 2]`), or given as its value or values. Raises `UnknownRow`.
        """
        lines: list[tuple[str, str, str]] = []
        at = next((row for row in (f"{name} {spelled}" for spelled in spellings(key)) if self.row(row)), "")
        while at and (row := self.row(at)) and at not in {line[0] for line in lines}:
            held = f", held: {HOLDS[row['dsar_hold']].internal}" if row["dsar_hold"] else ""
            lines.append((at, f"{row['dsar_kind']} in {row['dsar_matched_on']}", (row["dsar_via"] or "the requester gave it") + held))
            at = str(row["dsar_via"] or "")
        if not lines:
            there = [str(address) for address in self.tables]
            what, remedy = ("row", f"`dsar records {self.request.id}` lists the keys there are") if name in there else ("table", "")
            raise UnknownRow(
                f"no such {what} is in the dossier", where=f"{self.request.id} {name}", remedy=remedy or f"name one of {', '.join(there)}"
            )
        return listing(("Row", "Found by", "Because of"), lines, empty="")

    def retention_start(self, address: Address, row: Mapping[str, Any]) -> object:
        """Return what a row's retention is counted from; a line without a date takes its invoice's."""
        rule = self.datamap.activity(self.datamap.table(address)).retention
        seen: set[object] = set()
        while rule and row and rule.from_ not in row and row["dsar_via"] not in seen:
            seen.add(row["dsar_via"])
            row = self.row(str(row["dsar_via"])) or {}
        return row.get(rule.from_) if rule else None

    @cached_property
    def found(self) -> Listing:
        """What each table gave: columns System, What, Table, Found, Held, Result."""
        lines = [
            (self.datamap.sources[a.source].label, self.datamap.table(a).label, str(a), f.outcome.rows, f.outcome.held, f.outcome.words())
            for a, f in self.tables.items()
        ]
        lines += [(self.datamap.sources[s].label, name, f"{s}.{name}", 0, 0, f"not searched: {_UNLISTED}") for s, name in self.undescribed]
        return listing(("System", "What", "Table", "Found", "Held", "Result"), lines, empty="The map has no tables.")

    @property
    def undescribed(self) -> list[tuple[str, str]]:
        """The tables that nobody described, so that nobody searched them: source and name."""
        return [(source, name) for source, names in self.unlisted.items() for name in names]

    @cached_property
    def held(self) -> Listing:
        """Rows that wait for a human: columns What, Table, Key, Reached by, Why."""
        lines = [
            (self.datamap.table(a).label, str(a), row["dsar_key"], _path(row), HOLDS[row["dsar_hold"]].internal)
            for a, f in self.tables.items()
            for row in f.listed
            if row["dsar_standing"] == "held"
        ]
        return listing(("What", "Table", "Key", "Reached by", "Why"), lines, empty="Nothing is held.")

    @cached_property
    def open_points(self) -> tuple[OpenPoint, ...]:
        """What makes this snapshot incomplete, table by table; empty when nothing does."""
        points = [point for address, found in self.tables.items() for point in points_of(str(address), found.outcome)]
        points += [OpenPoint(f"{source}.{name}", f"not searched: {_UNLISTED}", _UNLISTED_REMEDY) for source, name in self.undescribed]
        return tuple(points)

    def records(self) -> dict[str, dict[str, Any]]:
        """Return table → {"outcome", "rows": [{"key", "matched_on", "standing"}]}; a key of several columns is a list."""
        return {str(a): {"outcome": f.outcome.state, "rows": [_record(row) for row in f.listed]} for a, f in self.tables.items()}

    @property
    def complete(self) -> bool:
        """Whether every table answered and nothing is held."""
        return not self.open_points

    def chart(self) -> "Image":
        """Return a bar chart of rows found and held per table."""
        from dsar.find.chart import bars

        shown = self.found[self.found["Found"] + self.found["Held"] > 0]
        names = [f"{what} ({system})" for what, system in zip(shown["What"], shown["System"], strict=True)]
        return bars(names, shown["Found"].tolist(), shown["Held"].tolist())

    def _repr_html_(self) -> str:
        verdict = badge("complete", "good") if self.complete else badge(f"not complete: {_points(len(self.open_points))}", "bad")
        head = f"<p><b>{self.request.id}</b>, collected {self.collected_at:%Y-%m-%d %H:%M} UTC: {verdict}</p>"
        return STYLE + head + self.found.to_display().removeprefix(STYLE)

    # -- on disk ---------------------------------------------------------------------------------

    def save(self, folder: Path) -> None:
        """Write the snapshot to `folder`, replacing an older one in one step."""
        head = {
            "request": self.request.id,
            "fingerprint": self.request.fingerprint,
            "map_sha256": self.datamap.sha256,
            "collected_at": self.collected_at,
            "ruled": self.ruled,
            "unlisted": self.unlisted,
        }
        snapshot.write(folder, head, self.tables)


def load(folder: Path, request: Request, datamap: DataMap) -> Dossier:
    """Return the snapshot in `folder`; raises `DossierMissing` where there is none that fits.

    It fits when the map and the request's identifiers are those it was collected for, and every
    file is as it was written.
    """
    files.finish_replace(folder)
    state = snapshot.state(folder)
    known, kept = _last.get(folder, (None, None))
    if kept is not None and (known, kept.request, kept.datamap.sha256) == (state, request, datamap.sha256):
        return kept
    manifest, tables = snapshot.read(folder, request, datamap)
    unlisted = {k: tuple(v) for k, v in manifest["unlisted"].items()}
    dossier = Dossier(request, datamap, datetime.fromisoformat(manifest["collected_at"]), tables, unlisted, manifest["ruled"])
    _last.clear()
    _last[folder] = (state, dossier)
    return dossier


_last: dict[Path, tuple[object, Dossier]] = {}  # a notebook asks for one snapshot many times; as its files stand


def forget() -> None:
    """Forget the snapshot that was read last."""
    _last.clear()


def _points(count: int) -> str:
    return "1 open point" if count == 1 else f"{count} open points"


def _record(row: Mapping[str, Any]) -> dict[str, Any]:
    key = json.loads(row["dsar_key"])
    return {"key": key[0] if len(key) == 1 else key, "matched_on": row["dsar_matched_on"], "standing": row["dsar_standing"]}


def _path(row: Mapping[str, Any]) -> str:
    start = f"{row['dsar_via']} → " if row["dsar_via"] else "given → "
    return f"{start}{row['dsar_kind']} → {row['dsar_matched_on']}"
