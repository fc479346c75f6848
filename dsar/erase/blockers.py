"""Which rows of a dossier have to be gone before another row can go.

A row that bears another row's key refers to it and goes first: lines before their order, and the
order before the address it was sent to. A held row goes before the row that led to it, and so does a line of a
log: that it is theirs is known from the order or sign-in alone.
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from dsar import kinds
from dsar.datamap import Address
from dsar.find.dossier import Dossier

Name = str  # "source.table key", as in `dsar_via`


def blockers(dossier: Dossier) -> dict[Name, list[Name]]:
    """Return row → rows that have to be gone before it, held ones included."""
    rows = [(address, f"{address} {row['dsar_key']}", row) for address, found in dossier.tables.items() for row in found.listed]
    bearers: dict[tuple[str, str], list[tuple[Name, bool]]] = defaultdict(list)
    for address, name, row in rows:
        for identifier, is_key in _matched(dossier, address, row):
            bearers[identifier].append((name, is_key))
    first: dict[Name, dict[Name, None]] = defaultdict(dict)
    for address, name, row in rows:
        is_line = row["dsar_standing"] == "found" and dossier.datamap.table(address).is_log
        if row["dsar_via"] and (row["dsar_standing"] == "held" or is_line):
            first[str(row["dsar_via"])][name] = None
        for identifier, is_key in _revealed(dossier, address, row):
            for other, other_is_key in bearers[identifier]:
                if other != name and is_key and not other_is_key:
                    first[name][other] = None
                elif other != name and other_is_key and not is_key:
                    first[other][name] = None
    return {name: list(before) for name, before in first.items()}


def _matched(dossier: Dossier, address: Address, row: dict[str, Any]) -> Iterator[tuple[tuple[str, str], bool]]:
    table = dossier.datamap.table(address)
    for kind in table.match_kinds(address.source):
        for column in table.match_columns(kind, address.source):
            yield from _identifier(kind, row.get(column), is_key=(column,) == table.key)


def _revealed(dossier: Dossier, address: Address, row: dict[str, Any]) -> Iterator[tuple[tuple[str, str], bool]]:
    table = dossier.datamap.table(address)
    for kind, column in table.revealed(address.source).items():
        yield from _identifier(kind, row.get(column), is_key=(column,) == table.key)


def _identifier(kind: str, value: object, *, is_key: bool) -> Iterator[tuple[tuple[str, str], bool]]:
    # Two records with the same e-mail address do not refer to each other; only keys that sources issue do.
    normal = None if kind in kinds.ADDRESSES else kinds.normal(kind, value)
    if normal is not None:
        yield (kind, normal), is_key
