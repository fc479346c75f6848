"""Decisions hold for the snapshot they were taken on, and are never lost."""

from datetime import date, timedelta

import pytest

from dsar.errors import AnswerIncomplete
from dsar.find.decisions import Decision, Decisions
from tests.worlds import NOW

LATER = NOW + timedelta(days=1)


def test_a_decision_is_read_back_as_it_was_taken(tmp_path):
    decisions = Decisions(tmp_path / "decisions.json", NOW)
    assert (decisions.all(), decisions.get("part 1")) == ((), None)
    taken = decisions.add("part 1", " R. Eader ", LATER, date(2026, 12, 1))
    assert taken == Decision("part 1", "R. Eader", LATER, NOW, date(2026, 12, 1))
    assert Decisions(tmp_path / "decisions.json", NOW).all() == (taken,)
    assert decisions.get("part 1") == taken
    assert (tmp_path / "decisions.json").stat().st_mode & 0o777 == 0o600


def test_a_decision_does_not_hold_for_another_snapshot_but_stays_on_record(tmp_path):
    old = Decisions(tmp_path / "decisions.json", NOW).add("part 1", "R. Eader", NOW, date(2026, 12, 1))
    fresh = Decisions(tmp_path / "decisions.json", LATER)
    assert fresh.get("part 1") is None
    new = fresh.add("part 1", "B. Cause", LATER, date(2026, 12, 2))
    assert fresh.all() == (old, new)
    assert Decisions(tmp_path / "decisions.json", NOW).get("part 1") == old


def test_the_latest_decision_counts(tmp_path):
    decisions = Decisions(tmp_path / "decisions.json", NOW)
    decisions.add("part 1", "A", NOW, date(2026, 12, 1))
    second = decisions.add("part 1", "B", NOW, date(2026, 12, 2))
    assert decisions.get("part 1") == second


@pytest.mark.parametrize(
    ("code", "by", "rest_by", "message"),
    [
        ("part 1", "  ", date(2026, 12, 1), "part 1: a decision needs the name of who takes it — name yourself: by='A. Nalyst'"),
        (
            "part 1",
            "A",
            None,
            "part 1: 'part 1' needs the date the rest follows by, other decisions none — give rest_by with 'part 1' alone",
        ),
    ],
)
def test_a_decision_that_lacks_something_is_not_recorded(tmp_path, code, by, rest_by, message):
    decisions = Decisions(tmp_path / "decisions.json", NOW)
    with pytest.raises(AnswerIncomplete) as error:
        decisions.add(code, by, NOW, rest_by)
    assert str(error.value) == message
    assert decisions.all() == ()
