"""The order in which tables are asked: a table after those that reveal what it is searched by."""

from collections.abc import Iterator

from dsar.datamap import Address, DataMap


def revealers(datamap: DataMap, kind: str) -> Iterator[tuple[Address, str]]:
    """Yield each table and column that reveals identifiers of this scoped kind."""
    for address, table in datamap.tables():
        column = table.revealed(address.source).get(kind)
        if column is not None:
            yield address, column


def upstream(datamap: DataMap, address: Address) -> tuple[Address, ...]:
    """Return the other tables that reveal something this table is searched by."""
    wanted = datamap.table(address).match_kinds(address.source)
    return tuple(dict.fromkeys(a for kind in wanted for a, _ in revealers(datamap, kind) if a != address))


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
