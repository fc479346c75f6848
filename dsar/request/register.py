"""A request as every other package sees it, and `requests.csv`, the plainest way to write some down.

Columns: `id`, `received` (ISO date), `rights` and `identifiers` (several separated by `;`),
`verified_on` (ISO date) or `no_reasonable_doubt` (why no proof was asked, Art. 12(6)).
An identifier is written `kind=value`: `email=ann@example.org; phone=+44…; shop.customer=16`.
"""

import csv
import hashlib
import io
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from dsar import kinds
from dsar.datamap import Controller, DataMap
from dsar.errors import BadDates, BadIdentifier, BadRequests, IdentityNotVerified, NotAsked, UnknownCalendar
from dsar.law.deadlines import RIGHTS, Deadline, Regime, Span, clock
from dsar.listing import listing
from dsar.request.identity import Identifier
from dsar.texts import Language

HEADER = ("id", "received", "rights", "identifiers", "verified_on", "no_reasonable_doubt")
ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")
_ID_FORM = "id may hold letters, digits, - and _, at most 40"


@dataclass(frozen=True)
class Request:
    """One case: who asks (by identifiers), for which rights, since when, and whether we know them."""

    id: str
    received: date
    rights: tuple[str, ...]
    identifiers: tuple[Identifier, ...]
    verified_on: date | None = None
    no_reasonable_doubt: str = ""
    regime: Regime | None = None  # None: the controller's, like the calendar
    calendar: str | None = None
    identity: Span | None = None  # when proof was asked for, and when it came
    fee: Span | None = None
    pauses: tuple[Span, ...] = ()
    extended: frozenset[str] = frozenset()  # the rights whose extension was notified
    language: Language | None = None  # of what is written to them; None: the controller's
    authority_settled: bool = True  # False: somebody else writes for the person, and has not shown that they may

    def deadline(self, right: str, controller: Controller) -> Deadline:
        """Return until when this right has to be answered; raises `BadDates`, `UnknownCalendar`."""
        return clock(
            self.received,
            self.regime or controller.regime,
            self.calendar or controller.calendar,
            right,
            self.identity,
            self.fee,
            self.pauses,
            extended=right in self.extended,
        )

    @property
    def identity_settled(self) -> bool:
        """Whether the requester is known to be the data subject or somebody who may act for them, or no doubt is on record."""
        return self.authority_settled and (self.verified_on is not None or bool(self.no_reasonable_doubt))

    @property
    def fingerprint(self) -> str:
        """A hash that changes when the identifiers or their standing change."""
        content = sorted((i.kind, i.value, i.standing) for i in self.identifiers)
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()

    def require(self, right: str) -> None:
        """Raise unless the request asks for this right and its identity is settled: `NotAsked`, `IdentityNotVerified`."""
        self.require_asked(right)
        self.require_identity()

    def require_asked(self, right: str) -> None:
        """Raise `NotAsked` unless the request asks for this right."""
        if right not in self.rights:
            asked = ", ".join(self.rights)
            raise NotAsked(f"the request asks for {asked}, not for {right}", where=self.id, remedy="correct its rights in the register if it does")

    def require_identity(self) -> None:
        """Raise `IdentityNotVerified` unless we know who asks, or it is on record why there is no doubt."""
        if not self.identity_settled:
            remedy = "record `identity confirmed`, or fill in verified_on or no_reasonable_doubt in requests.csv"
            raise IdentityNotVerified("the requester's identity is not settled, so nothing may leave", where=self.id, remedy=remedy)

    def _repr_html_(self) -> str:
        settled = f"verified on {self.verified_on}" if self.verified_on else f"no reasonable doubt: {self.no_reasonable_doubt}"
        facts = {
            "Received": str(self.received),
            "Rights": ", ".join(self.rights),
            "Searched by": ", ".join(dict.fromkeys(i.kind for i in self.identifiers)),
            "Identity": settled if self.identity_settled else "NOT SETTLED — nothing may leave",
        }
        return listing(("Request", self.id), facts.items(), empty="").to_display()


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
    delimiter = ";" if text.split("\n", 1)[0].count(";") > text.split("\n", 1)[0].count(",") else ","
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
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
