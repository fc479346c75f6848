"""Reads again, by their keys, the rows of earlier plans that nothing leads to any more (`dsar.find.remembered`)."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from dsar.datamap import Address
from dsar.find import records
from dsar.find.check import in_words
from dsar.find.collection import Collection
from dsar.find.hold import HOLDS
from dsar.find.remembered import KIND, Remembered, plain_key, reads_as_before
from dsar.find.review import held_by
from dsar.find.trail import Link, State, Trace
from dsar.find.widening import lead_on


def recall(collection: Collection, remembered: Mapping[str, Sequence[Remembered]]) -> bool:
    """Read rows of earlier plans that nothing led to this time, by their keys, and return whether one was found."""
    if not any(remembered.values()):
        return False
    linked = {(r, s.address, s.known_key(p)) for s in collection.states.values() for r, links in s.links.items() for p in links}
    wanted: dict[Address, list[tuple[str, Remembered]]] = defaultdict(list)
    for request, known in ((r, k) for r, listed in remembered.items() if r in collection.requests for k in listed):
        if known.address in collection.states and (request, known.address, plain_key(known)) not in linked:
            wanted[known.address].append((request, known))
    found = [_recall_in(collection, collection.states[address], listed) for address, listed in wanted.items()]
    return any(found)


def _recall_in(collection: Collection, state: State, listed: Sequence[tuple[str, Remembered]]) -> bool:
    if state.failed:
        return False
    try:
        parts = list(records.rows_of(collection.source(state.address.source), state.address, dict.fromkeys(k.key for _, k in listed)))
    except Exception as error:  # noqa: BLE001 - whatever a connector raises, this table has failed and the rest goes on
        state.failed = str(in_words(error, str(state.address)))
        return False
    found = {state.known_key(p): p for part in parts for p in collection.add(state, part)}
    state.collected_at = state.collected_at or collection.clock()
    for request, known in listed:
        name = f"{known.address} {plain_key(known)}"
        state.asked[request].add((KIND, name))
        if (position := found.get(plain_key(known))) is not None:
            collection.known[request][KIND, name] = Trace(None if _certain(collection, state, request, position, known) else HOLDS["known by key"])
            state.link(request, position, Link(KIND, name, "key"))
            lead_on(collection, state, request, position)
    return bool(found)


def _certain(collection: Collection, state: State, request: str, position: int, known: Remembered) -> bool:
    """Whether a remembered row reads as it did, and nobody ruled against it since."""
    ruled = collection.rulings[request].found.get((str(state.address), state.key(position), "")) if request in collection.rulings else None
    return reads_as_before(state.table, state.rows[position], known) and not (ruled and held_by(ruled.choice))
