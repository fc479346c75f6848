"""Whose a line in a log is: theirs only with their browser, near something they did, and with nobody else about."""

from datetime import UTC, datetime, timedelta

import pytest

from dsar.source import Can
from tests.worlds import datamap, found, gather, held, request, rows, sources

WEB = datamap("""
[sources.shop]
timezone = "Europe/London"
[sources.shop.tables.users]
match = { user = "id", email = "email" }
reveals = { user = "id" }
columns = ["id", "email"]
[sources.shop.tables.logins]
match = { user = "user_id" }
reveals = { ip = { column = "ip", at = "at", browser = "browser" } }
columns = ["id", "user_id", "ip", "at", "browser"]
[sources.web.tables.visits]
match = { ip = "client" }
attribute = { at = "at", browser = "browser", hours = 12 }
columns = ["id", "client", "at", "browser"]
""")
FOX, OWL = "Firefox/128", "Chrome/140"
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
USERS = [{"id": 1, "email": "ann@x.org"}, {"id": 2, "email": "bob@x.org"}]


def login(number, user, hours=0, *, ip="192.0.2.7", browser=FOX, at=...):
    local = (NOON + hours * HOUR + HOUR).replace(tzinfo=None) if at is ... else at  # London's summer time, as the shop stores it
    return {"id": number, "user_id": user, "ip": ip, "at": local, "browser": browser}


def visit(number, hours=0.0, *, ip="192.0.2.7", browser=FOX, at=...):
    return {"id": number, "client": ip, "at": NOON + timedelta(hours=hours) if at is ... else at, "browser": browser}


def visits(logins, lines, *requests, **options):
    opened = sources(WEB, {"shop.users": USERS, "shop.logins": logins, "web.visits": lines}, **options)
    asked = requests or (request("A", "email=ann@x.org"),)
    return rows(gather(WEB, opened, *asked)[asked[0].id]).get("web.visits")


def test_a_line_near_a_sign_in_with_the_same_browser_is_found():
    lines = [visit(1), visit(2, 12), visit(3, -12), visit(4, 12.01), visit(5, -12.01), visit(6, browser=OWL), visit(7, ip="192.0.2.8")]
    assert visits([login(1, 1)], lines) == [*found(1, 2, 3), *held("unattributed", 4, 5, 6)]


def test_an_address_is_one_address_in_every_spelling():
    assert visits([login(1, 1, ip="2001:DB8::7")], [visit(1, ip="2001:db8:0::7"), visit(2, ip="2001:db8::8")]) == found(1)


@pytest.mark.parametrize(("apart", "expected"), [(0, "address in use"), (23.9, "address in use"), (24, "address in use"), (24.1, None)])
def test_an_address_that_somebody_else_used_around_that_time_proves_nothing(apart, expected):
    lines = [visit(1)]
    assert visits([login(1, 1), login(2, 2, apart, browser=OWL)], lines) == (held(expected, 1) if expected else found(1))
    assert visits([login(1, 1), login(2, 2, -apart)], lines) == (held(expected, 1) if expected else found(1))


def test_after_it_changed_hands_each_has_their_own_lines_and_the_other_days_are_held():
    logins, lines = [login(1, 1), login(2, 2, 240)], [visit(1), visit(2, 240), visit(3, 120)]
    assert visits(logins, lines) == [*found(1), *held("unattributed", 2, 3)]
    assert visits(logins, lines, request("B", "email=bob@x.org")) == [*held("unattributed", 1), *found(2), *held("unattributed", 3)]


def test_both_asking_at_once_changes_nothing():
    logins, lines = [login(1, 1), login(2, 2, 240)], [visit(1), visit(2, 240)]
    both = (request("A", "email=ann@x.org"), request("B", "email=bob@x.org"))
    assert visits(logins, lines, *both) == [*found(1), *held("unattributed", 2)]


def test_their_own_sign_ins_close_together_do_not_speak_against_each_other():
    assert visits([login(1, 1), login(2, 1, 1), login(3, 1, 13, browser=OWL)], [visit(1), visit(2, 13, browser=OWL)]) == found(1, 2)


def test_a_sign_in_without_a_time_or_browser_shows_nothing_and_a_stranger_without_a_time_is_always_near():
    assert visits([login(1, 1, at=None)], [visit(1)]) == held("unattributed", 1)
    assert visits([login(1, 1, browser=None)], [visit(1), visit(2, browser=None)]) == held("unattributed", 1, 2)
    assert visits([login(1, 1), login(2, 2, at=None)], [visit(1)]) == held("address in use", 1)
    assert visits([login(1, 1)], [visit(1, at=None)]) == held("unattributed", 1)


def test_a_time_that_is_text_is_read_and_a_day_alone_says_nothing():
    assert visits([login(1, 1, at="2026-06-01 13:00:00")], [visit(1)]) == found(1)
    assert visits([login(1, 1, at="this morning")], [visit(1)]) == held("unattributed", 1)


def test_what_a_claim_leads_to_is_held_as_a_claim():
    assert visits([login(1, 1)], [visit(1)], request("A", "email=ann@x.org", verified=False)) == held("claimed", 1)


def test_without_a_count_of_others_every_line_is_held():
    assert visits([login(1, 1)], [visit(1)], can=Can(others=False)) == held("unchecked", 1)


def test_an_address_the_requester_names_shows_nobody_using_it():
    assert visits([], [visit(1)], request("A", "ip=192.0.2.7")) == held("unattributed", 1)
    assert visits([login(1, 1)], [visit(1)], request("A", "ip=192.0.2.7", "email=ann@x.org")) == found(1)


def test_a_line_says_which_sign_in_it_was_seen_with():
    opened = sources(WEB, {"shop.users": USERS, "shop.logins": [login(1, 1), login(2, 1, 48)], "web.visits": [visit(1, 47)]})
    dossier = gather(WEB, opened, request("A", "email=ann@x.org"))["A"]
    assert dossier.rows(next(a for a in dossier.tables if a.table == "visits"))["dsar_via"].tolist() == ["shop.logins [2]"]
