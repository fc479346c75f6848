"""Settling who asks: ask by no more than the doubt needs, and record what was seen, when and by whom.

Collecting may begin before; sending may not. Nothing of a document is kept but its kind.
"""

from datetime import date
from pathlib import Path

from dsar import kinds
from dsar.datamap import DataMap
from dsar.errors import IdentityNotVerified
from dsar.request import mail as mails
from dsar.request.case import Case
from dsar.request.identity import Identifier, challenge_code, child_note, holds_code, policy_note, proportionate
from dsar.request.listed import identifiers
from dsar.request.register import Register


def mailboxes(case: Case) -> list[Identifier]:
    """Return the e-mail addresses given that one person alone reads."""
    return [i for i in case.request.identifiers if i.kind == "email" and not kinds.is_of_many(i.value)]


def ask(register: Register, case: Case, *, by: str, doubt: str, method: str | None = None) -> tuple[Case, str]:
    """Record that proof is asked for, by the least method unless another is named; return the case and what to know about it."""
    given = [i.value for i in case.request.identifiers if i.kind == "email"]
    least, why = proportionate(case.channel, case.requester, case.request.rights, given)
    case = register.record(case, "identity asked", by=by, method=method or least, doubt=doubt)
    notes = [f"Asked by: {method or least}."]
    notes += [f"The least that would do is '{least}': {why}."] if method not in {None, least} else [f"Why this is enough: {why}."]
    notes += [policy_note(case.channel)] if policy_note(case.channel) else []
    notes += [child_note(None, case.request.calendar or register.controller.calendar)] if case.requester in {"parent", "child"} else []
    return case, " ".join(notes)


def codes(register: Register, case: Case) -> dict[str, str]:
    """Return mailbox → the code that the identity letter to it holds."""
    return {i.value: challenge_code(register.secret, case.request.id, i.value) for i in mailboxes(case)}


def asked(register: Register, case: Case, letter: str) -> list[tuple[str, str, str]]:
    """Return what ends the name of each draft of a letter, the mailbox that it asks, and its code: one per mailbox, numbered as registered.

    Where no code is asked for, it is one draft, with neither.
    """
    last = case.last("identity asked")
    if letter not in {"identity_request", "reminder"} or last is None or last.details["method"] != "challenge code":
        return [("", "", "")]
    known = codes(register, case)
    return [("" if len(known) == 1 else f"_{n}", mailbox, code) for n, (mailbox, code) in enumerate(known.items(), start=1)]


def answered(register: Register, case: Case, reply: Path, *, by: str) -> Case:
    """Verify a mailbox from the mail that came back with its code; raises `IdentityNotVerified` where it does not hold it.

    A sender line alone proves nothing, and neither does a code alone: a letter may have been sent to the wrong mailbox.
    """
    mail = mails.read(reply)
    known = codes(register, case)
    held = [box for box in mailboxes(case) if holds_code(mail.text, known[box.value])]
    sender = kinds.normal("email", mail.sender, case.controller.region)
    proved = [box for box in held if kinds.normal("email", box.value, case.controller.region) == sender]
    if held and not proved:
        remedy = "ask to be answered from that mailbox, or settle it another way with `identity confirm`"
        raise IdentityNotVerified("the code came back from another mailbox than the one it is for", where=case.request.id, remedy=remedy)
    if proved and all(box.standing == "verified" for box in proved):
        raise IdentityNotVerified("this mailbox is proved already", where=case.request.id, remedy="nothing was recorded, and nothing needs to be")
    if not proved:
        remedy = "ask again, or settle it another way with `identity confirm`"
        raise IdentityNotVerified("the mail holds no code that was sent to a mailbox of this request", where=case.request.id, remedy=remedy)
    day = mail.received.astimezone(register.controller.zone).date() if mail.received else register.today
    asked = case.last("identity asked")
    on = min(max(day, asked.on if asked else case.request.received), register.today)  # a mail may bear any date
    return register.record(case, "identity confirmed", by=by, on=on, verified=proved, method="challenge code", kinds=["email"])


def confirm(register: Register, case: Case, *, by: str, method: str, on: date | None = None, document: str | None = None) -> Case:
    """Record a check that a person made; it proves all identifiers that were given.

    A shared mailbox proves nobody, so it stays claimed. Raises `IdentityNotVerified` where nothing is left to prove.
    """
    chosen = [i for i in case.request.identifiers if not (i.kind == "email" and kinds.is_of_many(i.value))]
    if method == "challenge code":
        raise IdentityNotVerified("a code is confirmed by the mail that holds it", where=case.request.id, remedy="use `dsar identity answered`")
    if not chosen:
        remedy = "ask for an identifier of the person's own"
        raise IdentityNotVerified("a mailbox that several people read proves nobody", where=case.request.id, remedy=remedy)
    details = {"document": document} if document else {}
    proved_kinds = list(dict.fromkeys(i.kind for i in chosen))
    return register.record(case, "identity confirmed", by=by, on=on, verified=chosen, method=method, kinds=proved_kinds, **details)


def claim(register: Register, case: Case, text: str, datamap: DataMap, *, by: str) -> Case:
    """Add identifiers written kind=value that came later: a new check, whatever was proved before; raises `ValueError`, `BadIdentifier`."""
    return register.claim(case, identifiers(text, datamap, settled=False), by=by)
