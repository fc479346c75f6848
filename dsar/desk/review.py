"""The review: what waits over all requests, as a list, as a spreadsheet out and back, and as a form in the notebook."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from dsar.answer import workbook
from dsar.answer.layout import Page, Paragraph, Worklist
from dsar.datamap import DataMap
from dsar.desk import lines, redacted
from dsar.errors import BadRuling
from dsar.find.dossier import Dossier
from dsar.find.hold import HOLDS
from dsar.find.review import Item, Ruling, Rulings, grouped, items, overview, ruling
from dsar.listing import Listing, listing

if TYPE_CHECKING:
    from ipywidgets import VBox

_FILLED_IN = ("Ruling", "Reason, with evidence", "Ruled by", "Redacted copy (file)")
HEADER = ("Group", "What", "Column", "Why it waits", "Requests", "Rows", "Key of one", "It may be", *_FILLED_IN)
_HOW = (
    "Each line is one ruling for everything alike, in all requests. Look at the row in its own system, or in the notebook of the request.",
    "theirs: it goes out, and leads on. not theirs: it belongs to somebody else. cannot tell: nobody can say whose it is.",
    "withheld: it is theirs too, but giving it away would harm somebody else.",
    "For text: mask replaces what speaks of others, keep leaves it as it is, leave out withholds the whole text.",
    (
        "A document is read as a whole. send: as it is. send redacted copy: the file you made of it goes out instead; name it, beside this "
        "workbook. withhold: it stays here."
    ),
    "Whatever goes out needs the reason, and so does withhold. What is left empty waits on.",
    "Save the file and read it back: dsar review --from-xlsx FILE",
)


@dataclass(frozen=True)
class Open:
    """A case with the snapshot its reviewer looks at, and what was ruled so far."""

    dossier: Dossier
    rulings: Rulings


@dataclass(frozen=True)
class Review:
    """What waits for a person over all open cases."""

    datamap: DataMap
    cases: Mapping[str, Open]
    now: datetime
    ruled: Callable[[Sequence[tuple[Item, Ruling]]], None] = lambda _: None  # told of what was ruled, once it is on disk
    unseen: tuple[str, ...] = ()  # open requests without a snapshot that fits: what waits there nobody knows

    @property
    def waiting(self) -> dict[str, list[Item]]:
        """The items nobody ruled on yet, by group."""
        return grouped(item for case in self.cases.values() for item in items(case.dossier) if not self._ruled(case, item))

    def _ruled(self, case: Open, item: Item) -> bool:
        two = self.datamap.controller.two_readers
        return case.rulings.choice(str(item.address), item.key, item.column, item.hash, two_readers=two, held_as=item.code) is not None

    @property
    def overview(self) -> Listing:
        """What waits: columns Group, What, Column, Why, Requests, Rows, Key of one, Choices; above it, which open requests could not be looked at."""
        return overview(self.waiting, {a: t.label for a, t in self.datamap.tables()}, unseen_in_words(self.unseen))

    def rows(self, group: str) -> Listing:
        """What one ruling on a group would settle: columns Request, Key, and of documents File, in the inbox. Raises `BadRuling`."""
        found = self._group(group)
        if any(item.file for item in found):
            return listing(("Request", "Key", "File"), [(item.request, item.key, item.file) for item in found], empty="")
        return listing(("Request", "Key"), [(item.request, item.key) for item in found], empty="")

    def rule(self, group: str, choice: str, *, by: str, reason: str = "", key: str | None = None, copy: Path | None = None) -> int:
        """Record one ruling for all items of a group, or those of one key, each in its own case; return how many. Raises `BadRuling`.

        `copy` is the redacted copy of a document, for 'send redacted copy'.
        """
        chosen = [item for item in self._group(group) if key is None or item.key in {key, f"[{key}]", f'["{key}"]'}]
        if not chosen:
            raise BadRuling("no row of this group has that key", where=group, remedy=f"see `dsar review {group}`")
        return self._record([(item, self._ruling(item, choice, by=by, reason=reason, copy=copy)) for item in chosen])

    def _ruling(self, item: Item, choice: str, *, by: str, reason: str, copy: Path | None) -> Ruling:
        # First without its copy, so that nothing is kept for a ruling that lacks a name.
        ruling(item, choice, by=by, on=self.now, reason=reason, copy="x" * bool(copy))
        if copy is None:
            return ruling(item, choice, by=by, on=self.now, reason=reason)
        case = self.cases[item.request]
        row = case.dossier.row(f"{item.address} {item.key}") or {}
        if not isinstance(row.get("content"), bytes) or case.rulings.path is None:
            raise BadRuling("of this document there is no file to compare the copy with", where=item.group, remedy="rule send or withhold")
        kept = redacted.take_in(row["content"], copy, case.rulings.path.parent)
        return ruling(item, choice, by=by, on=self.now, reason=reason, copy=kept)

    def _group(self, group: str) -> list[Item]:
        waiting = self.waiting
        if group not in waiting:
            raise BadRuling("no such group waits", where=group, remedy="see `dsar review`; what it was about may have changed")
        return waiting[group]

    def _record(self, made: Iterable[tuple[Item, Ruling]]) -> int:
        made = list(made)
        for item, one in made:
            self.cases[item.request].rulings.add(one)
        for request in dict.fromkeys(item.request for item, _ in made):
            self.cases[request].rulings.save()
        self.ruled(made)
        return len(made)

    def form(self) -> "VBox":
        """Return the review as a form for JupyterLab."""
        from dsar.desk.review_form import form

        return form(self)

    # -- as a spreadsheet --------------------------------------------------------------------------

    def write(self, path: Path) -> Path:
        """Write what waits as a workbook with drop-downs."""
        controller = self.datamap.controller
        labels = {a: t.label for a, t in self.datamap.tables()}
        rows = tuple(self._line(group, found, labels[found[0].address]) for group, found in self.waiting.items())
        choices = {"Ruling": tuple(dict.fromkeys(choice for found in self.waiting.values() for choice in found[0].choices))}
        how = [said for said in (unseen_in_words(self.unseen), *_HOW) if said]
        sheets = (
            Worklist("Review", HEADER, rows, choices=choices, editable=_FILLED_IN, every=True),
            Page("How to fill it in", tuple(map(Paragraph, how))),
        )
        workbook.write(path, sheets, controller=controller.name, zone=controller.zone, attachments_prefix=path.stem)
        return path

    def _line(self, group: str, found: Iterable[Item], label: str) -> tuple[str | int, ...]:
        waiting = list(found)
        one = waiting[0]
        requests = ", ".join(sorted({item.request for item in waiting}))
        why = HOLDS[one.code].internal
        return (group, label, one.column, why, requests, len(waiting), one.file or one.key, " / ".join(one.choices), "", "", "", "")

    def read(self, path: Path) -> int:
        """Take the rulings of a filled-in workbook, all or none; return how many items they settle. Raises `BadRuling` naming each bad row."""
        filled = [(number, cells) for number, cells in lines.read(path, ("Group", *_FILLED_IN)) if cells["Ruling"]]
        faults, made = [], []
        waiting = self.waiting
        for number, cells in filled:
            found = waiting.pop(cells["Group"], [])
            if not found:
                faults.append(f"row {number}: no such group waits any more, or another row rules on it")
            try:
                copy = _beside(path, cells[_FILLED_IN[3]])
                said = {"by": cells["Ruled by"], "reason": cells["Reason, with evidence"]}
                made += [(item, self._ruling(item, cells["Ruling"], **said, copy=copy)) for item in found]
            except BadRuling as error:
                faults.append(f"row {number}: {error.what}")
        if faults:
            more = f"; and {len(faults) - 5} more" if len(faults) > 5 else ""
            raise BadRuling("; ".join(faults[:5]) + more, where=path.name, remedy="mend these rows; nothing was taken over")
        return self._record(made)


_NAMED = 20


def unseen_in_words(unseen: Sequence[str]) -> str:
    """Return which open requests the review could not look at and what to do, or an empty text where it saw all."""
    if not unseen:
        return ""
    have = "1 open request has" if len(unseen) == 1 else f"{len(unseen)} open requests have"
    more = f" and {len(unseen) - _NAMED} more" if len(unseen) > _NAMED else ""
    return f"{have} no snapshot that fits, so nobody knows what waits there: {', '.join(unseen[:_NAMED])}{more}. Collect first: `dsar collect`"


def _beside(path: Path, name: str) -> Path | None:
    """Return the file a cell names: beside the workbook, and nowhere else on this machine."""
    if name and (Path(name).name != name or name in {".", ".."}):
        raise BadRuling("the redacted copy has to lie beside the workbook", where=path.name, remedy="write its bare name into the cell")
    return path.parent / name if name else None
