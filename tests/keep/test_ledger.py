"""The ledger finds whatever was changed in it, wherever; what a kill left is put right; several write at once."""

import json
import multiprocessing
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO

import pytest

from dsar.errors import LedgerBroken
from dsar.keep.ledger import Entry, Fault, Head, Ledger, faults, sealed

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)


def ledger(folder):
    return Ledger(folder / "ledger.jsonl", lambda: NOW, {"tool": "0.1.0", "map": "a" * 16})


def entries(n):
    return [Entry("collected", f"R-{i}", "M. Aker", {"found": i, "failed": ["crm.contacts"]}, event=i) for i in range(1, n + 1)]


@pytest.fixture
def written(tmp_path):
    made = ledger(tmp_path)
    made.add(entries(200))
    return made


def ends(text, head):
    """Return the head after each line."""
    found, size = [Head()], 0
    for line in text.splitlines(keepends=True):
        told = json.loads(line)
        size += len(line)
        found.append(Head(told["n"], size, told["hash"], told["event"]))
    assert found[-1] == head
    return found


def test_a_line_says_what_was_done_and_follows_the_one_before(tmp_path):
    made = ledger(tmp_path)
    made.add(entries(1))
    head = made.add([Entry("exported", "R-1", "M. Aker", {"files": {"a.xlsx": "0" * 64}})])
    first, second = made.lines()
    assert (first["previous"], second["previous"], second["hash"]) == ("0" * 64, first["hash"], head.hash)
    told = {k: v for k, v in second.items() if k not in {"hash", "previous"}}
    assert told == {
        "n": 2, "at": "2026-11-02T09:00:00+00:00", "who": "M. Aker", "what": "exported", "request": "R-1", "event": 0,
        "details": {"files": {"a.xlsx": "0" * 64}}, "tool": "0.1.0", "map": "a" * 16,
    }  # fmt: skip
    assert (made.verify(), head.n, head.event, made.head) == ([], 2, 1, head)
    assert made.holds(2, head.hash[:12])
    assert not made.holds(1, head.hash[:12])
    assert {p.name: p.stat().st_mode & 0o777 for p in tmp_path.iterdir()} == dict.fromkeys(["ledger.jsonl", "ledger.head", "ledger.lock"], 0o600)


def test_one_changed_byte_anywhere_is_found(written):
    text = written.path.read_bytes()
    heads = ends(text, written.head)
    missed, place = [], 0
    for before, line in zip(heads, text.splitlines(keepends=True), strict=False):
        for at in range(len(line)):
            # What stands before the line is as it was, so reading may begin here.
            rest = BytesIO(line[:at] + bytes([line[at] ^ 1 << at % 7]) + line[at + 1 :] + text[place + len(line) :])
            if next(faults(rest, written.head, before), None) is None:
                missed.append(place + at)
        place += len(line)
    assert (place, missed) == (len(text), [])


def test_lines_taken_out_put_in_moved_and_cut_off_are_found_where_they_were(written):
    lines = written.path.read_bytes().splitlines(keepends=True)
    follows = "does not follow the line before it: something was taken out, put in or moved"

    def found(changed):
        written.path.write_bytes(b"".join(changed))
        return written.verify()

    assert found(lines) == []
    assert found(lines[:50] + lines[51:])[0] == Fault(51, follows)
    assert found([*lines[:50], lines[49], *lines[50:]])[0] == Fault(51, follows)
    assert found([*lines[:50], lines[51], lines[50], *lines[52:]])[0] == Fault(51, follows)
    forged, _ = sealed({**json.loads(lines[9]), "who": "nobody"})
    assert found([*lines[:9], forged, *lines[10:]])[0].line in {10, 11}
    for cut in (1, 100, 200):
        (fault,) = found(lines[:-cut])
        assert (fault.line, "the end was cut off" in fault.what) == (200 - cut, True)
    assert found([*lines[:-1], lines[-1][:-1]])  # not even the end of its line
    written.path.unlink()
    assert written.verify() == [Fault(0, "the ledger is gone")]


def test_who_cut_off_the_end_and_the_head_is_found_by_a_head_that_left(written):
    told = written.head
    lines = written.path.read_bytes().splitlines(keepends=True)
    written.path.write_bytes(b"".join(lines[:150]))
    written._write_head(ends(b"".join(lines[:150]), None or _last(lines[:150]))[-1])
    assert written.verify() == []
    assert not written.holds(told.n, told.hash)


def _last(lines):
    told = json.loads(lines[-1])
    return Head(told["n"], sum(map(len, lines)), told["hash"], told["event"])


def test_nothing_is_written_after_an_end_that_is_not_as_it_was_left(written):
    whole, head = written.path.read_bytes(), written.head_file.read_bytes()
    for damage in (lambda: written.path.write_bytes(whole[:-9]), written.head_file.unlink, lambda: written.head_file.write_text("{")):
        damage()
        with pytest.raises(LedgerBroken, match="dsar ledger restart"):
            written.add(entries(1))
        assert written.verify()
        written.path.write_bytes(whole)
        written.head_file.write_bytes(head)
    assert written.verify() == []


@pytest.mark.parametrize("kept", [0, 1, 40, -1])
def test_what_a_kill_left_is_put_right_and_nothing_is_lost(tmp_path, kept):
    # Killed between the write of two lines and that of the head, the second line whole or torn.
    made = ledger(tmp_path)
    made.add(entries(3))
    before = made.head_file.read_bytes()
    size = made.path.stat().st_size
    made.add([Entry("exported", "R-1", event=4), Entry("exported", "R-2", event=5)])
    lines = made.path.read_bytes()[size:].splitlines(keepends=True)
    torn = lines[1][:kept]
    with made.path.open("rb+") as file:
        file.truncate(size + len(lines[0]) + len(torn))
    made.head_file.write_bytes(before)
    assert made.verify() == []
    assert made.unfinished == bool(torn)
    head = made.add([Entry("collected", "R-3")])
    assert [(line["n"], line["what"], line["request"]) for line in made.lines()][3:] == [(4, "exported", "R-1"), (5, "collected", "R-3")]
    assert (head.n, head.event, made.verify()) == (5, 4, [])
    beside = tmp_path / "ledger.torn"
    assert (beside.read_bytes() if beside.exists() else b"") == (torn + b"\n" if torn else b"")


def _write(folder, name):
    made = ledger(folder)
    for n in range(25):
        made.add([Entry("collected", f"{name}-{n}"), Entry("exported", f"{name}-{n}")])


def test_several_processes_write_one_chain(tmp_path):
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write, args=(tmp_path, name)) for name in "abcd"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    made = ledger(tmp_path)
    assert (made.verify(), made.head.n) == ([], 200)
    told = [(line["what"], line["request"]) for line in made.lines()]
    assert sorted(told) == sorted((what, f"{name}-{n}") for name in "abcd" for n in range(25) for what in ("collected", "exported"))
    assert all(told[n][1] == told[n + 1][1] for n in range(0, 200, 2))  # what is added together stays together


def test_a_line_that_was_never_ours_is_a_fault(written):
    head = written.head
    for odd in (b"[]\n", b"{}\n", b'{"n":1}\n', b"\xff\n", b'{"hash":1}\n', b"\n", sealed({"n": "1", "previous": head.hash})[0]):
        written.path.write_bytes(written.path.read_bytes() + odd)
        # Beyond the head it is what a killed run left; among the lines it is not.
        assert list(faults(BytesIO(odd), replace(head, n=201), head))
