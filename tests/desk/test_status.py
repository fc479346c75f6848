"""The desk: what stands where, what could go wrong with dates, the fast lane, the calendar, and the commands that show them."""

import itertools
from datetime import UTC, date, datetime

import openpyxl
import pytest
from icalendar import Calendar

from dsar import datamap as maps
from dsar.desk import fastlane, status
from dsar.desk.identity import confirm
from dsar.errors import BadRequests, ChangedMeanwhile, UnknownRequest
from dsar.workspace import Workspace, open_workspace
from tests.command import command
from tests.run.test_batch import MAP

START = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)


@pytest.fixture
def ws(tmp_path, time):
    (tmp_path / "dsar.toml").write_text(MAP, encoding="utf-8")
    (tmp_path / "people.csv").write_text("id,email\n1,ann@example.org\n2,ben@example.org\n", encoding="utf-8")
    return Workspace(tmp_path, maps.read(tmp_path / "dsar.toml"), time)


def add(ws, request_id, rights="access", mailbox="ann@example.org", **more):
    ws.add(by="M", id=request_id, received=ws.today.isoformat(), rights=rights, identifiers=f"email={mailbox}", channel="e-mail", **more)
    return ws.request(request_id)


def settle(ws, request_id):
    return confirm(ws.register, ws.register.case(request_id), by="M", method="two facts")


def row(ws, request_id):
    return next(dict(zip(status.COLUMNS, line, strict=True)) for line in ws.status().itertuples(index=False) if line[0] == request_id)


def test_a_new_case_is_told_what_to_do_in_the_order_of_the_law(ws, time):
    request = add(ws, "A", "access; erasure")
    assert row(ws, "A") == {
        "Request": "A",
        "Rights": "access, erasure",
        "State": "identity to settle",
        "Due": "2026-12-02",
        "Days left": 30,
        "Waits for": "",
        "Next": (
            "take the first snapshot (dsar begin); have owners pause deletion; stop marketing; "
            "settle who asks, or say why there is no doubt; write: acknowledgement"
        ),
        "Handler": "",
        "Mind": "",
    }
    ws.first_steps(request, by="M")
    ws.register.record(ws.register.case("A"), "acknowledged", by="M")
    assert row(ws, "A")["Next"] == "settle who asks, or say why there is no doubt"
    case = ws.register.record(ws.register.case("A"), "identity asked", by="M", method="two facts", doubt="a sender line proves nothing")
    assert (case.state, row(ws, "A")["Waits for"]) == ("waiting for the requester", "proof of identity, since 2026-11-02")
    assert "access: no due date while waiting; 2026-12-02 if the question did not stop the clock" in row(ws, "A")["Mind"]
    time.day(8)
    assert row(ws, "A")["Next"] == "write: reminder"
    settle(ws, "A")
    assert row(ws, "A")["Next"] == "answer access"  # before anything is erased


def test_waiting_for_access_must_not_break_erasures_own_date(ws):
    add(ws, "A", "access; erasure")
    case = settle(ws, "A")
    assert row(ws, "A")["Mind"] == ""
    ws.register.record(case, "clarification asked", by="M", about="which of our shops you mean")
    assert row(ws, "A")["Due"] == "2026-12-02"
    assert row(ws, "A")["Mind"].endswith("waiting for access would break erasure's own date, 2026-12-02: send the copy of what is ready before it")


def test_what_is_overdue_or_must_be_extended_is_said(ws, time):
    add(ws, "A")
    settle(ws, "A")
    time.day(26)
    assert row(ws, "A")["Mind"] == "access: an extension must be told by 2026-12-02"
    time.day(31)
    assert (row(ws, "A")["Days left"], row(ws, "A")["Mind"]) == (-1, "access: overdue since 2026-12-02")


@pytest.mark.parametrize(("day", "minds"), [(7, False), (28, True)])
def test_a_clock_that_a_late_question_restarted_says_when_it_is_due_if_it_runs_from_receipt(ws, time, day, minds):
    add(ws, "A")
    time.day(day)
    ws.register.record(ws.register.case("A"), "identity asked", by="M", method="two facts", doubt="a sender line proves nothing")
    time.day(day + 1)
    case = settle(ws, "A")
    assert case.due > date(2026, 12, 2)
    said = "access: proof was asked for 28 days after receipt; due 2026-12-02 if that was not prompt, since the clock runs from receipt then"
    assert row(ws, "A")["Mind"] == (said if minds else "")


def test_the_earliest_due_comes_first_and_a_closed_case_is_gone(ws, time):
    add(ws, "A")
    time.day(3)
    add(ws, "B", mailbox="ben@example.org")
    assert list(ws.status()["Request"]) == ["A", "B"]
    assert ws.at_hand == "A"
    ws.register.record(ws.register.case("A"), "closed", by="M", outcome="withdrawn")
    assert list(ws.status()["Request"]) == ["B"]
    assert status.counts(ws.register.cases().values()) == {"identity to settle": 1}
    ws.register.record(ws.register.case("B"), "closed", by="M", outcome="withdrawn")
    with pytest.raises(UnknownRequest, match="no case is open"):
        _ = ws.at_hand
    ws.register.record(ws.register.case("B"), "reopened", by="M", why="they wrote again today")
    assert list(ws.status()["Request"]) == ["B"]


def test_the_chart_is_a_picture(ws):
    add(ws, "A")
    assert ws.chart().data.startswith(b"\x89PNG")


def test_the_calendar_holds_dates_and_nobody(ws):
    add(ws, "A", "access; erasure")
    raw = ws.calendar()
    events = [(str(e["summary"]), e["dtstart"].dt) for e in Calendar.from_ical(raw).walk("VEVENT")]
    assert events == [
        ("A: access, due", date(2026, 12, 2)),
        ("A: access, owners finish", date(2026, 11, 25)),
        ("A: erasure, due", date(2026, 12, 2)),
        ("A: erasure, owners finish", date(2026, 11, 25)),
    ]
    assert b"ann@" not in raw
    assert raw == ws.calendar()


def ready(ws, tmp_path, *ids):
    for one, mailbox in zip(ids, ("ann@example.org", "ben@example.org"), strict=False):
        request = add(ws, one, mailbox=mailbox)
        settle(ws, one)
        ws.access_report(ws.request(request.id))
    path = fastlane.write(ws.ready(), tmp_path / "lane.xlsx", ws.datamap.controller)
    book = openpyxl.load_workbook(path)
    cells = list(book["Ready"].iter_rows())
    head = next(n for n, row in enumerate(cells) if row[0].value == "Request")
    return path, book, {row[0].value: row for row in cells[head + 1 :] if row[0].value}


def tick(book, path, *rows, word="yes"):
    for one in rows:
        one[fastlane.HEADER.index("Read and right?")].value = word
    book.save(path)


def folder(ws):
    return lambda case: ws.root / "cases" / case.request.id


def test_the_fast_lane_holds_what_is_ready_and_takes_what_was_ticked(ws, tmp_path):
    add(ws, "Z", mailbox="nobody@example.org")  # not settled: not ready
    path, book, rows = ready(ws, tmp_path, "A", "B")
    assert {i: rows[i][3].value for i in rows} == {"A": "ann@example.org", "B": "ben@example.org"}
    tick(book, path, rows["A"])
    tick(book, path, rows["B"], word="no")
    assert fastlane.take(ws.register, path, folder(ws), by="R. Eader") == ["A"]
    assert ws.register.case("A").last("ticked").by == "R. Eader"
    assert list(ws.fast_lane()["Read by"]) == ["R. Eader", ""]


def test_of_what_changes_while_it_is_taken_nothing_is_recorded(ws, tmp_path, monkeypatch):
    path, book, rows = ready(ws, tmp_path, "A", "B")
    tick(book, path, *rows.values())
    read = fastlane._fault

    def meanwhile(case, *more):
        if case.request.id == "B":
            ws.register.record(case, "handed over", by="M", handler="N. Else")
        return read(case, *more)

    monkeypatch.setattr(fastlane, "_fault", meanwhile)
    with pytest.raises(ChangedMeanwhile, match=r"^B: "):
        fastlane.take(ws.register, path, folder(ws), by="R. Eader")
    assert [ws.register.case(i).last("ticked") for i in ("A", "B")] == [None, None]


def test_an_answer_that_changed_or_was_prepared_by_the_reader_is_not_taken(ws, tmp_path):
    path, book, rows = ready(ws, tmp_path, "A", "B")
    tick(book, path, *rows.values())
    ws.register.record(ws.register.case("B"), "handed over", by="M", handler="R. Eader")
    with pytest.raises(BadRequests, match="who prepared it cannot be its second reader"):
        fastlane.take(ws.register, path, folder(ws), by="r. eader")
    next((ws.root / "cases/A/outbox").iterdir()).write_bytes(b"another")
    with pytest.raises(BadRequests, match="its answer changed since the sheet was written"):
        fastlane.take(ws.register, path, folder(ws), by="S. Econd")
    assert ws.register.case("A").last("ticked") is None
    assert ws.register.case("B").last("ticked") is None


def test_what_vanished_between_the_first_steps_and_the_answer_is_said(ws):
    request = add(ws, "A")
    ws.first_steps(request, by="M")
    settle(ws, "A")
    assert "All that was there on 2026-11-02 is there still." in ws.gone(ws.request("A")).to_display()
    (ws.root / "people.csv").write_text("id,email\n2,ben@example.org\n", encoding="utf-8")
    ws.collect(ws.request("A"), again=True)
    assert ws.gone(ws.request("A")).to_numpy().tolist() == [["Contact", '["1"]']]


@pytest.fixture
def run(tmp_path, monkeypatch):
    (tmp_path / "dsar.toml").write_text(MAP, encoding="utf-8")
    (tmp_path / "people.csv").write_text("id,email\n1,ann@example.org\n", encoding="utf-8")

    def dsar(*words, status=0, columns=200):
        with monkeypatch.context() as patch:
            patch.setenv("DSAR_NOW", "2026-11-23T10:00:00+00:00")
            patch.setenv("COLUMNS", str(columns)) if columns else patch.delenv("COLUMNS", raising=False)
            done = command("--workspace", tmp_path, *words)
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr

    return dsar


def test_a_case_from_the_command_line(run, tmp_path):
    (tmp_path / "ask.txt").write_text("email=ann@example.org\n")
    given = ("--by", "M", "--received", "2026-11-20", "--identifiers", tmp_path / "ask.txt", "--right", "access")
    assert run("register", "add", *given) == "R-2026-0001 registered\n"
    assert run("register", "add", *given) == "R-2026-0002 registered: the same person, it seems, as R-2026-0001\n"
    assert "R-2026-0001: identity to settle" in run("begin", "R-2026-0001", "--by", "M")
    assert "Asked by: challenge code." in run("identity", "ask", "R-2026-0001", "--by", "M", "--doubt", "a sender line proves nothing")
    assert "R-2026-0001_identity_request.docx" in run("letters", "R-2026-0001")
    confirmed = run("identity", "confirm", "R-2026-0001", "two facts", "--by", "M")
    assert confirmed == "R-2026-0001: identity confirmed by another way than was asked for (challenge code); now in work\n"
    assert "letter drafted" in run("register", "show", "R-2026-0001")
    assert "in work" in run("status", "--ics", tmp_path / "dates.ics")
    assert (tmp_path / "dates.ics").read_bytes().startswith(b"BEGIN:VCALENDAR")
    assert "there is no letter 'invoice'" in run("letters", "R-2026-0001", "invoice", status=2)
    assert open_workspace(tmp_path).register.case("R-2026-0001").version == 7


@pytest.mark.parametrize("width", [80, 120])
def test_a_screen_shows_each_case_on_two_lines_at_most_and_breaks_no_word(run, tmp_path, width, monkeypatch):
    monkeypatch.setenv("DSAR_NOW", "2026-11-23T10:00:00+00:00")
    (tmp_path / "ask.txt").write_text("email=ann@example.org\n")
    given = ("--by", "M", "--received", "2026-11-02", "--identifiers", tmp_path / "ask.txt", "--right", "objection", "--right", "access")
    for _ in range(2):
        run("register", "add", *given)
    run("identity", "ask", "R-2026-0002", "--by", "M", "--doubt", "a sender line proves nothing")
    lines = run("status", columns=width).splitlines()
    assert max(map(len, lines)) <= width
    shown = [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines if line.startswith("│")]
    assert all(later[0] for now, later in itertools.pairwise(shown) if not now[0]), "a third line"
    whole = {c["Request"]: c for c in open_workspace(tmp_path).status().to_dict("records")}
    words = {word for case in whole.values() for text in case.values() for word in str(text).split()} | {
        "!",
        "waits",
        "for",
        "more",
        "1",
        "2",
        "3",
        "4",
    }
    assert {word.rstrip(";") for row in shown for cell in row for word in cell.split()} <= {word.rstrip(";") for word in words}
    assert [row[0] for row in shown if row[0]] == ["R-2026-0001", "R-2026-0002"]
    assert shown[0][1:3] == ["9", "identity to settle"]
    assert next(row for row in shown if row[0] == "R-2026-0002")[1] == "9 !"  # its access has no due date while it waits
    assert lines[-1] == "The whole, and what to mind where ! stands: dsar register show REQUEST"


def test_the_whole_of_a_request_is_shown_with_the_register(run, tmp_path, monkeypatch):
    monkeypatch.setenv("DSAR_NOW", "2026-11-23T10:00:00+00:00")
    (tmp_path / "ask.txt").write_text("email=ann@example.org\n")
    run("register", "add", "--by", "M", "--received", "2026-11-02", "--identifiers", tmp_path / "ask.txt", "--right", "access")
    [whole] = open_workspace(tmp_path).status().to_dict("records")
    shown = run("register", "show", "R-2026-0001").splitlines()
    assert f"  Next: {whole['Next']}" in shown
    assert not any(line.startswith("  Waits for") for line in shown)
    piped = run("status", columns=None).splitlines()
    assert [cell.strip() for cell in piped[3].split("│")[1:-1] if cell.strip()] == [str(v) for v in whole.values() if str(v)]


def test_the_history_of_a_request_is_shown_in_words(run, tmp_path):
    (tmp_path / "ask.txt").write_text("email=ann@example.org\n")
    run("register", "add", "--by", "M", "--received", "2026-11-20", "--identifiers", tmp_path / "ask.txt", "--right", "access")
    register = open_workspace(tmp_path).register
    register.record(register.case("R-2026-0001"), "delivered", by="M", files={"a.zip": "0" * 64}, method="post")
    run("begin", "R-2026-0001", "--by", "M")
    shown = run("register", "show", "R-2026-0001", columns=400)
    assert not [mark for mark in ("['", "{'", "True", "False") if mark in shown]
    assert f"files: a.zip ({'0' * 64}); method: post" in shown


@pytest.mark.parametrize(
    ("details", "said"),
    [
        ({"kinds": ["email", "phone"]}, "kinds: email, phone"),
        ({"reviewed": False, "files": {"a.zip": "00", "b.xlsx": "11"}}, "reviewed: no; files: a.zip (00), b.xlsx (11)"),
        ({"rows": 3, "because": "it is so"}, "rows: 3; because: it is so"),
    ],
)
def test_details_of_an_event_are_words(details, said):
    assert status.spelled(details) == said


def test_no_case_is_a_sentence(run):
    assert run("status") == "No case is open.\n"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"--received": "2026-11-24"}, "dsar: received is in the future — nothing was registered\n"),
        ({"--received": "2026-02-30"}, "dsar: received must be a date like 2026-11-23 — nothing was registered\n"),
        ({"--right": "deletion"}, "dsar: rights must be one or more of access, rectification, erasure, "),
        ({"--channel": "fax"}, "dsar: channel must be one of e-mail, web form, "),
    ],
)
def test_what_cannot_be_is_one_clear_line(run, changed, said, tmp_path):
    (tmp_path / "ask.txt").write_text("email=ann@example.org\n")
    given = {"--by": "M", "--received": "2026-11-20", "--identifiers": tmp_path / "ask.txt", "--right": "access"} | changed
    told = run("register", "add", *[word for pair in given.items() for word in pair], status=2)
    assert told.startswith(said)
    assert told.count("\n") == 1
