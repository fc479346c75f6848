"""`requests.csv`, the plainest way to write requests down: read whole, and a line struck when its request is purged.

Columns: `id`, `received` (ISO date), `rights` and `identifiers` (several separated by `;`),
`verified_on` (ISO date) or `no_reasonable_doubt` (why no proof was asked, Art. 12(6)).
An identifier is written `kind=value`: `email=ann@example.org; phone=+44…; shop.customer=16`.
"""

import csv
import io
import json
import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path

from dsar import kinds
from dsar.datamap import DataMap
from dsar.errors import BadDates, BadIdentifier, BadRequests, UnknownCalendar
from dsar.files import write_atomic
from dsar.law.deadlines import RIGHTS
from dsar.request.identity import Identifier
from dsar.request.request import Request

HEADER = ("id", "received", "rights", "identifiers", "verified_on", "no_reasonable_doubt")
ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")
_ID_FORM = "id may hold letters, digits, - and _, at most 40"


def read_requests(path: Path, datamap: DataMap, today: date) -> dict[str, Request]:
    """Return the requests by id, in the order of the file; raises `BadRequests` naming each bad line.

    Nothing was received or verified after `today`.
    """
    return {request.id: request for _, request in read_lines(path, datamap, today)}


def read_lines(path: Path, datamap: DataMap, today: date) -> list[tuple[str, Request]]:
    """Return each request of the file with its line, brought to one form so that a changed line can be told."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        fault = "cannot be read as UTF-8 text" if isinstance(error, UnicodeDecodeError) else "is not there, or cannot be opened"
        raise BadRequests(fault, where=path.name, remedy=f"write a CSV file with the header {','.join(HEADER)}") from error
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    if tuple(reader.fieldnames or ()) != HEADER:
        raise BadRequests("the header is not the expected one", where=f"{path.name} line 1", remedy=f"write it as {','.join(HEADER)}")
    found: list[tuple[str, Request]] = []
    faults: list[str] = []
    seen: set[str] = set()
    try:
        for row in reader:
            try:
                cells = _cells(row)
                request = parse(cells, datamap, today)
                if not request.id or request.id.casefold() in seen:
                    raise ValueError("this id stands in the file twice" if request.id else _ID_FORM)  # noqa: TRY301
                seen.add(request.id.casefold())
                found.append((json.dumps([cells[name] for name in HEADER]), request))
            except (ValueError, BadIdentifier, BadDates, UnknownCalendar) as error:
                faults.append(f"line {reader.line_num}: {error}")
    except csv.Error as error:
        faults.append(f"line {reader.line_num + 1}: not CSV ({error})")  # the line after the last good one
    if faults:
        more = f"; and {len(faults) - 5} more" if len(faults) > 5 else ""
        raise BadRequests("; ".join(faults[:5]) + more, where=path.name, remedy="mend these lines; nothing was done")
    return found


def _delimiter(text: str) -> str:
    """Return what cuts the fields of the header: some spreadsheet programs write semicolons."""
    header = text.split("\n", 1)[0]
    return ";" if header.count(";") > header.count(",") else ","


def _cells(row: Mapping[str, str | None]) -> dict[str, str]:
    if None in row or None in row.values():
        raise ValueError(f"needs exactly {len(HEADER)} fields")
    return {k: (v or "").strip() for k, v in row.items()}


def parse(cells: Mapping[str, str], datamap: DataMap, today: date) -> Request:
    """Return the request of a line with the columns `HEADER`; an empty id is left to the register.

    Raises `ValueError`, `BadIdentifier`, and `BadDates` where the law knows no clock for a right.
    """
    cells = {k: v.strip() for k, v in cells.items()}
    if cells["id"] and not ID.fullmatch(cells["id"]):
        raise ValueError(_ID_FORM)
    received = _date(cells["received"], "received", today)
    verified_on = _date(cells["verified_on"], "verified_on", today) if cells["verified_on"] else None
    if verified_on and verified_on < received:
        raise ValueError("verified_on is before received")
    doubt = cells["no_reasonable_doubt"]
    if doubt and len(doubt.split()) < 3:  # a "no" under this heading is an answer, not a reason
        raise ValueError("no_reasonable_doubt needs the reason, in a few words")
    settled = bool(verified_on or doubt)
    request = Request(
        id=cells["id"],
        received=received,
        rights=_rights(cells["rights"]),
        identifiers=identifiers(cells["identifiers"], datamap, settled=settled),
        verified_on=verified_on,
        no_reasonable_doubt=doubt,
    )
    for right in request.rights:
        request.deadline(right, datamap.controller)
    return request


def _date(text: str, field: str, today: date) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{field} must be a date like 2026-11-23") from None
    if day > today:
        raise ValueError(f"{field} is in the future")
    return day


def _rights(text: str) -> tuple[str, ...]:
    rights = tuple(dict.fromkeys(part.strip().lower() for part in text.split(";") if part.strip()))
    if not rights or any(r not in RIGHTS for r in rights):
        raise ValueError(f"rights must be one or more of {', '.join(RIGHTS)}, separated by ;")
    return rights


def identifiers(text: str, datamap: DataMap, *, settled: bool) -> tuple[Identifier, ...]:
    """Return identifiers written `kind=value; kind=value`, in normal form; raises `ValueError`, `BadIdentifier`."""
    allowed = {*datamap.identifier_kinds(), *kinds.GIVEN}
    found: dict[Identifier, None] = {}
    for part in text.split(";"):
        if not part.strip():
            continue
        kind, equals, value = (p.strip() for p in part.partition("="))
        if not equals or kind not in allowed:
            raise ValueError(f"identifiers are written kind=value, with kind one of {', '.join(sorted(allowed))}")
        normal = kinds.require(kind, value, datamap.controller.region)
        found[Identifier(kind, normal, "verified" if settled else "claimed")] = None
    if not found:
        raise ValueError("needs at least one identifier, such as email=name@example.org")
    return tuple(found)


def strike(path: Path, request_id: str) -> bool:
    """Take a request's line out of a file, the others as they are; return whether there was one."""
    raw = path.read_bytes()
    text = raw.decode("utf-8-sig")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text))
    lines = list(io.StringIO(text, newline=""))  # cut as the reader cuts them
    kept, before, found = [], 0, False
    for row in reader:
        mine = bool(row) and row[0].strip().casefold() == request_id.casefold()
        found = found or mine
        kept += [] if mine else lines[before : reader.line_num]
        before = reader.line_num
    if found:
        write_atomic(path, (b"\xef\xbb\xbf" if raw.startswith(b"\xef\xbb\xbf") else b"") + "".join(kept).encode())
    return found
