"""What was found, held and not answered, made into a dossier per request once all is asked."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import pyarrow as pa

from dsar import values
from dsar.datamap import Address
from dsar.find import bystanders
from dsar.find.attribution import judge_sightings
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


class _Rows(NamedTuple):
    """A request's rows of one table with their provenance, and how each of them stands."""

    table: pa.Table
    standing: Sequence[str]


def dossiers(collection: Collection) -> dict[str, Dossier]:
    """Return what was found, held and not answered, per request."""
    judge_sightings(collection)
    look_for_duplicates(collection)
    collection.contest()  # lines of logs are judged only now
    collection.settled = {}  # from here on nothing more is learned, so no hold changes
    collection.cells = bystanders.cells(
        collection.states, collection.known, collection.datamap, collection.hold, collection.count, collection.rulings
    )
    rows = {address: _rows(collection, state) for address, state in collection.states.items()}
    now = collection.clock()
    return {
        r: Dossier(
            request,
            collection.datamap,
            now,
            _found(collection, r, {a: found[r] for a, found in rows.items()}),
            collection.unlisted,
            collection.rulings[r].fingerprint if r in collection.rulings else "",
        )
        for r, request in collection.requests.items()
    }


def _found(collection: Collection, request: str, rows: Mapping[Address, _Rows]) -> dict[Address, Found]:
    facts = {a: collection.states[a].facts(request) for a in collection.ways}
    decided = outcomes(collection.ways, facts, {a: found.standing for a, found in rows.items()})
    clients = {a: _clients(collection.states[a], request) for a in collection.states if collection.datamap.is_processor(a)}
    decided |= {a: replace(decided[a], state="a client's", clients=found) for a, found in clients.items() if decided[a].complete}
    waiting = {a: sum(not cell.choice for cell in cells_of(rows[a].table.to_pylist())) for a in collection.cells.get(request, ())}
    decided |= {a: replace(decided[a], cells=cells) for a, cells in waiting.items()}
    return {a: Found(decided[a], rows[a].table) for a in collection.states}


def _clients(state: State, request: str) -> tuple[str, ...]:
    """Return for whom we hold rows of theirs, as a processor, and how many."""
    column = state.table.client
    counted = Counter(str(state.rows[p].get(column) or "client not recorded") if column else "client" for p in state.links.get(request, {}))
    return tuple(f"{client} ({rows})" for client, rows in sorted(counted.items()))


def _rows(collection: Collection, state: State) -> Mapping[str, _Rows]:
    """Return each request's rows of a table; a processor's rows are nobody's to receive from us.

    They are taken and given their provenance together, and cut apart, since each taking costs more than its rows.
    """
    nothing = _Rows(_nothing(state), ())
    links = {} if collection.datamap.is_processor(state.address) else {r: links for r in collection.requests if (links := state.links.get(r))}
    listed = [(r, p) for r, found in links.items() for p in sorted(found, key=state.order_key)]
    if not listed:
        return defaultdict(lambda: nothing)
    holds = [_row_hold(collection, state, r, p) for r, p in listed]
    standing = [hold.standing if hold else "found" for hold in holds]
    provenance = _provenance(collection, state, listed, holds, standing)
    together = state.whole().take(pa.array([p for _, p in listed], pa.int64()))
    for name in PROVENANCE:
        together = together.append_column(name, pa.array(provenance[name], pa.string()))
    rows: dict[str, _Rows] = defaultdict(lambda: nothing)
    start = 0
    for request, of in links.items():
        rows[request] = _Rows(_own(collection, state, request, together.slice(start, len(of))), standing[start : start + len(of)])
        start += len(of)
    return rows


def _own(collection: Collection, state: State, request: str, found: pa.Table) -> pa.Table:
    """Return a request's rows as they would be had it been the only one."""
    found = state.own_types(found)
    if state.table.documents and request in collection.rulings:
        return redacted(found, str(state.address), collection.rulings[request])
    return found


def _provenance(
    collection: Collection, state: State, listed: Sequence[tuple[str, int]], holds: Sequence[Hold | None], standing: Sequence[str]
) -> Mapping[str, Sequence[str | None]]:
    """Return why each row is there, by column."""
    first = [_first(collection, state, r, p) for r, p in listed]
    cells = {r: tables.get(state.address, {}) for r, tables in collection.cells.items()}
    return {
        "dsar_key": [state.key(p) for _, p in listed],
        "dsar_matched_on": [link.matched_on for link in first],
        "dsar_standing": standing,
        "dsar_hold": [hold.code if hold else None for hold in holds],
        "dsar_kind": [link.kind for link in first],
        "dsar_via": [_via(collection, state, r, p, link) for (r, p), link in zip(listed, first, strict=True)],
        "dsar_cells": [cells[r].get(p) if r in cells else None for r, p in listed],
    }


def _first(collection: Collection, state: State, request: str, position: int) -> Link:
    """Return what a row is told to be found by: what leads to it cleanly, and last of all that an earlier plan knows its key."""
    known = collection.known[request]
    return min(state.links[request][position], key=lambda link: (known[link.kind, link.value].hold is not None, link.kind == RECALLED))


def _nothing(state: State) -> pa.Table:
    """Return what a request receives of a table that holds nothing of theirs, whatever the rows of others look like."""
    empty = values.to_arrow(values.frame({c: [] for c in state.table.columns}))
    for name in PROVENANCE:
        empty = empty.append_column(name, pa.array([], pa.string()))
    return empty


def _via(collection: Collection, state: State, request: str, position: int, link: Link) -> str:
    trace = collection.known[request][link.kind, link.value]
    return (line_hold(state, position, trace)[1] if state.table.attribute else "") or trace.via


def _row_hold(collection: Collection, state: State, request: str, position: int) -> Hold | None:
    return HOLDS["undeclared"] if state.undeclared else collection.hold(state, request, position)
