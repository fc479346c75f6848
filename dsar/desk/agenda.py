"""What waits today, in plain words, and the notebook for each: the start page of JupyterLab."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date

from dsar.desk.notebooks import NAMED, Notebook, next_for
from dsar.find.review import Item
from dsar.listing import Link, Listing, listing
from dsar.request.case import Case

_SOON = 5  # days
COLUMNS = ("What waits", "Requests", "Go on with")


def agenda(
    cases: Iterable[Case],
    waiting: Mapping[str, Sequence[Item]],
    made: Callable[[Case], Collection[str]],
    today: date,
    unseen: Sequence[str] = (),
) -> Listing:
    """Return what waits, the most urgent first: columns `COLUMNS`.

    `waiting` is what waits for a ruling, by group; `made` says which rights of a case have their files already; `unseen` are the
    open requests without a snapshot that fits.
    """
    open_ = sorted((c for c in cases if not c.closed), key=lambda c: (c.due, c.request.id))
    lines = [*_dates(open_, today), *_rulings(waiting, {c.request.id for c in open_}), *_unseen(unseen), *_work(open_, made)]
    return listing(COLUMNS, lines, empty=f"Nothing waits on {today}: no case is open. A letter that came in is registered at the desk.")


_Line = tuple[str, str, Link]


def _line(what: str, requests: Iterable[str], notebook: Notebook) -> _Line:
    return what, ", ".join(requests), Link(notebook.title, notebook.name)


def _dates(cases: Sequence[Case], today: date) -> Iterator[_Line]:
    late = [c for c in cases if c.due < today]
    soon = [c for c in cases if today <= c.due and (c.due - today).days <= _SOON]
    if late:
        yield _line("Overdue: the day the law sets has passed", (f"{c.request.id} (since {c.due})" for c in late), NAMED["desk"])
    if soon:
        yield _line(f"Due within {_SOON} days", (f"{c.request.id} ({c.due})" for c in soon), NAMED["desk"])


def _rulings(waiting: Mapping[str, Sequence[Item]], open_: set[str]) -> Iterator[_Line]:
    groups = [found for found in waiting.values() if any(item.request in open_ for item in found)]
    if groups:
        requests = sorted({item.request for found in groups for item in found if item.request in open_})
        count = "One ruling" if len(groups) == 1 else f"{len(groups)} rulings"
        yield _line(f"{count} to make: rows that could be somebody else's, and texts that speak of others", requests, NAMED["review"])


def _unseen(unseen: Sequence[str]) -> Iterator[_Line]:
    if unseen:
        yield _line("No snapshot that fits, so nobody knows what waits there: collect first (`dsar collect`)", unseen, NAMED["review"])


_STATES = {
    "identity to settle": "Find out who asks: until then nothing may leave",
    "waiting for the requester": "We asked, and they have not answered: look whether a reminder is due",
    "to send": "Decided: send it, and record that it went",
    "done": "Sent: close the case",
}


_MADE = {
    "desk": "A copy lies in the outbox: have a second person read it, and deliver it",
    "verify_erasure": "See whether what was to be erased is gone",
}


def _work(cases: Sequence[Case], made: Callable[[Case], Collection[str]]) -> Iterator[_Line]:
    for state, what in _STATES.items():
        if found := [c.request.id for c in cases if c.state == state]:
            yield _line(what, found, NAMED["desk"])
    by_notebook: dict[Notebook, list[str]] = {}
    for case in (c for c in cases if c.state == "in work"):
        if notebook := next_for(case, made(case)):
            by_notebook.setdefault(notebook, []).append(case.request.id)
    for notebook in NAMED.values():
        if found := by_notebook.get(notebook, []):
            yield _line(f"Answer: {notebook.right}" if notebook.right else _MADE[notebook.name], found, notebook)
