"""The order in which tables are asked: a table after those that reveal what it is searched by."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from dsar import kinds
from dsar.datamap import Address, DataMap


def revealers(datamap: DataMap, kind: str) -> tuple[tuple[Address, str], ...]:
    """Return each table and column that reveals identifiers of this scoped kind."""
    return datamap.revealing.get(kind, ())


def referrers(datamap: DataMap, kind: str) -> Iterator[tuple[Address, str]]:
    """Yield each table and column that refers to what this scoped kind names.

    Two kinds that are looked up in one column name the same thing: a delivery address may be
    somebody's billing address.
    """
    named = {(a, c) for a, t in datamap.tables() for c in t.match_columns(kind, a.source)}
    same = {k for a, t in datamap.tables() for k in t.match_kinds(a.source) if any((a, c) in named for c in t.match_columns(k, a.source))}
    for name in sorted(same | {kind}):
        yield from revealers(datamap, name)


def upstream(datamap: DataMap, address: Address) -> tuple[Address, ...]:
    """Return the other tables that reveal something this table is searched by."""
    wanted = datamap.table(address).match_kinds(address.source)
    return tuple(dict.fromkeys(a for kind in wanted for a, _ in revealers(datamap, kind) if a != address))


def all_upstream(datamap: DataMap, address: Address) -> tuple[Address, ...]:
    """Return every other table that can lead to this one, by however many steps."""
    found: dict[Address, None] = {}
    waiting = [address]
    while waiting:
        fresh = [a for a in upstream(datamap, waiting.pop()) if a not in found]
        found |= dict.fromkeys(fresh)
        waiting += fresh
    return tuple(a for a in found if a != address)


class Way(NamedTuple):
    """How a table is reached: the other tables that can lead to it, and the kinds that only a requester can give."""

    before: tuple[Address, ...]
    given: tuple[str, ...]


def ways(datamap: DataMap) -> Mapping[Address, Way]:
    """Return how each table is reached, in reading order."""
    return {address: Way(all_upstream(datamap, address), _only_given(datamap, address)) for address in reading_order(datamap)}


def _only_given(datamap: DataMap, address: Address) -> tuple[str, ...]:
    """Return the kinds a table is searched by that a requester gives, or that no other table reveals."""
    found = datamap.table(address).match_kinds(address.source)
    return tuple(k for k in found if k != kinds.MAILBOX and (k in kinds.GIVEN or not any(a != address for a, _ in revealers(datamap, k))))


def reading_order(datamap: DataMap) -> tuple[Address, ...]:
    """Return every table, each after its upstream ones; a cycle is entered where the map names it first."""
    done: dict[Address, None] = {}
    entered: set[Address] = set()

    def visit(address: Address) -> None:
        if address in entered:
            return
        entered.add(address)
        for before in upstream(datamap, address):
            visit(before)
        done[address] = None

    for address, _ in datamap.tables():
        visit(address)
    return tuple(done)
