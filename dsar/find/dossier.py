"""The dossier: a snapshot of all that was collected for one request, and where it lies on disk.

One Parquet file per table and a manifest; a killed run leaves the old snapshot or the new one.
Each frame holds the table's columns and, for every row, why it is there (`PROVENANCE`).
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dsar import files, values
from dsar.datamap import Address, DataMap
from dsar.errors import DossierMissing
from dsar.find.hold import HOLDS
from dsar.find.outcome import OpenPoint, Outcome
from dsar.listing import STYLE, Listing, badge, listing
from dsar.request.register import Request

if TYPE_CHECKING:
    from IPython.display import Image

PROVENANCE = ("dsar_key", "dsar_matched_on", "dsar_standing", "dsar_hold", "dsar_kind", "dsar_via", "dsar_cells")
_MANIFEST = "manifest.json"
_UNLISTED = "the map neither maps nor ignores it"
_UNLISTED_REMEDY = "map it (`dsar map` drafts it), or list it under `ignored` with the reason, and collect again"
_HELD_REMEDY = "rule on them: `dsar review`, or the notebook review"
_CELLS_REMEDY = "mask, keep or leave out what they say: `dsar review`, or the notebook review"


@dataclass(frozen=True)
class Found:
    """What one table gave: its outcome, and its rows with their provenance."""

    outcome: Outcome
    table: pa.Table

    @cached_property
    def frame(self) -> pd.DataFrame:
        """The rows with their provenance, found and held."""
        return values.to_frame(self.table)

    @cached_property
    def given(self) -> pa.Table:
        """The rows that are theirs, with their provenance."""
        return self.table.filter(pc.equal(self.table["dsar_standing"], "found"))

    @cached_property
    def listed(self) -> list[dict[str, Any]]:
        """The same rows as plain Python values; not to be changed."""
        rows: list[dict[str, Any]] = self.table.to_pylist()
        return rows


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

    def why(self, name: str, key: str) -> Listing:
        """Why a row is here: columns Row, Found by, Because of; from the row back to what the requester gave. Raises `KeyError`."""
        lines: list[tuple[str, str, str]] = []
        at = f"{name} {key}"
        while at and (row := self.row(at)) and at not in {line[0] for line in lines}:
            held = f", held: {HOLDS[row['dsar_hold']].internal}" if row["dsar_hold"] else ""
            lines.append((at, f"{row['dsar_kind']} in {row['dsar_matched_on']}", (row["dsar_via"] or "the requester gave it") + held))
            at = str(row["dsar_via"] or "")
        if not lines:
            raise KeyError(f"{name}: no such row is in the dossier")
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
        points = []
        for address, found in self.tables.items():
            outcome = found.outcome
            if not outcome.complete:
                points.append(OpenPoint(str(address), outcome.words(), "mend the source and collect again, or answer for it by hand"))
            if outcome.malformed:
                what = f"{outcome.malformed} of its lines or rows cannot be read, so some of the person's may be missing"
                points.append(OpenPoint(str(address), what, "mend the source and collect again, or look through them by hand"))
            if outcome.undeclared:
                columns = ", ".join(outcome.undeclared)
                points.append(OpenPoint(str(address), f"the map does not know the column {columns}", "classify it in dsar.toml and collect again"))
            elif outcome.held:
                points.append(
                    OpenPoint(
                        str(address),
                        f"{outcome.held} held",
                        _HELD_REMEDY,
                    )
                )
            if outcome.cells:
                points.append(OpenPoint(str(address), f"{outcome.cells} cells speak of somebody else", _CELLS_REMEDY))
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
        fresh = folder.with_name(folder.name + ".new")
        shutil.rmtree(fresh, ignore_errors=True)
        files.private_dir(fresh)
        listed = {}
        for address, found in self.tables.items():
            name = f"{quote(str(address), safe='. ')}.parquet"
            pq.write_table(found.table, fresh / name)
            (fresh / name).chmod(0o600)
            listed[str(address)] = {"file": name, "sha256": files.sha256(fresh / name), **asdict(found.outcome)}
        manifest = {
            "request": self.request.id,
            "fingerprint": self.request.fingerprint,
            "map_sha256": self.datamap.sha256,
            "collected_at": self.collected_at,
            "ruled": self.ruled,
            "unlisted": self.unlisted,
            "tables": listed,
        }
        text = json.dumps(manifest, indent=1, default=values.as_text)
        files.write_atomic(fresh / _MANIFEST, json.dumps({**json.loads(text), "seal": _seal(text)}, indent=1))
        files.replace_dir(fresh, folder)


def load(folder: Path, request: Request, datamap: DataMap) -> Dossier:
    """Return the snapshot in `folder`; raises `DossierMissing` where there is none that fits.

    It fits when the map and the request's identifiers are those it was collected for, and every
    file is as it was written.
    """
    files.finish_replace(folder)
    state = _state(folder)
    known, kept = _last.get(folder, (None, None))
    if kept is not None and (known, kept.request, kept.datamap.sha256) == (state, request, datamap.sha256):
        return kept
    dossier = _loaded(folder, request, datamap)
    _last.clear()
    _last[folder] = (state, dossier)
    return dossier


_last: dict[Path, tuple[object, Dossier]] = {}  # a notebook asks for one snapshot many times; as its files stand


def forget() -> None:
    """Forget the snapshot that was read last."""
    _last.clear()


def _state(folder: Path) -> object:
    if not folder.is_dir():
        return None
    with os.scandir(folder) as entries:
        return sorted((e.name, (s := e.stat()).st_ino, s.st_size, s.st_mtime_ns) for e in entries)


def _loaded(folder: Path, request: Request, datamap: DataMap) -> Dossier:
    try:
        manifest = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
        sealed = manifest.pop("seal") == _seal(json.dumps(manifest, indent=1))
    except OSError as error:
        raise DossierMissing("nothing was collected yet", where=request.id, remedy="run `dsar collect`") from error
    except (ValueError, KeyError, TypeError, AttributeError):
        sealed = False
    if not sealed:
        raise DossierMissing("a file of the snapshot is missing or was changed", where=request.id, remedy="run `dsar collect`")
    if (manifest["request"], manifest["map_sha256"], manifest["fingerprint"]) != (request.id, datamap.sha256, request.fingerprint):
        raise DossierMissing("it was collected with another data map or other identifiers", where=request.id, remedy="run `dsar collect`")
    tables = {a: _read(folder, request, manifest["tables"][str(a)]) for a, _ in datamap.tables()}
    unlisted = {k: tuple(v) for k, v in manifest["unlisted"].items()}
    return Dossier(request, datamap, datetime.fromisoformat(manifest["collected_at"]), tables, unlisted, manifest["ruled"])


def _read(folder: Path, request: Request, entry: dict[str, Any]) -> Found:
    path = folder / entry.pop("file")
    content = pa.memory_map(str(path)).read_buffer() if path.is_file() and path.stat().st_size else None
    if content is None or hashlib.sha256(content).hexdigest() != entry.pop("sha256"):
        raise DossierMissing("a file of the snapshot is missing or was changed", where=request.id, remedy="run `dsar collect`")
    moment = entry.pop("collected_at")
    entry |= {k: tuple(entry[k]) for k in ("searched_by", "undeclared", "clients")}
    outcome = Outcome(**entry, collected_at=datetime.fromisoformat(moment) if moment else None)
    return Found(outcome, pq.ParquetFile(pa.BufferReader(content)).read(use_threads=False))


def as_key(*parts: object) -> str:
    """Return a row's key as `dsar_key` spells it."""
    return json.dumps(list(parts), default=values.as_text)


def _points(count: int) -> str:
    return "1 open point" if count == 1 else f"{count} open points"


def _seal(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _record(row: Mapping[str, Any]) -> dict[str, Any]:
    key = json.loads(row["dsar_key"])
    return {"key": key[0] if len(key) == 1 else key, "matched_on": row["dsar_matched_on"], "standing": row["dsar_standing"]}


def _path(row: Mapping[str, Any]) -> str:
    start = f"{row['dsar_via']} → " if row["dsar_via"] else "given → "
    return f"{start}{row['dsar_kind']} → {row['dsar_matched_on']}"
