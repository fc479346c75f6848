"""A delivery is recorded when the mail that was sent is one that was prepared, locked files and all."""

from email import message_from_bytes
from email.policy import SMTP
from email.utils import format_datetime

import openpyxl
import pytest
from typer.testing import CliRunner

from dsar import cli
from dsar import datamap as maps
from dsar.desk import fastlane
from dsar.desk.identity import confirm
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


def sent(ws, tmp_path, draft, change=lambda mail: None):
    """Save the draft as it lies in the sent folder of a mail program."""
    mail = message_from_bytes(draft.read_bytes(), policy=SMTP)
    del mail["X-Unsent"]
    mail["Date"] = format_datetime(START)
    change(mail)
    path = tmp_path / "sent.eml"
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
    assert "Nobody ticked the second reader's sheet, review/A_second-reader.xlsx" in given(ws, monkeypatch, path)
    ticked(made.review, "no")
    assert "Nobody ticked" in given(ws, monkeypatch, path)
    ticked(made.review, "yes")
    assert "Nobody ticked" not in given(ws, monkeypatch, path)
    made.review.unlink()
    assert "Nobody ticked" not in given(ws, monkeypatch, path), "there is no sheet, so none was asked"


def test_where_the_map_asks_for_two_readers_nothing_is_recorded_that_only_one_has_seen(ws, tmp_path):
    made = ws.deliver(ws.request("A"))
    path = sent(ws, tmp_path, made.drafts[0])
    controller = ws.datamap.controller.model_copy(update={"two_readers": True})
    strict = Workspace(ws.root, ws.datamap.model_copy(update={"controller": controller}), ws.clock)
    with pytest.raises(DeliveryDiffers, match="nobody ticked the second reader's sheet"):
        strict.delivered(strict.request("A"), path, by="M")
    ticked(made.review, "yes")
    assert strict.delivered(strict.request("A"), path, by="M").last("delivered").details["checked_by"] == "R. Eader"


def test_what_the_fast_lane_took_needs_no_other_tick(ws, tmp_path, monkeypatch):
    made = ws.deliver(ws.request("A"))
    case = ws.register.case("A")
    ws.register.record(case, "ticked", by="R. Eader", answer=fastlane.digest(fastlane.answer(ws.case(case.request))))
    assert "Nobody ticked" not in given(ws, monkeypatch, sent(ws, tmp_path, made.drafts[0]))
