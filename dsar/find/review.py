"""What waits for a person, and what they ruled: one list over all requests, one ruling for all that is alike.

A ruling belongs to one row (or one cell) as it was when somebody looked: once the row changes, it waits again.
It is recorded in the case folder, and takes effect when the sources are asked again: a row that is theirs leads on.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from dsar import files, kinds, values
from dsar.datamap import Address
from dsar.errors import BadRuling
from dsar.find.hold import HOLDS
from dsar.find.mentions import cells_of
from dsar.listing import Listing, listing

RELEASE = "theirs"
ROW_CHOICES = (RELEASE, "not theirs", "withheld", "cannot tell")  # all but the first are codes of `HOLDS`
SEND, REDACTED = "send", "send redacted copy"
DOCUMENT_CHOICES = (SEND, REDACTED, "withhold", "not theirs")  # a document is read as a whole, and goes or stays as a whole
_HELD_AS = {"withhold": "withheld"}  # the codes of `HOLDS` for rulings that are called otherwise
BETWEEN = "two requests"  # one row, two requesters: a ruling names one of them, so it is made per request
CELL_CHOICES = ("mask", "keep", "leave out")
_NEEDS_REASON = {RELEASE, "keep", SEND, REDACTED, "withhold"}  # what goes out is argued for: who weighed what (ICO's three steps; Art. 15(4))


@dataclass(frozen=True)
class Item:
    """Something that waits: a held row, or (with a `column`) a cell that speaks of somebody else."""

    request: str
    address: Address
    key: str
    code: str  # why it is held
    hash: str  # of the row, or of the cell's text
    like: str  # items of the same address, reason and identifier are alike
    column: str = ""
    file: str = ""  # of a document: where it lies in the inbox

    @property
    def id(self) -> str:
        """A name for the item that stays the same as long as what it is about does."""
        return _digest(self.request, str(self.address), self.key, self.column, self.code, self.hash)[:12]

    @property
    def group(self) -> str:
        """The items that one ruling settles, over all requests."""
        return _digest(str(self.address), self.column, self.code, self.like, self.request if self.code == BETWEEN else "")[:8]

    @property
    def choices(self) -> tuple[str, ...]:
        """What may be ruled."""
        return CELL_CHOICES if self.column else DOCUMENT_CHOICES if self.file else ROW_CHOICES


@dataclass(frozen=True)
class Ruling:
    """What a person ruled on one item; in two-person mode it counts once a second person agreed."""

    table: str
    key: str
    column: str
    hash: str
    choice: str
    by: str
    on: datetime
    reason: str = ""  # internal, with the evidence; the text for the requester comes from the choice
    second: str = ""
    code: str = ""  # why it was held when it was ruled on
    copy: str = ""  # of a document: SHA-256 of the redacted copy that goes out in its place

    def counts(self, *, two_readers: bool) -> bool:
        """Whether it takes effect."""
        return bool(self.second) or not two_readers


class Rulings:
    """The rulings of one case, by row and cell; the latest counts."""

    def __init__(self, path: Path | None, found: Iterable[Ruling] = ()) -> None:
        self.path = path
        self.found = {(r.table, r.key, r.column): r for r in found}

    @classmethod
    def read(cls, path: Path) -> "Rulings":
        """Return the rulings in a file; none where there is no file."""
        if not path.exists():
            return cls(path)
        entries = json.loads(path.read_text(encoding="utf-8"))
        return cls(path, (Ruling(**{**entry, "on": datetime.fromisoformat(entry["on"])}) for entry in entries))

    def choice(self, table: str, key: str, column: str, fingerprint: str, *, two_readers: bool, held_as: str = "") -> str | None:
        """Return what was ruled on a row or cell as it is now, or None.

        Whoever released a row for one person did not say that it is not another's: that it came to be
        found for two requests is ruled on by itself.
        """
        ruling = self.found.get((table, key, column))
        if ruling and held_as == BETWEEN != ruling.code and held_by(ruling.choice) is None:
            return None
        if ruling is None or ruling.hash != fingerprint or not ruling.counts(two_readers=two_readers):
            return None
        return ruling.choice

    def redacted(self, table: str, key: str) -> bytes | None:
        """Return the redacted copy that a document was ruled to go out as, or None where it is not there as it was taken in."""
        ruling = self.found.get((table, key, ""))
        if ruling is None or ruling.choice != REDACTED or not ruling.copy or self.path is None:
            return None
        try:
            content = (self.path.parent / "redacted" / ruling.copy).read_bytes()
        except OSError:
            return None
        return content if hashlib.sha256(content).hexdigest() == ruling.copy else None

    def add(self, ruling: Ruling) -> None:
        """Record a ruling; the same one by somebody else confirms it."""
        before = self.found.get((ruling.table, ruling.key, ruling.column))
        if (
            before
            and (before.hash, before.choice, before.code, before.copy) == (ruling.hash, ruling.choice, ruling.code, ruling.copy)
            and before.by.casefold() != ruling.by.casefold()
            and not before.second
        ):
            ruling = replace(before, second=ruling.by)
        self.found[ruling.table, ruling.key, ruling.column] = ruling

    def save(self) -> None:
        """Write them down, whole or not at all."""
        assert self.path is not None
        files.write_atomic(self.path, json.dumps([asdict(r) for r in self.found.values()], indent=1, default=values.as_text))

    @property
    def fingerprint(self) -> str:
        """A hash that changes with every ruling."""
        entries = [asdict(r) for _, r in sorted(self.found.items())]
        return _digest(json.dumps(entries, default=values.as_text))[:32] if entries else ""

    @property
    def latest(self) -> datetime | None:
        """When the latest was made."""
        return max((r.on for r in self.found.values()), default=None)


def held_by(choice: str) -> str | None:
    """Return the code a ruling on a row holds it by, None where it lets it go."""
    return None if choice in {RELEASE, SEND, REDACTED} else _HELD_AS.get(choice, choice)


def text_hash(text: str) -> str:
    """Return a hash of a cell's text."""
    return _digest(text)[:32]


def items(dossier: Any) -> list[Item]:
    """Return what waits in one dossier."""
    found: list[Item] = []
    for address, table in dossier.tables.items():
        if table.outcome.held:
            found += [_row_item(dossier, address, row) for row in table.listed if row["dsar_standing"] == "held"]
        found += [
            Item(dossier.request.id, address, cell.key, "third party", text_hash(cell.text), text_hash(cell.text), cell.column)
            for cell in cells_of(table.listed)
            if not cell.choice
        ]
    return found


def _row_item(dossier: Any, address: Address, row: Mapping[str, Any]) -> Item:
    kind = str(row["dsar_kind"])
    value = kinds.normal(kind, row.get(str(row["dsar_matched_on"])), dossier.datamap.controller.region) or str(row["dsar_key"])
    name = " ".join(kinds.name_parts(dossier.datamap.table(address).name_in(row)))  # one address, two names: two rulings
    key, code = str(row["dsar_key"]), str(row["dsar_hold"])
    if dossier.datamap.table(address).documents:
        return Item(dossier.request.id, address, key, code, values.row_hash(row), key, file=str(row.get("file") or key))  # each is read for itself
    return Item(dossier.request.id, address, key, code, values.row_hash(row), f"{kind} {value} {name}")


def grouped(waiting: Iterable[Item]) -> dict[str, list[Item]]:
    """Return the items by group, the largest first."""
    groups: dict[str, list[Item]] = {}
    for item in waiting:
        groups.setdefault(item.group, []).append(item)
    return dict(sorted(groups.items(), key=lambda group: (-len(group[1]), group[0])))


def overview(groups: Mapping[str, list[Item]], labels: Mapping[Address, str], unseen: str = "") -> Listing:
    """What waits: columns Group, What, Column, Why, Requests, Rows, Key of one, Choices; `unseen` says what could not be looked at."""
    lines = []
    for group, found in groups.items():
        one = found[0]
        requests = sorted({item.request for item in found})
        shown = ", ".join(requests[:3]) + (f" and {len(requests) - 3} more" if len(requests) > 3 else "")
        why = HOLDS[one.code].internal
        lines.append((group, labels[one.address], one.column, why, shown, len(found), one.file or one.key, " / ".join(one.choices)))
    columns = ("Group", "What", "Column", "Why", "Requests", "Rows", "Key of one", "Choices")
    return listing(columns, lines, empty=unseen or "Nothing waits for a person.", above=unseen)


def ruling(item: Item, choice: str, *, by: str, on: datetime, reason: str, copy: str = "") -> Ruling:
    """Return a ruling on an item; raises `BadRuling` where the choice is none of its, or lacks a name or a reason."""
    if choice not in item.choices:
        raise BadRuling(f"'{choice}' is not a choice here", where=item.group, remedy=f"choose one of {', '.join(item.choices)}")
    if not by.strip():
        raise BadRuling("a ruling needs the name of who makes it", where=item.group, remedy="name yourself: --by 'A. Nalyst'")
    if choice in _NEEDS_REASON and len(reason.split()) < 3:
        raise BadRuling(
            f"'{choice}' needs the reason, in three words or more", where=item.group, remedy="say what shows that it is theirs, or what was weighed"
        )
    if (choice == REDACTED) != bool(copy):
        raise BadRuling(
            f"'{REDACTED}' needs the redacted copy, and no other ruling takes one", where=item.group, remedy="name the file you made with --copy"
        )
    return Ruling(str(item.address), item.key, item.column, item.hash, choice, by.strip(), on, reason.strip(), code=item.code, copy=copy)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
