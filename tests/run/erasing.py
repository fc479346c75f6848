"""One customer's whole story in real files: databases, a newsletter tool, logs; and the map that a lawyer would have written."""

import os
import re
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from types import MappingProxyType

from dsar import workspace
from tests.worlds import HEAD

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
SHOP = """
CREATE TABLE addresses (id INTEGER PRIMARY KEY, street TEXT);
CREATE TABLE customers (id INTEGER PRIMARY KEY, email TEXT, name TEXT, fax TEXT, address_id INTEGER REFERENCES addresses (id),
                        restricted INTEGER NOT NULL);
CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customers (id), status TEXT,
                     delivery_id INTEGER REFERENCES addresses (id), placed_at DATETIME, ip TEXT, browser TEXT);
CREATE TABLE lines (id INTEGER PRIMARY KEY, order_id INTEGER REFERENCES orders (id), product TEXT);
CREATE TABLE invoices (number TEXT PRIMARY KEY, order_id INTEGER REFERENCES orders (id), issued_on DATE, billed_to TEXT);
CREATE TABLE notes (id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customers (id), body TEXT);
INSERT INTO addresses VALUES (1, '1 Mill Lane'), (2, '2 Shared Yard'), (3, '3 Bob Street'), (4, '4 Old Lane');
INSERT INTO customers VALUES (1, 'Ann@x.org', 'Ann Wright', '12', 1, 0), (2, 'bob@x.org', 'Bob Stone', '13', 3, 0);
INSERT INTO orders VALUES (10, 1, 'open', 1, '2026-11-20 09:00:00', '192.0.2.7', 'Firefox/1'), (11, 1, 'sent', 2, '2019-02-01 09:00:00', NULL, NULL),
                          (12, 1, 'sent', 4, '2018-03-01 09:00:00', NULL, NULL), (13, 2, 'sent', 2, '2026-01-01 09:00:00', '192.0.2.9', 'Chrome/1'),
                          (14, 1, 'sent', 1, '2024-05-01 09:00:00', NULL, NULL);
INSERT INTO lines VALUES (100, 10, 'a'), (101, 11, 'b'), (102, 12, 'c'), (103, 13, 'd'), (104, 14, 'e');
INSERT INTO invoices VALUES ('I-1', 11, '2019-02-02', 'Ann Wright'), ('I-2', 14, '2024-05-02', 'Ann Wright'), ('I-3', 13, '2026-01-02', 'Bob Stone');
INSERT INTO notes VALUES (1, 1, 'rang about lamps'), (2, 2, 'quiet');
"""
NEWS = """
CREATE TABLE members (id INTEGER PRIMARY KEY, email TEXT, purpose TEXT);
CREATE TABLE opens (id INTEGER PRIMARY KEY, member_id INTEGER);
INSERT INTO members VALUES (1, 'ann@x.org', 'marketing'), (2, 'ann@x.org', 'service'), (3, 'bob@x.org', 'marketing');
INSERT INTO opens VALUES (1, 1), (2, 3);
"""
MAP = """
[activities.orders]
purpose = "To sell and deliver"
basis = "6(1)(b)"
origin = "provided"
recipients = ["courier"]
[activities.books]
purpose = "To keep the books"
basis = "6(1)(c)"
origin = "provided"
retention = { from = "issued_on", years = 6, why = "VAT records: six years from the date of issue", article = "17(3)(b)" }
[activities.newsletter]
purpose = "To send the newsletter"
basis = "6(1)(a)"
origin = "provided"
marketing = true
recipients = ["mailer"]
[activities.service]
purpose = "To tell users about their service"
basis = "6(1)(b)"
origin = "provided"
[activities.notes]
purpose = "To remember what was talked about"
basis = "6(1)(f)"
origin = "observed"
[activities.visits]
purpose = "To keep the website safe"
basis = "6(1)(f)"
origin = "observed"
[recipients.courier]
name = "Fast Courier Ltd"
role = "processor: delivers"
country = "United Kingdom"
[recipients.mailer]
name = "Letterbird Inc."
role = "processor: sends mail"
country = "United States"
safeguard = "clauses"

[sources.shop]
connector = "sql"
url = "sqlite:///${WORKSPACE}/shop.db"
write_url = "sqlite:///${WORKSPACE}/shop.db"
label = "Shop"
owner = "shop@quill.example"
backups = [{ label = "nightly dump", days = 35 }]
[sources.shop.tables.customers]
label = "Account"
activity = "orders"
key = ["id"]
match = { customer = "id", email = "email" }
reveals = { customer = "id", address = "address_id" }
restricted = { column = "restricted", value = 1 }
find = "Customers > {key}"
COLUMNS id email name fax:erase="blank" address_id restricted
[sources.shop.tables.addresses]
label = "Address"
activity = "orders"
key = ["id"]
match = { address = "id" }
COLUMNS id street
[sources.shop.tables.orders]
label = "Order"
activity = "orders"
key = ["id"]
match = { customer = "customer_id" }
reveals = { order = "id", address = "delivery_id", ip = { column = "ip", at = "placed_at", browser = "browser" } }
open_while = { column = "status", values = ["open"], until = "it is delivered" }
COLUMNS id customer_id status delivery_id placed_at ip:erase="blank" browser:erase="blank"
[sources.shop.tables.lines]
label = "Order line"
activity = "orders"
key = ["id"]
match = { order = "order_id" }
COLUMNS id order_id product
[sources.shop.tables.invoices]
label = "Invoice"
activity = "books"
key = ["number"]
match = { order = "order_id" }
COLUMNS number order_id issued_on billed_to
[sources.shop.tables.notes]
label = "Note"
activity = "notes"
key = ["id"]
match = { customer = "customer_id" }
COLUMNS id customer_id body

[sources.news]
connector = "newsletter"
url = "sqlite:///${WORKSPACE}/news.db"
write_url = "sqlite:///${WORKSPACE}/news.db"
label = "Newsletter tool"
owner = "news@quill.example"
[sources.news.tables.subscriptions]
label = "Newsletter subscription"
activity = "newsletter"
part = { of = "members", column = "purpose", values = ["marketing"] }
key = ["id"]
match = { member = "id", email = "email" }
reveals = { member = "id" }
COLUMNS id email purpose
[sources.news.tables.service]
label = "Service mail"
activity = "service"
part = { of = "members", column = "purpose", values = ["service"] }
key = ["id"]
match = { member = "id", email = "email" }
reveals = { member = "id" }
COLUMNS id email purpose
[sources.news.tables.opens]
label = "Newsletter opened"
activity = "newsletter"
key = ["id"]
match = { member = "member_id" }
COLUMNS id member_id

[sources.web]
connector = "logs"
label = "Website"
owner = "web@quill.example"
[sources.web.tables.visits]
label = "Visit"
activity = "visits"
key = ["file", "line", "copy"]
match = { ip = "client" }
attribute = { at = "at", browser = "browser" }
file = { path = "logs/access*" }
COLUMNS file line copy client user at request status bytes referrer browser
"""


def _column(name, rule):
    return f'{name} = {{ category = "user"{", " if rule else ""}{rule} }}'


MAP = re.sub(
    r"COLUMNS (.*)",
    lambda line: "columns = { " + ", ".join(_column(*word.partition(":")[::2]) for word in line[1].split()) + " }",
    MAP,
)
TABLES = MappingProxyType({
    "shop.db": ("addresses", "customers", "orders", "lines", "invoices", "notes"),
    "news.db": ("members", "opens"),
})  # fmt: skip


def visit(client, minute, browser):
    return f'{client} - - [20/Nov/2026:09:{minute:02}:00 +0000] "GET /lamps?id=7 HTTP/1.1" 200 5 "-" "{browser}"\n'


def build(folder, *, rights="erasure", people=("ann@x.org",), change=""):
    """Write the workspace; `people` ask, as A-1, A-2 …"""
    for name, script in (("shop.db", SHOP), ("news.db", NEWS)):
        with closing(sqlite3.connect(folder / name)) as connection:
            connection.executescript(script)
    (folder / "logs").mkdir()
    log = folder / "logs" / "access.log.1"
    log.write_text("".join(visit(*who) for who in (("192.0.2.7", 1, "Firefox/1"), ("192.0.2.9", 2, "Chrome/1"), ("192.0.2.7", 3, "Firefox/1"))))
    os.utime(log, (1_700_000_000, 1_700_000_000))
    (folder / "dsar.toml").write_text(HEAD + MAP + change, encoding="utf-8")
    lines = [f"A-{n},2026-11-02,{rights},email={email},2026-11-03," for n, email in enumerate(people, 1)]
    (folder / "requests.csv").write_text("id,received,rights,identifiers,verified_on,no_reasonable_doubt\n" + "\n".join(lines) + "\n")
    return opened(folder)


def opened(folder):
    return workspace.Workspace(folder, workspace.maps.read(folder / "dsar.toml"), lambda: NOW)


def sql(folder, name, *statements):
    with closing(sqlite3.connect(folder / name)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def everything(folder):
    """Return every row of every table, and every log, as they are."""
    found = {}
    for name, tables in TABLES.items():
        with closing(sqlite3.connect(folder / name)) as connection:
            for table in tables:
                found[table] = connection.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall()
    return found | {p.name: p.read_text() for p in (folder / "logs").iterdir()}
