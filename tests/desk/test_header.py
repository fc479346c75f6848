"""What stands at the top of a notebook, what waits today, and which request is at hand."""

from datetime import date

import pytest

import dsar
from dsar.desk.agenda import agenda
from dsar.desk.header import Header
from dsar.desk.notebooks import next_for
from dsar.errors import UnknownRequest
from tests.run import erasing
from tests.run.test_erasure import ruled


@pytest.fixture
def ws(tmp_path):
    erasing.build(tmp_path, rights="access; erasure")
    with (tmp_path / "requests.csv").open("a", encoding="utf-8") as file:
        file.write("A-2,2026-11-16,objection,email=cleo@x.org,,\n")
    return erasing.opened(tmp_path)


def told(header):
    return dict(header.lines())


def test_the_top_says_days_left_what_it_waits_for_and_what_is_next(ws):
    header = ws.header(ws.request("A-1"), "portability")
    assert header.left() == ("9 days left", "calm")
    assert told(header)["Waits for"] == "nobody but us"
    assert told(header)["Go on with"].notebook == "access_report"
    shown = header._repr_html_()
    assert '<span class="badge badge-bad">it does not ask for portability</span>' in shown
    assert '<a href="access_report.ipynb">3 · Access report</a>' in shown
    assert "it does not ask for" not in ws.header(ws.request("A-1"), "access")._repr_html_()
    assert repr(header).startswith("A-1: in work, 9 days left\nAsks for: access, erasure\n")


@pytest.mark.parametrize(
    ("today", "said"),
    [
        (date(2026, 11, 29), ("3 days left", "wait")), (date(2026, 12, 1), ("1 day left", "wait")), (date(2026, 12, 2), ("due today", "wait")),
        (date(2026, 12, 3), ("overdue by 1 day", "bad")),
    ],
)  # fmt: skip
def test_it_counts_the_days(ws, today, said):
    assert Header(ws.register.case("A-1"), today).left() == said


def test_who_has_proved_nothing_is_told_loudly_and_sent_to_the_desk(ws):
    header = ws.header(ws.request("A-2"))
    assert "nothing may leave" in header._repr_html_()
    assert told(header)["Go on with"].notebook == "desk"
    ws.register.record(ws.register.case("A-2"), "closed", by="M", outcome="withdrawn")
    closed = ws.header(ws.request("A-2"))
    assert closed.left()[0] == "closed"
    assert not {"Waits for", "Go on with"} & told(closed).keys()


def test_after_the_answer_comes_the_erasure_and_then_the_look_back(ws):
    ws.register.record(ws.register.case("A-1"), "decided", by="M", right="access", outcome="granted")
    case = ws.register.case("A-1")
    assert next_for(case, ()).name == "deletion_checklist"
    assert next_for(case, ["erasure"]).name == "verify_erasure"


def test_a_copy_that_lies_in_the_outbox_is_to_be_delivered_and_not_made_again(ws):
    request = ruled(ws, ws.request("A-1"))
    todo = "answer access", "have it read, deliver access"

    def seen():
        said = ws.status().set_index("Request")["Next"]["A-1"], repr(ws.header(request)), *ws.agenda()["What waits"]
        return [sum(words in text for text in said) for words in (*todo, "Answer: access", "A copy lies in the outbox")]

    assert seen() == [2, 0, 1, 0]
    written = ws.access_report(request).files[0]
    assert seen() == [0, 2, 0, 1]
    written.unlink()
    assert seen() == [2, 0, 1, 0]


def test_what_waits_stands_in_the_order_of_urgency(ws):
    ws.collect(ws.request("A-1"))
    lines = [(what, requests, go.notebook) for what, requests, go in ws.agenda().itertuples(index=False)]
    assert lines == [
        ("One ruling to make: rows that could be somebody else's, and texts that speak of others", "A-1", "review"),
        ("No snapshot that fits, so nobody knows what waits there: collect first (`dsar collect`)", "A-2", "review"),
        ("Find out who asks: until then nothing may leave", "A-2", "desk"),
        ("Answer: access", "A-1", "access_report"),
    ]
    late = agenda(ws.register.cases().values(), {}, lambda _: (), date(2026, 12, 14))
    assert list(late["Requests"])[:2] == ["A-1 (since 2026-12-02)", "A-2 (2026-12-16)"]
    for case in ws.register.cases().values():
        ws.register.record(case, "closed", by="M", outcome="withdrawn")
    assert ws.agenda().to_display() == "<p>Nothing waits on 2026-11-23: no case is open. A letter that came in is registered at the desk.</p>"


def test_each_who_works_here_has_a_request_at_hand(ws, monkeypatch):
    monkeypatch.setenv("DSAR_USER", "M. Aker/..")
    with pytest.raises(UnknownRequest, match="no request is picked — pick one in the notebook desk"):
        _ = ws.picked
    assert ws.at_hand == "A-1"
    ws.pick(ws.request("A-2"))
    assert (ws.picked, ws.at_hand) == ("A-2", "A-2")
    monkeypatch.setenv("DSAR_USER", "R. Eader")
    assert ws.at_hand == "A-1"
    monkeypatch.setenv("DSAR_USER", "M. Aker/..")
    assert dsar.open(ws.root).picked == "A-2"
    ws.register.record(ws.register.case("A-2"), "closed", by="M", outcome="withdrawn")
    assert ws.at_hand == "A-1"


def about(shown):
    return shown.outputs[0]["data"]["text/html"]


def test_the_picker_picks_nothing_before_somebody_chooses_and_shows_all_about_the_one_that_is_chosen(ws, monkeypatch):
    monkeypatch.setenv("DSAR_USER", "M")
    choice, shown = ws.picker().children
    assert [label for label, _ in choice.options] == ["pick a request…", "A-1: 9 days left, in work", "A-2: 23 days left, identity to settle"]
    assert choice.value == ""
    assert about(shown) == "<p>No request is picked.</p>"
    with pytest.raises(UnknownRequest, match="no request is picked"):
        _ = ws.picked
    choice.value = "A-2"
    assert ws.picked == "A-2"
    assert "Objection checklist" in about(shown)
    assert [f"<h4>A-2: {what}</h4>" in about(shown) for what in ("letters it needs now", "until when", "what happened")] == [True] * 3
    assert "A-1" not in about(shown)
    choice.value = "A-1"
    assert "A-2" not in about(shown)
    again, below = ws.picker().children
    assert (again.value, about(below)) == ("A-1", about(shown))
    again.value = ""
    assert about(below) == "<p>No request is picked.</p>"
    with pytest.raises(UnknownRequest, match="no request is picked"):
        _ = ws.picked


def test_of_what_was_picked_and_is_closed_the_list_says_so(ws, monkeypatch):
    monkeypatch.setenv("DSAR_USER", "M")
    ws.pick(ws.request("A-2"))
    ws.register.record(ws.register.case("A-2"), "closed", by="M", outcome="withdrawn")
    choice, shown = ws.picker().children
    assert choice.value == ""
    assert about(shown) == "<p>A-2 was picked, and is closed: the notebooks are about it until you pick another.</p>"
    for case in ws.register.cases().values():
        if not case.closed:
            ws.register.record(case, "closed", by="M", outcome="withdrawn")
    assert [c.value for c in ws.picker().children] == ["No case is open."]
    monkeypatch.setenv("DSAR_USER", "N")
    with pytest.raises(UnknownRequest, match="no case is open"):
        _ = ws.picked


def test_tables_about_a_request_name_it(ws):
    request = ws.request("A-1")
    for shown in (ws.clock_of(request), ws.history(request), ws.letters_due(request)):
        assert set(shown["Request"]) == {"A-1"}


def test_a_due_letter_that_has_to_wait_is_listed_and_the_others_are_written(ws):
    drafted = ws.draft(ws.request("A-1"))
    waits = [what for file, what in zip(drafted["File"], drafted["What"], strict=True) if file == "not yet"]
    assert [what.partition(":")[0] for what in waits] == ["access answer", "erasure answer"]
    assert "shop.addresses: 1 held" in waits[0]
    assert any(name.endswith(".docx") for name in drafted["File"])
