"""The reference company: what is found and held for everyone is what its truth says, and logs are read once for all."""

import gzip
import hashlib
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from connectors import logs
from dsar import forgotten, workspace
from dsar.datamap import Address
from dsar.find.survey import survey
from fixtures import generate
from fixtures.company.people import ANYBODY, APART, COMPANY
from tests.company import collected, expected, open_company, standings


def test_found_and_held_are_the_truth_for_everyone():
    ws, truth = open_company()
    found = standings(collected(ws))
    assert Counter(found.values())["found"] > 3_000
    assert found == expected(truth)
    never = {(t.subject, t.table, t.key) for t in truth if t.expected == "never"}
    assert len(never) > 10
    assert not never & found.keys()


@pytest.mark.parametrize("hazard", [*APART, "company contact", "namesakes"])
def test_asking_alone_gives_the_same_answer_as_asking_with_all(hazard):
    ws, truth = open_company()
    person = next(p for p in generate.people(100, 7) if hazard in p)
    request = generate.subject(person.number)
    assert standings(collected(ws, request)) == expected(truth, request)


def test_every_table_answered_and_the_map_fits():
    ws, _ = open_company()
    assert survey(ws.datamap, ws.sources()) == []
    assert all(f.outcome.complete or f.outcome.state == "not searched" for d in collected(ws).values() for f in d.tables.values())


def test_every_system_one_forgets_is_answered_for():
    assert forgotten.unanswered(open_company()[0].datamap.systems) == []


def test_the_logs_are_read_once_for_all(monkeypatch):
    ws, _ = open_company()
    files = sorted((ws.root / "logs").iterdir())
    read = Counter()
    real = Path.open

    class Counting:
        def __init__(self, path, raw):
            self.path, self.raw = path, raw

        def read(self, size=-1):
            data = self.raw.read(size)
            read[self.path.name] += len(data)
            return data

        def readinto(self, into):
            size = self.raw.readinto(into)
            read[self.path.name] += size
            return size

        def __getattr__(self, name):
            return getattr(self.raw, name)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.raw.close()

    monkeypatch.setattr(logs.Path, "open", lambda path, *a, **k: Counting(path, real(path, *a, **k)) if path.suffix == ".gz" else real(path, *a, **k))
    collected(ws)
    assert read == {f.name: f.stat().st_size for f in files}  # for a hundred requests, each byte once
    everybody = read.copy()
    read.clear()
    collected(ws, next(r for r in ws.requests if r.endswith("12")))
    assert read == everybody


def test_what_is_held_for_a_client_is_told_to_the_analyst_and_handed_out_to_nobody():
    ws, truth = open_company()
    request = next(t.subject for t in truth if t.table == "hosting.subscribers")
    found = collected(ws, request)[request].tables[Address("hosting", "subscribers")]
    assert found.table.num_rows == 0
    assert found.outcome.state == "a client's"
    assert found.outcome.complete
    assert found.outcome.words().startswith("held for clients, who are to be told: ")
    others = {d.tables[Address("hosting", "subscribers")].outcome for r, d in collected(ws).items() if r not in clients_of(truth)}
    assert {o.words() for o in others} == {"nothing, in a table that we keep for clients"}


def clients_of(truth):
    return {t.subject for t in truth if t.table == "hosting.subscribers"}


def test_lines_that_are_no_log_lines_are_counted_and_concern_nobody():
    ws, _ = open_company()
    request = next(iter(ws.requests))
    with_address = next(d for d in collected(ws).values() if d.tables[Address("web", "visits")].outcome.rows)
    outcome = with_address.tables[Address("web", "visits")].outcome
    assert outcome.unreadable >= 1
    assert outcome.malformed == 0
    assert request in ws.requests
    alone = [d.tables[Address("web", "visits")].outcome for d in collected(ws).values()]
    assert any(not o.searched_by for o in alone)
    assert all(not o.unreadable for o in alone if not o.searched_by), "for them no line was read, whoever else was asked for"


def test_the_same_seed_gives_the_same_bytes(tmp_path):
    def made(name, seed):
        generate.build(tmp_path / name, subjects=20, days=30, log_lines=2_000, seed=seed)
        files = sorted(p for p in (tmp_path / name).rglob("*") if p.is_file())
        return {str(p.relative_to(tmp_path / name)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}

    one = made("one", 3)
    assert one == made("two", 3)
    assert one != made("three", 4)


def test_every_hazard_is_met_in_the_smallest_world_and_named_in_the_docstring():
    people = generate.people(100, 7)
    assert {hazard for p in people for hazard in p.mates} == {*APART, *COMPANY, *ANYBODY}
    assert sum("company contact" in p for p in people) == 15
    text = " ".join(generate.__doc__.split())
    for rate in (*APART.values(), *COMPANY.values(), *ANYBODY.values()):
        assert f"{rate.share:.1%}".replace(".0%", " %").replace("%", " %").replace("  ", " ") in text


def test_old_logs_tell_nobody_apart():
    ws, _ = open_company()
    oldest, youngest = min((ws.root / "logs").iterdir()), max((ws.root / "logs").iterdir())
    with gzip.open(oldest, "rt") as stream:
        clients = {line.split(" ")[0] for line in stream}
    assert clients
    assert all(client.endswith((".0", "::")) or client == "-" for client in clients if client.strip() and client[0].isalnum())
    with gzip.open(youngest, "rb") as stream:
        assert any(not line.split(b" ")[0].endswith(b".0") for line in stream)


def test_a_workspace_with_few_requests_has_their_answers_only(tmp_path):
    truth = generate.build(tmp_path, subjects=60, days=20, log_lines=500, requests=20)
    ws = workspace.open_workspace(tmp_path)
    assert len(ws.requests) == 20
    assert {t.subject for t in truth} <= set(ws.requests)


def test_any_database_url_will_do(tmp_path):
    generate.build(tmp_path, subjects=10, days=2, log_lines=10, url=f"sqlite:///{tmp_path}/other-{{source}}.db")
    with closing(sqlite3.connect(tmp_path / "other-crm.db")) as db:
        assert db.execute("SELECT count(*) FROM contacts").fetchone()[0] > 5
    assert "other-crm.db" in (tmp_path / "dsar.toml").read_text(encoding="utf-8")
