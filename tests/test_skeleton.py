import tomllib
from pathlib import Path

import pytest

from dsar import datamap
from dsar.errors import BadMap
from dsar.skeleton import skeleton
from dsar.source import Can, Schema

SHOP = {
    "customers": Schema(
        {"id": "integer", "e-mail": "text", "Mobile no": "text", "invited_by": "integer"}, ("id",), {"invited_by": ("customers", "id")}
    ),
    "orders": Schema(
        {"id": "integer", "customer_id": "integer", "placed_by": "integer", "clerk": "integer", "total": "decimal(12,2)"},
        ("id",),
        {"customer_id": ("customers", "id"), "placed_by": ("customers", "id"), "clerk": ("staff", "no")},
    ),
    "staff": Schema({"no": "integer", "name": "text"}, ("no",)),
    "email": Schema({"id": "integer", "body": "text"}, ("id",)),
    "big.lines": Schema({"order": "integer", "line": "integer", 'what "it" is': None}, ("order", "line"), {"order": ("orders", "id")}),
}


class SchemaOnly:
    can = Can()

    def __init__(self, schema):
        self._schema = schema

    def schema(self):
        return self._schema

    def read(self, ask):
        raise AssertionError("a skeleton reads no rows")


def make(schema=SHOP, **changes):
    return skeleton(
        "old_shop", SchemaOnly(schema), **{"url_hint": "postgresql+psycopg://ann:secret@db/shop", "connector": "orders", "file": None, **changes}
    )


def whole(source):
    """A map around the sections under test."""
    return {
        "controller": {
            "name": "Somebody Ltd", "address": "1 Lane", "contact": "privacy@somebody.example", "regime": "uk", "calendar": "GB-ENG",
            "timezone": "Europe/London", "region": "GB", "policy_version": "1", "supervisory_authority": "ICO",
            "automated_decisions": {"text": "None.", "reviewed_by": "N. N.", "reviewed_on": "2026-01-01"},
        },
        "activities": {"sales": {"purpose": "To sell", "basis": "6(1)(b)", "origin": "provided"}},
        "sources": source,
    }  # fmt: skip


def fill(source, owner="shop@somebody.example"):
    """Do by script what a person does: an owner, a category per column, an activity per table, a column per match."""
    source["owner"] = owner
    for name, table in source["tables"].items():
        table["activity"] = "sales"
        table["match"] = {kind: column or next(iter(table["columns"])) for kind, column in table["match"].items()} or {"email": "body"}
        for column in table["columns"].values():
            assert column["category"] == "", name
            assert column.get("free_text", True) is True, name
            column["category"] = "user"
    return source


def test_the_whole_text():
    few = {"customers": SHOP["customers"], "orders": SHOP["orders"], "staff": SHOP["staff"]}
    assert (
        make(few).split("\n\n", 1)[1]
        == """\
[sources.old_shop]
connector = "orders"
url = "${OLD_SHOP_URL}"  # export OLD_SHOP_URL=postgresql+psycopg:... before you start
label = "Old shop"  # the system's name, as the requester will read it
owner = ""  # the mailbox of whoever deletes in this system
ignored = {}

[sources.old_shop.tables.customers]
label = "Customers"  # in words the requester knows
activity = ""
key = ["id"]

[sources.old_shop.tables.customers.match]
customers = "id"  # its own key
email = ""  # e-mail looks like one: write it in if it is the person's own email, else delete this line
phone = ""  # Mobile no looks like one: write it in if it is the person's own phone, else delete this line

[sources.old_shop.tables.customers.reveals]
customers = "id"  # other tables refer to it

[sources.old_shop.tables.customers.columns]
id = { category = "" }  # integer, key
e-mail = { category = "" }  # text
"Mobile no" = { category = "" }  # text
invited_by = { category = "" }  # integer, refers to customers.id

[sources.old_shop.tables.orders]
label = "Orders"  # in words the requester knows
activity = ""
key = ["id"]

[sources.old_shop.tables.orders.match]
orders = "id"  # its own key
customers = ""  # customer_id or placed_by refers to customers: write it in if these rows belong to whoever that one belongs to, else delete this line
staff = ""  # clerk refers to staff: write it in if these rows belong to whoever that one belongs to, else delete this line

[sources.old_shop.tables.orders.columns]
id = { category = "" }  # integer, key
customer_id = { category = "" }  # integer, refers to customers.id
placed_by = { category = "" }  # integer, refers to customers.id
clerk = { category = "" }  # integer, refers to staff.no
total = { category = "" }  # decimal(12,2)

[sources.old_shop.tables.staff]
label = "Staff"  # in words the requester knows
activity = ""
key = ["no"]

[sources.old_shop.tables.staff.match]
staff = "no"  # its own key

[sources.old_shop.tables.staff.reveals]
staff = "no"  # other tables refer to it

[sources.old_shop.tables.staff.columns]
no = { category = "" }  # integer, key
name = { category = "" }  # text
"""
    )


def test_every_table_and_column_is_there_and_nothing_of_the_address():
    text = make()
    source = tomllib.loads(text)["sources"]["old_shop"]
    assert {name: list(table["columns"]) for name, table in source["tables"].items()} == {name: list(known.columns) for name, known in SHOP.items()}
    assert {name: tuple(table["key"]) for name, table in source["tables"].items()} == {name: known.key for name, known in SHOP.items()}
    assert "secret" not in text
    assert "ann" not in text
    assert "secret" not in make(url_hint="secret")


def test_filled_in_it_is_a_data_map():
    source = tomllib.loads(make())["sources"]
    fill(source["old_shop"])
    checked = datamap.parse(whole(source), Path("dsar.toml"))
    assert [str(address) for address, _ in checked.tables()] == [f"old_shop.{name}" for name in SHOP]
    # A table called "email" issues keys of its own: they are no e-mail addresses.
    assert checked.sources["old_shop"].tables["email"].match == {"email_key": "id"}


@pytest.mark.parametrize(
    ("forget", "message"),
    [
        (
            lambda t: t["columns"]["total"].update(category=""),
            "sources.old_shop.tables.orders.columns.total.category: '' is not a fideslang data category",
        ),
        (lambda t: t.update(label=""), "sources.old_shop.tables.orders.label: must not be empty"),
        (lambda t: t.update(activity=""), "sources.old_shop.tables.orders.activity: '' is not one of [activities]: sales"),
        (lambda t: t["match"].update(customers=""), "sources.old_shop.tables.orders.match.customers: '' is not one of its columns: id, customer_id"),
        (lambda t: t.update(key=[]), "sources.old_shop.tables.orders.key: needs at least one entry"),
        (lambda t: t.update(match={}), "sources.old_shop.tables.orders.match: needs at least one entry"),
    ],
)
def test_a_gap_left_open_fails_the_check(forget, message):
    source = tomllib.loads(make())["sources"]
    forget(fill(source["old_shop"])["tables"]["orders"])
    with pytest.raises(BadMap) as caught:
        datamap.parse(whole(source), Path("dsar.toml"))
    assert str(caught.value).startswith(f"dsar.toml: {message}")


def test_a_file_has_a_path_and_no_address():
    source = tomllib.loads(make({"letters": Schema({"Adresse": None})}, file=Path("exports/letters.csv"), connector="lake"))["sources"]["old_shop"]
    assert "url" not in source
    assert source["tables"]["letters"]["file"] == {"path": "exports/letters.csv"}
    assert source["tables"]["letters"]["key"] == []
    assert source["tables"]["letters"]["match"] == {}
    two = tomllib.loads(make({"May": Schema({"a": None}), "June": Schema({"a": None})}, file=Path("book.xlsx")))["sources"]["old_shop"]["tables"]
    assert [two[name]["file"] for name in two] == [{"path": "book.xlsx", "sheet": "May"}, {"path": "book.xlsx", "sheet": "June"}]


def test_an_owner_left_open_fails_the_check():
    source = tomllib.loads(make())["sources"]
    fill(source["old_shop"], owner="")
    with pytest.raises(BadMap, match=r"^dsar\.toml: sources\.old_shop\.owner: must not be empty — "):
        datamap.parse(whole(source), Path("dsar.toml"))


@pytest.mark.parametrize(("table", "label"), [("InvoiceLine", "Invoice line"), ("order_lines", "Order lines"), ("TBL", "Tbl")])
def test_a_label_is_made_of_words(table, label):
    assert tomllib.loads(make({table: Schema({"a": None})}))["sources"]["old_shop"]["tables"][table]["label"] == label


def test_what_somebody_typed_is_proposed_to_be_searched_for_others():
    typed = {"t": Schema({"id": "integer", "Comment": "text", "body": None, "note_count": "integer", "town": "text"}, ("id",))}
    columns = tomllib.loads(make(typed))["sources"]["old_shop"]["tables"]["t"]["columns"]
    assert [name for name, column in columns.items() if column.get("free_text")] == ["Comment", "body"]
