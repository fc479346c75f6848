"""The statutory clock: every given vector, and what must hold on every day of ten years under every calendar."""

import json
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsar.errors import BadDates, UnknownCalendar
from dsar.law.deadlines import RIGHTS, Deadline, clock, is_working_day, working_days_before

VECTORS = json.loads((Path(__file__).parent / "deadline_vectors.json").read_text(encoding="utf-8"))
CALENDARS = ("GB-ENG", "GB-WLS", "GB-SCT", "GB-NIR", "IE", "DE", "DE-BY", "FR", "NL", "AT")
DAYS = [date(2020, 1, 1) + timedelta(days=n) for n in range((date(2031, 1, 1) - date(2020, 1, 1)).days)]
D = date.fromisoformat


def of(vector):
    region = {"ENG": "GB-ENG", "SCT": "GB-SCT", "NIR": "GB-NIR"}
    received = D(vector["received"])
    return clock(
        received,
        vector["regime"],
        region.get(vector["calendar"], vector["calendar"]),
        "access",
        identity=(received, D(vector["id_received"])) if vector["id_received"] else None,
        fee=(received, D(vector["fee_paid"])) if vector["fee_paid"] else None,
        pauses=[(D(a), D(b)) for a, b in vector["pauses"]],
        extended=vector["extended"],
    )


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: v["id"])
def test_each_given_vector(vector):
    found = of(vector)
    assert (found.state, found.start, found.excluded_days, found.nominal, found.due) == (
        "running",
        D(vector["start"]),
        vector["excluded_days"],
        D(vector["nominal"]),
        D(vector["due"]),
    )
    assert f"{found.due:%a}" == vector["due_weekday"]
    if vector["extension_notice_by"]:
        assert found.notify_extension_by == D(vector["extension_notice_by"])


def test_the_vectors_are_all_there():
    assert len(VECTORS) == 25


@pytest.mark.parametrize("extended", [False, True])
@pytest.mark.parametrize("calendar", CALENDARS)
def test_every_day_of_ten_years(calendar, extended):
    regime = "uk" if calendar.startswith("GB") else "eu"
    before = None
    for received in DAYS:
        found = clock(received, regime, calendar, "erasure", extended=extended)
        assert found.state == "running"
        assert found.start == received
        assert found.target == received + timedelta(days=28)
        assert found.target <= found.nominal <= found.due == found.cautious
        assert found.notify_extension_by <= found.nominal
        assert is_working_day(found.due, calendar)
        assert not any(is_working_day(d, calendar) for d in days(found.nominal, found.due))
        if calendar in {"GB-ENG", "GB-SCT"}:
            assert found.due - found.nominal <= timedelta(days=4)
        assert before is None or before <= found.due
        before = found.due


def days(first, before):
    return (first + timedelta(days=n) for n in range((before - first).days))


gaps = st.integers(0, 60)


@given(st.sampled_from(DAYS), st.sampled_from(CALENDARS), gaps, gaps, gaps, gaps, st.booleans())
def test_what_was_answered_only_ever_gives_more_time(received, calendar, asked, took, asked_again, took_again, extended):
    regime = "uk" if calendar.startswith("GB") else "eu"
    spans = [(received + timedelta(days=a), received + timedelta(days=a + t)) for a, t in ((asked, took), (asked_again, took_again))]
    found = clock(received, regime, calendar, "access", identity=spans[0], pauses=spans, extended=extended)
    assert found.target <= found.nominal <= found.due
    assert found.due >= found.cautious
    assert found.excluded_days <= len({d for a, b in spans for d in days(a, b + timedelta(days=1))})


@given(st.sampled_from(DAYS), st.sampled_from(CALENDARS), st.integers(0, 28), st.sampled_from(["identity", "fee", "pauses"]))
def test_nothing_is_due_while_an_answer_is_waited_for(received, calendar, asked, what):
    regime = "uk" if calendar.startswith("GB") else "eu"
    span = (received + timedelta(days=asked), None)
    found = clock(received, regime, calendar, "access", **{what: [span] if what == "pauses" else span})
    assert (found.state, found.due, found.nominal, found.target, found.notify_extension_by) == ("waiting", None, None, None, None)
    assert found.cautious == clock(received, regime, calendar, "access").due


def test_a_question_stops_the_clock_in_the_uk_for_access_alone():
    received, span = date(2026, 10, 1), (date(2026, 10, 6), date(2026, 10, 15))
    due = {r: clock(received, "uk", "GB-ENG", r, pauses=[span]).due for r in RIGHTS if r != "complaint"}
    assert due == {**dict.fromkeys(due, date(2026, 11, 2)), "access": date(2026, 11, 11)}
    assert clock(received, "uk", "GB-ENG", "erasure", pauses=[(date(2026, 10, 6), None)]).state == "running"
    assert clock(received, "eu", "IE", "erasure", pauses=[span]).due == date(2026, 11, 11)


def test_overlapping_pauses_count_a_day_once_and_a_pause_after_the_end_counts_for_nothing():
    received = date(2026, 10, 1)
    overlapping = [(date(2026, 10, 6), date(2026, 10, 15)), (date(2026, 10, 10), date(2026, 10, 16))]
    assert clock(received, "uk", "GB-ENG", "access", pauses=overlapping).excluded_days == 11
    late = clock(received, "uk", "GB-ENG", "access", pauses=[(date(2026, 11, 20), date(2026, 12, 1))])
    still_open = clock(received, "uk", "GB-ENG", "access", pauses=[(date(2026, 11, 20), None)])
    assert (late.state, late.due) == (still_open.state, still_open.due) == ("running", date(2026, 11, 2))


def test_a_complaint_is_acknowledged_within_thirty_days():
    found = clock(date(2026, 11, 26), "uk", "GB-ENG", "complaint")
    assert (found.nominal, found.due, found.target) == (date(2026, 12, 26), date(2026, 12, 29), date(2026, 12, 24))


def test_it_says_in_words_how_it_counted():
    found = clock(
        date(2026, 10, 1),
        "uk",
        "GB-ENG",
        "access",
        identity=(date(2026, 10, 2), date(2026, 10, 12)),
        pauses=[(date(2026, 10, 14), date(2026, 10, 15))],
    )
    assert found == Deadline(
        "running",
        date(2026, 10, 12),
        date(2026, 11, 14),
        date(2026, 11, 16),
        date(2026, 11, 14),
        date(2026, 11, 11),
        date(2026, 11, 2),
        2,
        "Received on 2026-10-01: the day of receipt is not counted, whatever day it is (Reg. 1182/71 Art. 3(1)). "
        "Proof of identity or authority came on 2026-10-12: the clock starts there (UK GDPR Art. 12A(2)). "
        "Stopped from 2026-10-14 to 2026-10-15 (UK GDPR Art. 12A(5)). "
        "2 days not counted, both ends included. "
        "After one month the last day would be Saturday 2026-11-14, no working day in GB-ENG: due Monday 2026-11-16 (Reg. 1182/71 Art. 3(4)).",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "error", "said"),
    [
        ({"received": date(2017, 5, 1)}, UnknownCalendar, "GB-ENG: there are no public holidays on record for 2017"),
        ({"received": date(2035, 12, 30)}, UnknownCalendar, "GB-ENG: there are no public holidays on record for 2036"),
        ({"calendar": "GB"}, UnknownCalendar, "GB: is no calendar of public holidays"),
        ({"calendar": "GB-LON"}, UnknownCalendar, "GB-LON: is no calendar of public holidays"),
        ({"calendar": "Mars"}, UnknownCalendar, "Mars: is no calendar of public holidays"),
        ({"regime": "us"}, BadDates, "regime must be uk or eu"),
        ({"right": "deletion"}, BadDates, "there is no such right"),
        ({"identity": (date(2026, 10, 1), None)}, BadDates, "identity: asked before the request was received"),
        ({"fee": (date(2026, 11, 9), date(2026, 11, 8))}, BadDates, "fee: answered before it was asked"),
        ({"pauses": [(date(2026, 11, 9), date(2026, 11, 8))]}, BadDates, "pause: answered before it was asked"),
        ({"right": "complaint", "extended": True}, BadDates, "a complaint's 30 days cannot be extended"),
        ({"right": "complaint", "regime": "eu"}, BadDates, "the law on complaints to the controller (s.164A DPA 2018) is the UK's"),
    ],
)
def test_what_cannot_be_is_one_clear_line(changed, error, said):
    question = {"received": date(2026, 11, 2), "regime": "uk", "calendar": "GB-ENG", "right": "access"} | changed
    with pytest.raises(error) as caught:
        clock(**question)
    assert str(caught.value).startswith(f"{said} — ")
    assert "\n" not in str(caught.value)


def test_working_days_before_leave_out_weekends_and_holidays():
    assert working_days_before(date(2026, 12, 29), 5, "GB-ENG") == date(2026, 12, 18)
    assert working_days_before(date(2026, 12, 29), 5, "DE") == date(2026, 12, 21)
