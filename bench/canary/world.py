"""A small company and one person in it whose values are marked by words that stand nowhere else."""

import contextlib
import os
import sqlite3

from tests.worlds import HEAD

SHOP = """
CREATE TABLE customers (id INTEGER PRIMARY KEY, email TEXT, name TEXT, street TEXT);
CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customers (id), placed_at TEXT, ip TEXT, browser TEXT);
CREATE TABLE notes (id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customers (id), body TEXT);
INSERT INTO customers VALUES (1, 'Zquinta@zqcanary.example', 'Zquinta Zqcanary', '7 Zqcanary Lane'), (2, 'bob@quill.example', 'Bob Stone', '3 Lane'),
                             (3, 'zquinta.broken@zqcanary.example, other@zqcanary.example', 'Zquinta Zqcanary', '');
INSERT INTO orders VALUES (10, 1, '2026-11-20 09:00:00', '203.0.113.77', 'Zqcanary/1'), (11, 2, '2026-11-20 09:00:00', '192.0.2.9', 'Chrome/1');
INSERT INTO notes VALUES (1, 1, 'rang about zqcanary lamps, ask bob.zqcanary@quill.example or +44 20 7946 0018'), (2, 2, 'quiet');
"""
COLUMNS = {
    "customers": ("id", "email", "name", "street"), "notes": ("id", "customer_id", "body"),
    "orders": ("id", "customer_id", "placed_at", "ip", "browser"),
    "visits": ("file", "line", "copy", "client", "user", "at", "request", "status", "bytes", "referrer", "browser"),
    "mails": ("item", "file", "sent_at", "sender", "recipients", "subject", "text", "attachments", "copies", "by_email"),
}  # fmt: skip
CATEGORIES = {"email": "user.contact.email", "name": "user.name", "street": "user.contact.address", "body": "user.content", "text": "user.content"}
MAP = (
    HEAD
    + """
[activities.orders]
purpose = "To sell and deliver"
basis = "6(1)(b)"
origin = "provided"
[activities.visits]
purpose = "To keep the website safe"
basis = "6(1)(f)"
origin = "observed"
[sources.shop]
connector = "sql"
url = "sqlite:///${WORKSPACE}/shop.db"
write_url = "sqlite:///${WORKSPACE}/shop.db"
label = "Shop"
owner = "shop@quill.example"
[sources.shop.tables.customers]
label = "Account"
activity = "orders"
key = ["id"]
match = { customer = "id", email = "email" }
reveals = { customer = "id" }
COLUMNS customers
[sources.shop.tables.orders]
label = "Order"
activity = "orders"
key = ["id"]
match = { customer = "customer_id" }
reveals = { ip = { column = "ip", at = "placed_at", browser = "browser" } }
COLUMNS orders
[sources.shop.tables.notes]
label = "Note"
activity = "orders"
key = ["id"]
match = { customer = "customer_id" }
COLUMNS notes
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
COLUMNS visits
[sources.desk]
connector = "manual"
label = "Support mailbox"
owner = "desk@quill.example"
[sources.desk.tables.mails]
label = "E-mail"
activity = "orders"
key = ["item"]
match = { email = "by_email" }
file = { path = "mails" }
COLUMNS mails
"""
)


def column(name):
    text = ", free_text = true" if name in {"body", "text"} else ""
    return f'{name} = {{ category = "{CATEGORIES.get(name, "user")}"{text} }}'


def build(ws):
    """Write the workspace, and three requests by one marked person: all rights, one by mail, one that cannot be read."""
    text = "\n".join(
        f"columns = {{ {', '.join(map(column, COLUMNS[line.split()[1]]))} }}" if line.startswith("COLUMNS") else line for line in MAP.split("\n")
    )
    (ws / "dsar.toml").write_text(text, encoding="utf-8")
    with contextlib.closing(sqlite3.connect(ws / "shop.db")) as shop:
        shop.executescript(SHOP)
    (ws / "logs").mkdir()
    line = '203.0.113.77 - zquinta [20/Nov/2026:09:01:00 +0000] "GET /zqcanary?q=zquinta HTTP/1.1" 200 5 "https://zqcanary.example/" "Zqcanary/1"\n'
    (ws / "logs" / "access.log.1").write_text(line * 3 + "203.0.113.77 zqcanary broken\n")
    os.utime(ws / "logs" / "access.log.1", (1_700_000_000, 1_700_000_000))
    who = "email=zquinta@zqcanary.example"
    lines = [f"R-1,2026-11-02,access; portability; erasure,{who},2026-11-03,", "R-3,2026-11-02,access,email=bob@quill.example,2026-11-03,"]
    (ws / "requests.csv").write_text("id,received,rights,identifiers,verified_on,no_reasonable_doubt\n" + "\n".join(lines) + "\n")
    (ws / "ask.txt").write_text("email=zquinta@zqcanary.example\nphone=+44 20 7946 0555\n")
    (ws / "mails").mkdir()
    (ws / "mails" / "1.eml").write_text(
        "From: Zquinta Zqcanary <zquinta@zqcanary.example>\nTo: privacy@quill.example\nDate: Mon, 02 Nov 2026 10:00:00 +0000\n"
        "Subject: Zqcanary\nMessage-ID: <1@zqcanary.example>\n\nPlease send me a copy of all my personal data. Zquinta\n"
    )
