"""What was found, held and not answered, made into a dossier per request once all is asked."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import replace

import pyarrow as pa

from dsar import values
from dsar.datamap import Address
from dsar.find import bystanders
from dsar.find.attribution import judge_sightings
from dsar.find.between import contested
from dsar.find.collection import Collection
from dsar.find.documents import redacted
from dsar.find.dossier import PROVENANCE, Dossier, Found
from dsar.find.duplicates import look_for_duplicates
from dsar.find.hold import HOLDS, Hold
from dsar.find.judge import line_hold
from dsar.find.mentions import cells_of
from dsar.find.outcome import outcomes
from dsar.find.remembered import KIND as RECALLED
from dsar.find.trail import Link, State
from dsar.request.register import Request


def dossiers(collection: Collection) -> dict[str, Dossier]:
    """Return what was found, held and not answered, per request."""
    judge_sightings(collection)
    look_for_duplicates(collection)
    collection.settled = {}  # from here on nothing more is learned, so no hold changes
    collection.cells = bystanders.cells(
        collection.states, collection.known, collection.datamap, collection.hold, collection.count, collection.rulings
    )
    shared = {address: _contested(collection, state) for address, state in collection.states.items()}
    now = collection.clock()
    return {
        r: Dossier(
            request,
            collection.datamap,
            now,
            _found(collection, r, {a: rows.get(r, set()) for a, rows in shared.items()}),
            collection.unlisted,
            collection.rulings[r].fingerprint if r in collection.rulings else "",
        )
        for r, request in collection.requests.items()
    }


def _contested(collection: Collection, state: State) -> dict[str, set[int]]:
    found_by: dict[int, list[Request]] = defaultdict(list)
    for request, links in state.links.items():
        for position in links:
            if collection.hold(state, request, position) is None:
                found_by[position].append(collection.requests[request])
    return contested(found_by)


def _found(collection: Collection, request: str, shared: Mapping[Address, set[int]]) -> dict[Address, Found]:
    tables = {a: _table(collection, collection.states[a], request, shared[a]) for a in collection.states}
    facts = {a: collection.states[a].facts(request) for a in collection.order}
    decided = outcomes(collection.datamap, facts, {a: t["dsar_standing"].to_pylist() for a, t in tables.items()})
    clients = {a: _clients(collection.states[a], request) for a in collection.states if collection.datamap.is_processor(a)}
    decided |= {a: replace(decided[a], state="a client's", clients=found) for a, found in clients.items() if decided[a].complete}
    waiting = {a: sum(not cell.choice for cell in cells_of(tables[a].to_pylist())) for a in collection.cells.get(request, ())}
    decided |= {a: replace(decided[a], cells=cells) for a, cells in waiting.items()}
    return {a: Found(decided[a], tables[a]) for a in collection.states}


def _clients(state: State, request: str) -> tuple[str, ...]:
    """Return for whom we hold rows of theirs, as a processor, and how many."""
    column = state.table.client
    counted = Counter(str(state.rows[p].get(column) or "client not recorded") if column else "client" for p in state.links.get(request, {}))
    return tuple(f"{client} ({rows})" for client, rows in sorted(counted.items()))


def _table(collection: Collection, state: State, request: str, shared: set[int]) -> pa.Table:
    """Return the rows of a request with their provenance; a processor's rows are nobody's to receive from us."""
    links = {} if collection.datamap.is_processor(state.address) else state.links.get(request, {})
    if not links:
        return _nothing(collection, state)
    positions = sorted(links, key=state.order_key)
    holds = [_row_hold(collection, state, request, p, shared) for p in positions]
    # What leads to a row says what it belongs to; that an earlier plan knows its key says nothing of that.
    first = [
        min(links[p], key=lambda link: (collection.known[request][link.kind, link.value].hold is not None, link.kind == RECALLED)) for p in positions
    ]
    provenance: dict[str, list[str | None]] = {
        "dsar_key": [state.key(p) for p in positions],
        "dsar_matched_on": [link.matched_on for link in first],
        "dsar_standing": [h.standing if h else "found" for h in holds],
        "dsar_hold": [h.code if h else None for h in holds],
        "dsar_kind": [link.kind for link in first],
        "dsar_via": [_via(collection, state, request, p, link) for p, link in zip(positions, first, strict=True)],
        "dsar_cells": [collection.cells.get(request, {}).get(state.address, {}).get(p) for p in positions],
    }
    found = state.own_types(state.whole().take(pa.array(positions, pa.int64())))
    if state.table.documents and request in collection.rulings:
        found = redacted(found, str(state.address), provenance, collection.rulings[request])
    for name in PROVENANCE:
        found = found.append_column(name, pa.array(provenance[name], pa.string()))
    return found


def _nothing(collection: Collection, state: State) -> pa.Table:
    if state.address not in collection.nothing:
        empty = values.to_arrow(values.frame({c: [] for c in state.table.columns}))  # whatever the rows of others look like
        for name in PROVENANCE:
            empty = empty.append_column(name, pa.array([], pa.string()))
        collection.nothing[state.address] = empty
    return collection.nothing[state.address]


def _via(collection: Collection, state: State, request: str, position: int, link: Link) -> str:
    trace = collection.known[request][link.kind, link.value]
    return (line_hold(state, position, trace)[1] if state.table.attribute else "") or trace.via


def _row_hold(collection: Collection, state: State, request: str, position: int, shared: set[int]) -> Hold | None:
    if state.undeclared:
        return HOLDS["undeclared"]
    return collection.ruled(state, request, position, HOLDS["two requests"]) if position in shared else collection.hold(state, request, position)
