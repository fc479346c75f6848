"""Which column leads to which table: foreign keys that are declared, and links that names and values let one guess.

Where no keys are declared, a column is a link when it is called like a table or its key, and its values stand in that key;
texts such as 'party.party,2' name table and key in one.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from dsar.guess.columns import words
from dsar.guess.sample import DISTINCT, Sample, borne
from dsar.source import Schema, Source

_TEXT_REFERENCE = re.compile(r"([A-Za-z][\w.]*),(\d+)")
_ENDS = re.compile(r" ?\b(id|no|nr|num|number|nummer|key|ref|uuid|guid|code|fk)$")
_LONG, _LONG_NUMBER = 6, 9  # characters: shorter values meet by chance, numbers even more so
_KEYS = {None, "text", "integer"}


@dataclass(frozen=True)
class Link:
    """A column whose values are keys of another table; `prefix` is what stands before the key."""

    table: str
    column: str
    target: str
    target_column: str
    why: str
    declared: bool = False
    prefix: str = ""


def keys(schema: Mapping[str, Schema], sample: Sample) -> dict[str, tuple[tuple[str, ...], bool]]:
    """Return each table's key, and whether it is declared: else the first column that tells the sampled rows apart, else all columns."""
    return {name: (known.key, True) if known.key else (_apart(name, known, sample.get(name, {})), False) for name, known in schema.items()}


def _apart(name: str, known: Schema, values: Mapping[str, Sequence[object]]) -> tuple[str, ...]:
    rows = max((len(v) for v in values.values()), default=0)
    likely = [c for c in known.columns if _ENDS.search(words(c)) or words(c) in {"id", "no", "nr", "key", "number"}]
    for column in likely or list(known.columns)[:1]:
        found = values.get(column, ())
        # Its own number, not the number of somebody it belongs to.
        if len(set(map(str, found))) == len(found) == rows and (rows or _is_own(name, column)):
            return (column,)
    return tuple(known.columns)


def _is_own(table: str, column: str) -> bool:
    bare = _ENDS.sub("", words(column))
    return bare in {"", _last(table)}


def of(source: Source, schema: Mapping[str, Schema], sample: Sample) -> list[Link]:
    """Return the links of all tables; those that are guessed were looked up, value by value, where values were read."""
    found = [
        Link(table, column, target, into, "a foreign key", declared=True)
        for table, known in schema.items()
        for column, (target, into) in known.references.items()
    ]
    taken = {(link.table, link.column) for link in found}
    parents = {name: key[0] for name, (key, _) in keys(schema, sample).items() if len(key) == 1}
    for table, known in schema.items():
        for column, logical in known.columns.items():
            if logical in _KEYS and (table, column) not in taken and (column,) != known.key:
                found += _texts(source, table, column, sample, parents) or _guessed(source, table, column, schema, sample, parents)
    return found


def _guessed(source: Source, table: str, column: str, schema: Mapping[str, Schema], sample: Sample, parents: Mapping[str, str]) -> list[Link]:
    values = _distinct(sample, table, column)
    for parent, key in sorted(parents.items(), key=lambda p: -_likeness(column, *p)):
        if parent == table or (column,) == (parents.get(table),):
            continue
        if _likeness(column, parent, key):
            if not values:  # none was read, or none is there yet: a table that is empty today is not empty for good
                return [Link(table, column, parent, key, f"by its name{'; no value was seen' if sample else ''}")]
            if (there := borne(source, parent, key, values)) == len(values):
                return [Link(table, column, parent, key, f"by its name, and {there} of {len(values)} values stand in {parent}.{key}")]
        elif _could_be(schema[parent].columns[key], values) and (there := borne(source, parent, key, values)) == len(values):
            return [Link(table, column, parent, key, f"{there} of {len(values)} values stand in {parent}.{key}")]
    return []


@cache
def _likeness(column: str, table: str, key: str) -> int:
    """Return how much a column is called like a table's key: 3 where it is its very name, 0 where nothing speaks for it."""
    said, bare = words(column), _bare(column)
    if said == words(key) and bare:
        return 3
    last = _last(table)
    if bare and bare == last:
        return 2
    return 1 if bare.endswith(f" {last}") else 0


@cache
def _bare(column: str) -> str:
    """Return what a column is called without saying that it is a number: `customer_id` is "customer"."""
    return _ENDS.sub("", words(column))


@cache
def _last(table: str) -> str:
    """Return a table's last word in the singular: `sale_orders` is "order"."""
    word = words(table).rpartition(" ")[2]
    return re.sub(r"(?<=[^s])s$", "", re.sub(r"ies$", "y", re.sub(r"(ss|x|ch)es$", r"\1", word)))


def _could_be(logical: str | None, values: Sequence[object]) -> bool:
    """Whether values that meet a key do so by more than chance: enough of them, and none of them short."""
    texts = [str(v) for v in values]
    if logical == "integer" and not all(t.isdigit() for t in texts):
        return False
    return logical in _KEYS and len(texts) >= 5 and all(len(t) >= (_LONG_NUMBER if t.isdigit() else _LONG) and " " not in t for t in texts)


def perhaps(source: Source, schema: Mapping[str, Schema], sample: Sample, known: Sequence[Link], people: Mapping[str, str]) -> list[Link]:
    """Return the columns that say by whom (`signed_by`) and fit a table of people, one or several: only a person can tell which."""
    taken = {(link.table, link.column) for link in known}
    return [
        Link(table, column, target, key, f"all {len(values)} values stand in {target}.{key}")
        for table, known_ in schema.items()
        for column, logical in known_.columns.items()
        if logical in _KEYS and words(column).endswith(" by") and (table, column) not in taken and (values := _distinct(sample, table, column))
        for target, key in people.items()
        if target != table and borne(source, target, key, values) == len(values)
    ]


def _texts(source: Source, table: str, column: str, sample: Sample, parents: Mapping[str, str]) -> list[Link]:
    """Return the links of a column whose texts name a table and a key: 'party.party,2'."""
    matches = [_TEXT_REFERENCE.fullmatch(v) if isinstance(v, str) else None for v in _distinct(sample, table, column)]
    if not matches or not all(matches):
        return []
    by_name: dict[str, list[object]] = defaultdict(list)
    for match in matches:
        if match:
            by_name[match[1]].append(int(match[2]))
    return list(_named(source, table, column, by_name, parents))


def _named(source: Source, table: str, column: str, by_name: Mapping[str, Sequence[object]], parents: Mapping[str, str]) -> Iterator[Link]:
    for name, ids in by_name.items():
        target = next((t for t in parents if words(t) == words(name)), None)
        if target and borne(source, target, parents[target], ids):
            why = f"texts such as '{name},…' name table and key"
            yield Link(table, column, target, parents[target], why, prefix=f"{name},")


def _distinct(sample: Sample, table: str, column: str) -> list[object]:
    return list(dict.fromkeys(sample.get(table, {}).get(column, ())))[:DISTINCT]
