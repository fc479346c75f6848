"""What remains of a log line once it is nobody's, by law.md 4.6."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsar.law.retention import CROWD, Crowd, anonymise_on, anonymised, browser, coarse, network, origin, path_only

CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/128.0.6613.120 Safari/537.36"
LINE = {
    "file": "access.log", "line": "0f", "copy": 1, "client": "::ffff:192.0.2.77", "user": "ann", "at": datetime(2026, 3, 1, 23, 59, 58, tzinfo=UTC),
    "request": "GET /orders/4711/ann@x.org/lines.html?session=abc HTTP/1.1", "status": 200, "bytes": 4711,
    "referrer": "https://ann:pw@shop.example:8443/basket?id=7", "browser": CHROME, "query_email": "ann@x.org", "more": '{"request_id": "77"}',
}  # fmt: skip


def test_every_field_of_a_line_is_coarsened_and_the_rest_dropped():
    assert coarse(LINE) == {
        "file": None, "line": None, "copy": None, "client": "192.0.2.0", "user": None, "at": date(2026, 3, 1),
        "request": "GET /orders/*/*/lines.html HTTP/1.1", "status": 200, "bytes": None,
        "referrer": "https://shop.example", "browser": "Chrome 128", "query_email": None, "more": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("192.0.2.255", "192.0.2.0"),
        ("::ffff:192.0.2.7", "192.0.2.0"),
        ("2001:db8:7:1:2:3:4:5", "2001:db8:7::"),
        ("[2001:DB8:7::1]", "2001:db8:7::"),
        ("::1", "::"),
        ("fe80::1%eth0", "fe80::"),
        ("unknown", None),
        ("192.0.2", None),
        (None, None),
    ],
)
def test_networks(address, expected):
    assert network(address) == expected


@pytest.mark.parametrize(
    ("agent", "expected"),
    [
        (CHROME, "Chrome 128"),
        (CHROME + " Edg/127.0.2651.8", "Edge 127"),
        (CHROME + " OPR/113.0.0.0", "Opera 113"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:129.0) Gecko/20100101 Firefox/129.0", "Firefox 129"),
        ("Mozilla/5.0 (iPhone) AppleWebKit/605.1 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1", "Safari 17"),
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "bot"),
        ("curl/8.5.0", "bot"),
        ("AnnsOwnBrowser/1.0 serial 4711", "other"),
        ("", "other"),
        (None, None),
    ],
)
def test_browsers(agent, expected):
    assert browser(agent) == expected


@pytest.mark.parametrize(
    ("referrer", "expected"),
    [
        ("http://search.example/?q=ann+wright", "http://search.example"),
        ("https://ann@x.example:8080/a#b", "https://x.example"),
        ("android-app://com.example/", None),
        ("ann@x.org", None),
        ("http://[::1", None),
        (None, None),
    ],
)
def test_referrers(referrer, expected):
    assert origin(referrer) == expected


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ("GET / HTTP/1.1", "GET / HTTP/1.1"),
        ("GET /about-us/Team.html HTTP/2.0", "GET /about-us/Team.html HTTP/2.0"),
        ("GET /a/5f2b9c/b?x=1 HTTP/1.0", "GET /a/*/b HTTP/1.0"),
        ("GET /ann%40x.org HTTP/1.1", "GET /* HTTP/1.1"),
        ("GET /j%C3%B6rg;jsessionid=7 HTTP/1.1", "GET /* HTTP/1.1"),
        ("GET http://ann:pw@x.example/a HTTP/1.1", "GET /* HTTP/1.1"),
        ("GET /index", "GET /index"),
        (r"\x16\x03\x01", None),
        ("", None),
        (None, None),
    ],
)
def test_paths_keep_words_and_star_what_may_be_an_id(request_, expected):
    assert path_only(request_) == expected


def _crowd(*clients, **changes):
    crowd = Crowd()
    for client in clients:
        crowd.add({**LINE, "client": client, **changes})
    return crowd


def test_the_network_stays_where_enough_visitors_of_it_share_the_line():
    crowd = _crowd(*(f"192.0.2.{n}" for n in range(CROWD)))
    assert anonymised(LINE, crowd) == (coarse(LINE), "anonymised")


def test_below_that_the_network_goes_and_then_what_else_singles_out():
    spread = _crowd("192.0.2.77", *(f"198.51.{n}.1" for n in range(CROWD - 1)))
    assert anonymised(LINE, spread) == ({**coarse(LINE), "client": None}, "anonymised")
    elsewhere = _crowd(*(f"198.51.{n}.1" for n in range(CROWD)), request="GET /imprint HTTP/1.1")
    bare = {**coarse(LINE), "client": None, "request": "GET", "referrer": None, "browser": None}
    assert anonymised(LINE, elsewhere) == (bare, "anonymised")
    assert anonymised(LINE, _crowd(*["192.0.2.77"] * 100)) == (bare, "reduced")
    assert anonymised(LINE, Crowd()) == (bare, "reduced")


def test_a_visitor_without_an_address_makes_no_crowd():
    assert anonymised(LINE, _crowd(*[None] * 10))[1] == "reduced"


def test_the_day_is_counted_in_days():
    assert anonymise_on(date(2027, 3, 1)) == date(2028, 2, 29)
    assert anonymise_on(datetime(2026, 3, 1, 23, 59, tzinfo=UTC)) == date(2027, 3, 1)


@given(st.text(), st.text(), st.text(), st.text())
def test_nothing_that_the_log_holds_makes_it_fail(client, request_, referrer, agent):
    row = {**LINE, "client": client, "request": request_, "referrer": referrer, "browser": agent}
    line, label = anonymised(row, Crowd())
    assert label == "reduced"
    assert set(line) == set(row)


@given(st.from_regex(r"[a-z]{1,8}/\d+/[a-z0-9]{6,32}\?[a-z]=\S{1,20}", fullmatch=True))
def test_digits_of_a_path_never_remain(path):
    kept = path_only(f"GET /{path} HTTP/1.1")
    assert not set("0123456789?=") & set(kept.removesuffix(" HTTP/1.1"))
