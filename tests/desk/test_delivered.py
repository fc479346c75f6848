"""A delivery is recorded when the mail that was sent is one that was prepared, locked files and all."""

from email import message_from_bytes
from email.policy import SMTP

import pytest

from dsar import datamap as maps
from dsar.desk.identity import confirm
from dsar.errors import DeliveryDiffers
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
