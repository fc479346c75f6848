import base64
import bz2
import email.policy
import gzip
import html
import io
import json
import lzma
import subprocess
import tarfile
import zipfile
from datetime import date
from email.message import EmailMessage
from urllib.parse import quote

import msoffcrypto.format.ooxml
import openpyxl
import pytest
import pyzipper
from hypothesis import given
from hypothesis import strategies as st
from openpyxl.cell.rich_text import CellRichText, TextBlock
from openpyxl.cell.text import InlineFont
from openpyxl.comments import Comment

from dsar.answer import decode
from dsar.answer.stranger import Hit, Needle, Needles, search, searchable
from dsar.errors import BadIdentifier

PHRASE = "abcd-efgh-jkmn"
SECRETS = {
    "email": Needle("n-email", "email", "Ann.Lee@example.org"),
    "phone": Needle("n-phone", "phone", "+442079460018"),
    "ip": Needle("n-ip", "ip", "192.0.2.77"),
    "card": Needle("n-card", "card", "4111111111111111"),
    "iban": Needle("n-iban", "iban", "GB82WEST12345698765432"),
    "name": Needle("n-name", "name", "José Muñoz"),
    "key": Needle("n-key", "shop.customer", "C-10234"),
    "place": Needle("n-place", "address", "12 High Street, York"),
    "born": Needle("n-born", "birth", "1990-02-03"),
}
NEEDLES = Needles(SECRETS.values(), "GB")
CLEAN = "Order 17 of jo@example.org, total 12.50, 2024-03-01, +44 20 7946 0099, from 192.0.2.7, 12 Long Street, Jo Lee"
WRITTEN = {
    "email": [
        "ann.lee@example.org",
        "ANN.LEE@EXAMPLE.ORG",
        "<ann.lee@example.org>",
        "ann.lee%40example.org",
        "ann.lee&#64;example.org",
        "ann.lee@example.org.uk",
    ],
    "phone": ["+44 20 7946 0018", "020 7946 0018", "(020) 7946-0018", "+44 (0)20.7946.0018", "0044/2079460018", "442079460018", "17 020 7946 0018 5"],
    "ip": ["192.0.2.77", "[192.0.2.77]:443", "::ffff:192.0.2.77"],
    "card": ["4111111111111111", "4111 1111 1111 1111", "4111-1111-1111-1111"],
    "iban": ["GB82WEST12345698765432", "gb82 west 1234 5698 7654 32"],
    "name": [
        "JOSE MUNOZ",
        "Muñoz, José",
        "Jose\u0301 Mun\u0303oz",
        "José\nMuñoz",
        "jose.munoz",
        "Jos\\u00e9 Mu\\u00f1oz",
        "Jos\\xC3\\xA9 Mu\\xC3\\xB1oz",
    ],
    "key": ["C-10234", "(c-10234)", "C\u201110234", "id=C-10234;"],
    "place": ["12 High Street, York", "12  HIGH street\n York", "12 High Street; York", "12+High+Street%2C+York"],
    "born": ["1990-02-03", "03/02/1990", "3.2.1990", "3 February 1990"],
}


def raw(text):
    return text.encode()


def json_file(text):
    return json.dumps({"rows": [{"id": 1, "note": text}]}).encode()


def page(text):
    return f"<!doctype html><html><body><table><tr><td>{html.escape(text)}</td></tr></table></body></html>".encode()


def workbook(text):
    book = openpyxl.Workbook()
    book.active.append(["No.", "Note"])
    book.active.append([1, text])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def inline_workbook(text):
    book = openpyxl.Workbook(write_only=True)
    book.create_sheet("Notes").append([text])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def zipped(name, data):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(name, data)
    return out.getvalue()


def nested(text):
    return zipped("a/inner.zip", zipped("data.csv", text.encode()))


def locked_zip(text):
    out = io.BytesIO()
    with pyzipper.AESZipFile(out, "w", encryption=pyzipper.WZ_AES) as archive:
        archive.setpassword(PHRASE.encode())
        archive.writestr("data.csv", text)
    return out.getvalue()


def locked_workbook(text):
    out = io.BytesIO()
    msoffcrypto.format.ooxml.OOXMLFile(io.BytesIO(workbook(text))).encrypt(PHRASE, out)
    return out.getvalue()


def document(text):
    # Word splits a run in the middle of a word where spelling or an edit goes by.
    half = len(text) // 2
    runs = "".join(f"<w:r><w:t xml:space='preserve'>{html.escape(part)}</w:t></w:r><w:proofErr/>" for part in (text[:half], text[half:]))
    return zipped("word/document.xml", f"<w:document xmlns:w='x'><w:p>{runs}</w:p><w:p><w:r><w:t>Yours</w:t></w:r></w:p></w:document>")


def mail(text, encoding="base64"):
    message = EmailMessage(policy=email.policy.SMTP)
    message["Subject"], message["To"] = "Your data", "jo@example.org"
    message.set_content("See the file.")
    message.add_attachment(text, subtype="csv", filename="data.csv", cte=encoding)
    return message.as_bytes()


def tar(text, mode="w", name="a/note.txt"):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:
        entry = tarfile.TarInfo(name)
        entry.size = len(text.encode())
        archive.addfile(entry, io.BytesIO(text.encode()))
    return out.getvalue()


FORMATS = {
    "txt": raw,
    "csv": lambda text: f'"id","note"\r\n"1","{text}"\r\n'.encode(),
    "utf16.csv": lambda text: text.encode("utf-16"),
    "json": json_file,
    "html": page,
    "xlsx": workbook,
    "inline.xlsx": inline_workbook,
    "locked.xlsx": locked_workbook,
    "docx": document,
    "zip": nested,
    "locked.zip": locked_zip,
    "gz": lambda text: gzip.compress(text.encode()),
    "bz2": lambda text: bz2.compress(text.encode()),
    "xz": lambda text: lzma.compress(text.encode()),
    "tar": tar,
    "tar.gz": lambda text: tar(text, "w:gz"),
    "tar.xz": lambda text: tar(text, "w:xz"),
    "eml": mail,
    "qp.eml": lambda text: mail(text, "quoted-printable"),
    "b64.txt": lambda text: f"cookie={base64.urlsafe_b64encode(text.encode()).decode()}".encode(),
}


def found(folder, name, data, needles=NEEDLES, phrase=PHRASE):
    (folder / name).write_bytes(data)
    return search([folder], needles, phrase)


@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize("kind", WRITTEN)
def test_a_planted_leak_is_found_in_every_format(tmp_path, ending, kind):
    for number, written in enumerate(WRITTEN[kind][:1] if ending == "locked.xlsx" else WRITTEN[kind]):  # a slow lock
        hits = found(tmp_path, f"{number}.{ending}", FORMATS[ending](f"{CLEAN}; {written} ;"))
        assert {h.needle for h in hits} == {SECRETS[kind].id}, (written, hits)
        (tmp_path / f"{number}.{ending}").unlink()


@pytest.mark.parametrize("ending", FORMATS)
def test_a_clean_file_gives_nothing(tmp_path, ending):
    assert found(tmp_path, f"f.{ending}", FORMATS[ending](CLEAN)) == ()


@pytest.mark.parametrize(
    "text",
    [
        "jo.ann.lee@example.org",
        "ann.lee@example.organic",
        "1192.0.2.77",
        "192.0.2.77.5",
        "5.192.0.2.77",
        "AC-10234",
        "C-102345",
        "José Muñozes",
        "1442079460018999",
        "41111111111111110",
    ],
)
def test_what_only_holds_the_same_signs_is_no_hit(tmp_path, text):
    assert found(tmp_path, "f.txt", text.encode()) == ()


def test_a_value_cut_by_mark_up_ends_where_its_paragraph_ends(tmp_path):
    assert {h.needle for h in found(tmp_path, "f.docx", document("ann.lee@example.org"))} == {"n-email"}
    (tmp_path / "f.docx").unlink()
    assert {h.needle for h in found(tmp_path, "f.html", b"<p>C-<s>10</s><b>234</b></p><p>Yours</p>")} == {"n-key"}


def test_a_value_inside_another_is_found_as_well(tmp_path):
    needles = Needles(
        [Needle("long", "address", "12 High Street, York"), Needle("short", "address", "12 High Street"), Needle("last", "address", "Street, York")]
    )
    assert {h.needle for h in found(tmp_path, "f.txt", b"at 12 High Street, York.", needles)} == {"long", "short", "last"}


def test_a_hit_names_the_place_and_never_the_value(tmp_path):
    book = openpyxl.load_workbook(io.BytesIO(workbook("Jo")))
    book.active.title = "Orders"
    book.active["C9"] = 442079460018
    book.save(tmp_path / "a.xlsx")
    (tmp_path / "ann.lee@example.org.csv").write_text("x\ny C-10234", encoding="utf-8")
    hits = search([tmp_path], NEEDLES)
    assert Hit("a.xlsx", "Orders, row 9", "n-phone") in hits
    assert Hit("[withheld]", "line 2", "n-key") in hits
    assert Hit("[withheld]", "its name, line 1", "n-email") in hits
    assert "ann" not in repr(hits)


def test_a_name_of_a_file_is_read_like_its_text(tmp_path):
    (tmp_path / "C-12_jose_munoz_data.csv").write_bytes(b"")
    (tmp_path / "z.zip").write_bytes(zipped("ref_ann.lee@example.org.txt", "x"))
    assert {(h.needle, h.file) for h in search([tmp_path], NEEDLES)} == {("n-name", "[withheld]"), ("n-email", "z.zip")}


def test_all_corners_of_a_workbook_are_read(tmp_path):
    for place in ("hidden", "comment", "property", "sheet name", "rich", "date", "header"):
        book = openpyxl.Workbook()
        sheet = book.active
        if place == "hidden":
            book.create_sheet("h").append(["C-10234"])
            book["h"].sheet_state = "veryHidden"
        elif place == "comment":
            sheet["A1"].comment = Comment("C-10234", "x")
        elif place == "property":
            book.properties.title = "C-10234"
        elif place == "sheet name":
            sheet.title = "C-10234"
        elif place == "rich":
            sheet["A1"] = CellRichText("x C-1", TextBlock(InlineFont(b=True), "0234 y"))
        elif place == "date":
            sheet["A1"] = date(1990, 2, 3)
            sheet["A1"].number_format = "d mmm yy"
        else:
            sheet.oddHeader.center.text = "C-10234"
        book.save(tmp_path / "f.xlsx")
        assert {h.needle for h in search([tmp_path], NEEDLES)} == {"n-born" if place == "date" else "n-key"}, place


def test_a_name_in_two_fields_is_a_name(tmp_path):
    assert {h.needle for h in found(tmp_path, "f.json", b'{"first": "Jos\\u00e9", "last": "Mu\\u00f1oz"}')} == {"n-name"}
    assert {h.needle for h in found(tmp_path, "f.json", b'[{"email": null, "n": [{"ann.lee@example.org": 1}]}]')} == {"n-email"}


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("picture.png", b"\x89PNG\r\n\x1a\n\x00\x00"),
        ("broken.zip", b"PK\x03\x04 no more"),
        ("broken.xlsx", zipped("xl/workbook.xml", "<x")),
        ("locked.zip", locked_zip("x")),
        ("locked.xlsx", locked_workbook("x")),
        ("old.doc", b"\xd0\xcf\x11\xe0 old"),
        ("broken.pdf", b"%PDF-1.4 no more"),
        ("broken.gz", b"\x1f\x8b no more"),
        ("broken.bz2", bz2.compress(b"no more")[:20]),
        ("broken.xz", lzma.compress(b"no more" * 9)[:40]),
        ("broken.tar", tar("no more")[:400]),
        ("picture.tar", tar("\x00\x01", name="x.png")),
        ("page.html", b'<img src="data:image/png;base64,AAAA">'),
        ("in.zip", zipped("a/picture.jpg", b"\xff\xd8\xff\x00")),
    ],
)
def test_what_cannot_be_read_is_a_hit_of_its_own(tmp_path, name, data):
    [hit] = found(tmp_path, name, data, phrase="wrong" if name.startswith("locked") else "")
    assert hit.file == name
    assert hit.unread
    assert hit.needle == ""


def test_a_table_whose_first_column_is_called_pk_is_a_text(tmp_path):
    assert found(tmp_path, "f.csv", b"PK,name\r\n1,Jo\r\n") == ()


def test_a_file_that_is_gone_and_archives_without_end_are_not_passed_over(tmp_path):
    [hit] = search([tmp_path / "gone.txt"], NEEDLES)
    assert hit == Hit("gone.txt", "", unread="it does not open")
    data = b"x"
    for _ in range(12):
        data = zipped("n.zip", data)
    assert [h.unread for h in found(tmp_path, "deep.zip", data)] == ["it lies too deep, or is too large"]


PDF = """%PDF-1.4
1 0 obj <</Type/Catalog/Pages 2 0 R>> endobj
2 0 obj <</Type/Pages/Kids[3 0 R]/Count 1>> endobj
3 0 obj <</Type/Page/Parent 2 0 R/MediaBox[0 0 300 300]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>> endobj
4 0 obj <</Length {length}>> stream
{content}
endstream endobj
5 0 obj <</Type/Font/Subtype/Type1/BaseFont/Helvetica>> endobj
6 0 obj <</Title({title})>> endobj
trailer <</Root 1 0 R/Info 6 0 R>>
"""


def pdf(*lines, title="Letter"):
    content = "BT /F1 9 Tf 20 280 Td " + " ".join(f"({line}) Tj 0 -14 Td" for line in lines) + " ET"
    return PDF.format(length=len(content), content=content, title=title).encode()


def test_a_pdf_is_read_by_pdftotext(tmp_path, monkeypatch):
    assert found(tmp_path, "f.pdf", pdf("Dear Jo,")) == ()
    assert {h.needle for h in found(tmp_path, "f.pdf", pdf("Dear Jo,", "ann.lee@exam", "ple.org", "020 7946 0018"))} == {"n-email", "n-phone"}
    assert {h.place for h in found(tmp_path, "f.pdf", pdf("Dear Jo,", "C-10234"))} >= {"page 1, line 2"}
    assert {h.place.split(",")[0] for h in found(tmp_path, "f.pdf", pdf("Dear Jo,", title="C-10234"))} == {"properties"}
    assert [h.unread for h in found(tmp_path, "f.pdf", pdf(""))] == ["the page has no text: empty, or a picture"]
    monkeypatch.setattr(decode, "_TOOLS", ("pdftotext-that-is-not-here",))
    assert [h.unread for h in found(tmp_path, "f.pdf", pdf("C-10234"))] == ["pdftotext (poppler-utils) is not installed"]


LOCKED_PDF = 'pdf:writer_pdf_Export:{"EncryptFile":{"type":"boolean","value":"true"},"DocumentOpenPassword":{"type":"string","value":"x"}}'


def test_documents_of_libreoffice_are_read(tmp_path):
    (tmp_path / "in.txt").write_text("Dear Jo, José Muñoz, C-10234", encoding="utf-8")
    hits = {}
    for kind in ("docx", "odt", "pdf", LOCKED_PDF):
        office = ["soffice", "--headless", f"-env:UserInstallation=file://{tmp_path}/lo"]
        subprocess.run([*office, "--convert-to", kind, "--outdir", tmp_path, tmp_path / "in.txt"], check=True, capture_output=True, timeout=120)
        hits[kind] = search([tmp_path / f"in.{kind[:4].rstrip(':')}"], NEEDLES)
    assert [h.unread for h in hits.pop(LOCKED_PDF)] == ["it does not open"]
    assert [h.place for h in hits["odt"] if h.unread] == ["Thumbnails/thumbnail.png"]
    assert [{h.needle for h in found if not h.unread} for found in hits.values()] == [{"n-name", "n-key"}] * 3


@pytest.mark.parametrize(
    ("kind", "value", "long_enough"),
    [("name", "王伟", True), ("name", "Li", False), ("key", "17", False), ("key", "C-10", False), ("phone", "12345", False), ("key", "1023", True)],
)
def test_what_is_too_short_is_said(kind, value, long_enough):
    needle = Needle("n-1", kind, value)
    assert searchable(needle) is long_enough
    if not long_enough:
        with pytest.raises(BadIdentifier, match="n-1") as raised:
            Needles([needle])
        assert value not in str(raised.value).replace("n-1", "")


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        ("name", "王伟", "昨日王伟先生来电"),
        ("name", "山田 太郎", "山田太郎が"),
        ("name", "ann maria smith", "Smith, Maria Ann"),
        ("name", "ann maria smith", "Maria Ann Smith"),
        ("name", "דנה כהן", "אמרה לדנה כהן"),
        ("email", "jörg@müller.de", "jörg@müller.de"),
        ("email", "jörg@müller.de", "jörg@xn--mller-kva.de"),
        ("ip", "2001:db8::7", "2001:0db8:0000:0000:0000:0000:0000:0007"),
        ("ip", "2001:db8::7", "2001:DB8:0:0:0:0:0:7"),
        ("phone", "020 7946 0018", "٠٢٠ ٧٩٤٦ ٠٠١٨"),
        ("phone", "+442079460018;ext=12", "020 7946 0018 ext. 12"),
        ("address", "12 High Street", "１２ High\u00adStreet".replace("\u00ad", "\u00a0")),
    ],
)
def test_other_scripts_and_spellings(tmp_path, kind, value, text):
    assert {h.needle for h in found(tmp_path, "f.txt", text.encode(), Needles([Needle("n", kind, value)], "GB"))} == {"n"}


def test_another_desk_behind_the_switchboard_is_no_hit(tmp_path):
    desk = Needles([Needle("n", "phone", "+442079460018;ext=12")], "GB")
    assert found(tmp_path, "f.txt", b"020 7946 0018 ext. 13, 020 7946 0018", desk) == ()


ENCODINGS = {
    "percent": lambda s: quote(s, safe=""),
    "html": html.escape,
    "entities": lambda s: "".join(f"&#{ord(c)};" for c in s),
    "json": json.dumps,
    "base64": lambda s: base64.b64encode(f"value={s}".encode()).decode(),
}


@given(
    st.text(st.one_of(st.characters(min_codepoint=32, exclude_categories=("C", "M", "Z")), st.sampled_from(" .-")), min_size=8, max_size=30),
    st.lists(st.sampled_from(sorted(ENCODINGS)), max_size=3),
)
def test_any_value_is_found_behind_any_encodings(value, encodings):
    needle = Needle("n", "free", value)
    if not searchable(needle):
        return
    text = value
    for name in encodings:
        text = ENCODINGS[name](text)
    needles = Needles([needle])
    assert any(needles.in_text(f" {reading} ") for reading in decode.readings(f"x {text} y")), text
