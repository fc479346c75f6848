"""Rows that an earlier plan knows by their key: what led to them may be gone, and they still wait for their day or event.

A key alone proves little, since a system may give it to somebody else's row. So a row counts as theirs where it still reads as
it did, apart from what was to change; any other is held until a person has looked.
"""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from dsar import values
from dsar.datamap import Address, Table

KIND = "record known from the plan"


class Remembered(NamedTuple):
    """A row as it was when it was planned: its key, and a digest of each of its columns."""

    address: Address
    key: str  # JSON, as `dsar_key`
    looked: Mapping[str, str]  # column → `values.row_hash` of it alone
    emptied: frozenset[str] = frozenset()  # columns that an erasure was to change


def looks(table: Table, row: Mapping[str, Any]) -> dict[str, str]:
    """Return a digest of each column that only people change; what says whether a row is open may change too."""
    moving = {table.open_while.column} if table.open_while else set()
    kept = (c for c, column in table.columns.items() if c in row and not column.computed and c not in moving)
    return {c: values.row_hash({c: row[c]})[:12] for c in kept}


def reads_as_before(table: Table, row: Mapping[str, Any], known: Remembered) -> bool:
    """Whether a row with a remembered key is the remembered row."""
    now = looks(table, row)
    same = [c for c, digest in known.looked.items() if c not in known.emptied and now.get(c) == digest]
    return bool(same) and len(same) == len(known.looked.keys() - known.emptied)


def plain_key(known: Remembered) -> str:
    """Return a remembered key, as `State.known_key` spells keys."""
    return json.dumps([values.plain(v) for v in json.loads(known.key)])
