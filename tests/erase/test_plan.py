# ruff: noqa: DTZ001 - dates without a zone are what tables hold
"""The erasure plan: nothing goes before what hangs on it, nothing kept is orphaned, nothing held is touched."""

from datetime import date, datetime

import pytest

from dsar.datamap import Retention
from dsar.erase.plan import plan
from dsar.law.retention import keep_until
from tests.worlds import TODAY, datamap, gather, request, sources

MAP = """
[activities.books]
purpose = "books"
basis = "6(1)(c)"
origin = "provided"
retention = { from = "day", years = 6, why = "VAT records", article = "17(3)(b)" }
[activities.letters]
purpose = "letters"
basis = "6(1)(a)"
origin = "provided"
[sources.shop.tables.customers]
match = { customer = "id", email = "email" }
reveals = { customer = "id", email = "second_email" }
columns = { id = {}, email = { erase = "blank" }, second_email = {}, fax = { erase = "blank" } }
[sources.shop.tables.orders]
match = { customer = "customer_id" }
reveals = { order = "id", address = "address_id" }
open_while = { column = "status", values = ["open"], until = "it is delivered" }
columns = ["id", "customer_id", "address_id", "status"]
[sources.shop.tables.addresses]
match = { address = "id" }
columns = ["id"]
[sources.shop.tables.invoices]
activity = "books"
match = { order = "order_id" }
reveals = { invoice = "id" }
columns = ["id", "order_id", "day"]
[sources.shop.tables.lines]
activity = "books"
match = { invoice = "invoice_id" }
columns = ["id", "invoice_id"]
[sources.news.tables.readers]
activity = "letters"
match = { email = "email" }
columns = ["id", "email"]
"""
SHOP = datamap(MAP)
CUSTOMER = {"id": 1, "email": "ann@x.org", "second_email": None, "fax": None}
ANN = request("A", "email=ann@x.org")


def order(id_, address=None, status="sent", customer=1):
    return {"id": id_, "customer_id": customer, "address_id": address, "status": status}


def invoice(id_, day, order_id=10):
    return {"id": id_, "order_id": order_id, "day": day}


def dossier(map_=SHOP, *, who=ANN, change=None, **tables):
    data = {"shop.customers": [CUSTOMER]} | {k.replace("__", "."): v for k, v in tables.items()}
    opened = sources(map_, {k if "." in k else f"shop.{k}": v for k, v in data.items()})
    if change:
        change(opened)
    return gather(map_, opened, who)[who.id]


def lines(dossier, today=TODAY):
    """Return the plan as (table, key, action, until)."""
    return [(s.address.table, s.key, s.action, s.until) for s in plan(dossier, today)]


def test_what_refers_to_a_row_goes_before_it():
    steps = plan(
        dossier(
            orders=[order(10, 70), order(11, 70)], addresses=[{"id": 70}], invoices=[invoice(5, date(2010, 1, 1))], lines=[{"id": 9, "invoice_id": 5}]
        ),
        TODAY,
    )
    place = {(s.address.table, s.key): n for n, s in enumerate(steps)}
    assert sorted(place) == [
        ("addresses", "[70]"),
        ("customers", "[1]"),
        ("invoices", "[5]"),
        ("lines", "[9]"),
        ("orders", "[10]"),
        ("orders", "[11]"),
    ]
    chain = [("lines", "[9]"), ("invoices", "[5]"), ("orders", "[10]"), ("customers", "[1]")]
    assert sorted(chain, key=place.__getitem__) == chain
    assert max(place["orders", "[10]"], place["orders", "[11]"]) < min(place["addresses", "[70]"], place["customers", "[1]"])
    assert {s.action for s in steps} == {"erase"}
    by_name = {(s.address.table, s.key): s for s in steps}
    assert set(by_name["addresses", "[70]"].after) == {by_name["orders", "[10]"].id, by_name["orders", "[11]"].id}
    assert by_name["orders", "[10]"].after == (by_name["invoices", "[5]"].id,)
    assert by_name["orders", "[11]"].after == by_name["lines", "[9]"].after == ()


def test_every_step_says_why_by_which_article_and_its_id_is_stable():
    made = dossier(orders=[order(10)], news__readers=[{"id": 3, "email": "ann@x.org"}])
    first, again = plan(made, TODAY), plan(dossier(orders=[order(10), order(11)], news__readers=[{"id": 3, "email": "ann@x.org"}]), TODAY)
    assert sorted((s.address.table, s.why, s.article) for s in first) == [
        ("customers", "No longer needed for the purpose it was collected for.", "17(1)(a)"),
        ("orders", "No longer needed for the purpose it was collected for.", "17(1)(a)"),
        ("readers", "Rested on consent, which the request withdraws.", "17(1)(b)"),
    ]
    assert {s.id for s in first} < {s.id for s in again}
    assert len({s.id for s in again}) == len(again) == 4
    assert all(s.id.startswith("A-") for s in first)


def test_what_must_be_kept_keeps_what_leads_to_it_and_blanks_what_need_not_stay():
    map_ = SHOP
    made = dossier(
        map_,
        customers=[{**CUSTOMER, "fax": "1"}],
        orders=[order(10, 70), order(11, 71)],
        addresses=[{"id": 70}, {"id": 71}],
        invoices=[invoice(5, date(2022, 3, 1)), invoice(6, date(2024, 2, 29)), invoice(7, date(2019, 1, 1), 11)],
        lines=[{"id": 9, "invoice_id": 6}],
    )
    until = date(2030, 2, 28)
    assert sorted(lines(made), key=str) == [
        ("addresses", "[70]", "keep", until),
        ("addresses", "[71]", "erase", None),
        ("customers", "[1]", "blank", None),
        ("customers", "[1]", "keep", until),
        ("invoices", "[5]", "keep", date(2028, 3, 1)),
        ("invoices", "[6]", "keep", until),
        ("invoices", "[7]", "erase", None),
        ("lines", "[9]", "keep", until),
        ("orders", "[10]", "keep", until),
        ("orders", "[11]", "erase", None),
    ]
    by_name = {(s.address.table, s.key, s.action): s for s in plan(made, TODAY)}
    blank, kept = by_name["customers", "[1]", "blank"], by_name["customers", "[1]", "keep"]
    assert (blank.columns, blank.why, blank.article) == (("email", "fax"), "No longer needed for the purpose it was collected for.", "17(1)(a)")
    assert (kept.columns, kept.why, kept.article, kept.after) == ((), "Needed for a record that must be kept.", "17(3)(b)", ())
    assert by_name["invoices", "[6]", "keep"].why == "VAT records (kept 6 years)."
    assert blank.id != kept.id


def test_an_address_that_a_kept_order_refers_to_is_kept():
    made = dossier(orders=[order(10, 70)], addresses=[{"id": 70}], invoices=[invoice(5, date(2022, 3, 1))])
    assert ("addresses", "[70]", "keep", date(2028, 3, 1)) in lines(made)


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (date(2020, 11, 22), ("erase", None)),
        (date(2020, 11, 23), ("keep", date(2026, 11, 23))),  # its last day
        (date(2020, 11, 24), ("keep", date(2026, 11, 24))),
        ("2024-02-29", ("keep", date(2030, 2, 28))),
        ("2024-02-29 13:00:00", ("keep", date(2030, 2, 28))),
        (datetime(2024, 3, 1, 23, 59), ("keep", date(2030, 3, 1))),
        ("29.02.2024", ("decide", None)),
        (None, ("decide", None)),
        ("", ("decide", None)),
        (20240229, ("decide", None)),
    ],
)
def test_how_long_an_invoice_is_kept(day, expected):
    made = dossier(orders=[order(10)], invoices=[invoice(5, day)], lines=[{"id": 9, "invoice_id": 5}])
    found = {table: (action, until) for table, _, action, until in lines(made)}
    assert (found["invoices"], found["lines"]) == (expected, expected)
    if expected[0] == "decide":
        assert found["orders"] == found["customers"] == ("not due", "the rows below it are decided")
        [step] = [s for s in plan(made, TODAY) if s.address.table == "invoices"]
        assert (step.why, step.article) == ("VAT records (kept 6 years), but the date it is counted from is not recorded.", "17(3)(b)")
    if expected[0] == "erase":
        assert found["orders"] == found["customers"] == ("erase", None)


@pytest.mark.parametrize(
    ("rule", "start", "until"),
    [
        ({"years": 6}, date(2024, 2, 29), date(2030, 2, 28)),
        ({"years": 4}, date(2024, 2, 29), date(2028, 2, 29)),
        ({"months": 1}, date(2026, 1, 31), date(2026, 2, 28)),
        ({"days": 30}, date(2026, 1, 31), date(2026, 3, 2)),
        ({"years": 1, "months": 1, "days": 1}, date(2024, 1, 30), date(2025, 3, 1)),
    ],
)
def test_periods_end_on_the_same_date_or_the_months_end(rule, start, until):
    assert keep_until(Retention(**{"from": "day"}, why="law", article="17(3)(b)", **rule), start) == until


def test_an_open_order_is_not_due_and_nor_is_what_leads_to_it():
    made = dossier(orders=[order(10, 70, "open"), order(11, 71)], addresses=[{"id": 70}, {"id": 71}])
    assert sorted(lines(made)) == [
        ("addresses", "[70]", "not due", "it is delivered"),
        ("addresses", "[71]", "erase", None),
        ("customers", "[1]", "not due", "it is delivered"),
        ("orders", "[10]", "not due", "it is delivered"),
        ("orders", "[11]", "erase", None),
    ]


def test_a_row_that_held_rows_hang_on_is_not_due_and_held_rows_have_no_step():
    made = dossier(
        customers=[{**CUSTOMER, "second_email": "old@x.org"}], news__readers=[{"id": 3, "email": "old@x.org"}, {"id": 4, "email": "ann@x.org"}]
    )
    assert sorted(lines(made)) == [("customers", "[1]", "not due", "the held rows are decided"), ("readers", "[4]", "erase", None)]


def test_a_row_that_is_needed_to_search_a_table_that_failed_is_not_due():
    def lose(opened):
        del opened["shop"].tables["orders"]

    made = dossier(change=lose)
    assert lines(made) == [("customers", "[1]", "not due", "shop.orders has been searched")]


def test_nothing_found_is_nothing_to_do():
    assert plan(dossier(who=request("A", "email=nobody@x.org")), TODAY) == ()


CIRCLE = """
[activities.books]
purpose = "books"
basis = "6(1)(c)"
origin = "provided"
retention = { from = "day", years = 6, why = "VAT records", article = "17(3)(b)" }
[sources.shop.tables.customers]
match = { customer = "id", email = "email" }
reveals = { customer = "id", address = "home_id" }
columns = ["id", "email", "home_id"]
[sources.shop.tables.addresses]
match = { address = "id", customer = "customer_id" }
reveals = { address = "id" }
columns = ["id", "customer_id"]
[sources.shop.tables.invoices]
activity = "books"
match = { KIND = "whose" }
columns = ["id", "whose", "day"]
"""


@pytest.mark.parametrize("day", [date(2010, 1, 1), date(2022, 3, 1)])
@pytest.mark.parametrize(("kind", "whose"), [("customer", 1), ("address", 70)])
def test_rows_that_refer_to_each_other_go_together_or_stay_together(day, kind, whose):
    made = dossier(
        datamap(CIRCLE.replace("KIND", kind)),
        customers=[{"id": 1, "email": "ann@x.org", "home_id": 70}],
        addresses=[{"id": 70, "customer_id": 1}],
        invoices=[{"id": 5, "whose": whose, "day": day}],
    )
    actions = {(table, action, until) for table, _, action, until in lines(made) if table != "invoices"}
    stays = ("erase", None) if day.year == 2010 else ("keep", date(2028, 3, 1))
    assert actions == {("customers", *stays), ("addresses", *stays)}
    steps = plan(made, TODAY)
    position = {s.id: n for n, s in enumerate(steps)}
    assert all(position[before] < position[s.id] for s in steps for before in s.after)


def test_a_kept_row_stays_as_long_as_the_kept_row_that_refers_to_it():
    map_ = datamap("""
[activities.books]
purpose = "books"
basis = "6(1)(c)"
origin = "provided"
retention = { from = "day", years = 6, why = "VAT records", article = "17(3)(b)" }
[sources.shop.tables.invoices]
activity = "books"
match = { email = "email" }
reveals = { invoice = "id" }
columns = ["id", "email", "day"]
[sources.shop.tables.credit_notes]
activity = "books"
match = { invoice = "invoice_id" }
columns = ["id", "invoice_id", "day"]
""")
    data = {
        "shop.invoices": [{"id": 1, "email": "ann@x.org", "day": date(2021, 1, 1)}],
        "shop.credit_notes": [{"id": 2, "invoice_id": 1, "day": date(2023, 1, 1)}],
    }
    made = gather(map_, sources(map_, data), ANN)["A"]
    assert lines(made) == [("credit_notes", "[2]", "keep", date(2029, 1, 1)), ("invoices", "[1]", "keep", date(2029, 1, 1))]
