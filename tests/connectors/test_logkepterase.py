"""Lines of a kept store made nobody's: only the parts they stand in, all others' lines to the byte, and they do not come back."""

import os
import random
import shutil
import sys
import time
from datetime import date

import pyarrow.parquet as pq
import pytest

from connectors import logcompact, logentries, logexpire, logkepterase, loglookup
from connectors.loganonymous import NOBODY
from dsar import values
from dsar.errors import ErasureRefused
from dsar.run.logs import Rules
from dsar.source import Change, Keys, Match, Rows, Want
from tests.connectors.test_logerase import read
from tests.connectors.test_logs import line
from tests.connectors.test_logs_kept import ANN, BOB, SIX, answer, compacted, source, stamp, write
from tests.killed import killed

NEW = {"client": None, "at": date(2026, 11, 3), "request": "GET", "status": 200, "referrer": None, "browser": None, "user": None, "bytes": None}
GONE = f'{NOBODY} - - [03/Nov/2026:00:00:00 +0000] "GET" 200 - "-" "-"'
THREE = [line(ANN, at=stamp(3)), line(BOB, at=stamp(3)), line(ANN, at=stamp(3)), line(SIX, at=stamp(4)), line(BOB, at=stamp(5)), "oops"]


def changes(of, address=ANN):
    rows = [row for p in of.read(Match("visits", (Want("A", "ip", address),))) if isinstance(p, Rows) for row in values.rows(p.frame)]
    return [Change((f"L-{n}",), "visits", (row["file"], row["line"], row["copy"]), values.row_hash(row), NEW) for n, row in enumerate(rows)]


def run(of, planned, *, commit=True):
    with of.eraser().begin(planned, commit=commit) as made:
        return [made.apply(c).state for c in planned]


def kept(folder):
    """Every line of the store, by the name of its file."""
    store = folder / "kept"
    found = {}
    for entry in logentries.Entries(store).known.values():
        found[entry.name] = [text.decode() for text in logkepterase.lines_of(store, entry)]
    return found


def parts(folder):
    return {path.relative_to(folder).as_posix(): path.stat().st_ino for path in sorted((folder / "kept").glob("**/day=*/*"))}


@pytest.fixture
def three(tmp_path):
    write(tmp_path, "access.log.1.gz", THREE)
    compacted(source(tmp_path))
    return tmp_path


@pytest.mark.parametrize("raw", [True, False])
def test_only_the_persons_lines_change_in_store_and_raw_file(three, raw):
    path = three / "raw/access.log.1.gz"
    if not raw:
        path.unlink()
    of, before = source(three), parts(three)
    others = answer(of, BOB, SIX)
    planned = changes(of)
    assert run(of, planned, commit=False) == ["done"] * 2
    assert parts(three) == before
    assert run(of, planned) == ["done"] * 2
    expected = [GONE, THREE[1], GONE, *THREE[3:]]
    assert kept(three) == {"access.log.1.gz": expected}
    if raw:
        assert read(path).splitlines() == expected
    assert answer(of, BOB, SIX) == others
    assert (changes(of), len(changes(of, NOBODY))) == ([], 2)
    after = parts(three)
    assert {name: after.get(name) for name in before if "11-03" not in name} == {name: inode for name, inode in before.items() if "11-03" not in name}
    assert not [name for name in before if "11-03" in name and name in after]  # the old part is gone, and so is its index
    assert len(after) == len(before)
    addresses = [pq.read_table(path, partitioning=None)["address"].to_pylist() for path in (three / "kept").glob("day=*/*")]
    assert all(found == sorted(found, key=lambda a: (a is None, a)) for found in addresses)
    assert run(of, planned) == ["already"] * 2
    assert compacted(of) == ([("access.log.1.gz", "kept before", 6)] if raw else [])


def test_the_erased_line_can_be_asked_for_by_its_key_no_more(three):
    of = source(three)
    planned = changes(of)
    run(of, planned)
    assert not [p for p in of.read(Keys("visits", tuple(c.key for c in planned))) if isinstance(p, Rows)]


def test_a_raw_file_that_comes_back_from_a_backup_is_read_and_never_kept_again(three):
    path = three / "raw/access.log.1.gz"
    backup, of = path.read_bytes(), source(three)
    run(of, changes(of))
    others, path_stat = answer(of, BOB, SIX), path.stat()
    path.write_bytes(backup)
    os.utime(path, (path_stat.st_atime, path_stat.st_mtime))
    assert len(changes(of)) == 2  # whoever verifies sees them
    assert answer(of, BOB, SIX) == others  # and nobody's lines count twice
    assert compacted(of) == [("access.log.1.gz", "came back", 6)]
    assert GONE in kept(three)["access.log.1.gz"]
    assert run(of, changes(of)) == ["done"] * 2
    assert changes(of) == []
    assert compacted(of) == [("access.log.1.gz", "kept before", 6)]
    path.write_bytes(backup)
    path.rename(three / "raw/access.log.7.gz")  # under whatever name
    assert len(changes(of)) == 2


def test_lines_of_one_person_after_another(three):
    of = source(three)
    run(of, changes(of))
    run(of, changes(of, BOB))
    assert kept(three)["access.log.1.gz"][:3] == [GONE] * 3
    assert (changes(of), changes(of, BOB), len(changes(of, SIX))) == ([], [], 1)
    assert compacted(of) == [("access.log.1.gz", "kept before", 6)]
    assert len(list((three / "kept/files").glob("*.json"))) == 1


def test_a_file_that_grew_since_it_was_kept(tmp_path):
    path = write(tmp_path, "access.log.1", THREE)
    of = source(tmp_path)
    compacted(of)
    write(tmp_path, "access.log.1", [*THREE, line(ANN, at=stamp(6))])
    assert run(of, changes(of)) == ["done"] * 3
    assert read(path).splitlines() == [GONE, THREE[1], GONE, *THREE[3:], GONE]
    assert (changes(of), len(changes(of, BOB))) == ([], 2)
    assert compacted(of) == [("access.log.1", "kept now", 7)]
    assert kept(tmp_path) == {"access.log.1": [GONE, THREE[1], GONE, *THREE[3:], GONE]}


@pytest.mark.parametrize("raw", [True, False])
def test_a_day_that_expired_stays_expired(three, raw):
    of = source(three)
    needed = {"visits": {ANN}}
    assert [day.needed for _, day in of.expire(lambda _, day: day <= date(2026, 11, 4), date(2027, 11, 5), needed, Rules)] == [2, 0]
    if not raw:
        (three / "raw/access.log.1.gz").unlink()
    others = answer(of, BOB, SIX)[0]
    assert run(of, changes(of)) == ["done"] * 2
    assert list(kept(three).values()) == [[GONE, GONE, *THREE[4:]]]
    assert (changes(of), answer(of, BOB, SIX)[0]) == ([], others)
    assert [pq.read_schema(path).metadata[logexpire.MARK] for path in (three / "kept").glob("day=2026-11-03/*")] == [b"1 2027-11-05"]
    assert compacted(of) == ([("access.log.1.gz", "kept before", 6)] if raw else [])
    assert next(iter(of.expire(lambda _, day: day <= date(2026, 11, 4), date(2027, 11, 6), {}, Rules)))[1].day == date(2026, 11, 3)
    assert list(kept(three).values()) == [THREE[4:]]


def test_what_remains_of_a_day_stays_when_more_of_it_goes_on_the_same_day(three):
    of, third = source(three), date(2026, 11, 3)
    lines = []
    for needed in ({BOB}, ()):
        [(_, done)] = of.expire(lambda _, day: day == third, date(2027, 11, 5), {"visits": needed}, Rules)
        lines.append(done.anonymised + done.reduced)
    left = (three / "kept/anonymised/day=2026-11-03").glob("*.parquet")
    assert (lines, sum(sum(pq.read_table(path, partitioning=None)["lines"].to_pylist()) for path in left)) == ([2, 1], 3)


def test_what_was_written_wrong_never_counts(three, monkeypatch):
    of, before, real = source(three), kept(three), logcompact.write
    planned = changes(of)

    def spoiled(part, path, marks=None):
        real(part.set_column(part.column_names.index("status"), "status", [[404] * len(part)]).cast(part.schema), path, marks)

    monkeypatch.setattr(logcompact, "write", spoiled)
    with pytest.raises(ErasureRefused, match="not what was planned"):
        run(of, planned)
    assert (kept(three), read(three / "raw/access.log.1.gz").splitlines()) == (before, THREE)


def test_a_broken_line_of_theirs(tmp_path):
    write(tmp_path, "access.log.1", [f"{ANN} broken off", f'{ANN} - - [today] "GET "x" y" "z"', "oops", line(BOB)])
    of = source(tmp_path)
    compacted(of)
    (tmp_path / "raw/access.log.1").unlink()
    assert [p.count for p in answer(of, BOB)[3]] == [2]
    assert run(of, changes(of)) == ["done"] * 2
    assert kept(tmp_path) == {"access.log.1": [f"{NOBODY} -", f"{NOBODY} -", "oops", line(BOB)]}
    assert [(p.count, p.asks) for p in answer(of, BOB)[3]] == [(3, ())]  # as it would be, had the file been kept like this


WORKER = """
import sys
from pathlib import Path
from tests.connectors.test_logkepterase import changes, run, source
of = source(Path(sys.argv[1]))
planned = changes(of)
print(len(planned), flush=True)
run(of, planned)
"""


def test_a_run_that_is_killed_at_any_moment_is_completed_by_the_next(tmp_path):
    def fill(folder):
        for n in range(3):
            texts = [line(ANN if k % 7 == n else BOB, at=stamp(k % 3 + 3), request=f"GET /{n}/{k // 2} HTTP/1.1") for k in range(1_000)]
            write(folder, f"access.log.{n}.gz", texts)
        compacted(source(folder))
        (folder / "raw/access.log.2.gz").unlink()

    def state(folder):
        return kept(folder), {path.name: read(path) for path in sorted((folder / "raw").iterdir())}

    start, undisturbed = tmp_path / "start", tmp_path / "a"
    start.mkdir()
    fill(start)
    shutil.copytree(start, undisturbed)
    planned = changes(source(undisturbed))
    begun = time.monotonic()
    assert set(run(source(undisturbed), planned)) == {"done"}
    took, kills = time.monotonic() - begun, int(os.environ.get("DSAR_KILLS", "3"))
    expected, others, interrupted, half = state(undisturbed), answer(source(undisturbed), BOB), 0, 0
    for round_ in range(kills):
        folder = tmp_path / f"b{round_}"
        shutil.copytree(start, folder)
        after = (round_ + random.random()) / kills * took
        interrupted += killed(WORKER, folder, after)
        assert answer(source(folder), BOB)[0] == others[0]  # in the middle as well, nobody else's line is missing or counted twice
        left = run(source(folder), planned)
        half += 0 < left.count("done") < len(planned)
        assert changes(source(folder)) == [], after
        assert state(folder) == expected, after
        counted = {part.name for entry in logentries.Entries(folder / "kept").known.values() for part in entry.parts}
        texts = b"".join(path.read_bytes() for path in (folder / "kept/files").iterdir())
        assert len(list((folder / "kept/files").iterdir())) == 3, texts
        lying = {path.relative_to(folder / "kept").as_posix() for path in (folder / "kept").glob("day=*/*.parquet")}
        assert not {name for name in lying - counted if ANN in str(loglookup._rows_of(folder / "kept", name, *wanted()))}
    assert interrupted
    if os.environ.get("DSAR_KILLS"):
        sys.stdout.write(f"{interrupted} interrupted, {half} half done")


def wanted():
    import numpy as np
    import pyarrow as pa

    from connectors import logrows

    return pa.array([ANN]), np.unique(logrows.hashes([ANN]))
