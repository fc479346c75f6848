"""What the workbook of the data map shows: its sheets, and the key that each cell to fill in stands for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from dsar import datamap as maps
from dsar.datamap import DataMap

_YES, _NO = "yes", "no"


@dataclass(frozen=True)
class Field:
    """A column of a sheet: the key it stands for, and how its cell is read."""

    header: str
    key: str
    kind: str = "text"  # text, list, switch (yes or no), or inverse: yes where the key is false
    choices: tuple[str, ...] = ()
    default: bool = False
    empty: str = ""  # what the cell shows where the map does not say

    def shown(self, entry: Mapping[str, Any]) -> str:
        """Return what the cell shows for an entry of the map."""
        if self.kind in {"switch", "inverse"}:
            value = bool(entry.get(self.key, self.default))
            return _YES if value == (self.kind == "switch") else _NO
        value = entry.get(self.key, self.empty)
        return ", ".join(map(str, value)) if isinstance(value, list) else str(value)

    def read(self, cell: str) -> Any:
        """Return the value a cell stands for, None where the key goes. Raises `ValueError`."""
        if self.kind in {"switch", "inverse"}:
            if cell not in {_YES, _NO}:
                raise ValueError("must be yes or no")
            value = (cell == _YES) == (self.kind == "switch")
            return None if value == self.default else value
        if self.choices and any(word not in self.choices for word in words(cell)):
            raise ValueError(f"must be one of {', '.join(self.choices)}" if len(self.choices) < 20 else "is not one of the words of the list")
        if self.kind == "list":
            return words(cell) or None
        if self.kind == "one or more":
            return (words(cell) if "," in cell else cell) or None
        return cell or None


def words(cell: str) -> list[str]:
    """Return what a cell lists, separated by commas."""
    return [word.strip() for word in cell.split(",") if word.strip()]


class Row(NamedTuple):
    """A row of a sheet: the cells that say which entry it is, and where that stands in the map."""

    shown: tuple[str, ...]
    path: tuple[str, ...]


@dataclass(frozen=True)
class Sheet:
    """One sheet: the headers of its fixed cells, its fields, its rows; `below` is where a new row makes an entry."""

    title: str
    fixed: tuple[str, ...]
    fields: tuple[Field, ...]
    rows: tuple[Row, ...]
    below: tuple[str, ...] = ()

    @property
    def header(self) -> tuple[str, ...]:
        """All headers."""
        return (*self.fixed, *(f.header for f in self.fields))


def sheets(known: DataMap) -> tuple[Sheet, ...]:
    """Return the sheets of a map's workbook."""
    activities, sources = tuple(known.activities), known.sources
    basis, origin = (Field("Legal basis", "basis", "one or more", maps.BASES), Field("Origin", "origin", choices=maps.ORIGINS))
    tables = [(str(a), ("sources", a.source, "tables", a.table), t) for a, t in known.tables()]
    return (
        Sheet(
            "Tables",
            ("Table",),
            (
                Field("What its rows are", "label"),
                Field("Activity", "activity", choices=activities),
                Field("Belongs to", "owner", choices=("person", "organisation"), empty="person"),
                Field("Confirmed", "guessed", "inverse", (_YES, _NO)),
                Field("How its owner finds a row", "find"),
            ),
            tuple(Row((name,), path) for name, path, _ in tables),
        ),
        Sheet(
            "Columns",
            ("Of table", "Column"),
            (
                Field("Label", "label"),
                Field("Category", "category", choices=tuple(sorted(maps.categories()))),
                Field("Free text", "free_text", "switch", (_YES, _NO)),
                Field("About somebody else", "other_person", "switch", (_YES, _NO)),
                Field("Own legal basis", "basis", choices=maps.BASES),
                Field("Own origin", "origin", choices=maps.ORIGINS),
                Field("On erasure", "erase", choices=("blank", "unlink")),
            ),
            tuple(Row((name, column), (*path, "columns", column)) for name, path, table in tables for column in table.columns),
        ),
        Sheet(
            "Activities",
            ("Activity name",),
            (
                Field("Purpose", "purpose"),
                basis,
                origin,
                Field("Kept until", "until"),
                Field("Without the data", "without"),
                Field("Goes to", "recipients", "list"),
                Field("Direct marketing", "marketing", "switch", (_YES, _NO)),
            ),
            tuple(Row((name,), ("activities", name)) for name in activities),
            ("activities",),
        ),
        Sheet(
            "Recipients",
            ("Recipient name",),
            (
                Field("Called", "name"),
                Field("Role", "role"),
                Field("Country", "country"),
                Field("Safeguard", "safeguard"),
                Field("Told of an erasure", "tell", "switch", (_YES, _NO), default=True),
            ),
            tuple(Row((name,), ("recipients", name)) for name in known.recipients),
            ("recipients",),
        ),
        Sheet(
            "Systems",
            ("System name",),
            (
                Field("System", "label"),
                Field("Who deletes there", "owner"),
                Field("We are", "role", choices=("controller", "joint", "processor"), empty="controller"),
            ),
            tuple(Row((name,), ("sources", name)) for name in sources),
        ),
    )
