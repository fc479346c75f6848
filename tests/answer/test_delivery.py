"""What goes out is locked, goes to a proved address only, and its passphrase lies elsewhere."""

import io
import math
import re
import shutil
import subprocess
from datetime import datetime
from email import message_from_bytes
from email.policy import SMTP
from hashlib import sha256
from pathlib import Path

import msoffcrypto
import openpyxl
import pytest
import pyzipper

from dsar.answer import delivery, protect, second_reader
from dsar.answer.delivery import deliver
from dsar.errors import DeliveryRefused, IdentityNotVerified
from tests.answer.world import DATA, exported
from tests.needs import needs
from tests.worlds import datamap as parse
from tests.worlds import gather, request, sources


@pytest.fixture
def made(tmp_path):
    """A case, its dossier, and what was prepared."""
    dossier = exported(tmp_path / "A-1")
    return tmp_path / "A-1", dossier, deliver(dossier, tmp_path / "A-1")


def phrase_of(prepared):
    return prepared.secret.read_text(encoding="utf-8").splitlines()[2]


def opened(path, phrase):
    out = io.BytesIO()
    with path.open("rb") as file:
        office = msoffcrypto.OfficeFile(file)
        office.load_key(password=phrase)
        office.decrypt(out)
    return out


def test_the_files_open_with_the_passphrase_and_hold_the_answer(made):
    case, _, prepared = made
    book, package = prepared.files
    assert [book.name, package.name] == ["Quill-Co_A-1_portability.xlsx", "Quill-Co_A-1_portability.zip"]
    phrase = phrase_of(prepared)
    assert opened(book, phrase).getvalue() == (case / "outbox" / book.name).read_bytes()
    with pyzipper.AESZipFile(package) as inside, pyzipper.ZipFile(case / "outbox" / package.name) as plain:
        inside.setpassword(phrase.encode())
        assert {n: inside.read(n) for n in inside.namelist()} == {n: plain.read(n) for n in plain.namelist()}
        assert {i.date_time for i in inside.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_without_the_passphrase_nothing_opens(made):
    _, _, prepared = made
    with pytest.raises(msoffcrypto.exceptions.InvalidKeyError):
        opened(prepared.files[0], "wrong")
    for wrong in (None, b"wrong"):
        with pyzipper.AESZipFile(prepared.files[1]) as inside, pytest.raises(RuntimeError):  # noqa: PT012
            inside.setpassword(wrong)
            inside.read("README.txt")
    locked = b"".join(path.read_bytes() for path in prepared.files)
    assert [word for word in (b"ann@x.org", b"19.90", b"Customer account") if word in locked] == []


def test_the_passphrase_is_strong_and_lies_in_no_file_that_goes_out(made):
    case, _, prepared = made
    phrase = phrase_of(prepared)
    assert math.log2(len(set(protect.ALPHABET))) * protect.GROUPS * protect.LETTERS >= 80
    assert len(phrase.replace("-", "")) == protect.GROUPS * protect.LETTERS
    assert protect.passphrase() != protect.passphrase()
    assert prepared.secret.parent == case / "secrets"
    assert [prepared.secret.stat().st_mode & 0o777, prepared.secret.parent.stat().st_mode & 0o777] == [0o600, 0o700]
    others = [p for p in case.rglob("*") if p.is_file() and p != prepared.secret]
    assert [p.name for p in others if phrase.encode() in p.read_bytes()] == []


def test_the_draft_is_a_draft_with_the_files_and_their_sums(made):
    _, _, prepared = made
    [draft] = prepared.drafts
    mail = message_from_bytes(draft.read_bytes(), policy=SMTP)
    assert [mail["X-Unsent"], mail["From"], mail["To"], mail["Subject"]] == [
        "1", "privacy@quill.example", "ann@x.org", "Your request A-1 to Quill & Co",
    ]  # fmt: skip
    attached = {part.get_filename(): part.get_payload(decode=True) for part in mail.iter_attachments()}
    assert attached == {path.name: path.read_bytes() for path in prepared.files}
    words = mail.get_body().get_content()
    assert all(f"{sha256(content).hexdigest()}  {name}" in words for name, content in attached.items())
    assert "7-Zip on Windows" in words
    assert "passphrase from us in another way" in words


def test_the_second_reader_sees_recipient_files_and_three_values(made):
    _, _, prepared = made
    book = openpyxl.load_workbook(prepared.review)
    cover = [c.value for row in book["Before this is sent"].iter_rows() for c in row if c.value is not None]
    assert "ann@x.org" in cover
    assert {p.name for p in prepared.files} <= set(cover)
    assert {sha256(p.read_bytes()).hexdigest() for p in prepared.files} <= set(cover)
    lines = [[c.value for c in row] for row in book["Three values"].iter_rows(min_row=5)]
    assert len(lines) == 3
    assert {line[1] for line in lines} == {"Customer account", "Order", "Score"}
    held = {str(v) for rows in DATA.values() for row in rows for v in row.values()}
    assert all(line[4] in held or line[4].startswith("2024") or line[4].startswith("2025") for line in lines)
    assert not any("Giftee" in str(cell) for line in lines for cell in line)


def test_the_second_reader_looks_up_what_tells_whose_it_is():
    map_ = parse("""
[sources.web]
timezone = "Europe/London"
[sources.web.tables.people]
label = "Person"
match = { email = "email", person = "id" }
reveals = { person = "id" }
columns = { id = {}, email = { category = "user.contact.email" }, at = { category = "user.behavior", label = "When" } }
[sources.web.tables.visits]
label = "Visit"
match = { person = "person" }
columns = { id = {}, person = { category = "user.behavior" }, at = { category = "user.behavior", label = "When" } }
""")
    at = datetime(2026, 1, 2, 3, 4, 5)  # noqa: DTZ001 - as the system stores it
    data = {"web.people": [{"id": 1, "email": "ann@x.org", "at": at}], "web.visits": [{"id": 2, "person": 1, "at": at}]}
    for number in range(5):  # the order is drawn by the request's number
        who = request(f"A-{number}", "email=ann@x.org")
        dossier = gather(map_, sources(map_, data), who)[who.id]
        lines = list(second_reader._three(dossier))
        assert next(line[3:] for line in lines if line[1] == "Person") == ("Email", "ann@x.org")
        assert {line[4] for line in lines if line[3] == "When"} <= {"2026-01-02T03:04:05 (Europe/London)"}


def test_what_the_second_reader_fills_in_is_shaded(made):
    _, _, prepared = made
    sheet = openpyxl.load_workbook(prepared.review)["Three values"]
    assert {cell.style for row in sheet.iter_rows(min_row=5, min_col=6, max_col=8) for cell in row} == {"edit"}


@pytest.mark.parametrize(
    ("to", "what"),
    [("bob@x.org", "no verified identifier"), ("nonsense", "no verified identifier"), ("ann@x.org, bob@x.org", "no verified identifier")],
)
def test_it_goes_to_nobody_else(tmp_path, to, what):
    dossier = exported(tmp_path / "c")
    with pytest.raises(DeliveryRefused, match=what):
        deliver(dossier, tmp_path / "c", to=to)
    assert not (tmp_path / "c" / "delivery").exists()
    assert not (tmp_path / "c" / "secrets").exists()


def test_a_mailbox_of_many_proves_nobody(tmp_path):
    data = {**DATA, "shop.customers": [{**DATA["shop.customers"][0], "email": "info@x.org"}]}
    dossier = exported(tmp_path / "c", data=data, requested=request("A-1", "email=info@x.org", "shop.customer=7"))
    with pytest.raises(DeliveryRefused, match="several people read"):
        deliver(dossier, tmp_path / "c")


def test_an_unsettled_identity_and_an_empty_outbox_stop_it(tmp_path):
    dossier = exported(tmp_path / "c")
    shutil.rmtree(tmp_path / "c" / "outbox")
    with pytest.raises(DeliveryRefused, match="no finished answer"):
        deliver(dossier, tmp_path / "c")
    claimed = type(dossier)(request("A-1", "email=ann@x.org", verified=False), *list(vars(dossier).values())[1:5])
    with pytest.raises(IdentityNotVerified):
        deliver(claimed, tmp_path / "c")


def test_a_changed_file_in_the_outbox_stops_it(tmp_path):
    dossier = exported(tmp_path / "c")
    next((tmp_path / "c" / "outbox").glob("*.xlsx")).write_bytes(b"another's")
    with pytest.raises(DeliveryRefused, match="no finished answer"):
        deliver(dossier, tmp_path / "c")


def test_a_file_that_no_export_put_into_the_outbox_is_not_sent_along(tmp_path):
    dossier = exported(tmp_path / "c")
    (tmp_path / "c" / "outbox" / "Quill-Co_B-2_portability.xlsx").write_bytes(b"another's")
    with pytest.raises(DeliveryRefused, match="no export put there"):
        deliver(dossier, tmp_path / "c")
    assert not (tmp_path / "c" / "delivery").exists()


def test_the_same_answer_keeps_its_passphrase_and_another_gets_its_own(made):
    case, dossier, prepared = made
    before = phrase_of(prepared)
    assert deliver(dossier, case) == prepared
    assert phrase_of(prepared) == before
    prepared.files[0].write_bytes(b"cut")
    assert phrase_of(deliver(dossier, case)) != before


def test_a_run_killed_between_passphrase_and_files_does_not_pair_them_wrongly(made):
    case, dossier, prepared = made
    prepared.secret.write_text("Request A-1:\n\nnew-phrase\n", encoding="utf-8")
    again = deliver(dossier, case)
    assert opened(again.files[0], phrase_of(again))


def test_a_reissue_takes_what_was_prepared_away(made):
    case, _, prepared = made
    first, *others = DATA["shop.orders"]
    exported(case, data={**DATA, "shop.orders": [{**first, "status": "sent"}, *others]})
    assert sorted(p.name for p in (case / "outbox").iterdir()) == ["Quill-Co_A-1_portability_v2.xlsx", "Quill-Co_A-1_portability_v2.zip"]
    assert list((case / "delivery").iterdir()) == []
    assert list((case / "review").iterdir()) == []
    assert not any(path.exists() for path in prepared.files)


def test_the_zip_alone_and_by_hand(tmp_path):
    dossier = exported(tmp_path / "c")
    zipped = deliver(dossier, tmp_path / "c", way="zip")
    assert [p.name for p in zipped.files] == ["Quill-Co_A-1_portability.zip"]
    with pyzipper.AESZipFile(zipped.files[0]) as inside:
        assert "Quill-Co_A-1_portability.xlsx" in inside.namelist()
    by_hand = deliver(dossier, tmp_path / "c", way="by hand")
    assert [by_hand.drafts, by_hand.secret] == [(), None]
    assert [p.read_bytes() for p in by_hand.files] == [p.read_bytes() for p in sorted((tmp_path / "c" / "outbox").iterdir())]
    assert not list((tmp_path / "c" / "delivery").glob("*.eml"))


def test_what_is_too_large_is_split_into_zips_and_mails_or_refused(tmp_path):
    dossier = exported(tmp_path / "c")
    limit = 24_000
    made = deliver(dossier, tmp_path / "c", way="zip", limit=limit)
    count = len(made.files)
    assert [p.name for p in made.files] == [f"Quill-Co_A-1_portability_part-{n}-of-{count}.zip" for n in range(1, count + 1)]
    assert count > 1
    assert all(p.stat().st_size <= limit for p in made.files)
    inside = {}
    for path in made.files:
        with pyzipper.AESZipFile(path) as archive:
            archive.setpassword(phrase_of(made).encode())
            inside |= {n: archive.read(n) for n in archive.namelist()}
    with pyzipper.ZipFile(next((tmp_path / "c" / "outbox").glob("*.zip"))) as plain:
        assert inside == {n: plain.read(n) for n in plain.namelist()}
    mails = [message_from_bytes(p.read_bytes(), policy=SMTP) for p in made.drafts]
    assert [part.get_filename() for mail in mails for part in mail.iter_attachments()] == [p.name for p in made.files]
    assert mails[0]["Subject"] == f"Your request A-1 to Quill & Co (1 of {len(mails)})"
    for way in ("zip", "workbook"):
        with pytest.raises(DeliveryRefused, match="larger than a mail bears"):
            deliver(dossier, tmp_path / "c", way=way, limit=5_000)
    assert not (tmp_path / "c" / "delivery.new").exists()
    assert all(p.exists() for p in made.files)


def test_from_the_mail_to_ones_own_orders_as_the_guide_says(made, tmp_path):
    guide = (Path(__file__).parents[2] / "docs" / "for-requesters.md").read_text(encoding="utf-8")
    assert len(re.findall(r"^\d\. ", guide, re.MULTILINE)) < 5
    example = re.search(r"`([a-z2-9]{4}(?:-[a-z2-9]{4})+)`", guide)[1]
    phrase = phrase_of(made[2])
    assert len(example) == len(phrase)
    assert set(example) <= {*protect.ALPHABET, "-"}
    assert not set("01lo") & set(protect.ALPHABET)
    mail = message_from_bytes(made[2].drafts[0].read_bytes(), policy=SMTP)
    attached = {part.get_filename(): part.get_payload(decode=True) for part in mail.iter_attachments()}
    book, package = ((tmp_path / name) for name in sorted(attached))
    book.write_bytes(attached[book.name])
    package.write_bytes(attached[package.name])
    workbook = openpyxl.load_workbook(opened(book, phrase))
    assert workbook.sheetnames[0] == "Read me first"
    assert [c.value for c in workbook["Order"][5]][:3] == [1, 1, 7]
    with pyzipper.AESZipFile(package) as archive:
        archive.setpassword(phrase.encode())
        archive.extractall(tmp_path / "folder")
    assert "2024-02-24 12:00:00" in (tmp_path / "folder" / "index.html").read_text(encoding="utf-8")
    subprocess.run(["sha256sum", "--check", "checksums.sha256"], cwd=tmp_path / "folder", check=True, capture_output=True)


@needs("soffice")
def test_libreoffice_opens_it_with_its_password_and_not_without(made):
    _, _, prepared = made
    script = Path(__file__).with_name("uno_open.py")

    def office(phrase):
        run = ["/usr/bin/python3", script, "open", phrase, prepared.files[0]]
        return subprocess.run(run, check=True, capture_output=True, text=True, timeout=120).stdout.splitlines()

    assert office("wrong") == ["refused"]
    assert office(phrase_of(prepared))[:3] == ["Read me first | Read me first", "Summary | Summary", "Customer account | Customer account"]


@needs("7z")
def test_another_program_opens_the_zip(made):
    _, _, prepared = made
    assert delivery.LIMIT < 15_000_000 * 3 / 4
    for phrase, fits in ((phrase_of(prepared), True), ("wrong", False)):
        done = subprocess.run(["7z", "t", f"-p{phrase}", prepared.files[1]], check=False, capture_output=True)
        assert (done.returncode == 0) is fits
