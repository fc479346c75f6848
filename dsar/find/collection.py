"""What one collecting knows, over all its requests: tables and what they gave, identifiers and how they were learned, and what is held.

The steps of collecting (`reading`, `widening`, `attribution`, `duplicates`, `recall`, `result`) are functions over it.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import pyarrow as pa

from dsar import values
from dsar.datamap import Address, DataMap
from dsar.errors import DsarError
from dsar.find.between import contested
from dsar.find.bystanders import Cells
from dsar.find.check import counted, drift, in_words
from dsar.find.hold import HOLDS, Hold
from dsar.find.judge import given, hold_of
from dsar.find.order import ways
from dsar.find.review import REDACTED, RELEASE, Rulings, held_by
from dsar.find.trail import Names, State
from dsar.request.request import Request
from dsar.source import Others, Rows, Source

Clock = Callable[[], datetime]
Progress = Callable[[str], None]


class Collection:
    """Everything known while collecting for some requests."""

    def __init__(
        self, requests: Sequence[Request], datamap: DataMap, sources: Mapping[str, Source | DsarError], clock: Clock, rulings: Mapping[str, Rulings]
    ) -> None:
        self.requests, self.rulings = {r.id: r for r in requests}, rulings
        self.datamap, self.sources, self.clock = datamap, sources, clock
        self.region = datamap.controller.region
        self.ways = ways(datamap)  # in the order in which tables are read
        names: Names = defaultdict(set)
        self.states = {a: State(a, t, zone=datamap.zone(a.source), names=names) for a, t in datamap.tables()}
        self.referred: dict[tuple[Address, str, str], int | None] = {}  # table, column, value → how many rows refer to it, where that was asked
        self.contested: dict[tuple[Address, str], set[int]] = defaultdict(set)  # table, request → rows that somebody else's request finds too
        self.unlisted: dict[str, tuple[str, ...]] = {}
        self.settled: dict[tuple[Address, str, int], Hold | None] | None = None
        self.cells: Cells = {}
        self.known = {r.id: given(r, one_mailbox=datamap.controller.one_mailbox) for r in requests}
        for name in datamap.sources:
            self._compare_schema(name)

    def _compare_schema(self, name: str) -> None:
        states = [s for a, s in self.states.items() if a.source == name]
        try:
            schema = self.source(name).schema()
        except Exception as error:  # noqa: BLE001 - whatever a connector raises, this source has failed and the rest goes on
            for state in states:
                state.failed = str(in_words(error, name))
            return
        declared = self.datamap.sources[name]
        self.unlisted[name] = tuple(sorted(set(schema) - set(declared.tables) - set(declared.ignored)))
        for state in states:
            state.failed, state.undeclared = drift(state.address, state.table, schema)
            state.types = schema[state.address.table].columns if state.address.table in schema else {}
            state.unique = state.address.table in schema and set(schema[state.address.table].key) == set(state.table.key)

    def source(self, name: str) -> Source:
        """Return a source of the map; raises the error that kept it from being opened."""
        source = self.sources[name]
        if isinstance(source, DsarError):
            raise source
        return source

    def hold(self, state: State, request: str, position: int) -> Hold | None:
        """Return why a row is held for a request, None where it is theirs; once `settled` is a dictionary, nothing changes any more."""
        if self.settled is None:
            return self._hold(state, request, position)
        place = (state.address, request, position)
        if place not in self.settled:
            self.settled[place] = self._hold(state, request, position)
        return self.settled[place]

    def _hold(self, state: State, request: str, position: int) -> Hold | None:
        hold = self.ruled(state, request, position, hold_of(state, request, position, self.known[request]))
        if hold is None and position in self.contested.get((state.address, request), ()):
            return self.ruled(state, request, position, HOLDS["two requests"])
        return hold

    def contest(self) -> bool:
        """Hold the rows that are found for requests of two people, for both, and return whether there was one."""
        some = False
        for address, state in self.states.items():
            reached = Counter(position for links in state.links.values() for position in links)
            found_by = {
                position: [self.requests[r] for r, links in state.links.items() if position in links and self.hold(state, r, position) is None]
                for position, many in reached.items()
                if many > 1
            }
            for request, positions in contested(found_by).items():
                new = positions - self.contested[address, request]
                self.contested[address, request] |= new
                some |= bool(new)
        return some

    def ruled(self, state: State, request: str, position: int, hold: Hold | None) -> Hold | None:
        """Return the hold, or what a person ruled on the row as it is now."""
        if hold is None or state.table.guessed or not (rulings := self.rulings.get(request)):
            return hold
        row = state.rows[position]
        two = self.datamap.controller.two_readers
        choice = rulings.choice(str(state.address), state.key(position), "", values.row_hash(row), two_readers=two, held_as=hold.code)
        if choice is None or (state.table.documents and choice == RELEASE):
            return hold
        if choice == REDACTED and rulings.redacted(str(state.address), state.key(position)) is None:
            return hold  # the copy is gone or was changed: the original never goes in its place
        code = held_by(choice)
        return HOLDS[code] if code else None

    def count(self, ask: Others, address: Address) -> dict[str, dict[object, int]] | None:
        """Return how many rows refer to each value, or None where nobody can say."""
        source = self.sources[address.source]
        if isinstance(source, DsarError) or not source.can.others or self.states[address].failed:
            return None
        try:
            return counted(source, ask)
        except Exception:  # noqa: BLE001 - without a count we do not know, and what we do not know is held
            return None

    def add(self, state: State, part: Rows) -> list[int]:
        """Keep the rows that are new, and return where each of them stands."""
        positions, new = [], []
        for n, row in enumerate(values.rows(part.frame)):
            key = tuple(row[c] for c in state.table.key)
            if key not in state.index:
                state.index[key] = len(state.rows)
                state.rows.append(row)
                new.append(n)
            positions.append(state.index[key])
        if new:
            state.frames.append(values.to_arrow(part.frame).take(pa.array(new, pa.int64())))
        return positions
