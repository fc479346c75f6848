"""Forgetting on time: a whole request in real files, its purge stage by stage, what stands against it, and a kill at every step."""

import base64
import bz2
import gzip
import io
import json
import lzma
import os
import shutil
import sqlite3
import tarfile
import zipfile
from contextlib import closing, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import openpyxl
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from dsar.answer import nearby
from dsar.cli import app
from dsar.errors import BadMap, DossierMissing
from dsar.keep import asof, tally
from dsar.keep.ledger import Entry
from dsar.recognise import MARK
from dsar.request import tables
from dsar.run import erasure, purge, shared, summaries
from dsar.workspace import Workspace, maps
from tests.killed import moments
from tests.run import erasing
from tests.run.test_erasure import ruled

MANUAL = """
[sources.desk]
connector = "manual"
label = "Support mailbox"
owner = "desk@quill.example"
[sources.desk.tables.mails]
label = "E-mail"
activity = "notes"
key = ["item"]
match = { email = "by_email" }
file = { path = "mails" }
COLUMNS item file sent_at sender recipients subject text attachments copies by_email
"""
MANUAL = erasing.re.sub(
    r"COLUMNS (.*)", lambda line: "columns = { " + ", ".join(f'{w} = {{ category = "user" }}' for w in line[1].split()) + " }", MANUAL
)
SYSTEMS = ("shop.db", "news.db", "logs", "dsar.toml")
VALUES = ("ann@x.org", "Ann Wright", "1 Mill Lane", "rang about lamps", "192.0.2.7")


class Clock:
    def __init__(self):
        self.day = 0

    def __call__(self):
        return erasing.NOW + timedelta(days=self.day)


def opened(folder, clock):
    return Workspace(folder, maps.read(folder / "dsar.toml"), clock)


def answered(ws):
    """Answer the searches by hand for everybody: a mail each, and the worklist back."""
    said = {"ann@x.org": "rang about lamps", "bob@x.org": "was quiet"}
    book = openpyxl.load_workbook(next((ws.root / "worklists").glob("*_searches.xlsx")))
    for row in book["Searches"].iter_rows(values_only=False):
        if str(row[0].value).startswith("S-"):
            row[6].value = "Files in inbox"
            folder = ws.root / "inbox" / row[0].value
            folder.mkdir(parents=True)
            address = row[4].value
            (folder / "mail.eml").write_text(f"From: {address}\nTo: desk@quill.example\nSubject: lamps\n\nfrom {address}, {said[address]}\n")
    book.save(ws.root / "inbox" / "returned.xlsx")


def worked_on(folder, **options):
    """Take Ann's and Bob's requests as far as an analyst would; Bob's stays open."""
    erasing.build(folder, people=("ann@x.org", "bob@x.org"), change=MANUAL, **options)
    clock = Clock()
    ws = opened(folder, clock)
    both = list(ws.requests.values())
    ws.collect_all(both)
    answered(ws)
    ws.collect_all(both, again=True)
    ann = ruled(ws, both[0])
    ws.first_steps(ann, by="A. Nalyst")
    ws.access_report(ann)
    ws.deliver(ann)
    ws.draft(ann)
    lab(ws, ann)
    case = ws.register.record(ws.register.case("A-1"), "delivered", by="A. Nalyst", files={"x.xlsx": "00"}, method="post", checked_by="R. Eader")
    case = ws.register.record(case, "decided", by="A. Nalyst", right="access", outcome="granted")
    ws.register.record(case, "closed", by="A. Nalyst", outcome="granted")
    return ws, clock


def lab(ws, request):
    """Leave what an analyst leaves who ran a notebook in JupyterLab, and one that Jupyter put aside; and a killed run's rest."""
    cell = {"cell_type": "code", "metadata": {}, "execution_count": 1, "source": f'request_id = "{request.id}"', "id": "a"}
    out = {"output_type": "stream", "name": "stdout", "text": ["ann@x.org, Ann Wright\n"]}
    notebook = {"cells": [{**cell, "outputs": [out]}], "metadata": {"papermill": {"x": "ann@x.org"}}, "nbformat": 4, "nbformat_minor": 5}
    for path in (ws.root / "notebooks" / "one_request.ipynb", ws.root / "notebooks" / ".ipynb_checkpoints" / "one-checkpoint.ipynb"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(notebook))
    other = {**cell, "source": 'request_id = "A-2"', "outputs": [{**out, "text": ["bob@x.org\n"]}]}
    (ws.root / "notebooks" / "bobs.ipynb").write_text(json.dumps({**notebook, "cells": [other], "metadata": {}}))


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    folder = tmp_path_factory.mktemp("purge") / "ws"
    folder.mkdir()
    worked_on(folder, rights="access")
    return folder


@pytest.fixture
def copied(story, tmp_path):
    folder = tmp_path / "ws"
    shutil.copytree(story, folder)
    clock = Clock()
    return opened(folder, clock), clock


def holding(root, *wanted):
    """Return the files, but for the systems, that hold a value in some coding: an own search, which shares nothing with the toolkit's."""
    found = set()
    for path in sorted(p for p in root.rglob("*") if p.is_file() and p.relative_to(root).parts[0] not in SYSTEMS):
        if any(_inside(path.name.encode() + path.read_bytes(), value) for value in wanted):
            found.add(str(path.relative_to(root)))
    return found


def _inside(data, value, depth=0):
    codings = {value.encode(), value.encode("utf-16-le"), base64.b64encode(value.encode())[:-4], quote(value).encode()}
    if any(c.lower() in data.lower() for c in codings):
        return True
    if depth < 3 and b"PK\x03\x04" in data[:300]:
        with _zip(data) as archive:
            return any(_inside(archive.read(n), value, depth + 1) for n in archive.namelist() if not archive.getinfo(n).flag_bits & 1)
    if data[:2] == b"\x1f\x8b":
        return _inside(gzip.decompress(data), value, depth + 1)
    if b"PAR1" in data[:300]:
        return _inside(_parquet(data[data.index(b"PAR1") :]), value, depth + 1)
    return False


def _zip(data):
    return zipfile.ZipFile(io.BytesIO(data[data.index(b"PK\x03\x04") :]))


def _parquet(data):
    return repr(pq.read_table(io.BytesIO(data)).to_pylist()).encode()


def tree(root):
    return {str(p.relative_to(root)) for p in root.rglob("*") if not p.name.endswith((".lock", "-journal"))}


def test_nothing_goes_before_its_day(copied):
    ws, clock = copied
    clock.day = 29
    before = tree(ws.root)
    outcome = {o.request: o for o in purge.purge(ws, by="A. Nalyst")}
    assert not outcome["A-1"].gone
    assert [(stage, str(day)) for stage, day in outcome["A-1"].waits] == [
        ("working copies", "2026-12-23"), ("delivered", "2027-11-23"), ("register", "2029-11-22"),
    ]  # fmt: skip
    assert outcome["A-2"].against == ("it is open",)
    assert tree(ws.root) - before <= {"cases/A-1/published"}


def test_a_dry_run_says_what_would_go_and_touches_nothing(copied):
    ws, clock = copied
    clock.day = 400
    before = {p: p.read_bytes() for p in ws.root.rglob("*") if p.is_file()}
    outcome = purge.purge(ws, dry_run=True, by="")[0]
    assert outcome.gone == ("working copies", "delivered")
    assert {p: p.read_bytes() for p in ws.root.rglob("*") if p.is_file()} == before


def test_stage_by_stage_until_no_value_is_left_while_the_summary_explains_the_case(copied):
    ws, clock = copied
    told = summaries.of(ws, ws.register.case("A-1"))
    assert holding(ws.root, *VALUES) > {"register.db", "requests.csv", "inbox/returned.xlsx", "notebooks/one_request.ipynb"}
    bobs = {f: (ws.root / f).read_bytes() for f in holding(ws.root, "bob@x.org") if f.startswith(("cases/A-2", "inbox/S-", "notebooks"))}
    clock.day = 31
    outcome = purge.purge(ws, ["A-1"], by="A. Nalyst")[0]
    assert (outcome.gone, outcome.left, outcome.error) == (("working copies",), (), "")
    left = holding(ws.root, *VALUES)
    assert {f.split("/")[0] for f in left} == {"register.db", "requests.csv", "cases"}
    assert {f.split("/")[2] for f in left if f.startswith("cases")} <= {"outbox", "delivery", "letters"}
    with pytest.raises(DossierMissing, match="its files were purged"):
        ws.collect(ws.request("A-1"))
    clock.day = 366
    outcome = purge.purge(ws, ["A-1"], by="A. Nalyst")[0]
    assert (outcome.gone, outcome.left) == (("delivered",), ())
    assert holding(ws.root, *VALUES) == {"register.db", "requests.csv"}
    assert not (ws.root / "cases" / "A-1").exists()
    clock.day = 1_100
    ws.nearby()
    outcome = purge.purge(ws, ["A-1"], by="A. Nalyst")[0]
    assert not (ws.root / "cases" / nearby.FILE).exists()
    assert (outcome.gone, outcome.left) == (("register",), ())
    assert holding(ws.root, *VALUES) == set()
    assert {f: (ws.root / f).read_bytes() for f in bobs} == bobs
    assert list(ws.requests) == ["A-2"]
    ws = opened(ws.root, clock)  # what opens the workspace next takes the request over from no file
    assert list(ws.requests) == ["A-2"]
    after = next(s for s in summaries.summaries(ws) if s.request == "A-1")
    assert list(after.purged) == ["working copies", "delivered", "register"]
    assert after.model_copy(update={"purged": {}}) == told
    assert asof.find(ws.root, after.map_sha256).read_bytes() == (ws.root / "dsar.toml").read_bytes()
    assert ws.ledger.verify() == []
    assert tally.differences(ws.ledger, ws.register) == []
    assert [line["details"]["stage"] for line in ws.ledger.lines() if "purged" in line["what"]] == list(after.purged)
    clock.day = 3_000
    purge.purge(ws, by="A. Nalyst")
    assert "A-1" not in {s.request for s in summaries.summaries(ws)}


def test_what_people_sent_back_for_somebody_else_stays(copied):
    ws, clock = copied
    clock.day = 31
    purge.purge(ws, by="A. Nalyst")
    book = openpyxl.load_workbook(ws.root / "inbox" / "returned.xlsx")
    values = {str(c.value) for sheet in book for row in sheet.iter_rows() for c in row}
    assert "bob@x.org" in values
    assert "ann@x.org" not in values
    dossier = ws.collect(ws.request("A-2"), again=True)
    assert [f.outcome.state for a, f in dossier.tables.items() if a.source == "desk"] == ["found"]


def test_what_lies_about_is_found_and_named(copied):
    ws, clock = copied
    (ws.root / "notes").mkdir()
    (ws.root / "notes" / "ask.csv").write_text("ANN@X.ORG\n")
    with gzip.open(ws.root / "notes" / "old.csv.gz", "wb") as file:
        file.write("to ann@x.org".encode("utf-16-le"))
    with closing(sqlite3.connect(ws.root / "notes" / "x.sqlite")) as database:
        database.execute("CREATE TABLE t (c TEXT)")
        database.execute("INSERT INTO t VALUES ('to Ann@X.org')")
        database.commit()
    clock.day = 31
    outcome = purge.purge(ws, ["A-1"], by="A. Nalyst")[0]
    assert outcome.left == ("notes/ask.csv", "notes/old.csv.gz", "notes/x.sqlite")
    (ws.root / "notes" / "ask.csv").unlink()


def test_what_is_packed_is_looked_into_and_what_cannot_be_is_told(copied, monkeypatch):
    ws, _ = copied
    (ws.root / "notes").mkdir()
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        archive.add(ws.root / "requests.csv", "old/requests.csv")
    theirs = {
        "a.bz2": bz2.compress(b"to Ann@X.org"), "b.xz": lzma.compress(b"to ann@x.org"), "c.tar.gz": out.getvalue(),
        "d.txt": b"X'" + b"to ann@x.org".hex().encode() + b"'",
    }  # fmt: skip
    closed = {"e.jpg": b"\xff\xd8\xff\x00", "f.7z": b"7z\xbc\xaf\x27\x1c\x00", "g.zip": b"PK\x03\x04 no more"}
    for name, content in (theirs | closed).items():
        (ws.root / "notes" / name).write_bytes(content)
    (ws.root / "notes" / "elsewhere").symlink_to(ws.root.parent)
    bobs = next(p for p in sorted((ws.root / "inbox").glob("S-*")) if "bob@x.org" in (p / "mail.eml").read_text())
    (bobs / "photo.jpg").write_bytes(closed["e.jpg"])  # of a request that is open: its own purge takes it
    (ws.root / "inbox" / "scan.jpg").write_bytes(closed["e.jpg"])
    code, told = purged_by_command(ws, monkeypatch, "2026-12-24", "A-1")
    assert code == 1
    assert {line.split()[1] for line in told.splitlines() if "still holds a value" in line} == {f"notes/{name}" for name in theirs}
    unread = {line.split()[1] for line in told.splitlines() if "could not be looked into" in line}
    assert unread == {"inbox/scan.jpg", "notes/elsewhere", *(f"notes/{name}" for name in closed)}


def left_about(ws):
    """Leave a file found by an identifier, one by a name of the snapshot alone, one that cannot be read, and one whose name says who it is."""
    (ws.root / "notes").mkdir()
    files = {
        "ask.csv": b"ann@x.org",
        "call.txt": b"call from Ann Wright, on Monday",
        "photo.jpg": b"\xff\xd8\xff\x00",
        "ann@x.org.txt": b"ann@x.org asked",
    }
    for name, content in files.items():
        (ws.root / "notes" / name).write_bytes(content)
    return {"notes/ask.csv", "notes/call.txt", "notes/[someone].txt"}, {"notes/photo.jpg"}


def places(told, words):
    return {line.split(": ")[1].split()[0] for line in told.splitlines() if words in line}


def test_what_was_left_is_told_at_each_purge_until_it_is_gone(copied, monkeypatch):
    ws, _ = copied
    left, unread = left_about(ws)
    needles = shared.needles

    def with_a_name(ws, case):  # the map of these tests says of no column that a name stands in it
        there = (ws.root / "cases" / case.request.id / "dossier").exists()
        return [*needles(ws, case), *([shared.Needle("name", "name", "Ann Wright")] if there else [])]

    monkeypatch.setattr(shared, "needles", with_a_name)
    for day in ("2026-12-24", "2026-12-25", "2027-12-24", "2030-01-01", "2030-01-02", "2035-01-01"):  # each stage, after it, and long after the last
        code, told = purged_by_command(ws, monkeypatch, day)
        assert code == 1, day
        assert places(told, "still holds a value of this person") - {"register.db"} == {p.replace("[someone].txt", MARK) for p in left}, day
        assert places(told, "could not be looked into") == unread, day
        assert "ann@x.org" not in told
    remembered = (ws.root / "summaries" / "A-1.left").read_text()
    assert not [v for v in (*VALUES, "ask.csv", "call", "photo", "notes") if v.casefold() in remembered.casefold()]
    (ws.root / "notes" / "call.txt").rename(ws.root / "notes" / "renamed.txt")  # as it was, elsewhere
    (ws.root / "notes" / "ask.csv").write_text("nobody any more")
    code, told = purged_by_command(ws, monkeypatch, "2035-01-02")
    assert (code, places(told, "was changed since it was named")) == (1, {"notes/ask.csv"})
    assert "notes/renamed.txt" in places(told, "still holds a value")
    for path in (ws.root / "notes").iterdir():
        path.unlink()
    code, told = purged_by_command(ws, monkeypatch, "2035-01-03")
    assert (code, "A-1" in told, (ws.root / "summaries" / "A-1.left").exists()) == (0, False, False)


def test_a_clean_look_is_not_asked_again(copied, monkeypatch):
    ws, _ = copied
    assert purged_by_command(ws, monkeypatch, "2026-12-24", "A-1")[0] == 0
    (ws.root / "later.txt").write_text("ann@x.org")
    assert purged_by_command(ws, monkeypatch, "2026-12-25", "A-1")[0] == 0
    assert places(purged_by_command(ws, monkeypatch, "2027-12-24", "A-1")[1], "still holds a value") == {"later.txt"}


def run_until(monkeypatch, folder, stop_at, day=1_100):
    """Purge A-1 on a day, by default long after its last, killed at a step (0: never), and return how many steps were taken."""
    clock = Clock()
    clock.day = day
    ws = opened(folder, clock)
    with monkeypatch.context() as patched:
        seen = _steps(patched, stop_at)
        with suppress(Killed):
            purge.purge(ws, ["A-1"], by="A. Nalyst")
    ws.register.engine.dispose()
    return seen["n"]


def test_a_killed_purge_is_followed_by_its_look(story, tmp_path, monkeypatch):
    def made(name):
        folder = tmp_path / name
        shutil.copytree(story, folder)
        (folder / "ask.csv").write_text("ann@x.org")
        return folder

    steps = run_until(monkeypatch, made("whole"), 0, day=31)  # the first stage alone: once the last is due, each run looks by itself
    looking = steps - 13  # the look is what comes last, so that kills are closer there
    for stop_at in [*moments(looking, 3), *(looking + n for n in moments(13, 3))]:
        folder = made(f"at-{stop_at}")
        run_until(monkeypatch, folder, stop_at, day=31)
        clock = Clock()
        clock.day = 32
        ws = opened(folder, clock)
        outcomes = purge.purge(ws, by="A. Nalyst")
        assert "ask.csv" in {place for o in outcomes if o.request == "A-1" for place in o.left}, stop_at
        ws.register.engine.dispose()
        shutil.rmtree(folder)


REASONS = {
    "kept back": "R. Eader keeps it back since 2026-11-23",
    "their own request": "A-3 may be theirs, and is open",
    "complaint": "a complaint is running: A-3",
    "restriction": "what A-3 restricts is restricted still",
    "held": "1 rows or cells are held, and nobody ruled on them",
}


@pytest.mark.parametrize("reason", REASONS)
def test_what_stands_against_it_is_said_and_nothing_goes(copied, reason):
    ws, clock = copied
    if reason == "kept back":
        ws.register.record(ws.register.case("A-1"), "kept back", by="R. Eader", why="a claim was announced")
    elif reason == "held":
        (ws.case(ws.request("A-1")) / "review.json").unlink()
        ws.collect(ws.request("A-1"), again=True)
    else:
        right = {"complaint": "complaint", "restriction": "restriction"}.get(reason, "access")
        with (ws.root / "requests.csv").open("a") as file:
            file.write(f"A-3,2026-11-10,{right},email=Ann@x.org,2026-11-10,\n")
        ws = opened(ws.root, clock)
        if reason == "restriction":
            case = ws.register.record(ws.register.case("A-3"), "decided", by="A. Nalyst", right="restriction", outcome="granted")
            ws.register.record(case, "closed", by="A. Nalyst", outcome="granted")
    clock.day = 4_000
    before = tree(ws.root)
    outcome = next(o for o in purge.purge(ws, by="A. Nalyst") if o.request == "A-1")
    assert outcome.against == (REASONS[reason],)
    assert not outcome.gone
    assert tree(ws.root / "cases" / "A-1") == {p.removeprefix("cases/A-1/") for p in before if p.startswith("cases/A-1/")}


def test_let_go_it_goes(copied):
    ws, clock = copied
    case = ws.register.record(ws.register.case("A-1"), "kept back", by="R. Eader", why="a claim was announced")
    ws.register.record(case, "let go", by="R. Eader")
    clock.day = 31
    assert purge.purge(ws, ["A-1"], by="A. Nalyst")[0].gone == ("working copies",)


def test_an_erasure_that_waits_or_was_not_looked_at_keeps_its_files(tmp_path):
    ws = erasing.build(tmp_path)
    request = ruled(ws, ws.request("A-1"))
    erasure.dry_run(ws, [request])
    case = ws.register.record(ws.register.case("A-1"), "decided", by="A. Nalyst", right="erasure", outcome="granted")
    ws.register.record(case, "closed", by="A. Nalyst", outcome="granted")
    later = replace(ws, clock=lambda: erasing.NOW + timedelta(days=31))
    assert purge.purge(later, by="A. Nalyst")[0].against == ("nobody looked yet what became of its erasure",)
    erasure.verify(ws, [request])
    assert purge.purge(later, by="A. Nalyst")[0].against == ("its erasure is not complete, as last looked at",)
    erasure.execute(ws, [request], by="A. Nalyst")
    erasure.verify(ws, [request])
    waiting = purge.purge(later, by="A. Nalyst")[0].against
    assert len(waiting) == 1
    assert waiting[0].endswith("rows wait to be erased until something happens")


def test_an_erasure_that_was_granted_and_never_planned_keeps_its_files(tmp_path):
    ws = erasing.build(tmp_path)
    ws.collect(ruled(ws, ws.request("A-1")))
    case = ws.register.record(ws.register.case("A-1"), "decided", by="A. Nalyst", right="erasure", outcome="granted")
    ws.register.record(case, "closed", by="A. Nalyst", outcome="granted")
    (reason,) = purge.purge(replace(ws, clock=lambda: erasing.NOW + timedelta(days=31)), by="A. Nalyst")[0].against
    assert reason.startswith("its erasure was granted, and nobody planned it")


def test_of_a_withdrawn_erasure_is_told_what_stays(tmp_path):
    ws = erasing.build(tmp_path)
    request = ruled(ws, ws.request("A-1"))
    erasure.dry_run(ws, [request])
    erasure.execute(ws, [request], by="A. Nalyst")
    ws.register.record(ws.register.case("A-1"), "closed", by="A. Nalyst", outcome="withdrawn")
    later = replace(ws, clock=lambda: erasing.NOW + timedelta(days=31))
    assert purge.purge(later, by="A. Nalyst")[0].against == ("rows were erased before it was closed, and nobody looked yet what became of that",)
    erasing.sql(tmp_path, "shop.db", "INSERT INTO notes VALUES (1, 1, 'rang about lamps')")  # restored from a backup, or never gone
    erasure.verify(ws, [request])
    (seen,) = purge.purge(later, by="A. Nalyst", dry_run=True)
    (outcome,) = purge.purge(later, by="A. Nalyst")
    assert seen.stays == outcome.stays
    assert "1 rows of shop.notes stay, that its erasure was to take" in outcome.stays
    assert any(told.endswith("rows of shop.orders stay, that its erasure was to take") for told in outcome.stays)  # one is open still
    assert outcome.gone == ("working copies",)


def test_a_sheet_of_intake_that_nobody_confirmed_stays_and_is_named(tmp_path, monkeypatch):
    ws = erasing.build(tmp_path)
    folder = tmp_path / "Dan Smith"
    folder.mkdir()
    text = "From: Dan <dan@x.org>\nTo: privacy@quill.example\nDate: Mon, 02 Nov 2026 10:00:00 +0000\nMessage-ID: <9@x.org>\nSubject: data\n\n"
    (folder / "1.eml").write_text(text + "Please send me a copy of all my personal data.\n")
    monkeypatch.setenv("DSAR_NOW", erasing.NOW.isoformat())
    desk = ["--workspace", str(tmp_path)]
    taken = CliRunner().invoke(app, [*desk, "register", "intake", str(folder)])
    assert (taken.exit_code, "Smith" in taken.output) == (0, False), "a folder may be called by a person's name"
    sheet = tmp_path / "intake" / "proposals_2026-11-23_1.xlsx"
    assert sorted(p.name for p in (tmp_path / "intake").iterdir()) == [sheet.name]
    os.utime(sheet, (1, 1))
    told = CliRunner().invoke(app, [*desk, "purge", "--by", "A"]).output
    assert "intake/proposals_2026-11-23_1.xlsx: nothing goes: nobody confirmed it, or a question is left" in " ".join(told.split())
    assert sheet.exists()
    assert CliRunner().invoke(app, [*desk, "register", "confirm", str(sheet), "--by", "A"]).exit_code == 0
    assert any(i.value == "dan@x.org" for r in erasing.opened(tmp_path).requests.values() for i in r.identifiers)
    assert "intake/proposals_2026-11-23_1.xlsx: would go" in CliRunner().invoke(app, [*desk, "purge", "--dry-run"]).output
    assert sheet.exists()
    assert "intake/proposals_2026-11-23_1.xlsx: gone" in CliRunner().invoke(app, [*desk, "purge", "--by", "A"]).output
    assert not sheet.exists()
    assert ws.ledger.verify() == []


def test_opened_anew_it_is_collected_and_purged_again(copied):
    ws, clock = copied
    clock.day = 31
    purge.purge(ws, ["A-1"], by="A. Nalyst")
    ws.register.record(ws.register.case("A-1"), "reopened", by="A. Nalyst", why="she asked for more")
    dossier = ws.collect(ws.request("A-1"))
    assert not dossier["shop.customers"].empty
    assert summaries.of(ws, ws.register.case("A-1")).collected_at == clock()
    ruled(ws, ws.request("A-1"))  # what was ruled on is purged too: it waits again
    ws.register.record(ws.register.case("A-1"), "closed", by="A. Nalyst", outcome="withdrawn")
    clock.day = 70
    outcome = purge.purge(ws, ["A-1"], by="A. Nalyst")[0]
    assert outcome.gone == ("working copies",)
    assert not (ws.root / "cases" / "A-1" / "dossier").exists()


def _steps(monkeypatch, stop_at):
    """Count everything that changes the disk, and stop at one of them as a kill would."""
    seen = {"n": 0}

    def counted(real):
        def step(*args, **kwargs):
            seen["n"] += 1
            if seen["n"] == stop_at:
                raise Killed
            return real(*args, **kwargs)

        return step

    for name in ("unlink", "rmdir", "replace", "fsync"):
        monkeypatch.setattr(os, name, counted(getattr(os, name)))
    return seen


class Killed(BaseException):
    pass


def test_a_run_that_is_killed_anywhere_is_completed_by_the_next(story, tmp_path, monkeypatch):
    shutil.copytree(story, tmp_path / "whole")
    steps = run_until(monkeypatch, tmp_path / "whole", 0)
    assert steps > 60
    undisturbed = tree(tmp_path / "whole")
    for stop_at in moments(steps, 6):
        folder = tmp_path / f"at-{stop_at}"
        shutil.copytree(story, folder)
        run_until(monkeypatch, folder, stop_at)
        clock = Clock()
        clock.day = 1_100
        ws = opened(folder, clock)
        purge.purge(ws, by="A. Nalyst")
        assert tree(folder) == undisturbed, stop_at
        assert holding(folder, *VALUES) == set(), stop_at
        summary = next(s for s in summaries.summaries(ws) if s.request == "A-1")
        assert len(summary.searched) > 8, stop_at
        assert set(summary.purged) == {"working copies", "delivered", "register"}, stop_at
        assert ws.ledger.verify() == [], stop_at
        ws.register.engine.dispose()
        shutil.rmtree(folder)


def test_the_command(copied, monkeypatch):
    ws, _ = copied
    run = CliRunner().invoke
    monkeypatch.setenv("DSAR_NOW", "2026-12-24T10:00:00+00:00")
    refused = run(app, ["--workspace", str(ws.root), "purge"])
    assert refused.exit_code == 1
    assert "--by" in str(refused.exception)
    shown = run(app, ["--workspace", str(ws.root), "purge", "--dry-run"])
    assert "A-1: would go: working copies" in shown.output
    assert "A-1: delivered from 2027-11-23 on" in shown.output
    assert "A-2: nothing goes: it is open" in shown.output
    (ws.root / "left.txt").write_text("ann@x.org")
    done = run(app, ["--workspace", str(ws.root), "purge", "--by", "A. Nalyst"])
    assert done.exit_code == 1
    assert "summaries/A-1.json stays" in done.output
    assert "A-1: left.txt still holds a value of this person" in done.output
    assert "ann@x.org" not in done.output
    again = run(app, ["--workspace", str(ws.root), "collect"])
    assert "A-2" in again.output
    assert "A-1" not in again.output


def test_a_case_folder_of_no_request_is_named_and_stays(copied, monkeypatch):
    ws, _ = copied
    for name in ("A-77", "Ann Wright"):
        shutil.copytree(ws.root / "cases" / "A-2", ws.root / "cases" / name)
    for more in (["--dry-run"], []):
        code, told = purged_by_command(ws, monkeypatch, "2026-12-24", *more)
        assert code == 1
        assert "cases/A-77: not completed: its request is in no register" in told
        assert "cases/…: not completed: its request is in no register" in told
        assert "Wright" not in told
    assert (ws.root / "cases" / "A-77" / "dossier").is_dir()


def purged_by_command(ws, monkeypatch, day, *names):
    monkeypatch.setenv("DSAR_NOW", f"{day}T10:00:00+00:00")
    done = CliRunner().invoke(app, ["--workspace", str(ws.root), "purge", "--by", "A. Nalyst", *names])
    return done.exit_code, done.output


def test_what_is_said_of_the_summary_is_so(copied, monkeypatch):
    ws, _ = copied
    _, told = purged_by_command(ws, monkeypatch, "2026-12-24", "A-1")
    assert "A-1: gone: working copies" in told
    assert ("summaries/A-1.json stays" in told, (ws.root / "summaries" / "A-1.json").exists()) == (True, True)
    _, told = purged_by_command(ws, monkeypatch, "2040-01-01", "A-1")
    assert "A-1: gone: delivered, register" in told
    assert "stays" not in told
    assert "summaries/A-1.json goes too, its day has come" in told
    assert not (ws.root / "summaries" / "A-1.json").exists()


def test_broken_notebooks_are_told_by_place_and_the_rest_goes_on(copied, monkeypatch):
    ws, _ = copied
    notebooks = ws.root / "notebooks"
    whole = (notebooks / "one_request.ipynb").read_text()
    broken = {
        "half.ipynb": whole.replace("ann@x.org, Ann Wright", "")[: len(whole) // 2].encode(),
        "latin.ipynb": b'{"cells": [], "A-1": "' + "Köln".encode("latin-1") + b'"}',
        "list.ipynb": b'["A-1"]',
        "odd.ipynb": b'{"cells": ["A-1"], "x": "A-1"}',
    }
    for name, content in broken.items():
        (notebooks / name).write_bytes(content)
    code, told = purged_by_command(ws, monkeypatch, "2026-12-24", "A-1")
    assert (code, "A-1: gone: working copies" in told) == (1, True)
    for name, content in broken.items():
        assert f"notebooks/{name} " in told
        assert (notebooks / name).read_bytes() == content
    assert json.loads((notebooks / "one_request.ipynb").read_text())["cells"][0]["outputs"] == []


@pytest.mark.parametrize("end", [b'{"n":7,"a', b"\xff\xfe\n", b"\n"])
def test_a_ledger_with_a_torn_end_goes_in_its_time_by_its_last_whole_line(copied, monkeypatch, end):
    ws, clock = copied
    with ws.ledger.path.open("ab") as file:
        file.write(end)
    ws.ledger.restart(Entry("ledger restarted", "", "A. Nalyst", {"why": "its end was torn"}))
    old = ws.root / "ledger-1.jsonl"
    code, told = purged_by_command(ws, monkeypatch, "2026-12-24", "A-1")
    assert (code, "A-1: gone: working copies" in told, old.exists()) == (0, True, True)
    torn = old.read_bytes()
    os.utime(old, (clock().timestamp(),) * 2)
    purged_by_command(ws, monkeypatch, "2040-01-01", "A-1")
    assert torn not in [p.read_bytes() for p in ws.root.glob("ledger*")]  # another is set aside under its name


def test_a_ledger_or_summary_that_nobody_can_read_is_told_and_stays(copied, monkeypatch):
    ws, _ = copied
    (ws.root / "ledger-7.jsonl").write_bytes(b'\xff{"at":"soon"}\n')
    (ws.root / "summaries" / "A-0.json").write_text("{")
    code, told = purged_by_command(ws, monkeypatch, "2026-12-24")
    assert (code, "A-1: gone: working copies" in told) == (1, True)
    assert "ledger-7.jsonl: not completed: no line of it can be read" in told
    assert "summaries/A-0.json: not completed: the case summary cannot be read" in told
    assert "1 of 2 requests were purged of something" in told
    assert (ws.root / "ledger-7.jsonl").exists()
    (ws.root / "summaries" / "A-1.json").write_text("{")
    code, told = purged_by_command(ws, monkeypatch, "2027-12-24")
    assert (code, "A-1: not completed: summaries/A-1.json: the case summary cannot be read" in told) == (1, True)


def test_a_broken_file_of_one_case_stops_no_other(copied, monkeypatch):
    ws, _ = copied
    (ws.root / "cases" / "A-1" / "review.json").write_bytes(b'{"form": 1, "K\xf6ln')
    code, told = purged_by_command(ws, monkeypatch, "2026-12-24")
    assert code == 1
    assert "A-1: not completed: " in told
    assert (ws.root / "cases" / "A-1" / "dossier").exists()
    assert "A-2: nothing goes: it is open" in told


@pytest.mark.parametrize(
    ("written", "fault"),
    [
        ("working_copies = 400", r"purge: delivered must be at least 400 days, as working_copies is"),
        ("ledger = 100", r"purge: ledger must be at least 1095 days, as register_line is"),
        ("working_copies = 0", r"purge\.working_copies"),
        ("delivery = 7", r"purge\.delivery"),
    ],
)
def test_a_schedule_that_cannot_be_is_named(tmp_path, written, fault):
    (tmp_path / "dsar.toml").write_text(erasing.HEAD + erasing.MAP + f"\n[purge]\n{written}\n", encoding="utf-8")
    with pytest.raises(BadMap, match=fault):
        maps.read(tmp_path / "dsar.toml")


def test_the_place_of_a_changed_identifier_is_overwritten_in_the_register(tmp_path):
    ws = erasing.build(tmp_path)
    assert b"ann@x.org" in _register(ws)
    (tmp_path / "requests.csv").write_text((tmp_path / "requests.csv").read_text().replace("ann@x.org", "zoe@x.org"))
    ws.register.follow(tmp_path / "requests.csv", ws.datamap)
    assert b"zoe@x.org" in _register(ws)
    assert b"ann@x.org" not in _register(ws)


def _register(ws):
    ws.register.cases()
    return Path(ws.root / "register.db").read_bytes()


def test_notebooks_of_others_are_left_as_they_are(copied):
    ws, _ = copied
    before = (ws.root / "notebooks" / "bobs.ipynb").read_bytes()
    shared.notebooks(ws.root, {"A-1"}, shared.Needles(shared.needles(ws, ws.register.case("A-1"))))
    assert (ws.root / "notebooks" / "bobs.ipynb").read_bytes() == before
    mine = json.loads((ws.root / "notebooks" / "one_request.ipynb").read_text())
    assert (mine["cells"][0]["outputs"], mine["metadata"]) == ([], {})


def test_every_connection_to_the_register_overwrites_what_it_deletes():
    said = []

    class Connection:
        def execute(self, statement):
            said.append(statement)

    tables._set_up(Connection(), None)  # SQLite as Debian builds it does so anyway, others do not
    assert "PRAGMA secure_delete = ON" in said


def test_a_search_that_a_record_led_to_is_known_again_in_whatever_spelling_it_stands(tmp_path):
    by_phone = MANUAL.replace('match = { email = "by_email" }', 'match = { email = "by_email", phone = "by_phone" }')
    erasing.build(tmp_path, rights="access", change=by_phone.replace("by_email = {", 'by_phone = { category = "user" }, by_email = {'))
    text = (tmp_path / "dsar.toml").read_text()
    (tmp_path / "dsar.toml").write_text(text.replace('address = "address_id" }', 'address = "address_id", phone = "fax" }', 1))
    erasing.sql(tmp_path, "shop.db", "UPDATE customers SET fax = '020 7946 0018' WHERE id = 1")
    ws = opened(tmp_path, Clock())
    ws.collect(ws.request("A-1"))
    handed_out = {s.value: s.id for s in shared.searches.Open(tmp_path / "worklists").load()}
    assert "+442079460018" in handed_out
    assert shared.searched(ws, [ws.register.case("A-1")]) == set(handed_out.values())
