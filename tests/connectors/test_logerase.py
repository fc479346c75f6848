"""Lines of real log files made nobody's: all other bytes stay, packed stays packed, nothing that is written to is touched."""

import gzip
import os
import random
import sys
import time
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

from connectors import loganonymous, logfiles, swap
from connectors.loganonymous import NOBODY
from connectors.logs import Logs
from dsar import values
from dsar.errors import ErasureRefused
from dsar.source import Change, Match, Rows, Settings, Want
from tests.killed import killed
from tests.worlds import datamap

HEAD = """
[sources.web]
[sources.web.tables.visits]
key = ["file", "line", "copy"]
match = MATCH
attribute = { at = "at", browser = "browser" }
file = FILE
columns = ["file", "line", "copy", "client", "user", "at", "request", "status", "bytes", "referrer", "browser", "query_email", "more"]
"""
ANN, BOB = "192.0.2.7", "192.0.2.70"
NEW = {"client": None, "at": date(2026, 3, 1), "request": "GET", "status": 200, "referrer": None, "browser": None, "user": None, "bytes": None}
GONE = f'{NOBODY} - - [01/Mar/2026:00:00:00 +0000] "GET" 200 - "-" "-"'


def line(client, n=0, path="/a"):
    return f'{client} - ann [01/Mar/2026:10:00:{n:02} +0100] "GET {path}?n={n} HTTP/1.1" 200 {n} "http://x.example/" "Firefox/{n}"\n'


def logs(folder, file='{ path = "logs/access*" }', match='{ ip = "client" }'):
    declared = datamap(HEAD.replace("FILE", file).replace("MATCH", match)).sources["web"]
    return Logs(Settings("web", declared, folder, "GB"))


def write(path, text):
    path.parent.mkdir(exist_ok=True)
    data = text.encode() if isinstance(text, str) else text
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(data))
    elif path.suffix == ".zst":
        with pa.CompressedOutputStream(str(path), "zstd") as stream:
            stream.write(data)
    else:
        path.write_bytes(data)
    os.utime(path, (1_700_000_000, 1_700_000_000))
    return path


def read(path):
    with path.open("rb") as stream:
        return b"".join(loganonymous.lines_of(logfiles.LogFile(path, stream, path.stat().st_size, 0))).decode()


def changes(source, client=ANN, new=NEW):
    parts = source.read(Match("visits", (Want("A", "ip", client),)))
    rows = [row for part in parts if isinstance(part, Rows) for row in values.rows(part.frame)]
    return [Change((f"L-{n}",), "visits", (row["file"], row["line"], row["copy"]), values.row_hash(row), new) for n, row in enumerate(rows)]


def run(source, planned, *, commit=True):
    with source.eraser().begin(planned, commit=commit) as made:
        return [made.apply(c).state for c in planned]


@pytest.mark.parametrize("ending", ["", ".1", ".2.gz", ".3.zst"])
def test_only_the_persons_lines_change_and_the_file_stays_what_it_is(tmp_path, ending):
    broken = f"{ANN} broken off"
    text = line(ANN, 1) + line(BOB, 2) + line(ANN, 3) + line(ANN, 3) + "\n" + "oops \\x16\xff\r\n" + line("192.0.2.77", 4) + broken
    path = write(tmp_path / f"logs/access.log{ending}", text)
    path.chmod(0o640)
    source = logs(tmp_path)
    planned = changes(source)
    before = path.read_bytes()
    assert run(source, planned, commit=False) == ["done"] * 4
    assert path.read_bytes() == before
    assert run(source, planned) == ["done"] * 4
    assert read(path) == f"{GONE}\n" + line(BOB, 2) + f"{GONE}\n" * 2 + "\n" + "oops \\x16\xff\r\n" + line("192.0.2.77", 4) + f"{NOBODY} -"
    assert (path.stat().st_mode & 0o777, path.stat().st_mtime) == (0o640, 1_700_000_000)
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    if ending == ".2.gz":
        assert path.read_bytes()[:2] == b"\x1f\x8b"
    assert run(source, planned) == ["already"] * 4
    assert changes(source) == []


def test_files_without_such_lines_are_not_touched(tmp_path):
    write(tmp_path / "logs/access.log.1", line(ANN))
    other = write(tmp_path / "logs/access.log.2", line(BOB))
    before = other.stat()[1], other.stat().st_mtime_ns
    source = logs(tmp_path)
    assert run(source, changes(source)) == ["done"]
    assert (other.stat()[1], other.stat().st_mtime_ns) == before


def test_a_line_is_found_where_the_server_moved_it_since(tmp_path):
    first = write(tmp_path / "logs/access.log.1", line(ANN) + line(BOB))
    source = logs(tmp_path)
    planned = changes(source)
    first.rename(tmp_path / "logs/access.log.2")
    write(tmp_path / "logs/access.log.2.gz", read(tmp_path / "logs/access.log.2"))
    (tmp_path / "logs/access.log.2").unlink()
    write(tmp_path / "logs/access.log.1", line(BOB, 5))
    assert run(source, planned) == ["done"]
    assert read(tmp_path / "logs/access.log.2.gz") == f"{GONE}\n" + line(BOB)
    assert read(tmp_path / "logs/access.log.1") == line(BOB, 5)


def test_a_file_that_a_process_writes_to_is_refused_with_what_to_do(tmp_path):
    live = write(tmp_path / "logs/access.log", line(ANN))
    write(tmp_path / "logs/access.log.1", line(ANN, 2))
    source = logs(tmp_path)
    planned = changes(source)
    with live.open("a"), source.eraser().begin(planned, commit=True) as made:
        results = [made.apply(c) for c in planned]
    assert [r.state for r in results] == ["refused", "done"]
    assert results[0].why.startswith("access.log is being written: rotate it")
    assert read(live) == line(ANN)
    assert read(tmp_path / "logs/access.log.1") == f"{GONE}\n"


def test_where_nobody_says_who_writes_a_fresh_file_is_left(tmp_path, monkeypatch):
    monkeypatch.setattr(swap, "in_use", lambda _: None)
    live = write(tmp_path / "logs/access.log", line(ANN))
    source = logs(tmp_path)
    planned = changes(source)
    os.utime(live, (time.time(), time.time()))
    assert run(source, planned) == ["refused"]
    os.utime(live, (time.time() - 301, time.time() - 301))
    assert run(source, planned) == ["done"]


def test_a_file_that_is_rotated_in_the_very_moment_is_left_and_so_is_the_other(tmp_path, monkeypatch):
    path = write(tmp_path / "logs/access.log.1", line(ANN))
    source = logs(tmp_path)
    planned = changes(source)
    exchange = swap._exchange

    def rotate(one, other):
        monkeypatch.setattr(swap, "_exchange", exchange)
        path.rename(tmp_path / "logs/access.log.2")
        write(path, line(BOB, 9))
        exchange(one, other)

    monkeypatch.setattr(swap, "_exchange", rotate)
    with pytest.raises(ErasureRefused, match="was rotated just now"):
        run(source, planned)
    assert read(tmp_path / "logs/access.log.1") == line(BOB, 9)
    assert read(tmp_path / "logs/access.log.2") == line(ANN)
    assert len(list((tmp_path / "logs").iterdir())) == 2
    assert run(source, planned) == ["done"]


def test_what_a_writer_adds_in_the_last_moment_is_taken_over(tmp_path, monkeypatch):
    path = write(tmp_path / "logs/access.log.1", line(ANN))
    source = logs(tmp_path)
    planned = changes(source)
    exchange = swap._exchange

    def late(one, other):
        exchange(one, other)
        with one.open("a") as stream:  # by now the old file
            stream.write(line(BOB, 7))

    monkeypatch.setattr(swap, "_exchange", late)
    assert run(source, planned) == ["done"]
    assert read(path) == f"{GONE}\n" + line(BOB, 7)


@pytest.mark.parametrize("spoil", [lambda text: text[:-1], lambda text: text + b"x\n", lambda text: text.replace(b"Firefox/2", b"Firefox/3")])
def test_what_was_written_wrong_never_takes_the_old_files_place(tmp_path, monkeypatch, spoil):
    path = write(tmp_path / "logs/access.log.1", line(ANN) + line(BOB, 2))
    source = logs(tmp_path)
    planned = changes(source)
    before, real = path.read_bytes(), swap.rewrite

    def wrong(path, old, write_, check):
        def spoiled(to):
            write_(to)
            to.flush()
            text = Path(to.name).read_bytes()
            to.seek(0)
            to.truncate()
            to.write(spoil(text))

        real(path, old, spoiled, check)

    monkeypatch.setattr(swap, "rewrite", wrong)
    with pytest.raises(ErasureRefused, match="not what was planned"):
        run(source, planned)
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_other_formats_are_written_as_they_are_read(tmp_path):
    text = f'shop.example:443 {ANN} - ann [01/Mar/2026:10:00:00 +0100] "GET /a?b HTTP/1.1" 200 5 "-" "Firefox/1"\n'
    path = write(tmp_path / "logs/access.log.1", text + text.replace(ANN, BOB))
    source = logs(tmp_path, '{ path = "logs/access*", format = "vhost" }')
    assert run(source, changes(source)) == ["done"]
    gone = f'-:- {NOBODY} - - [01/Mar/2026:00:00:00 +0000] "GET" 200 - "-" "-"\n'
    assert read(path) == gone + text.replace(ANN, BOB)
    assert changes(source, NOBODY)  # still a line of that format


def test_json_lines_keep_their_names_and_lose_their_values(tmp_path):
    text = '{"remote_addr": "%s", "time_iso8601": "2026-03-01T10:00:00+01:00", "request": "GET /a HTTP/1.1", "status": "200", "request_id": "77"}\n'
    path = write(tmp_path / "logs/access.json", text % ANN + text % BOB)
    source = logs(tmp_path, '{ path = "logs/access*", format = "json" }')
    assert run(source, changes(source)) == ["done"]
    gone = '{"remote_addr": "0.0.0.0", "time_iso8601": "2026-03-01T00:00:00+00:00", "request": "GET", "status": "200", "request_id": "-"}\n'
    assert read(path) == gone + text % BOB


CHILD = """
import sys
from pathlib import Path
from tests.connectors.test_logerase import changes, logs, run
source = logs(Path(sys.argv[1]))
planned = changes(source)
print(len(planned), flush=True)
run(source, planned)
"""


def test_a_run_that_is_killed_at_any_moment_is_completed_by_the_next(tmp_path):
    chance = random.Random(6)

    def fill(folder):
        for n in range(4):
            text = "".join(line(ANN if k % 7 == n else BOB, k % 60) for k in range(4_000))
            write(folder / f"logs/access.log.{n}{'.gz' if n > 2 else ''}", text)

    undisturbed, halted = tmp_path / "a", tmp_path / "b"
    for folder in (undisturbed, halted):
        folder.mkdir()
    fill(undisturbed)
    assert set(run(logs(undisturbed), changes(logs(undisturbed)))) == {"done"}
    expected = {path.name: read(path) for path in (undisturbed / "logs").iterdir()}
    interrupted = half = 0
    for _ in range(int(os.environ.get("DSAR_KILLS", "4"))):
        fill(halted)
        interrupted += killed(CHILD, halted, chance.random() * 0.3)
        left = changes(logs(halted))
        half += 0 < len(left) < 2_286
        run(logs(halted), left)
        assert {path.name: read(path) for path in (halted / "logs").iterdir()} == expected
    assert interrupted
    if os.environ.get("DSAR_KILLS"):
        sys.stdout.write(f"{interrupted} interrupted, {half} between two files")
