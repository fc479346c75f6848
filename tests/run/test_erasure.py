"""A golden erasure, in real files: what a lawyer would plan, what is done, what a second look says, and who is caught lying."""

import functools
import inspect
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import types
from datetime import date
from pathlib import Path
from typing import NamedTuple

import pytest

from dsar import values
from dsar.erase import jobs, stubs
from dsar.erase import look as looking
from dsar.erase import verify as verifying
from dsar.errors import AnswerIncomplete, DossierMissing, ErasureRefused, WorkspaceMissing
from dsar.run import erasure
from dsar.run.erasure import execution, records
from tests.run import erasing

NOT_NEEDED = "No longer needed for the purpose it was collected for."
CONSENT = "Rested on consent, which the request withdraws."
OBJECTION = "Rested on a legitimate interest or public task; who asks for erasure is taken to object to that."
OPEN, FOR_OPEN = "It is still open, so it is still needed.", "Needed for a record that is still open."
VAT = "VAT records: six years from the date of issue (kept 6 years)."
GOLDEN = {
    ("news.opens", "[1]"): ("erase", None, "17(1)(b)", CONSENT),
    ("news.subscriptions", "[1]"): ("erase", None, "17(1)(b)", CONSENT),
    ("news.service", "[2]"): ("erase", None, "17(1)(a)", NOT_NEEDED),
    ("shop.notes", "[1]"): ("erase", None, "17(1)(c)", OBJECTION),
    ("shop.invoices", '["I-1"]'): ("erase", None, "17(1)(a)", NOT_NEEDED),
    ("shop.invoices", '["I-2"]'): ("keep", date(2030, 5, 2), "17(3)(b)", VAT),
    ("shop.lines", "[100]"): ("not due", "it is delivered", "17(1)(a)", OPEN),
    ("shop.lines", "[101]"): ("erase", None, "17(1)(a)", NOT_NEEDED),
    ("shop.lines", "[102]"): ("erase", None, "17(1)(a)", NOT_NEEDED),
    ("shop.lines", "[104]"): ("erase", None, "17(1)(a)", NOT_NEEDED),
    ("shop.orders", "[10]"): ("not due", "it is delivered", "17(1)(a)", OPEN),
    ("shop.orders", "[11]"): ("erase", None, "17(1)(a)", NOT_NEEDED),
    ("shop.orders", "[12]"): ("erase", None, "17(1)(a)", NOT_NEEDED),
    ("shop.orders", "[14]"): ("keep", date(2030, 5, 2), "17(3)(b)", "Needed for a record that must be kept."),
    ("shop.customers", "[1]"): ("not due", "it is delivered", "17(1)(a)", FOR_OPEN),
    ("shop.addresses", "[1]"): ("not due", "it is delivered", "17(1)(a)", FOR_OPEN),
    ("shop.addresses", "[4]"): ("erase", None, "17(1)(a)", NOT_NEEDED),
}  # fmt: skip
STATES = {"erase": "gone", "keep": "kept as planned", "not due": "pending event", "anonymise": "gone"}
GONE = '0.0.0.0 - - [20/Nov/2026:00:00:00 +0000] "GET" 200 - "-" "-"\n'


def ruled(ws, request):
    """Rule on what is held (the address two people share) and ask again."""
    ws.collect(request)
    for group in list(ws.review.waiting):
        ws.review.rule(group, "not theirs", by="R. Eader", reason="a delivery address that two people share")
    ws.collect(request)
    return request


@functools.cache
def start(*, done):
    """Return a folder in which an erasure was planned, and executed where it is to be `done`: made once, and copied for each test."""
    folder = Path(tempfile.mkdtemp(prefix="erasure-"))
    ws = erasing.build(folder)
    request = ruled(ws, ws.request("A-1"))
    erasure.dry_run(ws, [request])
    if done:
        erasure.execute(ws, [request], by="A. Nalyst")
    return folder


def planned(folder):
    return copied(start(done=False), folder)


def erased(folder):
    return copied(start(done=True), folder)


def copied(made, folder):
    shutil.copytree(made, folder, dirs_exist_ok=True)
    ws = erasing.opened(folder)
    return ws, ws.request("A-1")


def after_golden(before):
    """Return what stands there once everything is done, by hand."""
    gone = {
        "addresses": {4}, "orders": {11, 12}, "lines": {101, 102, 104}, "invoices": {"I-1"}, "notes": {1}, "members": {1, 2}, "opens": {1},
        "customers": set(),
    }  # fmt: skip
    after = {t: [row for row in rows if row[0] not in gone[t]] for t, rows in before.items() if t in gone}
    return after | {"access.log.1": GONE + erasing.visit("192.0.2.9", 2, "Chrome/1") + GONE}


def states(found):
    return {(str(v.address), v.key): (v.state, v.detail) for v in found.verdicts}


def test_the_golden_case_is_planned_done_and_verified(tmp_path):
    ws = erasing.build(tmp_path)
    before = erasing.everything(tmp_path)
    request = ruled(ws, ws.request("A-1"))
    tried = erasure.dry_run(ws, [request])
    assert [(o.source, o.done) for o in tried] == [("shop", True), ("news", True), ("web", True)]
    assert erasing.everything(tmp_path) == before
    plan = erasure.load_plan(ws, request)
    mains = {(str(s.address), s.key): (s.action, s.until, s.article, s.why) for s in plan if s.address.source != "web" and s.key != "[]"}
    assert mains == GOLDEN
    assert [s.action for s in plan if s.address.source == "web"] == ["anonymise", "anonymise"]
    assert [(str(s.address), s.article) for s in plan if s.action == "suppress"] == [("news.subscriptions", "21(3)")]
    place = {s.id: n for n, s in enumerate(plan)}
    assert all(place[first] < place[s.id] for s in plan for first in s.after)
    made = erasure.execute(ws, [request], by="A. Nalyst")
    assert [(o.source, o.done, o.job.state) for o in made] == [("shop", True, "done"), ("news", True, "done"), ("web", True, "done")]
    assert erasing.everything(tmp_path) == after_golden(before)
    found = erasure.verify(ws, [request])["A-1"]
    assert found.passed
    assert {place: state for place, (state, _) in states(found).items() if place[0] != "web.visits"} == {
        p: STATES[a] for p, (a, *_) in GOLDEN.items()
    } | {("news.subscriptions", "[]"): "pending event"}  # whether to be on the list is the person's choice, and not made yet
    assert [v.state for v in found.verdicts if v.address.source == "web"] == ["gone", "gone"]
    assert erasure.load_verified(ws, request) == found


def test_the_ledger_tells_what_was_done_by_keyed_hashes(tmp_path):
    ws, _ = erased(tmp_path)
    told = [line for line in ws.ledger.lines() if line["what"].startswith("erasure ")]
    assert [(line["what"], line["details"]["source"], line["who"]) for line in told] == [
        (what, source, "A. Nalyst") for source in ("shop", "news", "web") for what in ("erasure begun", "erasure ended")
    ]
    assert sum(len(line["details"].get("rows", ())) for line in told) == 13
    assert ws.ledger.verify() == []
    text = (tmp_path / "ledger.jsonl").read_text()
    assert "x.org" not in text
    assert "I-1" not in text


def test_what_is_kept_is_emptied_of_what_need_not_stay_and_marked(tmp_path):
    ws = erasing.build(tmp_path)
    erasing.sql(tmp_path, "shop.db", "UPDATE orders SET status = 'sent', placed_at = '2024-05-01 10:00:00', ip = '192.0.2.77' WHERE id = 10")
    erasing.sql(tmp_path, "shop.db", "INSERT INTO invoices VALUES ('I-4', 10, '2026-11-21', 'Ann Wright')")
    request = ruled(ws, ws.request("A-1"))
    before = erasing.everything(tmp_path)
    erasure.dry_run(ws, [request])
    plan = {(str(s.address), s.key, s.action): (s.columns, dict(s.new), s.until) for s in erasure.load_plan(ws, request)}
    assert plan["shop.customers", "[1]", "keep"] == ((), {}, date(2032, 11, 21))
    assert plan["shop.customers", "[1]", "blank"] == (("fax",), {"fax": None}, None)
    assert plan["shop.customers", "[1]", "restrict"] == (("restricted",), {"restricted": 1}, date(2032, 11, 21))
    assert plan["shop.orders", "[10]", "blank"] == (("ip", "browser"), {"ip": None, "browser": None}, None)
    assert all(o.done for o in erasure.execute(ws, [request], by="A. Nalyst"))
    after = erasing.everything(tmp_path)
    assert after["customers"] == [(1, "Ann@x.org", "Ann Wright", None, 1, 1), before["customers"][1]]
    assert after["orders"][0] == (10, 1, "sent", 1, "2024-05-01 10:00:00", None, None)
    found = erasure.verify(ws, [request])["A-1"]
    assert found.passed
    customer = [(v.action, v.state, v.detail) for v in found.verdicts if str(v.address) == "shop.customers"]
    assert customer == [("keep", "kept as planned", ""), ("blank", "gone", ""), ("restrict", "kept as planned", "")]


def test_kept_for_claims_is_restricted_and_told_apart_from_kept_by_law(tmp_path):
    claims = 'retention = { from = "written_on", years = 6, why = "possible claims", article = "17(3)(e)" }'
    ws = erasing.build(tmp_path)
    erasing.sql(tmp_path, "shop.db", "ALTER TABLE notes ADD COLUMN written_on DATE", "UPDATE notes SET written_on = '2026-01-01'")
    text = (tmp_path / "dsar.toml").read_text().replace('purpose = "To remember what was talked about"', f'purpose = "x"\n{claims}')
    (tmp_path / "dsar.toml").write_text(text.replace("body = {", 'written_on = { category = "user" }, body = {'))
    ws = erasing.opened(tmp_path)
    request = ruled(ws, ws.request("A-1"))
    erasure.dry_run(ws, [request])
    [note] = [s for s in erasure.load_plan(ws, request) if s.address.table == "notes"]
    assert (note.action, note.until, note.article) == ("restrict", date(2032, 1, 1), "17(3)(e)")
    assert all(o.done for o in erasure.execute(ws, [request], by="A"))
    assert states(erasure.verify(ws, [request])["A-1"])["shop.notes", "[1]"] == ("kept as planned", "")


# -- acts only on what was decided --------------------------------------------------------------------


def test_nothing_is_executed_that_was_not_looked_at(tmp_path):
    ws = erasing.build(tmp_path)
    request = ruled(ws, ws.request("A-1"))
    assert erasure.execute(ws, [request], by="A") == []
    with pytest.raises(DossierMissing, match="nothing was planned"):
        erasure.verify(ws, [request])


@pytest.mark.parametrize(
    "meanwhile",
    [
        "INSERT INTO orders VALUES (15, 1, 'open', 4, '2026-11-23 09:00:00', NULL, NULL)",
        "UPDATE notes SET body = 'rang about lamps again' WHERE id = 1",
        "DELETE FROM notes WHERE id = 1",
        "INSERT INTO notes VALUES (3, 1, 'new')",
    ],
)
def test_what_is_new_or_changed_since_the_dry_run_stops_it(tmp_path, meanwhile):
    ws, request = planned(tmp_path)
    erasing.sql(tmp_path, "shop.db", meanwhile)
    before = erasing.everything(tmp_path)
    outcomes = {o.source: o for o in erasure.execute(ws, [request], "shop", by="A")}
    assert isinstance(outcomes["shop"].error, ErasureRefused)
    assert "since the dry run" in str(outcomes["shop"].error)
    assert erasing.everything(tmp_path) == before


def test_a_row_that_changes_between_the_last_look_and_the_lock_undoes_all(tmp_path, monkeypatch):
    ws, request = planned(tmp_path)
    real = execution._require_turn

    def late(*args):
        erasing.sql(tmp_path, "shop.db", "UPDATE notes SET body = 'in the last second' WHERE id = 1")
        real(*args)

    monkeypatch.setattr(execution, "waits_for", lambda *_: [])
    monkeypatch.setattr(execution, "_require_turn", late)
    before = erasing.everything(tmp_path)
    [outcome] = erasure.execute(ws, [request], "shop", by="A")
    assert sorted({r.state for r in outcome.results.values()}) == ["changed since", "refused"]
    assert outcome.job.state == "planned"
    after = erasing.everything(tmp_path)
    assert {t: rows for t, rows in after.items() if t != "notes"} == {t: rows for t, rows in before.items() if t != "notes"}


def test_logs_go_before_the_order_that_leads_to_them(tmp_path):
    ws = erasing.build(tmp_path)
    erasing.sql(tmp_path, "shop.db", "UPDATE orders SET status = 'sent' WHERE id = 10")
    request = ruled(ws, ws.request("A-1"))
    erasure.dry_run(ws, [request])
    [outcome] = erasure.execute(ws, [request], "shop", by="A")
    assert "rows in another system have to go first" in str(outcome.error)
    assert [(o.source, o.done) for o in erasure.execute(ws, [request], by="A")] == [("shop", True), ("news", True), ("web", True)]


def test_points_that_are_open_need_a_decision_first(tmp_path):
    ws = erasing.build(tmp_path)
    request = ws.request("A-1")
    with pytest.raises(AnswerIncomplete, match=r"shop\.addresses"):
        erasure.dry_run(ws, [request])
    ws.collect(request)
    ws.decide(request, "part 1", by="R. Eader", rest_by=date(2026, 11, 30))
    erasure.dry_run(ws, [request])
    order = next(s for s in erasure.load_plan(ws, request) if (s.address.table, s.key) == ("orders", "[11]"))
    assert (order.action, order.until) == ("not due", "the held rows are decided")
    assert all(o.done for o in erasure.execute(ws, [request], by="A"))


def test_a_copy_that_is_owed_comes_first_whoever_of_the_persons_requests_asks_for_it(tmp_path):
    ws = erasing.build(tmp_path, rights="access; erasure")
    before = erasing.everything(tmp_path)
    request = ruled(ws, ws.request("A-1"))
    assert erasure.dry_run(ws, [request]) == []
    until = {s.until for s in erasure.load_plan(ws, request) if s.action not in {"keep", "suppress"}}
    assert until == {"the copy asked for in A-1 has been delivered"}
    assert erasure.execute(ws, [request], by="A") == []
    assert erasing.everything(tmp_path) == before
    case = ws.register.case("A-1")
    ws.register.record(case, "delivered", by="A", right="access", files={"x.xlsx": "00"})
    erasure.dry_run(ws, [request])
    assert all(o.done for o in erasure.execute(ws, [request], by="A"))
    assert erasing.everything(tmp_path) == after_golden(before)


def test_log_lines_that_go_before_they_are_due_are_told_like_any_row(tmp_path):
    ws = erasing.build(tmp_path, rights="access; erasure")
    request = ruled(ws, ws.request("A-1"))
    erasure.dry_run(ws, [request])
    found = erasure.verify(ws, [request])["A-1"]
    until = "the copy asked for in A-1 has been delivered"
    lines = {v.state: v.detail for v in found.verdicts if str(v.address) == "web.visits"}
    assert (lines, found.passed) == ({"pending event": until}, True)
    log = tmp_path / "logs/access.log.1"
    log.write_text(erasing.visit("192.0.2.9", 2, "Chrome/1"))
    found = erasure.verify(ws, [request])["A-1"]
    assert {(v.state, v.detail) for v in found.verdicts if str(v.address) == "web.visits"} == {("gone", "but it was not due yet")}
    assert not found.passed


def test_two_people_are_erased_in_one_pass_and_a_failing_one_harms_no_other(tmp_path):
    ws = erasing.build(tmp_path, people=("ann@x.org", "bob@x.org"))
    both = [ruled(ws, r) for r in ws.requests.values()]
    for request in both:
        ruled(ws, request)
    erasure.dry_run(ws, both)
    erasing.sql(tmp_path, "shop.db", "UPDATE notes SET body = 'changed' WHERE id = 1")
    done = {(o.request, o.source): o.done for o in erasure.execute(ws, both, by="A")}
    assert done == {(r, s): (r, s) != ("A-1", "shop") for r in ("A-1", "A-2") for s in ("shop", "news", "web") if (r, s) != ("A-2", "web")}
    after = erasing.everything(tmp_path)
    assert after["notes"] == [(1, 1, "changed")]
    assert after["members"] == after["opens"] == []


# -- resume --------------------------------------------------------------------------------------------


def begun(folder):
    """Start to execute in a process of its own, forked since a new one would import everything again; return it once it has begun."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            ws = erasing.opened(folder)
            status = not all(o.done for o in erasure.execute(ws, [ws.request("A-1")], by="A. Nalyst"))
        finally:
            os._exit(status)
    journal = folder / "cases/A-1/erasure/jobs"
    while not os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT):
        if any('"begun"' in p.read_text() for p in journal.glob("*.json")):
            break
        time.sleep(0.002)
    return child


def test_a_run_killed_at_any_moment_ends_as_an_undisturbed_one(tmp_path):
    seed = int(os.environ.get("DSAR_SEED") or random.randrange(1000))
    chance = random.Random(seed)
    before = erasing.everything(start(done=False))
    interrupted, kills = 0, int(os.environ.get("DSAR_KILLS", "3"))
    for n in range(kills):
        folder = tmp_path / f"run{n}"
        planned(folder)
        child = begun(folder)
        time.sleep((n + chance.random()) / kills * 0.15)  # at moments of every part, the first among them
        os.kill(child, signal.SIGKILL)
        ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert ended in {0, -signal.SIGKILL}, f"DSAR_SEED={seed}"
        interrupted += ended != 0
        again = erasing.opened(folder)
        outcomes = erasure.execute(again, [again.request("A-1")], by="A. Nalyst")
        assert [str(o.error) for o in outcomes if o.error] == [], f"DSAR_SEED={seed}"
        assert all(o.done and o.job.state == "done" for o in outcomes), f"DSAR_SEED={seed}"
        assert erasing.everything(folder) == after_golden(before), f"DSAR_SEED={seed}"
        assert erasure.verify(again, [again.request("A-1")])["A-1"].passed, f"DSAR_SEED={seed}"
        assert again.ledger.verify() == [], f"DSAR_SEED={seed}"
        shutil.rmtree(folder)
    assert interrupted, f"DSAR_SEED={seed}"


def test_a_run_killed_after_the_database_took_it_knows_that_it_is_done(tmp_path, monkeypatch):
    ws, request = planned(tmp_path)
    before = erasing.everything(tmp_path)

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(jobs.Job, "with_results", killed)
    with pytest.raises(KeyboardInterrupt):
        erasure.execute(ws, [request], by="A")
    monkeypatch.undo()
    [refused] = [o for o in erasure.dry_run(ws, [request]) if o.error]
    assert "a run was killed in the middle" in str(refused.error)
    outcomes = erasure.execute(ws, [request], by="A")
    assert all(o.done for o in outcomes)
    assert {r.state for o in outcomes for r in o.results.values()} == {"already", "done"}
    assert erasing.everything(tmp_path) == after_golden(before)


# -- liars -----------------------------------------------------------------------------------------------

COPY = "an address of theirs stands in the column body"
LIES = {
    "leaves the row": ("shop.db", "INSERT INTO notes VALUES (1, 1, 'rang about lamps')", ("shop.notes", "[1]"), "still there", ""),
    "leaves a copy": ("shop.db", "UPDATE notes SET body = 'was ANN@x.org' WHERE id = 2", ("shop.notes", '["2"]'), "still there", COPY),
    "leaves another key": ("shop.db", "INSERT INTO notes VALUES (9, 1, 'rang')", ("shop.notes", "[9]"), "still there", "it is in no plan"),
    "removes one too many": (
        *("shop.db", "DELETE FROM invoices WHERE number = 'I-2'", ("shop.invoices", '["I-2"]')),
        *("gone", "but it was to be kept until 2030-05-02"),
    ),
    "removes what is not due": ("shop.db", "DELETE FROM lines WHERE id = 100", ("shop.lines", "[100]"), "gone", "but it was not due yet"),
    "leaves the newsletter": (
        *("news.db", "INSERT INTO members VALUES (1, 'Ann@X.org', 'marketing')", ("news.subscriptions", "[1]")),
        *("still there", ""),
    ),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_is_caught(tmp_path, lie):
    ws, request = erased(tmp_path)
    database, statement, place, state, detail = LIES[lie]
    erasing.sql(tmp_path, database, statement)
    found = erasure.verify(ws, [request])["A-1"]
    assert not found.passed
    assert states(found)[place] == (state, detail)
    faults = {(str(v.address), v.key) for v in found.verdicts if v.fault}
    assert place in faults


def test_what_is_restored_later_came_back_and_goes_again(tmp_path):
    ws, request = erased(tmp_path)
    after = erasing.everything(tmp_path)
    assert erasure.verify(ws, [request])["A-1"].passed
    erasing.sql(tmp_path, "shop.db", "INSERT INTO notes VALUES (1, 1, 'rang about lamps')")
    log = tmp_path / "logs/access.log.1"
    log.write_text(log.read_text() + erasing.visit("192.0.2.7", 1, "Firefox/1"))
    os.utime(log, (1_700_000_000, 1_700_000_000))
    found = erasure.verify(ws, [request])["A-1"]
    back = [(str(v.address), v.state) for v in found.verdicts if v.fault]
    assert back == [("web.visits", "came back"), ("shop.notes", "came back")]
    erasure.dry_run(ws, [request])
    assert all(o.done for o in erasure.execute(ws, [request], by="A"))
    assert erasing.everything(tmp_path) == {**after, "access.log.1": after["access.log.1"] + GONE}
    assert erasure.verify(ws, [request])["A-1"].passed


def test_who_comes_back_is_seen_by_the_stub_alone_once_the_case_is_purged(tmp_path):
    ws, request = erased(tmp_path)
    assert erasure.verify(ws, [request])["A-1"].passed
    shutil.rmtree(ws.case(request))
    stub = (tmp_path / "stubs/A-1.stub").read_bytes()
    assert b"ann@x.org" not in stub
    found = erasure.verify_all(ws)["A-1"]
    assert [v for v in found.verdicts if v.fault and v.step] == []
    erasing.sql(tmp_path, "shop.db", "INSERT INTO notes VALUES (1, 1, 'rang about lamps')")
    found = erasure.verify_all(erasing.opened(tmp_path))["A-1"]
    assert [(str(v.address), v.key, v.state) for v in found.verdicts if v.fault and v.step] == [("shop.notes", "[1]", "came back")]
    assert not (tmp_path / "cases/A-1").exists()
    key = tmp_path / "secrets/stubs.key"
    key.write_bytes(bytes(32))
    with pytest.raises(WorkspaceMissing, match="cannot be unlocked"):
        erasure.verify_all(ws)


def test_a_stub_is_kept_for_its_named_time_only(tmp_path):
    ws, request = erased(tmp_path)
    erasure.verify(ws, [request])
    assert [s.until for s in stubs.read(tmp_path, ws.today)] == [date(2030, 5, 2)]  # an invoice is kept for longer than three years
    assert len(list(stubs.read(tmp_path, date(2030, 5, 2)))) == 1
    assert list(stubs.read(tmp_path, date(2030, 5, 3))) == []
    assert not (tmp_path / "stubs/A-1.stub").exists()


def test_a_source_that_cannot_be_asked_is_not_checked(tmp_path):
    ws, request = erased(tmp_path)
    (tmp_path / "news.db").rename(tmp_path / "away.db")
    found = erasure.verify(ws, [request])["A-1"]
    assert not found.passed
    assert {v.state for v in found.verdicts if v.address.source == "news" and v.key != "[]"} == {"not checked"}
    assert {v.state for v in found.verdicts if v.address.source == "shop"} == {"gone", "kept as planned", "pending event"}


MUTATIONS = [
    ("verdicts += _unplanned(now, planned, earlier)", "pass"),
    ("if there or by_identity:", "if False:"),
    ("if there or by_identity:", "if by_identity and not there:"),
    ('return said("gone", f"but it was to be kept until {step.until}")', 'return said("gone")'),
    ('said("gone", "but it was not due yet")', 'said("gone")'),
    ("if needle in own and (place, key) not in kept", "if needle not in own and (place, key) not in kept"),
    ("_guarded(seen, address, lambda a=address: _by_text(", "_guarded(seen, address, lambda a=address: None and _by_text("),
    ("seen.failed[address] = str(error)", "seen.rows[address] = {}; seen.lines[address] = frozenset()"),
    ("seen.failed[address] = type(error).__name__", "seen.rows[address] = {}; seen.lines[address] = frozenset()"),
    ("        raise source\n", "        return\n"),
    ("    if done is None:\n", "    if False:\n"),
    ("if step.address in seen.failed:", "if False:"),
    ("return self.state in FAULTS or", "return self.state == 'x' or"),
    ('FAULTS: tuple[State, ...] = ("still there", "came back", "not checked")', 'FAULTS: tuple[State, ...] = ("still there", "came back")'),
    ("for row in found.listed:", "for row in found.listed[1:]:"),
    ('for step in steps if step.key != "[]"]', 'for step in steps[1:] if step.key != "[]"]'),
]  # fmt: skip


class Broken:
    """A source that breaks off without an error, and without saying that it is done."""

    def __init__(self, source):
        self.source, self.can = source, source.can

    def read(self, ask):
        return iter(list(self.source.read(ask))[:-1])


class Falls(Broken):
    """A source that falls over."""

    def read(self, ask):
        raise RuntimeError


class Liar(NamedTuple):
    """A workspace in which an owner lied, all that a verification is given there, and what it has to say."""

    datamap: object
    sources: dict
    plan: list
    dossier: object
    states: dict
    seen: object  # by honest code
    place: tuple
    state: str
    detail: str


@pytest.fixture(scope="module")
def liars(tmp_path_factory):
    found = {}
    for lie, (database, statement, *said) in LIES.items():
        folder = tmp_path_factory.mktemp("liar")
        ws, request = erased(folder)
        erasing.sql(folder, database, statement)
        given = (ws.datamap, ws.sources(), erasure.load_plan(ws, request), ws.collect(request, again=True), records.states(ws, request))
        found[lie] = Liar(*given, look(looking, *given[:4]), *said)
    return found


def look(code, datamap, sources, plan, dossier):
    return code.look(datamap, sources, plan, code.needles_of(dossier))


def suspicious(code, liar):
    """Whether the code of a verification catches a lie."""
    try:
        seen = liar.seen if code.look is looking.look else look(code, *liar[:4])
        found = code.verify(liar.dossier, liar.plan, seen, liar.states)
    except Exception:  # noqa: BLE001 - a mutant that falls over is caught too
        return False
    said = {(str(v.address), v.key): (v.state, v.detail, v.fault) for v in found.verdicts}
    return not found.passed and said.get(liar.place) == (liar.state, liar.detail, True) and len(said) >= len(GOLDEN) + 2


def broken_off(code, liar):
    """Whether a source that breaks off, and one that is down, are told as not checked."""
    verdict = []
    for news in (Broken(liar.sources["news"]), Falls(liar.sources["news"]), ErasureRefused("down")):
        try:
            found = code.verify(liar.dossier, liar.plan, code.look(liar.datamap, {**liar.sources, "news": news}, liar.plan, ()))
        except Exception:  # noqa: BLE001
            verdict.append(False)
            continue
        verdict.append({(v.state, v.fault) for v in found.verdicts if v.address.source == "news"} == {("not checked", True)})
    return all(verdict)


def test_the_honest_verify_code_catches_every_liar_and_each_mutant_lets_one_through(liars):
    honest = vars(looking) | vars(verifying)
    assert [lie for lie, liar in liars.items() if not suspicious(types.SimpleNamespace(**honest), liar)] == []
    assert broken_off(types.SimpleNamespace(**honest), liars["leaves the row"])
    for before, after in MUTATIONS:
        (source,) = (text for text in map(inspect.getsource, (looking, verifying)) if before in text)
        mutant = types.ModuleType("dsar.erase.mutant")
        sys.modules[mutant.__name__] = mutant
        exec(compile(source.replace(before, after), "mutant", "exec"), mutant.__dict__)
        code = types.SimpleNamespace(**honest | vars(mutant))
        deceived = any(not suspicious(code, liar) for liar in liars.values()) or not broken_off(code, liars["leaves the row"])
        assert deceived, f"nobody noticed: {before} → {after}"


def test_a_job_is_read_back_as_it_was_written(tmp_path):
    ws, request = planned(tmp_path)
    made = {o.source: o.job for o in erasure.dry_run(ws, [request])}
    for name, job in made.items():
        assert jobs.load(ws.case(request), name) == job
    assert json.dumps(values.row_hash({"a": 1}))
