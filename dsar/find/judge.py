"""Whose a row is: what led to it, and what else it bears. In doubt it is held."""

from collections.abc import Iterator, Mapping

from dsar import kinds
from dsar.find.hold import HOLDS, Hold
from dsar.find.names import one_person
from dsar.find.sighting import of_line
from dsar.find.trail import Link, State, Trace

Known = Mapping[tuple[str, str], Trace]  # (kind, value) → how one request came to know it


def hold_of(state: State, request: str, position: int, known: Known) -> Hold | None:
    """Return the reason a row is held, or None where one clean identifier leads to it and nothing speaks against it."""
    if state.table.owner == "organisation":
        return HOLDS["organisation"]
    links = state.links[request][position]
    traces = [known[link.kind, link.value] for link in links]
    if state.table.attribute and all(link.kind == "ip" for link in links):
        holds = [line_hold(state, position, trace)[0] for trace in traces]
        return next((hold for hold in holds if hold), None)
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
    if all(link.kind == "phone" for link, _ in clean) and _bears_another_address(state, position, known):
        return HOLDS["another's"]
    return HOLDS["household"] if all(_household(state, request, link, known) for link, _ in clean) else None


def _household(state: State, request: str, link: Link, known: Known) -> bool:
    """Whether an address or number is a family's or an office's: it leads to different names, or a number to other names than their address."""
    if link.kind not in kinds.GLOBAL:
        return False
    names = state.names[request, link.kind, link.value]
    if not one_person(names):
        return True
    by_address = {name for address in _addresses(known) for name in state.names[request, "email", address]} if link.kind == "phone" else set()
    return bool(names and by_address) and not any(one_person({*names, name}) for name in by_address)


def _bears_another_address(state: State, position: int, known: Known) -> bool:
    """Whether a row found by number bears only e-mail addresses that are not theirs; where they proved none, it tells nothing."""
    columns = state.table.match_columns("email", state.address.source)
    borne = {value for c in columns if (value := kinds.normal("email", state.rows[position].get(c))) is not None}
    proved = _addresses(known)
    return bool(borne and proved) and not borne & proved


def _addresses(known: Known) -> set[str]:
    return {value for kind, value in known if kind == "email" and _theirs(kind, value, known)}


def line_hold(state: State, position: int, trace: Trace) -> tuple[Hold | None, str]:
    """Return why a line found by its address is held, and the row of theirs it was seen with."""
    assert state.table.attribute
    return of_line(state.rows[position], state.table.attribute, state.zone, trace.seen.values())


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
