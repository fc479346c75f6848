"""The draft of a source: it loads as it stands, holds its rows, tells no value, and leaves nothing out unseen."""

import csv
import re
import sqlite3
import tomllib
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from connectors.engine import DuckDb
from connectors.lake import Lake
from connectors.sql import Sql
from dsar import datamap
from dsar.errors import BadMap
from dsar.guess import sample
from dsar.guess.draft import draft
from dsar.source import Can, Schema, Settings
from fixtures import generate
from tests import servers, worlds

CHINOOK = Path(__file__).parents[2] / "fixtures/chinook/chinook.sqlite"
SHOP = """
create table customers (id integer primary key, full_name text, email text, invited_by integer references customers (id));
create table staff (no integer primary key, name text, email text);
create table addresses (id integer primary key, street text, city text);
create table orders (id integer primary key, customer_id integer references customers (id), clerk integer references staff (no),
  address_id integer references addresses (id), ip text, placed_at datetime, remark text);
create table order_lines ("order" integer references orders (id), line integer, article text, primary key ("order", line));
create table colours (code text primary key, word text);
create table visitors_book (entry text);
insert into customers values (1, 'Ann Lee', 'ann@example.org', null), (2, 'Ben Ray', 'ben@example.org', 1);
insert into staff values (7, 'Cy Fox', 'cy@example.org');
insert into addresses values (70, '1 Mill Lane', 'Exampleton'), (71, '2 Mill Lane', 'Exampleton');
insert into orders values (11, 1, 7, 70, '192.0.2.7', '2026-01-02 03:04:05', 'Leave it with the neighbour, please, if I am out.'),
  (12, 2, 7, 71, '192.0.2.8', '2026-01-03 03:04:05', 'none');
insert into order_lines values (11, 1, 'pen'), (12, 1, 'ink');
insert into colours values ('r', 'red');
"""


def shop(folder, script=SHOP, file="shop.db"):
    with sqlite3.connect(folder / file) as db:
        db.executescript(script)
    db.close()
    return f"sqlite:///{file}"


def drafted(folder, url, connector=Sql, name="shop", *, read=True, file=None):
    """What `dsar map` prints."""
    declared = datamap.Source.model_construct(connector="sql", label=name, owner="", url=url, tables={}, ignored={})
    known = connector(Settings(name, declared, folder, "GB")).schema()
    opened = connector(Settings(name, sample.provisional(declared, known), folder, "GB"))
    values = sample.of(opened, known) if read else {}
    return draft(name, opened, sample=values, connector="sql" if connector is Sql else "lake", url=url, file=file, region="GB")


def loaded(text, root):
    """The draft below a controller, unchanged: it has to be a map."""
    return datamap.parse(tomllib.loads(worlds.HEAD + text), root / "dsar.toml")


def tables(text, name="shop"):
    return tomllib.loads(text)["sources"][name]["tables"]


def test_the_whole_of_two_tables(tmp_path):
    text = drafted(tmp_path, shop(tmp_path))
    assert (
        text[text.index("[sources.shop.tables.orders]") : text.index("[sources.shop.tables.staff]")]
        == """\
[sources.shop.tables.orders]
label = "Orders"  # guessed: in words the requester knows
activity = "shop"  # guessed
key = ["id"]
guessed = true  # holds its rows back; take this line out once you have read the table

[sources.shop.tables.orders.match]
customers = "customer_id"  # guessed: a foreign key
orders = "id"  # its own key

[sources.shop.tables.orders.reveals]
orders = "id"  # guessed: a foreign key
addresses = "address_id"  # guessed: a foreign key
ip = { column = "ip", at = "placed_at" }  # guessed: by its name, and its values are such

[sources.shop.tables.orders.columns]
id = { category = "user.unique_id" }  # guessed: a key; integer
customer_id = { category = "user.unique_id" }  # guessed: a foreign key: customers.id; integer
clerk = { category = "user.unique_id", other_person = true }  # guessed: a foreign key: staff.no; integer
address_id = { category = "user.unique_id" }  # guessed: a foreign key: addresses.id; integer
ip = { category = "user.device.ip_address" }  # guessed: by its name, and its values are such; text
placed_at = { category = "user.behavior" }  # guessed: a time; datetime
remark = { category = "user.content", free_text = true }  # guessed: by its name; text

"""
    )


def test_all_that_is_guessed_says_so(tmp_path):
    declared = re.compile(r'(#.*|\[.*\]|connector = .*|url = .*|key = .*|guessed = true .*|\w+ = "\w+"  # its own key|)')
    assert [line for line in drafted(tmp_path, shop(tmp_path)).splitlines() if "# guessed" not in line and not declared.fullmatch(line)] == []


def test_whose_rows_they_are(tmp_path):
    found = tables(drafted(tmp_path, shop(tmp_path)))
    assert {name: table["match"] for name, table in found.items()} == {
        "addresses": {"addresses": "id"},
        "customers": {"customers": "id", "email": "email"},
        "order_lines": {"orders": "order"},
        "orders": {"customers": "customer_id", "orders": "id"},
        "staff": {"staff": "no", "email": "email"},
    }


def test_what_is_not_mapped_is_a_decision_left_open(tmp_path):
    text = drafted(tmp_path, shop(tmp_path))
    assert "ignored" not in tomllib.loads(text)["sources"]["shop"]
    assert '#colours = "no personal data"  # guessed\n#visitors_book = "no personal data"  # guessed: it was empty\n' in text
    decided = text.replace("#[sources", "[sources").replace("#colours", "colours").replace("#visitors", "visitors")
    assert set(loaded(decided, tmp_path).sources["shop"].ignored) == {"colours", "visitors_book"}


def test_no_value_stands_in_the_draft(tmp_path):
    text = drafted(tmp_path, shop(tmp_path))
    for value in ("Ann", "Lee", "ann@", "Mill", "Exampleton", "192.0", "neighbour", "pen", "2026-01"):
        assert value not in text


def test_a_source_with_nothing_personal_is_a_comment(tmp_path):
    text = drafted(tmp_path, shop(tmp_path, "create table colours (code text primary key, word text);"))
    assert "sources" not in tomllib.loads(text)
    assert '#[sources.shop]\n#connector = "sql"' in text
    assert '#colours = "no personal data"  # guessed' in text


def test_a_table_that_is_empty_today_is_mapped_by_its_names(tmp_path):
    script = "create table parties (id integer primary key, email text); create table invoices (id integer primary key, party integer, sum integer);"
    text = drafted(tmp_path, shop(tmp_path, script + "insert into parties values (1, 'ann@example.org');"))
    assert tables(text)["invoices"]["match"] == {"parties": "party"}
    assert 'parties = "party"  # guessed: by its name; no value was seen\n' in text


class Unread:
    can = Can(everyone=True)

    def schema(self):
        return {
            "customers": Schema({"id": "integer", "email": "text"}, ("id",)),
            "orders": Schema({"id": "integer", "customer_id": "integer"}, ("id",)),
        }

    def read(self, ask):
        raise AssertionError("no row may be read")


def test_without_a_sample_no_row_is_read(tmp_path):
    text = draft("shop", Unread(), sample={}, connector="sql", url="${SHOP_URL}")
    assert tables(text)["orders"]["match"] == {"customers": "customer_id"}
    assert 'customers = "customer_id"  # guessed: by its name\n' in text
    loaded(text, tmp_path)


def test_a_number_that_meets_a_key_by_chance_is_no_link(tmp_path):
    numbers = ", ".join(f"({n}, {n}, '{n:06}')" for n in range(1, 30))
    people = ", ".join(f"('K-{n:05}', 'p{n}@example.org')" for n in range(1, 30))
    codes = ", ".join(f"('K-{n // 2 + 1:05}', {n})" for n in range(1, 30))
    url = shop(
        tmp_path,
        f"""create table people (card text primary key, email text);
        create table stock (pallet_no integer, shelf integer, lot text); insert into stock values {numbers};
        create table visits (member text, room integer); insert into visits values {codes}; insert into people values {people};""",
    )
    found = tables(drafted(tmp_path, url))
    assert "stock" not in found
    assert {name: table["match"] for name, table in found.items()} == {
        "people": {"people": "card", "email": "email"},
        "visits": {"people": "member"},  # letters and signs of some length meet by no chance, whatever the column is called
    }


TRYTON = """
create table party_party (id integer primary key, name text);
create table party_contact_mechanism (id integer primary key, party integer, type text, value text);
create table sale_sale (id integer primary key, party integer, shipment_party integer, number text);
create table ir_note (id integer primary key, resource text, message text);
insert into party_party values (1, 'Ann Lee'), (2, 'Ben Ray');
insert into party_contact_mechanism values (30, 1, 'email', 'ann@example.org'), (31, 2, 'email', 'ben@example.org');
insert into party_contact_mechanism values (32, 1, 'phone', '020 7946 0018');
insert into sale_sale values (5, 1, 1, 'S-5'), (6, 2, 2, 'S-6');
insert into ir_note values (20, 'party.party,1', 'rang'), (21, 'party.party,2', 'wrote'), (22, 'sale.sale,5', 'late'), (23, 'sale.sale,6', 'early');
"""


def test_texts_that_name_table_and_key_lead_on(tmp_path):
    text = drafted(tmp_path, shop(tmp_path, TRYTON))
    found = tables(text)
    assert found["ir_note"]["match"] == {"reference": "resource"}
    assert found["party_party"]["reveals"]["reference"] == {"column": "id", "prefix": "party.party,"}
    assert found["sale_sale"]["match"]["party_party"] == ["party", "shipment_party"]
    known = loaded(text.replace("guessed = true", "guessed = false"), tmp_path)
    opened = {"shop": Sql(Settings("shop", known.sources["shop"], tmp_path, "GB"))}
    dossier = worlds.gather(known, opened, worlds.request("R-1", "shop.party_party=1"))["R-1"]
    assert [row["id"] for row in dossier["shop.ir_note"].to_dict("records")] == [20, 22]
    assert [row["id"] for row in dossier["shop.party_contact_mechanism"].to_dict("records")] == [30, 32]
    # By her address alone a row is found that bears a number nobody has shown to be hers: it is held, and leads on once ruled hers.
    assert found["party_contact_mechanism"]["match"] == {
        "party_party": "party", "party_contact_mechanism": "id", "email": "value", "phone": "value",
    }  # fmt: skip
    by_mail = worlds.gather(known, opened, worlds.request("R-1", "email=ann@example.org"))["R-1"]
    assert worlds.rows(by_mail) == {"shop.party_contact_mechanism": worlds.held("another's", 30)}


def test_what_is_guessed_is_found_and_held_whatever_anybody_rules(tmp_path):
    known = loaded(drafted(tmp_path, shop(tmp_path)), tmp_path)
    opened = {"shop": Sql(Settings("shop", known.sources["shop"], tmp_path, "GB"))}
    dossier = worlds.gather(known, opened, worlds.request("R-1", "email=ann@example.org"))["R-1"]
    assert {str(a): (f.outcome.rows, f.outcome.held) for a, f in dossier.tables.items() if f.outcome.held} == {
        "shop.customers": (0, 1), "shop.orders": (0, 1), "shop.order_lines": (0, 1), "shop.addresses": (0, 1),
    }  # fmt: skip
    assert set(dossier.held["Why"]) == {"the map of its table is a guess that nobody has confirmed: read it, and take out `guessed = true`"}


def test_a_prefix_stands_before_the_tables_own_key_only(tmp_path):
    content = tomllib.loads(worlds.HEAD + drafted(tmp_path, shop(tmp_path, TRYTON)))
    content["sources"]["shop"]["tables"]["sale_sale"]["reveals"]["reference"] = {"column": "party", "prefix": "party.party,"}
    with pytest.raises(BadMap, match=r"sale_sale\.reveals\.reference\.prefix: only the table's own key may have one"):
        datamap.parse(content, tmp_path / "dsar.toml")


HOSTILE = ['x\n[sources.evil]\nurl = "y"', "a]b", 'quo"te', "#comment", "'", "tab\tbed", "dots.in.it", "\u2028", "???", "select"]


@pytest.mark.parametrize("name", HOSTILE)
def test_names_of_a_hostile_schema_stay_names(tmp_path, name):
    quoted = '"' + name.replace('"', '""') + '"'
    url = shop(
        tmp_path,
        f"create table {quoted} (id integer primary key, email text, {quoted} text);"
        f'create table "{name.replace(chr(34), chr(34) * 2)} plain" (code text primary key);'
        f'create table "letters {name.replace(chr(34), chr(34) * 2)}" (street text);'
        f"create table child (id integer primary key, parent_id integer references {quoted} (id));"
        f"insert into {quoted} values (1, 'ann@example.org', 'x'); insert into child values (5, 1);",
    )
    text = drafted(tmp_path, url)
    known = loaded(text, tmp_path)
    assert set(known.sources) == {"shop"}
    assert set(known.sources["shop"].tables) == {name, "child"}
    assert name in known.sources["shop"].tables[name].columns


# -- every kind of source: what is printed loads --------------------------------------------------------


def exported(folder):
    """The shop as csv files and as parquet files, without any key."""
    with sqlite3.connect(folder / "shop.db") as db:
        for name in ("customers", "orders", "colours"):
            rows = db.execute(f"select * from {name}")
            header = [d[0] for d in rows.description]
            content = rows.fetchall()
            (folder / "csv").mkdir(exist_ok=True)
            (folder / "parquet").mkdir(exist_ok=True)
            with (folder / "csv" / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
                csv.writer(file).writerows([header, *content])
            pq.write_table(pa.table(dict(zip(header, zip(*content, strict=True), strict=True))), folder / "parquet" / f"{name}.parquet")
    db.close()


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_folder_of_files(tmp_path, kind):
    shop(tmp_path)
    exported(tmp_path)
    text = drafted(tmp_path, kind, Lake)
    known = loaded(text, tmp_path)
    assert {name: table.key for name, table in known.sources["shop"].tables.items()} == {"customers": ("id",), "orders": ("id",)}
    assert known.sources["shop"].tables["orders"].match == {"customers": "customer_id"}
    opened = {"shop": Lake(Settings("shop", known.sources["shop"], tmp_path, "GB"))}
    dossier = worlds.gather(known, opened, worlds.request("R-1", "email=ann@example.org"))["R-1"]
    assert {str(a): f.outcome.held for a, f in dossier.tables.items()} == {"shop.customers": 1, "shop.orders": 1}


def test_one_file_is_named_where_it_lies(tmp_path):
    shop(tmp_path)
    exported(tmp_path)
    text = drafted(tmp_path, "csv/customers.csv", Lake, file=Path("csv/customers.csv"))
    assert "url" not in tomllib.loads(text)["sources"]["shop"]
    assert tables(text)["customers"]["file"] == {"path": "csv/customers.csv"}
    loaded(text, tmp_path)


def test_chinook_as_its_map_by_hand_has_it(tmp_path):
    text = drafted(tmp_path, f"sqlite:///{CHINOOK}")
    loaded(text, tmp_path)
    found = tables(text)
    assert set(found) == {"Customer", "Employee", "Invoice", "InvoiceLine"}
    assert found["Customer"]["match"] == {"Customer": "CustomerId", "phone": "Phone", "email": "Email"}
    assert found["Customer"]["columns"]["SupportRepId"]["other_person"]
    assert found["InvoiceLine"]["match"] == {"Invoice": "InvoiceId"}


@pytest.mark.parametrize("system", ["crm", "orders", "newsletter", "hosting", "analytics"])
def test_the_reference_company_declares_no_keys_and_is_drafted_all_the_same(company, system):
    text = drafted(company, f"sqlite:///data/{system}.sqlite", name=system)
    loaded(text, company)
    found = tables(text, system)
    by_hand = tomllib.loads((company / "dsar.toml").read_text(encoding="utf-8"))["sources"][system]
    parts = {table.get("part", {}).get("of", name) for name, table in by_hand["tables"].items()}
    # Whatever a person maps is drafted, or named as unclear: nothing personal is proposed to be ignored.
    proposed = set(re.findall(r'^#(\w+) = "no personal data"', text, re.MULTILINE))
    assert not parts & proposed
    assert parts <= set(found) | set(re.findall(r"^#   (\w+): ", text, re.MULTILINE))


@pytest.fixture(scope="module")
def company(tmp_path_factory):
    folder = tmp_path_factory.mktemp("company")
    generate.build(folder, subjects=40, days=60, log_lines=200)
    return folder


def test_a_duckdb_database(tmp_path):
    with duckdb.connect(tmp_path / "shop.duckdb") as db:
        db.execute("create table customers (id integer primary key, full_name text, email text)")
        db.execute("create table orders (id integer primary key, customer_id integer, remark text)")
        db.execute("insert into customers values (1, 'Ann Lee', 'ann@example.org')")
        db.execute("insert into orders values (11, 1, 'none')")
    text = drafted(tmp_path, "duckdb:///shop.duckdb", DuckDb)
    loaded(text, tmp_path)
    assert tables(text)["orders"]["match"] == {"customers": "customer_id"}
    assert "1 of 1 values stand in customers.id" in text


def test_postgresql_with_its_foreign_keys(tmp_path):
    _on_server(servers.postgresql(), tmp_path)


def test_mariadb_with_its_foreign_keys(tmp_path):
    _on_server(servers.mariadb(), tmp_path)


def _on_server(url, folder):
    database = f"draft_{abs(hash(str(folder))) % 10**8}"
    servers.execute(url, f"CREATE DATABASE {database}")
    own = url.set(database=database)
    servers.execute(
        own,
        "CREATE TABLE customers (id integer primary key, full_name varchar(80), email varchar(80))",
        "CREATE TABLE orders (id integer primary key, customer_id integer, remark text, foreign key (customer_id) references customers (id))",
        "INSERT INTO customers VALUES (1, 'Ann Lee', 'ann@example.org')",
        "INSERT INTO orders VALUES (11, 1, 'none')",
    )
    text = drafted(folder, own.render_as_string(hide_password=False))
    known = loaded(text, folder)
    assert tables(text)["orders"]["match"] == {"customers": "customer_id"}
    assert known.sources["shop"].tables["orders"].columns["remark"].free_text
    assert sa.make_url(known.sources["shop"].url).database == database
