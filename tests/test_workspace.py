"""The workspace: what notebooks and commands call, over sources that are counted."""

import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime

import openpyxl
import pytest

from dsar import snapshots
from dsar.desk import facts
from dsar.errors import AnswerIncomplete, BadMap, BadRequests, BadRuling, IdentityNotVerified, UnknownRequest, UnknownRow, WorkspaceMissing
from dsar.keep import asof
from dsar.snapshots import connector
from dsar.source import Settings
from dsar.workspace import Workspace, now, open_workspace
from tests.worlds import HEAD, NOW, Memory, datamap, found, held, results, rows

MAP = """
[sources.shop.tables.orders]
label = "Order"
match = { email = "email" }
columns = { id = {}, email = {}, notes = { free_text = true } }
[sources.news.tables.readers]
label = "Subscription"
match = { email = "email" }
columns = ["id", "email"]
"""
REQUESTS = """id,received,rights,identifiers,verified_on,no_reasonable_doubt
A,2026-11-02,portability;erasure,email=ann@x.org,2026-11-03,
B,2026-11-02,portability;erasure,email=bob@x.org,2026-11-03,
C,2026-11-02,portability;erasure,email=ann@x.org,,
"""
DATA = {
    "shop": {"orders": [{"id": 1, "email": "ann@x.org", "notes": None}, {"id": 2, "email": "bob@x.org", "notes": None}]},
    "news": {"readers": [{"id": 3, "email": "Ann@x.org"}]},
}


class Counted(Memory):
    """A `Memory` over `DATA` that counts over all instances and can be taken down."""

    reads_in_all = 0
    down: frozenset = frozenset()
    breaks: Exception | None = None

    def __init__(self, settings: Settings) -> None:
        if Counted.breaks and settings.name in Counted.down:
            raise Counted.breaks
        super().__init__(settings, DATA[settings.name])
        self.spoil = self.count

    def count(self, ask, parts):
        Counted.reads_in_all += 1
        return [] if self.settings.name in Counted.down else parts


@pytest.fixture
def ws(tmp_path, monkeypatch):
    monkeypatch.setattr(Counted, "reads_in_all", 0)
    monkeypatch.setattr(Counted, "down", frozenset())
    monkeypatch.setattr(Counted, "breaks", None)
    monkeypatch.setattr(snapshots, "connector", lambda name: Counted)
    (tmp_path / "requests.csv").write_text(REQUESTS)
    return Workspace(tmp_path, datamap(MAP, tmp_path), lambda: NOW)


ANN = {"shop.orders": found(1), "news.readers": found(3)}


def test_a_request_is_collected_once_and_then_read_from_its_snapshot(ws):
    assert rows(ws.collect(ws.request("A"))) == ANN
    assert rows(ws.collect(ws.request("A"))) == ANN
    assert Counted.reads_in_all == 2
    ws.collect(ws.request("A"), again=True)
    assert Counted.reads_in_all == 4
    assert (ws.root / "cases/A").stat().st_mode & 0o777 == (ws.root / "cases").stat().st_mode & 0o777 == 0o700


def test_all_are_collected_in_one_pass_and_only_what_is_missing(ws):
    ws.collect(ws.request("A"))
    dossiers = ws.collect_all(ws.requests.values())
    assert Counted.reads_in_all == 4
    assert {r: rows(d) for r, d in dossiers.items()} == {
        "A": ANN,
        "B": {"shop.orders": found(2)},
        "C": {"shop.orders": held("claimed", 1), "news.readers": held("claimed", 3)},
    }
    ws.collect_all(ws.requests.values())
    assert Counted.reads_in_all == 4


def test_a_snapshot_with_a_failed_table_is_collected_anew_unless_somebody_decided_on_it(ws):
    Counted.down = {"news"}
    assert results(ws.collect(ws.request("A")))["news.readers"] == "failed: news.readers: the answer stopped before its end — collect again"
    Counted.down = set()
    assert rows(ws.collect_all([ws.request("A")])["A"]) == ANN
    Counted.down = {"news"}
    ws.collect(ws.request("B"), again=True)
    ws.decide(ws.request("B"), "part 1", by="R. Eader", rest_by=date(2026, 12, 1))
    reads = Counted.reads_in_all
    assert not ws.collect_all([ws.request("B")])["B"].complete
    assert Counted.reads_in_all == reads


@pytest.mark.parametrize("dies", ["dsar.snapshots.record.collected", "dsar.snapshots.asof.note"])
def test_a_snapshot_whose_run_died_before_all_was_told_of_it_is_taken_anew(ws, monkeypatch, dies):
    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(dies, full)
        with pytest.raises(OSError, match="No space left"):
            ws.collect(ws.request("A"))
    assert ws.snapshot(ws.request("A")) is None
    ws.collect(ws.request("A"))
    assert asof.noted(ws.root / "cases/A").map
    assert [line["request"] for line in ws.ledger.lines() if line["what"] == "collected"][-1:] == ["A"]


def test_a_connector_that_cannot_be_made_fails_its_source_and_no_other(ws):
    Counted.down, Counted.breaks = {"news"}, RuntimeError("password=hunter2 ann@x.org")
    dossier = ws.collect(ws.request("A"))
    assert results(dossier) == {
        "shop.orders": "found 1",
        "news.readers": "failed: sources.news: the connector raised RuntimeError — ask whoever keeps the connector",
    }
    assert "hunter2" not in "".join(p.read_text(errors="replace") for p in (ws.root / "cases/A/dossier").iterdir())


def test_a_changed_register_makes_the_snapshot_stale(ws):
    ws.collect(ws.request("A"))
    (ws.root / "requests.csv").write_text(REQUESTS.replace("ann@x.org,2026", "bob@x.org,2026"))
    again = Workspace(ws.root, ws.datamap, lambda: NOW)
    assert again.snapshot(again.request("A")) is None
    assert rows(again.collect(again.request("A"))) == {"shop.orders": found(2)}


def test_an_unknown_request_is_refused_with_those_there_are(ws):
    with pytest.raises(UnknownRequest) as error:
        ws.request("Z")
    assert str(error.value) == "the register: there is no such request — there are A, B, C"
    (ws.root / "requests.csv").write_text("id,name\n", encoding="utf-8")
    with pytest.raises(BadRequests):
        _ = Workspace(ws.root, ws.datamap).requests


def test_open_points_are_shown_and_a_ruling_closes_them(ws, monkeypatch):
    monkeypatch.setitem(DATA["shop"]["orders"][0], "notes", "call bob@x.org")
    ann = ws.request("A")
    assert ws.open_points(ann)[["Table", "What"]].to_numpy().tolist() == [["shop.orders", "1 cells speak of somebody else"]]
    with pytest.raises(AnswerIncomplete):
        ws.export(ann)
    [(group, waiting)] = ws.review.waiting.items()
    assert [(i.request, i.column) for i in waiting] == [("A", "notes")]
    assert ws.review.rule(group, "mask", by="R. Eader") == 1
    assert ws.review.waiting == {}
    assert ws.snapshot(ann) is None  # it takes effect when the sources are asked again
    assert ws.open_points(ann).empty
    assert [f.name for f in ws.export(ann).files] == ["Quill-Co_A_portability.xlsx", "Quill-Co_A_portability.zip"]


def test_two_people_who_reach_one_row_are_held_however_far_apart_they_were_collected(ws, monkeypatch):
    orders = [{"id": 1, "email": "ann@x.org", "phone": "02079460001"}, {"id": 2, "email": "bob@x.org", "phone": None}]
    monkeypatch.setitem(DATA, "shop", {"orders": orders})
    lines = ("A,2026-11-02,portability,email=ann@x.org,2026-11-03,", "B,2026-11-02,portability,phone=02079460001,2026-11-03,")
    (ws.root / "requests.csv").write_text("\n".join((REQUESTS.splitlines()[0], *lines, "C,2026-11-02,access,email=ann@x.org,2026-11-03,")))
    with_phone = MAP.replace(
        '{ email = "email" }\ncolumns = { id = {}, email = {}, notes', '{ email = "email", phone = "phone" }\ncolumns = { id = {}, email = {}, phone'
    )
    ws = Workspace(ws.root, datamap(with_phone, ws.root), lambda: NOW)
    ann, late, again = (ws.request(i) for i in "ABC")
    assert rows(ws.collect(ann))["shop.orders"] == found(1)
    ws.export(ann)
    assert rows(ws.collect(again))["shop.orders"] == found(1)  # her own second request is no other person's
    assert any((ws.case(ann) / "outbox").iterdir())
    assert rows(ws.collect(late))["shop.orders"] == held("two requests", 1)
    assert [rows(ws.snapshot(r))["shop.orders"] for r in (ann, again)] == [held("two requests", 1)] * 2
    assert not any((ws.case(ann) / "outbox").iterdir())  # what was written for her is no answer any more
    for request in (ann, late):
        assert rows(ws.collect(request, again=True))["shop.orders"] == held("two requests", 1)  # also when only one of them is asked again
    with pytest.raises(AnswerIncomplete):
        ws.export(ann)


@pytest.mark.parametrize("again", [False, True])
def test_two_who_collect_at_once_wait_for_each_other(ws, monkeypatch, again):
    """Else each would look for people who reach the same rows among snapshots that the other has not written yet."""
    orders = [{"id": 1, "email": "ann@x.org", "phone": "02079460001"}]
    monkeypatch.setitem(DATA, "shop", {"orders": orders})
    lines = ("A,2026-11-02,access,email=ann@x.org,2026-11-03,", "B,2026-11-02,access,phone=02079460001,2026-11-03,")
    (ws.root / "requests.csv").write_text("\n".join((REQUESTS.splitlines()[0], *lines)))
    with_phone = MAP.replace(
        '{ email = "email" }\ncolumns = { id = {}, email = {}, notes', '{ email = "email", phone = "phone" }\ncolumns = { id = {}, email = {}, phone'
    )
    other, ask = threading.Event(), snapshots.collect

    def slow(*args):
        other.wait(0.3)  # long enough for the other to come as far, if nothing stops them
        return ask(*args)

    monkeypatch.setattr(snapshots, "collect", slow)

    def collected(name):
        desk = Workspace(ws.root, datamap(with_phone, ws.root), lambda: NOW)
        return desk.collect(desk.request(name), again=True) if again else desk.collect_all([desk.request(name)])

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(collected, "ABA"))
    desk = Workspace(ws.root, datamap(with_phone, ws.root), lambda: NOW)
    assert [rows(desk.snapshot(desk.request(name)))["shop.orders"] for name in "AB"] == [held("two requests", 1)] * 2


def test_a_second_who_collects_finds_what_the_first_one_collected(ws):
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: Workspace(ws.root, ws.datamap, lambda: NOW).collect_all(ws.requests.values()), range(4)))
    alone = Counted.reads_in_all
    ws.collect_all(ws.requests.values(), again=True)
    assert Counted.reads_in_all == 2 * alone > 0


def test_a_review_goes_out_as_a_workbook_and_comes_back(ws, monkeypatch, tmp_path):
    monkeypatch.setitem(DATA["shop"]["orders"][0], "notes", "call bob@x.org")
    ann = ws.request("A")
    ws.collect(ann)
    path = ws.review.write(tmp_path / "review.xlsx")
    book = openpyxl.load_workbook(path)
    sheet = book["Review"]
    header = next(row for row in sheet.iter_rows() if row[0].value == "Group")
    at = {cell.value: cell.column for cell in header}
    line = header[0].row + 1
    assert sheet.cell(line, at["It may be"]).value == "mask / keep / leave out"
    assert sheet.cell(line, at["Ruling"]).style == "edit"
    for column, value in (("Ruling", "keep"), ("Ruled by", "R. Eader")):
        sheet.cell(line, at[column]).value = value
    book.save(path)
    with pytest.raises(BadRuling, match=r"row \d+: 'keep' needs the reason, in three words or more — mend these rows; nothing was taken over"):
        ws.review.read(path)
    assert len(ws.review.waiting) == 1
    sheet.cell(line, at["Reason, with evidence"]).value = "it is her own second address"
    book.save(path)
    assert ws.review.read(path) == 1
    assert ws.review.waiting == {}
    with pytest.raises(BadRuling, match="no such group waits any more"):
        ws.review.read(path)


def test_why_a_row_is_theirs_leads_back_to_what_they_gave(ws):
    ann = ws.request("A")
    key = json.dumps([DATA["shop"]["orders"][0]["id"]])
    shown = ws.why(ann, "shop.orders", key)
    assert shown["Because of"].tolist()[-1] == "the requester gave it"
    for spelled in (DATA["shop"]["orders"][0]["id"], json.loads(key), tuple(json.loads(key)), f" {key} ", key.strip("[]"), str(json.loads(key)[0])):
        assert ws.why(ann, "shop.orders", spelled).equals(shown)
    with pytest.raises(UnknownRow, match=r"A shop\.orders: no such row is in the dossier — `dsar records A` lists the keys there are"):
        ws.why(ann, "shop.orders", "[999]")


def test_plan_and_checklist(ws):
    bob = ws.request("B")
    first = ["not due", "all", "Nothing is erased before that.", "17(1)(a)", "the copy asked for in B has been delivered", 1]
    assert ws.plan(bob).to_numpy().tolist() == [["Order", *first]]
    ws.register.record(ws.register.case("B"), "delivered", by="M. Aker", right="portability", files={"a.zip": "0" * 64})
    line = ["erase", "all", "No longer needed for the purpose it was collected for.", "17(1)(a)", "", 1]
    assert ws.plan(bob).to_numpy().tolist() == [["Order", *line]]
    assert [f.name for f in ws.checklist(bob).files] == ["B_shop_worklist.xlsx"]


def test_the_erasure_letter_waits_for_the_copy_as_the_list_does(ws):
    case = ws.register.case("B")
    told = facts.facts("erasure_answer", case, lambda: ws._found(case.request), "", "erasure")
    assert (told["erase"], told["later"]) == ([], ["once the copy asked for in B has been delivered: Order (1)"])


def test_nothing_leaves_for_an_unverified_request(ws):
    for leave in (ws.export, ws.checklist):
        with pytest.raises(IdentityNotVerified):
            leave(ws.request("C"))
    assert sorted(p.name for p in (ws.root / "cases/C").iterdir()) == ["as-of.json", "dossier"]


def test_today_is_the_controllers_day(ws):
    late = Workspace(ws.root, ws.datamap, lambda: datetime(2026, 6, 30, 23, 30, tzinfo=UTC))
    assert (ws.today, late.today) == (date(2026, 11, 23), date(2026, 7, 1))


# -- finding the folder and the connectors --------------------------------------------------------------


def test_the_workspace_is_named_or_found_upwards(tmp_path, monkeypatch):
    table = '[sources.s]\nconnector = "sql"\nlabel = "S"\nowner = "o@x"\n[sources.s.tables.t]\nlabel = "T"\nactivity = "main"\nkey = ["id"]\n'
    (tmp_path / "dsar.toml").write_text(
        HEAD + table + 'match = { email = "email" }\ncolumns = { id = { category = "user" }, email = { category = "user" } }\n'
    )
    inner = tmp_path / "a/b"
    inner.mkdir(parents=True)
    monkeypatch.delenv("DSAR_WORKSPACE", raising=False)
    monkeypatch.chdir(inner)
    assert open_workspace().root == tmp_path.resolve()
    assert open_workspace(tmp_path).root == tmp_path.resolve()
    with pytest.raises(WorkspaceMissing) as error:
        open_workspace("nowhere")
    assert str(error.value) == "nowhere: there is no dsar.toml here — name the folder with --workspace, or make one with `dsar init DIR`"
    monkeypatch.setenv("DSAR_WORKSPACE", str(inner))
    with pytest.raises(WorkspaceMissing):
        open_workspace()


def test_the_clock_can_be_set(monkeypatch):
    monkeypatch.setenv("DSAR_NOW", "2026-11-23T12:00:00.75+02:00")
    assert now() == NOW
    monkeypatch.delenv("DSAR_NOW")
    assert abs((now() - datetime.now(UTC)).total_seconds()) < 5


def test_a_connector_is_named_by_module_and_class():
    assert connector("tests.worlds:Memory").__name__ == "Memory"


@pytest.mark.parametrize("name", ["nonsense", "tests.worlds:Nothing", "no.such.module:Class", "tests.worlds"])
def test_an_unknown_connector_names_those_there_are(name):
    with pytest.raises(BadMap) as error:
        connector(name)
    known = "cases, crm, duckdb, lake, logs, mailman, manual, newsletter, orders, rest, spark, sql, tryton"
    assert str(error.value) == f"there is no connector '{name}' — use one of {known}, or module:Class"


def test_an_answer_is_checked_for_requests_that_were_registered_while_the_notebook_was_open(ws):
    assert ws.nearby().requests("zed@late.example") == set()
    ws.add(by="A. Nalyst", id="Z-9", received="2026-11-23", rights="access", identifiers="email=zed@late.example")
    assert ws.nearby().requests("zed@late.example") == {"Z-9"}


def test_the_next_command_takes_away_what_a_killed_run_left_wherever_it_wrote(ws):
    ws.collect(ws.request("A"))
    places = [ws.root, ws.root / "stubs", ws.root / "secrets", ws.root / "cases/A/dossier", ws.root / "worklists/deep"]
    left = [place / ".writing-x" for place in places]
    for path in left:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("ann@example.org")
        os.utime(path, (1, 1))
    ws.collect(ws.request("A"))
    assert [p for p in left if p.exists()] == []
