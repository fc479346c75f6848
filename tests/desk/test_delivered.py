"""A delivery is recorded when the mail that was sent is one that was prepared, locked files and all."""

from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from functools import partial

import openpyxl
import pytest
from typer.testing import CliRunner

from dsar import cli
from dsar import datamap as maps
from dsar.answer.delivery import deliver
from dsar.desk import fastlane
from dsar.desk.copies import copies
from dsar.desk.identity import confirm
from dsar.desk.status import next_steps
from dsar.erase.freeze import frozen
from dsar.errors import DeliveryDiffers
from dsar.keep import purge
from dsar.workspace import Workspace
from tests.desk.test_status import START, add
from tests.run.test_batch import MAP


@pytest.fixture
def ws(tmp_path, time):
    (tmp_path / "dsar.toml").write_text(MAP, encoding="utf-8")
    (tmp_path / "people.csv").write_text("id,email\n1,ann@example.org\n2,ben@example.org\n", encoding="utf-8")
    made = Workspace(tmp_path, maps.read(tmp_path / "dsar.toml"), time)
    for one, mailbox in (("A", "ann@example.org"), ("B", "ben@example.org")):
        add(made, one, "access; portability", mailbox=mailbox)
        confirm(made.register, made.register.case(one), by="M", method="two facts")
        made.access_report(made.request(one))
        made.export(made.request(one))
    return made


def sent(ws, tmp_path, draft, change=lambda mail: None, name="sent.eml"):
    """Save the draft as it lies in the sent folder of a mail program."""
    mail = message_from_bytes(draft.read_bytes(), policy=SMTP)
    del mail["X-Unsent"]
    mail["Date"] = format_datetime(START)
    change(mail)
    path = tmp_path / name
    path.write_bytes(mail.as_bytes())
    return path


def test_the_prepared_mail_is_recorded_and_any_other_is_not(ws, tmp_path):
    mine, other = (ws.deliver(ws.request(one)) for one in ("A", "B"))
    assert len(mine.drafts) == 1

    def to(address):
        def change(mail):
            mail.replace_header("To", address)

        return change

    def copied(mail):
        mail["Bcc"] = "ben@example.org"

    wrong = {
        "1 of its recipients is no verified address of this request": sent(ws, tmp_path, mine.drafts[0], to("ben@example.org")),
    }
    for said, path in wrong.items():
        with pytest.raises(DeliveryDiffers, match=said):
            ws.delivered(ws.request("A"), path, by="M")
    with pytest.raises(DeliveryDiffers, match="1 of its recipients is no verified address of this request"):
        ws.delivered(ws.request("A"), sent(ws, tmp_path, mine.drafts[0], copied), by="M")
    with pytest.raises(DeliveryDiffers, match="is not a file of this case as it was written"):
        ws.delivered(ws.request("A"), sent(ws, tmp_path, other.drafts[0], to("ann@example.org")), by="M")
    assert ws.register.case("A").last("delivered") is None

    case = ws.delivered(ws.request("A"), sent(ws, tmp_path, mine.drafts[0], to("Ann <ANN@example.org>")), by="M")
    recorded = case.last("delivered")
    assert set(recorded.details["files"]) == {p.name for p in mine.files}
    assert recorded.on == START.date()
    assert "ann@" not in str(recorded.details)


def doubled(mail):
    """Put another person's file before ours, under our file's name."""
    name = next(mail.iter_attachments()).get_filename()
    mail.add_attachment(b"BEN'S DATA", maintype="application", subtype="octet-stream", filename=name)
    parts = mail.get_payload()
    parts.insert(1, parts.pop())


def test_each_of_two_files_of_one_name_is_compared(ws, tmp_path):
    (draft,) = ws.deliver(ws.request("A")).drafts
    with pytest.raises(DeliveryDiffers, match="is not a file of this case as it was written"):
        ws.delivered(ws.request("A"), sent(ws, tmp_path, draft, doubled), by="M")
    assert ws.register.case("A").last("delivered") is None


def test_an_answer_in_several_mails_is_recorded_with_all_of_them(ws, tmp_path, monkeypatch):
    largest = max(path.stat().st_size for path in ws.deliver(ws.request("A")).files)
    monkeypatch.setattr("dsar.workspace.deliver", partial(deliver, limit=largest + 2_000))
    made = ws.deliver(ws.request("A"))
    assert len(made.drafts) > 1
    mails = [sent(ws, tmp_path, draft, name=f"{n}.eml") for n, draft in enumerate(made.drafts)]
    for some in (mails[:1], mails[1:]):
        with pytest.raises(DeliveryDiffers, match=r"of the files prepared (is|are) not attached .* an answer in several mails is recorded with all"):
            ws.delivered(ws.request("A"), *some, by="M")
    case = ws.delivered(ws.request("A"), *mails, by="M")
    assert set(case.last("delivered").details["files"]) == {p.name for p in made.files}
    assert len([e for e in case.events if e.kind == "delivered"]) == 1


def test_a_delivery_counts_for_the_copies_that_were_in_it_and_frees_no_erasure_before_the_last(ws, tmp_path):
    add(ws, "C", "access; portability; erasure", mailbox="ann@example.org")
    confirm(ws.register, ws.register.case("C"), by="M", method="two facts")
    ws.access_report(ws.request("C"))
    assert "C" not in {ready.case.request.id for ready in ws.ready()}
    made = ws.deliver(ws.request("C"))
    assert "the rest is answered in a message of its own" in message_from_bytes(made.drafts[0].read_bytes(), policy=SMTP).get_body().get_content()
    case = ws.delivered(ws.request("C"), sent(ws, tmp_path, made.drafts[0]), by="M")
    assert case.last("delivered").right == "access"
    assert frozen(case) == "the copy asked for in C has been delivered"
    assert list(next_steps(case, ws.today, ("access",)))[-2:] == ["record what was decided on access, which was delivered", "answer portability"]
    ws.export(ws.request("C"))
    assert {"A": ("access", "portability"), "C": ("portability",)}.items() <= {r.case.request.id: r.rights for r in ws.ready()}.items()
    case = ws.delivered(ws.request("C"), sent(ws, tmp_path, ws.deliver(ws.request("C")).drafts[0]), by="M")
    assert (case.last("delivered").right, frozen(case)) == ("", "")
    assert list(next_steps(case, ws.today, ()))[-2:] == ["record what was decided on access and portability, which was delivered", "answer erasure"]


def test_a_copy_is_there_where_each_of_its_files_is(ws):
    folder = ws.case(ws.request("A"))
    names = {path.name for path in (folder / "outbox").iterdir()}
    assert copies(folder, names) == {"access", "portability"}
    for name in names:
        assert copies(folder, names - {name}) == ({"portability"} if "_your-data" in name else {"access"})


def test_a_letter_alone_is_no_copy(ws, tmp_path):
    add(ws, "C", "access", mailbox="ann@example.org")
    confirm(ws.register, ws.register.case("C"), by="M", method="two facts")
    letters = ws.case(ws.request("C")) / "letters"
    letters.mkdir(parents=True)
    (letters / "a.pdf").write_bytes(b"a letter")
    mail = EmailMessage(policy=SMTP)
    mail["To"], mail["Date"] = "ann@example.org", format_datetime(START)
    mail.add_attachment(b"a letter", maintype="application", subtype="pdf", filename="a.pdf")
    (tmp_path / "letter.eml").write_bytes(mail.as_bytes())
    with pytest.raises(DeliveryDiffers, match="no copy for access is among what was prepared; a letter alone is recorded as `letter sent`"):
        ws.delivered(ws.request("C"), tmp_path / "letter.eml", by="M")


def lying(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_what_was_delivered_is_kept_as_it_was_until_its_day(ws, tmp_path):
    asked, folder = ws.request("A"), ws.case(ws.request("A"))
    (draft,) = ws.deliver(asked).drafts
    before = {name: data for name, data in lying(folder).items() if name.split("/")[0] in {"outbox", "delivery"}}
    assert {name.split("/")[0] for name in before} == {"outbox", "delivery"}
    ws.delivered(asked, sent(ws, tmp_path, draft), by="M")
    ws.collect(asked, again=True)
    assert not list((folder / "outbox").iterdir())
    kept = folder / "delivered" / f"1_{START.date()}"
    assert lying(kept) == before
    purge.clear(folder, "working copies")
    assert lying(kept) == before
    assert not (folder / "superseded").exists()
    purge.clear(folder, "delivered")
    assert not folder.exists()


def test_what_was_made_anew_since_is_no_part_of_what_was_delivered(ws):
    asked, folder = ws.request("A"), ws.case(ws.request("A"))
    ws.deliver(asked)
    ws.register.record(ws.register.case("A"), "delivered", by="M", files={"x.xlsx": "00"}, method="post")
    ws.collect(asked, again=True)
    assert not (folder / "delivered").exists()


def undated(mail):
    del mail["Date"]


def dated_never(mail):
    mail.replace_header("Date", "soon")


def unsent(mail):
    mail["X-Unsent"] = "1"


def test_a_draft_that_nobody_sent_is_no_delivery(ws, tmp_path):
    (draft,) = ws.deliver(ws.request("A")).drafts
    for path in (draft, *(sent(ws, tmp_path, draft, change) for change in (undated, dated_never, unsent))):
        with pytest.raises(DeliveryDiffers, match=r"^A: this is a draft, or a copy that was never sent .* — send it, then save it"):
            ws.delivered(ws.request("A"), path, by="M")
    assert ws.register.case("A").last("delivered") is None
    assert ws.delivered(ws.request("A"), sent(ws, tmp_path, draft), by="M").last("delivered")


def ticked(review, said, by="R. Eader"):
    book = openpyxl.load_workbook(review)
    sheet = book["Three values"]
    header = next(row for row in sheet.iter_rows() if "In the system too?" in [c.value for c in row])
    column = {cell.value: cell.column for cell in header}
    for row in sheet.iter_rows(min_row=header[0].row + 1):
        if row[column["System"] - 1].value:
            row[column["In the system too?"] - 1].value, row[column["Checked by"] - 1].value = said, by
    book.save(review)


def given(ws, monkeypatch, path):
    monkeypatch.setattr("dsar.open", lambda *_: ws)
    done = CliRunner().invoke(cli.app, ["delivered", "A", str(path), "--by", "M"])
    assert done.exit_code == 0, done.exception
    return " ".join(done.output.split())


def test_a_sheet_of_the_second_reader_without_a_tick_is_told(ws, tmp_path, monkeypatch):
    made = ws.deliver(ws.request("A"))
    path = sent(ws, tmp_path, made.drafts[0])
    assert "No second reader is on record, in review/A_second-reader.xlsx or the fast lane" in given(ws, monkeypatch, path)
    ticked(made.review, "no")
    assert "No second reader" in given(ws, monkeypatch, path)
    ticked(made.review, "yes")
    assert "No second reader" not in given(ws, monkeypatch, path)
    ticked(made.review, "yes", by=None)
    assert "No second reader" in given(ws, monkeypatch, path)
    made.review.unlink()
    assert "No second reader" in given(ws, monkeypatch, path)


def test_where_the_map_asks_for_two_readers_nothing_is_recorded_that_only_one_has_seen(ws, tmp_path):
    made = ws.deliver(ws.request("A"))
    path = sent(ws, tmp_path, made.drafts[0])
    controller = ws.datamap.controller.model_copy(update={"two_readers": True})
    strict = Workspace(ws.root, ws.datamap.model_copy(update={"controller": controller}), ws.clock)

    def refused():
        with pytest.raises(DeliveryDiffers, match="the map asks for two readers, and no second one is on record"):
            strict.delivered(strict.request("A"), path, by="M")

    refused()
    ws.register.record(ws.register.case("A"), "handed over", by="M", handler="h. andler")
    for said, reader in (("no", "R. Eader"), ("yes", None), ("yes", " "), ("yes", "m "), ("yes", "H. Andler")):
        ticked(made.review, said, by=reader)
        refused()
    kept = made.review.read_bytes()
    made.review.unlink()
    refused()
    made.review.write_bytes(kept)
    ticked(made.review, "yes")
    assert strict.delivered(strict.request("A"), path, by="M").last("delivered").details["checked_by"] == "R. Eader"


def test_what_the_fast_lane_took_needs_no_other_tick(ws, tmp_path, monkeypatch):
    made = ws.deliver(ws.request("A"))
    case = ws.register.case("A")
    ws.register.record(case, "ticked", by="R. Eader", answer=fastlane.digest(fastlane.answer(ws.case(case.request))))
    assert "No second reader" not in given(ws, monkeypatch, sent(ws, tmp_path, made.drafts[0]))
