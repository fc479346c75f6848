"""The kept store: the same rows as from the raw files, through renaming, packing, growth and kill -9; every line can be written again."""

import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from datetime import UTC, date, datetime, timedelta
from itertools import chain
from pathlib import Path

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors import logblocks, logcolumns, logcompact, logentries, logkept, loglookup, logrows, logs
from connectors.logs import Logs
from dsar import datamap, values
from dsar.errors import SourceBroken, SourceUnreachable
from dsar.source import Change, Done, Keys, Malformed, Match, Rows, Settings, Want
from tests.connectors.test_logs import line
from tests.examples import examples

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
ANN, BOB, SIX = "192.0.2.7", "192.0.2.8", "2001:db8::7"


def source(folder, *, store="kept", pattern="access*", match=None, missing_ok=True, **file):
    columns = {c: {"category": "user"} for c in (*logs.COLUMNS, *logs.MORE)}
    table = {
        "label": "Visit", "activity": "x", "key": logs.KEY, "match": match or {"ip": "client"}, "columns": columns,
        "attribute": {"at": "at", "browser": "browser"}, "file": {"path": f"raw/{pattern}", "store": store, "missing_ok": missing_ok, **file},
    }  # fmt: skip
    declared = {"connector": "logs", "label": "Web", "owner": "o", "tables": {"visits": table}}
    return Logs(Settings("web", datamap.Source.model_validate(declared), folder))


def write(folder, name, text, *, days_ago=2):
    path = folder / "raw" / name
    path.parent.mkdir(exist_ok=True)
    raw = text if isinstance(text, bytes) else "".join(one + "\n" for one in text).encode()
    path.write_bytes(gzip.compress(raw, mtime=0) if name.endswith(".gz") else raw)
    then = (NOW - timedelta(days=days_ago)).timestamp()
    os.utime(path, (then, then))
    return path


def answer(of, *addresses):
    """Everything a source answers: rows in their order, who asked for which, what was malformed, how much was read."""
    parts = list(of.read(Match("visits", tuple(Want(str(n), "ip", a) for n, a in enumerate(addresses or (ANN, BOB, SIX))))))
    rows = [row for p in parts if isinstance(p, Rows) for row in values.rows(p.frame)]
    asks = [(p.frame["line"][a.row], *a) for p in parts if isinstance(p, Rows) for a in p.asks]
    kinds = {name: {str(p.frame.dtypes[name]) for p in parts if isinstance(p, Rows)} for name in logs.COLUMNS}
    return rows, asks, kinds, [p for p in parts if isinstance(p, Malformed)], parts[-1]


def compacted(of):
    return [(kept.file, kept.state, kept.lines) for kept in of.compact(NOW)]


def stamp(day, time="10:20:30 +0000"):
    return f"{day:02}/Nov/2026:{time}"


ODD = [
    line(), line(), line(BOB, user="ann b"), line(SIX.upper()), line("2001:db8:0:0:0:0:0:7"), line("::ffff:192.0.2.7"),
    line(at="12/Nov/2026:23:30:00 -0130", size="-", status=304), line(referrer="https://x.example/?q=1", browser="-"),
    line(request=r"GET /a\x22b HTTP/1.1"), line(request='say \\"hi\\"'), line(request=""), line(size="007"), line(size="9" * 25), line("192.0.2.07"),
    line("2001:db8::7%eth0"), line("192.0.2.7:5123"), line("[2001:db8::7]:443"),
    "192.0.2.7 is down", line()[:40], line(at="99/Nov/2026:10:20:30 +0000"), line(at="12/Abc/2026:10:20:30 +0000"), "192.0.2.7 ident - x",
    "", "garbage", "\x16\x03\x01\x00",
    '- - - [x] "" 400 0 "-" "-"', line() + "\r", line(request="GET /é HTTP/1.1"), line(BOB).replace(" - - ", " x - "),
]  # fmt: skip
RAW = b"\xff\xfe\x00\n" + "".join(one + "\n" for one in ODD).encode() + line(request="GET /\xe9 HTTP/1.1").encode("latin-1") + b"\n"


def test_the_answer_is_the_same_from_the_store(tmp_path):
    write(tmp_path, "access.log.3.gz", RAW)
    write(tmp_path, "access.log.2", [line(BOB, at=stamp(n % 28 + 1), request=f"GET /{n} HTTP/1.1") for n in range(300)])
    write(tmp_path, "access.log", [line(), "broken", line(SIX)], days_ago=0)
    raw, kept = source(tmp_path, store=""), source(tmp_path)
    expected = answer(raw)
    assert len(expected[0]) > 320
    assert answer(kept) == expected  # there is no store yet
    assert compacted(kept) == [("access.log", "in use", 0), ("access.log.2", "kept now", 300), ("access.log.3.gz", "kept now", 31)]
    assert answer(kept) == expected
    for address in (ANN, BOB, SIX, "198.51.100.1"):
        assert answer(kept, address) == answer(raw, address)
    keys = tuple((row["file"], row["line"], row["copy"]) for row in expected[0])
    by_key = [[values.rows(p.frame) for p in of.read(Keys("visits", keys)) if isinstance(p, Rows)] for of in (raw, kept)]
    for found in by_key:
        assert sorted(map(str, chain.from_iterable(found))) == sorted(map(str, expected[0]))
    for name in ("access.log.2", "access.log.3.gz"):
        (tmp_path / "raw" / name).unlink()
    assert answer(kept) == expected  # the store is all there is
    (tmp_path / "raw" / "access.log").unlink()
    rows = answer(kept)[0]
    assert rows == [row for row in expected[0] if row["file"] != "access.log"]


LINE = st.one_of(
    st.sampled_from(ODD),
    st.builds(
        lambda client, day, text, status: line(client, at=stamp(day), request=text, status=status),
        st.sampled_from([ANN, BOB, SIX, "::1"]), st.integers(1, 30),
        st.text(st.characters(blacklist_characters='"\\\r\n', blacklist_categories=("Cs",)), max_size=8),
        st.sampled_from([200, 404]),
    ),
)  # fmt: skip


@settings(max_examples=examples(25), deadline=None)
@given(st.lists(LINE, max_size=30), st.booleans(), st.sampled_from(["access.gz", "access"]))
def test_every_line_can_be_written_again(tmp_path_factory, lines, ended, name):
    folder = tmp_path_factory.mktemp("kept")
    text = "\n".join(lines).encode() + (b"\n" if ended and lines else b"")
    write(folder, name, text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logcompact, "LINES", 7)
        patch.setattr(logcompact, "STRETCH", 11)
        patch.setattr(logcompact, "GROUP", 3)
        patch.setattr(logblocks, "BLOCK", 300)
        count = text.count(b"\n") + (bool(text) and not text.endswith(b"\n"))
        assert compacted(source(folder)) == [(name, "kept now", count)]
    entry = next(iter(logentries.Entries(folder / "kept").known.values()))
    again = [one for some in loglookup.again(entry, folder / "kept") for one in some.to_pylist()]
    assert again == (text.removesuffix(b"\n").split(b"\n") if text else [])
    assert sum(part.rows for part in entry.parts) == entry.lines == count
    assert answer(source(folder)) == answer(source(folder, store=""))


@settings(max_examples=examples(25), deadline=None)
@given(
    st.lists(st.tuples(st.lists(LINE, max_size=15), st.booleans(), st.integers(0, 3)), min_size=1, max_size=5), st.sampled_from(["", "drop", "stale"])
)
def test_a_store_that_covers_some_files_answers_as_the_raw_files_do(tmp_path_factory, logs_, index):
    folder = tmp_path_factory.mktemp("some")
    for n, (lines, finished, more) in enumerate(logs_):
        write(folder, f"access.log.{n}", [*lines, line(request=f"GET /{n} HTTP/1.1")], days_ago=2 if finished else 0)
        if finished and more:  # it will have grown since
            path = folder / "raw" / f"access.log.{n}"
            logs_[n] = (path, path.read_bytes() + (line(BOB) + "\n").encode() * more, more)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logcompact, "GROUP", 3)
        compacted(source(folder))
    for path, content, more in logs_:
        if more and isinstance(path, Path):
            path.write_bytes(content)
    rows = sorted((folder / "kept" / "rows").glob("day=*/*.rows"))
    contents = [path.read_bytes() for path in rows]
    for path, content in zip(rows, contents[1:] + contents[:1], strict=True):
        path.unlink() if index == "drop" else path.write_bytes(content if index == "stale" else path.read_bytes())
    kept, raw = source(folder), source(folder, store="")
    for wanted in ((), (ANN,), (SIX, BOB), ("198.51.100.1",)):
        assert answer(kept, *wanted) == answer(raw, *wanted)


def test_the_index_of_a_part_that_was_written_anew_counts_for_nothing(tmp_path):
    write(tmp_path, "access.log", [line(request=f"GET /{n} HTTP/1.1") for n in range(5)] + [line(BOB)])
    kept, raw = source(tmp_path), source(tmp_path, store="")
    compacted(kept)
    [part], [index] = (list((tmp_path / "kept").glob(of)) for of in ("day=*/*.parquet", "rows/day=*/*.rows"))
    assert logrows.spans(tmp_path / "kept", part.relative_to(tmp_path / "kept").as_posix(), pa.OSFile(str(part)), logrows.hashes([BOB])).tolist() == [
        [5, 6]
    ]
    table = pq.read_table(part, partitioning=None)
    before = index.read_bytes()
    logcompact.write(pa.concat_tables([table.slice(0, 2), table.slice(5), table.slice(2, 3)]), part)  # as from a backup: Bob's row elsewhere
    assert sorted(map(str, answer(kept, BOB)[0])) == sorted(map(str, answer(raw, BOB)[0]))
    logrows.write(tmp_path / "kept", part.relative_to(tmp_path / "kept").as_posix())
    assert index.read_bytes() != before


def test_addresses_of_one_hash_are_told_apart(tmp_path, monkeypatch):
    monkeypatch.setattr(logrows, "hashes", lambda addresses: np.full(len(list(addresses)), 7, np.uint32))
    write(tmp_path, "access.log", ODD)
    compacted(source(tmp_path))
    for wanted in ((), (ANN,), (SIX,), (BOB, SIX)):
        assert answer(source(tmp_path), *wanted) == answer(source(tmp_path, store=""), *wanted)


@pytest.mark.parametrize("way", ["a look-up", "keeping", "erasing"])
def test_raw_files_that_are_not_there_are_a_fault_unless_the_map_says_so(tmp_path, way):
    write(tmp_path, "access.log.1", [line()])
    compacted(source(tmp_path))
    write(tmp_path, "access.log", [line(request="GET /today HTTP/1.1")], days_ago=0)
    [*_, change] = [Change(("L",), "visits", (row["file"], row["line"], row["copy"]), "", {}) for row in answer(source(tmp_path), ANN)[0]]
    (tmp_path / "raw").rename(tmp_path / "unmounted")

    def work(of):
        if way == "erasing":
            with of.eraser().begin([change], commit=False) as made:
                return made.apply(change).state
        return [row["request"] for row in answer(of, ANN)[0]] if way == "a look-up" else compacted(of)

    for _ in ("no folder", "an empty one"):
        with pytest.raises(SourceUnreachable, match=r"web\.visits: no log file is there.*file\.missing_ok"):
            work(source(tmp_path, missing_ok=False))
        (tmp_path / "raw").mkdir(exist_ok=True)
    assert work(source(tmp_path)) == {"a look-up": ["GET / HTTP/1.1"], "keeping": [], "erasing": "done"}[way]
    (tmp_path / "raw").rmdir()
    with pytest.raises(SourceUnreachable, match="no log file is there"):
        work(source(tmp_path))


def test_rotation_and_packing_change_no_line(tmp_path):
    first, second = ([line(request=f"GET /{n}/{k} HTTP/1.1") for k in range(50)] for n in range(2))
    path = write(tmp_path, "access.log.1", first)
    kept = source(tmp_path)
    assert compacted(kept) == [("access.log.1", "kept now", 50)]
    path.unlink()
    write(tmp_path, "access.log.2.gz", first)
    write(tmp_path, "access.log.1", second)
    expected = answer(source(tmp_path, store=""))
    assert len(expected[0]) == 100
    assert answer(kept) == expected
    assert compacted(kept) == [("access.log.1", "kept now", 50), ("access.log.2.gz", "kept before", 50)]
    assert answer(kept) == expected
    (tmp_path / "raw" / "access.log.2.gz").unlink()
    # A file that is gone comes under the name it had; where another has taken that, it can still be told apart.
    assert {(row["file"].split("~")[0], row["request"]) for row in answer(kept)[0]} == {("access.log.1", row["request"]) for row in expected[0]}
    assert len({row["file"] for row in answer(kept)[0]}) == 2


def test_a_name_that_each_day_another_file_bears(tmp_path):
    kept = source(tmp_path)
    for n in range(3):
        write(tmp_path, "access.log.1", [line(request=f"GET /{n} HTTP/1.1"), line(request=f"GET /{n} HTTP/1.1"), line(BOB)])
        assert compacted(kept) == [("access.log.1", "kept now", 3)]
    (tmp_path / "raw" / "access.log.1").unlink()
    rows = answer(kept)[0]
    assert sorted(row["request"] for row in rows if row["client"] == ANN) == [f"GET /{n} HTTP/1.1" for n in (0, 0, 1, 1, 2, 2)]
    keys = {(row["file"], row["line"], row["copy"]) for row in rows}
    assert len(keys) == 9
    again = [row for p in kept.read(Keys("visits", tuple(keys))) if isinstance(p, Rows) for row in values.rows(p.frame)]
    assert sorted(map(str, again)) == sorted(map(str, rows))


def test_a_file_that_grew_is_read_and_then_kept_anew(tmp_path):
    lines = [line(request=f"GET /{n} HTTP/1.1") for n in range(20)]
    kept, raw = source(tmp_path), source(tmp_path, store="")
    write(tmp_path, "access.log", lines[:12])
    assert compacted(kept) == [("access.log", "kept now", 12)]
    write(tmp_path, "access.log", lines)
    assert answer(kept) == answer(raw)
    assert compacted(kept) == [("access.log", "kept now", 20)]
    assert answer(kept) == answer(raw)
    assert sum(pq.read_metadata(p).num_rows for p in (tmp_path / "kept").glob("day=*/*.parquet")) == 20
    write(tmp_path, "access.log", [line(request="GET /other HTTP/1.1"), *lines[1:]])  # another file of the same size
    assert len(answer(kept)[0]) == 40


def test_lines_overwritten_in_the_middle_are_seen_though_size_and_ends_are_the_same(tmp_path, monkeypatch):
    around = [line("203.0.113.1")] * 200
    kept = source(tmp_path)
    path = write(tmp_path, "access.log", [*around, line("192.0.2.111"), *around])
    assert path.stat().st_size > 4 * logentries.ENDS
    compacted(kept)
    with monkeypatch.context() as patch:
        patch.setattr(logblocks, "blocks", lambda _: pytest.fail("a known file is read"))
        assert len(answer(kept, "192.0.2.111")[0]) == 1
    write(tmp_path, "access.log", [*around, line("192.0.2.112"), *around], days_ago=1.5)
    assert [len(answer(kept, address)[0]) for address in ("192.0.2.112", "192.0.2.111")] == [1, 1]  # what was kept is not forgotten
    os.utime(path, (0, 0))
    assert compacted(kept) == [("access.log", "kept now", 401)]
    os.utime(path, (1, 1))  # a copy, say: read through, and known again
    assert len(answer(kept, "192.0.2.112")[0]) == 1
    assert compacted(kept) == [("access.log", "kept before", 401)]


@pytest.mark.parametrize("before", [0, 60])  # within the first bytes by which a file is known, and beyond
@pytest.mark.parametrize("name", ["access.log", "access.log.gz"])
def test_a_last_line_that_is_finished_later_makes_no_other_file(tmp_path, before, name):
    whole = "".join(line(request=f"GET /{n} HTTP/1.1") + "\n" for n in range(before + 3)).encode()
    kept, raw = source(tmp_path), source(tmp_path, store="")
    write(tmp_path, name, whole[:-200])
    assert compacted(kept) == [(name, "kept now", before + 2)]
    assert compacted(kept) == [(name, "kept before", before + 2)]
    write(tmp_path, name, whole)
    assert answer(kept) == answer(raw)
    assert compacted(kept) == [(name, "kept now", before + 3)]
    assert answer(kept) == answer(raw)
    assert len(answer(kept)[0]) == before + 3
    other = write(tmp_path, name, whole[:100] + b"x" + whole[101:])
    assert len(answer(kept)[0]) == 2 * (before + 3)
    other.unlink()
    assert len(answer(kept)[0]) == before + 3


def test_what_is_not_whole_is_not_kept(tmp_path):
    path = write(tmp_path, "access.gz", [line()] * 5_000)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(SourceBroken, match=r"web\.visits: access\.gz is damaged or not whole"):
        compacted(source(tmp_path))
    assert not list((tmp_path / "kept").rglob("*.parquet")) + list((tmp_path / "kept").rglob("*.writing")) + list((tmp_path / "kept").rglob("*.json"))
    path.unlink()
    with pytest.raises(SourceUnreachable, match="no log file is there"):
        answer(source(tmp_path))


def test_a_line_that_comes_back_otherwise_stops_the_file(tmp_path, monkeypatch):
    write(tmp_path, "access.log", [line(), line(BOB)])
    real = logkept.stamp
    monkeypatch.setattr(logkept, "stamp", lambda at, zone: real(at + timedelta(seconds=1), zone))
    compacted(source(tmp_path))  # the store notices by itself, and keeps the whole line
    shutil.rmtree(tmp_path / "kept")
    monkeypatch.setattr(logcolumns, "rows_of", lambda lines, before, of=logcolumns.rows_of: of(lines, before).slice(1))
    with pytest.raises(SourceBroken, match=r"access\.log: 1 of 2 lines came back from the store"):
        compacted(source(tmp_path))
    assert not logentries.Entries(tmp_path / "kept").known


def test_a_lost_part_is_no_empty_answer(tmp_path):
    write(tmp_path, "access.log", [line()])
    compacted(source(tmp_path))
    next((tmp_path / "kept").glob("day=*/*.parquet")).unlink()
    with pytest.raises(SourceBroken, match="is missing from the kept store"):
        answer(source(tmp_path))


def test_only_plain_tables_can_have_a_store(tmp_path):
    write(tmp_path, "access.log", [line()])
    for of in (source(tmp_path, format="vhost"), source(tmp_path, match={"ip": "client", "email": "user"})):
        with pytest.raises(SourceBroken, match="a kept store answers for addresses in the plain combined format only"):
            answer(of)


WORKER = """
import sys
from pathlib import Path
from tests.connectors.test_logs_kept import NOW, source
from connectors import logcompact
logcompact.STRETCH = logcompact.LINES = 200
for kept in source(Path(sys.argv[1])).compact(NOW):
    print(kept.file, flush=True)
"""


def test_killed_at_any_moment_and_started_again_it_ends_the_same(tmp_path):
    for n in range(4):
        write(
            tmp_path, f"access.log.{n}.gz", [line(f"192.0.2.{k % 9}", at=stamp(k % 25 + 1), request=f"GET /{n}/{k} HTTP/1.1") for k in range(3_000)]
        )
    expected = answer(source(tmp_path, store=""))
    kept = source(tmp_path)
    killed = 0
    for pause in (0.02, 0.1, 0.2, 0.3):
        worker = subprocess.Popen([sys.executable, "-c", WORKER, str(tmp_path)], stdout=subprocess.PIPE, cwd=Path.cwd())
        deadline = time.monotonic() + 60
        while not list((tmp_path / "kept").rglob("*.writing")) and worker.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
        time.sleep(pause)
        worker.send_signal(signal.SIGKILL)
        killed += worker.wait() == -signal.SIGKILL
        worker.stdout.close()
        assert answer(kept) == expected  # also in the middle
    assert killed >= 2
    assert [lines for _, _, lines in compacted(kept)] == [3_000] * 4
    assert answer(kept) == expected
    counted = {part.name for entry in logentries.Entries(tmp_path / "kept").known.values() for part in entry.parts}
    for path in chain((tmp_path / "kept").glob("day=*/*"), (tmp_path / "kept" / "rows").glob("day=*/*")):
        os.utime(path, (0, 0)) if path.stem not in {Path(name).stem for name in counted} else None
    (tmp_path / "kept" / "rows" / "day=2026-11-01" / "gone.rows").touch()
    os.utime(tmp_path / "kept" / "rows" / "day=2026-11-01" / "gone.rows", (0, 0))
    compacted(kept)
    assert {path.stem for path in (tmp_path / "kept" / "rows").glob("day=*/*")} == {Path(name).stem for name in counted}
    assert {path.relative_to(tmp_path / "kept").as_posix() for path in (tmp_path / "kept").glob("day=*/*")} == counted
    assert sum(pq.read_metadata(tmp_path / "kept" / name).num_rows for name in counted) == 12_000


def test_ibis_reads_the_same_layout(tmp_path):
    write(tmp_path, "access.log", [line(f"192.0.2.{n % 5}", at=stamp(n % 3 + 1), request=f"GET /{n} HTTP/1.1") for n in range(60)])
    compacted(source(tmp_path))
    table = ibis.duckdb.connect().read_parquet(str(tmp_path / "kept" / "day=*" / "*.parquet"), hive_partitioning=True)
    found = table.filter(table.address == "192.0.2.3", table.day == date(2026, 11, 2)).order_by("number").to_pyarrow().to_pylist()
    assert [row["request"] for row in found] == [f"GET /{n} HTTP/1.1" for n in range(60) if n % 5 == 3 and n % 3 == 1]
    assert [logkept.text_of(row).decode() for row in found] == [
        line("192.0.2.3", at=stamp(2), request=f"GET /{n} HTTP/1.1") for n in range(60) if n % 5 == 3 and n % 3 == 1
    ]
    part = pq.ParquetFile(next((tmp_path / "kept").glob("day=2026-11-02/*.parquet")))
    assert part.metadata.row_group(0).column(0).bloom_filter_offset
    addresses = part.read(["address"])["address"].to_pylist()
    assert addresses == sorted(addresses)
    assert json.loads(next((tmp_path / "kept" / "files").iterdir()).read_text())["lines"] == 60
    assert isinstance(answer(source(tmp_path))[-1], Done)
