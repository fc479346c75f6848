"""Kept logs over a workspace: what a request finds in the store, and what becomes of lines on day 365."""

import gzip
import json
import os
import shutil
import sys
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pyarrow.parquet as pq
import pytest

from dsar import workspace
from dsar.cli import main
from dsar.law import retention
from dsar.run import logs
from dsar.workspace import Workspace
from tests import company
from tests.connectors.test_logs import UA, line
from tests.worlds import HEAD

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
ANN, BOB = "192.0.2.7", "198.51.100.8"
MAP = (
    HEAD
    + """
[sources.web]
connector = "logs"
label = "Website"
owner = "web@quill.example"
[sources.web.tables.visits]
label = "Visit"
activity = "main"
key = ["file", "line", "copy"]
match = { ip = "client" }
attribute = { at = "at", browser = "browser" }
file = { path = "logs/access*", store = "kept" }
[sources.web.tables.visits.columns]
"""
    + "\n".join(
        f'{c} = {{ category = "user" }}'
        for c in ("file", "line", "copy", "client", "user", "at", "request", "status", "bytes", "referrer", "browser")
    )
)


def open_at(folder, now=NOW):
    ws = workspace.open_workspace(folder)
    return Workspace(ws.root, ws.datamap, lambda: now)


def made(folder, *requests):
    (folder / "logs").mkdir()
    (folder / "dsar.toml").write_text(MAP)
    rows = [f"{r},2026-11-20,{rights},{identifiers},2026-11-20,signed in to the account" for r, rights, identifiers in requests]
    (folder / "requests.csv").write_text("\n".join(["id,received,rights,identifiers,verified_on,no_reasonable_doubt", *rows]) + "\n")
    return folder


def log(folder, day, *lines):
    name = f"access-{day}.log.gz"
    stamp = f"{day:%d/%b/%Y}:10:00:00 +0000"
    (folder / "logs" / name).write_bytes(
        gzip.compress("".join(one.replace("12/Nov/2026:10:20:30 +0000", stamp) + "\n" for one in lines).encode(), mtime=0)
    )
    return folder / "logs" / name


def crowd(n=6, **more):
    return [line(f"203.0.113.{k}", **more) for k in range(n)]


def clients(ws, *addresses):
    """Every client that is found by these addresses, straight from the source."""
    from dsar.source import Match, Rows, Want

    source = ws.sources()["web"]
    parts = source.read(Match("visits", tuple(Want(str(n), "ip", a) for n, a in enumerate(addresses))))
    return sorted(client for p in parts if isinstance(p, Rows) for client in p.frame["client"])


def remains(folder, day):
    found = []
    for path in sorted((folder / "kept" / "anonymised" / f"day={day}").glob("*.parquet")):
        found += pq.read_table(path, partitioning=None).to_pylist()
    return found


OLD = date(2025, 11, 24)  # 365 days before NOW


def test_on_day_365_lines_are_nobodys_unless_a_request_needs_them(tmp_path):
    made(tmp_path, ("R-1", "access", f"ip={ANN}"))
    log(tmp_path, OLD, *crowd(), line(ANN), line(ANN, request="GET /account?id=4711 HTTP/1.1"), line(BOB, request="GET /bob HTTP/1.1"), "garbage")
    log(tmp_path, OLD + timedelta(days=1), line(ANN), line(BOB))
    ws = open_at(tmp_path)
    ws.collect_all(ws.requests.values())
    done = logs.compact(ws)
    assert [(k.file, k.state, k.lines) for _, k in done.kept] == [
        ("access-2025-11-24.log.gz", "kept now", 10),
        ("access-2025-11-25.log.gz", "kept now", 2),
    ]
    assert [(str(a), e.day, e.anonymised, e.reduced, e.needed) for a, e in done.expired] == [("web.visits", OLD, 7, 1, 2)]
    assert [kept.file for _, kept in done.overdue] == ["access-2025-11-24.log.gz"]
    assert clients(ws, ANN, BOB, "203.0.113.1") == [ANN, ANN, ANN, BOB]  # of the day before yesterday's year only Ann's
    everything = [value for row in remains(tmp_path, OLD) for value in row.values()]
    assert sum(row["lines"] for row in remains(tmp_path, OLD)) == 8
    assert not {BOB, ANN, UA, "garbage"} & set(map(str, everything))
    assert [(row["at"], row["client"], row["request"], row["browser"], row["lines"]) for row in remains(tmp_path, OLD) if row["client"]] == [
        (OLD, "203.0.113.0", "GET / HTTP/1.1", "Firefox 128", 6)
    ]
    assert logs.compact(ws).expired == []  # what is done is done
    assert [path.parent.name for path in (tmp_path / "kept" / "rows").rglob("*.rows")] == ["day=2025-11-25"]  # an index knows addresses
    path = next((tmp_path / "kept").glob("day=2025-11-24/*.parquet"))
    assert set(pq.read_table(path, partitioning=None)["address"].to_pylist()) == {ANN}


def test_what_a_request_needed_is_anonymised_once_it_is_closed(tmp_path):
    made(tmp_path, ("R-1", "access", f"ip={ANN}"), ("R-2", "restriction", f"ip={BOB}"))
    log(tmp_path, OLD, *crowd(), line(ANN), line(BOB))
    ws = open_at(tmp_path)
    ws.collect_all(ws.requests.values())
    assert [e.needed for _, e in logs.compact(ws).expired] == [2]
    for request in ("R-1", "R-2"):
        ws.register.record(ws.register.case(request), "closed", by="A. Nalyst", outcome="granted")
    later = open_at(tmp_path, NOW + timedelta(days=1))
    assert [(e.anonymised + e.reduced, e.needed) for _, e in logs.compact(later).expired] == [(1, 1)]
    assert clients(later, ANN, BOB) == [BOB]  # restricted still
    assert sum(row["lines"] for row in remains(tmp_path, OLD)) == 7


def test_an_open_request_whose_addresses_nobody_knows_stops_the_anonymising(tmp_path):
    made(tmp_path, ("R-1", "access", f"ip={ANN}"))
    log(tmp_path, OLD, line(BOB))
    ws = open_at(tmp_path)
    done = logs.compact(ws)
    assert (done.unknown, done.expired, len(done.kept)) == (["R-1"], [], 1)
    assert clients(ws, BOB) == [BOB]


def test_killed_between_its_steps_it_loses_and_doubles_nothing(tmp_path, monkeypatch):
    made(tmp_path)
    log(tmp_path, OLD, *crowd(8), line(ANN))
    log(tmp_path, OLD - timedelta(days=1), *crowd(8))
    from connectors import logexpire

    real = logexpire._put_rest

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(logexpire, "_put_rest", killed)
    with pytest.raises(KeyboardInterrupt):
        logs.compact(open_at(tmp_path))
    monkeypatch.setattr(logexpire, "_put_rest", real)
    done = logs.compact(open_at(tmp_path, NOW + timedelta(days=1)))
    assert [(e.day, e.anonymised + e.reduced) for _, e in done.expired] == [(OLD - timedelta(days=1), 8), (OLD, 9)]
    assert [sum(row["lines"] for row in remains(tmp_path, day)) for day in (OLD - timedelta(days=1), OLD)] == [8, 9]


def test_days_come_from_the_map_where_it_has_them(tmp_path):
    made(tmp_path)
    rule = 'origin = "provided"\nretention = { from = "at", days = 30, why = "security", article = "6(1)(f)" }'
    (tmp_path / "dsar.toml").write_text(MAP.replace('origin = "provided"', rule))
    for days in (30, 31):  # the thirtieth day after is the last on which it may be kept
        log(tmp_path, NOW.date() - timedelta(days=days), *crowd())
    assert [(e.day, e.anonymised) for _, e in logs.compact(open_at(tmp_path)).expired] == [(date(2026, 10, 24), 6)]
    assert retention.LOG_DAYS == 365


def test_the_command_says_what_it_did(tmp_path, capsys, monkeypatch):
    made(tmp_path)
    log(tmp_path, date(2026, 11, 12), *crowd())
    monkeypatch.setenv("DSAR_NOW", "2026-11-24T09:00:00+00:00")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(sys, "argv", ["dsar", "--workspace", str(tmp_path), "logs", "compact"])

    def run():
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code or 0, capsys.readouterr()

    assert run() == (0, ("web.visits: 1 files kept now (6 lines)\n", ""))
    assert run() == (0, ("web.visits: 1 files kept before (6 lines)\n", ""))
    old = log(tmp_path, OLD, *crowd(), line(BOB))
    status, (out, err) = run()
    assert status == 1
    assert out.splitlines() == [
        "web.visits: 1 files kept now (7 lines), 1 files kept before (6 lines)",
        "web.visits 2025-11-24: 7 lines anonymised, 0 only reduced, 0 kept since a request needs them",
    ]
    assert err == f"web.visits: {old.name} still lies there, and all its lines have to be anonymised: delete it\n"
    old.unlink()
    assert run()[0] == 0
    (tmp_path / "dsar.toml").write_text(MAP.replace('store = "kept"', 'store = "kept", missing_ok = true'))
    for path in (tmp_path / "logs").iterdir():
        path.unlink()
    assert run() == (0, ("", ""))  # not that no table has a store
    assert not [name for _, _, names in os.walk(tmp_path / "kept") for name in names if BOB in name]


def test_the_reference_company_is_answered_the_same_from_its_store(tmp_path):
    folder = tmp_path / "company"
    shutil.copytree(company.built()[0], folder)
    ids = [r for r in company.open_company()[0].requests if r.endswith("7")]
    files = sorted((folder / "logs").iterdir())
    theirs = {json.loads(t.key)[0] for t in company.built()[1] if t.table == "web.visits" and t.subject in ids}
    for path in {*files} - {*files[::10], files[-1]}:  # each file that is kept costs the same, however little is in it
        if path.name not in theirs:
            path.unlink()
    text = (folder / "dsar.toml").read_text()
    (folder / "dsar.toml").write_text(
        text.replace('path = "logs/access-*.log.gz"', 'path = "logs/access-*.log.gz", store = "logs-kept", missing_ok = true')
    )
    ws = workspace.open_workspace(folder)
    raw = company.collected(ws, *ids)
    for _ in ws.sources()["web"].compact(ws.clock()):
        pass
    (folder / "logs").rename(folder / "away")
    (folder / "logs").mkdir()
    kept = company.collected(ws, *ids)
    outcomes = {(r, str(a)): f.outcome for r, d in raw.items() for a, f in d.tables.items()}
    assert {(r, str(a)): replace(f.outcome, collected_at=None) for r, d in kept.items() for a, f in d.tables.items()} == {
        at: replace(outcome, collected_at=None) for at, outcome in outcomes.items()
    }
    for request, dossier in raw.items():
        for address, found in dossier.tables.items():
            assert kept[request].tables[address].table.equals(found.table), (request, address)
