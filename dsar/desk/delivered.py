"""Recording that an answer was delivered: the mails that were sent are compared with what was prepared.

Recipients must be proved to be the person's or their agent's, and every attachment a file of this case
as it was written; a mail of another case, an older version, one more person in copy, a draft that nobody sent, or one mail of several is refused.
"""

import hashlib
import json
from collections.abc import Sequence
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from email.utils import getaddresses, parsedate_to_datetime
from pathlib import Path
from typing import Any

from dsar import files, kinds
from dsar.answer import second_reader as sheet
from dsar.desk import fastlane, lines
from dsar.desk.copies import copies
from dsar.erase import freeze
from dsar.errors import BadRequests, DeliveryDiffers
from dsar.request.case import Case
from dsar.request.register import Register

_SENT_FROM = ("outbox", "delivery", "letters")


def delivered(register: Register, case: Case, folder: Path, sent: Sequence[Path], *, by: str, two_readers: bool = False) -> Case:
    """Record the delivery that sent mails (.eml) prove, all of one answer; raises `DeliveryDiffers` naming what differs.

    It counts for the rights to a copy whose files were sent. With `two_readers`, it raises also where nobody but who prepared or records it has
    read the answer.
    """
    mails = [_read(path, case) for path in sent]
    readers = second_readers(case, folder)
    if two_readers and not _others(readers, case, by):
        remedy = f"let somebody else read the answer, tick review/{sheet.name(case.request.id)} and put their name there, then record the delivery"
        raise DeliveryDiffers("the map asks for two readers, and no second one is on record", where=case.request.id, remedy=remedy)
    attached = [one for mail in mails for one in _attached(mail)]
    sides = list(dict.fromkeys(fault for mail in mails for fault in _recipients(mail, case)))
    answer = set(_delivery(folder)["answer"]) or {p.name for p in files.lying(folder / "outbox")}
    covered = copies(folder, answer)
    owed = freeze.copies_owed(case)
    faults = [*sides, *_files(attached, folder)]
    if owed and not covered & set(owed):
        faults.append(f"no copy for {' or '.join(owed)} is among what was prepared; a letter alone is recorded as `letter sent`")
    if faults:
        raise DeliveryDiffers("; ".join(faults), where=case.request.id, remedy="find out what was sent, and tell whoever must know")
    read: dict[str, Any] = {"checked_by": ", ".join(readers)} if readers else {}
    right = "" if covered >= set(owed) else next(r for r in owed if r in covered)
    return register.record(case, "delivered", by=by, right=right, files=dict(attached), method="e-mail", **read)


def second_readers(case: Case, folder: Path) -> tuple[str, ...]:
    """Return who read the answer as it is: in the fast lane, or by a sheet with a yes and a name in every row; empty where nobody did."""
    ticked = case.last("ticked")
    if ticked and ticked.details["answer"] == fastlane.digest(fastlane.answer(folder)):
        return (ticked.by,)
    path = folder / "review" / sheet.name(case.request.id)
    if not path.is_file():
        return ()
    try:
        asked = [cells for _, cells in lines.read(path, sheet.HEADER)]
    except BadRequests:
        return ()
    if any(cells[sheet.TICK].lower() != "yes" or not cells[sheet.BY].strip() for cells in asked):
        return ()
    return tuple(dict.fromkeys(cells[sheet.BY].strip() for cells in asked))


def _others(readers: Sequence[str], case: Case, by: str) -> bool:
    """Return whether somebody has read the answer, and nobody of them has prepared it or records its delivery."""
    return bool(readers) and not {r.casefold() for r in readers} & {*fastlane.prepared_by(case), by.strip().casefold()}


def _read(path: Path, case: Case) -> EmailMessage:
    message = message_from_bytes(path.read_bytes(), policy=default)
    assert isinstance(message, EmailMessage)
    if not _was_sent(message):
        raise DeliveryDiffers(
            "this is a draft, or a copy that was never sent (X-Unsent stands in it, or no date)",
            where=case.request.id,
            remedy="send it, then save it as .eml from where your mail program keeps what was sent",
        )
    return message


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


def _files(attached: Sequence[tuple[str, str]], folder: Path) -> list[str]:
    present = {p.name: files.sha256(p) for name in _SENT_FROM for p in sorted((folder / name).glob("*")) if p.is_file()}
    old = {files.sha256(p) for p in sorted((folder / "superseded").glob("*")) if p.is_file()}
    faults = [] if attached else ["it has no attachment"]
    for name, digest in attached:
        if digest in old and present.get(name) != digest:
            faults.append(f"{name} is a version that was superseded")
        elif present.get(name) != digest:
            faults.append(f"{name} is not a file of this case as it was written")
    missing = sorted(_prepared(folder) - {name for name, _ in attached}) if attached else []
    if missing:
        faults.append(
            f"{len(missing)} of the files prepared {'is' if len(missing) == 1 else 'are'} not attached ({', '.join(missing[:3])}): "
            "an answer in several mails is recorded with all of them"
        )
    return faults


def _prepared(folder: Path) -> set[str]:
    """Return the names of all that makes the answer whole: what the drafts carry, or the outbox where none were prepared."""
    drafts = _delivery(folder)["drafts"]
    return {name for names in drafts.values() for name in names} if drafts else {p.name for p in files.lying(folder / "outbox") if p.is_file()}


def _delivery(folder: Path) -> dict[str, Any]:
    record = folder / "published" / "delivery.json"
    found: dict[str, Any] = json.loads(record.read_text(encoding="utf-8")) if record.is_file() else {}
    return found if found.get("drafts") else {"drafts": {}, "answer": {}}
