"""Who else used the addresses that lines of logs were found on, asked once all is read (`dsar.find.sighting` has the rule)."""

from collections import defaultdict
from collections.abc import Sequence

from dsar import kinds
from dsar.datamap import Attribution, Reveal
from dsar.find.collection import Collection
from dsar.find.sighting import judge, moments
from dsar.find.trail import State, Trace
from dsar.source import Others


def judge_sightings(collection: Collection) -> None:
    """Find out, once all is read, who else used the addresses that lines were found on."""
    rules = [s.table.attribute for s in collection.states.values() if s.table.attribute]
    traces = [(r, v, t) for r, known in collection.known.items() for (kind, v), t in known.items() if kind == "ip" and t.seen]
    if not rules or not traces:
        return
    rule = max(rules, key=lambda r: r.hours)
    for request, _, trace in traces:
        for (address, position), sighting in trace.seen.items():
            sighting.hold = collection.hold(collection.states[address], request, position)
    for address, table in collection.datamap.tables():
        if reveal := table.reveals_of(address.source).get("ip"):
            _judge_sightings_in(collection, collection.states[address], reveal, rule, traces)


def _judge_sightings_in(collection: Collection, state: State, reveal: Reveal, rule: Attribution, traces: Sequence[tuple[str, str, Trace]]) -> None:
    zone = collection.datamap.zone(state.address.source)
    addresses = tuple(sorted({value for _, value, _ in traces}))
    counts = collection.count(Others(state.address.table, reveal.column, addresses, "ip", reveal.at), state.address)
    bearers: dict[tuple[str, str], list[tuple[object, int]]] = defaultdict(list)
    for request, links in state.links.items():
        for position in links:
            value = kinds.normal("ip", state.rows[position].get(reveal.column))
            if value is not None and collection.hold(state, request, position) is None:
                bearers[request, value].append((state.rows[position].get(reveal.at) if reveal.at else None, 1))
    for request, value, trace in traces:
        everybody = None if counts is None else moments(counts.get(value, {}).items(), zone)
        for sighting in trace.seen.values():
            judge(sighting, rule, everybody, moments(bearers[request, value], zone))
