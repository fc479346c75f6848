"""Before sending: reads an outbox like a stranger, and looks for what must not be in it.

All needles are looked for at once (Aho–Corasick), in every reading of every file. It errs to the side of a hit: a hit
blocks and a person looks; a miss is a breach. What is not found is listed in docs/matching.md.
"""

import ipaddress
import re
import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from functools import lru_cache
from itertools import accumulate, permutations
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

import ahocorasick_rs
import idna
import phonenumbers

from dsar import kinds
from dsar.answer import decode
from dsar.errors import BadIdentifier
from dsar.find.people import PREFIXED, UNSPACED
from dsar.recognise import MARK

_GAP = r"[^\w\n]{0,4}"
_BETWEEN_DIGITS = re.compile(r"(?<=\d)[^\w\n]{1,4}(?=\d)", re.ASCII)
_SHORT = 1 << 17  # characters
R = TypeVar("R")
_WORD = re.compile(r"[^\W_]+")


class Needle(NamedTuple):
    """What must not be found: `id` is how a hit names it, `kind` is `email`, `phone`, `ip`, `card`, `iban`, `name` or any other."""

    id: str
    kind: str
    value: str


class Hit(NamedTuple):
    """Something that must not leave: `needle` (its id, never its value) at a `place` inside a `file`; or what is `unread` and why."""

    file: str
    place: str
    needle: str = ""
    unread: str = ""


class _Spelling(NamedTuple):
    needle: Needle
    fits: Callable[[str, int, int, list[str]], bool]


def searchable(needle: Needle) -> bool:
    """Whether a value is long enough to be looked for: a shorter one stands in every text by chance.

    Four letters or digits for keys and other values, seven digits for telephone numbers; two signs for a name in a script
    without spaces.
    """
    if needle.kind in {"phone", "card"}:
        return len(_digits(needle.value)) >= 7
    letters = "".join(_WORD.findall(_fold(needle.value)))
    return len(letters) >= (2 if needle.kind == "name" and _unspaced(letters[:1]) else 4)


class Needles:
    """Many needles, made ready once to search any number of outboxes.

    `region` reads telephone numbers without a country code. Raises `BadIdentifier`, which names the needle by its id,
    for one that is not `searchable`. Values that are the requester's own as well are for the caller to leave out.
    """

    def __init__(self, needles: Iterable[Needle], region: str | None = None) -> None:
        self.plain, self.words, self.digits = _Automaton(_plain, " "), _Automaton(_words, " "), _Automaton(_joined, "\n")
        for needle in needles:
            if not searchable(needle):
                raise BadIdentifier(f"needle {needle.id} is too short to search for", remedy="leave it out, and look by eye")
            self._add(needle, region)

    def in_text(self, text: str, unit: str = "line") -> set[tuple[str, str]]:
        """Return the ids of needles in a text, with the line where each stands."""
        automata = [automaton for automaton in (self.plain, self.words, self.digits) if automaton.patterns]
        folded = _fold(text) if automata else ""
        return {hit for automaton in automata for hit in automaton.find(folded, unit)}

    def patterns(self) -> Iterator[tuple[int, str]]:
        """Yield what the needles begin with being looked for as: the number of a view (`VIEWS`), and what stands there."""
        for view, automaton in enumerate((self.plain, self.words, self.digits)):
            yield from ((view, pattern) for pattern in automaton.patterns)

    def _add(self, needle: Needle, region: str | None) -> None:
        if needle.kind == "phone" and (number := _phone(needle.value, region)):
            self.digits.add(number[0], _Spelling(needle, _ends_number(number[0], 6, number[1])))
        elif needle.kind in {"phone", "card"}:
            digits = _digits(needle.value)
            self.digits.add(digits, _Spelling(needle, _ends_number(digits, 0, "")))
        elif needle.kind == "name":
            words = _WORD.findall(_fold(needle.value))
            # Registers and letters differ in the order of names; of many words only the usual two.
            for order in permutations(words) if len(words) <= 4 else (words, (*words[-1:], *words[:-1]), (*words[1:], words[0])):
                self.words.add(" ".join(order), _Spelling(needle, _whole_name))
            if _unspaced(words[0][:1]):
                self.words.add("".join(words), _Spelling(needle, _whole_name))
        elif needle.kind in {"email", "ip", "iban"}:
            for spelling in _spellings(needle):
                self.plain.add(_plain(_fold(spelling)), _Spelling(needle, _EDGES.get(needle.kind, _whole)))
        else:
            for spelling in _spellings(needle):
                self.plain.add(_plain(_fold(spelling)), _Spelling(needle, _whole))
                self.words.add(_words(_fold(spelling)), _Spelling(needle, _whole))


class Looked(Protocol):
    """What looks through a text, as `Needles` do."""

    def in_text(self, text: str, unit: str = "line") -> set[tuple[str, str]]:
        """Return the ids of needles in a text, with the line where each stands."""
        ...


def search(paths: Iterable[Path], needles: Looked, passphrase: str = "") -> tuple[Hit, ...]:
    """Return all hits in the files, and in those of folders among them; a file that cannot be read is a hit as well."""
    hits: set[Hit] = set()
    # A package holds the workbook that lies beside it, and each way inside has the same names.
    in_text, readings = _once(needles.in_text), _once(decode.readings)
    for path in _files(paths):
        for piece in decode.pieces(path, passphrase):
            file, *inside = (MARK if in_text(part) else part for part in piece.path)  # a name may be what must not be told
            place = "/".join(inside)
            if piece.unread:
                hits.add(Hit(file, place, unread=piece.unread))
            for reading in readings(piece.text):
                for needle, line in in_text(reading, piece.unit):
                    hits.add(Hit(file, f"{place}, {line}" if place else line, needle))
    return tuple(sorted(hits))


def _once(function: Callable[..., R]) -> Callable[..., R]:
    """Return a function that remembers its answers about short texts; many long ones would not fit into memory."""
    remembered = lru_cache(1_000)(function)

    def answer(text: str, *more: str) -> R:
        return (remembered if len(text) < _SHORT else function)(text, *more)

    return answer


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in sorted(paths):
        if path.is_dir():
            yield from _files(path.iterdir())
        else:
            yield path


class _Automaton:
    """Patterns that are all looked for in one pass over one view of a text."""

    def __init__(self, view: Callable[[str], str], joint: str) -> None:
        self.view, self.joint = view, joint
        self.patterns: dict[str, list[_Spelling]] = {}
        self.built: tuple[ahocorasick_rs.AhoCorasick, list[list[_Spelling]]] | None = None

    def add(self, pattern: str, spelling: _Spelling) -> None:
        self.built = None
        self.patterns.setdefault(pattern, []).append(spelling)

    def find(self, folded: str, unit: str) -> Iterator[tuple[str, str]]:
        if self.built is None:
            self.built = ahocorasick_rs.AhoCorasick(list(self.patterns)), list(self.patterns.values())
        automaton, spellings = self.built
        seen = self.view(folded)
        lines: list[str] = []
        starts: list[int] = []
        for pattern, start, end in automaton.find_matches_as_indexes(seen, overlapping=True):
            if not lines:
                lines, starts = folded.split("\n"), self._starts(folded)
            line = bisect_right(starts, start) - 1
            for needle, fits in spellings[pattern]:
                if fits(seen, start, end, lines[line : line + 1]):
                    yield needle.id, f"{unit} {line + 1}"

    def _starts(self, folded: str) -> list[int]:
        """Return where each line begins in the view; an empty one begins where the next does."""
        lengths = (len(seen) + 1 if seen or self.joint == "\n" else 0 for seen in map(self.view, folded.split("\n")))
        return [0, *accumulate(lengths)]


class _Folding(dict[int, str]):
    """Each character without case, accent and direction; spaces, dashes and apostrophes of all kinds as the plain one."""

    def __missing__(self, code: int) -> str:
        self[code] = "".join(map(self._plain, unicodedata.normalize("NFKD", chr(code).casefold())))
        return self[code]

    @staticmethod
    def _plain(sign: str) -> str:
        kind = unicodedata.category(sign)
        if kind in {"Mn", "Cf"}:
            return ""
        if kind == "Nd":
            return str(unicodedata.decimal(sign))
        return {"Zs": " ", "Pd": "-"}.get(kind) or ("'" if sign in "’‘ʼ`´" else sign)


_FOLDING = _Folding()


def _fold(text: str) -> str:
    return text.lower() if text.isascii() else text.translate(_FOLDING)


def _plain(folded: str) -> str:
    return " ".join(folded.split())


def _words(folded: str) -> str:
    return " ".join(_WORD.findall(folded))


def _joined(folded: str) -> str:
    return _BETWEEN_DIGITS.sub("", folded)


VIEWS = (_plain, _words, _joined)


def views(text: str) -> tuple[str, ...]:
    """Return a text as it is looked through: one blank between words, words alone, digits without what stands between."""
    folded = _fold(text)
    return tuple(view(folded) for view in VIEWS)


def _digits(value: str) -> str:
    return re.sub(r"\D", "", _fold(value))


def _phone(value: str, region: str | None) -> tuple[str, str] | None:
    """Return the digits that every way to write the number has in common, and its extension."""
    normal = kinds.normal("phone", value, region)
    if normal is None:
        return None
    number = phonenumbers.parse(normal)
    return phonenumbers.national_significant_number(number).lstrip("0"), number.extension or ""


def _spellings(needle: Needle) -> set[str]:
    found = {needle.value}
    if needle.kind == "email" and (normal := kinds.normal("email", needle.value)):
        local, _, host = normal.rpartition("@")
        found |= {normal, f"{local}@{_shown_host(host)}"}
    elif needle.kind == "ip" and (address := kinds.normal("ip", needle.value)):
        found |= {address, ipaddress.ip_address(address).exploded, _unshortened(address)}
    elif needle.kind == "iban":
        number = "".join(_WORD.findall(needle.value))
        found |= {number, *(gap.join(number[n : n + 4] for n in range(0, len(number), 4)) for gap in " -")}
    else:
        found |= _days(needle.value)
    return found


def _unshortened(address: str) -> str:
    return ":".join(group.lstrip("0") or "0" for group in ipaddress.ip_address(address).exploded.split(":"))


def _shown_host(host: str) -> str:
    try:
        return idna.decode(host)
    except idna.IDNAError:
        return host


def _days(value: str) -> set[str]:
    """Return the ways to write a day that is given as in ISO 8601."""
    try:
        day = date.fromisoformat(value)
    except ValueError:
        return set()
    y, m, d = f"{day:%Y}", day.month, day.day
    numbers = {f"{a}{s}{b}{s}{y}" for s in "./-" for a, b in ((f"{d:02}", f"{m:02}"), (f"{m:02}", f"{d:02}"), (str(d), str(m)), (str(m), str(d)))}
    return numbers | {f"{d} {day:%B} {y}", f"{d} {day:%b} {y}", f"{day:%B} {d}, {y}", f"{day:%b} {d}, {y}"}


def _unspaced(sign: str) -> bool:
    return bool(sign) and unicodedata.name(sign, "").startswith(UNSPACED)


def _whole(text: str, start: int, end: int, _line: list[str]) -> bool:
    """Whether no letter or digit goes on before or behind, in scripts that have spaces."""
    before, behind = text[start - 1 : start], text[end : end + 1]
    return not (_goes_on(before) and _goes_on(text[start])) and not (_goes_on(behind) and _goes_on(text[end - 1]))


def _goes_on(sign: str) -> bool:
    return sign.isalnum() and not _unspaced(sign)


def _whole_name(text: str, start: int, end: int, line: list[str]) -> bool:
    prefixed = text[start - 1 : start] in PREFIXED and not _goes_on(text[start - 2 : start - 1])
    return _whole(text, start - 1 if prefixed and start else start, end, line)


def _whole_email(text: str, start: int, end: int, line: list[str]) -> bool:
    """Whether it isn't the tail of a longer local part: jo.ann@ is not ann@."""
    longer = text[start - 1 : start] in {*".+-_"} and _goes_on(text[max(0, start - 2) : start - 1])
    return not longer and _whole(text, start, end, line)


def _whole_ip(text: str, start: int, end: int, line: list[str]) -> bool:
    sign = ":" if ":" in text[start:end] else "."
    before, behind = text[start - 1 : start], text[end : end + 2]
    return before != sign and not (behind[:1] == sign and _goes_on(behind[1:])) and _whole(text, start, end, line)


_EDGES = {"email": _whole_email, "ip": _whole_ip}


def _ends_number(digits: str, before: int, extension: str) -> Callable[[str, int, int, list[str]], bool]:
    """Return whether the line has the digits as the end of a number, behind at most so many others (+44, 0044, 0)."""
    behind = rf"\D{{1,12}}{extension}" if extension else ""
    written = rf"(?a)(?<!\d)(?:\d{_GAP}){{0,{before}}}{_GAP.join(digits)}{behind}(?!\d)"
    return lambda _text, _start, _end, line: bool(re.search(written, line[0]))
