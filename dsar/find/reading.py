"""Tables are read one after the other until nothing is left to be asked, each for all requests at once."""

from collections.abc import Iterator, Sequence
from itertools import islice

from dsar import kinds
from dsar.datamap import Address
from dsar.errors import DsarError
from dsar.find.check import Answer, checked, in_words, require_unique
from dsar.find.collection import Collection, Progress
from dsar.find.trail import Link, Pending, State
from dsar.find.widening import judge_keys, lead_on
from dsar.source import Match, Rows, Want

ROW_LIMIT = 1_000_000  # a match that hits more rows is a mistake in the map, not a person


def read_all(collection: Collection, progress: Progress) -> None:
    """Ask table after table, until nothing is left to be asked."""
    while (address := _next_table(collection)) is not None:
        progress(str(address))
        _read(collection, address)


def _next_table(collection: Collection) -> Address | None:
    """Return the first table, in reading order, that has something left to be asked."""
    return next((a for a in collection.ways if not collection.states[a].failed and any(True for _ in _pending(collection, a))), None)


def _pending(collection: Collection, address: Address) -> Iterator[Pending]:
    state = collection.states[address]
    search = set(state.searched_by)
    if not _answers_many(collection, address.source):
        search.discard(kinds.MAILBOX)  # a look-up finds what is spelled alike, or nothing
    for request, known in collection.known.items():
        for (kind, value), trace in islice(known.items(), state.asked_up_to[request], None):
            # The row that issued a key is the one row that bears it: no need to ask its table again.
            at_home = kind in search and trace.issued and trace.home == address and state.searched_by[kind] == state.table.key
            if kind in search and not at_home:
                yield Pending(request, kind, value)


def _answers_many(collection: Collection, name: str) -> bool:
    source = collection.sources[name]
    return not isinstance(source, DsarError) and source.can.many


def _read(collection: Collection, address: Address) -> None:
    """Ask one table everything that is pending, for all requests in one pass."""
    state, pending = collection.states[address], list(_pending(collection, address))
    judge_keys(collection, pending)
    for request, kind, value in pending:
        state.asked[request].add((kind, value))
    state.asked_up_to.update((request, len(known)) for request, known in collection.known.items())
    try:
        answers = list(_answers(collection, state, [Want(str(n), p.kind, p.value) for n, p in enumerate(pending)]))
    except Exception as error:  # noqa: BLE001 - whatever a connector raises, this table has failed and the rest goes on
        state.failed = str(in_words(error, str(address)))
        return
    state.collected_at = collection.clock()
    fresh = [hit for answer in answers for part in answer.parts for hit in _take_in(collection, state, part, pending)]
    came = (str(column) for answer in answers for part in answer.parts for column in part.frame)
    state.undeclared = tuple(dict.fromkeys((*state.undeclared, *(c for c in came if c not in state.table.columns))))
    _note_malformed(collection, state, answers, pending)
    for whom, asks in (waiting for answer in answers for waiting in answer.waiting):
        concerned = collection.requests if asks is None else {pending[int(ask)].request for ask in asks}
        state.waiting |= dict.fromkeys(concerned, whom)
    for request, position in dict.fromkeys(fresh):
        lead_on(collection, state, request, position)


def _note_malformed(collection: Collection, state: State, answers: Sequence[Answer], pending: Sequence[Pending]) -> None:
    for part in (part for answer in answers for part in answer.malformed):
        if part.asks == ():
            state.unreadable += part.count
        else:
            concerned = collection.requests if part.asks is None else {pending[int(ask)].request for ask in part.asks}
            state.malformed.update(dict.fromkeys(concerned, part.count))


def _answers(collection: Collection, state: State, wanted: list[Want]) -> Iterator[Answer]:
    source = collection.source(state.address.source)
    for some in [wanted] if source.can.many else [[want] for want in wanted]:
        parts = source.read(Match(state.address.table, tuple(some), ROW_LIMIT))
        answer = checked(state.address, state.table, parts, some, collection.region)
        if not state.unique:
            require_unique(state.address, state.table, source, answer)
        yield answer


def _take_in(collection: Collection, state: State, part: Rows, pending: Sequence[Pending]) -> Iterator[tuple[str, int]]:
    positions = collection.add(state, part)
    for asked in part.asks:
        request, kind, value = pending[int(asked.ask_id)]
        if state.table.of_request and state.rows[positions[asked.row]][state.table.of_request] == request:
            continue
        state.link(request, positions[asked.row], Link(kind, value, asked.matched_on))
        yield request, positions[asked.row]
