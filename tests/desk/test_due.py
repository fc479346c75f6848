"""Letters that are due: listed by the desk, drafted when somebody asks, and none that tells of what was not seen to be so."""

import ast
import re
from pathlib import Path

import nbformat
import pytest

from dsar.datamap import Address
from dsar.desk.docx import text_of
from dsar.erase import carried, record
from dsar.erase.verify import Verdict, Verification
from dsar.errors import AnswerIncomplete, BadEvent
from dsar.listing import listing
from dsar.request.letters import words
from dsar.run import erasure
from tests.run import erasing
from tests.run.test_erasure import erased, ruled

DESK = Path(__file__).parents[2] / "notebooks" / "desk.ipynb"
CLIENTS = """
[activities.hosting]
purpose = "To host the lists of clients"
basis = "6(1)(b)"
origin = "provided"
[sources.hosting]
connector = "lake"
label = "Hosting"
owner = "hosting@quill.example"
role = "processor"
[sources.hosting.tables.guests]
label = "Guest list"
activity = "hosting"
key = ["id"]
match = { email = "email" }
client = "client"
file = { path = "guests.csv" }
columns = { id = { category = "user" }, email = { category = "user" }, client = { category = "user" } }
"""


def due(ws):
    return list(ws.letters_due(ws.request("A-1"))["Letter"])


def hosting(folder, guests):
    (folder / "guests.csv").write_text("id,email,client\n" + guests, encoding="utf-8")
    ws = erasing.build(folder, rights="access; erasure", change=CLIENTS)
    ws.collect(ws.request("A-1"))
    return ws


def run_all():
    """Run each cell of the desk's notebook, and return what those show that end with an expression, by how it begins."""
    names: dict = {}
    shown = {}
    for source in (c.source for c in nbformat.read(DESK, as_version=4).cells if c.cell_type == "code"):
        tree = ast.parse(source)
        last = ast.Expression(tree.body.pop().value) if isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, "desk", "exec"), names)
        if last:
            shown[ast.unparse(last).partition("(")[0]] = eval(compile(last, "desk", "eval"), names)
    return shown


def test_running_the_desk_picks_nobody_and_drafts_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("DSAR_USER", "M")
    monkeypatch.setenv("DSAR_WORKSPACE", str(tmp_path))
    ws = erasing.build(tmp_path, rights="access; erasure", people=("ann@x.org", "bob@x.org"))
    ws.collect_all(ws.requests.values())
    events = [c.events for c in ws.register.cases().values()]
    lies = sorted(tmp_path.glob("cases/**/*"))
    shown = run_all()
    assert shown["ws.picker"].children[0].value == ""
    assert shown["ws.draft"] == "Nothing drafted: for which request?"
    assert not list(tmp_path.glob("cases/.picked-*"))
    assert not list(tmp_path.glob("cases/*/letters"))
    assert [p for p in sorted(tmp_path.glob("cases/**/*")) if p not in lies] == []
    assert [c.events for c in erasing.opened(tmp_path).register.cases().values()] == events


def test_what_is_due_is_listed_with_its_request_and_drafted_when_somebody_asks(tmp_path):
    ws = erasing.build(tmp_path, rights="access; erasure")
    request = ruled(ws, ws.request("A-1"))
    listed = ws.letters_due(request)
    assert listed.to_numpy().tolist() == [["A-1", name, ""] for name in ("acknowledgement", "access_answer", "erasure_answer", "backups")]
    ws.draft(request, "acknowledgement")
    assert ws.letters_due(request).to_numpy().tolist()[0] == ["A-1", "acknowledgement", "2026-11-23"]
    assert [p.name for p in sorted((ws.root / "cases/A-1/letters").glob("*.docx"))] == ["A-1_acknowledgement.docx"]


def test_recipients_are_told_of_an_erasure_only_once_it_was_seen(tmp_path):
    ws, request = erased(tmp_path)
    assert "recipient_notice" not in due(ws)
    with pytest.raises(AnswerIncomplete, match="nobody has seen yet that erasure was carried out"):
        ws.draft(request, "recipient_notice")
    assert not (ws.root / "cases/A-1/letters").exists()
    assert erasure.verify(ws, [request])["A-1"].passed
    assert "recipient_notice" in due(ws)
    drafted = ws.draft(request, "recipient_notice")
    text = text_of((ws.root / "cases/A-1/letters" / drafted["File"][0]).read_bytes())
    assert "we have carried out: erasure" in text


def test_an_erasure_of_which_something_is_still_there_is_not_told_of(tmp_path):
    ws, request = erased(tmp_path)
    erasing.sql(tmp_path, "news.db", "INSERT INTO members VALUES (1, 'ann@x.org', 'marketing')")
    assert not erasure.verify(ws, [request])["A-1"].passed
    assert "recipient_notice" not in due(ws)


def test_what_was_refused_brings_no_letter_about_its_backups(tmp_path):
    ws = erasing.build(tmp_path)
    because = "You asked the same four times this year."
    ws.register.record(
        ws.register.case("A-1"), "decided", by="M", right="erasure", outcome="refused", grounds=["manifestly excessive"], because=because
    )
    assert due(ws) == ["acknowledgement", "refusal"]


@pytest.mark.parametrize(
    ("right", "now", "done"),
    [
        ("restriction", ["changed", "changed"], True), ("restriction", ["changed", "gone"], False), ("restriction", ["changed", "as before"], False),
        ("rectification", ["changed", "gone"], True), ("rectification", ["changed", "not searched again"], False), ("rectification", [], False),
        ("objection", ["changed"], False),
    ],
)  # fmt: skip
def test_a_change_counts_once_every_row_was_seen_changed(tmp_path, right, now, done):
    carried.note(tmp_path, right, listing(["Now"], [(n,) for n in now], empty=""))
    assert carried.carried_out(tmp_path) == ((right,) if done else ())
    carried.forget(tmp_path, right)
    assert carried.carried_out(tmp_path) == ()


@pytest.mark.parametrize(
    ("states", "done"),
    [(["gone", "kept as planned"], True), (["kept as planned", "pending event"], False), (["gone", "still there"], False), ([], False)],
)
def test_an_erasure_counts_once_something_is_gone_and_nothing_is_left(tmp_path, states, done):
    verdicts = tuple(Verdict(f"E-{n}", Address("shop", "customers"), str(n), "erase", state) for n, state in enumerate(states))
    record.save_verified(tmp_path, Verification("A-1", erasing.NOW, verdicts))
    assert carried.carried_out(tmp_path) == (("erasure",) if done else ())


def test_recipients_are_told_of_a_change_once_every_row_on_its_list_was_seen_changed(tmp_path):
    right = "rectification"
    ws = erasing.build(tmp_path, rights=f"{right}; erasure")
    request = ruled(ws, ws.request("A-1"))
    ws.worklists(request, right)
    assert "recipient_notice" not in due(ws)
    erasing.sql(tmp_path, "shop.db", "UPDATE customers SET name = 'Ann Right', restricted = 1 WHERE id = 1")
    ws.verify(request, right)
    assert "recipient_notice" not in due(ws)  # other rows are as before
    with pytest.raises(AnswerIncomplete):
        ws.draft(request, "recipient_notice")
    for table, column in (("orders", "status"), ("addresses", "street"), ("lines", "product"), ("invoices", "billed_to"), ("notes", "body")):
        erasing.sql(tmp_path, "shop.db", f"UPDATE {table} SET {column} = {column} || '!'")
    erasing.sql(tmp_path, "news.db", "DELETE FROM opens", "DELETE FROM members")
    log = tmp_path / "logs" / "access.log.1"
    log.write_text(re.sub(r" 200 5 ", " 200 6 ", log.read_text(encoding="utf-8")), encoding="utf-8")
    seen = ws.verify(request, right)
    assert set(seen["Now"]) <= {"changed", "gone"}
    assert "recipient_notice" in due(ws)
    (file,) = ws.draft(request, "recipient_notice")["File"]
    told = text_of((ws.root / "cases/A-1/letters" / file).read_bytes())
    assert f"we have carried out: {words('en')['rights'][right]}." in told  # and not the erasure, which nobody has seen
    ws.worklists(ruled(ws, request), right)
    assert "recipient_notice" not in due(ws)  # there is a new list, which nobody looked back at


def test_of_what_some_rows_needed_no_change_a_person_decides(tmp_path):
    ws = erasing.build(tmp_path, rights="rectification")
    request = ruled(ws, ws.request("A-1"))
    ws.register.record(ws.register.case("A-1"), "decided", by="M", right="rectification", outcome="partial", grounds=["accuracy confirmed"],
                       because="The rest is as they say it is.")  # fmt: skip
    assert "recipient_notice" not in due(ws)
    assert list(ws.draft(request, "recipient_notice")["File"]) == ["A-1_recipient_notice.docx"]


def test_somebody_is_redirected_only_where_a_client_has_something_of_theirs(tmp_path):
    ws = hosting(tmp_path, "1,bob@x.org,Hotel\n")
    request = ws.request("A-1")
    assert "redirect" not in due(ws)
    with pytest.raises(BadEvent, match="no client of ours has anything of theirs, and no right was redirected"):
        ws.draft(request, "redirect")
    ws.register.record(ws.register.case("A-1"), "decided", by="M", right="access", outcome="redirected")
    assert "redirect" in due(ws)
    assert list(ws.draft(request, "redirect")["File"]) == ["A-1_redirect.docx"]


def test_and_the_letter_says_that_it_was_passed_on_only_with_the_day(tmp_path):
    ws = hosting(tmp_path, "1,ann@x.org,Hotel\n")
    assert "redirect" in due(ws)
    ws.draft(ws.request("A-1"), "redirect")
    text = text_of((ws.root / "cases/A-1/letters/A-1_redirect.docx").read_bytes())
    assert "We passed your request on to them on [fill in: the day]" in text
