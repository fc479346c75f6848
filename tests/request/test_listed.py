"""The register: every bad line is named, and no message repeats what a person is known by."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsar.errors import BadRequests, DsarError, IdentityNotVerified, NotAsked
from dsar.request.identity import Identifier
from dsar.request.listed import read_requests
from dsar.request.request import Request
from tests.worlds import datamap, request

MAP = datamap("""
[sources.shop.tables.orders]
match = { customer = "customer_id", email = "email" }
columns = ["id", "customer_id", "email"]
""")
HEADER = "id,received,rights,identifiers,verified_on,no_reasonable_doubt"
TODAY = date(2026, 11, 23)
KINDS = "identifiers are written kind=value, with kind one of email, phone, shop.customer"
REMEDY = " — mend these lines; nothing was done"


def read(folder, *lines, header=HEADER, encoding="utf-8", newline="\n"):
    path = folder / "requests.csv"
    path.write_bytes(newline.join([header, *lines, ""]).encode(encoding))
    return read_requests(path, MAP, TODAY)


def message(folder, *lines, **options):
    with pytest.raises(BadRequests) as error:
        read(folder, *lines, **options)
    return str(error.value)


def test_a_register_is_read_whole(tmp_path):
    requests = read(
        tmp_path,
        "B-2,2026-11-02,Portability; erasure;portability,email= Ann@X.org ; phone=020 7946 0001;shop.customer=007,2026-11-03,",
        "",
        'a_1,2026-11-04,access,"email=""odd,name""@x.org",,they were signed in',
        "C,2026-11-05,erasure,email=ann@x.org; email=ANN@x.org,,",
    )
    assert requests == {
        "B-2": Request(
            "B-2",
            date(2026, 11, 2),
            ("portability", "erasure"),
            (
                Identifier("email", "ann@x.org", "verified"),
                Identifier("phone", "+442079460001", "verified"),
                Identifier("shop.customer", "007", "verified"),
            ),
            date(2026, 11, 3),
        ),
        "a_1": Request("a_1", date(2026, 11, 4), ("access",), (Identifier("email", '"odd,name"@x.org', "verified"),), None, "they were signed in"),
        "C": Request("C", date(2026, 11, 5), ("erasure",), (Identifier("email", "ann@x.org", "claimed"),)),
    }
    assert list(requests) == ["B-2", "a_1", "C"]
    assert [r.identity_settled for r in requests.values()] == [True, True, False]


@pytest.mark.parametrize(
    "options", [{"encoding": "utf-8-sig"}, {"newline": "\r\n"}, {"header": HEADER.replace(",", ";"), "line": "A;2026-11-02;access;email=zoë@x.org;;"}]
)
def test_what_spreadsheet_programs_write_is_read(tmp_path, options):
    line = options.pop("line", "A,2026-11-02,access,email=zoë@x.org,,")
    assert read(tmp_path, line, **options) == {
        "A": Request("A", date(2026, 11, 2), ("access",), (Identifier("email", "zoë@x.org", "claimed"),)),
    }


def test_a_value_may_hold_an_equals_sign(tmp_path):
    assert read(tmp_path, "A,2026-11-02,access,email=a=b@x.org,,")["A"].identifiers == (Identifier("email", "a=b@x.org", "claimed"),)


WHICH_RIGHTS = (
    "rights must be one or more of access, rectification, erasure, restriction, portability, objection, withdrawal, complaint, separated by ;"
)
DATE = "received must be a date like 2026-11-23"
GOOD = "A,2026-11-02,access,email=ann@x.org,,"


@pytest.mark.parametrize(
    ("lines", "faults"),
    [
        (["A,2026-11-02,access,email=ann@x.org,"], "line 2: needs exactly 6 fields"),
        (["A,2026-11-02,access,email=ann@x.org,,,"], "line 2: needs exactly 6 fields"),
        (["../up,2026-11-02,access,email=ann@x.org,,"], "line 2: id may hold letters, digits, - and _, at most 40"),
        ([f"{'A' * 41},2026-11-02,access,email=ann@x.org,,"], "line 2: id may hold letters, digits, - and _, at most 40"),
        ([",2026-11-02,access,email=ann@x.org,,"], "line 2: id may hold letters, digits, - and _, at most 40"),
        (["-A,2026-11-02,access,email=ann@x.org,,"], "line 2: id may hold letters, digits, - and _, at most 40"),
        (["A,02/11/2026,access,email=ann@x.org,,"], "line 2: received must be a date like 2026-11-23"),
        (["A,,access,email=ann@x.org,,"], "line 2: received must be a date like 2026-11-23"),
        (["A,2026-11-02,access,email=ann@x.org,yes,"], "line 2: verified_on must be a date like 2026-11-23"),
        (["A,2026-02-29,access,email=ann@x.org,,"], "line 2: received must be a date like 2026-11-23"),
        (
            ["A,2026-11-02,deletion,email=ann@x.org,,"],
            f"line 2: {WHICH_RIGHTS}",
        ),
        (
            ["A,2026-11-02,,email=ann@x.org,,"],
            f"line 2: {WHICH_RIGHTS}",
        ),
        (["A,2026-11-02,access,ann@x.org,,"], f"line 2: {KINDS}"),
        (["A,2026-11-02,access,Email=ann@x.org,,"], f"line 2: {KINDS}"),
        (["A,2026-11-02,access,customer=7,,"], f"line 2: {KINDS}"),
        (["A,2026-11-02,access,shop.order=7,,"], f"line 2: {KINDS}"),
        (
            ["A,2026-11-02,access,email=ann at x.org,,"],
            "line 2: an identifier of kind 'email' does not parse — an e-mail address looks like name@example.org",
        ),
        (
            ["A,2026-11-02,access,phone=12,,"],
            "line 2: an identifier of kind 'phone' does not parse — write a phone number with its country code, like +44 20 7946 0018",
        ),
        (["A,2026-11-02,access,shop.customer=,,"], "line 2: an identifier of kind 'shop.customer' does not parse — it must not be empty"),
        (["A,2026-11-02,access, ; ,,"], "line 2: needs at least one identifier, such as email=name@example.org"),
        ([GOOD, GOOD.replace("A", "a", 1)], "line 3: this id stands in the file twice"),
        ([GOOD, "B,x,access,email=ann@x.org,,", "", "C,y,access,email=ann@x.org,,"], f"line 3: {DATE}; line 5: {DATE}"),
        ([GOOD, 'B,2026-11-02,access,"email=ann@x.org'], "line 3: not CSV (unexpected end of data)"),
        ([GOOD, 'B,2026-11-02,access,"email=a"nn@x.org,,'], "line 3: not CSV (',' expected after '\"')"),
        ([f"{i},x,access,email=ann@x.org,," for i in range(7)], "; ".join(f"line {n}: {DATE}" for n in range(2, 7)) + "; and 2 more"),
    ],
)  # fmt: skip
def test_each_bad_line_is_named_and_nothing_is_read(tmp_path, lines, faults):
    said = message(tmp_path, *lines)
    assert said == f"requests.csv: {faults}{REMEDY}"
    assert "ann" not in said


@pytest.mark.parametrize(
    "header", ["", "id,received", HEADER.upper(), HEADER + ",more", "received,id,rights,identifiers,verified_on,no_reasonable_doubt"]
)
def test_another_header_is_refused(tmp_path, header):
    assert message(tmp_path, GOOD, header=header) == f"requests.csv line 1: the header is not the expected one — write it as {HEADER}"


def test_a_missing_file_and_one_that_is_not_utf8_are_refused(tmp_path):
    remedy = f"write a CSV file with the header {HEADER}"
    with pytest.raises(BadRequests) as error:
        read_requests(tmp_path / "requests.csv", MAP, TODAY)
    assert str(error.value) == f"requests.csv: is not there, or cannot be opened — {remedy}"
    assert message(tmp_path, GOOD.replace("ann", "zoë"), encoding="cp1252") == f"requests.csv: cannot be read as UTF-8 text — {remedy}"


@given(
    st.text(st.characters(exclude_characters=',;"\r\n=', exclude_categories=["Cs"]), min_size=1),
    st.sampled_from(["email", "phone", "", "shop.order"]),
)
def test_no_message_repeats_an_identifier(tmp_path_factory, value, kind):
    marked = f"q{value}q"
    try:
        read(tmp_path_factory.mktemp("register"), f"A,2026-11-02,access,{kind}={marked},,")
    except DsarError as error:
        assert marked not in str(error)  # noqa: PT017 - some values are good
        assert str(error).startswith("requests.csv: line 2: ")  # noqa: PT017


def test_identity_has_to_be_settled_before_anything_leaves():
    request("A", "email=ann@x.org").require_identity()
    with pytest.raises(IdentityNotVerified) as error:
        request("A", "email=ann@x.org", verified=False).require_identity()
    assert str(error.value) == (
        "A: the requester's identity is not settled, so nothing may leave — "
        "record `identity confirmed`, or fill in verified_on or no_reasonable_doubt in requests.csv"
    )


def test_the_fingerprint_is_of_identifiers_and_standing_and_not_of_their_order():
    one, other = request("A", "email=ann@x.org", "shop.customer=1"), request("B", "shop.customer=1", "email=ann@x.org")
    assert one.fingerprint == other.fingerprint
    assert (
        len(
            {
                one.fingerprint,
                request("A", "email=ann@x.org").fingerprint,
                request("A", "email=ann@x.org", "shop.customer=1", verified=False).fingerprint,
            }
        )
        == 3
    )


def test_what_a_notebook_shows_of_a_request_names_kinds_and_no_values():
    shown = request("A-1", "email=ann@x.org", "shop.customer=4711")._repr_html_()
    assert "email, shop.customer" in shown
    assert "2026-11-03" in shown
    assert "ann@" not in shown
    assert "4711" not in shown
    assert "NOT SETTLED" in request("A-1", "email=ann@x.org", verified=False)._repr_html_()


def test_a_request_is_answered_only_for_what_it_asks():
    asked = Request("R-1", date(2026, 11, 2), ("portability",), (), date(2026, 11, 3))
    asked.require("portability")
    with pytest.raises(NotAsked) as caught:
        asked.require("erasure")
    assert str(caught.value) == "R-1: the request asks for portability, not for erasure — correct its rights in the register if it does"


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("A,2026-11-24,access,email=ann@x.org,,", "received is in the future"),
        ("A,2026-11-02,access,email=ann@x.org,2099-11-03,", "verified_on is in the future"),
        ("A,2026-11-02,access,email=ann@x.org,2026-11-01,", "verified_on is before received"),
        ("A,2026-11-02,access,email=ann@x.org,,no", "no_reasonable_doubt needs the reason, in a few words"),
    ],
)
def test_a_slip_of_the_pen_settles_nobodys_identity(tmp_path, line, fault):
    assert message(tmp_path, line) == f"requests.csv: line 2: {fault} — mend these lines; nothing was done"
