"""Exact comparison: which of the rows a source yields answer the question.

What a database or engine filters beforehand is coarse and may only let through too much; here
values are compared in normal form (`dsar.kinds`), as they are stored or as the type that the map declares.
"""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, NamedTuple, Protocol, TypeVar

import pandas as pd
import phonenumbers
import pyarrow as pa

from dsar import kinds, values
from dsar.datamap import Table
from dsar.errors import NotOffered, SourceBroken
from dsar.source import Asked, Malformed, Match, Others, Rows, Settings

CHUNK = 10_000  # rows in memory at once
EMAIL_UNUSUAL = "[^0-9A-Za-z@._+-]"  # such a character may stand around or between addresses
PHONE_PUNCTUATION = " +-()."  # what a phone number may hold besides digits without changing which number it is
PHONE_TAIL = 6
PHONE_DIGITS = 12  # with more of them, a cell may hold two numbers

_USUAL_EMAIL = re.compile(r"[\w.+-]+@[\w.+-]*\w", re.ASCII)
_BETWEEN_EMAILS = (re.compile(r"[\s,;:<>|]+"), re.compile(r"[^\w.@+'-]+"))  # where an address holds a rare sign, and where a sign parts two

T = TypeVar("T")


class Look(NamedTuple):
    """A column, and the normal forms of one kind that are looked for in it."""

    column: str
    kind: str
    forms: Sequence[str]


class Chunk(Protocol):
    """Some rows of a table, not yet compared."""

    def values(self, column: str) -> Sequence[object]:
        """Return one column's values: as stored, or as the type the map declares."""
        ...

    def frame(self, positions: Sequence[int]) -> pd.DataFrame:
        """Return these rows with all their columns."""
        ...


class Question(Protocol):
    """Anything that rows can be compared with."""

    def rows(self, chunk: Chunk) -> Rows | None:
        """Return the chunk's rows that are meant, or None."""
        ...


@dataclass(frozen=True)
class Raw:
    """Rows as plain Python values, typed only where they are looked at or handed on."""

    columns: Mapping[str, Sequence[object]]
    typed: Callable[[str, Sequence[object]], pa.Array]
    mapped: Table | None

    def values(self, column: str) -> Sequence[object]:
        """Return one column's values: as stored, or as the type the map declares."""
        # Otherwise a value's type would depend on its neighbours, and so would what it equals.
        if not declared_type(self.mapped, column):
            return self.columns[column]
        plain: list[object] = self.typed(column, self.columns[column]).to_pylist()
        return plain

    def frame(self, positions: Sequence[int]) -> pd.DataFrame:
        """Return these rows with all their columns."""
        return values.to_frame(pa.table({name: self.typed(name, [column[p] for p in positions]) for name, column in self.columns.items()}))


@dataclass(frozen=True)
class Wanted:
    """A match: the columns to look in, and which ask wants which normal form."""

    columns: tuple[tuple[str, str], ...]  # column, kind
    asked: Mapping[tuple[str, str], tuple[str, ...]]  # kind, normal form → ask ids
    region: str | None
    part: range  # of `asked`, by position: which forms this part of the question is about
    # (column, asks) → cells that hold a wanted form among other things; counted by `rows`
    unclear: Counter[tuple[str, tuple[str, ...]]] = field(default_factory=Counter)

    def forms(self, kind: str) -> list[str]:
        """Return the wanted normal forms of one kind in this part."""
        return [form for k, form in list(self.asked)[self.part.start : self.part.stop] if k == kind]

    def split(self, size: int) -> Iterator["Wanted"]:
        """Yield the question in parts of at most `size` forms; every row answers exactly one of them."""
        for start in range(0, len(self.asked), size):
            yield replace(self, part=range(start, min(start + size, len(self.asked))))

    def rows(self, chunk: Chunk) -> Rows | None:
        """Return the chunk's rows that are wanted, each once with all its asks, or None."""
        hits: dict[int, dict[tuple[str, str, str], None]] = {}
        for column, kind in self.columns:
            possible = _possible(kind, {form for k, form in self.asked if k == kind})
            among = _among(kind, set(self.forms(kind)))
            for row, value in enumerate(chunk.values(column)):
                if value is not None and possible(value):
                    form = kinds.normal(kind, value, self.region)
                    if form is None:
                        if held := among(value):
                            self.unclear[column, tuple(dict.fromkeys(ask for f in sorted(held) for ask in self.asked[kind, f]))] += 1
                    elif (kind, form) in self.asked:
                        hits.setdefault(row, {})[column, kind, form] = None
        order = {want: n for n, want in enumerate(self.asked)}
        mine = sorted(row for row, found in hits.items() if min(order[kind, form] for _, kind, form in found) in self.part)
        if not mine:
            return None
        asks = (Asked(n, ask_id, column) for n, row in enumerate(mine) for column, kind, form in hits[row] for ask_id in self.asked[kind, form])
        return Rows(chunk.frame(mine), tuple(dict.fromkeys(asks)))


@dataclass(frozen=True)
class KeySet:
    """Exactly the rows with these keys."""

    columns: tuple[str, ...]
    keys: frozenset[tuple[str | None, ...]]

    def rows(self, chunk: Chunk) -> Rows | None:
        """Return the chunk's rows that bear one of the keys, or None."""
        mine = self.positions(chunk)
        return Rows(chunk.frame(mine)) if mine else None

    def positions(self, chunk: Chunk) -> list[int]:
        """Return where in the chunk the rows stand that bear one of the keys."""
        found = zip(*(chunk.values(c) for c in self.columns), strict=True)
        return [n for n, key in enumerate(found) if bare_key(key) in self.keys]


def mapped(settings: Settings, table: str) -> Table:
    """Return what the map says of a table; raises `SourceBroken` where it says nothing."""
    if table not in settings.declared.tables:
        raise SourceBroken("is not a table of the data map", where=f"{settings.name}.{table}", remedy="add it to dsar.toml")
    return settings.declared.tables[table]


def wanted(ask: Match, table: Table, settings: Settings) -> Wanted:
    """Return a match ready to be compared; raises `NotOffered` where a want is limited to a period."""
    if any(w.since or w.until for w in ask.wanted):
        where, remedy = f"{settings.name}.{ask.table}", "take the rows of all times, and leave out those outside the period"
        raise NotOffered("rows of a period only cannot be asked for", where=where, remedy=remedy)
    searched = {w.kind: table.match_columns(w.kind, settings.name) for w in ask.wanted}
    asked: dict[tuple[str, str], dict[str, None]] = {}
    for want in ask.wanted:
        if searched[want.kind]:
            asked.setdefault((want.kind, want.value), {})[want.ask_id] = None
    columns = tuple((column, kind) for kind, found in searched.items() for column in found)
    return Wanted(columns, {want: tuple(ids) for want, ids in asked.items()}, settings.region, range(len(asked)))


def unclear(wanted: Wanted) -> Iterator[Malformed]:
    """Yield, once all rows were compared, how many cells hold a wanted identifier among other things: nobody's for certain."""
    for (column, asks), cells in wanted.unclear.items():
        yield Malformed(cells, f"column {column}, with more than one identifier", asks)


def key_set(columns: tuple[str, ...], keys: Iterable[tuple[object, ...]]) -> KeySet:
    """Return keys ready to be compared."""
    return KeySet(columns, frozenset(bare_key(key) for key in keys))


def bare_key(key: Iterable[object]) -> tuple[str | None, ...]:
    """Return a key so that the same key of any type is equal."""
    return tuple(_bare(v) for v in key)


def tally(ask: Others, counts: Iterable[tuple[object, object, int]]) -> Rows:
    """Return, for each value asked about, the rows that refer to it: a frame of `value`, `at` where asked for, and `rows`.

    `counts` are a value, the moment (None where not asked for) and a number of rows.
    """
    asked = {form: v for v in dict.fromkeys(ask.values) if (form := kinds.normal(ask.kind, v)) is not None}
    found: dict[tuple[object, object], int] = {}
    for value, moment, rows in counts:
        form = kinds.normal(ask.kind, value)
        if form is not None and form in asked:
            found[asked[form], moment] = found.get((asked[form], moment), 0) + rows
    order = {v: n for n, v in enumerate(ask.values)}
    known = sorted(found, key=lambda counted: (order[counted[0]], str(counted[1])))
    columns: dict[str, list[object]] = {"value": [v for v, _ in known], "rows": [found[counted] for counted in known]}
    if ask.at:
        columns["at"] = [moment for _, moment in known]
    return Rows(values.frame(columns, {"rows": "integer"}))


def together(columns: Sequence[Sequence[object]]) -> Sequence[object]:
    """Return what stands in several columns of each row as one text; a single column as it is."""
    if len(columns) == 1:
        return columns[0]
    return [" ".join(str(v) for v in row if v is not None) for row in zip(*columns, strict=True)]


def limited(found: Iterable[Rows], ask: Match, settings: Settings, columns: Iterable[str]) -> Iterator[Rows]:
    """Yield the rows; raises `SourceBroken` before the first where there are more than `ask.limit`."""
    held: list[Rows] = []
    total = 0
    for part in found:
        total += len(part.frame)
        if ask.limit is None:
            yield part
        elif total > ask.limit:
            raise SourceBroken(
                f"more than {ask.limit} rows match by {', '.join(dict.fromkeys(columns))} ({total} when reading stopped)",
                where=f"{settings.name}.{ask.table}",
                remedy="check the columns under `match`: this is no single person's column",
            )
        else:
            held.append(part)
    yield from held


def strict(settings: Settings, table: str, column: str, found: Sequence[object], declared: str) -> pa.Array:
    """Return the values as the type the map declares; raises `SourceBroken` where one does not fit."""
    try:
        return values.to_arrow(values.frame({column: found}, {column: declared}))[column].combine_chunks()
    except ValueError as error:
        raise SourceBroken(str(error), where=f"{settings.name}.{table}", remedy="correct `type` in dsar.toml, or the value at its source") from error


def finder(needles: Iterable[str]) -> Callable[[object], list[tuple[str, int]]]:
    """Return what finds needles in a value, whatever their case: each with its first place. Bytes are read as UTF-8 as far as they are."""
    from ahocorasick_rs import AhoCorasick

    known: dict[str, list[str]] = {}  # straße@ and strasse@ are two people's, and look alike without case
    for needle in needles:
        if needle.strip():
            known.setdefault(folded(needle), []).append(needle)
    search = AhoCorasick(list(known))
    spelled = list(known.values())

    def find(value: object) -> list[tuple[str, int]]:
        if value is None or isinstance(value, bool | int | float):
            return []
        text = value.decode("utf-8", "ignore") if isinstance(value, bytes) else str(value)
        first: dict[str, int] = {}
        for needle, start, _ in search.find_matches_as_indexes(folded(text), overlapping=True):
            for spelling in spelled[needle]:
                first.setdefault(spelling, start)
        return list(first.items())

    return find


def folded(text: str) -> str:
    """Return a text without case and without signs that cannot be seen, so that a search is not misled by either."""
    plain_text = text if text.isascii() else unicodedata.normalize("NFKC", "".join(c for c in text if unicodedata.category(c) != "Cf"))
    return plain_text.casefold()


def tester(look: Look) -> Callable[[object], bool]:
    """Return a cheap test that rules out no value that has one of the looked-for forms, or holds it among others."""
    return _possible(look.kind, set(look.forms))


def declared_type(table: Table | None, column: str) -> str | None:
    """Return the logical type the map declares for a column, if any."""
    known = table.columns.get(column) if table else None
    return known.type if known else None


def batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield the items in lists of at most `size`."""
    left = iter(items)
    while some := list(islice(left, size)):
        yield some


def phone_tails(forms: Iterable[str]) -> list[str] | None:
    """Return the last digits by which a stored spelling of these E.164 numbers is told, or None.

    A national number keeps its last six digits under every prefix; where one may be shorter (a
    country code has up to three digits), its spellings cannot be told by their end.
    """
    known = [form for form in forms if re.fullmatch(r"\+[0-9]+", form)]
    if any(len(form) < 1 + 3 + PHONE_TAIL for form in known):
        return None
    return sorted({form[-PHONE_TAIL:] for form in known})


def plain(forms: Iterable[str]) -> list[str]:
    """Return the forms in printable ASCII: a value with another character is compared in any case."""
    return [form for form in forms if re.fullmatch("[ -~]+", form)]


def plain_keys(forms: Iterable[str]) -> list[str]:
    """Return every spelling, in printable ASCII and apart from blanks around it, of these keys."""
    return [text for form in plain(forms) for text in (form, f"{form}.0") if kinds.normal("key", text) == form]


def _possible(kind: str, forms: set[str]) -> Callable[[object], bool]:
    """Return a cheap test that rules out no value whose normal form is among the forms, and none that may hold several."""
    if kind == "email":

        def email(value: object) -> bool:
            text = str(value).strip()
            return text.lower() in forms or not _USUAL_EMAIL.fullmatch(text)

        return email
    known = phone_tails(forms) if kind == "phone" else None
    if known is None:
        return lambda _: True
    tails = frozenset(known)
    table: dict[Any, None] = dict.fromkeys(map(ord, PHONE_PUNCTUATION))

    def phone(value: object) -> bool:
        digits = str(value).translate(table)
        return digits[-PHONE_TAIL:] in tails or len(digits) > PHONE_DIGITS or not (digits.isascii() and digits.isdigit())

    return phone


def _among(kind: str, forms: set[str]) -> Callable[[object], set[str]]:
    """Return what tells which of the forms may stand in a value that is no identifier as a whole."""
    if kind == "email":

        def email(value: object) -> set[str]:
            pieces = {piece for between in _BETWEEN_EMAILS for piece in between.split(str(value)) if "@" in piece}
            return forms & {form for piece in pieces if (form := kinds.normal(kind, piece.strip(".'")))}

        return email
    if kind != "phone":
        return lambda _: set()
    tails: dict[str, set[str]] = defaultdict(set)
    for form in forms:
        tails[phonenumbers.normalize_digits_only(form.partition(";")[0])[-PHONE_TAIL:]].add(form)
    sizes = {len(tail) for tail in tails}

    def phone(value: object) -> set[str]:
        digits = phonenumbers.normalize_digits_only(str(value))
        pieces = (digits[n : n + size] for size in sizes for n in range(len(digits) - size + 1))
        return {form for piece in pieces for form in tails.get(piece, ())}

    return phone


def _bare(value: object) -> str | None:
    # Two text keys that differ only in a blank are two rows; a number is the same key however it is typed.
    return value if isinstance(value, str) else kinds.normal("key", value)
