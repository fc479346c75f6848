"""Documents of which a redacted copy goes out: the dossier holds the copy, and the original nowhere."""

import hashlib

import pyarrow as pa

from dsar.find.review import Rulings

_COLUMNS = ("file", "sha256", "bytes", "content")


def redacted(found: pa.Table, table: str, rulings: Rulings) -> pa.Table:
    """Return a table's rows, with their provenance, with the redacted copy in place of each original that was ruled to go out as one."""
    if not set(_COLUMNS) <= set(found.column_names):
        return found
    columns = {name: found[name].to_pylist() for name in _COLUMNS}
    for n, (key, standing) in enumerate(zip(found["dsar_key"].to_pylist(), found["dsar_standing"].to_pylist(), strict=True)):
        if standing == "found" and (copy := rulings.redacted(table, str(key))) is not None:
            # Its name may name somebody, too.
            made = ("redacted copy", hashlib.sha256(copy).hexdigest(), len(copy), copy)
            for name, value in zip(_COLUMNS, made, strict=True):
                columns[name][n] = value
    for name in _COLUMNS:
        at = found.column_names.index(name)
        found = found.set_column(at, name, pa.array(columns[name], found.schema.field(name).type))
    return found
