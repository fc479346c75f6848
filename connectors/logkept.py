"""How kept log lines lie: a Parquet store, by day and sorted by address, from which every line can be written again as it was.

    STORE/day=2026-11-12/ENTRY-0.parquet     rows of one file, sorted by `address`, in small row groups with a bloom filter
    STORE/rows/day=2026-11-12/ENTRY-0.rows   which rows are of which address (`logrows`); can be missing
    STORE/files/ENTRY.json                   a file that is wholly in the store; written last, so that it stands for all the rest
    STORE/anonymised/day=…/….parquet         what remains of lines older than they may be kept

Columns of a part: `address` (the client in normal form), `spelled` (as it was written, where that differs), `at` (UTC), `zone` (as it was
written), `user`, `request`, `status`, `bytes`, `referrer`, `browser`, `number` (of the line in its file), and `line`: the whole line, where
the others do not give it back to the byte. Any engine can read this; `text_of` and `texts_of` write lines again.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from connectors.logline import MONTHS, Line, client_of

SCHEMA = pa.schema(
    [
        ("address", pa.string()), ("spelled", pa.string()), ("at", pa.timestamp("ms", "UTC")), ("zone", pa.string()), ("user", pa.string()),
        ("request", pa.string()), ("status", pa.int16()), ("bytes", pa.int64()), ("referrer", pa.string()), ("browser", pa.string()),
        ("number", pa.int64()), ("line", pa.binary()),
    ]
)  # fmt: skip
_READ = ("user", "at", "request", "status", "bytes", "referrer", "browser")
REPEATED = ("zone", "user", "request", "referrer", "browser")  # text worth a dictionary, also in memory


def stamp(at: datetime, zone: str) -> str:
    """Return a moment as a log line has it, in the zone in which it was written."""
    sign = -1 if zone.startswith("-") else 1
    there = at.astimezone(UTC) + sign * timedelta(hours=int(zone[1:3]), minutes=int(zone[3:5]))
    return f"{there.day:02}/{MONTHS[there.month - 1]}/{there.year:04}:{there:%H:%M:%S} {zone}"


def text_of(row: Mapping[str, object]) -> bytes:
    """Return the line of a row of the store, without its line feed."""
    if isinstance(row["line"], bytes):
        return row["line"]
    at, zone = row["at"], row["zone"]
    assert isinstance(at, datetime)
    known = {name: "-" if row[name] is None else row[name] for name in ("user", "bytes", "referrer", "browser")}
    return (
        f'{row["spelled"] or row["address"]} - {known["user"]} [{stamp(at, str(zone))}] "{row["request"]}" {row["status"]} {known["bytes"]}'
        f' "{known["referrer"]}" "{known["browser"]}"'
    ).encode()


def lines_of(rows: pa.Table) -> Iterator[tuple[int, Line]]:
    """Yield rows of the store as lines, each with its number; a line is read already, unless it had to be kept whole."""
    column = {name: rows[name].to_pylist() for name in (*_READ, "number")}
    clients = pc.coalesce(rows["spelled"], rows["address"]).to_pylist()
    kept = pc.is_valid(rows["line"]).to_pylist()
    for n, text in enumerate(texts_of(rows).to_pylist()):
        row = None if kept[n] else {"client": clients[n], **{name: column[name][n] for name in _READ}}
        yield column["number"][n], Line(text, client_of(text) if kept[n] else b"", row)


def texts_of(rows: pa.Table) -> pa.Array:
    """Return the lines of many rows, as `text_of` does for one."""
    rows = rows.combine_chunks()
    column = {name: rows[name].combine_chunks() for name in rows.column_names}
    written = pc.binary_join_element_wise(
        pc.coalesce(column["spelled"], column["address"]), " - ", pc.fill_null(column["user"], "-"), " [", _stamps(column["at"], column["zone"]),
        '] "', column["request"], '" ', pc.cast(column["status"], pa.string()), " ", pc.fill_null(pc.cast(column["bytes"], pa.string()), "-"),
        ' "', pc.fill_null(column["referrer"], "-"), '" "', pc.fill_null(column["browser"], "-"), '"', "",
    )  # fmt: skip
    return pc.coalesce(column["line"], pc.cast(written, pa.binary()))


def _stamps(at: pa.Array, zone: pa.Array) -> pa.Array:
    """Return each moment as it was written; every moment that differs is spelled once."""
    both = pc.dictionary_encode(
        pc.binary_join_element_wise(pc.cast(pc.cast(pc.cast(at, pa.timestamp("s", "UTC")), pa.int64()), pa.string()), zone, "|")
    )
    known = [both_.split("|") for both_ in both.dictionary.to_pylist()]
    return pa.array([stamp(datetime.fromtimestamp(int(seconds), UTC), zone_) for seconds, zone_ in known], pa.string()).take(both.indices)
