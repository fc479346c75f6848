"""Collecting: everything that is the person's, nothing that is anybody else's, and never silence where a source failed."""

from datetime import date
from decimal import Decimal

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsar import values
from dsar.datamap import Address
from dsar.errors import SourceUnreachable
from dsar.find.dossier import PROVENANCE
from dsar.source import Asked, Can, Done, Malformed, Match, Others, Rows, Waiting
from tests.examples import examples
from tests.worlds import NOW, Memory, datamap, found, gather, held, request, results, rows, sources

SHOP = datamap("""
[sources.shop.tables.customers]
match = { customer = "id", email = "email", phone = "phone" }
reveals = { customer = "id", email = "email" }
columns = ["id", "email", "phone"]
[sources.shop.tables.orders]
match = { customer = "customer_id", email = "guest_email" }
reveals = { order = "id", address = "address_id" }
columns = ["id", "customer_id", "guest_email", "address_id"]
[sources.shop.tables.lines]
match = { order = "order_id" }
columns = ["id", "order_id"]
[sources.shop.tables.addresses]
match = { address = "id" }
columns = ["id", "street"]
[sources.news.tables.readers]
match = { email = "email" }
columns = ["id", "email"]
""")

DATA = {
    "shop.customers": [
        {"id": 1, "email": "ann@x.org", "phone": "020 7946 0001"},
        {"id": 2, "email": "bob@x.org", "phone": None},
        {"id": 3, "email": "ann.old@x.org", "phone": "+44 20 7946 0001"},
    ],
    "shop.orders": [
        {"id": 10, "customer_id": 1, "guest_email": None, "address_id": 70},
        {"id": 11, "customer_id": 1, "guest_email": None, "address_id": 71},
        {"id": 12, "customer_id": 2, "guest_email": None, "address_id": 71},
        {"id": 13, "customer_id": None, "guest_email": "ANN@X.org", "address_id": 70},
    ],
    "shop.lines": [{"id": 100, "order_id": 10}, {"id": 101, "order_id": 12}, {"id": 102, "order_id": 13}],
    "shop.addresses": [{"id": 70, "street": "Ann's"}, {"id": 71, "street": "Bob's"}],
    "news.readers": [{"id": 5, "email": "Ann@x.org"}, {"id": 6, "email": "ann.old@x.org"}, {"id": 7, "email": "bob@x.org"}],
}
ANN = {
    "shop.customers": found(1),
    "shop.orders": found(10, 11, 13),
    "shop.lines": found(100, 102),
    "shop.addresses": [*found(70), *held("shared", 71)],
    "news.readers": found(5),
}


def one(request_, data=DATA, map_=SHOP, **options):
    return gather(map_, sources(map_, data, **options), request_)[request_.id]


def spoiled(change, table="orders", ask_type=Match, data=DATA):
    """Collect Ann from a shop of which one table's answer is changed by `change(parts)`."""
    return one(
        request("A", "email=ann@x.org"), data, spoil=lambda ask, parts: change(parts) if isinstance(ask, ask_type) and ask.table == table else parts
    )


# -- what is theirs ---------------------------------------------------------------------------------


def test_identifiers_lead_through_every_table_and_what_another_shares_is_held():
    dossier = one(request("A", "email=ann@x.org"))
    assert rows(dossier) == ANN
    assert results(dossier) == {
        "shop.customers": "found 1",
        "shop.orders": "found 3",
        "shop.lines": "found 2",
        "shop.addresses": "found 1, 1 being checked",
        "news.readers": "found 1",
    }
    assert values.rows(dossier.tables[Address("shop", "orders")].frame)[0] == {
        "id": 10, "customer_id": 1, "guest_email": None, "address_id": 70,
        "dsar_key": "[10]", "dsar_matched_on": "customer_id", "dsar_standing": "found", "dsar_hold": None, "dsar_kind": "shop.customer",
        "dsar_via": "shop.customers [1]",
        "dsar_cells": None,
    }  # fmt: skip
    assert values.rows(dossier["shop.addresses"]) == [{"id": 70, "street": "Ann's"}]
    assert list(dossier) == ["shop.customers", "shop.orders", "shop.lines", "shop.addresses", "news.readers"]


def test_nothing_is_an_answer():
    dossier = one(request("A", "email=nobody@x.org", "shop.customer=99"))
    assert rows(dossier) == {}
    assert set(results(dossier).values()) == {"nothing"}
    assert dossier.complete


def test_fifty_requests_read_each_table_as_often_as_one_and_get_the_same_answers():
    people = [request(f"R{n}", f"email=p{n}@x.org") for n in range(50)]
    data = {
        "shop.customers": [{"id": n, "email": f"p{n}@x.org", "phone": None} for n in range(50)],
        "shop.orders": [{"id": 100 + n, "customer_id": n, "guest_email": None, "address_id": 200 + n // 2} for n in range(50)],
        "shop.lines": [{"id": 300 + n, "order_id": 100 + n} for n in range(50)],
        "shop.addresses": [{"id": 200 + n, "street": str(n)} for n in range(25)],
        "news.readers": [{"id": n, "email": f"P{n}@X.ORG"} for n in range(50)],
    }
    counted = {}
    for batch in ([people[7]], people):
        opened = sources(SHOP, data)
        dossiers = gather(SHOP, opened, *batch)
        counted[len(batch)] = (opened["shop"].reads, opened["shop"].calls, opened["news"].reads)
        assert rows(dossiers["R7"]) == {
            "shop.customers": found(7),
            "shop.orders": found(107),
            "shop.lines": found(307),
            "shop.addresses": held("shared", 203),
            "news.readers": found(7),
        }
    assert counted[1] == counted[50]
    assert counted[50][0] == {"customers": 1, "orders": 1, "lines": 1, "addresses": 1}


def test_a_source_that_takes_one_at_a_time_is_asked_in_a_loop_and_answers_the_same():
    opened = sources(SHOP, DATA, can=Can(many=False))
    requests = [request("A", "email=ann@x.org"), request("B", "email=bob@x.org")]
    dossiers = gather(SHOP, opened, *requests)
    assert rows(dossiers["A"]) == ANN
    assert opened["shop"].reads == {"customers": 2, "orders": 4, "lines": 4, "addresses": 3}


def test_a_row_reached_by_a_held_and_a_clean_identifier_is_found():
    data = {**DATA, "news.readers": [{"id": 6, "email": "ann.old@x.org"}]}
    dossiers = gather(SHOP, sources(SHOP, data), request("A", "phone=02079460001"), request("B", "phone=02079460001", "email=ann.old@x.org"))
    assert rows(dossiers["A"])["news.readers"] == held("unproven", 6)  # both accounts bear the phone, the address is in one of them
    assert rows(dossiers["B"])["news.readers"] == found(6)


def test_an_address_in_a_record_leads_on_but_what_it_leads_to_is_held_and_leads_no_further():
    data = {
        **DATA,
        "shop.orders": [*DATA["shop.orders"], {"id": 14, "customer_id": None, "guest_email": "ann.old@x.org", "address_id": None}],
        "shop.lines": [{"id": 103, "order_id": 14}],
    }
    assert rows(one(request("A", "shop.customer=3"), data)) == {
        "shop.customers": found(3),
        "shop.orders": held("unproven", 14),
        "news.readers": held("unproven", 6),
    }


def test_a_row_that_two_of_the_requests_identifiers_lead_to_is_there_once():
    assert rows(one(request("A", "email=ann@x.org", "shop.customer=1", "phone=+442079460001"))) == {
        **ANN,
        "shop.customers": [*found(1), *held("another's", 3)],  # their number, but an address they have not proved
    }


def test_rows_are_sorted_by_key_numbers_before_text():
    data = {**DATA, "news.readers": [{"id": i, "email": "ann@x.org"} for i in (10, 9, 100)]}
    assert rows(one(request("A", "email=ann@x.org"), data))["news.readers"] == found(9, 10, 100)


# -- what could be somebody else's -------------------------------------------------------------------

TWO_WAYS = """
[sources.s.tables.customers]
match = { customer = "id", email = "email" }
reveals = { customer = "id", HOME = "home_id" }
columns = ["id", "email", "home_id"]
[sources.s.tables.orders]
match = { customer = "customer_id" }
reveals = { address = "delivery_id" }
columns = ["id", "customer_id", "delivery_id"]
[sources.s.tables.addresses]
match = { MATCH }
columns = ["id"]
"""


@pytest.mark.parametrize("home", ["address", "home"])
def test_an_address_that_another_customer_refers_to_from_another_table_or_by_another_kind_is_held(home):
    map_ = datamap(TWO_WAYS.replace("HOME", home).replace("MATCH", 'address = "id"' if home == "address" else 'address = "id", home = "id"'))
    data = {
        "s.customers": [{"id": 1, "email": "ann@x.org", "home_id": None}, {"id": 2, "email": "bob@x.org", "home_id": 7}],
        "s.orders": [{"id": 10, "customer_id": 1, "delivery_id": 7}, {"id": 11, "customer_id": 1, "delivery_id": 8}],
        "s.addresses": [{"id": 7}, {"id": 8}],
    }
    assert rows(one(request("A", "email=ann@x.org"), data, map_)) == {
        "s.customers": found(1),
        "s.orders": found(10, 11),
        "s.addresses": [*held("shared", 7), *found(8)],
    }


def test_an_order_with_their_address_in_another_customers_account_is_held():
    map_ = datamap("""
[sources.s.tables.customers]
match = { customer = "id", email = "email" }
reveals = { customer = "id" }
columns = ["id", "email"]
[sources.s.tables.orders]
match = { customer = "customer_id", email = "guest_email" }
columns = ["id", "customer_id", "guest_email"]
""")
    data = {
        "s.customers": [{"id": 1, "email": "ann@x.org"}, {"id": 2, "email": "bob@x.org"}],
        "s.orders": [
            {"id": 10, "customer_id": 1, "guest_email": None},
            {"id": 11, "customer_id": None, "guest_email": "ann@x.org"},
            {"id": 12, "customer_id": 2, "guest_email": "ann@x.org"},
        ],
    }
    assert rows(one(request("A", "email=ann@x.org"), data, map_)) == {
        "s.customers": found(1),
        "s.orders": [*found(10), *found(11), *held("another's", 12)],
    }


def test_a_row_that_bears_another_customers_key_is_held_when_only_a_shared_record_leads_to_it():
    map_ = datamap("""
[sources.s.tables.orders]
match = { email = "email" }
reveals = { address = "address_id" }
columns = ["id", "email", "address_id"]
[sources.s.tables.customers]
match = { customer = "id", address = "home_id" }
reveals = { customer = "id" }
columns = ["id", "home_id"]
[sources.s.tables.tickets]
match = { customer = "customer_id" }
columns = ["id", "customer_id"]
""")
    data = {
        "s.orders": [{"id": 10, "email": "ann@x.org", "address_id": 7}],
        "s.customers": [{"id": 2, "home_id": 7}],
        "s.tickets": [{"id": 20, "customer_id": 2}],
    }
    assert rows(one(request("A", "email=ann@x.org"), data, map_)) == {"s.orders": found(10), "s.customers": held("another's", 2)}
    # Once the customer number is known to be hers, it is found.
    assert rows(one(request("A", "email=ann@x.org", "s.customer=2"), data, map_)) == {
        "s.orders": found(10),
        "s.customers": found(2),
        "s.tickets": found(20),
    }


def test_rows_that_are_held_themselves_do_not_count_as_the_persons_own():
    data = {
        "shop.customers": [{"id": 1, "email": "family@x.org", "phone": "02079460001"}],
        "shop.orders": [
            {"id": 10, "customer_id": 1, "guest_email": None, "address_id": 70},
            {"id": 11, "customer_id": None, "guest_email": "family@x.org", "address_id": 70},  # the brother's
        ],
        "shop.addresses": [{"id": 70, "street": "the brother's"}],
    }
    assert rows(one(request("A", "phone=02079460001"), data)) == {
        "shop.customers": found(1),
        "shop.orders": [*found(10), *held("unproven", 11)],
        "shop.addresses": held("shared", 70),
    }


def test_without_a_count_of_others_what_is_not_certain_is_held():
    opened = sources(SHOP, DATA, can=Can(others=False))
    assert rows(gather(SHOP, opened, request("A", "email=ann@x.org"))["A"]) == {**ANN, "shop.addresses": held("unchecked", 70, 71)}
    assert not opened["shop"].calls


def drop_done(parts):
    return parts[:-1]


@pytest.mark.parametrize(
    "change",
    [
        drop_done,
        lambda parts: [],
        lambda parts: [parts[0], Done(None, 99)],
        lambda parts: [parts[-1], parts[0]],
        lambda parts: [parts[0], parts[-1], parts[-1]],
        lambda parts: [Malformed(1, "line 3"), *parts],
        lambda parts: [Rows(values.frame({"value": [], "rows": []})), Done(None, 0)],  # fewer than we hold ourselves
        lambda parts: 1 / 0,
    ],
)
def test_a_count_that_fails_or_cannot_be_true_holds(change):
    assert rows(spoiled(change, ask_type=Others)) == {**ANN, "shop.addresses": held("unchecked", 70, 71)}


def test_what_a_claimed_identifier_leads_to_is_held_to_the_end():
    assert rows(one(request("A", "email=ann@x.org", verified=False))) == {
        "shop.customers": held("claimed", 1),
        "shop.orders": held("claimed", 10, 11, 13),
        "shop.lines": held("claimed", 100, 102),
        "shop.addresses": held("claimed", 70, 71),
        "news.readers": held("claimed", 5),
    }


def test_two_requests_that_prove_different_things_hold_what_both_reach():
    dossiers = gather(SHOP, sources(SHOP, DATA), request("A", "email=ann@x.org"), request("B", "shop.customer=1"))
    both = {
        "shop.customers": held("two requests", 1),
        "shop.orders": [*held("two requests", 10, 11), *held("unproven", 13)],
        "shop.lines": held("two requests", 100),
        "shop.addresses": held("shared", 70, 71),
        "news.readers": held("unproven", 5),
    }
    assert rows(dossiers["B"]) == both
    assert rows(dossiers["A"]) == {
        "shop.customers": held("two requests", 1),
        "shop.orders": [*held("two requests", 10, 11), *found(13)],
        "shop.lines": [*held("two requests", 100), *found(102)],
        "shop.addresses": [*held("two requests", 70), *held("shared", 71)],  # 70 stands in order 10 too, which may be the other's
        "news.readers": found(5),
    }


def test_two_requests_of_one_person_are_both_answered():
    dossiers = gather(SHOP, sources(SHOP, DATA), request("A", "email=ann@x.org"), request("B", "email=Ann@X.org", "phone=02079469999"))
    assert (rows(dossiers["A"]), rows(dossiers["B"])) == (ANN, ANN)


def test_an_impostor_who_only_claims_does_not_hold_the_real_persons_rows():
    dossiers = gather(SHOP, sources(SHOP, DATA), request("A", "email=ann@x.org"), request("I", "shop.customer=1", verified=False))
    assert rows(dossiers["A"]) == ANN
    assert {line[1:] for lines in rows(dossiers["I"]).values() for line in lines} == {("held", "claimed")}


def test_two_strangers_do_not_see_each_other_whatever_the_order():
    a, b = request("A", "email=ann@x.org"), request("B", "email=bob@x.org")
    one_way, other_way = gather(SHOP, sources(SHOP, DATA), a, b), gather(SHOP, sources(SHOP, DATA), b, a)
    for dossiers in (one_way, other_way):
        assert rows(dossiers["A"]) == ANN
        assert rows(dossiers["B"]) == {
            "shop.customers": found(2),
            "shop.orders": found(12),
            "shop.lines": found(101),
            "shop.addresses": held("shared", 71),
            "news.readers": found(7),
        }


def test_what_a_companys_record_leads_to_is_held():
    map_ = datamap("""
[sources.s.tables.companies]
owner = "organisation"
match = { email = "contact_email" }
reveals = { company = "id" }
columns = ["id", "contact_email"]
[sources.s.tables.orders]
match = { company = "company_id" }
columns = ["id", "company_id"]
""")
    data = {"s.companies": [{"id": 1, "contact_email": "ann@x.org"}], "s.orders": [{"id": 10, "company_id": 1}]}
    assert rows(one(request("A", "email=ann@x.org"), data, map_)) == {"s.companies": found(1), "s.orders": held("through company", 10)}
    dossier = one(request("A", "email=ann@x.org", verified=False), data, map_)
    assert rows(dossier) == {"s.companies": held("claimed", 1), "s.orders": held("claimed", 10)}
    assert list(dossier) == []


COMPANY = datamap("""
[sources.s.tables.contacts]
match = { contact = "id", email = "email" }
reveals = { contact = "id", account = "account_id" }
columns = ["id", "email", "account_id"]
[sources.s.tables.accounts]
owner = "organisation"
match = { account = "id" }
columns = ["id"]
[sources.s.tables.contracts]
owner = "organisation"
match = { account = "account_id", contact = "signed_by" }
columns = ["id", "account_id", "signed_by"]
""")


def test_a_contact_of_a_company_gets_what_is_about_them_and_not_the_companys_affairs():
    contacts = [
        {"id": 1, "email": "ann@x.org", "account_id": 7},
        {"id": 2, "email": "bob@x.org", "account_id": 7},
        {"id": 3, "email": "cat@x.org", "account_id": 8},
    ]
    contracts = [
        {"id": 10, "account_id": 7, "signed_by": 1},
        {"id": 11, "account_id": 7, "signed_by": 2},
        {"id": 12, "account_id": 8, "signed_by": None},
    ]
    data = {"s.contacts": contacts, "s.accounts": [{"id": 7}, {"id": 8}], "s.contracts": contracts}

    def found_by(email, **options):
        return rows(one(request("A", f"email={email}", **options), data, COMPANY))

    others = [(7, "company", "company")]
    assert found_by("ann@x.org") == {"s.contacts": found(1), "s.accounts": others, "s.contracts": [*found(10), (11, "company", "company")]}
    # Nobody else belongs to it: a sole trader's company may be the person.
    assert found_by("cat@x.org") == {"s.contacts": found(3), "s.accounts": held("organisation", 8), "s.contracts": held("organisation", 12)}
    assert found_by("ann@x.org", verified=False)["s.contracts"] == held("claimed", 10, 11)


def test_the_companys_affairs_keep_no_answer_waiting():
    data = {
        "s.contacts": [{"id": 1, "email": "ann@x.org", "account_id": 7}, {"id": 2, "email": "bob@x.org", "account_id": 7}],
        "s.accounts": [{"id": 7}],
    }
    dossier = one(request("A", "email=ann@x.org"), data, COMPANY)
    assert dossier.open_points == ()
    assert results(dossier)["s.accounts"] == "found 0, 1 their company's"
    assert dossier["s.accounts"].empty


# -- what identifiers prove --------------------------------------------------------------------------


def test_an_address_that_several_people_read_proves_nobody():
    data = {**DATA, "shop.customers": [{"id": 1, "email": "info@x.org", "phone": None}], "news.readers": [{"id": 5, "email": "INFO@x.org"}]}
    assert rows(one(request("A", "email=info@x.org"), data)) == {
        "shop.customers": held("shared mailbox", 1),
        "news.readers": held("shared mailbox", 5),
    }
    assert rows(one(request("A", "email=info@x.org", "shop.customer=1"), data))["shop.customers"] == found(1)


@pytest.mark.parametrize("written", ["ann+news@x.org", "a.nn@x.org", "A.N.N+x.y@X.ORG"])
def test_an_address_with_a_tag_or_dots_is_looked_for_and_held(written):
    data = {**DATA, "news.readers": [{"id": 5, "email": written}, {"id": 6, "email": "anne@x.org"}]}
    assert rows(one(request("A", "email=ann@x.org"), data))["news.readers"] == held("similar address", 5)
    folding = SHOP.model_copy(update={"controller": SHOP.controller.model_copy(update={"one_mailbox": True})})
    assert rows(one(request("A", "email=ann@x.org"), data, folding))["news.readers"] == found(5)
    assert rows(one(request("A", "email=ann@x.org", verified=False), data))["news.readers"] == held("claimed", 5)


KINDS = datamap("""
[sources.s.tables.people]
match = { name = "name", born = "born", postal = "home", handle = "twitter", cookie = "cookie", "house.card" = "card" }
columns = ["id", "name", "born", "home", "twitter", "cookie", "card"]
""")
PERSON = {
    "id": 1,
    "name": "Lee, Ann",
    "born": date(1980, 2, 29),
    "home": "3 Mill Lane, York",
    "twitter": "https://x.com/AnnLee",
    "cookie": "c0ffee",
    "card": "00071",
}


@pytest.mark.parametrize(
    ("identifier", "standing"),
    [
        ("name=Ann LEE", "weak"),
        ("born=1980-02-29", "weak"),
        ("postal=York, Mill Lane 3", "weak"),
        ("handle=@annlee", "another's"),  # chosen by anybody, and the row bears a card that nobody proved
        ("cookie=c0ffee", None),
        ("house.card=00071", None),
        ("house.card=71", ...),
        ("name=Ann", ...),
    ],
)
def test_every_kind_finds_what_is_spelled_otherwise_and_what_people_share_proves_nothing(identifier, standing):
    found_ = rows(one(request("A", identifier), {"s.people": [PERSON]}, KINDS))
    assert found_ == ({} if standing is ... else {"s.people": held(standing, 1) if standing else found(1)})


# -- widening ----------------------------------------------------------------------------------------


def test_a_circle_of_tables_is_followed_to_its_end():
    map_ = datamap("""
[sources.s.tables.a]
match = { email = "email", a = "id" }
reveals = { b = "b_id" }
columns = ["id", "email", "b_id"]
[sources.s.tables.b]
match = { b = "id" }
reveals = { a = "a_id" }
columns = ["id", "a_id"]
""")
    data = {
        "s.a": [{"id": n, "email": "ann@x.org" if n == 0 else None, "b_id": n} for n in range(6)],
        "s.b": [{"id": n, "a_id": n + 1 if n < 4 else None} for n in range(6)],
    }
    assert rows(one(request("A", "email=ann@x.org"), data, map_)) == {"s.a": found(0, 1, 2, 3, 4), "s.b": found(0, 1, 2, 3, 4)}


def test_an_account_that_was_merged_into_theirs_is_found_by_their_own_key():
    map_ = datamap("""
[sources.s.tables.accounts]
match = { account = ["id", "merged_into"], email = "email" }
reveals = { account = "id" }
columns = ["id", "merged_into", "email"]
""")
    data = {
        "s.accounts": [
            {"id": 1, "merged_into": None, "email": "ann@x.org"},
            {"id": 2, "merged_into": 1, "email": "b@x.org"},
            {"id": 3, "merged_into": 2, "email": "c@x.org"},
            {"id": 4, "merged_into": None, "email": "d@x.org"},
        ]
    }
    assert rows(one(request("A", "email=ann@x.org"), data, map_)) == {"s.accounts": found(1, 2, 3)}


def test_a_table_whose_name_another_tables_name_begins_with_is_asked_all_the_same():
    map_ = datamap("""
[sources.s.tables."orders archive"]
match = { email = "email" }
reveals = { order = "id" }
columns = ["id", "email"]
[sources.s.tables.orders]
match = { order = "id" }
columns = ["id"]
""")
    data = {"s.orders archive": [{"id": 1, "email": "ann@x.org"}], "s.orders": [{"id": 1}, {"id": 2}]}
    assert rows(one(request("A", "email=ann@x.org"), data, map_)) == {"s.orders archive": found(1), "s.orders": found(1)}


def test_rows_that_were_held_lead_on_once_a_clean_way_to_their_key_is_found():
    map_ = datamap("""
[sources.s.tables.tickets]
match = { email = "email" }
reveals = { customer = "customer_id" }
columns = ["id", "email", "customer_id"]
[sources.s.tables.customers]
match = { customer = "id", card = "card" }
reveals = { customer = "id" }
columns = ["id", "card"]
[sources.s.tables.cards]
match = { order = "order_id", email = "email" }
reveals = { card = "id" }
columns = ["id", "order_id", "email"]
[sources.s.tables.orders]
match = { customer = "customer_id" }
reveals = { order = "id" }
columns = ["id", "customer_id"]
[sources.s.tables.lines]
match = { order = "order_id" }
columns = ["id", "order_id"]
""")
    data = {
        "s.tickets": [{"id": 1, "email": "ann@x.org", "customer_id": 5}, {"id": 2, "email": "boss@x.org", "customer_id": 5}],
        "s.customers": [{"id": 5, "card": 9}],
        "s.cards": [{"id": 9, "order_id": None, "email": "ann@x.org"}],
        "s.orders": [{"id": 50, "customer_id": 5}],
        "s.lines": [{"id": 500, "order_id": 50}],
    }
    assert rows(one(request("A", "email=ann@x.org"), data, map_)) == {
        "s.tickets": found(1),
        "s.customers": found(5),
        "s.cards": found(9),
        "s.orders": found(50),
        "s.lines": found(500),
    }


# -- where map and source differ, and where a source fails ---------------------------------------------

SECRET = "ann@x.org lives at 5 Elm Row"


def test_a_column_the_map_does_not_know_is_collected_and_holds_its_table_which_still_leads_on():
    data = {**DATA, "shop.orders": [{**row, "note": "new"} for row in DATA["shop.orders"]]}
    dossier = one(request("A", "email=ann@x.org"), data)
    assert rows(dossier) == {**ANN, "shop.orders": held("undeclared", 10, 11, 13)}
    assert list(dossier["shop.orders"].columns) == ["id", "customer_id", "guest_email", "address_id", "note"]
    assert [str(p) for p in dossier.open_points] == ["shop.orders: the map does not know the column note", "shop.addresses: 1 held"]


def test_a_column_that_only_the_rows_bring_is_not_silent_either():
    def widen(parts):
        return [Rows(parts[0].frame.assign(extra=values.frame({"extra": ["x"] * len(parts[0].frame)})["extra"]), parts[0].asks), parts[1]]

    dossier = spoiled(widen)
    assert rows(dossier)["shop.orders"] == held("undeclared", 10, 11, 13)
    assert dossier.tables[Address("shop", "orders")].outcome.undeclared == ("extra",)


BEHIND_ORDERS = "shop.orders did not answer, so rows reached through it may be missing"


def failed_orders(why):
    return {
        "shop.customers": "found 1",
        "shop.orders": f"failed: {why}",
        "shop.lines": f"not searched: {BEHIND_ORDERS}",
        "shop.addresses": f"not searched: {BEHIND_ORDERS}",
        "news.readers": "found 1",
    }


def test_a_lost_column_fails_its_table():
    data = {**DATA, "shop.orders": [{k: v for k, v in row.items() if k != "guest_email"} for row in DATA["shop.orders"]]}
    assert results(one(request("A", "email=ann@x.org"), data)) == failed_orders(
        "shop.orders: the source has no column guest_email — mend the map or ask the system's owner"
    )


def test_a_lost_table_fails():
    opened = sources(SHOP, DATA)
    del opened["shop"].tables["orders"]
    dossier = gather(SHOP, opened, request("A", "email=ann@x.org"))["A"]
    assert results(dossier) == failed_orders("shop.orders: the source has no such table — mend its name in dsar.toml")


def test_a_table_neither_mapped_nor_ignored_leaves_the_answer_open():
    opened = sources(SHOP, DATA)
    opened["news"].tables["bounces"] = [{"id": 1}]
    dossier = gather(SHOP, opened, request("A", "email=ann@x.org"))["A"]
    assert dossier.unlisted == {"shop": (), "news": ("bounces",)}
    assert (dossier.open_points[-1].table, dossier.open_points[-1].what) == ("news.bounces", "not searched: the map neither maps nor ignores it")
    assert not dossier.complete
    assert list(dossier.found.itertuples(index=False, name=None))[-1][1:] == ("bounces", "news.bounces", 0, 0, dossier.open_points[-1].what)


def test_a_source_that_cannot_be_opened_fails_and_the_others_are_collected():
    opened = {**sources(SHOP, DATA), "news": SourceUnreachable("does not answer", where="sources.news")}
    dossier = gather(SHOP, opened, request("A", "email=ann@x.org"))["A"]
    behind = {k: v for k, v in ANN.items() if k != "news.readers"}
    assert rows(dossier) == behind
    assert results(dossier)["news.readers"] == "failed: sources.news: does not answer"


@pytest.mark.parametrize("where", ["schema", "read", "half way"])
def test_a_foreign_exception_fails_its_table_and_its_text_is_repeated_nowhere(where, tmp_path):
    opened = sources(SHOP, DATA)

    def explode(*_):
        raise RuntimeError(SECRET)

    def half_way(ask, parts):
        if ask.table == "orders":
            yield parts[0]
            explode()
        yield from parts

    if where == "schema":
        opened["shop"].schema = explode
    else:
        opened["shop"].spoil = half_way if where == "half way" else lambda ask, parts: explode() if ask.table == "orders" else parts
    dossier = gather(SHOP, opened, request("A", "email=ann@x.org"))["A"]
    remedy = "ask whoever keeps the connector"
    if where == "schema":
        failed = f"failed: shop: the connector raised RuntimeError — {remedy}"
        assert results(dossier) == {**{str(a): failed for a in dossier.tables if a.source == "shop"}, "news.readers": f"failed: {BEHIND_CUSTOMERS}"}
    else:
        assert results(dossier) == failed_orders(f"shop.orders: the connector raised RuntimeError — {remedy}")
        assert "shop.orders" not in rows(dossier)
    dossier.save(tmp_path / "dossier")
    shown = (tmp_path / "dossier" / "manifest.json").read_text() + "".join(map(str, dossier.open_points)) + dossier.found.to_string()
    assert "Elm Row" not in shown
    assert "ann@x.org" not in shown


BEHIND_CUSTOMERS = "shop.customers did not answer, so rows reached through it may be missing"


def test_the_failure_of_a_table_leaves_no_table_behind_it_complete():
    dossier = spoiled(drop_done, table="customers")
    assert results(dossier) == {
        "shop.customers": "failed: shop.customers: the answer stopped before its end — collect again",
        "shop.orders": f"failed: {BEHIND_CUSTOMERS}",
        "shop.lines": f"failed: {BEHIND_CUSTOMERS}",
        "shop.addresses": f"failed: {BEHIND_CUSTOMERS}",
        "news.readers": f"failed: {BEHIND_CUSTOMERS}",
    }
    assert not dossier.complete


def more(parts, *asked):
    return [Rows(parts[0].frame, (*parts[0].asks, *asked)), *parts[1:]]


def with_row(parts, **change):
    """The answer with its last row once more, changed."""
    last = {**values.rows(parts[0].frame)[-1], **change}
    data = values.concat([parts[0].frame, values.frame({k: [v] for k, v in last.items()})])
    n = len(parts[0].frame)
    asks = tuple(Asked(n, a.ask_id, a.matched_on) for a in parts[0].asks if a.row == n - 1)
    return [Rows(data, (*parts[0].asks, *asks)), Done(None, n + 1)]


def in_two_parts(parts):
    rows_, done = parts
    return [rows_, rows_, Done(None, 2 * done.rows)]


KEEPER = " — tell whoever keeps the connector, and collect again once it is mended"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (drop_done, "the answer stopped before its end — collect again"),
        (lambda parts: [], "the answer stopped before its end — collect again"),
        (lambda parts: [*parts, parts[-1]], "the source went on after it said it was done" + KEEPER),
        (lambda parts: [parts[-1], parts[0]], "the source went on after it said it was done" + KEEPER),
        (lambda parts: [parts[0], Done(None, parts[1].rows + 1)], "the source counted other rows than it handed on — collect again"),
        (lambda parts: [Done(None, 3)], "the source counted other rows than it handed on — collect again"),
        (lambda parts: [Rows(parts[0].frame, tuple(a for a in parts[0].asks if a.row)), parts[1]], "rows came that nobody asked for" + KEEPER),
        (lambda parts: more(parts, Asked(0, "999", "customer_id")), "rows came that nobody asked for" + KEEPER),
        (lambda parts: more(parts, Asked(99, "0", "customer_id")), "rows came that nobody asked for" + KEEPER),
        (lambda parts: more(parts, Asked(-1, "0", "customer_id")), "rows came that nobody asked for" + KEEPER),
        (lambda parts: more(parts, Asked(0, "0", "address_id")), "rows came that nobody asked for" + KEEPER),
        (lambda parts: with_row(parts, id=12, guest_email="bob@x.org"), "a row came for an identifier it does not bear" + KEEPER),
        (lambda parts: with_row(parts, id=None), "a row has no key, so it could not be found again — choose other key columns in dsar.toml"),
        (with_row, "two rows have the same key — choose key columns that tell rows apart in dsar.toml"),
        (in_two_parts, "two rows have the same key — choose key columns that tell rows apart in dsar.toml"),
        (
            lambda parts: [Rows(parts[0].frame.drop(columns="address_id"), parts[0].asks), parts[1]],
            "rows came without the column address_id" + KEEPER,
        ),
        (
            lambda parts: [Rows(parts[0].frame.assign(dsar_key=1), parts[0].asks), parts[1]],
            "rows came with a column whose name begins with dsar_, which is this toolkit's own — have that column renamed in the source",
        ),
    ],
)
def test_a_broken_promise_fails_the_table_and_hands_on_nothing_of_it(change, why):
    dossier = spoiled(change)
    assert results(dossier) == failed_orders(f"shop.orders: {why}")
    assert set(rows(dossier)) == {"shop.customers", "news.readers"}


def test_a_source_that_waits_for_somebody_is_not_complete():
    dossier = spoiled(lambda parts: [Waiting(date(2026, 12, 1), "the archive"), Done(None, 0)])
    assert results(dossier) == {**failed_orders(""), "shop.orders": "waiting: the archive until 2026-12-01"}
    assert rows(dossier) == {"shop.customers": found(1), "news.readers": found(5)}


def test_lines_that_cannot_be_read_are_an_open_point():
    dossier = spoiled(lambda parts: [Malformed(2, "lines 3 and 8"), *parts])
    assert rows(dossier) == ANN
    assert dossier.tables[Address("shop", "orders")].outcome.malformed == 2
    assert [str(p) for p in dossier.open_points] == [
        "shop.orders: 2 of its lines or rows cannot be read, so some of the person's may be missing",
        "shop.addresses: 1 held",
    ]


def test_what_is_not_given_is_not_searched():
    assert results(one(request("A", "phone=02079469999"))) == {
        "shop.customers": "nothing",
        "shop.orders": "not searched: it is searched by email, which this request does not give",
        "shop.lines": "not searched: shop.orders could not be searched, so nothing led here",
        "shop.addresses": "not searched: shop.orders could not be searched, so nothing led here",
        "news.readers": "not searched: it is searched by email, which this request does not give",
    }


def test_the_frame_of_an_empty_table_has_all_its_columns():
    frame = one(request("A", "email=nobody@x.org")).tables[Address("shop", "orders")].frame
    assert list(frame.columns) == ["id", "customer_id", "guest_email", "address_id", *PROVENANCE]


def test_values_arrive_exactly_over_several_reads():
    map_ = datamap("""
[sources.s.tables.a]
match = { email = "email", a = "next" }
reveals = { a = "id" }
columns = ["id", "email", "next", "value"]
""")
    big = 2**53 + 1
    data = {"s.a": [{"id": 1, "email": "ann@x.org", "next": None, "value": big}, {"id": 2, "email": None, "next": 1, "value": None}]}
    dossier = one(request("A", "email=ann@x.org"), data, map_)
    assert values.rows(dossier["s.a"]) == data["s.a"]
    assert dossier.collected_at == NOW
    assert isinstance(dossier["s.a"]["value"].dtype, pd.ArrowDtype)


# -- random worlds -------------------------------------------------------------------------------------

PEOPLE = range(4)


@st.composite
def worlds(draw):
    """A shop in which every row is somebody's, addresses are shared, and account e-mails may be anybody's."""
    owner = st.sampled_from(PEOPLE)
    mails = [draw(owner) for _ in PEOPLE]  # whose address stands in whose account
    orders = draw(st.lists(st.tuples(owner, st.booleans(), st.none() | st.integers(70, 73)), max_size=6))
    return {
        "shop.customers": [{"id": p, "email": f"p{mails[p]}@x.org", "phone": f"+44 20 7946 000{p}"} for p in PEOPLE],
        "shop.orders": [
            {"id": 10 + n, "customer_id": None if guest else p, "guest_email": f"P{p}@x.org" if guest else None, "address_id": a}
            for n, (p, guest, a) in enumerate(orders)
        ],
        "shop.lines": [{"id": 100 + n, "order_id": 10 + draw(st.integers(0, len(orders)))} for n in range(draw(st.integers(0, 4)))],
        "shop.addresses": [{"id": n, "street": str(n)} for n in range(70, 74)],
        "news.readers": [{"id": p, "email": f"p{p}@x.org"} for p in PEOPLE if draw(st.booleans())],
    }


def owners(data):
    """Return (table, key) → whose row it is; an address is whoever's orders refer to it."""
    whose = {("shop.customers", r["id"]): {r["id"]} for r in data["shop.customers"]}
    whose |= {("news.readers", r["id"]): {r["id"]} for r in data["news.readers"]}
    orders = {r["id"]: r["customer_id"] if r["customer_id"] is not None else int(r["guest_email"][1]) for r in data["shop.orders"]}
    whose |= {("shop.orders", o): {p} for o, p in orders.items()}
    whose |= {("shop.lines", r["id"]): {orders[r["order_id"]]} for r in data["shop.lines"] if r["order_id"] in orders}
    for r in data["shop.orders"]:
        if r["address_id"] is not None:
            whose.setdefault(("shop.addresses", r["address_id"]), set()).add(orders[r["id"]])
    return whose


@settings(max_examples=25, deadline=None)
@given(worlds(), st.permutations(PEOPLE), st.booleans(), st.sampled_from([None, "customers", "orders", "readers"]))
def test_nobody_ever_finds_a_row_that_is_another_persons(data, order, many, down):
    """People ask by their phone and customer number; the e-mail in an account proves nothing."""

    def spoil(ask, parts):
        return parts[:-1] if ask.table == down else parts

    requests = [request(f"R{p}", f"shop.customer={p}", f"phone=+44207946000{p}") for p in order]
    dossiers = gather(SHOP, sources(SHOP, data, can=Can(many=many), spoil=spoil), *requests)
    again = gather(SHOP, sources(SHOP, data, spoil=spoil), *sorted(requests, key=lambda r: r.id))
    whose = owners(data)
    for p in PEOPLE:
        dossier = dossiers[f"R{p}"]
        assert rows(dossier) == rows(again[f"R{p}"])
        assert results(dossier) == results(again[f"R{p}"])
        mine = {(table, line[0]) for table, lines in rows(dossier).items() for line in lines if line[1] == "found"}
        assert all(whose[row] == {p} for row in mine)
        assert all(o.outcome.complete for o in dossier.tables.values()) == (down is None)
        if down is None:
            certain = {row for row, people in whose.items() if people == {p} and row[0] in {"shop.customers", "shop.addresses"}}
            by_account = {("shop.orders", r["id"]) for r in data["shop.orders"] if r["customer_id"] == p}
            reached = {
                a
                for a in certain
                if a[0] == "shop.customers" or any(("shop.orders", r["id"]) in by_account for r in data["shop.orders"] if r["address_id"] == a[1])
            }
            guests = {
                r["address_id"] for r in data["shop.orders"] if r["customer_id"] is None
            }  # a guest's order is not known to be the same person's
            assert by_account | {r for r in reached if r[0] == "shop.customers" or r[1] not in guests} <= mine


HOUSEHOLD = datamap("""
[sources.s.tables.customers]
match = { customer = "id", email = "email", phone = "phone" }
reveals = { customer = "id" }
columns = { id = {}, email = {}, phone = {}, name = { category = "user.name" } }
[sources.s.tables.orders]
match = { customer = "customer_id" }
columns = ["id", "customer_id"]
""")


def test_an_address_that_two_people_share_proves_neither():
    data = {
        "s.customers": [
            {"id": 1, "email": "home@x.org", "phone": "+442079460001", "name": "Ann Lee"},
            {"id": 2, "email": "HOME@x.org", "phone": "+442079460002", "name": "Bob Lee"},
            {"id": 3, "email": "cat@x.org", "phone": None, "name": "Cat Roe"},
            {"id": 4, "email": "cat@x.org", "phone": None, "name": " cat  ROE"},
        ],
        "s.orders": [{"id": 10, "customer_id": 1}, {"id": 20, "customer_id": 2}, {"id": 30, "customer_id": 3}, {"id": 40, "customer_id": 4}],
    }

    def found_by(*identifiers):
        return rows(one(request("A", *identifiers), data, HOUSEHOLD))

    assert found_by("email=home@x.org") == {"s.customers": held("household", 1, 2)}
    # The customer number tells them apart, and so does a number that only one of them has.
    apart = {"s.customers": [*found(1), *held("household", 2)], "s.orders": found(10)}
    assert found_by("email=home@x.org", "s.customer=1") == apart
    assert found_by("email=home@x.org", "phone=+442079460001") == apart
    # Twice the same name is one person with two accounts.
    assert found_by("email=cat@x.org") == {"s.customers": found(3, 4), "s.orders": found(30, 40)}


TWO_SYSTEMS = """
[sources.{first}.tables.{one}]
match = {{ {first}_no = "id", email = "email" }}
reveals = {{ {first}_no = "id" }}
columns = {{ id = {{}}, email = {{}}, name = {{ category = "user.name" }} }}
[sources.{second}.tables.{other}]
match = {{ {second}_no = "id", email = "email" }}
reveals = {{ {second}_no = "id" }}
columns = {{ id = {{}}, email = {{}}, name = {{ category = "user.name" }} }}
[sources.a.tables.orders]
match = {{ a_no = "account_id" }}
reveals = {{ order = "id", place = "place_id" }}
columns = ["id", "account_id", "place_id"]
[sources.a.tables.lines]
match = {{ order = "order_id" }}
columns = ["id", "order_id"]
[sources.a.tables.places]
match = {{ place = "id" }}
columns = ["id", "street"]
"""


@pytest.mark.parametrize("first", ["a", "b"])
def test_what_an_address_led_on_to_is_taken_back_where_another_system_knows_another_name(first):
    """Whichever is read first: the accounts are held, and nothing that hangs on them is anybody's to receive."""
    two = {"a": ("a", "accounts", "b", "contacts"), "b": ("b", "contacts", "a", "accounts")}[first]
    map_ = datamap(TWO_SYSTEMS.format(**dict(zip(("first", "one", "second", "other"), two, strict=True))))
    data = {
        "a.accounts": [{"id": 1, "email": "home@x.org", "name": "Ann Lee"}, {"id": 2, "email": "cat@x.org", "name": "Cat Roe"}],
        "a.orders": [{"id": 10, "account_id": 1, "place_id": 70}, {"id": 20, "account_id": 2, "place_id": 71}],
        "a.lines": [{"id": 100, "order_id": 10}, {"id": 200, "order_id": 20}],
        "a.places": [{"id": 70, "street": "Ann's"}, {"id": 71, "street": "Cat's"}],
        "b.contacts": [{"id": 7, "email": "HOME@x.org", "name": "Bob Stone"}, {"id": 8, "email": "cat@x.org", "name": "C. Roe"}],
    }
    both = {"a.accounts": held("household", 1), "b.contacts": held("household", 7)}
    cats = {"a.accounts": found(2), "a.orders": found(20), "a.lines": found(200), "a.places": found(71), "b.contacts": found(8)}
    home, cat = request("A", "email=home@x.org"), request("B", "email=cat@x.org")
    assert rows(one(home, data, map_)) == both
    assert [rows(d) for d in gather(map_, sources(map_, data), home, cat).values()] == [both, cats]
    # Who proves the account number too has the orders; the contact stays somebody's.
    proved = {"a.accounts": found(1), "a.orders": found(10), "a.lines": found(100), "a.places": found(70), "b.contacts": held("household", 7)}
    assert rows(one(request("A", "email=home@x.org", "a.a_no=1"), data, map_)) == proved


SYSTEMS = (
    """
[sources.a.tables.accounts]
match = { account = "id", email = "email" }
reveals = { account = "id", place = "place_id" }
columns = { id = {}, email = {}, place_id = {}, name = { category = "user.name" } }
[sources.a.tables.places]
match = { place = "id" }
columns = ["id"]
""",
    """
[sources.b.tables.contacts]
match = { contact = "id", email = "email" }
reveals = { contact = "id", "a.account" = "account_id" }
columns = { id = {}, email = {}, account_id = {}, name = { category = "user.name" } }
""",
    """
[sources.c.tables.tickets]
match = { "b.contact" = "contact_id", email = "email" }
reveals = { ticket = "id", "a.account" = "account_id" }
columns = { id = {}, email = {}, contact_id = {}, account_id = {}, name = { category = "user.name" } }
[sources.c.tables.replies]
match = { ticket = "ticket_id" }
columns = ["id", "ticket_id"]
""",
)
MAIL, NAME = st.sampled_from(["ann@x.org", "bob@x.org"]), st.sampled_from(["Ann Lee", "Bob Stone", None])
NUMBER = st.sampled_from([1, 2, None])


def table(**columns):
    return st.lists(st.fixed_dictionaries(columns), max_size=3).map(lambda some: [{"id": n, **row} for n, row in enumerate(some, start=1)])


@given(
    st.permutations(SYSTEMS),
    st.fixed_dictionaries(
        {
            "a.accounts": table(email=MAIL, place_id=NUMBER, name=NAME),
            "a.places": st.just([{"id": 1}, {"id": 2}]),
            "b.contacts": table(email=MAIL, account_id=NUMBER, name=NAME),
            "c.tickets": table(email=MAIL, contact_id=NUMBER, account_id=NUMBER, name=NAME),
            "c.replies": table(ticket_id=NUMBER),
        }
    ),
)
@settings(max_examples=examples(40), deadline=None)
def test_nothing_that_is_found_hangs_on_what_is_held(systems, data):
    """And the order in which the map names the systems changes nothing."""
    asked = [request("A", "email=ann@x.org"), request("B", "email=bob@x.org")]
    results = []
    for order in (SYSTEMS, systems):
        map_ = datamap("".join(order))
        dossiers = gather(map_, sources(map_, data), *asked)
        results.append([{a: sorted(row[:2] for row in some) for a, some in rows(d).items()} for d in dossiers.values()])
        for dossier in dossiers.values():
            for found_there in dossier.tables.values():
                of = found_there.frame
                stands_on = [via for via in of[of["dsar_standing"] == "found"]["dsar_via"] if via]
                assert {dossier.row(via)["dsar_standing"] for via in stands_on} <= {"found"}
    assert results[0] == results[1]


def test_a_message_between_two_people_is_held_though_only_one_of_them_asks():
    map_ = datamap("""
[sources.s.tables.people]
match = { person = "id", email = "email" }
reveals = { person = "id" }
columns = ["id", "email"]
[sources.s.tables.messages]
match = { person = ["sender", "recipient"] }
columns = ["id", "sender", "recipient"]
""")
    data = {
        "s.people": [{"id": 1, "email": "ann@x.org"}, {"id": 2, "email": "bob@x.org"}],
        "s.messages": [{"id": 10, "sender": 2, "recipient": 1}, {"id": 11, "sender": 1, "recipient": None}, {"id": 12, "sender": 1, "recipient": 1}],
    }
    assert rows(one(request("A", "email=ann@x.org"), data, map_)) == {
        "s.people": found(1),
        "s.messages": [*held("two owners", 10), *found(11), *found(12)],
    }


def test_a_key_that_another_persons_row_bears_too_fails_the_table_even_where_nobody_else_asks(monkeypatch):
    map_ = datamap("""
[sources.s.tables.people]
match = { email = "email" }
columns = ["id", "email"]
""")
    twice = {"s.people": [{"id": 1, "email": "ann@x.org"}, {"id": 1, "email": "bob@x.org"}]}
    monkeypatch.setattr(Memory, "keeps_keys_unique", False)
    outcome = one(request("A", "email=ann@x.org"), twice, map_).tables[Address("s", "people")].outcome
    assert (outcome.state, outcome.why) == ("failed", "s.people: two rows have the same key — choose key columns that tell rows apart in dsar.toml")
    once = {"s.people": [{"id": 1, "email": "ann@x.org"}, {"id": 2, "email": "bob@x.org"}]}
    assert rows(one(request("A", "email=ann@x.org"), once, map_)) == {"s.people": found(1)}


def test_an_answer_reads_the_same_whoever_else_is_asked_for():
    map_ = datamap(
        """
[sources.shop.tables.customers]
match = { email = "email" }
columns = ["id", "email", "owes", "since", "nick"]
[sources.shop.tables.notes]
match = { email = "email" }
columns = ["id", "email"]
"""
    )
    bob = {"id": 2, "email": "bob@x.org", "owes": Decimal("5.25"), "since": date(2020, 1, 1), "nick": "bob"}
    data = {
        "shop.customers": [{"id": 1, "email": "ann@x.org", "owes": 5, "since": None, "nick": None}, bob],
        "shop.notes": [{"id": 1, "email": "bob@x.org"}],
    }
    ann, other = request("A", "email=ann@x.org"), request("B", "email=bob@x.org")
    alone, among = (gather(map_, sources(map_, data), *asked)["A"] for asked in ((ann,), (ann, other)))
    assert {a: f.table.schema for a, f in alone.tables.items()} == {a: f.table.schema for a, f in among.tables.items()}
    assert [f.listed for f in alone.tables.values()] == [f.listed for f in among.tables.values()]
    assert alone["shop.customers"]["owes"].tolist() == [5]


def test_a_table_in_which_only_another_was_looked_for_was_not_read_for_this_one():
    map_ = datamap("""
[sources.shop.tables.customers]
match = { email = "email" }
columns = ["id", "email"]
[sources.shop.tables.calls]
match = { phone = "phone" }
columns = ["id", "phone"]
""")
    data = {"shop.customers": [{"id": 1, "email": "ann@x.org"}], "shop.calls": [{"id": 1, "phone": "+442079460018"}]}
    ann, other = request("A", "email=ann@x.org"), request("B", "phone=+442079460018")
    alone, among = (gather(map_, sources(map_, data), *asked)["A"] for asked in ((ann,), (ann, other)))
    assert {a: f.outcome for a, f in alone.tables.items()} == {a: f.outcome for a, f in among.tables.items()}


@pytest.mark.parametrize(
    ("stored", "shown"),
    [(["5.00"], ["5"]), (["3.50", "5.00"], ["3.50", "5.00"]), (["3.5"], ["3.50"]), (["100", "1.255"], ["100.000", "1.255"]), (["120.00"], ["120"])],
)
def test_an_amount_has_the_places_its_own_values_need_and_two_rather_than_one(stored, shown):
    column = pa.chunked_array([pa.array([Decimal(v) for v in stored], pa.decimal128(9, 3))])
    assert [str(v) for v in values.narrowed(column).to_pylist()] == shown
