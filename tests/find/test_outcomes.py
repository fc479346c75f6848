"""One outcome per table: only found and nothing are complete, and a table behind a silent one is not."""

import pytest

from dsar.datamap import Address
from dsar.find.order import ways
from dsar.find.outcome import Outcome, TableFacts, outcomes
from tests.worlds import NOW, datamap

MAP = datamap("""
[sources.s.tables.customers]
match = { customer = "id", email = "email" }
reveals = { customer = "id" }
columns = ["id", "email"]
[sources.s.tables.orders]
match = { customer = "customer_id", email = "guest_email" }
reveals = { order = "id" }
columns = ["id", "customer_id", "guest_email"]
[sources.s.tables.lines]
match = { order = "order_id" }
columns = ["id", "order_id"]
[sources.s.tables.cards]
match = { card = "number" }
columns = ["id", "number"]
""")
CUSTOMERS, ORDERS, LINES, CARDS = (Address("s", t) for t in ("customers", "orders", "lines", "cards"))
ASKED = {CUSTOMERS: ("email",), ORDERS: ("email",), LINES: (), CARDS: ("s.card",)}


def facts(**changed):
    base = {a: TableFacts("", "", (), 0, NOW, kinds) for a, kinds in ASKED.items()}
    return {a: f._replace(**changed.get(a.table, {})) for a, f in base.items()}


def words(facts, rows=()):
    standings = {a: [s for t, s in rows if t == a.table] for a in facts}
    return {a.table: o.words() for a, o in outcomes(ways(MAP), facts, standings).items()}


def test_found_and_nothing():
    rows = [("customers", "found"), ("orders", "found"), ("orders", "held")]
    assert words(facts(), rows) == {"customers": "found 1", "orders": "found 1, 1 being checked", "lines": "nothing", "cards": "nothing"}


def test_an_outcome_carries_all_that_is_known_of_the_table():
    standings = {a: ["held", "found", "found"] if a == ORDERS else [] for a in ASKED}
    known = facts(orders={"undeclared": ("new",), "malformed": 2, "unreadable": 3})
    assert outcomes(ways(MAP), known, standings)[ORDERS] == Outcome(
        "found", 2, 1, searched_by=("email",), undeclared=("new",), malformed=2, unreadable=3, collected_at=NOW
    )


@pytest.mark.parametrize(("fact", "state"), [({"failed": "it is down"}, "failed: it is down"), ({"waiting": "hr@x"}, "waiting: hr@x")])
def test_whatever_hangs_on_a_table_that_did_not_answer_is_not_complete_even_with_rows(fact, state):
    behind = "s.customers did not answer, so rows reached through it may be missing"
    assert words(facts(customers=fact), [("orders", "found")]) == {
        "customers": state,
        "orders": f"failed: {behind}",
        "lines": f"not searched: {behind}",
        "cards": "nothing",
    }


def test_a_table_two_steps_behind_is_not_complete_though_the_one_between_could_not_be_searched():
    through = datamap("""
[sources.s.tables.a]
match = { email = "email" }
reveals = { b = "id" }
columns = ["id", "email"]
[sources.s.tables.b]
match = { b = "a_id" }
reveals = { c = "id" }
columns = ["id", "a_id"]
[sources.s.tables.c]
match = { c = "b_id", email = "email" }
columns = ["id", "b_id", "email"]
""")
    a, b, c = (Address("s", t) for t in "abc")
    known = {
        a: TableFacts("down", "", (), 0, None, ("email",)),
        b: TableFacts("", "", (), 0, None, ()),
        c: TableFacts("", "", (), 0, NOW, ("email",)),
    }
    found = outcomes(ways(through), known, {x: [] for x in known})
    why = "s.a did not answer, so rows reached through it may be missing"
    assert {x.table: o.words() for x, o in found.items()} == {"a": "failed: down", "b": f"not searched: {why}", "c": f"failed: {why}"}


def test_in_a_circle_a_failed_table_makes_the_others_incomplete_too():
    circle = datamap("""
[sources.s.tables.a]
match = { x = "x", email = "email" }
reveals = { y = "y" }
columns = ["id", "x", "y", "email"]
[sources.s.tables.b]
match = { y = "y", email = "email" }
reveals = { x = "x" }
columns = ["id", "x", "y", "email"]
""")
    a, b = Address("s", "a"), Address("s", "b")
    for bad, other in ((a, b), (b, a)):
        known = {x: TableFacts("down" if x == bad else "", "", (), 0, None, ("email",)) for x in (a, b)}
        found = outcomes(ways(circle), known, {x: [] for x in known})
        assert {x: o.words() for x, o in found.items()} == {
            bad: "failed: down",
            other: f"failed: {bad} did not answer, so rows reached through it may be missing",
        }


def test_a_table_that_only_kinds_lead_to_which_were_not_given_is_not_searched_and_nor_is_what_hangs_on_it():
    nothing_given = facts(customers={"searched_by": ()}, orders={"searched_by": ()}, cards={"searched_by": ()})
    assert words(nothing_given) == {
        "customers": "not searched: it is searched by s.customer or email, which this request does not give",
        "orders": "not searched: it is searched by email, which this request does not give",
        "lines": "not searched: s.orders, s.customers could not be searched, so nothing led here",
        "cards": "not searched: it is searched by s.card, which this request does not give",
    }


def test_a_table_searched_by_one_kind_is_complete_though_another_was_not_given():
    assert words(facts(customers={"searched_by": ("s.customer",)}, orders={"searched_by": ("s.customer",)})) == {
        "customers": "nothing",
        "orders": "nothing",
        "lines": "nothing",
        "cards": "nothing",
    }
