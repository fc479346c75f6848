import re
import sqlite3
import tomllib
from datetime import date
from pathlib import Path

import pytest
from pydantic import BaseModel

from dsar import datamap, forgotten, source
from dsar.errors import BadMap
from dsar.request.listed import read_requests

ROOT = Path(__file__).parent.parent
GUIDE = (ROOT / "docs" / "data-map.md").read_text(encoding="utf-8")
CHINOOK = ROOT / "docs" / "examples" / "chinook"


def keys(model, prefix=""):
    return {f"{prefix}{field.alias or name}": field.is_required() for name, field in model.model_fields.items()}


SECTIONS = {
    "[controller]": keys(datamap.Controller) | keys(datamap.AutomatedDecisions, "automated_decisions."),
    "[policy]": keys(datamap.PolicyVersion, "versions.") | keys(datamap.Clause, "clauses.NAME.") | keys(datamap.Gap, "gaps.NAME."),
    "[purge]": keys(datamap.Purge),
    "[systems]": keys(forgotten.Answered, "NAME."),
    "[recipients.NAME]": keys(datamap.Recipient),
    "[activities.NAME]": keys(datamap.Activity) | keys(datamap.Retention, "retention."),
    "[sources.NAME]": keys(datamap.Source) | keys(datamap.Backup, "backups."),
    "[sources.NAME.tables.TABLE]": keys(datamap.Table)
    | keys(datamap.Reveal, "reveals.KIND.")
    | keys(datamap.OpenWhile, "open_while.")
    | keys(datamap.Attribution, "attribute.")
    | keys(datamap.Subset, "part.")
    | keys(datamap.Mark, "restricted.")
    | keys(datamap.GoneWhen, "gone_when."),
    "[sources.NAME.tables.TABLE.columns]": keys(datamap.Column) | keys(datamap.Replace, "erase."),
    "file": keys(datamap.File),
}


def explained(section):
    """Key → what the guide says of it, from the table of a section."""
    text = GUIDE.split(f"\n## `{section}`:")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (`.+?`) \| (.+) \|$", text, re.MULTILINE)
    return {name: words for names, words in rows for name in re.findall(r"`(.+?)`", names)}


def example():
    return tomllib.loads("\n".join(re.findall(r"^```toml\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)))


@pytest.mark.parametrize("section", SECTIONS)
def test_the_guide_explains_every_key_and_no_other(section):
    assert explained(section).keys() == SECTIONS[section].keys()


@pytest.mark.parametrize("section", SECTIONS)
def test_the_guide_says_which_keys_are_required(section):
    # `column` is the whole of the long form, so there is nothing to leave out.
    said = {name: words.startswith("required") or name == "reveals.KIND.column" for name, words in explained(section).items()}
    assert said == SECTIONS[section]


def test_the_models_of_the_map_are_all_in_the_guide():
    listed = GUIDE.split("\nThe list: ")[1].split("\n")[0]
    assert re.findall(r"`(\w+)`", listed) == list(forgotten.SYSTEMS)
    models = {m for m in vars(datamap).values() if isinstance(m, type) and issubclass(m, BaseModel)} - {datamap.DataMap}
    told = [
        datamap.Controller, datamap.AutomatedDecisions, datamap.Recipient, datamap.Activity, datamap.Retention, datamap.Source, datamap.Table,
        datamap.Reveal, datamap.OpenWhile, datamap.Column, datamap.File, datamap.Attribution, datamap.Subset, datamap.Policy,
        datamap.PolicyVersion, datamap.Clause, datamap.Gap, datamap.Backup, datamap.Mark, datamap.GoneWhen, datamap.Replace, datamap.Purge,
    ]  # fmt: skip
    assert models == set(told)
    assert {s.split(".")[0].strip("[]") for s in SECTIONS} - {"file"} == datamap.DataMap.model_fields.keys() - {"root", "sha256"}


def test_the_example_of_the_guide_is_a_map():
    checked = datamap.parse(example(), Path("dsar.toml"))
    assert [str(address) for address, _ in checked.tables()] == [
        "orders.customers",
        "orders.orders",
        "orders.invoices",
        "newsletter.subscribers",
        "newsletter.seminars",
    ]
    assert checked.identifier_kinds() == ("email", "orders.customer", "orders.order", "phone")


def test_the_usual_categories_of_the_guide_exist():
    text = GUIDE.split("The usual categories:")[1].split("A key\nthat is none")[0]
    named = re.findall(r"`(user[\w.]+)`", text) + [f"user.contact.address{part}" for part in re.findall(r"`(\.\w+)`", text)]
    assert len(named) > 15
    assert set(named) <= datamap.categories()


ORDERS = "sources.orders.tables.orders"
BASES = "'6(1)(a)', '6(1)(b)', '6(1)(c)', '6(1)(d)', '6(1)(e)', '6(1)(ea)', '6(1)(f)', '9(2)(a)' or 'undetermined'"
COLUMNS = "id, customer_id, guest_email, delivery_address_id, placed_on, status"
FORM = "must be a section, or written { key = value }"
NEAR = "user.contact.address, user.contact.address.city, user.contact.address.state"
TYPES = "text, integer, decimal(p,s), number, boolean, date, datetime, time, binary, date(FORMAT), datetime(FORMAT)"
BAD = [
    ("controller.contact", ..., "controller.contact: is missing"),
    ("controller.contact", "the office", "controller.contact: must be a mailbox, such as privacy@example.org"),
    ("controller.name", "", "controller.name: must not be empty"),
    ("controller.regime", "us", "controller.regime: must be 'uk' or 'eu'"),
    ("controller.timezone", "London", "controller.timezone: must be an IANA time zone, such as Europe/London"),
    ("controller.region", "UK", "controller.region: must be a two-letter country code, such as GB"),
    ("controller.automated_decisions.reviewed_on", "May", "controller.automated_decisions.reviewed_on: must be a date, such as 2026-11-23"),
    ("recipients.carrier.tell", "perhaps", "recipients.carrier.tell: must be true or false"),
    ("activities", {}, "activities: needs at least one entry"),
    ("activities.orders.basis", "consent", f"activities.orders.basis: must be {BASES} or a list in [brackets]"),
    ("activities.orders.basis", ["6(1)(a)", "consent"], f"activities.orders.basis.1: must be {BASES}"),
    ("activities.orders.origin", "bought", "activities.orders.origin: must be 'provided', 'observed', 'derived', 'third party' or 'agent'"),
    ("activities.orders.recipients", ["postman"], "activities.orders.recipients: 'postman' is not one of [recipients]: carrier, mailer"),
    ("activities.invoices.retention.from", ..., "activities.invoices.retention.from: is missing"),
    ("activities.invoices.retention.years", "six", "activities.invoices.retention.years: must be a whole number"),
    ("activities.invoices.retention.years", 0, "activities.invoices.retention: needs years, months or days"),
    (
        "sources.my shop",
        example()["sources"]["newsletter"],
        "sources.my shop: a source's name may hold letters, digits, - and _, and begins with a letter",
    ),
    ("sources.orders.connector", "my own", "sources.orders.connector: must be a registered name, such as sql, or module:Class"),
    ("sources.orders.ignored.orders", "no", "sources.orders.ignored: 'orders' is mapped as well"),
    (f"{ORDERS}.activity", "sales", f"{ORDERS}.activity: 'sales' is not one of [activities]: orders, invoices"),
    (f"{ORDERS}.key", "id", f"{ORDERS}.key: must be a list in [brackets]"),
    (f"{ORDERS}.key", ["no"], f"{ORDERS}.key: 'no' is not one of its columns: {COLUMNS}"),
    (f"{ORDERS}.match", {}, f"{ORDERS}.match: needs at least one entry"),
    (f"{ORDERS}.match.email", 5, f"{ORDERS}.match.email: must be text in quotes or a list in [brackets]"),
    (f"{ORDERS}.match.email", "mail", f"{ORDERS}.match.email: 'mail' is not one of its columns: {COLUMNS}"),
    (f"{ORDERS}.reveals.order", 5, f"{ORDERS}.reveals.order: must be text in quotes or a section, or written {{ key = value }}"),
    (
        f"{ORDERS}.reveals.order",
        {"colum": "id"},
        f"{ORDERS}.reveals.order.column: is missing; {ORDERS}.reveals.order.colum: is not a key of the data map here",
    ),
    (f"{ORDERS}.open_while.values", [1.5], f"{ORDERS}.open_while.values.0: must be text in quotes or a whole number or true or false"),
    (f"{ORDERS}.basis_column", "basis", f"{ORDERS}.basis_column: 'basis' is not one of its columns: {COLUMNS}"),
    (f"{ORDERS}.columns.street", "user.name", f"{ORDERS}.columns.street: {FORM}"),
    (f"{ORDERS}.columns.status.colour", "red", f"{ORDERS}.columns.status.colour: is not a key of the data map here"),
    (
        f"{ORDERS}.columns.status.category",
        "user.contact.adress",
        f"{ORDERS}.columns.status.category: 'user.contact.adress' is not a fideslang data category; such are {NEAR}",
    ),
    (
        f"{ORDERS}.columns.status.category",
        "",
        f"{ORDERS}.columns.status.category: '' is not a fideslang data category; such are user.name, user.contact.email, user.payment",
    ),
    (
        f"{ORDERS}.columns.status.type",
        "varchar",
        f"{ORDERS}.columns.status.type: allowed: {TYPES}",
    ),
    (f"{ORDERS}.columns.status.type", "decimal(77,2)", f"{ORDERS}.columns.status.type: a decimal has 1 to 76 digits"),
    (f"{ORDERS}.columns.dsar_key", {"category": "user"}, f"{ORDERS}.columns.dsar_key: names that begin with dsar_ are this toolkit's own"),
    ("systems.fax", {"none": "nobody has one"}, f"systems.fax: is not asked about; the list has {', '.join(forgotten.SYSTEMS)}"),
    ("systems.chat", {"mapped": "chats"}, "systems.chat.mapped: 'chats' is not one of [sources]: orders, newsletter"),
    ("systems.chat", {"none": "no"}, "systems.chat: none needs a few words: who says so, and when"),
    ("systems.chat", {}, "systems.chat: needs exactly one of mapped, manual, none and ignored"),
    ("systems.chat", {"none": "says Ann", "ignored": "it is small"}, "systems.chat: needs exactly one of mapped, manual, none and ignored"),
    ("sources.newsletter.tables.seminars.file.delimiter", "|", r"sources.newsletter.tables.seminars.file.delimiter: must be ',', ';' or '\t'"),
]


@pytest.mark.parametrize(("at", "value", "message"), BAD, ids=[f"{n}-{at}" for n, (at, *_) in enumerate(BAD)])
def test_a_mistake_is_named_by_file_key_and_what_is_allowed(at, value, message):
    content = example()
    *parents, last = at.split(".")
    inner = content
    for name in parents:
        inner = inner[name]
    if value is ...:
        del inner[last]
    else:
        inner[last] = value
    with pytest.raises(BadMap) as caught:
        datamap.parse(content, Path("somewhere/dsar.toml"))
    assert str(caught.value) == f"dsar.toml: {message} — see docs/data-map.md"


def test_no_two_tables_share_a_store():
    content = example()
    newsletter, orders = content["sources"]["newsletter"]["tables"], content["sources"]["orders"]["tables"]
    newsletter["seminars"]["file"] = {"path": "logs/access*", "store": "kept"}
    orders["orders"]["file"] = {"path": "logs/api*", "store": "other"}
    datamap.parse(content, Path("dsar.toml"))
    for store in ("kept", "./kept/", "x/../kept"):
        orders["orders"]["file"]["store"] = store
        with pytest.raises(BadMap, match=r"tables\.\w+\.file\.store: '[^']*kept/?' is the store of \w+\.\w+ already; each table needs"):
            datamap.parse(content, Path("dsar.toml"))


def test_many_mistakes_are_counted():
    content = example()
    for column in content["sources"]["orders"]["tables"]["customers"]["columns"].values():
        column["category"] = ""
    with pytest.raises(BadMap, match=r"; and 3 more — see docs/data-map\.md$"):
        datamap.parse(content, Path("dsar.toml"))


def test_what_is_no_toml_is_named_by_its_line(tmp_path):
    path = tmp_path / "dsar.toml"
    with pytest.raises(BadMap, match="cannot be read — make one with `dsar init DIR`"):
        datamap.read(path)
    path.write_text("[controller]\nname = Heron\n")
    with pytest.raises(BadMap, match=r"^dsar\.toml: is not TOML: .*line 2.* — mend the line named$"):
        datamap.read(path)
    path.write_bytes(b"name = '\xff'")
    with pytest.raises(BadMap, match=r"^dsar\.toml: is not TOML: .* — mend the line named$"):
        datamap.read(path)


def test_names_in_braces_come_from_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("SHOP_URL", "sqlite:///shop.db")
    settings = source.Settings("shop", example_source(), tmp_path)
    assert settings.expand("${SHOP_URL} ${WORKSPACE}/x") == f"sqlite:///shop.db {tmp_path}/x"
    monkeypatch.delenv("SHOP_URL")
    with pytest.raises(BadMap, match=r"^sources\.shop: the environment variable SHOP_URL is not set — export SHOP_URL=… before you start, or keep"):
        settings.expand("${SHOP_URL}")


def example_source():
    return datamap.parse(example(), Path("dsar.toml")).sources["orders"]


def tables_of(database):
    with sqlite3.connect(database) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")]
        found = {name: [column for _, column, *_ in connection.execute(f"PRAGMA table_info([{name}])")] for name in names}
    connection.close()
    return found


def assert_mapped(declared, tables):
    """Every table is mapped with exactly its columns, or ignored; nothing else is named."""
    assert {name: set(table.columns) for name, table in declared.tables.items()} == {
        n: set(c) for n, c in tables.items() if n not in declared.ignored
    }
    assert set(declared.ignored) <= set(tables)


def test_the_chinook_map_covers_its_database():
    checked = datamap.read(CHINOOK / "dsar.toml")
    shop_ = checked.sources["shop"]
    url = datamap.expand(shop_.url, CHINOOK, "")
    assert_mapped(shop_, tables_of(url.removeprefix("sqlite:///")))
    requests = read_requests(CHINOOK / "requests.csv", checked, date(2026, 11, 23))
    assert {r.id: [(i.kind, i.value, i.standing) for i in r.identifiers] for r in requests.values()} == {
        "C-005": [("email", "frantisekw@jetbrains.com", "verified")],
        "C-016": [("shop.customer", "16", "verified")],
        "C-049": [("email", "stanisław.wójcik@wp.pl", "verified")],
    }
