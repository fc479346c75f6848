"""What waits for a person: one list over all requests, rulings that last while the row does, and what they let through."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from dsar.answer.select import choose
from dsar.datamap import Address
from dsar.desk.review import Open, Review
from dsar.errors import BadRuling
from dsar.find.collect import collect
from dsar.find.hold import HOLDS
from dsar.find.mentions import cells_of
from dsar.find.review import Rulings, grouped, items, overview, ruling
from dsar.source import Can, Everyone
from tests.worlds import NOW, datamap, found, held, request, rows, sources

SHOP = datamap("""
[sources.shop.tables.customers]
match = { customer = "id", email = "email", phone = "phone" }
reveals = { customer = "id", address = "home" }
columns = { id = {}, email = {}, phone = {}, name = { category = "user.name" }, home = {} }
[sources.shop.tables.addresses]
match = { address = "id" }
columns = ["id", "street"]
[sources.shop.tables.notes]
match = { customer = "customer_id" }
columns = { id = {}, customer_id = {}, text = { free_text = true } }
[sources.news.tables.readers]
match = { email = "email" }
columns = ["id", "email"]
""")
DATA = {
    "shop.customers": [
        {"id": 1, "email": "ann@x.org", "phone": "02079460001", "name": "Ann Lee", "home": 70},
        {"id": 2, "email": "bob@x.org", "phone": "02079460002", "name": "Bob Roe", "home": 70},
    ],
    "shop.addresses": [{"id": 70, "street": "3 Mill Lane"}],
    "shop.notes": [
        {"id": 100, "customer_id": 1, "text": "Call Ann Lee at +44 20 7946 0001 or ann@x.org."},
        {"id": 101, "customer_id": 1, "text": "Came with Bob Roe, bob@x.org; Mill Lane again."},
    ],
    "news.readers": [{"id": 5, "email": "ann+news@x.org"}],
}
ANN, BOB = request("A", "email=ann@x.org"), request("B", "email=bob@x.org")


def gather(*requests, data=DATA, rulings=None, map_=SHOP):
    return collect(requests, map_, sources(map_, data), lambda: NOW, rulings=rulings or {})


def ruled(dossier, wanted, choice, *, by="I. Farr", reason="she lives there, says the contract", before=None):
    rulings = before or Rulings(None)
    for item in items(dossier):
        if wanted(item):
            rulings.add(ruling(item, choice, by=by, on=NOW, reason=reason))
    return {dossier.request.id: rulings}


def test_what_is_alike_is_one_line_over_all_requests():
    dossiers = gather(ANN, BOB)
    waiting = [item for d in dossiers.values() for item in items(d)]
    shown = overview(grouped(waiting), {a: t.label for a, t in SHOP.tables()})
    assert [tuple(line) for line in shown[["What", "Column", "Requests", "Rows", "Key of one"]].itertuples(index=False)] == [
        ("addresses", "", "A, B", 2, "[70]"),
        *sorted([("notes", "text", "A", 1, "[101]"), ("readers", "", "A", 1, "[5]")], key=lambda line: shown["What"].tolist().index(line[0])),
    ]
    assert set(shown["Choices"]) == {"theirs / not theirs / withheld / cannot tell", "mask / keep / leave out"}
    assert all(not any(value in cell for value in ("ann@", "bob@", "Mill")) for cell in shown.astype(str).to_numpy().ravel())


def test_a_row_ruled_theirs_is_found_and_leads_on():
    data = {
        **DATA,
        "shop.customers": [{**DATA["shop.customers"][0], "email": "ann+shop@x.org", "home": 71}],
        "shop.addresses": [{"id": 71, "street": "x"}],
    }
    before = gather(ANN, data=data)["A"]
    assert rows(before)["shop.customers"] == held("similar address", 1)
    assert "shop.addresses" not in rows(before)
    after = gather(ANN, data=data, rulings=ruled(before, lambda i: i.address.table == "customers", "theirs"))["A"]
    assert rows(after)["shop.customers"] == found(1)
    assert rows(after)["shop.addresses"] == found(71)


@pytest.mark.parametrize(("choice", "standing"), [("not theirs", "another's"), ("withheld", "withheld"), ("cannot tell", "withheld")])
def test_a_row_that_is_left_out_waits_no_more_and_says_so(choice, standing):
    before = gather(ANN)["A"]
    after = gather(ANN, rulings=ruled(before, lambda i: i.address.table == "addresses", choice))["A"]
    assert rows(after)["shop.addresses"] == [(70, standing, choice)]
    assert not any("addresses" in point.table for point in after.open_points)
    assert after["shop.addresses"].empty
    said = [left.why for chosen in choose(after, "access") if chosen.address.table == "addresses" for left in chosen.left_out]
    # What is somebody else's is nothing left out; whoever is told of it learns that there is somebody else.
    assert said == ([] if choice == "not theirs" else [HOLDS[choice].for_requester])
    assert after.tables[Address("shop", "addresses")].outcome.words() == (
        "nothing, 1 ruled not theirs" if choice == "not theirs" else "found 0, 1 withheld"
    )


def test_a_ruling_lasts_while_the_row_does():
    rulings = ruled(gather(ANN)["A"], lambda i: i.address.table == "addresses", "theirs")
    assert rows(gather(ANN, rulings=rulings)["A"])["shop.addresses"] == found(70)
    changed = {**DATA, "shop.addresses": [{"id": 70, "street": "4 Mill Lane"}]}
    assert rows(gather(ANN, data=changed, rulings=rulings)["A"])["shop.addresses"] == held("shared", 70)
    assert rows(gather(BOB, rulings=rulings)["B"])["shop.addresses"] == held("shared", 70)  # what was ruled for Ann is not Bob's


def test_two_requests_that_reach_one_row_can_be_told_apart_by_a_ruling():
    both = (request("A", "phone=02079460001"), request("C", "email=ann@x.org"))
    before = gather(*both)
    assert rows(before["A"])["shop.customers"] == held("two requests", 1)
    after = gather(*both, rulings=ruled(before["A"], lambda i: i.code == "two requests", "theirs"))
    assert (1, "found", None) in rows(after["A"])["shop.customers"]
    assert rows(after["C"])["shop.customers"] == held("two requests", 1)


def test_a_row_ruled_theirs_for_two_people_goes_to_neither_before_that_is_ruled_on_by_itself():
    before = gather(ANN, BOB)
    rulings = ruled(before["A"], lambda i: i.address.table == "addresses", "theirs")
    rulings |= ruled(before["B"], lambda i: i.address.table == "addresses", "theirs")
    after = gather(ANN, BOB, rulings=rulings)
    assert [rows(after[r])["shop.addresses"] for r in "AB"] == [held("two requests", 70)] * 2
    assert len({item.group for r in "AB" for item in items(after[r]) if item.code == "two requests"}) == 2


def test_rows_of_one_address_that_bear_different_names_are_ruled_on_apart(tmp_path):
    people = [contact(1, "Ann", "Lee", "ann@x.org", None), contact(4, "Bob", "Roe", "ann@x.org", None), contact(5, "Lee", "Ann", "ann@x.org", None)]
    dossier = collect([request("A", "email=ann@x.org")], PEOPLE, sources(PEOPLE, {"s.contacts": people}), lambda: NOW)["A"]
    assert sorted(sorted(i.key for i in found) for found in grouped(items(dossier)).values()) == [["[1]", "[5]"], ["[4]"]]
    desk = Review(PEOPLE, {"A": Open(dossier, Rulings(tmp_path / "review.json"))}, NOW)
    (group,) = (g for g, found in desk.waiting.items() if len(found) == 2)
    assert desk.rows(group).to_numpy().tolist() == [["A", "[1]"], ["A", "[5]"]]
    with pytest.raises(BadRuling, match="no row of this group has that key"):
        desk.rule(group, "not theirs", by="I. Farr", key="4")
    assert desk.rule(group, "not theirs", by="I. Farr", key="5") == 1
    assert [i.key for i in desk.waiting[group]] == ["[1]"]


def test_with_two_readers_a_ruling_counts_once_another_person_agrees():
    strict = SHOP.model_copy(update={"controller": SHOP.controller.model_copy(update={"two_readers": True})})
    before = gather(ANN, map_=strict)["A"]
    rulings = ruled(before, lambda i: i.address.table == "addresses", "theirs")
    assert rows(gather(ANN, rulings=rulings, map_=strict)["A"])["shop.addresses"] == held("shared", 70)
    again = ruled(before, lambda i: i.address.table == "addresses", "theirs", before=rulings["A"])  # the same person twice is one person
    assert rows(gather(ANN, rulings=again, map_=strict)["A"])["shop.addresses"] == held("shared", 70)
    other = ruled(before, lambda i: i.address.table == "addresses", "theirs", by="R. Lowe", before=rulings["A"])
    assert rows(gather(ANN, rulings=other, map_=strict)["A"])["shop.addresses"] == found(70)


def test_cells_that_speak_of_somebody_else_are_told_and_their_own_are_not():
    dossier = gather(ANN)["A"]
    cells = cells_of(dossier.tables[next(a for a in dossier.tables if a.table == "notes")].listed)
    assert [(c.key, c.column, [(m.kind, m.value) for m in c.mentions]) for c in cells] == [
        ("[101]", "text", [("email", "bob@x.org"), ("name", "Bob Roe")])
    ]
    assert any("1 cells speak of somebody else" in point.what for point in dossier.open_points)


def test_words_that_look_like_a_name_and_stand_in_no_record_are_no_mention():
    notes = [{"id": 100, "customer_id": 1, "text": "Mill Lane, Cat Moe, order 1123-77, ask 20261123"}]
    dossier = gather(ANN, data={**DATA, "shop.notes": notes})["A"]
    assert cells_of(dossier.tables[next(a for a in dossier.tables if a.table == "notes")].listed) == []


@pytest.mark.parametrize("choice", ["mask", "keep", "leave out"])
def test_a_cell_ruled_on_waits_no_more_until_its_text_changes(choice):
    rulings = ruled(gather(ANN)["A"], lambda i: i.column, choice)
    after = gather(ANN, rulings=rulings)["A"]
    assert not any("speak of" in point.what for point in after.open_points)
    assert [c.choice for c in cells_of(after.tables[next(a for a in after.tables if a.table == "notes")].listed)] == [choice]
    changed = {**DATA, "shop.notes": [{"id": 101, "customer_id": 1, "text": "Came with Bob Roe."}]}
    assert any("speak of" in point.what for point in gather(ANN, data=changed, rulings=rulings)["A"].open_points)


@pytest.mark.parametrize(
    ("choice", "by", "reason", "fault"),
    [
        ("mask", "I. Farr", "", "'mask' is not a choice here"),
        ("theirs", " ", "it is in the contract", "a ruling needs the name of who makes it"),
        ("theirs", "I. Farr", "yes", "'theirs' needs the reason, in three words or more"),
    ],
)
def test_a_ruling_that_lacks_something_is_refused(choice, by, reason, fault):
    item = next(i for i in items(gather(ANN)["A"]) if not i.column)
    with pytest.raises(BadRuling, match=fault):
        ruling(item, choice, by=by, on=NOW, reason=reason)


def test_rulings_are_kept_whole(tmp_path):
    rulings = Rulings.read(tmp_path / "review.json")
    item = items(gather(ANN)["A"])[0]
    rulings.add(ruling(item, "withheld", by="I. Farr", on=NOW, reason=""))
    rulings.save()
    again = Rulings.read(tmp_path / "review.json")
    assert again.found == rulings.found
    assert again.latest == NOW
    assert not any(value in (tmp_path / "review.json").read_text(encoding="utf-8") for value in ("ann@", "Mill"))
    later = replace(next(iter(rulings.found.values())), on=NOW + timedelta(days=1), choice="not theirs")
    again.add(later)
    assert len(again.found) == 1
    assert json.loads((tmp_path / "review.json").read_text(encoding="utf-8"))[0]["choice"] == "withheld"


PEOPLE_TABLE = """
[sources.s.tables.contacts]
people = true
match = { contact = "id", email = "email" }
[sources.s.tables.contacts.columns]
id = {}
first = { category = "user.name.first" }
last = { category = "user.name.last" }
email = { category = "user.contact.email" }
phone = { category = "user.contact.phone_number" }
country = { category = "user.contact.address.country" }
"""
PEOPLE = datamap(PEOPLE_TABLE)


def contact(number, first, last, email, phone):
    return {"id": number, "first": first, "last": last, "email": email, "phone": phone, "country": "GB"}


def test_somebody_entered_twice_is_found_twice_and_the_second_is_held_with_its_reason():
    data = {
        "s.contacts": [
            contact(1, "Annabel", "Leeward", "annabel.leeward@x.org", "020 7946 0001"),
            contact(2, "Annabel", "Leeward", "anabel.leeward@x.org", "020 7946 0001"),
            contact(3, "Annabel", "Leeward", "a.leeward@elsewhere.org", "0113 496 0777"),  # a namesake
            contact(4, "Bob", "Roe", "bob@x.org", "020 7946 0002"),
        ]
    }
    opened = sources(PEOPLE, data, can=Can(everyone=True))
    dossier = collect([request("A", "email=annabel.leeward@x.org")], PEOPLE, opened, lambda: NOW)["A"]
    assert rows(dossier)["s.contacts"] == [*found(1), *held("similar record", 2)]
    assert dossier.held["Reached by"].tolist() == [
        "same first name, last name and phone number, e-mail address alike → similar record → similar record"
    ]
    released = Rulings(None)
    for item in items(dossier):
        released.add(ruling(item, "theirs", by="I. Farr", on=NOW, reason="the same number and a slip"))
    assert rows(collect([dossier.request], PEOPLE, opened, lambda: NOW, rulings={"A": released})["A"])["s.contacts"] == found(1, 2)


def test_several_registers_are_compared_at_once_and_each_has_its_own_keys():
    """An empty one is no failure, and one that breaks stops none of the others."""
    sections = ("contacts", "readers", "leads", "lost")
    tables = PEOPLE_TABLE.split("\n", 1)[1]
    people = datamap("".join(tables.replace("s.tables.contacts", f"{name}.tables.contacts").replace("contact =", f"{name} =") for name in sections))
    twice = [contact(2, "Annabel", "Leeward", "anabel.leeward@x.org", "020 7946 0001")]
    data = {
        "contacts.contacts": [
            contact(1, "Annabel", "Leeward", "annabel.leeward@x.org", "020 7946 0001"),
            contact(3, "Bob", "Roe", "bob@x.org", None),
        ],
        "readers.contacts": twice,
        "leads.contacts": [],
        "lost.contacts": twice,
    }
    opened = sources(people, data, can=Can(everyone=True))
    opened["lost"].spoil = lambda ask, parts: [] if isinstance(ask, Everyone) else parts
    dossier = collect([request("A", "email=annabel.leeward@x.org")], people, opened, lambda: NOW)["A"]
    assert rows(dossier) == {"contacts.contacts": found(1), "readers.contacts": held("similar record", 2)}
    assert [str(a) for a, f in dossier.tables.items() if not f.outcome.complete] == ["lost.contacts"]


def test_a_register_that_cannot_be_looked_through_is_said_and_not_passed_over():
    opened = sources(PEOPLE, {"s.contacts": [contact(1, "Ann", "Lee", "ann@x.org", None)]}, can=Can(everyone=False))
    dossier = collect([request("A", "email=ann@x.org")], PEOPLE, opened, lambda: NOW)["A"]
    assert rows(dossier)["s.contacts"] == found(1)
