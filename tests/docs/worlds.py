"""What the reader of a page has before its first command, by the page."""

import re
import shutil
import sqlite3
import zipfile
from contextlib import closing

from dsar.request.listed import HEADER
from fixtures import generate
from tests.answer.test_package import a_package
from tests.docs.blocks import ROOT
from tests.run import erasing

CRM = """
CREATE TABLE contacts (id INTEGER PRIMARY KEY, name TEXT, email TEXT, phone TEXT, owner TEXT, notes TEXT);
CREATE TABLE calls (id INTEGER PRIMARY KEY, contact_id INTEGER REFERENCES contacts (id), called_on DATE, summary TEXT);
CREATE TABLE countries (code TEXT PRIMARY KEY, name TEXT);
INSERT INTO contacts VALUES (1, 'Ann Wright', 'Ann@Example.org', '020 7946 0001', 'kim', 'Prefers mornings'),
                            (2, 'Ben Stone', 'ben@example.org', NULL, 'kim', '');
INSERT INTO calls VALUES (10, 1, '2026-10-01', 'Wants a quote'), (11, 2, '2026-10-02', 'Left a message');
INSERT INTO countries VALUES ('GB', 'United Kingdom');
"""


def demo(folder):
    """The demo company, with fewer visits than `make demo` invents."""
    (folder / "demo").mkdir()
    generate.build(folder / "demo", subjects=120, log_lines=2_000, requests=20)


def desk(folder, *requests):
    """The workspace that `dsar init desk` makes, and its contacts."""
    (folder / "desk").mkdir()
    (folder / "desk/dsar.toml").write_bytes((ROOT / "dsar/templates/dsar.toml").read_bytes())
    (folder / "desk/contacts.csv").write_text("id,email,name\n1,ann@example.org,Ann\n", encoding="utf-8")
    (folder / "desk/requests.csv").write_text("\n".join((",".join(HEADER), *requests, "")), encoding="utf-8")


def letters(folder):
    desk(folder)
    (folder / "ask.txt").write_text("email=ann@example.org\n", encoding="utf-8")
    (folder / "mails").mkdir()


def crm(folder):
    with closing(sqlite3.connect(folder / "crm.sqlite")) as connection:
        connection.executescript(CRM)


def asked(folder):
    desk(folder, "R-1,2026-11-02,access,email=ann@example.org,2026-11-03,")


def erasable(folder):
    """Databases, a newsletter tool and logs that may be written to, and the request R-7."""
    (folder / "desk").mkdir()
    erasing.build(folder / "desk")
    requests = folder / "desk/requests.csv"
    requests.write_text(requests.read_text(encoding="utf-8").replace("A-1,", "R-7,"), encoding="utf-8")
    (folder / "import.csv").write_text("email\nben@example.org\n", encoding="utf-8")
    workspace = erasing.opened(folder / "desk")
    workspace.collect(workspace.request("R-7"))
    for group in workspace.review.overview["Group"]:
        workspace.review.rule(group, "not theirs", by="A. Nalyst", reason="another customer lives there")


def chinook(folder):
    shutil.copytree(ROOT / "docs/examples/chinook", folder / "docs/examples/chinook", ignore=shutil.ignore_patterns("cases", "notebooks", "*.db*"))
    shutil.copytree(ROOT / "fixtures/chinook", folder / "fixtures/chinook")


def unpacked(folder):
    """A package that a requester received and unpacked."""
    a_package(folder / "package.zip").close()
    with zipfile.ZipFile(folder / "package.zip") as archive:
        archive.extractall(folder)


WORLDS = {
    "docs/tutorial.md": demo,
    "docs/desk.md": letters,
    "docs/erasure.md": erasable,
    "docs/for-requesters.md": unpacked,
    "docs/examples/chinook/README.md": chinook,
    "docs/how-to/own-crm.md": crm,
    "docs/how-to/nightly.md": asked,
    "docs/how-to/map-review.md": desk,
    "docs/how-to/upgrading.md": desk,
    "docs/reference/python.md": asked,
    "docs/security.md": asked,
}
ENVIRONMENT = {
    "docs/desk.md": {"DSAR_WORKSPACE": "desk", "DSAR_NOW": "2026-11-23T10:00:00+00:00"},
    "docs/erasure.md": {"DSAR_WORKSPACE": "desk", "DSAR_NOW": "2026-11-23T10:00:00+00:00"},
    "docs/how-to/nightly.md": {"DSAR_WORKSPACE": "desk"},
    "docs/how-to/map-review.md": {"DSAR_WORKSPACE": "desk"},
    "docs/how-to/upgrading.md": {"DSAR_WORKSPACE": "desk"},
    "docs/security.md": {"DSAR_WORKSPACE": "desk"},
}
PRINTED = {  # what has to be seen at the end of a page, besides that every command ended as it should
    "docs/tutorial.md": [r"│ R-00001 │ access +│ done", r"social\.messages: its legal basis is not determined", r"Nothing|second-reader\.xlsx"],
    "docs/desk.md": [
        r"R-2026-0001 registered",
        r"R-2026-0001_access_answer\.docx",
        r"requests\.xlsx: fill it in",
        r"proposals_[-\d]+_1\.xlsx",
        r"ready\.xlsx: \d+ to read",
        r"dates\.ics: the dates of 1 cases",
        r"1 requests",
    ],
    "docs/erasure.md": [r"R-7 shop: \d+ done", r"R-7: .*gone", r"BEGIN|DELETE"],
    "docs/for-requesters.md": [r"index\.html: OK"],
    "docs/examples/chinook/README.md": [r"1 sources, 3 tables, 3 requests: all as the map says"],
    "docs/how-to/own-crm.md": [r"1 sources, 2 tables, 0 requests: all as the map says", r"crm\.calls +│ found"],
    "docs/how-to/nightly.md": [r"R-1 +│ access +│ done"],
    "docs/how-to/map-review.md": [r"activities\.accounts\.purpose", r"1 changed in dsar\.toml", r"A  dsar\.toml"],
}


def missing(page, printed):
    return [pattern for pattern in PRINTED.get(page, ()) if not re.search(pattern, printed)]
