"""One step of an erasure: a row or some of its columns, what becomes of it, by which article, until when.

*Kept* is what a law obliges us to keep, *restricted* what is stored and used for nothing else (a possible claim, if the map
says so, or Art. 18), *not due* what is still needed until something happens. Of rows that stay, the columns go that the map names.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from dsar.datamap import Address

Action = Literal["erase", "anonymise", "blank", "unlink", "replace", "restrict", "suppress", "keep", "not due", "decide"]
GOES: tuple[Action, ...] = ("erase", "anonymise")  # nothing of the person stays in the row
CHANGES: tuple[Action, ...] = (*GOES, "blank", "unlink", "replace")  # what a program can do
STAYS: tuple[Action, ...] = ("keep", "restrict")
WAITS: tuple[Action, ...] = (*STAYS, "not due", "decide")
TO_DO: tuple[Action, ...] = (*CHANGES, "suppress", "decide")  # what the system owner works on now


@dataclass(frozen=True)
class Step:
    """One line of a deletion checklist."""

    id: str
    address: Address
    key: str  # JSON list, in the order of the table's key columns
    action: Action
    columns: tuple[str, ...]  # empty: the whole row
    why: str
    article: str
    until: date | str | None = None  # a day, or an event in words
    after: tuple[str, ...] = ()  # steps to be done before this one
    new: Mapping[str, object] = field(default_factory=dict)  # column → what stands in it afterwards
    looked: Mapping[str, str] = field(default_factory=dict)  # column → a digest of what stood in it, to know the row again by
    seen: str = ""  # `Table.own_hash` of the row as it was when this was planned
