"""The auditor's workbook: figures by hand, what could not be looked at, and nobody's values."""

from datetime import date

import openpyxl
import pytest
from typer.testing import CliRunner

from dsar.cli import app
from dsar.desk import figures
from dsar.errors import BadEvent
from dsar.run.summaries import summaries
from tests.decoded import decoded
from tests.run import erasing

PERIOD = figures.Period(date(2026, 11, 1), date(2026, 11, 30))


@pytest.fixture
def world(tmp_path, monkeypatch):
    monkeypatch.setenv("DSAR_NOW", erasing.NOW.isoformat())
    ws = erasing.build(tmp_path, people=("ann@x.org", "bob@x.org"), rights="access")
    ws.collect_all(ws.requests.values())
    return ws


def audit(folder, *more):
    return CliRunner().invoke(app, ["--workspace", str(folder), "audit", "--from", "2026-11-01", "--to", "2026-11-30", *more])


def sheets(folder):
    book = openpyxl.load_workbook(folder / "audits/audit_2026-11-01_2026-11-30.xlsx")
    return {sheet.title: [[c for c in row if c is not None] for row in sheet.iter_rows(values_only=True)] for sheet in book}


def facts(found, title):
    return {row[0]: row[1] for row in found[title] if len(row) == 2}


def test_the_workbook_tells_what_is_there_and_names_nobody(world, tmp_path):
    done = audit(tmp_path)
    assert done.exit_code == 0, done.output
    found = sheets(tmp_path)
    assert list(found) == [
        "Audit 2026-11-01 to 2026-11-30", "Figures", "Register", "Extensions", "Refusals", "Complaints", "Still to be done", "Our own promises",
        "Gaps in the policy", "Record of processing", "Ledger",
    ]  # fmt: skip
    front = facts(found, "Audit 2026-11-01 to 2026-11-30")
    assert (front["Requests received"], front["Answered in time"], front["Ledger"]) == ("2", "none was due", "as it was written")
    assert [row[1:4] for row in found["Register"] if "A-1" in row] == [["A-1", "access", erasing.NOW.replace(2026, 11, 2, 0, 0, tzinfo=None)]]
    assert [row[1:] for row in found["Still to be done"] if "A-2" in row] == [
        ["A-2", "access: to be decided", "2026-12-02"], ["A-2", "2 rows are held until somebody rules", "–"],
    ]  # fmt: skip
    assert [row[1:4] for row in found["Record of processing"] if "books" in row] == [["books", "To keep the books", "Art. 6(1)(c)"]]
    assert found["Ledger"][-4:] == [["What", "Times"], ["collected", 2], ["identity confirmed", 2], ["registered", 2]]
    text = str(list(decoded(tmp_path / "audits/audit_2026-11-01_2026-11-30.xlsx")))
    assert not [value for value in ("ann@", "bob@", "Ann", "Wright", "Stone", "192.0.2", "Mill Lane") if value in text]


def test_a_source_that_is_down_is_no_good_news(world, tmp_path):
    (tmp_path / "shop.db").unlink()
    done = audit(tmp_path)
    assert done.exit_code == 1
    assert "could not be looked at: Shop" in done.output
    assert "What could not be looked at" in str(sheets(tmp_path)["Audit 2026-11-01 to 2026-11-30"])


def test_a_ledger_that_was_changed_is_said_first(world, tmp_path):
    ledger = tmp_path / "ledger.jsonl"
    ledger.write_text(ledger.read_text().replace('"n": 1', '"n": 2', 1).replace('"n":1', '"n":2', 1))
    done = audit(tmp_path)
    assert done.exit_code == 1
    found = sheets(tmp_path)
    assert facts(found, "Audit 2026-11-01 to 2026-11-30")["Ledger"].startswith("NOT as it was written")
    assert "The ledger is NOT as it was written:" in str(found["Ledger"])


@pytest.mark.parametrize(("first", "last"), [("2026-11", "2026-12-01"), ("2026-12-01", "2026-11-30"), ("=1", "2026-12-01")])
def test_days_that_are_none_are_refused(first, last):
    with pytest.raises(BadEvent, match="--from, --to"):
        figures.period(first, last)


def answered(summary, **clock):
    """A summary of one right with another clock; its answer left on the 20th."""
    sent = summary.events[0].model_copy(update={"kind": "delivered", "on": date(2026, 11, 20), "right": ""})
    events = (*summary.events, sent) if clock.pop("sent", True) else summary.events
    known = {"outcome": "granted", "decided_on": date(2026, 11, 19), "due": date(2026, 12, 2)} | clock
    return summary.model_copy(update={"events": events, "clocks": (summary.clocks[0].model_copy(update=known),)})


@pytest.mark.parametrize(
    ("clock", "timing"),
    [
        ({}, "in time"),
        ({"due": date(2026, 11, 20)}, "in time"),
        ({"due": date(2026, 11, 19)}, "late"),
        ({"sent": False}, "open"),
        ({"sent": False, "due": date(2026, 11, 29)}, "late"),
        ({"sent": False, "due": date(2026, 11, 30)}, "open"),
        ({"sent": False, "due": None}, "open"),
        ({"outcome": "lapsed", "sent": False, "due": date(2026, 11, 10)}, "nothing owed"),
        ({"outcome": "withdrawn"}, "nothing owed"),
        ({"decided_on": date(2026, 11, 21)}, "open"),  # what left before it was decided was no answer
        ({"outcome": "", "decided_on": None, "due": date(2026, 11, 29)}, "late"),
    ],
)
def test_in_time_late_or_open(world, clock, timing):
    summary = answered(next(s for s in summaries(world) if s.request == "A-1"), **clock)
    (known,) = figures.answers([summary], PERIOD, PERIOD.last)
    assert known.timing == timing


def test_an_answer_that_left_after_the_period_was_open_in_it(world):
    summary = answered(next(s for s in summaries(world) if s.request == "A-1"))
    (known,) = figures.answers([summary], figures.Period(date(2026, 11, 1), date(2026, 11, 19)), date(2027, 1, 1))
    assert (known.timing, known.on) == ("open", None)


def test_what_is_not_due_yet_is_open_in_a_period_that_still_runs(world, tmp_path):
    done = CliRunner().invoke(app, ["--workspace", str(tmp_path), "audit", "--from", "2026-01-01", "--to", "2026-12-31"])
    assert done.exit_code == 0, done.output
    book = openpyxl.load_workbook(tmp_path / "audits/audit_2026-01-01_2026-12-31.xlsx")
    front, counted = ([[c for c in row if c is not None] for row in sheet.iter_rows(values_only=True)] for sheet in book.worksheets[:2])
    assert {row[0]: row[1] for row in front if len(row) == 2}["Late"] == "none"
    assert ["access", 2, 0, 0, 2, "none was due", "–"] in [row[-7:] for row in counted]


def test_shares_are_of_those_that_were_due(world):
    one = next(s for s in summaries(world) if s.request == "A-1")
    several = [answered(one), answered(one, due=date(2026, 11, 19)), answered(one, sent=False), answered(one, outcome="lapsed", sent=False)]
    assert figures.shares(figures.answers(several, PERIOD, PERIOD.last))[-1] == ("all", 4, 1, 1, 1, "50.0 % of 2", "18")
