"""A folder of mails becomes proposals: which rights each seems to invoke, whose it is, what came twice.

Nothing is registered here. A person confirms each proposal, since a mail can ask for anything in any
words, and a sender line proves nothing.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import phonenumbers

from dsar import kinds
from dsar.errors import BadMail
from dsar.request import mail as mails
from dsar.request.mail import Mail

_SIGNS = {
    "access": r"subject access|access request|right of access|art(icle|\.)? ?15\b|copy of (my|all|any|the)\b.{0,30}(data|information)"
    r"|(data|information) (do )?you (hold|have|store|keep)|what .{0,30}hold (on|about) me|auskunft|welche daten|kopie meiner",
    "rectification": r"rectif|art(icle|\.)? ?16\b|correct (my|the|this)|(is|are) (wrong|incorrect|inaccurate|out of date)"
    r"|misspel|berichtig|korrigier",
    "erasure": r"\bdelet|\beras(e|ure)|art(icle|\.)? ?17\b|to be forgotten|remove (me|my|all)|lösch|vergessenwerden",
    "restriction": r"restrict|art(icle|\.)? ?18\b|einschränk",
    "portability": r"portab|art(icle|\.)? ?20\b|machine[- ]readable|übertragbar|maschinenlesbar",
    "objection": r"\bobject(ion)?\b|art(icle|\.)? ?21\b|stop (sending|using|all|the|your) .{0,20}(marketing|mail|advert)|widerspr|keine werbung",
    "withdrawal": r"withdraw.{0,20}consent|unsubscribe|revoke|widerruf|einwilligung.{0,30}zurück",
    "complaint": r"\bcomplain|beschwer",
}
_FOR_SOMEBODY = re.compile(
    r"\b(i|we) (act|am acting|are acting|write|am writing|are writing) (for|on behalf of)\b|\bon behalf of\b|\b(my|our) client\b"
    r"|power of attorney|letter of authority|vollmacht|mandant|im auftrag (von|meine)|im namen (von|meine)"
)
_ADDRESS = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")


def rights(text: str) -> tuple[str, ...]:
    """Return the rights that a letter's words seem to invoke, in the order of the law."""
    plain = " ".join(text.casefold().split())
    return tuple(right for right, signs in _SIGNS.items() if re.search(signs, plain))


@dataclass(frozen=True)
class Proposal:
    """What one file of the folder seems to be; `number` is its line in the sheet.

    `twice` names the line or request that it repeats, `person` the lines that seem to be by the same
    person, `template` the first line whose letter is the same but for what the writer filled in. `for_somebody` says whether it
    seems to be written for somebody else, `named` which other addresses and telephone numbers stand in its text, as `kind=value`.
    """

    number: int
    file: str
    mail: Mail | None
    received: date | None
    rights: tuple[str, ...]
    twice: str = ""
    person: tuple[int, ...] = ()
    template: int | None = None
    fault: str = ""
    for_somebody: bool = False
    named: tuple[str, ...] = ()


def propose(folder: Path, zone: ZoneInfo, today: date, region: str, known: Mapping[str, str]) -> list[Proposal]:
    """Return a proposal per file of a folder, by name; a file that is no mail is one with a fault, never left out.

    `known` maps the hash of a letter to the request that it was registered as.
    """
    found: list[Proposal] = []
    for number, path in enumerate((p for p in sorted(folder.iterdir()) if p.is_file() and not p.name.startswith(".")), start=1):
        if path.suffix.lower() not in mails.ENDINGS:
            found.append(Proposal(number, path.name, None, None, (), fault="not a mail: open it, and register it by hand if it asks for something"))
            continue
        try:
            mail = mails.read(path)
        except BadMail as error:
            found.append(Proposal(number, path.name, None, None, (), fault=error.what))
            continue
        found.append(_proposal(number, mail, zone, today, region, found, known))
    return found


def _proposal(number: int, mail: Mail, zone: ZoneInfo, today: date, region: str, before: list[Proposal], known: Mapping[str, str]) -> Proposal:
    day = mail.received.astimezone(zone).date() if mail.received else None
    earlier = [p for p in before if p.mail]
    same = [p for p in earlier if p.mail and _twice(p.mail, mail)]
    template = next((p.template or p.number for p in earlier if p.mail and _one_template(p.mail, mail)), None)
    person = tuple(p.number for p in earlier if p.mail and same_person(p.mail, mail, region))
    faults = ["it has no date" if day is None else "its date is in the future" if day > today else ""]
    faults.append("its text is empty" if not mail.text else "")
    return Proposal(
        number,
        mail.file,
        mail,
        day if day and day <= today else None,
        rights(f"{mail.subject}\n{mail.text}"),
        twice=known.get(mail.letter_sha256, "") or (f"line {same[0].number}" if same else ""),
        person=person,
        template=template,
        fault="; ".join(f for f in faults if f),
        for_somebody=bool(_FOR_SOMEBODY.search(" ".join(mail.text.casefold().split()))),
        named=tuple(_named(mail, region)),
    )


def _named(mail: Mail, region: str) -> Iterator[str]:
    yield from (f"email={a}" for a in sorted(_addresses(mail.text) - {_normal(mail.sender)}))
    yield from (f"phone={p}" for p in sorted(_phones(mail.text, region)))


def _twice(one: Mail, other: Mail) -> bool:
    """Whether two files are one mail: the same message, or the same words from the same address."""
    if one.message_id and one.message_id == other.message_id:
        return True
    return _normal(one.sender) == _normal(other.sender) and one.words == other.words


def _one_template(one: Mail, other: Mail) -> bool:
    """Whether two letters say the same but for what their writers filled in; short ones say the same by chance."""
    shared, either = len(one.triples & other.triples), len(one.triples | other.triples)
    return shared >= _A_LETTER and shared / either > 0.6


_A_LETTER = 25  # words


def same_person(one: Mail, other: Mail, region: str) -> bool:
    """Whether two mails seem to be by one person: it is for a human to say.

    The same address; one's address in the other's text; or the same full name with the same words or telephone number. An address
    or a number alone proves nothing: a template letter quotes the same ones for everybody.
    """
    mine, theirs = _normal(one.sender), _normal(other.sender)
    if mine == theirs or mine in _addresses(other.text) or theirs in _addresses(one.text):
        return True
    name = " ".join(one.name.casefold().split())
    if " " not in name or name != " ".join(other.name.casefold().split()):
        return False
    return one.words == other.words or bool(_phones(one.text, region) & _phones(other.text, region))


def _normal(address: str) -> str:
    return kinds.normal("email", address) or address


def _addresses(text: str) -> set[str]:
    return {_normal(a) for a in _ADDRESS.findall(text)}


def _phones(text: str, region: str) -> set[str]:
    found = phonenumbers.PhoneNumberMatcher(text, region)
    return {phonenumbers.format_number(match.number, phonenumbers.PhoneNumberFormat.E164) for match in found}
