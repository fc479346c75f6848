"""After an erasure: what waited is due, what led to it is gone, a key is somebody else's by now, a day has passed."""

import inspect
import os
import shutil
import sys
import types
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from connectors import logentries, logkepterase
from dsar.erase import verify as verifying
from dsar.run import erasure, logs
from dsar.run.erasure import verification
from tests.run import erasing
from tests.run.test_erasure import GONE, erased, ruled, states

SENT = "UPDATE orders SET status = 'sent' WHERE id = 10"
NOT_DUE = {("shop.lines", "[100]"), ("shop.orders", "[10]"), ("shop.customers", "[1]"), ("shop.addresses", "[1]")}
KEPT = {("shop.invoices", '["I-2"]'), ("shop.orders", "[14]")}


def later(folder, at):
    return replace(erasing.opened(folder), clock=lambda: at)


def due(found):
    return {(str(v.address), v.key) for v in found.verdicts if v.fault and v.detail.startswith("but it is due by now")}


def test_what_was_not_due_opens_again_once_its_event_has_happened(tmp_path):
    ws, request = erased(tmp_path)
    assert erasure.verify_all(ws)["A-1"].passed
    erasing.sql(tmp_path, "shop.db", SENT)
    found = erasure.verify_all(ws)["A-1"]
    assert not found.passed
    assert due(found) == {("shop.lines", "[100]"), ("shop.orders", "[10]")}  # account and address are kept for an invoice now
    ruled(ws, request)
    erasure.dry_run(ws, [request])
    assert all(o.done for o in erasure.execute(ws, [request], by="A"))
    found = erasure.verify_all(ws)["A-1"]
    assert found.passed
    assert {states(found)[place][0] for place in due(found) | {("shop.lines", "[100]"), ("shop.orders", "[10]")}} == {"gone"}


def test_what_was_kept_opens_again_once_its_day_has_passed(tmp_path):
    ws, _ = erased(tmp_path)
    erasing.sql(tmp_path, "shop.db", SENT)
    assert due(erasure.verify_all(ws)["A-1"]) == {("shop.lines", "[100]"), ("shop.orders", "[10]")}
    found = erasure.verify_all(later(tmp_path, datetime(2030, 5, 3, 10, tzinfo=UTC)))["A-1"]
    assert due(found) == NOT_DUE | KEPT
    assert erasure.verify_all(later(tmp_path, datetime(2030, 5, 2, 10, tzinfo=UTC)))["A-1"].verdicts


def test_the_stub_alone_tells_what_is_due_and_a_key_that_is_somebody_elses_is_held(tmp_path):
    ws, _ = erased(tmp_path)
    assert erasure.verify(ws, [ws.request("A-1")])["A-1"].passed
    shutil.rmtree(ws.case(ws.request("A-1")))
    assert due(erasure.verify_all(erasing.opened(tmp_path))["A-1"]) == set()
    erasing.sql(tmp_path, "shop.db", SENT)
    assert due(erasure.verify_all(erasing.opened(tmp_path))["A-1"]) == {("shop.lines", "[100]"), ("shop.orders", "[10]")}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("waits and verdict.step in due", "waits and False"),
        ('in {"pending event", "kept as planned"} and not', "in set() and not"),
        ("verdicts = [_reopened(_verdict(", "verdicts = [(lambda v, _: v)(_verdict("),
        ('or self.detail.startswith("but ")', ""),
    ],
)
def test_verify_code_that_overlooks_what_is_due_would_be_noticed(tmp_path, monkeypatch, before, after):
    ws, _ = erased(tmp_path)
    erasing.sql(tmp_path, "shop.db", SENT)
    assert not erasure.verify_all(ws)["A-1"].passed
    source = inspect.getsource(verifying)
    assert before in source
    mutant = types.ModuleType("dsar.erase.mutant")
    monkeypatch.setitem(sys.modules, mutant.__name__, mutant)
    exec(compile(source.replace(before, after), "mutant", "exec"), mutant.__dict__)
    monkeypatch.setattr(verification, "verifying", mutant)
    assert erasure.verify_all(ws)["A-1"].passed


@pytest.mark.parametrize("computed", [True, False])
def test_what_nothing_leads_to_any_more_is_found_by_its_key(tmp_path, computed):
    """The address by which she was found is gone, as in a system that keeps its people's addresses in a table of their own."""
    if computed:
        erasing.build(tmp_path)
        text = (tmp_path / "dsar.toml").read_text()
        stamped = text.replace('email = { category = "user" }, name', 'email = { category = "user", computed = true }, name')
        (tmp_path / "dsar.toml").write_text(stamped)
        ws = erasing.opened(tmp_path)
        request = ruled(ws, ws.request("A-1"))
        erasure.dry_run(ws, [request])
        assert all(o.done for o in erasure.execute(ws, [request], by="A"))
    else:
        ws, request = erased(tmp_path)
    before = erasing.everything(tmp_path)
    erasing.sql(tmp_path, "shop.db", SENT, "UPDATE customers SET email = NULL WHERE id = 1", "DELETE FROM invoices WHERE number = 'I-2'")
    found = erasure.verify(ws, [request])["A-1"]
    assert states(found).keys() >= NOT_DUE | KEPT
    assert not found.passed
    dossier = ws.collect(request, again=True)
    [account] = dossier.tables[next(a for a in dossier.tables if a.table == "customers")].listed
    assert (account["dsar_key"], account["dsar_hold"]) == ("[1]", None if computed else "known by key")
    if not computed:  # it reads otherwise than it did: whose it is, a person says
        assert "changed since: look whether it is still theirs" in states(found)["shop.customers", "[1]"][1]
        for group in list(ws.review.waiting):
            ws.review.rule(group, "theirs", by="R. Eader", reason="looked at it in the shop")
    ruled(ws, request)
    erasure.dry_run(ws, [request])
    made = erasure.execute(ws, [request], by="A")
    assert [str(o.error) for o in made if o.error] == []
    after = erasing.everything(tmp_path)
    hers = ("customers", "orders", "lines", "addresses", "invoices")
    assert {table: [row[0] for row in before[table] if row not in after[table]] for table in hers} == {
        "customers": [1], "orders": [10, 14], "lines": [100], "addresses": [1], "invoices": ["I-2"],
    }  # fmt: skip
    assert all(row in before[table] for table in hers for row in after[table])
    assert {state for place, (state, _) in states(erasure.verify(ws, [request])["A-1"]).items() if place in NOT_DUE} == {"gone"}


def test_a_key_that_the_system_gave_to_somebody_else_is_held_and_not_touched(tmp_path):
    ws, request = erased(tmp_path)
    bob = "UPDATE customers SET email = 'carl@x.org', name = 'Carl Reed', fax = '99', address_id = 3 WHERE id = 1"
    erasing.sql(tmp_path, "shop.db", bob, "DELETE FROM orders WHERE customer_id = 1", "DELETE FROM lines WHERE order_id IN (10, 14)")
    before = erasing.everything(tmp_path)
    dossier = ws.collect(request, again=True)
    [account] = dossier.tables[next(a for a in dossier.tables if a.table == "customers")].listed
    assert (account["dsar_standing"], account["dsar_hold"]) == ("held", "known by key")
    assert dossier.open_points
    ws.decide(request, "part 1", by="R. Eader", rest_by=ws.today.replace(day=30))
    erasure.dry_run(ws, [request])
    erasure.execute(ws, [request], by="A")
    others = [row for row in before["addresses"] if row[0] != 1]  # nobody else lives there, and it reads as it did
    assert erasing.everything(tmp_path) == before | {"addresses": others}


def test_a_plan_made_by_an_address_that_is_no_longer_proved_recalls_nothing(tmp_path):
    ws, request = erased(tmp_path)
    erasing.sql(tmp_path, "shop.db", SENT, "UPDATE customers SET email = NULL WHERE id = 1")
    from dsar.erase import record

    assert record.remembered(ws.case(request), request)
    wrong = replace(request, identifiers=tuple(replace(i, value="bob@x.org") for i in request.identifiers))
    assert record.remembered(ws.case(request), wrong) == []


@pytest.mark.parametrize("raw", [True, False])
def test_lines_go_from_the_kept_store_as_from_the_raw_file_and_are_seen_when_a_backup_brings_them_back(tmp_path, raw):
    erasing.build(tmp_path)
    toml, log = tmp_path / "dsar.toml", tmp_path / "logs/access.log.1"
    toml.write_text(toml.read_text().replace('{ path = "logs/access*" }', '{ path = "logs/access*", store = "kept", missing_ok = true }'))
    ws, backup, others = erasing.opened(tmp_path), log.read_bytes(), erasing.visit("192.0.2.9", 2, "Chrome/1")
    assert [kept.state for _, kept in logs.compact(ws).kept] == ["kept now"]
    if not raw:
        log.unlink()
    request = ruled(ws, ws.request("A-1"))
    erasure.dry_run(ws, [request])
    assert all(o.done for o in erasure.execute(ws, [request], by="A"))
    assert erasure.verify(ws, [request])["A-1"].passed
    [entry] = logentries.Entries(tmp_path / "kept").known.values()
    assert [text.decode() + "\n" for text in logkepterase.lines_of(tmp_path / "kept", entry)] == [GONE, others, GONE]
    assert not [path for path in (tmp_path / "kept").rglob("*") if path.is_file() and b"Firefox/1" in path.read_bytes()]
    assert (tmp_path / "logs/access.log.1").exists() == raw
    log.write_bytes(backup)
    os.utime(log, (1_700_000_000, 1_700_000_000))
    assert [kept.file for _, kept in logs.compact(ws).came_back] == ["access.log.1"]
    found = erasure.verify(ws, [request])["A-1"]
    assert [(str(v.address), v.state) for v in found.verdicts if v.fault] == [("web.visits", "came back")] * 2
    erasure.dry_run(ws, [request])
    assert all(o.done for o in erasure.execute(ws, [request], by="A"))
    assert (log.read_text(), erasure.verify(ws, [request])["A-1"].passed) == (GONE + others + GONE, True)
    assert logs.compact(ws).came_back == []
