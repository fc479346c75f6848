"""Finds people's names in free text: names that are known, and pairs of words that look like one.

The customer base is never loaded: the caller asks the sources for what `candidates` proposes, and looks for the names
that come back with `names_in`. What is not found is listed in docs/matching.md.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import pairwise

from dsar.recognise import Mention

_WORD = re.compile(r"[^\W_]+")
_BETWEEN = 3  # signs that may stand between two words of a name, as in "Lee, Ann"
_LETTERS = r"[^\W\d_](?:[^\W\d_]|[\u0300-\u036f])*"  # an accent may be a sign of its own
_CAPITAL = re.compile(rf"{_LETTERS}(?:['’.-]{_LETTERS})*")
_APART = re.compile(r"[.,]?(?:[^\S\n]{1,2}|\r?\n)")
_PARTICLES = frozenset(
    ("al", "bin", "da", "de", "del", "della", "den", "der", "des", "di", "do", "dos", "du", "el", "ibn", "la", "le", "ten", "ter", "van", "von", "zu")
)
PREFIXED = frozenset("והבלכמש" + "وفبكل")  # Hebrew, Arabic: and, in, to, from … are written as one with the name
UNSPACED = ("CJK", "HIRAGANA", "KATAKANA", "HANGUL", "THAI", "LAO", "KHMER", "MYANMAR")


def names_in(text: str, names: Collection[str]) -> tuple[Mention, ...]:
    """Return where full names stand as whole words, whatever their case, accents and order (`Lee, Ann`).

    `value` is the name as it was given. A name in a script without spaces is found within words, with or without a space
    inside; a Hebrew or Arabic name also behind one prefixed letter. Names of one letter are passed over.
    """
    folded, places = _folded(text)
    found = {*_spaced(folded, names), *_unspaced(folded, names)}
    return tuple(sorted(Mention(places[start], places[end - 1] + 1, "name", name) for start, end, name in found))


def candidates(text: str) -> tuple[Mention, ...]:
    """Return two or three neighbouring words that begin with a capital, so that the caller can ask who bears that name.

    Particles (`van`, `de`) may stand between and do not count. Scripts without capitals have no candidates.
    """
    found: list[Mention] = []
    for run in _runs(text):
        capitals = [n for n, (start, _) in enumerate(run) if text[start].isupper() or text[start].istitle()]
        for count in (2, 3):
            for first, last in zip(capitals, capitals[count - 1 :], strict=False):
                start, end = run[first][0], run[last][1]
                found.append(Mention(start, end, "name", " ".join(text[a:b] for a, b in run[first : last + 1])))
    return tuple(sorted(found))


def _runs(text: str) -> Iterator[list[tuple[int, int]]]:
    """Yield places of neighbouring words that begin with a capital or are particles."""
    run: list[tuple[int, int]] = []
    for word in _CAPITAL.finditer(text):
        fits = word[0][0].isupper() or word[0][0].istitle() or word[0] in _PARTICLES
        if run and (not fits or not _APART.fullmatch(text, run[-1][1], word.start())):
            yield run
            run = []
        if fits:
            run.append(word.span())
    yield run


def _folded(text: str) -> tuple[str, Sequence[int]]:
    """Return the text without case and accents, and the place in the original of each of its characters."""
    if text.isascii():
        return text.lower(), range(len(text))
    signs: list[str] = []
    places: list[int] = []
    for place, sign in enumerate(text):
        for plain in unicodedata.normalize("NFKD", sign.casefold()):
            if not unicodedata.combining(plain) and unicodedata.category(plain) != "Cf":
                signs.append(plain)
                places.append(place)
    return "".join(signs), places


def _spaced(text: str, names: Collection[str]) -> Iterator[tuple[int, int, str]]:
    by_first: Mapping[str, list[tuple[tuple[str, ...], str]]] = _by_first_word(names)
    words = [match.span() for match in _WORD.finditer(text)]
    near = [0 < after[0] - before[1] <= _BETWEEN for before, after in pairwise(words)]
    for at, (start, end) in enumerate(words):
        for shift in (0, 1) if text[start] in PREFIXED else (0,):
            for wanted, name in by_first.get(text[start + shift : end], ()):
                last = at + len(wanted) - 1
                rest = [text[a:b] for a, b in words[at + 1 : last + 1]]
                if rest == list(wanted[1:]) and all(near[at:last]):
                    yield start + shift, words[last][1], name


def _by_first_word(names: Collection[str]) -> Mapping[str, list[tuple[tuple[str, ...], str]]]:
    by_first: defaultdict[str, list[tuple[tuple[str, ...], str]]] = defaultdict(list)
    for name in names:
        words = tuple(_WORD.findall(_folded(name)[0]))
        if len("".join(words)) > 1:
            for order in {words, (*words[-1:], *words[:-1]), (*words[1:], words[0])}:
                by_first[order[0]].append((order, name))
    return by_first


def _unspaced(text: str, names: Collection[str]) -> Iterator[tuple[int, int, str]]:
    for name in names:
        words = _WORD.findall(_folded(name)[0])
        if len("".join(words)) > 1 and all(unicodedata.name(w[0], "").startswith(UNSPACED) for w in words):
            for match in re.finditer(r"[\s·・]?".join(map(re.escape, words)), text):
                yield *match.span(), name
