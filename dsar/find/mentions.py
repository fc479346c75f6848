"""Other people in a person's own rows: cells of free text that name somebody, and what was ruled on them.

What is recognised (addresses, numbers, cards, accounts) and is not the person's own is somebody else's. Words that look
like a name are only asked about: a source counts who bears them, and the customer base is never loaded.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol, TypeVar

from dsar import kinds
from dsar.find.people import candidates
from dsar.recognise import Mention, recognise

LOOKED_UP = {"name": "name", "possible phone": "phone"}  # what only a source can tell, and the kind it is asked for


@dataclass(frozen=True)
class Cell:
    """A cell that speaks of somebody else: where, and what was ruled (None while it waits)."""

    key: str
    column: str
    text: str
    mentions: tuple[Mention, ...]
    choice: str | None = None


class Text(Protocol):
    """A text, and whose row it stands in."""

    @property
    def request(self) -> str:
        """The request."""
        ...

    @property
    def text(self) -> str:
        """The text."""
        ...


T = TypeVar("T", bound=Text)
Known = Callable[[str, set[str]], set[str]]  # kind, values → those that stand in some record


@dataclass(frozen=True)
class Own:
    """What is a person's own, and so no mention of somebody else."""

    identifiers: frozenset[tuple[str, str]]
    names: frozenset[tuple[str, ...]] = field(default_factory=frozenset)

    def has(self, kind: str, value: str) -> bool:
        """Whether an identifier is theirs, or a name is one of theirs or a part of it."""
        if kind == "name":
            words = set(kinds.name_parts(value))
            return any(words <= set(name) for name in self.names)
        return (LOOKED_UP.get(kind, kind), value) in self.identifiers


def mentions(texts: Iterable[T], own: Mapping[str, Own], region: str, known: Known) -> Iterator[tuple[T, list[Mention]]]:
    """Yield the texts that name somebody else, each with what it names.

    `known` is asked once per kind for all texts.
    """
    found = [(text, [m for m in _recognised(text.text, region) if not own[text.request].has(m.kind, m.value)]) for text in texts]
    asked: dict[str, set[str]] = {kind: {_form(m) for _, some in found for m in some if m.kind == kind} for kind in LOOKED_UP}
    there = {kind: known(LOOKED_UP[kind], values_) if values_ else set() for kind, values_ in asked.items()}
    for text, some in found:
        sure = [m for m in some if m.kind not in LOOKED_UP or _form(m) in there[m.kind]]
        if sure:
            yield text, sure


def _form(mention: Mention) -> str:
    return kinds.normal(LOOKED_UP[mention.kind], mention.value) or ""


@lru_cache(10_000)
def _recognised(text: str, region: str) -> tuple[Mention, ...]:
    return (*recognise(text, region), *candidates(text))


def as_json(found: Iterable[tuple[str, Iterable[Mention], str | None]]) -> str | None:
    """Return mentions by column, with the ruling, as a row carries them; places and kinds, never values."""
    cells = [[column, [[m.start, m.end, m.kind] for m in some], choice] for column, some, choice in found]
    return json.dumps(cells) if cells else None


def cells_of(rows: Iterable[Mapping[str, object]]) -> list[Cell]:
    """Return the cells of a dossier's rows that speak of somebody else."""
    return [cell for row in rows if row["dsar_cells"] for cell in _cells(row)]


def _cells(row: Mapping[str, object]) -> Iterator[Cell]:
    for column, spans, choice in json.loads(str(row["dsar_cells"])):
        text = str(row[column])
        yield Cell(str(row["dsar_key"]), column, text, tuple(Mention(s, e, kind, text[s:e]) for s, e, kind in spans), choice)
