"""Normal forms of identifiers: two spellings are the same identifier when their normal forms are equal.

Global kinds mean the same in every source: `email`, `phone`, `ip`, `cookie`, `handle` (of a social network), `name`,
`born` (date of birth), `postal` (a postal address). Any other kind is a key that one source issues, and is written `source.kind`, for
example `shop.customer`; the map may add a kind that several sources share by a dotted name that is no source's, such as
`house.loyalty_card`.
"""

import ipaddress
import re
import unicodedata
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from functools import lru_cache

import idna
import phonenumbers

from dsar.errors import BadIdentifier

GIVEN = ("email", "phone")  # what every requester may be asked for, whatever the map says
MAILBOX = "mailbox"  # an e-mail address with its tag and dots folded: whether that is the same mailbox, its host decides
SHARED = ("name", "born", "postal")  # several people may have the same: alone they prove nothing
ADDRESSES = (*GIVEN, "ip", "handle", MAILBOX, *SHARED)  # chosen by or for a person; a record that bears one need not be theirs
GLOBAL = (*ADDRESSES, "cookie")

# Mailboxes that several people read: RFC 2142, and what is in common use.
_OF_MANY = frozenset({
    "abuse", "accounting", "accounts", "admin", "billing", "booking", "bookings", "careers", "contact", "dpo", "enquiries", "finance", "hello",
    "help", "helpdesk", "hostmaster", "hr", "info", "information", "invoices", "it", "jobs", "kontakt", "mail", "marketing", "noc", "no-reply",
    "noreply", "office", "orders", "postmaster", "press", "privacy", "purchasing", "reception", "root", "sales", "security", "service", "shop",
    "support", "team", "webmaster", "buero", "vertrieb",
})  # fmt: skip

_NAMED = re.compile(r'(?:"[^"<>@]*"\s*|[^"<>@,;:|]*)<([^<>]*)>')  # Dora <dora@example.org>
_LOCAL = re.compile(r'[^\s@,;:<>|]+|"[^\s@<>"]+"')  # what may stand between two addresses stands in none, unless quoted
_HOST = re.compile(r"[\w.-]+|\[[\w.:]+\]")
_WHOLE = re.compile(r"(0|-?[1-9][0-9]*)\.0")
_SPELLINGS = 50_000  # remembered of each kind: a batch asks of the same ones again and again
_WITH_PORT = re.compile(r"(\[[^\[\]]+\]|[0-9.]+):[0-9]{1,5}")
_EXTENSION = 5  # digits; what is longer is a number of its own
_TWO_DESKS = re.compile(r"[\\/]\s*x", re.IGNORECASE)


def scoped(kind: str, source: str) -> str:
    """Return the kind as known outside `source`: global kinds and dotted ones as they are."""
    return kind if kind in GLOBAL or "." in kind else f"{source}.{kind}"


def normal(kind: str, value: object, region: str | None = None) -> str | None:
    """Return the normal form of a value of this kind, or None where it is not one.

    `region` is the two-letter country whose rules read a phone number without a country code.
    """
    if value is None:
        return None
    if kind == "email":
        return _email(_visible(str(value)))
    if kind == "phone":
        return _phone(_visible(str(value)), region)
    if kind == "ip":
        return _ip(str(value))
    return _OTHERS.get(kind, _key)(value)


def require(kind: str, value: str, region: str | None = None) -> str:
    """Return the normal form; raise `BadIdentifier`, which does not repeat the value."""
    found = normal(kind, value, region)
    if found is None:
        hint = {
            "email": "an e-mail address looks like name@example.org",
            "phone": "write a phone number with its country code, like +44 20 7946 0018",
            "ip": "an IP address looks like 192.0.2.7 or 2001:db8::7",
            "born": "write a date of birth like 1980-02-29",
        }
        raise BadIdentifier(f"an identifier of kind '{kind}' does not parse", remedy=hint.get(kind, "it must not be empty"))
    return found


def mailbox(address: str) -> str:
    """Return an e-mail address in normal form with its tag (`+news`) and the dots before the @ folded away."""
    local, _, domain = address.rpartition("@")
    return f"{local.split('+')[0].replace('.', '') or local}@{domain}"


def is_of_many(address: str) -> bool:
    """Whether an e-mail address is, by its name, read by several people: info@ or sales@."""
    return address.partition("@")[0].split("+")[0] in _OF_MANY


def plain_words(text: str) -> list[str]:
    """Return the words of a text without case, accents and punctuation."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c))
    return re.findall(r"\w+", plain)


def name_parts(name: str) -> tuple[str, ...]:
    """Return the `plain_words` of a name, sorted."""
    return tuple(sorted(plain_words(name)))


def _visible(text: str) -> str:
    # Zero-width characters, direction marks and soft hyphens come along with copy and paste.
    return text if text.isascii() else "".join(c for c in text if unicodedata.category(c) != "Cf")


@lru_cache(_SPELLINGS)
def _email(text: str) -> str | None:
    text = unicodedata.normalize("NFC", text.strip())
    if named := _NAMED.fullmatch(text):
        text = named[1].strip()
    local, _, domain = re.sub("^mailto:", "", text, flags=re.IGNORECASE).rpartition("@")
    host = _host(domain)
    if not host or not _LOCAL.fullmatch(local):
        return None
    # RFC 5321 lets a host treat the local part as case-sensitive; none in use does, so case is dropped (lower, not
    # casefold: straße@ and strasse@ are two mailboxes).
    return f"{unicodedata.normalize('NFC', local.lower())}@{host}"


@lru_cache(10_000)
def _host(domain: str) -> str | None:
    try:
        host = idna.encode(domain, uts46=True).decode("ascii")
    except idna.IDNAError:
        host = domain
    return host.lower().rstrip(".") if _HOST.fullmatch(host) else None


@lru_cache(_SPELLINGS)
def _phone(text: str, region: str | None) -> str | None:
    if _TWO_DESKS.search(text):
        return None  # the library would read the first extension and pass over the second
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number) or len(number.extension or "") > _EXTENSION:
        return None
    line = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    # Behind one switchboard number sit many people.
    return f"{line};ext={number.extension}" if number.extension else line


@lru_cache(_SPELLINGS)
def _ip(text: str) -> str | None:
    text = text.strip()
    if with_port := _WITH_PORT.fullmatch(text):
        text = with_port[1]
    try:
        address = ipaddress.ip_address(text.removeprefix("[").removesuffix("]"))
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)  # a server that listens on IPv6 writes 192.0.2.7 as ::ffff:192.0.2.7
    return str(mapped or address).partition("%")[0]  # the zone says by which interface of ours it came (RFC 4007), not whose it is


def _mailbox(value: object) -> str | None:
    address = normal("email", value)
    return mailbox(address) if address else None


def _words(value: object) -> str | None:
    return " ".join(name_parts(_visible(str(value)))) or None


def _handle(value: object) -> str | None:
    text = unicodedata.normalize("NFC", _visible(str(value)).strip()).rstrip("/")
    return text.rpartition("/")[2].removeprefix("@").casefold() or None


def _born(value: object) -> str | None:
    if isinstance(value, date):
        return date(value.year, value.month, value.day).isoformat()
    try:
        return date.fromisoformat(str(value).strip()[:10]).isoformat()
    except ValueError:
        return None


def _key(value: object) -> str | None:
    # One engine hands a key over as 5, another as 5.0 or Decimal("5"): the same key.
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    elif isinstance(value, Decimal) and value.is_finite():
        # The scale of a decimal is its column's, not its own: 5.50 is 5.5.
        value = int(value) if value == value.to_integral_value() else format(value, "f").rstrip("0")
    text = _visible(str(value)).strip()
    # pandas writes 4.0 for the 4 of an integer column with gaps.
    whole = _WHOLE.fullmatch(text)
    return whole[1] if whole else text or None


_OTHERS: dict[str, Callable[[object], str | None]] = {
    MAILBOX: _mailbox,
    "name": _words,
    "postal": _words,
    "handle": _handle,
    "born": _born,
}
