"""Identifiers and their standing, and how a requester's identity is settled: by no more than the doubt needs.

Article 12(6): proof is asked only on reasonable doubt, and only what is necessary; never a copy of a
document. The ways are a closed list, from the least to the most.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from dsar import kinds

Standing = Literal["verified", "claimed", "derived"]


@dataclass(frozen=True)
class Identifier:
    """One identifier in normal form (`dsar.kinds`); `kind` is global or `source.kind`."""

    kind: str
    value: str
    standing: Standing


METHODS = {
    "signed in": "the request came from inside the person's own account",
    "challenge code": "a code we sent to the mailbox on file came back from it",
    "two facts": "the person gave two facts that we already hold, such as an order number and a postcode",
    "call back": "we called the number on file and spoke to the person",
    "document seen": "we looked at an identity document; no copy was made or kept",
    "at intake": "it was settled when the request was registered",
}
AUTHORITIES = {
    "written authority": "a written authority signed by the person",
    "power of attorney": "a power of attorney",
    "solicitor": "a solicitor's confirmation that they act for the person",
    "parental responsibility": "parental responsibility for a child who cannot yet exercise the right",
    "child agrees": "the child is able to exercise the right and agrees to the parent acting",
}
DOCUMENTS = ("passport", "identity card", "driving licence", "residence permit")
CHANNELS = ("e-mail", "web form", "letter", "phone", "in person", "social media", "internal", "other")
REQUESTERS = ("person", "agent", "parent", "child")
REMIND_AFTER = (7, 14)  # days without an answer
LAPSE_AFTER = 30  # days without an answer; the ICO waits about a month for a clarification
_NOT_IN_WRITING = {"phone", "in person"}
_POWERFUL = {"access", "portability"}  # what is handed over cannot be called back


def proportionate(channel: str, requester: str, rights: Iterable[str], mailboxes: Iterable[str]) -> tuple[str, str]:
    """Return the least method that settles the doubt, and why; `mailboxes` are the e-mail addresses given."""
    own = [m for m in mailboxes if not kinds.is_of_many(m)]
    if requester in {"agent", "parent"}:
        return "two facts", "somebody else writes for the person: their authority is asked for besides"
    if channel == "internal":
        return "signed in", "the request came from inside the account: nothing else is asked"
    if own:
        return "challenge code", "a sender line proves nothing; that the mailbox answers is enough"
    if _POWERFUL & set(rights):
        return "two facts", "no mailbox of the person's own is known, and what is handed over cannot be called back"
    return "call back", "no mailbox of the person's own is known"


def policy_note(channel: str) -> str:
    """Return what to know where the policy asks for more than the law allows; '' where they agree."""
    if channel not in _NOT_IN_WRITING:
        return ""
    return (
        "The policy asks for proof of identity because this request was not made in writing. The law allows that only where there is "
        "reasonable doubt who asks (Art. 12(6)), whatever the channel: the toolkit follows the law, so say what the doubt is, or why there is none."
    )


def child_note(age: int | None, calendar: str) -> str:
    """Return whose right it is where a child is concerned, and what a parent needs (DPA 2018 s.208; ICO)."""
    if age is None:
        return "The right is the child's. A parent acts only if the child cannot yet exercise it, or agrees, and it is in the child's interest."
    if calendar == "GB-SCT" and age >= 12:
        return "In Scotland a child of 12 or more is presumed able to exercise the right: write to the child unless the contrary is shown."
    if age >= 12:
        return "A child of about 12 is usually able to exercise the right: assess it, and prefer to write to the child."
    return "A child this young usually cannot exercise the right: a parent acts, with proof of parental responsibility."


def challenge_code(secret: str, request_id: str, mailbox: str) -> str:
    """Return the code that only who reads the mailbox can send back; the same for the same letter."""
    digest = hmac.new(secret.encode(), f"{request_id}|{mailbox}".encode(), hashlib.sha256).digest()
    code = base64.b32encode(digest).decode()[:8].replace("O", "8").replace("I", "9")  # no letter that reads like a digit
    return f"{code[:4]}-{code[4:]}"


def holds_code(text: str, code: str) -> bool:
    """Whether a reply holds the code, however it was typed."""
    plain = re.sub(r"[^A-Z0-9]", "", text.upper())
    return code.replace("-", "") in plain
