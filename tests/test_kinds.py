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
        ("phone", "020 7946 0018", "+44 (0)20-7946.0018"),
        ("phone", "0044 20 7946 0018", "+442079460018"),
        ("phone", "+44 20 7946 0018 ext. 5", "020 7946 0018 x5"),
        ("shop.customer", 5, "5"),
        ("shop.customer", 5.0, Decimal("5.00")),
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
    ],
)
def test_are_not_the_same(kind, one, other):
    assert kinds.normal(kind, one, "GB") != kinds.normal(kind, other, "GB")


@pytest.mark.parametrize(
    ("kind", "value"), [("email", "ann at example"), ("email", "@"), ("phone", "12"), ("phone", "call me"), ("shop.customer", " ")]
)
def test_what_does_not_parse_is_refused_without_repeating_it(kind, value):
    assert kinds.normal(kind, value, "GB") is None
    with pytest.raises(BadIdentifier) as caught:
        kinds.require(kind, value, "GB")
    assert value.strip() not in str(caught.value) or not value.strip("@ ")
