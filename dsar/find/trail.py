"""What is known while collecting: identifiers and how they were learned, tables and what they gave."""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from functools import cached_property
from typing import NamedTuple

import pyarrow as pa

from dsar import kinds, values
from dsar.datamap import Address, Reveal, Table
from dsar.find.hold import Hold
from dsar.find.outcome import TableFacts
from dsar.find.sighting import Sighting

Names = dict[tuple[str, str, str], set[tuple[str, ...]]]  # request, kind, value → names that the identifier leads to


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
    led_by: tuple[Address, int] | None = None  # the row that it stands on: where that is held after all, nothing was proved
    seen: dict[tuple[Address, int], Sighting] = field(default_factory=dict)  # rows that show them using an address


@dataclass
class State:
    """What is known of one table while collecting."""

    address: Address
    table: Table
    failed: str = ""
    waiting: dict[str, str] = field(default_factory=dict)  # request → for whom it waits
    undeclared: tuple[str, ...] = ()
    types: Mapping[str, str | None] = field(default_factory=dict)  # column → type, where the source knows it
    zone: tzinfo = UTC  # of times stored without one
    unique: bool = False  # the source itself keeps the key unique
    malformed: Counter[str] = field(default_factory=Counter)  # request → lines and cells that may be theirs and cannot be read
    unreadable: int = 0  # lines that bear nobody's identifier
    collected_at: datetime | None = None
    frames: list[pa.Table] = field(default_factory=list)
    rows: list[dict[str, object]] = field(default_factory=list)
    index: dict[tuple[object, ...], int] = field(default_factory=dict)
    links: dict[str, dict[int, list[Link]]] = field(default_factory=lambda: defaultdict(dict))  # request → row → why
    names: Names = field(default_factory=lambda: defaultdict(set))  # of all tables
    asked: dict[str, set[tuple[str, str]]] = field(default_factory=lambda: defaultdict(set))  # request → (kind, value)
    asked_up_to: dict[str, int] = field(
        default_factory=lambda: defaultdict(int)
    )  # request → how many of its identifiers, which only grow in number, were looked at
    keys: dict[int, str] = field(default_factory=dict)  # row → its key as JSON, once it was spelled

    @cached_property
    def searched_by(self) -> Mapping[str, tuple[str, ...]]:
        """Each scoped kind the table can be searched by, with the columns that hold it."""
        return {kind: self.table.match_columns(kind, self.address.source) for kind in self.table.match_kinds(self.address.source)}

    @cached_property
    def reveals(self) -> Mapping[str, Reveal]:
        """Each scoped kind that a row reveals, and where."""
        return self.table.reveals_of(self.address.source)

    @cached_property
    def untyped(self) -> tuple[tuple[int, str], ...]:
        """The columns, by their place, whose type the map does not say."""
        found = enumerate(self.whole().column_names)
        return tuple((place, name) for place, name in found if not ((column := self.table.columns.get(name)) and column.type))

    @cached_property
    def _name_columns(self) -> tuple[str, ...]:
        return self.table.name_columns

    def name(self, position: int) -> tuple[str, ...]:
        """The person's name in a row, as `kinds.name_parts`."""
        row = self.rows[position]
        return kinds.name_parts(" ".join(str(row[c]) for c in self._name_columns if row.get(c) is not None)) if self._name_columns else ()

    def link(self, request: str, position: int, link: Link) -> None:
        """Note why a row is a request's, and whose name an identifier led to."""
        self.links[request].setdefault(position, []).append(link)
        if name := self.name(position):
            self.names[request, link.kind, link.value].add(name)

    def key(self, position: int) -> str:
        """The row's key as JSON."""
        if position not in self.keys:
            row = self.rows[position]
            self.keys[position] = json.dumps([row[c] for c in self.table.key], default=values.as_text)  # as `dsar.find.dossier.as_key`
        return self.keys[position]

    def known_key(self, position: int) -> str:
        """The row's key as text, to be compared with one that was remembered."""
        return json.dumps([values.plain(self.rows[position][c]) for c in self.table.key])

    def whole(self) -> pa.Table:
        """All rows as one table, put together once however many requests ask."""
        if not self.frames:
            return values.to_arrow(values.frame({c: [] for c in self.table.columns}))
        if len(self.frames) > 1:
            self.frames = [values.stack(self.frames).combine_chunks()]
        return self.frames[0]

    def own_types(self, found: pa.Table) -> pa.Table:
        """Return some of the rows with the types they would have alone: a column that nobody gives a type takes it from all rows that were read."""
        for place, name in self.untyped:
            column = found.column(place)
            places = "(" in (self.types.get(name) or "")  # the source itself says how many a number has
            if not (places and column.null_count < len(found)) and (own := values.narrowed(column)) is not column:
                found = found.set_column(place, name, own)
        return found

    def facts(self, request: str) -> TableFacts:
        """What decides this table's outcome for one request."""
        searched_by = tuple(sorted({kind for kind, _ in self.asked.get(request, ())} - {kinds.MAILBOX}))
        waiting = self.waiting.get(request, "")
        at = self.collected_at if self.asked.get(request) or self.links.get(request) else None  # else only others were looked for here
        return TableFacts(self.failed, waiting, self.undeclared, self.malformed[request], at, searched_by, self.unreadable if searched_by else 0)

    def order_key(self, position: int) -> list[tuple[bool, object]]:
        """What rows are sorted by: their key, numbers before text."""
        key = (self.rows[position][c] for c in self.table.key)
        return [(not isinstance(v, int), v if isinstance(v, int) else str(v)) for v in key]
