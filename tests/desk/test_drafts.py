"""Drafts: edits stay, the same letter is the same bytes, no address that is not proved, no PDF of what is unfinished."""

import io
import os
import re
import shutil
import subprocess
from dataclasses import replace
from datetime import date
from email import message_from_bytes
from email.policy import default
from zipfile import ZipFile

import docx
import pytest

from dsar.answer.publish import listed
from dsar.desk import drafts, facts
from dsar.desk.docx import text_of
from dsar.desk.found import Found
from dsar.errors import DraftUnfinished, IdentityNotVerified
from dsar.files import sha256
from dsar.find.decisions import Decisions
from dsar.keep.ledger import Head
from dsar.request.events import Event
from dsar.request.identity import Identifier
from dsar.request.letters import render
from tests.answer import world
from tests.request.test_letters import FACTS, case
from tests.worlds import NOW

TODAY = date(2026, 11, 23)
# CI installs it, so there a missing one is a failure.
needs_office = pytest.mark.skipif(not (shutil.which("lowriter") or os.environ.get("CI")), reason="LibreOffice Writer is not here")


def write(folder, name="acknowledgement", who=None, about=None, on=TODAY):
    who = who or case()
    return drafts.write(render(name, who, about or FACTS.get(name, {})), who, folder, on)


def test_what_an_answer_leaves_out_is_said_with_one_colon_at_most(tmp_path):
    said = facts._access(case(), Found(world.exported(tmp_path), Decisions(tmp_path / "decisions.json", NOW), TODAY, ""))
    assert "Order: Gift for – Not about you." in said["left_out"]
    assert [line for line in said["left_out"] if line.count(": ") > 1] == []


def edit(path, old, new):
    document = docx.Document(str(path))
    for paragraph in document.paragraphs:
        if old in paragraph.text:
            paragraph.text = paragraph.text.replace(old, new)
    document.save(str(path))


def test_a_draft_is_a_document_one_can_read(tmp_path):
    draft = write(tmp_path)
    text = text_of(draft.path.read_bytes())
    assert draft.path.relative_to(tmp_path).as_posix() == "letters/R-7_acknowledgement.docx"
    lines = text.split("\n")
    assert lines[0].startswith("DRAFT: no lawyer has reviewed")
    assert lines[1:8] == [
        "Quill & Co",
        "1 Test Street",
        "privacy@quill.example",
        "23 November 2026",
        "Our reference: R-7",
        "We have received your request",
        "Dear Sir or Madam,",
    ]
    assert "RIGHT ONE" in lines


def test_the_same_letter_is_the_same_bytes_without_clock_program_or_picture(tmp_path):
    first = write(tmp_path).path.read_bytes()
    assert write(tmp_path / "again").path.read_bytes() == first if (tmp_path / "again").mkdir() is None else None
    with ZipFile(io.BytesIO(first)) as archive:
        assert {i.date_time for i in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert not [n for n in archive.namelist() if "thumbnail" in n]
        core = archive.read("docProps/core.xml").decode()
    assert "python-docx" not in core
    assert "2026-11-23T00:00:00Z" in core


def test_an_edited_draft_survives_a_re_run_and_what_is_new_lies_beside_it(tmp_path):
    draft = write(tmp_path)
    edit(draft.path, "RIGHT ONE", "RIGHT ONE, as you put it")
    edited = draft.path.read_bytes()
    again = write(tmp_path)
    assert (again.edited, again.path.read_bytes()) == (True, edited)
    assert again.newer
    assert "RIGHT ONE, as you put it" in message_from_bytes(again.mail.read_bytes(), policy=default).get_body().get_content()

    other = write(tmp_path, about={"rights": ["A THIRD RIGHT"]})
    assert other.path.read_bytes() == edited
    assert "A THIRD RIGHT" in text_of(other.newer.read_bytes())


def test_a_draft_nobody_touched_follows_the_facts(tmp_path):
    write(tmp_path)
    again = write(tmp_path, about={"rights": ["A THIRD RIGHT"]})
    assert (again.edited, again.newer, again.changed) == (False, None, True)
    assert "A THIRD RIGHT" in text_of(again.path.read_bytes())
    assert write(tmp_path, about={"rights": ["A THIRD RIGHT"]}).changed is False


def addressed(draft):
    mail = message_from_bytes(draft.mail.read_bytes(), policy=default)
    assert mail["X-Unsent"] == "1"
    assert mail["From"] == "privacy@quill.example"
    return mail["To"]


HEAD = Head(12, 4000, "ab" * 32, 7)


def with_identifiers(who, *identifiers):
    return replace(who, request=replace(who.request, identifiers=identifiers))


def test_a_mail_is_addressed_to_a_verified_mailbox_and_to_nothing_else(tmp_path):
    ann = Identifier("email", "ann@example.org", "verified")
    assert addressed(write(tmp_path, who=case())) == "ann@example.org"
    assert addressed(write(tmp_path, who=case(settled=False))) is None
    claimed = with_identifiers(case(), Identifier("email", "other@example.org", "claimed"), ann)
    assert addressed(write(tmp_path, who=claimed)) == "ann@example.org"
    shared = with_identifiers(case(), Identifier("email", "info@example.org", "verified"))
    assert addressed(write(tmp_path, who=shared)) is None
    phone = with_identifiers(case(), Identifier("phone", "+442079460001", "verified"))
    assert addressed(write(tmp_path, who=phone)) is None
    assert addressed(write(tmp_path, "recipient_notice")) is None


def test_an_agents_mail_goes_to_the_agent_once_authority_is_recorded(tmp_path):
    agent = replace(case(requester="agent"), reply_to="law@firm.example")
    assert addressed(write(tmp_path, who=agent)) is None
    shown = Event("authority confirmed", date(2026, 11, 4), "M", "", details={"authority": "solicitor", "scope": "all"})
    assert addressed(write(tmp_path, who=replace(case(requester="agent", events=[shown]), reply_to="law@firm.example"))) == "law@firm.example"


def test_what_is_not_finished_makes_no_pdf(tmp_path):
    with pytest.raises(DraftUnfinished, match="there is no such draft"):
        drafts.finish("acknowledgement", case(), tmp_path, HEAD)
    asking = case(rights=("complaint",))
    draft = write(tmp_path, "complaint_outcome", asking)
    with pytest.raises(DraftUnfinished, match=r"R-7_complaint_outcome\.docx: 2 places are left to fill in — open it and fill them in"):
        drafts.finish("complaint_outcome", asking, tmp_path, HEAD)
    for old in re.findall(r"\[fill in: [^\]]*\]", text_of(draft.path.read_bytes())):
        edit(draft.path, old, "what we did")
    with pytest.raises(DraftUnfinished, match="no lawyer stands for its legal sentences"):
        drafts.finish("complaint_outcome", asking, tmp_path, HEAD)
    with pytest.raises(IdentityNotVerified):
        drafts.finish("complaint_outcome", case(rights=("complaint",), settled=False), tmp_path, HEAD)
    assert not list(tmp_path.glob("**/*.pdf"))


@needs_office
def test_the_pdf_says_what_the_edited_draft_says_and_nothing_of_who_made_it(tmp_path):
    draft = write(tmp_path, "access_answer")
    edit(draft.path, text_of(draft.path.read_bytes()).split("\n")[0], "")
    edit(draft.path, "NOTES: WHY", "NOTES: as agreed on the phone")
    made = drafts.finish("access_answer", case(), tmp_path, HEAD)
    assert made.relative_to(tmp_path).as_posix() == "outbox/Quill-Co_R-7_letter-access-answer.pdf"
    assert listed(tmp_path, "outbox") == {made.name: sha256(made)}  # what nobody put there is taken for another person's, and not delivered
    if shutil.which("pdftotext"):
        text = subprocess.run(["pdftotext", "-layout", made, "-"], capture_output=True, text=True, check=True).stdout
        assert "NOTES: as agreed on the phone" in text
        assert "DRAFT" not in text
        assert f"Entry 12 of our records: {'ab' * 16}" in text
    assert b"root" not in made.read_bytes()
