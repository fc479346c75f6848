"""Lines of logs taken apart into the columns of a kept store (`logkept`), many at once."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connectors import logkept, logline

_PATTERN = "^" + logline.COMBINED.pattern.decode() + "\n$"


def rows_of(lines: pa.Array, before: int) -> pa.Table:
    """Return the rows of the store for lines with their line feeds; the first is number `before` + 1.

    Whatever does not give its line back to the byte keeps the line.
    """
    found = pc.extract_regex(_text(lines), _PATTERN)
    of = {
        name: pc.struct_field(found, name).cast(pa.string()) for name in ("client", "user", "at", "request", "status", "bytes", "referrer", "browser")
    }
    address = _each(of["client"], lambda client: logline.normal(client.encode()), pa.string())
    columns = {
        "address": address,
        "spelled": pc.if_else(pc.equal(of["client"], address), None, of["client"]),
        "at": _each(of["at"], logline.moment, logkept.SCHEMA.field("at").type),
        "zone": pc.utf8_slice_codeunits(of["at"], 21),
        "status": of["status"].cast(pa.int16()),
        "bytes": _known(of["bytes"]).cast(pa.int64()),
        "request": of["request"],
        **{name: _known(of[name]) for name in ("user", "referrer", "browser")},
        "number": pa.array(np.arange(before + 1, before + 1 + len(lines))),
        "line": pa.nulls(len(lines), pa.binary()),
    }
    rows = pa.table(columns).select(logkept.SCHEMA.names).cast(logkept.SCHEMA)
    bare = pc.binary_slice(lines, 0, -1).cast(pa.binary())
    return _with_lines(rows, bare, pc.fill_null(pc.not_equal(logkept.texts_of(rows), bare), True))


def _with_lines(rows: pa.Table, lines: pa.Array, kept: pa.Array) -> pa.Table:
    """Return the rows with these lines kept whole; beside them stands what can be told of them."""
    odd = np.flatnonzero(kept.to_numpy(zero_copy_only=False))
    if not len(odd):
        return rows
    texts = lines.take(pa.array(odd)).to_pylist()
    known = [logline.parsed(logline.Line(text, logline.client_of(text))) for text in texts]
    columns = {name: [row.get(name) for row in known] for name in ("user", "at", "request", "status", "bytes", "referrer", "browser")}
    columns |= {"address": [logline.normal(logline.client_of(text)) for text in texts], "spelled": [None] * len(odd), "line": texts}
    for name, values in columns.items():
        kind = rows.schema.field(name).type
        new = pc.replace_with_mask(rows[name].combine_chunks(), kept, pa.array(values, kind))
        rows = rows.set_column(rows.schema.get_field_index(name), name, new)
    return rows


def _text(lines: pa.Array) -> pa.Array:
    """Return lines as text, those that are no UTF-8 as NULL."""
    try:
        return lines.cast(pa.large_string())
    except pa.ArrowInvalid:
        return pa.array([_decoded(line) for line in lines.to_pylist()], pa.large_string())


def _decoded(line: bytes) -> str | None:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return None


def _each(column: pa.Array, work: object, kind: pa.DataType) -> pa.Array:
    """Return what is made of each value; of equal ones only once."""
    assert callable(work)
    known = pc.dictionary_encode(column)
    return pa.array([work(value) for value in known.dictionary.to_pylist()], kind).take(known.indices)


def _known(column: pa.Array) -> pa.Array:
    return pc.if_else(pc.equal(column, "-"), None, column)
