"""Kept lines that are older than they may be kept: nobody's from then on, except those that are still needed.

By which rules a line becomes nobody's is not this module's business (`source.Anonymiser`). For each part first what remains is written,
then the part anew with only the rows that are needed, and a mark; a run that is killed is completed by the next one.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from connectors import logcompact, logkept, logline, logrows
from connectors.logentries import Entries, Part
from dsar import files
from dsar.source import Anonymiser, Expired

MARK = b"dsar.anonymised"  # how often a part was, and on which day last
REMAINS = pa.schema(
    [
        ("at", pa.date32()), ("client", pa.string()), ("request", pa.string()), ("status", pa.int16()), ("referrer", pa.string()),
        ("browser", pa.string()), ("label", pa.string()), ("lines", pa.int64()),
    ]
)  # fmt: skip
_AT_ONCE = 10_000


def expire(store: Path, due: Callable[[date], bool], today: date, needed: Collection[str], anonymiser: Callable[[], Anonymiser]) -> Iterator[Expired]:
    """Anonymise the lines of every day that is due, and yield each day with what was done; `needed` are addresses whose lines stay as they are."""
    entries = Entries(store)
    days: dict[str, list[Part]] = {}
    for entry in entries.known.values():
        for part in entry.parts:
            days.setdefault(part.day, []).append(part)
    for day in sorted(day for day in days if due(date.fromisoformat(day))):
        parts = [part for part in days[day] if _to_do(store / part.name, needed)]
        if parts:
            yield _day(store, date.fromisoformat(day), days[day], parts, today, needed, anonymiser())


def _to_do(path: Path, needed: Collection[str]) -> bool:
    """Whether a part holds lines of anybody whose lines are not needed, or was never looked at."""
    if MARK not in (pq.read_schema(path).metadata or {}):
        return True
    held = pq.read_table(path, columns=["address"], partitioning=None)["address"].unique().to_pylist()
    return not set(held) <= set(needed)


def _times(path: Path) -> int:
    """Return how often a part was anonymised: once more each time that somebody's lines are needed no longer, twice on one day too."""
    return int((pq.read_schema(path).metadata or {}).get(MARK, b"0").split()[0])


def _day(store: Path, day: date, parts: list[Part], to_do: list[Part], today: date, needed: Collection[str], rules: Anonymiser) -> Expired:
    for part in parts:
        for row in _rows(pq.ParquetFile(store / part.name)):
            rules.add(row)
    counts: Counter[str] = Counter()
    kept = 0
    for part in to_do:
        times = _times(store / part.name) + 1
        table = pq.read_table(store / part.name, partitioning=None, read_dictionary=list(logkept.REPEATED))
        stays = pc.is_in(table["address"], value_set=pa.array(sorted(needed), pa.string()))
        counts += _put_remains(store, day, part, table.filter(pc.invert(stays)), times, rules)
        logrows.drop(store, part.name)  # it knows the addresses; what is left is soon searched without
        _put_rest(store / part.name, table.filter(stays), f"{times} {today}")
        kept += pc.sum(stays).as_py() or 0
    return Expired(day, counts["anonymised"], counts["reduced"], kept)


def _rows(table: pq.ParquetFile | pa.Table) -> Iterator[Mapping[str, object]]:
    """Yield the rows of the store with the columns of `connectors.logs`."""
    batches = table.to_batches(_AT_ONCE) if isinstance(table, pa.Table) else table.iter_batches(_AT_ONCE)
    for batch in batches:
        for row in batch.to_pylist():
            if row["line"] is not None:
                yield logline.parsed(logline.Line(row["line"], logline.client_of(row["line"])))
            else:
                yield {"client": row["spelled"] or row["address"], **{name: row[name] for name in _NAMES}}


_NAMES = ("user", "at", "request", "status", "bytes", "referrer", "browser")


def _put_remains(store: Path, day: date, part: Part, table: pa.Table, times: int, rules: Anonymiser) -> Counter[str]:
    """Write what remains of these rows, equal ones counted together; return how many are anonymised and how many only reduced."""
    stem = Path(part.name).stem
    folder = files.private_dir(store / "anonymised" / f"day={day}")
    remains: Counter[tuple[object, ...]] = Counter()
    counts: Counter[str] = Counter()
    for row in _rows(table):
        line, label = rules.line(row)
        remains[*(line.get(name) for name in REMAINS.names[:6]), label] += 1
        counts[label] += 1
    ordered = sorted(remains.items(), key=lambda one: [str(value) for value in one[0]])
    columns = zip(*((*key, lines) for key, lines in ordered), strict=True) if ordered else ([] for _ in REMAINS.names)
    path = folder / f"{stem}.{times}.parquet"  # in the place of what a run left that was killed before the part was written anew
    writing = path.with_suffix(".writing")
    pq.write_table(pa.table([pa.array(list(c), f.type) for c, f in zip(columns, REMAINS, strict=True)], schema=REMAINS), writing, compression="zstd")
    files.publish(writing, path)
    return counts


def _put_rest(path: Path, table: pa.Table, mark: str) -> None:
    writing = path.with_name(f".{path.stem}.writing")
    logcompact.write(table, writing, {MARK: mark.encode()})
    files.publish(writing, path)
