"""Before anything is released: is there something of somebody else in it? A hit blocks, and a person looks."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from dsar import files, kinds
from dsar.answer import nearby
from dsar.answer.stranger import Hit, Needle, Needles, search, searchable
from dsar.datamap import Address, Table
from dsar.errors import ForeignData
from dsar.find.dossier import Dossier
from dsar.find.mentions import cells_of
from dsar.request.request import Request

Check = Callable[[Sequence[Path]], None]
Others = Callable[[str], Iterable[Request]]  # a text → the requests of other people that it could name


def nobody(_: str) -> Iterable[Request]:
    """There are no other requests."""
    return ()


def check(dossier: Dossier, others: Others) -> Check:
    """Return what looks through finished files for other open requests' identifiers and for the people behind held and masked items.

    It raises `ForeignData`, which names files, places and whose value it is, never the value.
    """
    region = dossier.datamap.controller.region
    own = _own(dossier)
    found = {n.value: n for n in (*_of_rows(dossier), *_of_cells(dossier)) if searchable(n) and n.value not in own}
    needles = _Strangers(Needles(found.values(), region), others, own, region)
    read = {hashlib.sha256(content).hexdigest() for content in _documents(dossier)}

    def look(paths: Sequence[Path]) -> None:
        seen = {path.name for path in paths if files.sha256(path) in read}
        hits = [hit for hit in search(paths, needles) if not (hit.unread and _names(hit) & seen)]
        if hits:
            told = "; ".join(f"{hit.file}, {hit.place}: {hit.needle or hit.unread}" for hit in hits[:5])
            more = f"; and {len(hits) - 5} more" if len(hits) > 5 else ""
            raise ForeignData(
                f"something of somebody else is in it: {told}{more}", where=dossier.request.id, remedy="nothing was released; rule on it"
            )

    return look


class _Strangers(NamedTuple):
    """The needles of the dossier, and beside them those of the requests that a text could name."""

    needles: Needles
    others: Others
    own: set[str]
    region: str

    def in_text(self, text: str, unit: str = "line") -> set[tuple[str, str]]:
        """Return the ids of needles in a text, with the line where each stands."""
        near = {n.value: n for other in self.others(text) for n in nearby.needles(other.id, other.identifiers) if n.value not in self.own}
        return self.needles.in_text(text, unit) | (Needles(near.values(), self.region).in_text(text, unit) if near else set())


def _documents(dossier: Dossier) -> Iterator[bytes]:
    """Yield the documents that a person has read and let go: of a picture or a scan, nothing but a person can say whom it shows."""
    for _, row, table, _ in _rows(dossier, "found"):
        if table.documents:
            yield from (value for value in row.values() if isinstance(value, bytes))


def _names(hit: Hit) -> set[str]:
    """Return the names of the file and of whatever it lies in that a hit was met in."""
    return {hit.file, *hit.place.split("/")}


def _own(dossier: Dossier) -> set[str]:
    """Return what is theirs: what they gave, and what stands in their rows where identifiers and names stand."""
    own = {identifier.value for identifier in dossier.request.identifiers}
    for _, row, table, source in _rows(dossier, "found"):
        own |= {value for kind, value in _borne(row, table, source, dossier.datamap.controller.region)}
        own.add(" ".join(kinds.name_parts(table.name_in(row))))
    return own


def _of_rows(dossier: Dossier) -> Iterator[Needle]:
    for address, row, table, source in _rows(dossier, "held", "withheld", "another's"):
        for kind, value in _borne(row, table, source, dossier.datamap.controller.region):
            yield Needle(f"{kind} of a row of {address} that is not given out", kind, value)
        if name := " ".join(kinds.name_parts(table.name_in(row))):
            yield Needle(f"the name in a row of {address} that is not given out", "name", name)


def _of_cells(dossier: Dossier) -> Iterator[Needle]:
    for address in dossier.tables:
        for cell in cells_of(dossier.listed(address)):
            if cell.choice != "keep":
                for mention in cell.mentions:
                    kind = "name" if mention.kind == "name" else mention.kind.removeprefix("possible ")
                    value = kinds.normal(kind, mention.value, dossier.datamap.controller.region) or mention.value
                    yield Needle(f"what is masked in {address}, {cell.column}", kind, value)


def _rows(dossier: Dossier, *standings: str) -> Iterator[tuple[Address, dict[str, object], Table, str]]:
    for address, found in dossier.tables.items():
        for row in found.listed:
            if row["dsar_standing"] in standings:
                yield address, row, dossier.datamap.table(address), address.source


def _borne(row: dict[str, object], table: Table, source: str, region: str) -> Iterator[tuple[str, str]]:
    revealed = table.reveals_of(source)
    for kind in nearby.LOOKED_FOR:
        columns = (*table.match_columns(kind, source), *([revealed[kind].column] if kind in revealed else []))
        for column in columns:
            if (value := kinds.normal(kind, row.get(column), region)) is not None:
                yield kind, value
