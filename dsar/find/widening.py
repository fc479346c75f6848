"""Widening: what a row that is theirs leads on to, and which of its keys somebody else's rows refer to as well."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from dsar import kinds
from dsar.datamap import Reveal
from dsar.find.collection import Collection
from dsar.find.hold import HOLDS
from dsar.find.order import referrers
from dsar.find.sighting import Sighting, instant
from dsar.find.trail import Pending, State, Trace
from dsar.source import Others


def lead_on(collection: Collection, state: State, request: str, position: int) -> None:
    """Note what identifiers a row that is theirs bears; what a held row bears is held, or not noted."""
    hold = collection.hold(state, request, position)
    if hold is not None and not hold.widens:
        return
    if state.table.owner == "organisation":
        hold = hold or HOLDS["through company"]
    via = f"{state.address} {state.key(position)}"
    for kind, reveal in state.reveals.items():
        column = reveal.column
        borne = state.rows[position].get(column)
        plain = f"{reveal.prefix}{kinds.normal('key', borne)}" if reveal.prefix and borne is not None else borne
        value = kinds.normal(kind, plain, collection.region)
        if value is None:
            continue
        if kind == "ip":
            _see(collection, state, request, position, value, reveal)
            continue
        proved = kind not in kinds.ADDRESSES  # a source issues its keys; an e-mail address in a record may be anybody's
        own = proved and (column,) == state.table.key
        trace = Trace(hold if proved else hold or HOLDS["unproven"], via, state.address, issued=own)
        before = collection.known[request].setdefault((kind, value), trace)
        if before.hold is not None and trace.hold is None and own:
            before.hold, before.issued = None, True
            _reveal_again(collection, request, kind, value)


def _see(collection: Collection, state: State, request: str, position: int, value: str, reveal: Reveal) -> None:
    """Note that a row shows them using an address; it is theirs at that time only."""
    row, name = state.rows[position], f"{state.address} {state.key(position)}"
    at = instant(row.get(reveal.at), collection.datamap.zone(state.address.source)) if reveal.at else None
    browser = None if reveal.browser is None or row.get(reveal.browser) is None else str(row[reveal.browser])
    trace = collection.known[request].setdefault(("ip", value), Trace(HOLDS["unattributed"], name, state.address, issued=False))
    trace.seen[state.address, position] = Sighting(name, at, browser, HOLDS["unchecked"])


def _reveal_again(collection: Collection, request: str, kind: str, value: str) -> None:
    """Let the rows that an identifier led to while it was held lead on."""
    for state in collection.states.values():
        for position, links in list(state.links[request].items()):
            if any((link.kind, link.value) == (kind, value) for link in links):
                lead_on(collection, state, request, position)


def judge_keys(collection: Collection, pending: Iterable[Pending]) -> None:
    """Hold the keys that rows of somebody else refer to as well."""
    doubtful: dict[str, list[Pending]] = defaultdict(list)
    for p in pending:
        trace = collection.known[p.request][p.kind, p.value]
        if not trace.issued and trace.hold is None:
            doubtful[p.kind].append(p)
    for kind, asked in doubtful.items():
        for address, column in referrers(collection.datamap, kind):
            if (column,) != collection.datamap.table(address).key:
                _judge_in(collection, collection.states[address], column, asked)


def _judge_in(collection: Collection, state: State, column: str, asked: Sequence[Pending]) -> None:
    found = collection.count(Others(state.address.table, column, tuple(sorted({p.value for p in asked}))), state.address)
    counts = None if found is None else {value: sum(rows.values()) for value, rows in found.items()}
    for request, kind, value in asked:
        bearing = [p for p in state.links[request] if kinds.normal(kind, state.rows[p].get(column)) == value]
        ours = sum(collection.hold(state, request, position) is None for position in bearing)
        trace = collection.known[request][kind, value]
        if counts is None or counts.get(value, 0) < len(bearing):  # a count that misses rows we hold counts for nothing
            trace.hold = trace.hold or HOLDS["unchecked"]
        elif counts.get(value, 0) > ours:
            trace.hold = HOLDS["shared"]
