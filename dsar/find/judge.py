"""Whose a row is: what led to it, and what else it bears. In doubt it is held."""

from collections.abc import Iterator, Mapping

from dsar import kinds
from dsar.find.hold import HOLDS, Hold
from dsar.find.trail import State, Trace

Known = Mapping[tuple[str, str], Trace]  # (kind, value) → how one request came to know it


def hold_of(state: State, request: str, position: int, known: Known) -> Hold | None:
    """Return the reason a row is held, or None where one clean identifier leads to it and nothing speaks against it."""
    if state.table.owner == "organisation":
        return HOLDS["organisation"]
    links = state.links[request][position]
    traces = [known[link.kind, link.value] for link in links]
    clean = [(link, trace) for link, trace in zip(links, traces, strict=True) if trace.hold is None]
    if not clean:
        return traces[0].hold
    if any(len(borne) > 1 and not all(_theirs(kind, value, known) for value in borne) for kind, borne in _keys(state, position, _own(state))):
        return HOLDS["two owners"]
    # A key that a source issued for them leads to their rows; an e-mail address may also stand in somebody else's.
    if any(trace.issued and link.kind not in kinds.GLOBAL for link, trace in clean):
        return None
    by_address = any(link.kind in kinds.GLOBAL for link, _ in clean)
    # Found by their address, the record itself is theirs, whatever its number.
    no_sign = {link.matched_on for link in links} | (set(state.table.key) if by_address else set())
    if any(not any(_theirs(kind, value, known) for value in borne) for kind, borne in _keys(state, position, no_sign)):
        return HOLDS["another's"]
    # An address or number that leads to different names is a family's, or an office's.
    shared = all(link.kind in kinds.GLOBAL and len(state.names[request, link.kind, link.value]) > 1 for link, _ in clean)
    return HOLDS["household"] if shared else None


def _own(state: State) -> set[str]:
    return set(state.table.key) if len(state.table.key) == 1 else set()


def _keys(state: State, position: int, without: set[str]) -> Iterator[tuple[str, set[str]]]:
    """Yield each kind of key that a row bears, with its values, those in some columns left aside."""
    source, row = state.address.source, state.rows[position]
    for kind in state.table.match_kinds(source):
        found = (kinds.normal(kind, row.get(c)) for c in state.table.match_columns(kind, source) if c not in without)
        borne = {value for value in found if value is not None}
        if borne and kind not in kinds.GLOBAL:
            yield kind, borne


def _theirs(kind: str, value: str, known: Known) -> bool:
    trace = known.get((kind, value))
    return trace is not None and trace.hold is None
