"""A mail that came in, saved as `.eml` or by Outlook as `.msg`: who, when, and what it says."""

import email
import email.policy
import email.utils
import hashlib
import re
from dataclasses import dataclass, fields, replace
from datetime import datetime
from email.message import EmailMessage
from functools import cached_property
from pathlib import Path
from typing import Any

from dsar import mailparts
from dsar.errors import BadMail
from dsar.htmltext import plain
from dsar.unpacked import endless

ENDINGS = (".eml", ".msg")
_NO_TEXT = re.compile("[\ud800-\udfff]")  # what Python makes of bytes in no coding


@dataclass(frozen=True)
class Mail:
    """One mail; `sender` is the address of its From line, which proves nothing, and `received` has its zone or is None."""

    file: str
    sender: str
    name: str
    recipients: tuple[str, ...]
    received: datetime | None
    subject: str
    text: str  # without what it quotes
    message_id: str
    attachments: tuple[str, ...] = ()

    @property
    def letter_sha256(self) -> str:
        """A hash that knows this very mail again, and no other: two people may send the same words, and one person twice."""
        known_by = self.message_id or f"{self.sender}|{self.received}|{self.words}"
        return hashlib.sha256(known_by.encode()).hexdigest()

    @property
    def words(self) -> str:
        """What it says, however it is wrapped and spaced."""
        return " ".join(self.text.split())

    @cached_property
    def triples(self) -> frozenset[tuple[str, ...]]:
        """Every three words that follow one another: what two fillings of one template mostly share."""
        words = self.text.casefold().split()
        return frozenset(zip(words, words[1:], words[2:], strict=False))


def read(path: Path) -> Mail:
    """Return the mail in a file; raises `BadMail` where it is none or cannot be read."""
    try:
        return _readable(_msg(path) if path.suffix.lower() == ".msg" else _eml(path))
    except BadMail:
        raise
    except Exception as error:  # noqa: BLE001 - the libraries raise what they please on a broken file
        raise BadMail(f"cannot be read as a mail ({type(error).__name__})", where=path.name, remedy="register it by hand") from None


def _readable(mail: Mail) -> Mail:
    """Show bytes that are no text as a sign, which no address holds: left out, they could make one person's address another's."""

    def shown(found: Any) -> Any:
        return tuple(map(shown, found)) if isinstance(found, tuple) else _NO_TEXT.sub("\ufffd", found) if isinstance(found, str) else found

    return replace(mail, **{f.name: shown(getattr(mail, f.name)) for f in fields(mail) if f.name != "file"})


def _eml(path: Path) -> Mail:
    raw = path.read_bytes()
    if fault := endless(raw):
        raise BadMail(fault, where=path.name, remedy="register it by hand")
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    if not message["From"]:
        raise BadMail("is no mail: it has no From line", where=path.name, remedy="register it by hand")
    name, sender = email.utils.parseaddr(str(message["From"]))
    as_written = next((str(value) for header, value in message.raw_items() if header.lower() == "from"), "")
    if bracketed := re.search(r"<([^<>]+)>\s*$", as_written):
        sender = bracketed[1].strip()  # "ann@example.org <other@example.net>" is from other, whatever stands before
    if len(message["From"].addresses) > 1:
        sender = ""  # from several people is from nobody in particular
    return Mail(
        path.name,
        sender,
        name,
        tuple(address for _, address in email.utils.getaddresses([str(message.get("To", ""))])),
        _received(message),
        str(message.get("Subject", "")),
        _own_words(mailparts.text(message)),
        str(message.get("Message-ID", "")),
        tuple(name for name, _ in mailparts.attached(message)),
    )


def _received(message: EmailMessage) -> datetime | None:
    """Return when our own server took it in, which the uppermost Received line says; else when it was sent."""
    stamps = [str(line).rpartition(";")[2] for line in message.get_all("Received", [])[:1]] + [str(message.get("Date", ""))]
    for stamp in stamps:
        try:
            moment = email.utils.parsedate_to_datetime(stamp.strip())
        except (ValueError, TypeError):
            continue
        if moment.tzinfo is not None:
            return moment
    return None


def _msg(path: Path) -> Mail:
    from oxmsg import Message

    message = Message.load(str(path))
    name, sender = email.utils.parseaddr(message.sender or "")
    text = message.body or (plain(message.html_body) if message.html_body else "")
    return Mail(
        path.name,
        sender,
        name,
        tuple(str(r.email_address) for r in message.recipients if r.email_address),
        message.sent_date,
        message.subject or "",
        _own_words(text),
        str(message.message_headers.get("Message-ID", "")),
        tuple(a.file_name or "unnamed" for a in message.attachments),
    )


def _own_words(text: str) -> str:
    lines = text.replace("\r\n", "\n").split("\n")
    return "\n".join(line for line in lines if not line.startswith(">")).strip()
