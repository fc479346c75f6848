"""Other people in the rows a request found: which cells speak of them, over all requests at once."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from dsar import kinds
from dsar.datamap import Address, DataMap
from dsar.find.hold import Hold
from dsar.find.mentions import Own, as_json, mentions
from dsar.find.review import Rulings, text_hash
from dsar.find.trail import State, Trace
from dsar.recognise import Mention
from dsar.source import Others

States = Mapping[Address, State]
Held = Callable[[State, str, int], Hold | None]
Count = Callable[[Others, Address], Mapping[str, object] | None]
Cells = Mapping[str, Mapping[Address, Mapping[int, str]]]  # request → table → row → what `dsar_cells` says


class Text(NamedTuple):
    """A cell of free text in a row that is a request's."""

    request: str
    address: Address
    position: int
    column: str
    text: str


def cells(
    states: States, known: Mapping[str, Mapping[tuple[str, str], Trace]], datamap: DataMap, hold: Held, count: Count, rulings: Mapping[str, Rulings]
) -> Cells:
    """Return which cells speak of somebody else, as the rows of a dossier carry them."""
    own = {request: _own(states, request, traces, hold, datamap.controller.region) for request, traces in known.items()}
    found: dict[str, dict[Address, dict[int, list[tuple[str, list[Mention], str | None]]]]]
    found = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
    for text, some in mentions(list(_texts(states, hold)), own, datamap.controller.region, lambda kind, asked: _there(datamap, count, kind, asked)):
        found[text.request][text.address][text.position].append((text.column, some, _ruled(text, states, datamap, rulings)))
    return {r: {a: {p: as_json(some) or "" for p, some in rows.items()} for a, rows in tables.items()} for r, tables in found.items()}


def _own(states: States, request: str, known: Mapping[tuple[str, str], Trace], hold: Held, region: str) -> Own:
    """Return what is no mention of somebody else: what they proved, and what stands in rows that are theirs to receive anyway."""
    proved = {identifier for identifier, trace in known.items() if trace.hold is None}
    borne, names = set[tuple[str, str]](), set[tuple[str, ...]]()
    for state in states.values():
        for position in state.links.get(request, ()):
            if hold(state, request, position) is None:
                borne |= set(_borne(state, position, region))
                names.add(state.name(position))
    return Own(frozenset(proved | borne), frozenset(names))


def _borne(state: State, position: int, region: str) -> Iterator[tuple[str, str]]:
    for kind in ("email", "phone", "ip"):
        for column in state.searched_by.get(kind, ()):
            if (value := kinds.normal(kind, state.rows[position].get(column), region)) is not None:
                yield kind, value


def _texts(states: States, hold: Held) -> Iterator[Text]:
    for address, state in states.items():
        columns = [c for c, column in state.table.columns.items() if column.free_text]
        for request, links in state.links.items() if columns else ():
            for position in links:
                if hold(state, request, position) is None:
                    for column in columns:
                        if isinstance(text := state.rows[position].get(column), str):
                            yield Text(request, address, position, column, text)


def _ruled(text: Text, states: States, datamap: DataMap, rulings: Mapping[str, Rulings]) -> str | None:
    if text.request not in rulings:
        return None
    key, two = states[text.address].key(text.position), datamap.controller.two_readers
    return rulings[text.request].choice(str(text.address), key, text.column, text_hash(text.text), two_readers=two)


def _there(datamap: DataMap, count: Count, kind: str, asked: set[str]) -> set[str]:
    """Return which names or numbers stand in some record: counts, never a stranger's row. What no source can count is not found."""
    wanted, there = tuple(sorted(asked)), set[str]()
    for address, table in datamap.tables():
        if kind == "name":
            names = table.name_columns
            asks = [Others(address.table, names[0], wanted, kind, also=names[1:])] if names else []
        else:
            asks = [Others(address.table, column, wanted, kind) for column in table.match_columns(kind, address.source)]
        for ask in asks:
            there |= (count(ask, address) or {}).keys()
    return there
