"""Documents that people send back: held whole, until somebody read them and ruled; the original never leaves by mistake."""

import zipfile
from datetime import UTC, datetime
from email.message import EmailMessage

import openpyxl
import pytest

import dsar
from dsar import values
from dsar.errors import AnswerIncomplete, BadRuling
from dsar.find.review import Ruling
from tests import worlds
from tests.needs import needs

pytestmark = needs("pdftotext")
MAP = (
    worlds.HEAD
    + """
[sources.paper]
connector = "manual"
label = "Paper files"
owner = "office@quill.example"
[sources.paper.tables.letters]
label = "Letters"
activity = "main"
key = ["item"]
match = { email = "by_email" }
file = { path = "documents" }
documents = true
[sources.paper.tables.letters.columns]
item = { category = "user.unique_id", label = "Document" }
file = { category = "user.content", label = "File" }
sha256 = { category = "user.content", label = "Check sum" }
bytes = { category = "user.content", label = "Bytes" }
content = { category = "user.content", label = "Document itself" }
copies = { category = "user.content", label = "Further copies" }
by_email = { category = "user.contact.email", label = "Found by" }
"""
)
REQUESTS = "id,received,rights,identifiers,verified_on,no_reasonable_doubt\nR-1,2026-11-02,access; portability,email=ada@example.org,2026-11-03,\n"


def pdf(*lines):
    """A small PDF with these lines as text."""
    shown = "\n".join(f"BT /F1 12 Tf 72 {720 - 20 * n} Td ({line}) Tj ET" for n, line in enumerate(lines)).encode()
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%b\nendstream" % (len(shown), shown), b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]  # fmt: skip
    made, places = b"%PDF-1.4\n", []
    for n, content in enumerate(objects, start=1):
        places.append(len(made))
        made += b"%d 0 obj\n%b\nendobj\n" % (n, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    return made + b"xref\n0 6\n0000000000 65535 f \n%btrailer\n<< /Size 6 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (table, len(made))


MINE = pdf("Dear Ada", "your order is on its way")
ABOUT_BOB = pdf("Dear Ada", "your neighbour Bob Roe took the parcel", "he lives at 4 Mill Lane")
PRIVILEGED = pdf("Counsel writes", "on the claim of Ada")
PHOTO = b"\x89PNG\r\n\x1a\n a photo of Ada"
BOXED = pdf("Dear Ada", "your neighbour Bob Roe took the parcel", "he lives at 4 Mill Lane", "REDACTED")
CROSSED_OUT = pdf("Dear Ada", "your neighbour took the parcel")


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """A workspace whose search came back with three letters, and a mail with a photo attached."""
    monkeypatch.setenv("DSAR_NOW", "2026-11-23T10:00:00+00:00")
    (tmp_path / "dsar.toml").write_text(MAP, encoding="utf-8")
    (tmp_path / "requests.csv").write_text(REQUESTS, encoding="utf-8")
    workspace = dsar.open(tmp_path)
    workspace.collect(workspace.request("R-1"))
    (listed,) = (tmp_path / "worklists").glob("*_searches.xlsx")
    book = openpyxl.load_workbook(listed)
    header = next(row for row in book["Searches"].iter_rows() if row[0].value == "Search ID")
    line = book["Searches"][header[0].row + 1]
    folder = tmp_path / "inbox" / line[0].value
    folder.mkdir(parents=True)
    mail = EmailMessage()
    mail["From"], mail["Date"] = "ada@example.org", "Mon, 02 Nov 2026 10:00:00 +0100"
    mail.set_content("See the picture.")
    mail.add_attachment(PHOTO, maintype="image", subtype="png", filename="me.png")
    for name, content in {"mine.pdf": MINE, "Bob Roe.pdf": ABOUT_BOB, "counsel.pdf": PRIVILEGED, "mail.eml": mail.as_bytes()}.items():
        (folder / name).write_bytes(content)
    next(cell for cell, head in zip(line, header, strict=True) if head.value == "Result").value = "Files in inbox"
    book.save(tmp_path / "inbox/returned.xlsx")
    collected(tmp_path)
    return tmp_path


def collected(desk):
    workspace = dsar.open(desk)
    return workspace, workspace.collect(workspace.request("R-1"), again=True)


def group(workspace, name):
    return next(g for g, (item,) in workspace.review.waiting.items() if name in item.file)


def rule(desk, name, choice, copy=None, by="I. Farr", reason="read it from end to end"):
    workspace = dsar.open(desk)
    return workspace.review.rule(group(workspace, name), choice, by=by, reason=reason, copy=copy)


def made(desk, name, content):
    (desk / name).write_bytes(content)
    return desk / name


def leaving(desk):
    """Every file of the outbox, and every file inside its archives."""
    found = {}
    for path in (desk / "cases/R-1/outbox").iterdir():
        found[path.name] = path.read_bytes()
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                found |= {f"{path.name}/{name}": archive.read(name) for name in archive.namelist()}
    return found


def test_each_document_waits_by_itself_and_nothing_is_complete_before(desk):
    workspace, dossier = collected(desk)
    shown = workspace.review.overview
    assert sorted(place.rpartition("/")[2] for place in shown["Key of one"]) == ["Bob Roe.pdf", "counsel.pdf", "mail.eml: me.png", "mine.pdf"]
    assert set(shown["Choices"]) == {"send / send redacted copy / withhold / not theirs"}
    assert dossier["paper.letters"].empty
    with pytest.raises(AnswerIncomplete):
        workspace.access_report(workspace.request("R-1"))


def test_sent_redacted_and_withheld(desk):
    rule(desk, "mine.pdf", "send")
    rule(desk, "me.png", "send")
    rule(desk, "Bob Roe.pdf", "send redacted copy", made(desk, "crossed out.pdf", CROSSED_OUT))
    rule(desk, "counsel.pdf", "withhold", reason="legal privilege, says counsel")
    workspace, dossier = collected(desk)
    sent = {row["content"]: row["file"].rpartition("/")[2] for row in values.rows(dossier["paper.letters"])}
    assert sent == {MINE: "mine.pdf", PHOTO: "mail.eml: me.png", CROSSED_OUT: "redacted copy"}
    workspace.access_report(workspace.request("R-1"))
    workspace.export(workspace.request("R-1"))
    files = leaving(desk)
    attached = {content for name, content in files.items() if "_file-" in name and "/" not in name}
    assert attached == {MINE, PHOTO, CROSSED_OUT}
    assert {name.rpartition(".")[2] for name in files if "_file-" in name} == {"pdf", "png"}
    for content in (ABOUT_BOB, PRIVILEGED):
        text = values.as_text(content).encode()
        assert not any(content in one or text in one for one in files.values())
    assert not any(b"Bob Roe" in one for one in files.values())
    (workbook,) = (desk / "cases/R-1/outbox").glob("*your-data.xlsx")
    told = [tuple(c.value for c in row) for row in openpyxl.load_workbook(workbook)["What is not included"].iter_rows()]
    assert [row[:3] for row in told if row[0] == "Letters"] == [("Letters", 1, "The law does not let us give you this.")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (ABOUT_BOB, "this is the original itself"),
        (ABOUT_BOB + b"\n% saved again, with boxes\n%%EOF\n", "the original lies inside the redacted copy"),
        (BOXED, "every word of the original can still be read"),
        (b"PK\x03\x04 a Word document", "is neither a PDF nor a picture"),
        (b"", "the redacted copy is empty"),
    ],
)
def test_what_is_the_original_in_disguise_is_refused(desk, content, message):
    with pytest.raises(BadRuling, match=message):
        rule(desk, "Bob Roe.pdf", "send redacted copy", made(desk, "copy.pdf", content))
    assert not (desk / "cases/R-1/review.json").exists()
    _, dossier = collected(desk)
    assert dossier["paper.letters"].empty


def test_a_ruling_without_a_reason_a_name_or_its_copy_is_none(desk):
    copy = made(desk, "copy.pdf", CROSSED_OUT)
    lacking = [("send", {"reason": ""}), ("withhold", {"reason": ""}), ("send", {"by": " "}), ("send redacted copy", {}), ("theirs", {})]
    for choice, change in [*lacking, ("send", {"copy": copy})]:
        with pytest.raises(BadRuling):
            rule(desk, "Bob Roe.pdf", choice, **change)
    with pytest.raises(BadRuling, match="is not there"):
        rule(desk, "Bob Roe.pdf", "send redacted copy", desk / "nowhere.pdf")
    assert not (desk / "cases/R-1/redacted").exists()


def test_a_copy_that_is_gone_or_was_changed_holds_the_document_again(desk):
    rule(desk, "Bob Roe.pdf", "send redacted copy", made(desk, "copy.pdf", CROSSED_OUT))
    (kept,) = (desk / "cases/R-1/redacted").iterdir()
    assert len(collected(desk)[1]["paper.letters"]) == 1
    kept.write_bytes(ABOUT_BOB)
    assert collected(desk)[1]["paper.letters"].empty
    kept.unlink()
    assert collected(desk)[1]["paper.letters"].empty


def test_a_document_that_changed_since_waits_again(desk):
    rule(desk, "mine.pdf", "send")
    assert len(collected(desk)[1]["paper.letters"]) == 1
    (path,) = (desk / "inbox").rglob("mine.pdf")
    path.write_bytes(pdf("Dear Ada", "and dear Bob"))
    assert collected(desk)[1]["paper.letters"].empty


def test_an_old_ruling_that_a_row_is_theirs_sends_no_document(desk):
    workspace = dsar.open(desk)
    case = workspace.review.cases["R-1"]
    (item,) = workspace.review.waiting[group(workspace, "mine.pdf")]
    on = datetime(2026, 11, 23, tzinfo=UTC)
    case.rulings.add(Ruling(str(item.address), item.key, "", item.hash, "theirs", "I. Farr", on, "it bears her name", code="document"))
    case.rulings.save()
    assert collected(desk)[1]["paper.letters"].empty


def test_the_review_as_a_workbook_names_the_copy_beside_it(desk):
    workspace = dsar.open(desk)
    path = workspace.review.write(desk / "review.xlsx")
    book = openpyxl.load_workbook(path)
    sheet = book["Review"]
    header = next(row for row in sheet.iter_rows() if row[0].value == "Group")
    column = {cell.value: cell.column for cell in header}
    row = next(r[0].row for r in sheet.iter_rows() if r[0].value == group(workspace, "Bob Roe.pdf"))
    filled = {"Ruling": "send redacted copy", "Reason, with evidence": "Bob is out of it", "Ruled by": "I. Farr"}
    for name, value in {**filled, "Redacted copy (file)": "../copy.pdf"}.items():
        sheet.cell(row, column[name]).value = value
    book.save(path)
    with pytest.raises(BadRuling, match="has to lie beside the workbook"):
        dsar.open(desk).review.read(path)
    sheet.cell(row, column["Redacted copy (file)"]).value = "copy.pdf"
    book.save(path)
    made(desk, "copy.pdf", CROSSED_OUT)
    assert dsar.open(desk).review.read(path) == 1
    assert [r["content"] for r in values.rows(collected(desk)[1]["paper.letters"])] == [CROSSED_OUT]


def test_what_is_only_claimed_says_so_and_is_ruled_on_as_a_document(desk):
    (desk / "requests.csv").write_text(REQUESTS.replace("2026-11-03", ""), encoding="utf-8")
    workspace, dossier = collected(desk)
    assert {hold for _, _, hold in worlds.rows(dossier)["paper.letters"]} == {"claimed"}
    assert set(workspace.review.overview["Choices"]) == {"send / send redacted copy / withhold / not theirs"}
