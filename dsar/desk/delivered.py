"""Recording that an answer was delivered: the mail that was sent is compared with what was prepared.

Recipients must be proved to be the person's or their agent's, and every attachment a file of this case
as it was written; a mail of another case, an older version, one more person in copy, or a draft that nobody sent is refused.
"""

import hashlib
import json
from collections.abc import Iterator
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from email.utils import getaddresses, parsedate_to_datetime
from pathlib import Path
from typing import Any

from dsar import files, kinds
from dsar.answer import second_reader as sheet
from dsar.desk import fastlane, lines
from dsar.errors import BadRequests, DeliveryDiffers
from dsar.request.case import Case
from dsar.request.register import Register

_SENT_FROM = ("outbox", "delivery", "letters")


def delivered(register: Register, case: Case, folder: Path, sent: Path, *, by: str, right: str = "", two_readers: bool = False) -> Case:
    """Record the delivery that a sent mail (.eml) proves; raises `DeliveryDiffers` naming what differs.

    With `two_readers`, also where there is a second reader's sheet and nobody ticked it.
    """
    message = message_from_bytes(sent.read_bytes(), policy=default)
    assert isinstance(message, EmailMessage)
    if not _was_sent(message):
        raise DeliveryDiffers(
            "this is a draft, or a copy that was never sent (X-Unsent stands in it, or no date)",
            where=case.request.id,
            remedy="send it, then save it as .eml from where your mail program keeps what was sent",
        )
    reader = second_reader(case, folder)
    if two_readers and reader is None:
        remedy = f"let somebody else read the answer and tick review/{sheet.name(case.request.id)}, then record the delivery"
        raise DeliveryDiffers("the map asks for two readers, and nobody ticked the second reader's sheet", where=case.request.id, remedy=remedy)
    attached = dict(_attached(message))
    faults = [*_recipients(message, case), *_files(attached, folder)]
    if faults:
        raise DeliveryDiffers("; ".join(faults), where=case.request.id, remedy="find out what was sent, and tell whoever must know")
    checked: dict[str, Any] = {"checked_by": reader} if reader else {}
    return register.record(case, "delivered", by=by, right=right, files=attached, method="e-mail", **checked)


def second_reader(case: Case, folder: Path) -> str | None:
    """Return who ticked the answer, in the fast lane or on the sheet; '' where no sheet asks or it names nobody, None where nobody ticked it."""
    ticked = case.last("ticked")
    if ticked and ticked.details["answer"] == fastlane.digest(fastlane.answer(folder)):
        return ticked.by
    path = folder / "review" / sheet.name(case.request.id)
    if not path.is_file():
        return ""
    try:
        asked = [cells for _, cells in lines.read(path, sheet.HEADER)]
    except BadRequests:
        return None
    if any(cells[sheet.TICK].lower() != "yes" for cells in asked):
        return None
    return next((cells[sheet.BY] for cells in asked if cells[sheet.BY]), "")


def _was_sent(message: EmailMessage) -> bool:
    try:
        dated = bool(message["Date"]) and parsedate_to_datetime(str(message["Date"])) is not None
    except ValueError:
        dated = False
    return dated and message["X-Unsent"] is None


def _attached(message: EmailMessage) -> list[tuple[str, str]]:
    parts = [(part.get_filename() or "unnamed", part.get_payload(decode=True)) for part in message.iter_attachments()]
    return [(name, hashlib.sha256(content if isinstance(content, bytes) else b"").hexdigest()) for name, content in parts]


def _recipients(message: EmailMessage, case: Case) -> list[str]:
    lines = [str(line) for field in ("To", "Cc", "Bcc") for line in message.get_all(field, [])]
    addresses = {kinds.normal("email", address) or address for _, address in getaddresses(lines)}
    proved = {i.value for i in case.request.identifiers if i.kind == "email" and i.standing == "verified" and not kinds.is_of_many(i.value)}
    if case.reply_to and case.authority_settled:
        proved.add(kinds.normal("email", case.reply_to) or case.reply_to)
    faults = [] if case.may_send else ["it is not settled who asks"]
    if not addresses:
        faults.append("it names no recipient")
    if addresses - proved:
        count = len(addresses - proved)
        faults.append(f"{count} of its recipients {'is' if count == 1 else 'are'} no verified address of this request")
    return faults


def _files(attached: dict[str, str], folder: Path) -> list[str]:
    present = {p.name: files.sha256(p) for name in _SENT_FROM for p in sorted((folder / name).glob("*")) if p.is_file()}
    old = {files.sha256(p) for p in sorted((folder / "superseded").glob("*")) if p.is_file()}
    faults = [] if attached else ["it has no attachment"]
    for name, digest in attached.items():
        if digest in old and present.get(name) != digest:
            faults.append(f"{name} is a version that was superseded")
        elif present.get(name) != digest:
            faults.append(f"{name} is not a file of this case as it was written")
    wholes = list(_wholes(folder))
    if attached and not any(set(whole) <= set(attached) for whole in wholes):
        missing = sorted(set(wholes[0]) - set(attached))
        faults.append(f"{len(missing)} of the files prepared {'is' if len(missing) == 1 else 'are'} not attached ({', '.join(missing[:3])})")
    return faults


def _wholes(folder: Path) -> Iterator[list[str]]:
    """Yield the names that make a mail whole: those of a prepared draft, of which there may be several, or the whole outbox."""
    record = folder / "published" / "delivery.json"
    drafts = json.loads(record.read_text(encoding="utf-8"))["drafts"] if record.is_file() else {}
    if drafts:
        yield from drafts.values()
    else:
        yield [p.name for p in files.lying(folder / "outbox") if p.is_file()]
