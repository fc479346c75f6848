"""Systems that a person searches: the worklist goes out, what is found comes back through the inbox."""

import json
from datetime import UTC, datetime
from types import SimpleNamespace

import openpyxl
import pytest

from connectors import mails
from connectors.inbox import _masked
from connectors.manual import Manual
from dsar import values
from dsar.answer import searches
from dsar.errors import SourceBroken
from dsar.source import Keys, Rows, Search, Settings
from tests import worlds

MAP = """
[sources.inboxes]
connector = "connectors.manual:Manual"
label = "Support mailbox"
owner = "support@quill.example"
[sources.inboxes.tables.mails]
key = ["item"]
label = "E-mails"
match = { email = "by_email", phone = "by_phone" }
file = { path = "mails" }
columns = ["item", "file", "sent_at", "sender", "recipients", "subject", "text", "attachments", "copies", "by_email", "by_phone"]
[sources.inboxes.tables.rows]
key = ["item"]
label = "Tickets"
match = { email = "by_email" }
file = { path = "records" }
columns = ["item", "file", "data", "copies", "by_email"]
[sources.paper]
connector = "connectors.manual:Manual"
label = "Paper files"
owner = "support@quill.example"
[sources.paper.tables.letters]
key = ["item"]
label = "Letters"
match = { email = "by_email" }
file = { path = "documents" }
documents = true
columns = ["item", "file", "sha256", "bytes", "content", "copies", "by_email"]
"""

MAIL = """\
From: Ada <Ada@Example.org>
To: help@quill.example, Bob <bob@example.com>
Date: Mon, 02 Nov 2026 10:00:00 +0100
Subject: Where is my order?
Content-Type: text/plain; charset=utf-8

Ask bob@example.com or me, ada@example.org.
"""


def desk(root, *requests):
    """Collect for the requests, write the worklists, and return dossiers and the lines that are out."""
    known = worlds.datamap(MAP, root)
    opened = {name: Manual(Settings(name, source, root, "GB")) for name, source in known.sources.items()}
    dossiers = worlds.gather(known, opened, *requests)
    written = searches.write(root, [s for source in opened.values() for s in source.searches()], known.controller)
    lines = []
    if written.files:
        sheet = openpyxl.load_workbook(written.files[0])["Searches"]
        rows = [[c.value for c in row] for row in sheet.iter_rows()]
        start = next(n for n, row in enumerate(rows) if row[0] == "Search ID")
        lines = [dict(zip(rows[start], row, strict=True)) for row in rows[start + 1 :] if row[0]]
    return dossiers, lines, written


def give_back(root, written, **results):
    """Fill in the worklist that went out, as its owner does, and put it into the inbox."""
    (root / "inbox").mkdir(exist_ok=True)
    book = openpyxl.load_workbook(written.files[0])
    sheet = book["Searches"]
    header = next(row for row in sheet.iter_rows() if row[0].value == "Search ID")
    column = {cell.value: cell.column for cell in header}
    for row in sheet.iter_rows(min_row=header[0].row + 1):
        if row[0].value in results:
            sheet.cell(row[0].row, column["Result"]).value = results[row[0].value]
    book.save(root / "inbox" / "returned.xlsx")


ADA, BOB = worlds.request("R-1", "email=ada@example.org"), worlds.request("R-2", "email=bob@example.com")


def put(root, line, name, content):
    folder = root / line["Put what you find into"]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())


def out(lines, system, value):
    return next(line for line in lines if line["System"] == system and line["Look for"] == value)


def test_until_a_search_is_back_its_table_waits_and_only_for_those_who_asked(tmp_path):
    dossiers, lines, written = desk(tmp_path, ADA, BOB)
    assert set(worlds.results(dossiers["R-1"]).values()) == {"waiting: support@quill.example"}
    assert [p.name for p in written.files] == ["support-quill-example-5b201562_searches.xlsx"]
    assert sorted((line["System"], line["Look for"]) for line in lines) == [
        ("Paper files", "ada@example.org"), ("Paper files", "bob@example.com"),
        ("Support mailbox", "ada@example.org"), ("Support mailbox", "bob@example.com"),
    ]  # fmt: skip
    assert out(lines, "Support mailbox", "ada@example.org")["What"] == "E-mails, Tickets"
    done = {line["Search ID"]: "Nothing found" for line in lines if line["Look for"] == "ada@example.org"}
    give_back(tmp_path, written, **done)
    dossiers, lines, written = desk(tmp_path, ADA, BOB)
    assert set(worlds.results(dossiers["R-1"]).values()) == {"nothing"}
    assert set(worlds.results(dossiers["R-2"]).values()) == {"waiting: support@quill.example"}
    assert {line["Look for"] for line in lines} == {"bob@example.com"}


def test_a_search_is_known_by_a_key_and_a_lost_one_is_not_made_anew(tmp_path):
    def ids(name):
        (tmp_path / name).mkdir(exist_ok=True)
        return {line["Search ID"] for line in desk(tmp_path / name, ADA)[1]}

    assert ids("one") == ids("one")
    assert not ids("one") & ids("two")
    (tmp_path / "one/inbox" / min(ids("one"))).mkdir(parents=True)
    (tmp_path / "one/secrets/searches.key").unlink()
    dossiers, *_ = desk(tmp_path / "one", ADA)
    assert {said.partition(":")[0] for said in worlds.results(dossiers["R-1"]).values()} == {"failed"}


def test_what_comes_back_is_taken_in(tmp_path):
    _, lines, written = desk(tmp_path, ADA)
    mailbox, paper = (out(lines, system, "ada@example.org") for system in ("Support mailbox", "Paper files"))
    put(tmp_path, mailbox, "a.eml", MAIL)
    put(tmp_path, mailbox, "again.eml", MAIL)
    put(
        tmp_path,
        mailbox,
        "box.mbox",
        f"From x Mon Nov  2 10:00:00 2026\n{MAIL}\nFrom x Mon Nov  2 10:00:00 2026\n{MAIL.replace('order?', 'parcel?')}\n",
    )
    put(tmp_path, mailbox, "tickets.csv", "no,text\n0044207,=1+1\n2,x\n")
    put(tmp_path, mailbox, "more.json", json.dumps([{"no": 3, "nested": {"a": [1]}}]))
    put(tmp_path, paper, "letter.pdf", b"%PDF-1.4 a letter")
    put(tmp_path, paper, "photo.JPG", b"\xff\xd8 a photo")
    give_back(tmp_path, written, **{line["Search ID"]: "Files in inbox" for line in lines})
    dossiers, lines, _ = desk(tmp_path, ADA)
    assert lines == []
    found = {a.table: values.rows(t.frame) for a, t in dossiers["R-1"].tables.items()}
    first, second = sorted(found["mails"], key=lambda row: row["subject"])
    assert {k: first[k] for k in ("sent_at", "sender", "recipients", "subject", "text", "copies")} == {
        "sent_at": datetime(2026, 11, 2, 9, tzinfo=UTC),
        "sender": "Ada <Ada@Example.org>",
        "recipients": "[address of another person], Bob <[address of another person]>",
        "subject": "Where is my order?",
        "text": "Ask [address of another person] or me, ada@example.org.",
        "copies": 2,
    }
    assert second["subject"] == "Where is my parcel?"
    assert sorted((row["data"], row["copies"]) for row in found["rows"]) == [
        ('{"no": "0044207", "text": "=1+1"}', 0), ('{"no": "2", "text": "x"}', 0), ('{"no": 3, "nested": {"a": [1]}}', 0),
    ]  # fmt: skip
    assert sorted(row["file"].rpartition("/")[2] for row in found["letters"]) == ["letter.pdf", "photo.JPG"]
    # A document is held whole until somebody has read it.
    assert {hold for _, _, hold in worlds.rows(dossiers["R-1"])["paper.letters"]} == {"document"}


@pytest.mark.parametrize(("content", "found"), [(b"", [("a.xlsx", b"")]), (None, None)])
def test_what_outlook_attached_without_its_content_is_no_empty_document(tmp_path, monkeypatch, content, found):
    """python-oxmsg gives no content where a mail is attached, or only a link to a file."""
    attachments = [SimpleNamespace(file_name="a.xlsx", file_bytes=content)]
    monkeypatch.setattr("oxmsg.Message.load", lambda _: SimpleNamespace(attachments=attachments))
    if found is not None:
        assert list(mails.attached(tmp_path / "a.msg")) == found
    else:
        with pytest.raises(SourceBroken, match="a mail or a link to a file is attached"):
            list(mails.attached(tmp_path / "a.msg"))


def test_owners_whose_names_are_alike_in_plain_letters_have_a_file_each(tmp_path):
    known = worlds.datamap(MAP, tmp_path)
    owners = ("王", "李", "it.desk@quill.example", "it-desk@quill.example")
    asked = [Search(f"S-{n}", "X", owner, ("T",), "email", "ada@example.org") for n, owner in enumerate(owners)]
    written = searches.write(tmp_path, asked, known.controller)
    assert len({p.name.lower() for p in written.files}) == len(owners)
    assert sorted(p.name for p in (tmp_path / "worklists").glob("*_searches.xlsx")) == sorted(p.name for p in written.files)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("I am o'brien@example.org.", "I am o'brien@example.org."),
        ("Ask bob.o'hara@example.org!", "Ask #!"),
        ('Ask "b.o"@example.org or b%40x.org', "Ask # or #"),
        ("Ask bob@web_1.intern.example, müller@exämple.org", "Ask #, #"),
        ("x@o'brien@example.org", "x@o'brien@example.org"),
    ],
)
def test_only_others_addresses_are_masked_and_whole(text, masked):
    row = _masked({"sender": text, "recipients": text, "subject": text, "text": text}, {"o'brien@example.org"})
    assert set(row.values()) == {masked.replace("#", "[address of another person]")}


def test_json_keeps_its_digits_and_what_is_no_number_fails(tmp_path):
    _, lines, written = desk(tmp_path, ADA)
    mailbox = out(lines, "Support mailbox", "ada@example.org")
    put(tmp_path, mailbox, "t.json", '[{"paid": 1.10, "no": 12345678901234567.89}]')
    give_back(tmp_path, written, **{line["Search ID"]: "Files in inbox" for line in lines})
    found = {a.table: values.rows(t.frame) for a, t in desk(tmp_path, ADA)[0]["R-1"].tables.items()}
    assert [row["data"] for row in found["rows"]] == ['{"paid": 1.10, "no": 12345678901234567.89}']
    put(tmp_path, mailbox, "t.json", '[{"paid": NaN}]')
    assert "is damaged" in worlds.results(desk(tmp_path, ADA)[0]["R-1"])["inboxes.rows"]


def test_one_mail_of_two_subjects_is_masked_for_each(tmp_path):
    _, lines, written = desk(tmp_path, ADA, BOB)
    for line in lines:
        if line["System"] == "Support mailbox":
            put(tmp_path, line, "a.eml", MAIL)
    give_back(tmp_path, written, **{line["Search ID"]: "Files in inbox" for line in lines})
    dossiers, _, _ = desk(tmp_path, ADA, BOB)
    texts = {r: values.rows(next(t for a, t in d.tables.items() if a.table == "mails").frame)[0]["text"] for r, d in dossiers.items()}
    assert texts == {
        "R-1": "Ask [address of another person] or me, ada@example.org.",
        "R-2": "Ask bob@example.com or me, [address of another person].",
    }


@pytest.mark.parametrize(
    ("name", "content"), [("a.eml", "no mail at all"), ("a.mbox", ""), ("t.json", '[{"a": 1'), ("t.csv", "a,b\n1\n"), ("x.exe", "?"), ("a.msg", "no")]
)
def test_what_cannot_be_read_fails_the_table_and_is_not_quoted(tmp_path, name, content):
    _, lines, written = desk(tmp_path, ADA)
    put(tmp_path, out(lines, "Support mailbox", "ada@example.org"), name, content)
    give_back(tmp_path, written, **{line["Search ID"]: "Files in inbox" for line in lines})
    said = worlds.results(desk(tmp_path, ADA)[0]["R-1"])
    failed = [words for table, words in said.items() if words.startswith("failed")]
    assert failed
    assert "ada@" not in str(failed)


def test_not_possible_stays_out_with_the_remark(tmp_path):
    _, lines, written = desk(tmp_path, ADA)
    give_back(tmp_path, written, **{line["Search ID"]: "Not possible" for line in lines})
    dossiers, lines, _ = desk(tmp_path, ADA)
    assert set(worlds.results(dossiers["R-1"]).values()) == {"waiting: support@quill.example"}
    assert len(lines) == 2


def test_a_search_of_another_request_stays_on_the_list(tmp_path):
    desk(tmp_path, ADA)
    _, lines, _ = desk(tmp_path, BOB)
    assert {line["Look for"] for line in lines} == {"ada@example.org", "bob@example.com"}


def test_keys_find_what_was_handed_on(tmp_path):
    _, lines, written = desk(tmp_path, ADA)
    put(tmp_path, out(lines, "Support mailbox", "ada@example.org"), "a.eml", MAIL)
    give_back(tmp_path, written, **{line["Search ID"]: "Files in inbox" for line in lines})
    known = worlds.datamap(MAP, tmp_path)
    source = Manual(Settings("inboxes", known.sources["inboxes"], tmp_path, "GB"))
    item = values.rows(next(t for a, t in desk(tmp_path, ADA)[0]["R-1"].tables.items() if a.table == "mails").frame)[0]["item"]
    assert [len(p.frame) for p in source.read(Keys("mails", ((item,), ("none",)))) if isinstance(p, Rows)] == [1]
    declared = known.sources["inboxes"]
    bare = {"t": declared.tables["mails"].model_copy(update={"file": None})}
    with pytest.raises(SourceBroken, match="what comes back"):
        Manual(Settings("inboxes", declared.model_copy(update={"tables": bare}), tmp_path)).schema()
