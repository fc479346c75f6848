"""Whether two written names may be one person's: initials, order, accents and a second surname aside."""

from collections.abc import Collection
from itertools import combinations


def one_person(names: Collection[tuple[str, ...]]) -> bool:
    """Whether all the names, as `kinds.name_parts`, may be the same person's."""
    return all(_alike(*sorted(pair, key=len)) for pair in combinations(set(names), 2))


def _alike(short: tuple[str, ...], long: tuple[str, ...]) -> bool:
    """Whether each word of the shorter name stands in the longer, in full or as an initial."""
    left = list(long)
    for word in sorted(short, key=len, reverse=True):
        match = next((w for w in left if w == word), None) or next((w for w in left if len(min(w, word, key=len)) == 1 and w[0] == word[0]), None)
        if match is None:
            return False
        left.remove(match)
    return True
