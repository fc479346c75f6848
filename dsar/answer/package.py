"""The portability package: the same tables exactly, for machines, described as a Frictionless Data Package.

A zip with `README.txt`, `index.html`, the workbook and its attachments, `data/<what>.csv` and `.json`,
`datapackage.json` (https://datapackage.org, version 2) and `checksums.sha256`. The same content is
the same bytes.
"""

import hashlib
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pandas as pd
import pyarrow as pa

from dsar import datamap, files, values
from dsar.answer.names import file_stem, unique
from dsar.law import dpv

_MEDIA = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "json": "application/json",
    "txt": "text/plain",
    "html": "text/html",
}
_TYPES = (
    (pa.types.is_boolean, "boolean"),
    (pa.types.is_integer, "integer"),
    (pa.types.is_floating, "number"),
    (pa.types.is_decimal, "number"),
    (pa.types.is_date, "date"),
    (pa.types.is_timestamp, "datetime"),
    (pa.types.is_time, "time"),
    (pa.types.is_struct, "object"),
    (pa.types.is_list, "array"),
)


@dataclass(frozen=True)
class DataTable:
    """One table of the package: its exact rows, and what the data map says about them.

    `name` is the plain name of its files, without ending; `columns` tells label and category of the
    frame's columns; `system` is where it comes from.
    """

    name: str
    label: str
    frame: pd.DataFrame
    columns: Mapping[str, datamap.Column]
    key: tuple[str, ...]
    basis: tuple[str, ...]
    origins: tuple[str, ...]
    purpose: str = ""
    system: str = ""


def write(
    path: Path,
    tables: Sequence[DataTable],
    attached: Sequence[Path],
    *,
    page: bytes,
    readme: str,
    title: str,
    request_id: str,
    controller: str,
    created: datetime,
) -> Path:
    """Write the package and return its path; `page` is its index.html, `attached` lie beside that.

    `attached` are the workbook and its attachments. `created` needs a time zone. Raises `ValueError` where two files would have the same name.
    """
    if created.tzinfo is None:
        raise ValueError("the time of creation needs its time zone")
    top = {"README.txt": readme.replace("\r\n", "\n").replace("\n", "\r\n").encode("utf-8"), "index.html": page}
    for file in attached:
        if file.name in {*top, "datapackage.json", "checksums.sha256", "data"}:
            raise ValueError("two files of the package would have the same name")
        top[file.name] = file.read_bytes()
    stems = unique([file_stem(t.name) for t in tables])
    data: dict[str, bytes] = {}
    resources: list[dict[str, object]] = []
    for table, stem in zip(tables, stems, strict=True):
        target = f"data/{stem}.csv"
        rows = values.rows(table.frame)
        data |= {target: _csv([str(c) for c in table.frame.columns], rows), f"data/{stem}.json": _records(rows)}
        resources.append(_resource(table, stem, target, data[target]))
    described = {resource["path"] for resource in resources}
    others = {name: content for name, content in {**top, **data}.items() if name not in described}
    resources += [_plain(name, content, number) for number, (name, content) in enumerate(others.items(), start=1)]
    descriptor = {
        "$schema": "https://datapackage.org/profiles/2.0/datapackage.json",
        "name": re.sub(r"[^a-z0-9._-]+", "-", f"portability-{request_id}".lower()),
        "title": title,
        "description": "Open index.html or the workbook to read; these files are for other programs.",
        "created": created.isoformat(),
        "x-dsar:controller": controller,
        "x-dsar:request": request_id,
        "x-dsar:right": dpv.RIGHTS["portability"],
        "resources": resources,
    }
    entries = {**top, **data, "datapackage.json": _json(descriptor)}
    sums = "".join(f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in entries.items())
    files.write_atomic(path, files.zip_bytes({**entries, "checksums.sha256": sums.encode("utf-8")}))
    return path


def to_csv(frame: pd.DataFrame) -> bytes:
    """Return a frame as RFC 4180 text in UTF-8: every value quoted, an empty text as `""`, a missing value as nothing.

    In a table of one column a missing value is `""` too, since readers skip a line that is empty.
    """
    return _csv([str(c) for c in frame.columns], values.rows(frame))


def _csv(columns: Sequence[str], rows: Sequence[Mapping[str, object]]) -> bytes:
    missing = "" if len(columns) > 1 else '""'
    lines: list[Sequence[str | None]] = [columns, *([values.as_text(v) for v in row.values()] for row in rows)]
    quoted = (",".join(missing if text is None else '"' + text.replace('"', '""') + '"' for text in line) for line in lines)
    return "".join(f"{line}\r\n" for line in quoted).encode("utf-8")


def to_json(frame: pd.DataFrame) -> bytes:
    """Return a frame as a JSON array of objects: whole numbers, truth values and null as such, all else as exact text."""
    return _records(values.rows(frame))


def _records(rows: Sequence[Mapping[str, object]]) -> bytes:
    return _json([{name: _value(value) for name, value in row.items()} for row in rows])


def _value(value: object) -> object:
    if isinstance(value, float):
        return value if math.isfinite(value) else values.as_text(value)
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, Mapping):
        return {str(k): _value(v) for k, v in value.items()}
    return [_value(v) for v in value] if isinstance(value, list | tuple) else values.as_text(value)


def _json(content: object) -> bytes:
    return (json.dumps(content, ensure_ascii=False, indent=2, allow_nan=False) + "\n").encode("utf-8")


def _resource(table: DataTable, name: str, path: str, content: bytes) -> dict[str, object]:
    schema: dict[str, object] = {"fields": list(_fields(table)), "missingValues": [""]}
    # Where a part of the key stays here, what is left of it tells no rows apart.
    if table.key and all(column in table.frame and table.frame[column].notna().all() for column in table.key):
        schema["primaryKey"] = list(table.key)
    return {
        "name": name,
        "title": table.label,
        "type": "table",
        "path": path,
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": "utf-8",
        **_sealed(content),
        **_described(table),
        "schema": schema,
    }


def _described(table: DataTable) -> dict[str, object]:
    """Say what the law calls it: our words, and the terms of the Data Privacy Vocabulary where it has one."""
    said = {
        "system": table.system,
        "purpose": table.purpose,
        "legalBasis": list(table.basis),
        "hasLegalBasis": [dpv.BASES[b] for b in table.basis if b in dpv.BASES],
        "origin": list(table.origins),
        "hasDataOrigin": [dpv.ORIGINS[o] for o in table.origins if o in dpv.ORIGINS],
        "hasDataSource": list(dict.fromkeys(dpv.SOURCES[o] for o in table.origins if o in dpv.SOURCES)),
    }
    return {f"x-dsar:{key}": value for key, value in said.items() if value}


def _fields(table: DataTable) -> Iterator[dict[str, object]]:
    for column, kind in zip(table.frame.columns, values.to_arrow(table.frame).schema.types, strict=True):
        known = table.columns.get(column)
        field: dict[str, object] = {"name": column, "title": (known.label if known else "") or column}
        field["type"] = next((name for fits, name in _TYPES if fits(kind)), "string")
        if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
            field["format"] = "binary"
        if field["type"] == "datetime":
            field["format"] = "any"  # ISO 8601, with the zone where it is known and fractions where there are any
        if known:
            said = {
                "rdfType": dpv.category(known.category),
                "x-dsar:category": known.category,
                "x-dsar:legalBasis": known.basis,
                "x-dsar:hasLegalBasis": dpv.BASES.get(known.basis or ""),
                "x-dsar:origin": known.origin,
                "x-dsar:hasDataOrigin": dpv.ORIGINS.get(known.origin or ""),
            }
            field |= {key: value for key, value in said.items() if value}
        yield field


def _plain(path: str, content: bytes, number: int) -> dict[str, object]:
    ending = Path(path).suffix.lstrip(".").lower() or "bin"
    return {
        "name": f"file-{number}",
        "type": "file",
        "path": path,
        "format": ending,
        "mediatype": _MEDIA.get(ending) or "application/octet-stream",
        **_sealed(content),
    }


def _sealed(content: bytes) -> dict[str, object]:
    return {"bytes": len(content), "hash": f"sha256:{hashlib.sha256(content).hexdigest()}"}
