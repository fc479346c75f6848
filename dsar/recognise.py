"""Finds identifiers in free text: e-mail addresses, telephone numbers, IP addresses, payment cards, bank accounts.

Each is validated by a kept library before it counts. For e-mail addresses no library finds what people really write
(apostrophes, other scripts, `to=ann@example.org`), so each at-sign is looked around here and judged by `dsar.kinds`.
What is not found is listed in docs/matching.md.
"""

import ipaddress
import re
import unicodedata
from bisect import bisect_left
from collections.abc import Collection, Iterator
from operator import itemgetter
from typing import NamedTuple
from urllib.parse import unquote

import phonenumbers
from stdnum import iban, luhn

from dsar import kinds

MARK = "[withheld]"
_AT = re.compile(r"@|＠|%40")
_LOCAL, _HOST = "._+-'’%!#$&*^~", ".-"  # RFC 5322 allows more in front; what is left out here separates far more often
_LONGEST = 254  # RFC 5321: characters of an address
_IPV4 = re.compile(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?!\d|\.\d)", re.ASCII)
_IPV6 = re.compile(r"(?<![0-9A-Za-z:.])(?:[0-9A-Fa-f]{0,4}:){2,7}(?:[0-9A-Fa-f]{1,4}(?:\.\d{1,3}){0,3})?(?![0-9A-Za-z:]|\.\d)", re.ASCII)
_GAP = "[ \t\u00a0\u202f\u2010-\u2013-]?"
_CARD = re.compile(rf"(?<![\d.,])[2-6](?=((?:{_GAP}\d){{12,18}}))", re.ASCII)  # ISO/IEC 7812: 13 to 19 digits; 2 to 6 are the card schemes'
_RUN = re.compile(r"\+?\d(?:[ \t\u00a0\u202f().\u2010-\u2013/-]{0,3}\+?\d){6,}")
_GROUP = re.compile(r"\+?\d+")
_GROUPS, _SHORTEST = 8, 7  # +44 (0) 20 79 46 00 18 has eight; what is shorter than + and 7 digits is an extension
_MORE_DIGITS = re.compile(r"[\d.,]{0,40}\d", re.ASCII)
_IBAN = re.compile(rf"(?<![0-9A-Za-z])[A-Za-z]{{2}}\d\d(?=((?:{_GAP}[0-9A-Za-z]){{11,30}}))", re.ASCII)  # ISO 13616: 15 to 34 characters
_DIGIT = re.compile(r"[0-9]")
_WORD = re.compile(r"[0-9A-Za-z]")


class Mention(NamedTuple):
    """Where a text names something: `start` and `end` count its characters, `value` is the normal form of its kind.

    Kinds are `email`, `phone`, `ip` (normal forms of `dsar.kinds`), `card` (digits), `iban` (without spaces, in capitals)
    and `possible phone`: long enough for a number, but in no numbering plan, so that only a source can tell.
    """

    start: int
    end: int
    kind: str
    value: str


def recognise(text: str, region: str | None) -> tuple[Mention, ...]:
    """Return all that is recognised, by place; mentions may overlap, but a possible phone number only stands alone.

    `region` is the two-letter country whose rules read a phone number without a country code.
    """
    numbers = list(phones(text, region))
    sure = [*emails(text), *ips(text), *cards(text), *ibans(text), *(m for m in numbers if m.kind == "phone")]
    spans = _spans(text, sure)
    return tuple(sorted([*sure, *(m for m in numbers if m.kind != "phone" and _free(spans, m))]))


def emails(text: str) -> Iterator[Mention]:
    """Yield e-mail addresses, in percent-encoding too; a host without a dot is none."""
    for at in _AT.finditer(text):
        start, end = _before(text, at.start()), _after(text, at.end())
        host = text[at.end() : end]
        if "." not in host and not host.startswith("["):
            continue
        value = kinds.normal("email", f"{_plain(text[start : at.start()])}@{_plain(host)}")
        if value:
            yield Mention(start, end, "email", value)


def phones(text: str, region: str | None) -> Iterator[Mention]:
    """Yield telephone numbers as `phone`, and what only has the length of one as `possible phone`."""
    tries = max(65_535, len(text))
    found = [(m.start, m.end, m.number) for m in phonenumbers.PhoneNumberMatcher(text, region, phonenumbers.Leniency.POSSIBLE, tries)]
    valid = [(start, end) for start, end, number in found if phonenumbers.is_valid_number(number)]
    # Of two numbers with only a space between, or a number and a date, the matcher makes one that is too long.
    found += _side_by_side(text, valid, region)
    for start, end, number in found:
        value = kinds.normal("phone", text[start:end], region)
        if value and len(value) > _SHORTEST:
            yield Mention(start, end, "phone" if phonenumbers.is_valid_number(number) else "possible phone", value)


def ips(text: str) -> Iterator[Mention]:
    """Yield IPv4 and IPv6 addresses, without port and brackets; a version number of four parts looks the same."""
    for pattern in (_IPV4, _IPV6):
        for match in pattern.finditer(text):
            value = kinds.normal("ip", match[0])
            if value and not ipaddress.ip_address(value).is_unspecified:
                yield Mention(match.start(), match.end(), "ip", value)


def cards(text: str) -> Iterator[Mention]:
    """Yield payment card numbers: 13 to 19 digits with a right check digit, as one in ten such numbers has by chance."""
    taken = 0
    for match in _CARD.finditer(text):
        if match.start() < taken:
            continue
        for end in _ends(text, match, _DIGIT):
            number = re.sub(r"\D", "", text[match.start() : end])
            if len(number) >= 13 and not _MORE_DIGITS.match(text, end) and luhn.is_valid(number):
                yield Mention(match.start(), end, "card", number)
                taken = end
                break


def ibans(text: str) -> Iterator[Mention]:
    """Yield international bank account numbers of any country that has them, in groups or not."""
    for match in _IBAN.finditer(text):
        for end in _ends(text, match, _WORD):
            number = "".join(_WORD.findall(text[match.start() : end])).upper()
            if len(number) >= 15 and iban.is_valid(number):
                yield Mention(match.start(), end, "iban", number)
                break


def mask(text: str, mentions: Collection[Mention], mark: str = MARK) -> str:
    """Return the text with a fixed mark in place of each mention, or of mentions that overlap.

    Raises `ValueError` for a mention that doesn't lie inside the text.
    """
    parts, at = [], 0
    for start, end in _spans(text, mentions):
        parts += [text[at:start], mark]
        at = end
    return "".join([*parts, text[at:]])


def _spans(text: str, mentions: Collection[Mention]) -> list[tuple[int, int]]:
    spans: list[tuple[int, int]] = []
    for start, end, *_ in sorted(mentions):
        if not 0 <= start < end <= len(text):
            raise ValueError("a mention does not lie inside the text it is masked in")
        stop = end
        while stop < len(text) and unicodedata.combining(text[stop]):  # an accent of the last letter would stay and tell
            stop += 1
        if spans and start < spans[-1][1]:
            spans[-1] = (spans[-1][0], max(stop, spans[-1][1]))
        else:
            spans.append((start, stop))
    return spans


def _free(spans: list[tuple[int, int]], one: Mention) -> bool:
    """Whether the mention overlaps none of the spans, which are sorted and apart."""
    at = bisect_left(spans, one.end, key=itemgetter(0))  # those before it begin before the mention ends
    return at == 0 or spans[at - 1][1] <= one.start


def _side_by_side(text: str, taken: list[tuple[int, int]], region: str | None) -> Iterator[tuple[int, int, phonenumbers.PhoneNumber]]:
    """Yield valid numbers among groups of digits, the longest from the left, where none has been found yet."""
    edges = [0, *(place for span in taken for place in span), len(text)]
    for begin, stop in zip(edges[::2], edges[1::2], strict=True):
        for run in _RUN.finditer(text, begin, stop):
            groups = [g.span() for g in _GROUP.finditer(text, *run.span())]
            at = 0
            while at < len(groups):
                number, step = _longest(text, groups[at : at + _GROUPS], region)
                if number:
                    yield groups[at][0], groups[at + step - 1][1], number
                at += step


def _longest(text: str, groups: list[tuple[int, int]], region: str | None) -> tuple[phonenumbers.PhoneNumber | None, int]:
    for count in range(len(groups), 0, -1):
        written = text[groups[0][0] : groups[count - 1][1]]
        if 7 <= sum(c.isdigit() for c in written) <= 18:
            try:
                number = phonenumbers.parse(written, region)
            except phonenumbers.NumberParseException:
                continue
            if phonenumbers.is_valid_number(number):
                return number, count
    return None, 1


def _plain(text: str) -> str:
    return unquote(text).replace("’", "'") if "%" in text or "’" in text else text


def _before(text: str, at: int) -> int:
    if text[at - 1 : at] == '"' and (opened := text.rfind('"', max(0, at - _LONGEST), at - 1)) >= 0:
        return opened
    start, foreign = at, False
    while start > 0 and at - start < _LONGEST and (_letter(text[start - 1]) or text[start - 1] in _LOCAL):
        change = _letter(text[start - 1]) and _other_script(text[start - 1]) != foreign
        if change and start < at:  # 連絡先ann@x.org: no space where one script ends
            break
        foreign = foreign != change
        start -= 1
    while start < at and text[start] in "-.'’%!#$&*^~":
        start += 1
    return start


def _after(text: str, at: int) -> int:
    if text[at : at + 1] == "[" and (closed := text.find("]", at, at + 50)) >= 0:
        return closed + 1
    end = at
    while end < len(text) and end - at < _LONGEST and (_letter(text[end]) or text[end] in _HOST):
        if end > at and _letter(text[end]) and _letter(text[end - 1]) and _other_script(text[end]) and not _other_script(text[end - 1]):
            break
        end += 1
    while end > at and text[end - 1] in _HOST:
        end -= 1
    return end


def _letter(sign: str) -> bool:
    return sign.isalnum() or (not sign.isascii() and unicodedata.category(sign) in {"Mn", "Mc", "Cf"})


def _other_script(sign: str) -> bool:
    return not sign.isascii() and sign.isalpha() and not unicodedata.name(sign, "").startswith("LATIN")


def _ends(text: str, match: re.Match[str], sign: re.Pattern[str]) -> Iterator[int]:
    """Yield where the number may end, the longest first: after a sign of it that no other follows."""
    for end in range(match.end(1), match.end(), -1):
        if sign.match(text, end - 1) and not sign.match(text, end):
            yield end
