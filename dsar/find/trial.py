"""A trial on volunteers: what would be found and held, as numbers per system, side by side; nothing is written."""

from collections.abc import Mapping
from datetime import UTC, date
from pathlib import Path

from dsar import kinds
from dsar.datamap import DataMap
from dsar.errors import BadIdentifier, BadRequests, DsarError
from dsar.find.collect import Clock, collect
from dsar.listing import Listing, listing
from dsar.request.identity import Identifier
from dsar.request.request import Request
from dsar.source import Source


def trial(path: Path, datamap: DataMap, sources: Mapping[str, Source | DsarError], clock: Clock) -> Listing:
    """Return columns System, What, and one per volunteer of a file (a line of `kind=value; …` each); raises `BadRequests`.

    Identifiers come from a file, so that none stands in the shell's history.
    """
    people = _read(path, datamap, clock().astimezone(UTC).date())
    dossiers = collect(people, datamap, sources, clock)
    lines = []
    for address, table in datamap.tables():
        found = (dossiers[p.id].tables[address].outcome.words().removeprefix("found ") for p in people)
        lines.append((datamap.sources[address.source].label, table.label, *found))
    return listing(("System", "What", *(p.id for p in people)), lines, empty="The file names nobody.")


def _read(path: Path, datamap: DataMap, today: date) -> list[Request]:
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise BadRequests("cannot be read as text", where=path.name, remedy="write one volunteer a line: email=…; phone=…") from error
    people = []
    for number, line in enumerate(lines, start=1):
        if line and not line.startswith("#"):
            try:
                people.append(Request(f"line {number}", today, ("access",), _identifiers(line, datamap), verified_on=today))
            except (ValueError, BadIdentifier) as error:
                raise BadRequests(str(error), where=f"{path.name} line {number}", remedy="write kind=value; kind=value") from None
    return people


def _identifiers(line: str, datamap: DataMap) -> tuple[Identifier, ...]:
    found = []
    for part in line.split(";"):
        kind, equals, value = (p.strip() for p in part.partition("="))
        if not equals or kind not in {*datamap.identifier_kinds(), *kinds.GIVEN}:
            raise ValueError("an identifier is written kind=value, with a kind of the map")
        found.append(Identifier(kind, kinds.require(kind, value, datamap.controller.region), "verified"))
    return tuple(found)
