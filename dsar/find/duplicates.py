"""Possible duplicates: people entered twice, under another spelling or address; whatever is found is held, with its weight in words."""

from collections.abc import Sequence

import pandas as pd

from dsar.find import records
from dsar.find.check import in_words
from dsar.find.collection import Collection
from dsar.find.hold import HOLDS, KIND_SIMILAR
from dsar.find.trail import Link, State, Trace


def look_for_duplicates(collection: Collection) -> None:
    """Hold the records of people that are much like a person's own: somebody entered twice is found twice."""
    people = [s for s in collection.states.values() if s.table.people and not s.failed and not collection.datamap.is_processor(s.address)]
    own = [
        (request, records.record(state.rows[position], state.table))
        for state in people
        for request, links in state.links.items()
        for position in links
        if collection.hold(state, request, position) is None
    ]
    asked = [(state, frame) for state in people if own and len(frame := _everybody(collection, state))]
    if not asked:
        return
    try:
        found = _similar(collection, own, asked)
    except Exception as error:  # noqa: BLE001 - what was found stays found; that these were not looked through is said
        for state, _ in asked:
            state.failed = str(in_words(error, str(state.address)))
        return
    for (state, _), pairs in zip(asked, found, strict=True):
        try:
            _hold_similar(collection, state, pairs)
        except Exception as error:  # noqa: BLE001 - the same for one of them
            state.failed = str(in_words(error, str(state.address)))


def _everybody(collection: Collection, state: State) -> pd.DataFrame:
    """Return the records of a table of people as they are compared; none where its source does not hand them over, or fails."""
    try:
        source = collection.source(state.address.source)
        return records.everybody(source, state.address, state.table) if source.can.everyone else pd.DataFrame()
    except Exception as error:  # noqa: BLE001 - what was found stays found; that this was not looked through is said
        state.failed = str(in_words(error, str(state.address)))
        return pd.DataFrame()


def _similar(
    collection: Collection, own: Sequence[tuple[str, dict[str, str | None]]], asked: Sequence[tuple[State, pd.DataFrame]]
) -> list[list[tuple[str, str, str]]]:
    """Return per table what is like a person's own: request, key, why. All tables are compared at once, since the model costs more than they."""
    from dsar.find.similar import similar

    everybody = pd.concat([frame.assign(key=[f"{n} {key}" for key in frame["key"]]) for n, (_, frame) in enumerate(asked)], ignore_index=True)
    linked = {
        (request, f"{n} {state.key(position)}") for n, (state, _) in enumerate(asked) for request, links in state.links.items() for position in links
    }
    pairs = similar(records.known(own), everybody.astype("object").where(everybody.notna(), None), linked, region=collection.region)
    found: list[list[tuple[str, str, str]]] = [[] for _ in asked]
    for request, key, why in pairs[["subject", "key", "why"]].itertuples(index=False, name=None):
        n, _, rest = key.partition(" ")
        found[int(n)].append((request, rest, why))
    return found


def _hold_similar(collection: Collection, state: State, pairs: Sequence[tuple[str, str, str]]) -> None:
    source = collection.source(state.address.source)
    for part in records.rows_of(source, state.address, dict.fromkeys(key for _, key, _ in pairs)) if pairs else ():
        collection.add(state, part)
    positions = {state.key(position): position for position in state.index.values()}
    for request, key, why in pairs:
        collection.known[request].setdefault((KIND_SIMILAR, key), Trace(HOLDS[KIND_SIMILAR], via=why, issued=False))
        state.links[request].setdefault(positions[key], []).append(Link(KIND_SIMILAR, key, KIND_SIMILAR))
