"""The way out: the answer under a passphrase, the mail that carries it as a draft, and what a second reader checks.

Nothing is sent from here. In the case, `delivery/` holds what goes out, `secrets/` the passphrase, which goes another
way, and `review/` the sheet of the second reader. The ladder: a workbook with a password, which Office opens; a zip
in AES, which needs a program; by hand, behind a login or by post.
"""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

from dsar import files, kinds
from dsar.answer import protect, second_reader
from dsar.answer.publish import intact, listed
from dsar.errors import DeliveryRefused
from dsar.find.dossier import Dossier
from dsar.request.letters import day
from dsar.texts import Texts, texts

Way = Literal["workbook", "zip", "by hand"]
LIMIT = 10 << 20  # bytes attached to one mail: encoded they are a third more, and many servers stop at 15 MB


@dataclass(frozen=True)
class Delivery:
    """What was prepared: the files that go out, the drafts of mails, the passphrase's file, the second reader's sheet."""

    files: tuple[Path, ...]
    drafts: tuple[Path, ...]
    secret: Path | None
    review: Path


def deliver(dossier: Dossier, case: Path, *, to: str | None = None, way: Way = "workbook", limit: int = LIMIT, rest: bool = False) -> Delivery:
    """Prepare what lies in the outbox for sending to a verified address of the requester (`to`, else their only one).

    `rest`: more was asked than this answers, and the mail says that it follows.

    Raises `IdentityNotVerified`, and `DeliveryRefused` where the address is not proved to be theirs, nothing
    was exported, or a file is too large for a mail. The same answer to the same address keeps its passphrase.
    """
    dossier.request.require_identity()
    address = _recipient(dossier, to) if way != "by hand" else ""
    answer = _answer(dossier, case)
    wanted = {
        "to": sha256(address.encode()).hexdigest(),
        "way": way,
        "limit": limit,
        "rest": rest,
        "answer": {p.name: files.sha256(p) for p in answer},
    }
    kept = _kept(case, wanted)
    if kept:
        return kept
    phrase = protect.passphrase() if way != "by hand" else ""
    fresh = case / "delivery.new"
    shutil.rmtree(fresh, ignore_errors=True)
    files.private_dir(fresh)
    try:
        prepared = _protected(answer, fresh, way, phrase, limit)
        drafts = _drafts(dossier, fresh, prepared, address, limit, rest=rest) if way != "by hand" else {}
        review = second_reader.write(dossier, files.private_dir(case / "review"), address, prepared)
    except BaseException:
        shutil.rmtree(fresh)
        raise
    secret = _secret(dossier, case, phrase) if phrase else None
    files.replace_dir(fresh, case / "delivery")
    hashes = {p.name: files.sha256(case / "delivery" / p.name) for p in [*prepared, *drafts]}
    record = {**wanted, "files": [p.name for p in prepared], "drafts": {p.name: attached for p, attached in drafts.items()}, "sha256": hashes}
    record |= {"secret": secret.name if secret else None, "secret_sha256": files.sha256(secret) if secret else None, "review": review.name}
    files.write_atomic(_record_path(case), json.dumps(record, indent=1))
    return _delivery(case, record)


def _recipient(dossier: Dossier, to: str | None) -> str:
    proved = {i.value for i in dossier.request.identifiers if i.kind == "email" and i.standing == "verified"}
    address = kinds.normal("email", to) if to else next(iter(proved)) if len(proved) == 1 else None
    where, remedy = dossier.request.id, "check the address with the requester; one that changes after intake is a new check"
    if address is None or address not in proved:
        what = "this address is no verified identifier of the request" if to else "the request has no verified address, or several"
        raise DeliveryRefused(what, where=where, remedy=remedy)
    if kinds.is_of_many(address):
        raise DeliveryRefused(
            "a mailbox that several people read proves nobody", where=where, remedy="ask for a personal address, or deliver by hand"
        )
    return address


def _answer(dossier: Dossier, case: Path) -> list[Path]:
    found = files.lying(case / "outbox")
    if not found or not intact(case, "outbox"):
        raise DeliveryRefused("the outbox holds no finished answer", where=dossier.request.id, remedy="run the export first")
    if {path.name for path in found} != listed(case, "outbox").keys():
        what, remedy = "something lies in the outbox that no export put there", "take it out: it could be another person's"
        raise DeliveryRefused(what, where=dossier.request.id, remedy=remedy)
    return found


def _kept(case: Path, wanted: dict[str, Any]) -> Delivery | None:
    if not _record_path(case).exists():
        return None
    record = json.loads(_record_path(case).read_text(encoding="utf-8"))
    whole = all((p := case / "delivery" / name).is_file() and files.sha256(p) == sha for name, sha in record["sha256"].items())
    secret = case / "secrets" / str(record["secret"])
    here = not record["secret"] or (secret.is_file() and files.sha256(secret) == record["secret_sha256"])
    return _delivery(case, record) if whole and here and {k: record[k] for k in wanted} == wanted else None


def _delivery(case: Path, record: dict[str, Any]) -> Delivery:
    folder = case / "delivery"
    secret = case / "secrets" / record["secret"] if record["secret"] else None
    return Delivery(
        tuple(folder / n for n in record["files"]), tuple(folder / n for n in record["drafts"]), secret, case / "review" / record["review"]
    )


def _record_path(case: Path) -> Path:
    return files.private_dir(case / "published") / "delivery.json"


def _protected(answer: Sequence[Path], into: Path, way: Way, phrase: str, limit: int) -> list[Path]:
    if way == "by hand":
        return [Path(shutil.copy(path, into / path.name)) for path in answer]
    books = [p for p in answer if p.suffix == ".xlsx"] if way == "workbook" else []
    too_large = [p for p in books if p.stat().st_size > limit]
    if too_large:
        raise DeliveryRefused("the workbook is larger than a mail bears", remedy="take the way zip, or deliver it by hand")
    made = [protect.workbook(path, into / path.name, phrase) for path in books]
    rest = protect.unpacked([p for p in answer if p not in books])
    if rest:
        name = next((p.stem for p in answer if p.suffix == ".zip"), answer[0].stem)
        made += protect.archives(rest, into / f"{name}.zip", phrase, limit)
    return made


def _secret(dossier: Dossier, case: Path, phrase: str) -> Path:
    say = texts(dossier.request.language or dossier.datamap.controller.language)
    folder = files.private_dir(case / "secrets")
    for old in folder.iterdir():
        old.unlink()
    path = folder / f"{dossier.request.id}_passphrase.txt"
    files.write_atomic(path, say(_TELL, request=dossier.request.id, phrase=phrase))
    return path


def _drafts(dossier: Dossier, into: Path, prepared: Sequence[Path], to: str, limit: int, *, rest: bool) -> dict[Path, list[str]]:
    mails: list[list[Path]] = [[]]
    for path in prepared:
        if mails[-1] and sum(p.stat().st_size for p in [*mails[-1], path]) > limit:
            mails.append([])
        mails[-1].append(path)
    made: dict[Path, list[str]] = {}
    for number, attached in enumerate(mails, start=1):
        ending = f"_{number}-of-{len(mails)}" if len(mails) > 1 else ""
        path = into / f"{dossier.request.id}_mail{ending}.eml"
        made[path] = [p.name for p in attached]
        files.write_atomic(path, _mail(dossier, attached, to, (number, len(mails)), rest=rest).as_bytes(policy=SMTP))
    return made


def _mail(dossier: Dossier, attached: Sequence[Path], to: str, place: tuple[int, int], *, rest: bool) -> EmailMessage:
    number, count = place
    controller = dossier.datamap.controller
    say = texts(dossier.request.language or controller.language)
    mail = EmailMessage(policy=SMTP)
    mail["X-Unsent"] = "1"  # Outlook opens it as a draft
    mail["From"], mail["To"] = controller.contact, to
    part = say(" ({number} of {count})", number=number, count=count) if count > 1 else ""
    mail["Subject"] = say("Your request {request} to {controller}", request=dossier.request.id, controller=controller.name) + part
    mail.set_content(_words(dossier, attached, say, rest=rest))
    for path in attached:
        kind = "vnd.openxmlformats-officedocument.spreadsheetml.sheet" if path.suffix == ".xlsx" else "zip"
        mail.add_attachment(path.read_bytes(), maintype="application", subtype=kind, filename=path.name)
    return mail


def _words(dossier: Dossier, attached: Sequence[Path], say: Texts, *, rest: bool) -> str:
    controller = dossier.datamap.controller
    endings = {path.suffix for path in attached}
    hints = [say(text) for ending, text in ((".xlsx", _OPEN_WORKBOOK), (".zip", _OPEN_ZIP)) if ending in endings]
    sums = "\n".join(f"{files.sha256(path)}  {path.name}" for path in attached)
    language = dossier.request.language or controller.language
    head = [say(_HEAD, received=day(dossier.request.received, language), request=dossier.request.id), *([say(_REST)] if rest else [])]
    foot = say(_FOOT, sums=sums, contact=controller.contact, controller=controller.name)
    return "\n\n".join([*head, *hints, foot]) + "\n"


_HEAD = """You asked us for your data on {received}; our reference is {request}. The answer is attached.

It is locked with a passphrase. You get the passphrase from us in another way, never in an e-mail. Type it with its dashes."""
_REST = "This is not all that you asked for: the rest is answered in a message of its own."
_OPEN_WORKBOOK = "The workbook (.xlsx): open it with Excel or LibreOffice, which ask for the passphrase. Begin with the sheet Read me first."
_OPEN_ZIP = (
    "The package (.zip): Windows cannot open it by itself. Use 7-Zip on Windows, Keka or The Unarchiver on a Mac, 7z on Linux. "
    "If there are several parts, unpack them all into one folder. Then open index.html."
)
_FOOT = """If somebody helps you, they can check that the files are as we made them: these are their SHA-256 sums.

{sums}

Something does not open, or you did not expect this mail? Write to us before you open anything: {contact}

{controller}"""
_TELL = """Request {request}: the passphrase of the files in delivery/.

{phrase}

Tell it to the requester on the telephone, by text message or by letter, or as agreed when their identity was checked.
Never put it into the mail that carries the files, nor into a second mail to the same address.
"""
