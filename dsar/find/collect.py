"""Collect for many requests at once: each table is read once, whoever asks and however many.

Identifiers the requester gave, and keys the sources issue for rows already theirs, pull rows in.
What could be somebody else's is held (`dsar.find.hold`) and, but for claims, leads no further.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType

import pandas as pd
import pyarrow as pa

from dsar import kinds, values
from dsar.datamap import Address, Attribution, DataMap, Reveal
from dsar.errors import DsarError
from dsar.find import bystanders, duplicates
from dsar.find.between import contested
from dsar.find.check import Answer, checked, counted, drift, in_words, require_unique
from dsar.find.documents import redacted
from dsar.find.dossier import PROVENANCE, Dossier, Found
from dsar.find.hold import HOLDS, KIND_SIMILAR, Hold
from dsar.find.judge import given, hold_of, line_hold
from dsar.find.mentions import cells_of
from dsar.find.order import reading_order, referrers
from dsar.find.outcome import outcomes
from dsar.find.recall import KIND as RECALLED
from dsar.find.recall import Remembered, plain_key, reads_as_before
from dsar.find.review import REDACTED, RELEASE, Rulings, held_by
from dsar.find.sighting import Sighting, instant, judge, moments
from dsar.find.trail import Link, Names, Pending, State, Trace
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
    rulings: Mapping[str, Rulings] = MappingProxyType({}),
    remembered: Mapping[str, Sequence[Remembered]] = MappingProxyType({}),
) -> dict[str, Dossier]:
    """Return one dossier per request id; `rulings` are what people ruled on what was held, and `remembered` rows of earlier plans, by request.

    `sources` holds, per source of the map, the source or the error that kept it from being opened.
    A source that fails makes its tables failed; the others are collected all the same.
    """
    collection = _Collection(requests, datamap, sources, clock, rulings)
    collection.read_all(progress)
    if collection.recall(remembered):
        collection.read_all(progress)
    return collection.dossiers()


class _Collection:
    def __init__(
        self, requests: Sequence[Request], datamap: DataMap, sources: Mapping[str, Source | DsarError], clock: Clock, rulings: Mapping[str, Rulings]
    ) -> None:
        self.requests, self.rulings = {r.id: r for r in requests}, rulings
        self.datamap, self.sources, self.clock = datamap, sources, clock
        self.region = datamap.controller.region
        self.order = reading_order(datamap)
        names: Names = defaultdict(set)
        self.states = {a: State(a, t, zone=datamap.zone(a.source), names=names) for a, t in datamap.tables()}
        self.unlisted: dict[str, tuple[str, ...]] = {}
        self.nothing: dict[Address, pa.Table] = {}  # what a request receives of a table that holds nothing of theirs
        self.settled: dict[tuple[Address, str, int], Hold | None] | None = None
        self.known = {r.id: given(r, one_mailbox=datamap.controller.one_mailbox) for r in requests}
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
            state.types = schema[state.address.table].columns if state.address.table in schema else {}
            state.unique = state.address.table in schema and set(schema[state.address.table].key) == set(state.table.key)

    def _source(self, name: str) -> Source:
        source = self.sources[name]
        if isinstance(source, DsarError):
            raise source
        return source

    # -- which table next, and what it is asked --------------------------------------------------

    def read_all(self, progress: Progress) -> None:
        """Ask table after table, until nothing is left to be asked."""
        while (address := self.next_table()) is not None:
            progress(str(address))
            self.read(address)

    def next_table(self) -> Address | None:
        """Return the first table, in reading order, that has something left to be asked."""
        return next((a for a in self.order if not self.states[a].failed and any(True for _ in self._pending(a))), None)

    def _pending(self, address: Address) -> Iterator[Pending]:
        state = self.states[address]
        search = set(state.table.match_kinds(address.source))
        if not self._answers_many(address.source):
            search.discard(kinds.MAILBOX)  # a look-up finds what is spelled alike, or nothing
        for request, known in self.known.items():
            for (kind, value), trace in known.items():
                # The row that issued a key is the one row that bears it: no need to ask its table again.
                at_home = trace.issued and trace.home == address and state.table.match_columns(kind, address.source) == state.table.key
                if kind in search and not at_home and (kind, value) not in state.asked[request]:
                    yield Pending(request, kind, value)

    def _answers_many(self, name: str) -> bool:
        source = self.sources[name]
        return not isinstance(source, DsarError) and source.can.many

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
        self._note_malformed(state, answers, pending)
        for whom, asks in (waiting for answer in answers for waiting in answer.waiting):
            concerned = self.requests if asks is None else {pending[int(ask)].request for ask in asks}
            state.waiting |= dict.fromkeys(concerned, whom)
        for request, position in dict.fromkeys(fresh):
            self._reveal(state, request, position)

    def _note_malformed(self, state: State, answers: Sequence[Answer], pending: Sequence[Pending]) -> None:
        for part in (part for answer in answers for part in answer.malformed):
            if part.asks == ():
                state.unreadable += part.count
            else:
                concerned = self.requests if part.asks is None else {pending[int(ask)].request for ask in part.asks}
                state.malformed.update(dict.fromkeys(concerned, part.count))

    def _answers(self, state: State, wanted: list[Want]) -> Iterator[Answer]:
        source = self._source(state.address.source)
        for some in [wanted] if source.can.many else [[want] for want in wanted]:
            parts = source.read(Match(state.address.table, tuple(some), ROW_LIMIT))
            answer = checked(state.address, state.table, parts, some, self.region)
            if not state.unique:
                require_unique(state.address, state.table, source, answer)
            yield answer

    def _take_in(self, state: State, part: Rows, pending: Sequence[Pending]) -> Iterator[tuple[str, int]]:
        positions = self._add(state, part)
        for asked in part.asks:
            request, kind, value = pending[int(asked.ask_id)]
            if state.table.of_request and state.rows[positions[asked.row]][state.table.of_request] == request:
                continue
            state.link(request, positions[asked.row], Link(kind, value, asked.matched_on))
            yield request, positions[asked.row]

    def _add(self, state: State, part: Rows) -> list[int]:
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

    def recall(self, remembered: Mapping[str, Sequence[Remembered]]) -> bool:
        """Read rows of earlier plans that nothing led to this time, by their keys, and return whether one was found."""
        linked = {(r, s.address, s.known_key(p)) for s in self.states.values() for r, links in s.links.items() for p in links}
        wanted: dict[Address, list[tuple[str, Remembered]]] = defaultdict(list)
        for request, known in ((r, k) for r, listed in remembered.items() if r in self.requests for k in listed):
            if known.address in self.states and (request, known.address, plain_key(known)) not in linked:
                wanted[known.address].append((request, known))
        found = [self._recall_in(self.states[address], listed) for address, listed in wanted.items()]
        return any(found)

    def _recall_in(self, state: State, listed: Sequence[tuple[str, Remembered]]) -> bool:
        if state.failed:
            return False
        try:
            parts = list(duplicates.rows_of(self._source(state.address.source), state.address, dict.fromkeys(k.key for _, k in listed)))
        except Exception as error:  # noqa: BLE001 - whatever a connector raises, this table has failed and the rest goes on
            state.failed = str(in_words(error, str(state.address)))
            return False
        found = {state.known_key(p): p for part in parts for p in self._add(state, part)}
        state.collected_at = state.collected_at or self.clock()
        for request, known in listed:
            name = f"{known.address} {plain_key(known)}"
            state.asked[request].add((RECALLED, name))
            if (position := found.get(plain_key(known))) is not None:
                self.known[request][RECALLED, name] = Trace(None if self._certain(state, request, position, known) else HOLDS["known by key"])
                state.link(request, position, Link(RECALLED, name, "key"))
                self._reveal(state, request, position)
        return bool(found)

    def _certain(self, state: State, request: str, position: int, known: Remembered) -> bool:
        """Whether a remembered row reads as it did, and nobody ruled against it since."""
        ruled = self.rulings[request].found.get((str(state.address), state.key(position), "")) if request in self.rulings else None
        return reads_as_before(state.table, state.rows[position], known) and not (ruled and held_by(ruled.choice))

    # -- widening, and what is held --------------------------------------------------------------

    def _hold(self, state: State, request: str, position: int) -> Hold | None:
        if self.settled is None:
            return self._ruled(state, request, position, hold_of(state, request, position, self.known[request]))
        place = (state.address, request, position)
        if place not in self.settled:
            self.settled[place] = self._ruled(state, request, position, hold_of(state, request, position, self.known[request]))
        return self.settled[place]

    def _ruled(self, state: State, request: str, position: int, hold: Hold | None) -> Hold | None:
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

    def _reveal(self, state: State, request: str, position: int) -> None:
        hold = self._hold(state, request, position)
        if hold is not None and not hold.widens:
            return
        if state.table.owner == "organisation":
            hold = hold or HOLDS["through company"]
        via = f"{state.address} {state.key(position)}"
        for kind, reveal in state.table.reveals_of(state.address.source).items():
            column = reveal.column
            borne = state.rows[position].get(column)
            value = kinds.normal(kind, f"{reveal.prefix}{kinds.normal('key', borne)}" if reveal.prefix and borne is not None else borne, self.region)
            if value is None:
                continue
            if kind == "ip":
                self._see(state, request, position, value, reveal)
                continue
            proved = kind not in kinds.ADDRESSES  # a source issues its keys; an e-mail address in a record may be anybody's
            own = proved and (column,) == state.table.key
            trace = Trace(hold if proved else hold or HOLDS["unproven"], via, state.address, issued=own)
            before = self.known[request].setdefault((kind, value), trace)
            if before.hold is not None and trace.hold is None and own:
                before.hold, before.issued = None, True
                self._reveal_again(request, kind, value)

    def _see(self, state: State, request: str, position: int, value: str, reveal: Reveal) -> None:
        """Note that a row shows them using an address; it is theirs at that time only."""
        row, name = state.rows[position], f"{state.address} {state.key(position)}"
        at = instant(row.get(reveal.at), self.datamap.zone(state.address.source)) if reveal.at else None
        browser = None if reveal.browser is None or row.get(reveal.browser) is None else str(row[reveal.browser])
        trace = self.known[request].setdefault(("ip", value), Trace(HOLDS["unattributed"], name, state.address, issued=False))
        trace.seen[state.address, position] = Sighting(name, at, browser, HOLDS["unchecked"])

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
        found = self._count(Others(state.address.table, column, tuple(sorted({p.value for p in asked}))), state.address)
        counts = None if found is None else {value: sum(rows.values()) for value, rows in found.items()}
        for request, kind, value in asked:
            bearing = [p for p in state.links[request] if kinds.normal(kind, state.rows[p].get(column)) == value]
            ours = sum(self._hold(state, request, position) is None for position in bearing)
            trace = self.known[request][kind, value]
            if counts is None or counts.get(value, 0) < len(bearing):  # a count that misses rows we hold counts for nothing
                trace.hold = trace.hold or HOLDS["unchecked"]
            elif counts.get(value, 0) > ours:
                trace.hold = HOLDS["shared"]

    def _count(self, ask: Others, address: Address) -> dict[str, dict[object, int]] | None:
        """Return how many rows refer to each value, or None where nobody can say."""
        source = self.sources[address.source]
        if isinstance(source, DsarError) or not source.can.others or self.states[address].failed:
            return None
        try:
            return counted(source, ask)
        except Exception:  # noqa: BLE001 - without a count we do not know, and what we do not know is held
            return None

    def _judge_sightings(self) -> None:
        """Find out, once all is read, who else used the addresses that lines were found on."""
        rules = [s.table.attribute for s in self.states.values() if s.table.attribute]
        traces = [(r, v, t) for r, known in self.known.items() for (kind, v), t in known.items() if kind == "ip" and t.seen]
        if not rules or not traces:
            return
        rule = max(rules, key=lambda r: r.hours)
        for request, _, trace in traces:
            for (address, position), sighting in trace.seen.items():
                sighting.hold = self._hold(self.states[address], request, position)
        for address, table in self.datamap.tables():
            if reveal := table.reveals_of(address.source).get("ip"):
                self._judge_sightings_in(self.states[address], reveal, rule, traces)

    def _judge_sightings_in(self, state: State, reveal: Reveal, rule: Attribution, traces: Sequence[tuple[str, str, Trace]]) -> None:
        zone = self.datamap.zone(state.address.source)
        addresses = tuple(sorted({value for _, value, _ in traces}))
        counts = self._count(Others(state.address.table, reveal.column, addresses, "ip", reveal.at), state.address)
        bearers: dict[tuple[str, str], list[tuple[object, int]]] = defaultdict(list)
        for request, links in state.links.items():
            for position in links:
                value = kinds.normal("ip", state.rows[position].get(reveal.column))
                if value is not None and self._hold(state, request, position) is None:
                    bearers[request, value].append((state.rows[position].get(reveal.at) if reveal.at else None, 1))
        for request, value, trace in traces:
            everybody = None if counts is None else moments(counts.get(value, {}).items(), zone)
            for sighting in trace.seen.values():
                judge(sighting, rule, everybody, moments(bearers[request, value], zone))

    def _look_for_duplicates(self) -> None:
        """Hold the records of people that are much like a person's own: somebody entered twice is found twice."""
        people = [s for s in self.states.values() if s.table.people and not s.failed and not self.datamap.is_processor(s.address)]
        own = [
            (request, duplicates.record(state.rows[position], state.table))
            for state in people
            for request, links in state.links.items()
            for position in links
            if self._hold(state, request, position) is None
        ]
        asked = [(state, frame) for state in people if own and len(frame := self._everybody(state))]
        if not asked:
            return
        try:
            found = self._similar(own, asked)
        except Exception as error:  # noqa: BLE001 - what was found stays found; that these were not looked through is said
            for state, _ in asked:
                state.failed = str(in_words(error, str(state.address)))
            return
        for (state, _), pairs in zip(asked, found, strict=True):
            try:
                self._hold_similar(state, pairs)
            except Exception as error:  # noqa: BLE001 - the same for one of them
                state.failed = str(in_words(error, str(state.address)))

    def _everybody(self, state: State) -> pd.DataFrame:
        """Return the records of a table of people as they are compared; none where its source does not hand them over, or fails."""
        try:
            source = self._source(state.address.source)
            return duplicates.everybody(source, state.address, state.table) if source.can.everyone else pd.DataFrame()
        except Exception as error:  # noqa: BLE001 - what was found stays found; that this was not looked through is said
            state.failed = str(in_words(error, str(state.address)))
            return pd.DataFrame()

    def _similar(
        self, own: Sequence[tuple[str, dict[str, str | None]]], asked: Sequence[tuple[State, pd.DataFrame]]
    ) -> list[list[tuple[str, str, str]]]:
        """Return per table what is like a person's own: request, key, why. All tables are compared at once, since the model costs more than they."""
        from dsar.find.similar import similar

        everybody = pd.concat([frame.assign(key=[f"{n} {key}" for key in frame["key"]]) for n, (_, frame) in enumerate(asked)], ignore_index=True)
        linked = {
            (request, f"{n} {state.key(position)}")
            for n, (state, _) in enumerate(asked)
            for request, links in state.links.items()
            for position in links
        }
        pairs = similar(duplicates.known(own), everybody.astype("object").where(everybody.notna(), None), linked, region=self.region)
        found: list[list[tuple[str, str, str]]] = [[] for _ in asked]
        for request, key, why in pairs[["subject", "key", "why"]].itertuples(index=False, name=None):
            n, _, rest = key.partition(" ")
            found[int(n)].append((request, rest, why))
        return found

    def _hold_similar(self, state: State, pairs: Sequence[tuple[str, str, str]]) -> None:
        source = self._source(state.address.source)
        for part in duplicates.rows_of(source, state.address, dict.fromkeys(key for _, key, _ in pairs)) if pairs else ():
            self._add(state, part)
        positions = {state.key(position): position for position in state.index.values()}
        for request, key, why in pairs:
            self.known[request].setdefault((KIND_SIMILAR, key), Trace(HOLDS[KIND_SIMILAR], via=why, issued=False))
            state.links[request].setdefault(positions[key], []).append(Link(KIND_SIMILAR, key, KIND_SIMILAR))

    # -- the result ------------------------------------------------------------------------------

    def dossiers(self) -> dict[str, Dossier]:
        """Return what was found, held and not answered, per request."""
        self._judge_sightings()
        self._look_for_duplicates()
        self.settled = {}  # from here on nothing more is learned, so no hold changes
        self.cells = bystanders.cells(self.states, self.known, self.datamap, self._hold, self._count, self.rulings)
        shared = {address: self._contested(state) for address, state in self.states.items()}
        now = self.clock()
        return {
            r: Dossier(
                request,
                self.datamap,
                now,
                self._found(r, {a: rows.get(r, set()) for a, rows in shared.items()}),
                self.unlisted,
                self.rulings[r].fingerprint if r in self.rulings else "",
            )
            for r, request in self.requests.items()
        }

    def _contested(self, state: State) -> dict[str, set[int]]:
        found_by: dict[int, list[Request]] = defaultdict(list)
        for request, links in state.links.items():
            for position in links:
                if self._hold(state, request, position) is None:
                    found_by[position].append(self.requests[request])
        return contested(found_by)

    def _found(self, request: str, shared: Mapping[Address, set[int]]) -> dict[Address, Found]:
        tables = {a: self._table(self.states[a], request, shared[a]) for a in self.states}
        facts = {a: self.states[a].facts(request) for a in self.order}
        decided = outcomes(self.datamap, facts, {a: t["dsar_standing"].to_pylist() for a, t in tables.items()})
        clients = {a: self._clients(self.states[a], request) for a in self.states if self.datamap.is_processor(a)}
        decided |= {a: replace(decided[a], state="a client's", clients=found) for a, found in clients.items() if decided[a].complete}
        waiting = {a: sum(not cell.choice for cell in cells_of(tables[a].to_pylist())) for a in self.cells.get(request, ())}
        decided |= {a: replace(decided[a], cells=cells) for a, cells in waiting.items()}
        return {a: Found(decided[a], tables[a]) for a in self.states}

    def _clients(self, state: State, request: str) -> tuple[str, ...]:
        """Return for whom we hold rows of theirs, as a processor, and how many."""
        column = state.table.client
        counted = Counter(str(state.rows[p].get(column) or "client not recorded") if column else "client" for p in state.links.get(request, {}))
        return tuple(f"{client} ({rows})" for client, rows in sorted(counted.items()))

    def _table(self, state: State, request: str, shared: set[int]) -> pa.Table:
        """Return the rows of a request with their provenance; a processor's rows are nobody's to receive from us."""
        links = {} if self.datamap.is_processor(state.address) else state.links.get(request, {})
        if not links:
            return self._nothing(state)
        positions = sorted(links, key=state.order_key)
        holds = [self._row_hold(state, request, p, shared) for p in positions]
        # What leads to a row says what it belongs to; that an earlier plan knows its key says nothing of that.
        first = [
            min(links[p], key=lambda link: (self.known[request][link.kind, link.value].hold is not None, link.kind == RECALLED)) for p in positions
        ]
        provenance: dict[str, list[str | None]] = {
            "dsar_key": [state.key(p) for p in positions],
            "dsar_matched_on": [link.matched_on for link in first],
            "dsar_standing": [h.standing if h else "found" for h in holds],
            "dsar_hold": [h.code if h else None for h in holds],
            "dsar_kind": [link.kind for link in first],
            "dsar_via": [self._via(state, request, p, link) for p, link in zip(positions, first, strict=True)],
            "dsar_cells": [self.cells.get(request, {}).get(state.address, {}).get(p) for p in positions],
        }
        found = state.own_types(state.whole().take(pa.array(positions, pa.int64())))
        if state.table.documents and request in self.rulings:
            found = redacted(found, str(state.address), provenance, self.rulings[request])
        for name in PROVENANCE:
            found = found.append_column(name, pa.array(provenance[name], pa.string()))
        return found

    def _nothing(self, state: State) -> pa.Table:
        if state.address not in self.nothing:
            empty = values.to_arrow(values.frame({c: [] for c in state.table.columns}))  # whatever the rows of others look like
            for name in PROVENANCE:
                empty = empty.append_column(name, pa.array([], pa.string()))
            self.nothing[state.address] = empty
        return self.nothing[state.address]

    def _via(self, state: State, request: str, position: int, link: Link) -> str:
        trace = self.known[request][link.kind, link.value]
        return (line_hold(state, position, trace)[1] if state.table.attribute else "") or trace.via

    def _row_hold(self, state: State, request: str, position: int, shared: set[int]) -> Hold | None:
        if state.undeclared:
            return HOLDS["undeclared"]
        return self._ruled(state, request, position, HOLDS["two requests"]) if position in shared else self._hold(state, request, position)
