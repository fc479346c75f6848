"""What is done in a workspace stands in its ledger: events of the register, reading, rulings, files; and never a person's value."""

from datetime import date

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from dsar import cli, files, workspace
from dsar.errors import LedgerBroken
from dsar.keep import record, tally
from dsar.keep.record import pseudonym
from dsar.request import tables
from dsar.request.identity import Identifier
from tests.test_workspace import ANN, Counted, ws  # noqa: F401 - the same small workspace
from tests.worlds import rows


@pytest.fixture(autouse=True)
def who(monkeypatch):
    monkeypatch.setenv("DSAR_USER", "M. Aker")


def told(space, *names):
    return [(line["what"], line["request"], line["who"]) for line in space.ledger.lines() if not names or line["what"] in names]


def faults(space):
    return space.ledger.verify() + tally.differences(space.ledger, space.register)


def test_what_was_done_for_a_request_stands_there_in_order(ws):  # noqa: F811
    request = ws.request("A")
    assert rows(ws.collect(request)) == ANN
    written = [*ws.export(request).files, *ws.checklist(request).files]
    ws.decide(request, "part 1", by="T. Lead", rest_by=date(2026, 11, 30))
    assert [(what, who) for what, r, who in told(ws) if r == "A"] == [
        ("registered", "requests.csv"),
        ("identity confirmed", "requests.csv"),
        ("collected", "M. Aker"),
        ("exported for portability", "M. Aker"),
        ("worklists written for erasure", "M. Aker"),
        ("decided", "T. Lead"),
    ]
    lines = {line["what"]: line["details"] for line in ws.ledger.lines() if line["request"] == "A"}
    assert lines["collected"] == {
        "subjects": [pseudonym(ws.register.secret, Identifier("email", "ann@x.org", "verified"))],
        "tables": {"shop.orders": ["found", 1, 0], "news.readers": ["found", 1, 0]},
    }
    hashes = lines["exported for portability"]["files"] | lines["worklists written for erasure"]["files"]
    assert hashes == {path.name: files.sha256(path) for path in written}
    assert faults(ws) == []


def test_nothing_and_failure_are_written_down_too(ws, monkeypatch):  # noqa: F811
    monkeypatch.setattr(Counted, "down", frozenset({"news"}))
    ws.collect_all(list(ws.requests.values()))
    found = {line["request"]: line["details"]["tables"] for line in ws.ledger.lines() if line["what"] == "collected"}
    assert found["B"] == {"shop.orders": ["found", 1, 0], "news.readers": ["failed", 0, 0]}


def test_no_value_of_a_person_stands_in_it(ws):  # noqa: F811
    for request in ws.requests.values():
        ws.collect(request)
    text = ws.ledger.path.read_text().casefold()
    assert "ann" not in text.replace("channel", "")
    assert "x.org" not in text


def test_what_is_changed_in_the_register_behind_its_back_is_found(ws):  # noqa: F811
    case = ws.register.case("A")
    ws.register.record(case, "acknowledged", by="M. Aker")
    assert faults(ws) == []
    lines = {line["event"]: line["n"] for line in ws.ledger.lines() if line["what"] == "acknowledged"}
    ((event, n),) = lines.items()
    with ws.register.engine.begin() as connection:
        connection.execute(sa.update(tables.EVENTS).where(tables.EVENTS.c.id == event).values(on=date(2026, 11, 2)))
    assert [(f.line, f.what) for f in faults(ws)] == [(n, "what the register says of A was changed since")]
    with ws.register.engine.begin() as connection:
        connection.execute(sa.delete(tables.EVENTS).where(tables.EVENTS.c.id == event))
    assert [(f.line, f.what) for f in faults(ws)] == [(n, "what the register says of A was taken out since")]


def test_an_event_that_a_killed_run_left_out_comes_with_the_next(ws, monkeypatch):  # noqa: F811
    register = ws.register
    with monkeypatch.context() as killed:
        killed.setattr(record, "follow", lambda *_: None)
        register.record(register.case("A"), "acknowledged", by="M. Aker")
    register.record(register.case("B"), "acknowledged", by="M. Aker")
    assert told(ws, "acknowledged") == [("acknowledged", "A", "M. Aker"), ("acknowledged", "B", "M. Aker")]
    assert faults(ws) == []


def run(space, *words):
    done = CliRunner().invoke(cli.app, ["--workspace", str(space.root), *words], catch_exceptions=True)
    return done.exit_code, done.output, done.exception


def test_the_command_verifies_compares_and_starts_anew(ws, monkeypatch, tmp_path):  # noqa: F811
    monkeypatch.setattr(workspace, "open_workspace", lambda *_: ws)
    monkeypatch.setattr("dsar.open", lambda *_: ws)
    ws.collect(ws.request("A"))
    head = ws.ledger.head
    status, text, _ = run(ws, "ledger", "verify", "--head", str(head)[:40])
    assert status == 0
    assert f"{head.n} lines since 2026-11-23, all as they were written; the last is {head}" in text
    assert "is the one that left with it" in text
    assert run(ws, "ledger", "verify", "--head", f"1-{head.hash}")[0] == 1
    assert isinstance(run(ws, "ledger", "verify", "--head", "x")[2], LedgerBroken)
    whole = ws.ledger.path.read_bytes()
    ws.ledger.path.write_bytes(whole.replace(b"M. Aker", b"N. Aker", 1))
    status, text, _ = run(ws, "ledger", "verify")
    assert (status, "was changed" in text) == (1, True)
    ws.ledger.path.write_bytes(whole[:-200])
    with pytest.raises(LedgerBroken, match="lines are missing at its end"):
        ws.collect(ws.request("B"))
    assert run(ws, "ledger", "restart", "--by", "T. Lead", "--why", "restored an older disk")[0] == 0
    ws.collect(ws.request("B"), again=True)
    first = next(ws.ledger.lines())
    assert (first["what"], first["details"]["old"], first["details"]["sha256"]) == (
        "ledger restarted", "ledger-1.jsonl", files.sha256(tmp_path / "ledger-1.jsonl"),
    )  # fmt: skip
    assert (tmp_path / "ledger-1.jsonl").read_bytes() == whole[:-200]
    assert ws.ledger.verify() == []


def test_the_months_sheet_says_what_was_done_and_how_it_ends(ws, tmp_path, monkeypatch):  # noqa: F811
    from dsar.desk.docx import text_of

    monkeypatch.setattr("dsar.open", lambda *_: ws)
    ws.collect(ws.request("A"))
    assert run(ws, "ledger", "sheet", str(tmp_path / "sheet.docx"), "--month", "2026-11")[0] == 0
    text = text_of((tmp_path / "sheet.docx").read_bytes())
    assert f"dsar ledger verify --head {ws.ledger.head}" in text
    assert "Every line of the ledger is as it was written." in text
    assert "collected" in text
    assert run(ws, "ledger", "sheet", str(tmp_path / "other.docx"), "--month", "11/2026")[0] == 1
    assert not (tmp_path / "other.docx").exists()
