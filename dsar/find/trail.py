"""What is known while collecting: identifiers and how they were learned, tables and what they gave."""

import json
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

import pandas as pd

from dsar import values
from dsar.datamap import Address, Table
from dsar.find.hold import Hold
from dsar.find.outcome import TableFacts


class Link(NamedTuple):
    """Why a row is a request's: the identifier, and the column it was found in."""

    kind: str
    value: str
    matched_on: str


class Pending(NamedTuple):
    """An identifier of a request that a table has not been asked for yet."""

    request: str
    kind: str
    value: str


@dataclass
class Trace:
    """How a request came to know an identifier."""

    hold: Hold | None
    via: str = ""  # the row that revealed it, as "source.table key"; empty where the requester gave it
    home: Address | None = None  # the table whose row revealed it
    issued: bool = True  # given, or read off the row that it is the key of: nobody else can have it


@dataclass
class State:
    """What is known of one table while collecting."""

    address: Address
    table: Table
    failed: str = ""
    waiting: str = ""
    undeclared: tuple[str, ...] = ()
    unique: bool = False  # the source itself keeps the key unique
    malformed: int = 0
    collected_at: datetime | None = None
    frames: list[pd.DataFrame] = field(default_factory=list)
    rows: list[dict[str, object]] = field(default_factory=list)
    index: dict[tuple[object, ...], int] = field(default_factory=dict)
    links: dict[str, dict[int, list[Link]]] = field(default_factory=lambda: defaultdict(dict))  # request → row → why
    names: dict[tuple[str, str, str], set[str]] = field(default_factory=lambda: defaultdict(set))  # request, kind, value → names found
    asked: dict[str, set[tuple[str, str]]] = field(default_factory=lambda: defaultdict(set))  # request → (kind, value)

    def link(self, request: str, position: int, link: Link) -> None:
        """Note why a row is a request's, and whose name an identifier led to."""
        self.links[request].setdefault(position, []).append(link)
        if name := self.table.name_in(self.rows[position]):
            self.names[request, link.kind, link.value].add(name)

    def key(self, position: int) -> str:
        """The row's key as JSON."""
        return json.dumps([self.rows[position][c] for c in self.table.key], default=values.as_text)

    def whole(self) -> pd.DataFrame:
        """All rows as one frame, put together once however many requests ask."""
        self.frames = [values.concat(self.frames)]
        return self.frames[0]

    def facts(self, request: str) -> TableFacts:
        """What decides this table's outcome for one request."""
        searched_by = tuple(sorted({kind for kind, _ in self.asked.get(request, ())}))
        return TableFacts(self.failed, self.waiting, self.undeclared, self.malformed, self.collected_at, searched_by)

    def order_key(self, position: int) -> list[tuple[bool, object]]:
        """What rows are sorted by: their key, numbers before text."""
        key = (self.rows[position][c] for c in self.table.key)
        return [(not isinstance(v, int), v if isinstance(v, int) else str(v)) for v in key]
