"""What the register holds of a request besides its events, in the parts that a keyed hash is kept of."""

from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa

from dsar.request import tables

# By name, so that a column which a later version adds changes no hash that an older one left.
_LINE = (
    "seq", "id", "id_folded", "version", "received", "channel", "requester", "reply_to", "language", "regime", "calendar",
    "no_reasonable_doubt", "handler", "letter_sha256", "line_sha256", "registered_at",
)  # fmt: skip
PARTS = {"line": "its line", "rights": "its rights", "identifiers": "what it is known by", "standings": "how far that is proved"}
_MANY = 500  # more requests are picked from all: databases limit the values of a statement

State = Mapping[str, list[Any]]  # part → values in a fixed order


def states(connection: sa.Connection, ids: Iterable[str] | None = None) -> dict[str, State]:
    """Return the state by request, of all where none is named: also of one that stands in some of the tables only."""
    chosen = None if ids is None else set(ids)
    found: dict[str, dict[str, list[Any]]] = {}

    def rows(table: sa.Table, column: str, *order: str) -> Iterable[tuple[dict[str, list[Any]], Mapping[str, Any]]]:
        query = sa.select(table).order_by(*(table.c[name] for name in order))
        few = chosen is not None and len(chosen) <= _MANY
        for row in connection.execute(query.where(table.c[column].in_(chosen or ())) if few else query).mappings():
            if chosen is None or row[column] in chosen:
                yield found.setdefault(row[column], {part: [] for part in PARTS}), dict(row)

    for state, row in rows(tables.REQUESTS, "id", "seq"):
        state["line"] += [str(row[name]) for name in _LINE]
    for state, row in rows(tables.RIGHTS, "request", "place", "name"):
        state["rights"] += [[row["name"], row["place"]]]
    for state, row in rows(tables.IDENTIFIERS, "request", "place", "kind", "value"):
        state["identifiers"] += [[row["kind"], row["value"], row["place"]]]
        state["standings"] += [row["standing"]]
    return dict(found)
