"""What a workbook is made of: tables of records, pages of prose and short grids, and worklists to be filled in."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

import pandas as pd
import pyarrow as pa

from dsar.answer import cells

Value = str | int | Decimal | date | None  # a datetime is a date


@dataclass(frozen=True)
class Table:
    """A sheet of records: one row per row of an Arrow-backed frame, under plain labels.

    The mappings go by column: `labels` to the header, `codes` to the words of each coded value,
    `masked` to the fixed text that stands for whatever is there. `stored_zone` is the zone of times that are stored without one.
    """

    title: str
    frame: pd.DataFrame
    labels: Mapping[str, str]
    codes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    intro: tuple[str, ...] = ()  # two or three lines: they stay in view while the rows scroll
    numbered: bool = True
    masked: Mapping[str, str] = field(default_factory=dict)
    stored_zone: str = ""

    def shown(self, data: pa.Table, manner: cells.Manner) -> dict[str, cells.Column]:
        """Return how each column is shown."""
        return {
            c: cells.column(data[c], manner, codes=self.codes.get(c), masked=self.masked.get(c), stored_zone=self.stored_zone)
            for c in data.column_names
        }


@dataclass(frozen=True)
class Heading:
    """A heading within a page."""

    text: str


@dataclass(frozen=True)
class Paragraph:
    """A paragraph of prose."""

    text: str


@dataclass(frozen=True)
class Facts:
    """Short facts, one a line: label and text."""

    pairs: Mapping[str, Value]


@dataclass(frozen=True)
class Grid:
    """A short table within a page."""

    header: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]


@dataclass(frozen=True)
class Progress:
    """How many rows of a worklist of the same workbook stand at each label: cells that count while it is worked on."""

    worklist: str
    column: str
    labels: tuple[str, ...]


Block = Heading | Paragraph | Facts | Grid | Progress


@dataclass(frozen=True)
class Page:
    """A sheet to read."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Worklist:
    """A sheet to fill in: `choices` are drop-downs by header, `editable` the headers of the cells to fill.

    A row in which no choice is made yet is there to be read, not to be filled in, unless `every` row is.
    """

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    editable: tuple[str, ...] = ()
    every: bool = False


Content = Table | Page | Worklist


def sheet_names(titles: Sequence[str]) -> list[str]:
    """Return a legal sheet name for each title: at most 31 characters, unique whatever the case."""
    names: list[str] = []
    taken = {"history"}  # Excel keeps this name for itself
    for title in titles:
        plain = re.sub(r"[\[\]:*?/\\]|_(?=x[0-9A-Fa-f]{4}_)", " ", cells.visible(title).replace("\n", " "))
        base = " ".join(plain.split()).strip("' ") or "Sheet"
        name, number = _short(base, ""), 1
        while name.casefold() in taken:
            number += 1
            name = _short(base, f" ({number})")
        taken.add(name.casefold())
        names.append(name)
    return names


def _short(text: str, ending: str) -> str:
    # Excel counts UTF-16 units; a character outside the basic plane is two.
    room = 31 - len(ending)
    cut = text.encode("utf-16-le")[: 2 * room].decode("utf-16-le", "ignore")
    return cut.rstrip("' ") + ending
