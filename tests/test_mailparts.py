"""Text and attachments of a mail: whatever its parts are and however they are nested, nothing is in neither."""

import email
import email.policy
from email.mime.base import MIMEBase
from email.mime.message import MIMEMessage
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText

from hypothesis import given, settings
from hypothesis import strategies as st

from connectors import mails
from dsar import mailparts
from dsar.request import mail as letters

HEAD = "From: Ann <ann@example.org>\nTo: help@quill.example\nDate: Mon, 02 Nov 2026 10:00:00 +0100\nSubject: x\n"


def part(content_type, content, name="", disposition=""):
    made = MIMEBase(*content_type.split("/"))
    made.set_payload(content)
    if disposition or name:
        made.add_header("Content-Disposition", disposition or "inline", **({"filename": name} if name else {}))
    return made


def many(kind, *parts):
    made = MIMEMultipart(kind)
    for inner in parts:
        made.attach(inner)
    return made


def read(whole):
    found = email.message_from_bytes(HEAD.encode() + whole.as_bytes(), policy=email.policy.default)
    return mailparts.text(found), list(mailparts.attached(found))


PICTURE = part("image/png", "PNG", "p.png")


def test_the_text_after_a_picture_is_read_by_both_readers(tmp_path):
    whole = many("mixed", MIMEText("before"), PICTURE, MIMEText("<p>after <b>it</b></p>", "html"))
    path = tmp_path / "a.eml"
    path.write_bytes(HEAD.encode() + whole.as_bytes())
    (found,) = mails.read(path)
    assert (found.text, found.attachments) == ("before\nafter it", "p.png")
    assert list(mails.attached(path)) == [("p.png", b"PNG")]
    letter = letters.read(path)
    assert (letter.text, letter.attachments) == ("before\nafter it", ("p.png",))


def test_of_alternatives_the_plain_one_counts_where_it_says_anything():
    page = many("related", MIMEText("<p>page</p>", "html"), PICTURE)
    assert read(many("alternative", MIMEText("plain"), page)) == ("plain", [("p.png", b"PNG")])
    assert read(many("alternative", MIMEText(" \n"), page)) == ("page", [("p.png", b"PNG")])
    assert read(many("alternative", part("text/calendar", "BEGIN"), MIMEText("<p>page</p>", "html"))) == ("page", [("unnamed", b"BEGIN")])


def test_a_text_with_a_name_is_attached_and_is_the_text_where_there_is_no_other():
    notes = part("text/plain", "notes", "notes.txt")
    assert read(many("mixed", MIMEText("text"), notes)) == ("text", [("notes.txt", b"notes")])
    assert read(notes) == ("notes", [("notes.txt", b"notes")])
    assert read(part("text/plain", "notes", "notes.txt", "attachment")) == ("", [("notes.txt", b"notes")])


def test_a_mail_that_is_all_attachment_and_a_mail_in_a_mail():
    assert read(part("application/pdf", "PDF")) == ("", [("unnamed", b"PDF")])
    inner = email.message_from_string(f"{HEAD}\ninside")
    text, attached = read(many("mixed", MIMEText("text"), MIMEMessage(inner)))
    assert (text, [(name, b"inside" in content) for name, content in attached]) == ("text", [("mail.eml", True)])


TYPES = st.sampled_from(["text/plain", "text/html", "text/calendar", "image/png", "application/pdf", "message/rfc822"])
LEAVES = st.tuples(TYPES, st.sampled_from(["", "a.txt"]), st.sampled_from(["", "inline", "attachment"]))
TREES = st.recursive(LEAVES, lambda inner: st.tuples(st.sampled_from(["mixed", "related", "signed"]), st.lists(inner, min_size=1, max_size=4)))


@settings(deadline=None)  # a busy machine is slow
@given(TREES)
def test_every_part_is_in_the_text_or_attached(tree):
    words = []

    def built(shape):
        if len(shape) == 2:
            return many(shape[0], *map(built, shape[1]))
        content_type, name, disposition = shape
        words.append(f"word{len(words)}.")
        if content_type == "message/rfc822":
            return MIMEMessage(email.message_from_string(f"{HEAD}\n{words[-1]}"))
        return part(content_type, words[-1], name, disposition)

    text, attached = read(built(tree))
    for word in words:
        assert word in text or any(word.encode() in content for _, content in attached)
