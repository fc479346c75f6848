"""Drafts of letters: a document to edit and a mail to look at, whose recipient is proved or left empty.

An edited draft is never written over. Nothing is sent from here: the PDF to send is made from the draft
as a person left it, once nothing in it is left to fill in and somebody stands for its legal sentences.
"""

import json
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from email.message import EmailMessage
from email.policy import SMTP
from functools import partial
from hashlib import sha256
from pathlib import Path

from dsar import files, kinds
from dsar.answer.export import plain
from dsar.answer.publish import publish
from dsar.desk.due import ANSWERS, require_asked
from dsar.errors import DraftUnfinished, IdentityNotVerified
from dsar.keep.ledger import Head
from dsar.request.case import Case
from dsar.request.letters import BEFORE_IDENTITY, Letter, to_fill, words

_RECORD = ".drafts.json"
_TO_OTHERS = ("recipient_notice",)  # not to the requester at all


@dataclass(frozen=True)
class Draft:
    """One letter as it lies in the case; `edited` says that somebody's changes were kept, `newer` is what would be written today."""

    letter: Letter
    path: Path
    mail: Path
    edited: bool
    newer: Path | None
    changed: bool  # since it was last written
    goes_to: tuple[str, ...]  # a proved address, or the mailbox whose code it holds; for the analyst's eyes, not in any file


def addressees(case: Case, name: str) -> list[str]:
    """Return whom a letter may be addressed to: a verified mailbox of the person's own, or an agent whose authority is recorded.

    Empty before that is so, and for letters to others: the analyst then answers the mail that came in, and
    nothing here says that the address is right.
    """
    if name in _TO_OTHERS or not case.may_send:
        return []
    if case.requester in {"agent", "parent"}:
        return [case.reply_to] if case.reply_to else []
    return [i.value for i in case.request.identifiers if i.kind == "email" and i.standing == "verified" and not kinds.is_of_many(i.value)][:1]


def write(letter: Letter, case: Case, folder: Path, on: date, mailbox: str = "") -> Draft:
    """Write the draft of a letter into `letters/` of a case folder, or keep the one that somebody edited; `mailbox` is the one it asks."""
    from dsar.desk import docx  # loads lxml: only where a letter is written

    target = files.private_dir(folder / "letters")
    record = _record(target)
    path = target / f"{case.request.id}_{letter.name}.docx"
    newer = path.with_name(f"{path.stem}_newer.docx")
    fresh = docx.draft(letter, case.controller, on)
    last = record.get(path.name, "")
    edited = path.exists() and files.sha256(path) != last
    newer.unlink(missing_ok=True)
    if not edited:
        files.write_atomic(path, fresh)
        files.write_atomic(target / _RECORD, json.dumps({**record, path.name: sha256(fresh).hexdigest()}, indent=1))
    elif docx.text_of(fresh) != docx.text_of(path.read_bytes()):
        files.write_atomic(newer, fresh)
    mail = target / f"{case.request.id}_{letter.name}.eml"
    files.write_atomic(mail, _mail(letter, case, docx.text_of(path.read_bytes()) if edited else letter.text))
    goes_to = (mailbox,) if mailbox else tuple(addressees(case, letter.name))
    return Draft(
        letter, path, mail, edited, newer if newer.exists() else None, changed=not edited and sha256(fresh).hexdigest() != last, goes_to=goes_to
    )


def _record(folder: Path) -> dict[str, str]:
    path = folder / _RECORD
    found: dict[str, str] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return found


def _mail(letter: Letter, case: Case, text: str) -> bytes:
    mail = EmailMessage(policy=SMTP)
    mail["X-Unsent"] = "1"  # Outlook opens it as a draft
    mail["From"] = case.controller.contact
    to = addressees(case, letter.name)
    if to:
        mail["To"] = ", ".join(to)
    mail["Subject"] = f"{letter.subject} ({case.request.id})"
    mail.set_content(text)
    return mail.as_bytes()


def finish(name: str, case: Case, folder: Path, head: Head) -> Path:
    """Make the PDF to send from a draft as it was left; answers lie in the outbox, other letters beside their draft.

    Its foot bears the head of the ledger, which so stands where nobody here can change it.

    Raises `DraftUnfinished` where something is still to fill in, where the mark of unreviewed sentences
    stands, or where LibreOffice is not there; `IdentityNotVerified` for what may not be sent yet, `NotAsked` for an
    answer to what the request does not, or no longer, ask for.
    """
    require_asked(name, case)
    if re.sub(r"_\d+$", "", name) not in BEFORE_IDENTITY and not case.may_send:
        remedy = f"settle it first: `dsar identity ask {case.request.id}`, then `dsar identity confirm`"
        raise IdentityNotVerified("nothing may leave before it is settled who asks", where=case.request.id, remedy=remedy)
    path = folder / "letters" / f"{case.request.id}_{name}.docx"
    if not path.is_file():
        raise DraftUnfinished("there is no such draft", where=f"{case.request.id} {name}", remedy="draft it first")
    from dsar.desk import docx

    text = docx.text_of(path.read_bytes())
    left = to_fill(text, case.language)
    if left:
        raise DraftUnfinished(f"{len(left)} places are left to fill in", where=path.name, remedy="open it and fill them in")
    if words(case.language)["mark"] in text:
        raise DraftUnfinished("no lawyer stands for its legal sentences", where=path.name, remedy="read it, and remove the mark if you do")
    stem = f"{plain(case.controller.name)}_{case.request.id}_letter-{name.replace('_', '-')}"
    foot = words(case.language)["ledger"].format(n=head.n, hash=head.hash[:32])
    made = _pdf(path.stem, docx.with_foot(path.read_bytes(), foot))
    if name not in ANSWERS.values():
        target = files.private_dir(folder / "letters") / f"{stem}.pdf"
        files.write_atomic(target, made)
        return target
    return publish(folder, "outbox", stem, partial(_written, made))[0]


def _written(content: bytes, stem: str, into: Path) -> list[Path]:
    path = into / f"{stem}.pdf"
    path.write_bytes(content)
    return [path]


def office() -> str | None:
    """Return LibreOffice's command, or None where it is not there."""
    return shutil.which("soffice") or shutil.which("libreoffice")


def _pdf(stem: str, document: bytes) -> bytes:
    command = office()
    if command is None:
        raise DraftUnfinished("LibreOffice is not there to make the PDF", where=stem, remedy="install it, or print the draft to PDF yourself")
    with files.scratch() as work:
        path = work / f"{stem}.docx"
        path.write_bytes(document)
        profile = f"-env:UserInstallation={(work / 'profile').as_uri()}"  # so that it runs beside one that is open
        words_ = [command, profile, "--headless", "--convert-to", "pdf", "--outdir", str(work), str(path)]
        subprocess.run(words_, check=False, capture_output=True, timeout=120)  # noqa: S603 - our own command
        made = path.with_suffix(".pdf")
        if not made.is_file():
            raise DraftUnfinished("LibreOffice made no PDF of it", where=stem, remedy="print the draft to PDF yourself")
        return made.read_bytes()


def listed(drafts: Sequence[Draft]) -> list[tuple[str, str, str, str]]:
    """Return for each draft: its file, whom it goes to where that is known, what became of it, and whether somebody stands for it."""
    lines = []
    for draft in drafts:
        what = "kept as you edited it" if draft.edited else "written"
        what += f"; what would be written today is {draft.newer.name}" if draft.newer else ""
        lines.append(
            (draft.path.name, ", ".join(draft.goes_to), what, f"reviewed by {draft.letter.reviewed_by}" if draft.letter.reviewed else "NOT REVIEWED")
        )
    return lines
