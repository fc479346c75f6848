"""Collect for many requests at once: each table is read once, whoever asks and however many.

Identifiers the requester gave, and keys the sources issue for rows already theirs, pull rows in.
What could be somebody else's is held (`dsar.find.hold`) and, but for claims, leads no further.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime

import pandas as pd

from dsar import kinds, values
from dsar.datamap import Address, DataMap
from dsar.errors import DsarError
from dsar.find.check import Answer, checked, counted, drift, in_words, require_unique
from dsar.find.dossier import PROVENANCE, Dossier, Found
from dsar.find.hold import HOLDS, Hold
from dsar.find.judge import hold_of
from dsar.find.order import reading_order, referrers
from dsar.find.outcome import outcomes
from dsar.find.trail import Link, Pending, State, Trace
from dsar.request.register import Request
from dsar.source import Match, Others, Rows, Source, Want

Clock = Callable[[], datetime]
Progress = Callable[[str], None]
ROW_LIMIT = 1_000_000  # a match that hits more rows is a mistake in the map, not a person


def collect(
    requests: Sequence[Request],
    datamap: DataMap,
    sources: Mapping[str, Source | DsarError],
    clock: Clock,
    progress: Progress = lambda _: None,
) -> dict[str, Dossier]:
    """Return one dossier per request id.

    `sources` holds, per source of the map, the source or the error that kept it from being opened.
    A source that fails makes its tables failed; the others are collected all the same.
    """
    collection = _Collection(requests, datamap, sources, clock)
    while (address := collection.next_table()) is not None:
        progress(str(address))
        collection.read(address)
    return collection.dossiers()


class _Collection:
    def __init__(self, requests: Sequence[Request], datamap: DataMap, sources: Mapping[str, Source | DsarError], clock: Clock) -> None:
        self.requests = {r.id: r for r in requests}
        self.datamap, self.sources, self.clock = datamap, sources, clock
        self.region = datamap.controller.region
        self.order = reading_order(datamap)
        self.states = {a: State(a, t) for a, t in datamap.tables()}
        self.unlisted: dict[str, tuple[str, ...]] = {}
        self.known = {
            r.id: {(i.kind, i.value): Trace(HOLDS["claimed"] if i.standing == "claimed" else None) for i in r.identifiers} for r in requests
        }
        for name in datamap.sources:
            self._compare_schema(name)

    def _compare_schema(self, name: str) -> None:
        states = [s for a, s in self.states.items() if a.source == name]
        try:
            schema = self._source(name).schema()
        except Exception as error:  # noqa: BLE001 - whatever a connector raises, this source has failed and the rest goes on
            for state in states:
                state.failed = str(in_words(error, name))
            return
        declared = self.datamap.sources[name]
        self.unlisted[name] = tuple(sorted(set(schema) - set(declared.tables) - set(declared.ignored)))
        for state in states:
            state.failed, state.undeclared = drift(state.address, state.table, schema)
            state.unique = state.address.table in schema and set(schema[state.address.table].key) == set(state.table.key)

    def _source(self, name: str) -> Source:
        source = self.sources[name]
        if isinstance(source, DsarError):
            raise source
        return source

    # -- which table next, and what it is asked --------------------------------------------------

    def next_table(self) -> Address | None:
        """Return the first table, in reading order, that has something left to be asked."""
        return next((a for a in self.order if not self.states[a].failed and any(True for _ in self._pending(a))), None)

    def _pending(self, address: Address) -> Iterator[Pending]:
        state = self.states[address]
        search = set(state.table.match_kinds(address.source))
        for request, known in self.known.items():
            for (kind, value), trace in known.items():
                # The row that issued a key is the one row that bears it: no need to ask its table again.
                at_home = trace.issued and trace.home == address and state.table.match_columns(kind, address.source) == state.table.key
                if kind in search and not at_home and (kind, value) not in state.asked[request]:
                    yield Pending(request, kind, value)

    def read(self, address: Address) -> None:
        """Ask one table everything that is pending, for all requests in one pass."""
        state, pending = self.states[address], list(self._pending(address))
        self._judge(pending)
        for request, kind, value in pending:
            state.asked[request].add((kind, value))
        try:
            answers = list(self._answers(state, [Want(str(n), p.kind, p.value) for n, p in enumerate(pending)]))
        except Exception as error:  # noqa: BLE001 - whatever a connector raises, this table has failed and the rest goes on
            state.failed = str(in_words(error, str(address)))
            return
        state.collected_at = self.clock()
        fresh = [hit for answer in answers for part in answer.parts for hit in self._take_in(state, part, pending)]
        came = (str(column) for answer in answers for part in answer.parts for column in part.frame)
        state.undeclared = tuple(dict.fromkeys((*state.undeclared, *(c for c in came if c not in state.table.columns))))
        state.malformed += sum(a.malformed for a in answers)
        state.waiting = next((a.waiting for a in answers if a.waiting), state.waiting)
        for request, position in dict.fromkeys(fresh):
            self._reveal(state, request, position)

    def _answers(self, state: State, wanted: list[Want]) -> Iterator[Answer]:
        source = self._source(state.address.source)
        for some in [wanted] if source.can.many else [[want] for want in wanted]:
            parts = source.read(Match(state.address.table, tuple(some), ROW_LIMIT))
            answer = checked(state.address, state.table, parts, some, self.region)
            if not state.unique:
                require_unique(state.address, state.table, source, answer)
            yield answer

    def _take_in(self, state: State, part: Rows, pending: Sequence[Pending]) -> Iterator[tuple[str, int]]:
        positions, new = [], []
        for n, row in enumerate(values.rows(part.frame)):
            key = tuple(row[c] for c in state.table.key)
            if key not in state.index:
                state.index[key] = len(state.rows)
                state.rows.append(row)
                new.append(n)
            positions.append(state.index[key])
        if new:
            state.frames.append(values.take(part.frame, new))
        for asked in part.asks:
            request, kind, value = pending[int(asked.ask_id)]
            state.link(request, positions[asked.row], Link(kind, value, asked.matched_on))
            yield request, positions[asked.row]

    # -- widening, and what is held --------------------------------------------------------------

    def _hold(self, state: State, request: str, position: int) -> Hold | None:
        return hold_of(state, request, position, self.known[request])

    def _reveal(self, state: State, request: str, position: int) -> None:
        hold = self._hold(state, request, position)
        if hold is not None and not hold.widens:
            return
        via = f"{state.address} {state.key(position)}"
        for kind, column in state.table.revealed(state.address.source).items():
            value = kinds.normal(kind, state.rows[position].get(column), self.region)
            if value is None:
                continue
            proved = kind not in kinds.GLOBAL  # a source issues its keys; an e-mail address in a record may be anybody's
            own = proved and (column,) == state.table.key
            trace = Trace(hold if proved else hold or HOLDS["unproven"], via, state.address, issued=own)
            before = self.known[request].setdefault((kind, value), trace)
            if before.hold is not None and trace.hold is None and own:
                before.hold, before.issued = None, True
                self._reveal_again(request, kind, value)

    def _reveal_again(self, request: str, kind: str, value: str) -> None:
        """Let the rows that an identifier led to while it was held lead on."""
        for state in self.states.values():
            for position, links in list(state.links[request].items()):
                if any((link.kind, link.value) == (kind, value) for link in links):
                    self._reveal(state, request, position)

    def _judge(self, pending: Iterable[Pending]) -> None:
        """Hold the keys that rows of somebody else refer to as well."""
        doubtful: dict[str, list[Pending]] = defaultdict(list)
        for p in pending:
            trace = self.known[p.request][p.kind, p.value]
            if not trace.issued and trace.hold is None:
                doubtful[p.kind].append(p)
        for kind, asked in doubtful.items():
            for address, column in referrers(self.datamap, kind):
                if (column,) != self.datamap.table(address).key:
                    self._judge_in(self.states[address], column, asked)

    def _judge_in(self, state: State, column: str, asked: Sequence[Pending]) -> None:
        try:
            counts = self._counts(state, column, asked)
        except Exception:  # noqa: BLE001 - without a count we do not know, and what we do not know is held
            counts = None
        for request, kind, value in asked:
            bearing = [p for p in state.links[request] if kinds.normal(kind, state.rows[p].get(column)) == value]
            ours = sum(self._hold(state, request, position) is None for position in bearing)
            trace = self.known[request][kind, value]
            if counts is None or counts.get(value, 0) < len(bearing):  # a count that misses rows we hold counts for nothing
                trace.hold = trace.hold or HOLDS["unchecked"]
            elif counts.get(value, 0) > ours:
                trace.hold = HOLDS["shared"]

    def _counts(self, state: State, column: str, asked: Sequence[Pending]) -> dict[str, int] | None:
        source = self._source(state.address.source)
        if not source.can.others or state.failed:
            return None
        return counted(source, Others(state.address.table, column, tuple(sorted({p.value for p in asked}))))

    # -- the result ------------------------------------------------------------------------------

    def dossiers(self) -> dict[str, Dossier]:
        """Return what was found, held and not answered, per request."""
        shared = {address: self._two_requests(state) for address, state in self.states.items()}
        now = self.clock()
        return {
            r: Dossier(request, self.datamap, now, self._found(r, {a: rows.get(r, set()) for a, rows in shared.items()}), self.unlisted)
            for r, request in self.requests.items()
        }

    def _two_requests(self, state: State) -> dict[str, set[int]]:
        """Return per request the rows that are found for another request, of somebody else, as well."""
        by_row: dict[int, list[str]] = defaultdict(list)
        for request, links in state.links.items():
            for position in links:
                if self._hold(state, request, position) is None:
                    by_row[position].append(request)
        held: dict[str, set[int]] = defaultdict(set)
        for position, requests in by_row.items():
            for one in requests:
                if any(not _same_subject(self.requests[one], self.requests[other]) for other in requests if other != one):
                    held[one].add(position)
        return held

    def _found(self, request: str, shared: Mapping[Address, set[int]]) -> dict[Address, Found]:
        frames = {a: self._frame(self.states[a], request, shared[a]) for a in self.states}
        facts = {a: self.states[a].facts(request) for a in self.order}
        decided = outcomes(self.datamap, facts, {a: f["dsar_standing"] for a, f in frames.items()})
        return {a: Found(decided[a], frames[a]) for a in self.states}

    def _frame(self, state: State, request: str, shared: set[int]) -> pd.DataFrame:
        links = state.links.get(request, {})
        positions = sorted(links, key=state.order_key)
        holds = [self._row_hold(state, request, p, shared) for p in positions]
        table = state.whole() if positions else values.frame({c: [] for c in state.table.columns})
        first = [min(links[p], key=lambda link: self.known[request][link.kind, link.value].hold is not None) for p in positions]
        provenance: dict[str, list[str | None]] = {
            "dsar_key": [state.key(p) for p in positions],
            "dsar_matched_on": [link.matched_on for link in first],
            "dsar_standing": ["held" if h else "found" for h in holds],
            "dsar_hold": [h.code if h else None for h in holds],
            "dsar_kind": [link.kind for link in first],
            "dsar_via": [self.known[request][link.kind, link.value].via for link in first],
        }
        return values.beside(values.take(table, positions), values.frame(provenance, dict.fromkeys(PROVENANCE, "text")))

    def _row_hold(self, state: State, request: str, position: int, shared: set[int]) -> Hold | None:
        if state.undeclared:
            return HOLDS["undeclared"]
        return HOLDS["two requests"] if position in shared else self._hold(state, request, position)


def _same_subject(one: Request, other: Request) -> bool:
    """Whether two requests are one person's: what one of them proved, the other proved too."""
    mine, theirs = ({(i.kind, i.value) for i in r.identifiers if i.standing == "verified"} for r in (one, other))
    return bool(mine and theirs) and (mine <= theirs or theirs <= mine)
