"""A snapshot on disk: one Parquet file per table and a manifest; a killed run leaves the old one or the new one."""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dsar import files, values
from dsar.datamap import Address, DataMap
from dsar.errors import DossierMissing
from dsar.find.outcome import Outcome
from dsar.request.request import Request

_MANIFEST = "manifest.json"


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


def write(folder: Path, head: Mapping[str, object], tables: Mapping[Address, Found]) -> None:
    """Write a snapshot's tables, and `head` in its manifest, to `folder`, replacing an older one in one step."""
    fresh = folder.with_name(folder.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    files.private_dir(fresh)
    listed = {}
    for address, found in tables.items():
        name = f"{quote(str(address), safe='. ')}.parquet"
        pq.write_table(found.table, fresh / name)
        (fresh / name).chmod(0o600)
        listed[str(address)] = {"file": name, "sha256": files.sha256(fresh / name), **asdict(found.outcome)}
    text = json.dumps({**head, "tables": listed}, indent=1, default=values.as_text)
    files.write_atomic(fresh / _MANIFEST, json.dumps({**json.loads(text), "seal": _seal(text)}, indent=1))
    files.replace_dir(fresh, folder)


def state(folder: Path) -> object:
    """Return what changes whenever a file of the snapshot does."""
    if not folder.is_dir():
        return None
    with os.scandir(folder) as entries:
        return sorted((e.name, (s := e.stat()).st_ino, s.st_size, s.st_mtime_ns) for e in entries)


def read(folder: Path, request: Request, datamap: DataMap) -> tuple[dict[str, Any], dict[Address, Found]]:
    """Return the manifest and the tables of the snapshot in a folder; raises `DossierMissing` where there is none that fits."""
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
    return manifest, {a: _table(folder, request, manifest["tables"][str(a)]) for a, _ in datamap.tables()}


def _table(folder: Path, request: Request, entry: dict[str, Any]) -> Found:
    path = folder / entry.pop("file")
    content = pa.memory_map(str(path)).read_buffer() if path.is_file() and path.stat().st_size else None
    if content is None or hashlib.sha256(content).hexdigest() != entry.pop("sha256"):
        raise DossierMissing("a file of the snapshot is missing or was changed", where=request.id, remedy="run `dsar collect`")
    moment = entry.pop("collected_at")
    entry |= {k: tuple(entry[k]) for k in ("searched_by", "undeclared", "clients")}
    outcome = Outcome(**entry, collected_at=datetime.fromisoformat(moment) if moment else None)
    return Found(outcome, pq.ParquetFile(pa.BufferReader(content)).read(use_threads=False))


def _seal(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
