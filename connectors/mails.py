"""Mail files, one mail each: eml and mbox by Python's own library, Outlook's msg by python-oxmsg."""

import email
import email.policy
import hashlib
import mailbox
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from pathlib import Path

from dsar import mailparts
from dsar.errors import SourceBroken
from dsar.htmltext import plain
from dsar.unpacked import endless


@dataclass(frozen=True)
class Mail:
    """What a mail says; `attachments` are their names."""

    sent_at: datetime | None
    sender: str
    recipients: str
    subject: str
    text: str
    attachments: str

    def columns(self) -> dict[str, object]:
        """Return the mail's columns."""
        return {
            "sent_at": self.sent_at, "sender": self.sender, "recipients": self.recipients, "subject": self.subject, "text": self.text,
            "attachments": self.attachments,
        }  # fmt: skip

    @property
    def digest(self) -> str:
        """The same for the same mail, however often and under whatever name it was saved."""
        parts = (self.sent_at, self.sender, self.recipients, self.subject, " ".join(self.text.split()), self.attachments)
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


def read(path: Path) -> Iterator[Mail]:
    """Yield the mails of a file; raises `SourceBroken` where it holds none."""
    ending = path.suffix.lower()
    if ending == ".msg":
        yield _msg(path)
        return
    if ending == ".eml":
        yield _parsed(path.read_bytes(), path.name)
        return
    box = mailbox.mbox(path, create=False)
    try:
        if not len(box):
            raise SourceBroken("holds no mail", where=path.name, remedy="export the mailbox again")
        for key in box.keys():  # noqa: SIM118 - a mailbox iterates over its messages
            yield _parsed(box.get_bytes(key), path.name)
    finally:
        box.close()


def attached(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the name and content of all that is attached to the mails of a file, as `mailparts.attached`; raises `SourceBroken`."""
    ending = path.suffix.lower()
    if ending == ".msg":
        from oxmsg import Message

        for attachment in Message.load(str(path)).attachments:
            if attachment.file_bytes is None:
                remedy = "open the mail, save what is attached beside it, and save the mail again without it, or as .eml"
                raise SourceBroken("a mail or a link to a file is attached, which cannot be read here", where=path.name, remedy=remedy)
            yield attachment.file_name or "unnamed", attachment.file_bytes
        return
    raws = [path.read_bytes()]
    if ending == ".mbox":
        box = mailbox.mbox(path, create=False)
        try:
            raws = [box.get_bytes(key) for key in box.keys()]  # noqa: SIM118 - a mailbox iterates over its messages
        finally:
            box.close()
    for raw in raws:
        _require_an_end(raw, path.name)
        yield from mailparts.attached(email.message_from_bytes(raw, policy=email.policy.default))


def _require_an_end(raw: bytes, name: str) -> None:
    if fault := endless(raw):
        raise SourceBroken(fault, where=name, remedy="take it out, and look at it by hand")


def _parsed(raw: bytes, name: str) -> Mail:
    _require_an_end(raw, name)
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    if not message["From"] and not message["Date"]:
        raise SourceBroken("is no mail: it has neither sender nor date", where=name, remedy="export it again")
    recipients = ", ".join(str(message[h]) for h in ("To", "Cc", "Bcc") if message[h])
    names = ", ".join(name for name, _ in mailparts.attached(message))
    text = mailparts.text(message)
    return Mail(_moment(str(message["Date"] or "")), str(message["From"] or ""), recipients, str(message["Subject"] or ""), text, names)


def _msg(path: Path) -> Mail:
    from oxmsg import Message

    message = Message.load(str(path))
    recipients = ", ".join(f"{r.name} <{r.email_address}>" for r in message.recipients)
    names = ", ".join(a.file_name or "unnamed" for a in message.attachments)
    text = message.body or plain(message.html_body or "")
    return Mail(message.sent_date and message.sent_date.astimezone(UTC), message.sender or "", recipients, message.subject or "", text.strip(), names)


def _moment(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
