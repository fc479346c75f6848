"""In which order tables are asked, and what leads where."""

from dsar.datamap import Address
from dsar.find.order import all_upstream, reading_order, referrers, revealers, upstream
from tests.worlds import datamap

CHAIN = datamap("""
[sources.s.tables.lines]
match = { order = "order_id" }
columns = ["id", "order_id"]
[sources.s.tables.orders]
match = { customer = "customer_id" }
reveals = { order = "id" }
columns = ["id", "customer_id"]
[sources.s.tables.customers]
match = { customer = "id", email = "email" }
reveals = { customer = "id" }
columns = ["id", "email"]
""")
LINES, ORDERS, CUSTOMERS = (Address("s", t) for t in ("lines", "orders", "customers"))


def test_a_table_is_asked_after_those_that_lead_to_it_however_the_map_lists_them():
    assert reading_order(CHAIN) == (CUSTOMERS, ORDERS, LINES)


def test_upstream_is_one_step_and_all_upstream_every_step():
    assert [upstream(CHAIN, a) for a in (LINES, ORDERS, CUSTOMERS)] == [(ORDERS,), (CUSTOMERS,), ()]
    assert [all_upstream(CHAIN, a) for a in (LINES, ORDERS, CUSTOMERS)] == [(ORDERS, CUSTOMERS), (CUSTOMERS,), ()]


def test_revealers_names_table_and_column():
    assert list(revealers(CHAIN, "s.order")) == [(ORDERS, "id")]
    assert list(revealers(CHAIN, "email")) == []


def test_a_circle_is_entered_where_the_map_names_it_first_and_every_table_is_asked_once():
    circle = datamap("""
[sources.s.tables.a]
match = { x = "x", email = "email" }
reveals = { y = "y" }
columns = ["id", "x", "y", "email"]
[sources.s.tables.b]
match = { y = "y" }
reveals = { x = "x" }
columns = ["id", "x", "y"]
""")
    a, b = Address("s", "a"), Address("s", "b")
    assert reading_order(circle) == (b, a)
    assert (all_upstream(circle, a), all_upstream(circle, b)) == ((b,), (a,))


def test_two_kinds_that_are_looked_up_in_one_column_are_referred_to_from_both():
    two = datamap("""
[sources.s.tables.orders]
match = { email = "email" }
reveals = { address = "delivery_id", billing = "billing_id" }
columns = ["id", "email", "delivery_id", "billing_id"]
[sources.s.tables.addresses]
match = { address = "id", billing = "id" }
columns = ["id"]
""")
    orders = Address("s", "orders")
    assert list(referrers(two, "s.address")) == [(orders, "delivery_id"), (orders, "billing_id")]
    assert list(referrers(two, "s.billing")) == [(orders, "delivery_id"), (orders, "billing_id")]
