"""Takes back what was reached through a row that turned out to be held only after it had led on.

A name, or a second owner, may stand in a table that is read later: the address then proves nobody, and neither do the keys that its rows
had led on to. What is left is what would have been reached had everything been known from the beginning, in whatever order it was read.
"""

from dsar.datamap import Address
from dsar.find.collection import Collection
from dsar.find.hold import HOLDS, Hold
from dsar.find.judge import given
from dsar.find.order import referrers
from dsar.find.remembered import KIND as RECALLED
from dsar.find.trail import Link, Pending
from dsar.find.widening import judge_key, lead_on

Links = dict[Address, dict[int, list[Link]]]
Held = dict[tuple[str, str], Hold]  # keys that somebody else's rows refer to as well


def take_back(collection: Collection) -> None:
    """Take back, for each request, what it reached through rows that are held by now; no source is asked."""
    while True:
        new = collection.contest()
        taken = [request for request in collection.requests if _take_back(collection, request)]
        if not (new or taken):
            break


def _take_back(collection: Collection, request: str) -> bool:
    if not _led_too_far(collection, request):
        return False
    links = {address: state.links.pop(request, {}) for address, state in collection.states.items()}
    before = collection.known[request]
    held = {key: trace.hold for key, trace in before.items() if trace.led_by and trace.hold and not trace.issued}
    recalled = {key: trace for key, trace in before.items() if key[0] == RECALLED}
    while True:
        collection.known[request] = given(collection.requests[request], one_mailbox=collection.datamap.controller.one_mailbox) | recalled
        _lead_anew(collection, request, links, held)
        if not (more := _shared(collection, request)):
            break
        held |= more
    for state in collection.states.values():
        state.asked_up_to[request] = len(collection.known[request])  # all of it was known before, and asked
    return True


def _led_too_far(collection: Collection, request: str) -> bool:
    """Whether a key that counts as theirs stands on a row that is held, or is referred to by others than those that are theirs."""
    for trace in collection.known[request].values():
        if trace.led_by and trace.hold is None:
            address, position = trace.led_by
            if collection.hold(collection.states[address], request, position) is not None:
                return True
    return bool(_shared(collection, request))


def _lead_anew(collection: Collection, request: str, links: Links, held: Held) -> None:
    """Let what is known lead on through the rows that were read, until nothing is added."""
    known = collection.known[request]
    for state in collection.states.values():
        state.links.pop(request, None)
    grown = True
    while grown:
        grown = False
        for address, rows in links.items():
            state = collection.states[address]
            for position, why in rows.items():
                now = [link for link in why if (link.kind, link.value) in known]
                if now and now != state.links[request].get(position):
                    state.links[request][position] = now
                    grown = True
                if now:
                    lead_on(collection, state, request, position)
                    for key in held.keys() & known.keys():
                        if not known[key].issued and known[key].hold in (None, HOLDS["two requests"]):
                            known[key].hold = held[key]


def _shared(collection: Collection, request: str) -> Held:
    """Return the keys, not held so far, that somebody else's rows refer to as well, as was counted when they were asked for."""
    known = collection.known[request]
    before = {key for key, trace in known.items() if trace.led_by and trace.hold is None and not trace.issued}
    for kind, value in before:
        for address, column in referrers(collection.datamap, kind):
            if (address, column, value) in collection.referred:
                judge_key(collection, collection.states[address], column, Pending(request, kind, value))
    return {key: hold for key in before if (hold := known[key].hold)}
