"""When two spellings are one identifier."""

from decimal import Decimal

import pytest

from dsar import kinds
from dsar.errors import BadIdentifier


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        ("email", " Ann@Example.ORG\t", "ann@example.org"),
        ("email", "ann@bücher.example", "ann@XN--BCHER-KVA.example"),
        ("email", "STANISŁAW.WÓJCIK@WP.PL", "stanisław.wójcik@wp.pl"),
        ("email", "e\u0301va@example.org", "éva@example.org"),  # one letter, two ways to write it
        ("email", "mailto:ann@example.org", "ann@example.org"),
        ("email", "MAILTO:Ann@example.org", "ann@example.org"),
        ("email", "ann@example.org.", "ann@example.org"),
        ("email", "ann@bücher.example.", "ann@bücher.example"),
        ("email", "\ufeffan\u200bn@exam\u00adple.org\u200f", "ann@example.org"),
        ("email", " < ann@example.org > ", "ann@example.org"),
        ("email", "<mailto:ann@example.org.>", "ann@example.org"),
        ("email", '<"odd,name"@Example.org>', '"odd,name"@example.org'),
        ("email", "Ann <ann@example.org>", "ann@example.org"),
        ("email", '"Lee, Ann" <ann@example.org>', "ann@example.org"),
        ("phone", "020 7946 0018", "+44 (0)20-7946.0018"),
        ("phone", "\u202a020 79\u200b46 0018\u202c", "+442079460018"),
        ("phone", "tel:+44-20-7946-0018", "+442079460018"),
        ("phone", "0044 20 7946 0018", "+442079460018"),
        ("phone", "+44 20 7946 0018 ext. 5", "020 7946 0018 x5"),
        ("shop.customer", 5, "5"),
        ("shop.customer", 5.0, Decimal("5.00")),
        ("shop.customer", " 4.0 ", "4"),
        ("shop.customer", "-4.0", -4),
        ("shop.customer", "0.0", 0),
        ("shop.customer", "A-1\u200b", "A-1"),
    ],
)
def test_are_the_same(kind, one, other):
    assert kinds.normal(kind, one, "GB") == kinds.normal(kind, other, "GB") is not None


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        ("email", "straße@example.org", "strasse@example.org"),
        ("email", "ann+shop@example.org", "ann@example.org"),
        ("email", "a.nn@example.org", "ann@example.org"),
        ("phone", "+44 20 7946 0018", "+44 20 7946 0018 ext. 5"),  # a switchboard, and one desk behind it
        ("shop.customer", "007", "7"),
        ("shop.customer", "4.00", "4"),
        ("shop.customer", "4.5", "4"),
        ("shop.customer", "04.0", "4"),
        ("shop.customer", "04.0", "04"),
        ("shop.customer", "A.0", "A"),
        ("shop.customer", "-0.0", "-0"),
    ],
)
def test_are_not_the_same(kind, one, other):
    assert kinds.normal(kind, one, "GB") != kinds.normal(kind, other, "GB")


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("email", "eve@x.example, dora@x.example"),
        ("email", "a@x.example;b@x.example"),
        ("email", "a@x.example b@x.example"),
        ("email", "a@x.example/b@x.example"),
        ("email", "a@x.example|b@x.example"),
        ("email", "eve@x.example <dora@x.example>"),
        ("email", "eve, dora <dora@x.example>"),  # a list, not a name
        ("email", "<eve@x.example>, <dora@x.example>"),
        ("email", "mailto:eve@x.example,dora@x.example"),
        ("email", "dora@x.example (private)"),
        ("email", "(dora@x.example)"),
        ("phone", "+44 20 7946 0018 / +44 20 7946 0019"),
        ("phone", "020 7946 0018, 020 7946 0019"),
        ("phone", "020 7946 0018 020 7946 0019"),
        ("phone", "020 7946 0018 x12/x13"),
        ("phone", "02079460018;02079460019"),
        ("phone", "01632 555123;555124"),
    ],
)
def test_two_in_one_are_none(kind, value):
    assert kinds.normal(kind, value, "GB") is None


@pytest.mark.parametrize(
    ("kind", "value"), [("email", "ann at example"), ("email", "@"), ("phone", "12"), ("phone", "call me"), ("shop.customer", " ")]
)
def test_what_does_not_parse_is_refused_without_repeating_it(kind, value):
    assert kinds.normal(kind, value, "GB") is None
    with pytest.raises(BadIdentifier) as caught:
        kinds.require(kind, value, "GB")
    assert value.strip() not in str(caught.value) or not value.strip("@ ")
