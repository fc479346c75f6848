"""Whose a row is: what led to it, and what else it bears. In doubt it is held."""

from collections.abc import Iterator, Mapping, Sequence

from dsar import kinds
from dsar.find.hold import HOLDS, KIND_SIMILAR, Hold
from dsar.find.names import one_person
from dsar.find.sighting import of_line
from dsar.find.trail import Link, State, Trace
from dsar.request.identity import Identifier
from dsar.request.request import Request

Known = Mapping[tuple[str, str], Trace]  # (kind, value) → how one request came to know it


def given(request: Request, *, one_mailbox: bool) -> dict[tuple[str, str], Trace]:
    """Return what a request knows from the beginning, and what each identifier proves.

    Verified ones pull rows in, but for what several people share; an address that differs by a tag or dots only is
    looked for as well, and held unless the map says that all hosts fold them (`one_mailbox`).
    """
    known: dict[tuple[str, str], Trace] = {}
    for identifier in request.identifiers:
        hold = _standing(identifier)
        known[identifier.kind, identifier.value] = Trace(hold)
        if identifier.kind == "email":
            folded = (kinds.MAILBOX, kinds.mailbox(identifier.value))
            known.setdefault(folded, Trace(hold or (None if one_mailbox else HOLDS["similar address"])))
    return known


def _standing(identifier: Identifier) -> Hold | None:
    if identifier.standing == "claimed":
        return HOLDS["claimed"]
    if identifier.kind in kinds.SHARED:
        return HOLDS["weak"]
    return HOLDS["shared mailbox"] if identifier.kind == "email" and kinds.is_of_many(identifier.value) else None


def hold_of(state: State, request: str, position: int, known: Known) -> Hold | None:
    """Return the reason a row is held, or None where one clean identifier leads to it and nothing speaks against it."""
    if state.table.guessed:
        return HOLDS["guessed"]
    links = sorted(state.links[request][position], key=lambda link: link.kind in {kinds.MAILBOX, KIND_SIMILAR})
    traces = [known[link.kind, link.value] for link in links]
    if state.table.owner == "organisation":
        return _of_company(state, traces)
    if state.table.attribute and all(link.kind == "ip" for link in links):
        return next((hold for trace in traces if (hold := line_hold(state, position, trace)[0])), None)
    clean = [(link, trace) for link, trace in zip(links, traces, strict=True) if trace.hold is None]
    if not clean:
        return traces[0].hold
    if state.table.documents:
        return HOLDS["document"]
    if any(len(borne) > 1 and not all(_theirs(kind, value, known) for value in borne) for kind, borne in _keys(state, position, _own(state))):
        return HOLDS["two owners"]
    # A key that a source issued for them leads to their rows; an e-mail address may also stand in somebody else's.
    if any(trace.issued and link.kind not in kinds.ADDRESSES for link, trace in clean):
        return None
    by_address = any(link.kind in kinds.ADDRESSES for link, _ in clean)
    # Found by their address, the record itself is theirs, whatever its number.
    no_sign = {link.matched_on for link in links} | (set(state.table.key) if by_address else set())
    if any(not any(_theirs(kind, value, known) for value in borne) for kind, borne in _keys(state, position, no_sign)):
        return HOLDS["another's"]
    if all(link.kind == "phone" for link, _ in clean) and _bears_another_address(state, position, known):
        return HOLDS["another's"]
    return HOLDS["household"] if all(_household(state, request, link, known) for link, _ in clean) else None


def _of_company(state: State, traces: Sequence[Trace]) -> Hold | None:
    """Return why a row of a company's table is not theirs: it is where it bears their own key (ordered by, signed by) or address."""
    own = [trace for trace in traces if trace.issued and trace.home != state.address]
    if own:
        return min((trace.hold for trace in own), key=lambda hold: hold is not None)
    claimed = next((trace.hold for trace in traces if trace.hold and trace.hold.widens), None)
    return claimed or HOLDS["organisation" if any(trace.hold is None for trace in traces) else "company"]


def _household(state: State, request: str, link: Link, known: Known) -> bool:
    """Whether an address or number is a family's or an office's: it leads to different names, or a number to other names than their address."""
    if link.kind not in kinds.ADDRESSES:
        return False
    names = state.names[request, link.kind, link.value]
    if not one_person(names):
        return True
    by_address = {name for address in _addresses(known) for name in state.names[request, "email", address]} if link.kind == "phone" else set()
    return bool(names and by_address) and not any(one_person({*names, name}) for name in by_address)


def _bears_another_address(state: State, position: int, known: Known) -> bool:
    """Whether a row found by number bears only e-mail addresses that are not theirs; where they proved none, it tells nothing."""
    borne = {value for c in state.searched_by.get("email", ()) if (value := kinds.normal("email", state.rows[position].get(c))) is not None}
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
    row = state.rows[position]
    for kind, columns in state.searched_by.items():
        if kind not in kinds.ADDRESSES and (
            borne := {value for c in columns if c not in without and (value := kinds.normal(kind, row.get(c))) is not None}
        ):
            yield kind, borne


def _theirs(kind: str, value: str, known: Known) -> bool:
    trace = known.get((kind, value))
    return trace is not None and trace.hold is None
