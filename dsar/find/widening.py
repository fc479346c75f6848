"""Widening: what a row that is theirs leads on to, and which of its keys somebody else's rows refer to as well."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from dsar import kinds
from dsar.datamap import Reveal
from dsar.find.collection import Collection
from dsar.find.hold import HOLDS
from dsar.find.order import referrers
from dsar.find.sighting import Sighting, instant
from dsar.find.trail import Pending, State, Trace
from dsar.source import Others


def borne(row: Mapping[str, object], kind: str, reveal: Reveal, region: str | None) -> str | None:
    """Return the identifier of a kind that a row reveals, in normal form; None where it reveals none."""
    cell = row.get(reveal.column)
    plain = f"{reveal.prefix}{kinds.normal('key', cell)}" if reveal.prefix and cell is not None else cell
    return kinds.normal(kind, plain, region)


def lead_on(collection: Collection, state: State, request: str, position: int) -> None:
    """Note what identifiers a row that is theirs bears; what a held row bears is held, or not noted."""
    hold = collection.hold(state, request, position)
    if hold is not None and not hold.widens:
        return
    if state.table.owner == "organisation":
        hold = hold or HOLDS["through company"]
    via = f"{state.address} {state.key(position)}"
    for kind, reveal in state.reveals.items():
        value = borne(state.rows[position], kind, reveal, collection.region)
        if value is None:
            continue
        if kind == "ip":
            _see(collection, state, request, position, value, reveal)
            continue
        proved = kind not in kinds.ADDRESSES  # a source issues its keys; an e-mail address in a record may be anybody's
        own = proved and (reveal.column,) == state.table.key
        doubt = hold if proved else HOLDS["unproven"] if hold in (None, HOLDS["two requests"]) else hold
        trace = Trace(doubt, via, state.address, issued=own, led_by=(state.address, position))
        before = collection.known[request].setdefault((kind, value), trace)
        if before.hold is not None and trace.hold is None and own:
            before.hold, before.issued, before.via, before.led_by = None, True, via, trace.led_by
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
        collection.referred[state.address, column, value] = None if counts is None else counts.get(value, 0)
        judge_key(collection, state, column, Pending(request, kind, value))


def judge_key(collection: Collection, state: State, column: str, key: Pending) -> None:
    """Hold a key where a column of a table refers to it in more rows than are theirs, as counted, or where nobody could count."""
    counted = collection.referred[state.address, column, key.value]
    bearing = [p for p in state.links[key.request] if kinds.normal(key.kind, state.rows[p].get(column)) == key.value]
    ours = sum(collection.hold(state, key.request, position) is None for position in bearing)
    trace = collection.known[key.request][key.kind, key.value]
    if counted is None or counted < len(bearing):  # a count that misses rows we hold counts for nothing
        trace.hold = trace.hold or HOLDS["unchecked"]
    elif counted > ours:
        trace.hold = HOLDS["shared"]
