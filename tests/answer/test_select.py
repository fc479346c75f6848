"""What a right gives of a dossier, cell by cell, and what is left out and said."""

import pytest

from dsar import values
from dsar.answer.select import LeftOut, choose, groups
from dsar.find.collect import collect
from dsar.find.hold import HOLDS
from dsar.find.review import Rulings, items, ruling
from dsar.recognise import MARK
from tests.worlds import NOW, datamap, gather, request, sources

MAP = datamap("""
[activities.letters]
purpose = "letters"
basis = ["6(1)(f)", "6(1)(a)"]
origin = "provided"
[activities.ads]
purpose = "ads"
basis = "6(1)(f)"
origin = "observed"
[sources.s.tables.accounts]
label = "Account"
match = { email = "email", account = "id" }
reveals = { account = "id" }
[sources.s.tables.accounts.columns]
id = {}
email = {}
score = { label = "Score", basis = "6(1)(f)", origin = "derived" }
rep = { label = "Clerk", other_person = true }
notes = { label = "Notes", free_text = true }
[sources.s.tables.letters]
label = "Letter"
activity = "letters"
match = { account = "account" }
columns = ["id", "account"]
[sources.s.tables.clicks]
label = "Click"
activity = "ads"
match = { account = "account" }
columns = { id = {}, account = {}, agent = { other_person = true } }
[sources.s.tables.readers]
label = "Subscription"
match = { email = "email" }
basis_column = "basis"
columns = ["id", "email", "basis"]
""")
COMPANY = """
[sources.s.tables.people]
match = { email = "email", person = "id" }
reveals = { person = "id", firm = "firm" }
columns = ["id", "firm", "email"]
[sources.s.tables.contracts]
label = "Contract"
owner = "organisation"
match = { firm = "firm", person = "signed_by" }
columns = { id = {}, firm = {}, signed_by = { about = "person" }, price = {} }
"""
DATA = {
    "s.accounts": [{"id": 1, "email": "ann@x.org", "score": 9, "rep": "Bob", "notes": "called bob@x.org"}],
    "s.letters": [{"id": 5, "account": 1}],
    "s.clicks": [{"id": 6, "account": 1, "agent": "Bob"}, {"id": 7, "account": 1, "agent": None}],
    "s.readers": [
        {"id": 1, "email": "ann@x.org", "basis": "6(1)(a)"},
        {"id": 2, "email": "ann@x.org", "basis": "6(1)(f)"},
        {"id": 3, "email": "ann@x.org", "basis": None},
        {"id": 4, "email": "ann@x.org", "basis": "consent"},
    ],
}
BOUNDARY = "Art. 15(4), 20(4)"
YOURS = "Art. 15(1), 20(1)"
CHECKING = "We are still checking whether this is yours to receive."
WITHHELD = HOLDS["withheld"].for_requester


def dossier(data=DATA, **options):
    return gather(MAP, sources(MAP, data), request("A", "email=ann@x.org", **options))["A"]


def given(chosen):
    return {str(c.address): values.rows(c.frame) for c in chosen}


def left(chosen):
    return {str(c.address): c.left_out for c in chosen}


def says(dossier, table, basis):
    return next(g.outcome for g in groups(dossier, "portability") if str(g.address) == table and basis in g.bases)


def test_only_portable_cells_go_out_and_never_those_about_others():
    assert given(choose(dossier(), "portability")) == {
        "s.accounts": [{"id": 1, "email": "ann@x.org", "notes": MARK}],
        "s.letters": [{"id": 5, "account": 1}],
        "s.clicks": [],
        "s.readers": [{"id": 1, "email": "ann@x.org", "basis": "6(1)(a)"}],
    }


@pytest.mark.parametrize(
    ("choice", "shown", "left_out"),
    [
        ("keep", "called bob@x.org", ()),
        ("mask", f"called {MARK}", (LeftOut(f"Account: Notes, parts marked {MARK}", None, WITHHELD, BOUNDARY),)),
        ("leave out", MARK, (LeftOut(f"Account: Notes, parts marked {MARK}", None, WITHHELD, BOUNDARY),)),
    ],
)
def test_what_a_text_says_of_somebody_else_goes_as_it_was_ruled(choice, shown, left_out):
    waiting = dossier()
    rulings = Rulings(None)
    for item in items(waiting):
        rulings.add(ruling(item, choice, by="I. Farr", on=NOW, reason="he is her brother and agreed"))
    made = collect([waiting.request], MAP, sources(MAP, DATA), lambda: NOW, rulings={"A": rulings})["A"]
    chosen = choose(made, "portability")
    assert given(chosen)["s.accounts"][0]["notes"] == shown
    assert left(chosen)["s.accounts"][2:] == left_out


def test_everything_left_out_is_said_with_its_reason():
    made = dossier()
    derived, interest, undetermined = says(made, "s.accounts", "6(1)(f)"), says(made, "s.clicks", "6(1)(f)"), says(made, "s.readers", "undetermined")
    assert left(choose(made, "portability")) == {
        "s.accounts": (
            LeftOut("Account: Score", 1, derived.sentence, derived.article),
            LeftOut("Account: Clerk", None, "Not about you.", YOURS),
            LeftOut("Account: Notes, parts", None, CHECKING, BOUNDARY, pending=True),
        ),
        "s.letters": (),
        "s.clicks": (
            LeftOut("Click", 2, interest.sentence, interest.article),
            LeftOut("Click: Agent", None, "Not about you.", YOURS),
        ),
        "s.readers": (
            LeftOut("Subscription", 1, interest.sentence, interest.article),
            LeftOut("Subscription", 2, undetermined.sentence, undetermined.article),
        ),
    }


def test_one_basis_that_makes_data_portable_is_enough():
    [letters] = [g for g in groups(dossier(), "portability") if g.address.table == "letters"]
    assert (letters.bases, letters.columns, letters.rows, letters.outcome.answer) == (("6(1)(f)", "6(1)(a)"), ("id", "account"), 1, "yes")


def test_a_basis_the_row_does_not_name_rightly_blocks():
    found = [(g.bases, g.rows, g.outcome.answer) for g in groups(dossier(), "portability") if g.address.table == "readers"]
    assert found == [(("6(1)(a)",), 1, "yes"), (("6(1)(f)",), 1, "no"), (("undetermined",), 2, "blocked")]


def test_held_rows_give_nothing_but_a_neutral_line():
    chosen = choose(dossier(verified=False), "portability")
    assert all(len(c.frame) == 0 and c.groups == () for c in chosen)
    unproved = "We have not yet been able to confirm that this is yours."
    assert left(chosen) == {
        "s.accounts": (LeftOut("Account", 1, unproved, BOUNDARY, pending=True),),
        "s.letters": (LeftOut("Letter", 1, unproved, BOUNDARY, pending=True),),
        "s.clicks": (LeftOut("Click", 2, unproved, BOUNDARY, pending=True),),
        "s.readers": (LeftOut("Subscription", 4, unproved, BOUNDARY, pending=True),),
    }


def test_a_companys_table_is_named_once_among_what_is_left_out():
    map_ = datamap(COMPANY)

    def left_of(signed_by):
        data = {"s.people": [{"id": 1, "firm": 5, "email": "ann@x.org"}], "s.contracts": [{"id": 8, "firm": 5, "signed_by": signed_by, "price": 90}]}
        others = [{"id": 2, "firm": 5, "email": "bob@x.org"}]
        data["s.people"] += others
        made = gather(map_, sources(map_, data), request("A", "email=ann@x.org"))["A"]
        return left(choose(made, "access"))["s.contracts"]

    assert left_of(2) == (LeftOut("Contract", None, "Not about you.", YOURS),)
    assert left_of(1) == (LeftOut("Contract: the company's own affairs", None, "Not about you.", YOURS),)


def test_a_column_the_map_does_not_know_never_goes_out():
    data = {**DATA, "s.letters": [{"id": 5, "account": 1, "secret": "x"}]}
    [letters] = [c for c in choose(dossier(data), "access") if c.address.table == "letters"]
    assert (len(letters.frame), list(letters.frame.columns)) == (0, [])
    assert letters.left_out == (LeftOut("Letter", 1, "We are still classifying part of this record.", BOUNDARY, pending=True),)


def test_access_gives_a_copy_of_all_but_what_is_about_others():
    assert given(choose(dossier(), "access")) == {
        "s.accounts": [{"id": 1, "email": "ann@x.org", "score": 9, "notes": MARK}],
        "s.letters": [{"id": 5, "account": 1}],
        "s.clicks": [{"id": 6, "account": 1}, {"id": 7, "account": 1}],
        "s.readers": DATA["s.readers"],
    }


# A row whose own word is not enough, with a column that stands on its own.
MIXED = datamap("""
[sources.s.tables.profiles]
label = "Profile"
match = { email = "email" }
origin_column = "src"
origins = { form = "provided", model = "derived" }
columns = { id = {}, email = { origin = "provided" }, src = {}, score = {} }
""")
PROFILES = [{"id": 1, "email": "ann@x.org", "src": "form", "score": 7}, {"id": 2, "email": "ann@x.org", "src": "model", "score": 8}]


def test_a_row_goes_for_the_cells_that_are_portable_and_no_others():
    made = gather(MIXED, sources(MIXED, {"s.profiles": PROFILES}), request("A", "email=ann@x.org"))["A"]
    [chosen] = choose(made, "portability")
    assert values.rows(chosen.frame) == [PROFILES[0], {"id": None, "email": "ann@x.org", "src": None, "score": None}]
    assert chosen.frame.dtypes.equals(made["s.profiles"][list(chosen.frame)].dtypes)
    [derived] = [g.outcome for g in chosen.groups if g.outcome.answer == "no"]
    assert chosen.left_out == (LeftOut("Profile: Id, Src, Score", 1, derived.sentence, derived.article),)
    [copied] = choose(made, "access")
    assert (values.rows(copied.frame), copied.left_out) == (PROFILES, ())
