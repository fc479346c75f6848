"""The register: requests, what they are known by, and all that happened to them, in one database.

A change is a new event and a new version of its request: who looked at version 3 cannot change
version 4 unseen (`ChangedMeanwhile`), and nothing is ever overwritten without a trace.
"""

import difflib
import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any, Self

import sqlalchemy as sa

from dsar.datamap import Controller, DataMap
from dsar.errors import BadRequests, ChangedMeanwhile, UnknownRequest
from dsar.files import sha256
from dsar.request import binding, listed, tables
from dsar.request.case import Case, fold
from dsar.request.entry import Entry
from dsar.request.events import Event, check
from dsar.request.identity import Identifier
from dsar.request.request import Request
from dsar.request.state import State, states

_LAST = "last event"  # number of the last one when a request was purged


@dataclass(frozen=True)
class Register:
    """The register of one controller; days are local to it."""

    engine: sa.Engine
    controller: Controller
    clock: Callable[[], datetime]
    changed: Callable[["Register"], None] = lambda _: None
    home: Path | None = None

    @classmethod
    def open(
        cls,
        url: str,
        controller: Controller,
        clock: Callable[[], datetime],
        changed: Callable[["Register"], None] = lambda _: None,
        home: Path | None = None,
    ) -> Self:
        """Return the register at a database URL, made or brought up to date where it must be; raises `RegisterUnusable`.

        `changed` is called after each change, once it is safe in the database. `home` is the workspace it is the register of, whose keys its
        own lies with (`dsar.keys`); None: in the register itself. Raises `RegisterUnusable` also where it is another workspace's.
        """
        engine = tables.connect(url)
        try:
            binding.bind(engine, home)
        except BaseException:
            engine.dispose()
            raise
        return cls(engine, controller, clock, changed, home)

    @property
    def today(self) -> date:
        """The day it is at the controller's."""
        return self.clock().astimezone(self.controller.zone).date()

    # -- read ------------------------------------------------------------------------------------

    def cases(self, ids: Sequence[str] | None = None) -> dict[str, Case]:
        """Return the cases by request id, in the order they were registered."""
        with self.engine.connect() as connection:
            return self._cases(connection, ids)

    def case(self, request_id: str) -> Case:
        """Return one case; raises `UnknownRequest`."""
        found = self.cases([request_id])
        if not found:
            raise UnknownRequest("there is no such request", where="the register", remedy=self._known(request_id))
        return found[request_id]

    def _known(self, like: str) -> str:
        with self.engine.connect() as connection:
            ids = list(connection.scalars(sa.select(tables.REQUESTS.c.id).order_by(tables.REQUESTS.c.seq)))
        if near := difflib.get_close_matches(like, ids, 3):
            return f"near to it are {', '.join(near)}"
        return f"there are {', '.join(ids[:20]) or 'none'}" + (f" and {len(ids) - 20} more" if len(ids) > 20 else "")

    def _cases(self, connection: sa.Connection, ids: Sequence[str] | None) -> dict[str, Case]:
        chosen = sa.select(tables.REQUESTS).order_by(tables.REQUESTS.c.seq)
        rows = connection.execute(chosen if ids is None else chosen.where(tables.REQUESTS.c.id.in_(ids))).mappings().all()
        rights, identifiers = self._lines(connection, tables.RIGHTS, ids), self._lines(connection, tables.IDENTIFIERS, ids)
        events = self._lines(connection, tables.EVENTS, ids)
        return {
            row["id"]: fold(
                dict(row),
                tuple(r["name"] for r in rights[row["id"]]),
                tuple(Identifier(i["kind"], i["value"], i["standing"]) for i in identifiers[row["id"]]),
                tuple(map(_event, events[row["id"]])),
                self.controller,
            )
            for row in rows
        }

    def _lines(self, connection: sa.Connection, table: sa.Table, ids: Sequence[str] | None) -> dict[str, list[Mapping[str, Any]]]:
        found: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
        query = sa.select(table).order_by(table.c["id" if table is tables.EVENTS else "place"])
        for row in connection.execute(query if ids is None else query.where(table.c.request.in_(ids))).mappings():
            found[row["request"]].append(dict(row))
        return found

    def identifiers(self, ids: Sequence[str] | None = None) -> dict[str, tuple[Identifier, ...]]:
        """Return the identifiers by request, without what happened to it; of all requests where none is named."""
        with self.engine.connect() as connection:
            lines = self._lines(connection, tables.IDENTIFIERS, ids)
        return {request: tuple(Identifier(i["kind"], i["value"], i["standing"]) for i in found) for request, found in lines.items()}

    def sharing(self, identifiers: Sequence[Identifier]) -> set[str]:
        """Return the requests that have one of these identifiers, whatever its standing."""
        with self.engine.connect() as connection:
            return self._sharing(connection, identifiers)

    def _sharing(self, connection: sa.Connection, identifiers: Sequence[Identifier]) -> set[str]:
        shared = sa.select(tables.IDENTIFIERS).where(tables.IDENTIFIERS.c.value.in_([i.value for i in identifiers]))
        mine = {(i.kind, i.value) for i in identifiers}
        return {row.request for row in connection.execute(shared) if (row.kind, row.value) in mine}

    @property
    def state(self) -> str:
        """What changes with every event and every identifier."""
        numbers = sa.select(sa.func.max(tables.EVENTS.c.id), sa.func.count(tables.EVENTS.c.id)).subquery()
        counted = sa.select(sa.func.count(tables.IDENTIFIERS.c.value)).scalar_subquery()
        with self.engine.connect() as connection:
            return " ".join(map(str, connection.execute(sa.select(numbers, counted)).one()))

    def letters(self) -> dict[str, str]:
        """Return the hash of each letter that is registered → its request."""
        chosen = sa.select(tables.REQUESTS.c.letter_sha256, tables.REQUESTS.c.id).where(tables.REQUESTS.c.letter_sha256.is_not(None))
        with self.engine.connect() as connection:
            return {row.letter_sha256: row.id for row in connection.execute(chosen.order_by(tables.REQUESTS.c.seq.desc()))}

    def states(self, ids: Sequence[str] | None = None) -> dict[str, State]:
        """Return what the register holds of each request besides its events; of all where none is named."""
        with self.engine.connect() as connection:
            return states(connection, ids)

    def events(self, after: int | None = None) -> list[tuple[int, str, Event]]:
        """Return what was recorded after an event's number (all, unless said), in that order: number, request, event."""
        chosen = sa.select(tables.EVENTS).order_by(tables.EVENTS.c.id)
        chosen = chosen if after is None else chosen.where(tables.EVENTS.c.id > after)
        with self.engine.connect() as connection:
            return [(e["id"], e["request"], _event(dict(e))) for e in connection.execute(chosen).mappings()]

    # -- write -----------------------------------------------------------------------------------

    @contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        """Yield a connection whose changes are all made or none, one writer after the other."""
        with self.engine.begin() as connection:
            tables.lock(connection)
            yield connection
        self.changed(self)

    def add(self, entries: Iterable[Entry], *, by: str, source: str = "") -> dict[str, Case]:
        """Register all of the entries or none, and return their cases; raises `BadRequests` where an id is taken.

        An entry without an id gets the next one. Open requests of the same person are noted as duplicates.
        """
        if not by.strip():
            raise BadRequests("a request needs the name of who registers it", where=source, remedy="nothing was registered")
        added: list[str] = []
        try:
            with self._writing() as connection:
                added.extend(self._insert(connection, entry, by, source) for entry in entries)
                return self._cases(connection, added)
        except sa.exc.IntegrityError:
            raise BadRequests("an id stands in the register already", where=source, remedy="give it another one; nothing was registered") from None

    def _insert(self, connection: sa.Connection, entry: Entry, by: str, source: str) -> str:
        request = entry.request
        request_id = request.id or self._next(connection, request.received.year)
        duplicates = list(self._same_person(connection, request.identifiers, entry.letter_sha256))
        row = {
            "id": request_id,
            "id_folded": request_id.casefold(),
            "version": 1,
            "received": request.received,
            "channel": entry.channel,
            "requester": entry.requester,
            "reply_to": entry.reply_to,
            "language": entry.language or self.controller.language,
            "regime": request.regime or self.controller.regime,
            "calendar": request.calendar or self.controller.calendar,
            "no_reasonable_doubt": request.no_reasonable_doubt,
            "handler": "",
            "letter_sha256": entry.letter_sha256,
            "line_sha256": entry.line_sha256,
            "registered_at": self.clock().isoformat(),
        }
        connection.execute(sa.insert(tables.REQUESTS), row)
        self._replace_lines(connection, request_id, request)
        details = ({"duplicates": duplicates} if duplicates else {}) | ({"source": source} if source else {})
        self._append(connection, request_id, Event("registered", self.today, by, "", details=details))
        if request.verified_on:
            self._append(connection, request_id, _confirmed_at_intake(request, by))
        return request_id

    def _next(self, connection: sa.Connection, year: int) -> str:
        prefix = f"R-{year}-"
        taken = connection.scalars(sa.select(tables.REQUESTS.c.id).where(tables.REQUESTS.c.id.like(f"{prefix}%")))
        numbers = [int(i.removeprefix(prefix)) for i in taken if i.removeprefix(prefix).isdecimal()]
        return f"{prefix}{max(numbers, default=0) + 1:04}"

    def _same_person(self, connection: sa.Connection, identifiers: Sequence[Identifier], letter: str | None) -> Iterator[str]:
        """Yield the earlier requests that share an identifier or the very letter."""
        found = self._sharing(connection, identifiers)
        if letter:
            found |= set(connection.scalars(sa.select(tables.REQUESTS.c.id).where(tables.REQUESTS.c.letter_sha256 == letter)))
        order = sa.select(tables.REQUESTS.c.id).order_by(tables.REQUESTS.c.seq)
        yield from (i for i in connection.scalars(order) if i in found)

    def _replace_lines(self, connection: sa.Connection, request_id: str, request: Request) -> None:
        for table in (tables.RIGHTS, tables.IDENTIFIERS):
            connection.execute(sa.delete(table).where(table.c.request == request_id))
        connection.execute(sa.insert(tables.RIGHTS), [{"request": request_id, "name": r, "place": n} for n, r in enumerate(request.rights)])
        lines = [
            {"request": request_id, "kind": i.kind, "value": i.value, "standing": i.standing, "place": n} for n, i in enumerate(request.identifiers)
        ]
        connection.execute(sa.insert(tables.IDENTIFIERS), lines)

    def _append(self, connection: sa.Connection, request_id: str, event: Event) -> None:
        line = {"request": request_id, "at": self.clock().isoformat(), "on": event.on, "by": event.by.strip(), "kind": event.kind}
        number = {"id": self._last_event(connection) + 1} if connection.dialect.name == "sqlite" else {}  # a server has a sequence
        connection.execute(sa.insert(tables.EVENTS), {**number, **line, "right": event.right, "details": dict(event.details)})

    def _last_event(self, connection: sa.Connection) -> int:
        """Return the highest number an event ever had: SQLite would give those of purged events again, and the ledger tells each number once."""
        noted = tables.note(connection, _LAST)
        return max(int(noted) if noted.isdecimal() else 0, connection.scalar(sa.select(sa.func.max(tables.EVENTS.c.id))) or 0)

    def record(
        self, case: Case, kind: str, *, by: str, on: date | None = None, right: str = "", verified: Sequence[Identifier] = (), **details: Any
    ) -> Case:
        """Add an event to a case as it was read, and return the case as it is then.

        `verified` are the identifiers that the event proves. Raises `BadEvent` where the event is not one of the list,
        and `ChangedMeanwhile` where somebody else was faster.
        """
        request = case.request
        event = check(Event(kind, on or self.today, by, "", right, details), rights=request.rights, received=request.received, today=self.today)
        with self._writing() as connection:
            self._advance(connection, case)
            self._append(connection, request.id, event)
            for identifier in verified:
                same = (tables.IDENTIFIERS.c.kind == identifier.kind) & (tables.IDENTIFIERS.c.value == identifier.value)
                mine = tables.IDENTIFIERS.c.request == request.id
                connection.execute(sa.update(tables.IDENTIFIERS).where(mine & same).values(standing="verified"))
            if kind == "identity withdrawn":
                own = (tables.IDENTIFIERS.c.request == request.id) & (tables.IDENTIFIERS.c.standing == "verified")
                connection.execute(sa.update(tables.IDENTIFIERS).where(own).values(standing="claimed"))
                connection.execute(sa.update(tables.REQUESTS).where(tables.REQUESTS.c.id == request.id).values(no_reasonable_doubt=""))
            if kind == "handed over":
                handler = {"handler": details["handler"]}
                connection.execute(sa.update(tables.REQUESTS).where(tables.REQUESTS.c.id == request.id).values(handler))
        return self.case(request.id)

    def record_each(self, found: Iterable[tuple[Case, Mapping[str, Any]]], kind: str, *, by: str) -> None:
        """Add an event, with details of its own, to each of these cases as they were read, or to none; raises what `record` raises."""
        with self._writing() as connection:
            for case, details in found:
                request, event = case.request, Event(kind, self.today, by, "", "", details)
                self._advance(connection, case)
                self._append(connection, request.id, check(event, rights=request.rights, received=request.received, today=self.today))

    def claim(self, case: Case, identifiers: Sequence[Identifier], *, by: str) -> Case:
        """Add identifiers the requester gave later: claimed until they are proved by a check of their own."""
        known = {(i.kind, i.value) for i in case.request.identifiers}
        fresh = [i for i in identifiers if (i.kind, i.value) not in known]
        if not fresh:
            return case
        place = len(known)
        with self._writing() as connection:
            self._advance(connection, case)
            lines = [
                {"request": case.request.id, "kind": i.kind, "value": i.value, "standing": "claimed", "place": place + n} for n, i in enumerate(fresh)
            ]
            connection.execute(sa.insert(tables.IDENTIFIERS), lines)
            self._append(connection, case.request.id, Event("corrected", self.today, by, "", details={"fields": ["identifiers"]}))
        return self.case(case.request.id)

    def _correct(self, connection: sa.Connection, case: Case, entry: Entry, by: str, source: str) -> None:
        old, new = case.request, _kept_identity(case, entry.request)
        self._advance(connection, case)
        row = {"received": new.received, "no_reasonable_doubt": new.no_reasonable_doubt, "line_sha256": entry.line_sha256}
        if entry.wide:
            row |= {"channel": entry.channel, "requester": entry.requester, "reply_to": entry.reply_to, "language": entry.language}
        connection.execute(sa.update(tables.REQUESTS).where(tables.REQUESTS.c.id == old.id).values(row))
        self._replace_lines(connection, old.id, new)
        fields = [f for f in ("received", "rights", "identifiers", "verified_on", "no_reasonable_doubt") if getattr(old, f) != getattr(new, f)]
        details = {"fields": fields or ["nothing"]} | ({"source": source} if source else {})
        self._append(connection, old.id, Event("corrected", self.today, by, "", details=details))
        if old.verified_on and not new.verified_on:
            self._append(connection, old.id, Event("identity withdrawn", self.today, by, "", details={"why": "taken out at a correction"}))
        elif new.verified_on and new.verified_on != old.verified_on:
            self._append(connection, old.id, _confirmed_at_intake(new, by))

    def _advance(self, connection: sa.Connection, case: Case) -> None:
        mine = (tables.REQUESTS.c.id == case.request.id) & (tables.REQUESTS.c.version == case.version)
        if connection.execute(sa.update(tables.REQUESTS).where(mine).values(version=case.version + 1)).rowcount != 1:
            raise ChangedMeanwhile("somebody else changed it since you looked", where=case.request.id, remedy="look at it again, then repeat")

    # -- requests.csv ----------------------------------------------------------------------------

    def follow(self, path: Path, datamap: DataMap) -> None:
        """Take over what is new or changed in a `requests.csv`, all of it or nothing; raises `BadRequests`.

        A line that disappears changes nothing: a request is closed, never deleted.
        """
        digest = sha256(path) if path.is_file() else ""
        if not digest or digest == self._followed(path.name):
            return
        lines = listed.read_lines(path, datamap, self.today)
        with self._writing() as connection:
            known = self._cases(connection, None)
            folded = {i.casefold(): i for i in known}
            for line, request in lines:
                entry = Entry(request, line_sha256=hashlib.sha256(line.encode()).hexdigest())
                case = known.get(folded.get(request.id.casefold(), ""))
                if case is None:
                    self._insert(connection, entry, path.name, path.name)
                elif case.line_sha256 != entry.line_sha256:
                    self._correct(connection, case, entry, path.name, path.name)
            tables.set_note(connection, path.name, digest)

    def _followed(self, name: str) -> str:
        with self.engine.connect() as connection:
            return tables.note(connection, name)

    # -- purge -----------------------------------------------------------------------------------

    def purge(self, request_id: str, requests_csv: Path) -> None:
        """Take a request out of the register, with all that happened to it, and its line out of a `requests.csv`.

        On SQLite its place in the file is overwritten; what a database server keeps in its own logs is its administrator's.
        """
        if requests_csv.is_file() and listed.strike(requests_csv, request_id):
            with self.engine.begin() as connection:
                tables.lock(connection)
                tables.set_note(connection, requests_csv.name, sha256(requests_csv))
        with self._writing() as connection:
            tables.set_note(connection, _LAST, str(self._last_event(connection)))
            for table in (tables.RIGHTS, tables.IDENTIFIERS, tables.EVENTS):
                connection.execute(sa.delete(table).where(table.c.request == request_id))
            connection.execute(sa.delete(tables.REQUESTS).where(tables.REQUESTS.c.id == request_id))
        if self.engine.dialect.name == "sqlite":  # also what was freed before places were overwritten
            with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.exec_driver_sql("VACUUM")

    @property
    def secret(self) -> str:
        """What challenge codes and the ledger's hashes are made from; made once, never shown; raises `WorkspaceMissing` where it is lost."""
        return binding.secret(self.engine, self.home)


def _event(row: Mapping[str, Any]) -> Event:
    return Event(row["kind"], row["on"], row["by"], row["at"], row["right"], row["details"])


def _kept_identity(case: Case, new: Request) -> Request:
    """Return what a corrected line says, with the identity that a check on record has proved since: a line without one withdraws its own only."""
    confirmed = case.last("identity confirmed")
    if new.identity_settled or not case.request.verified_on or confirmed is None or confirmed.details["method"] == "at intake":
        return new
    proved = {(i.kind, i.value) for i in case.request.identifiers if i.standing == "verified"}
    identifiers = tuple(replace(i, standing="verified") if (i.kind, i.value) in proved else i for i in new.identifiers)
    return replace(new, identifiers=identifiers, verified_on=case.request.verified_on)


def _confirmed_at_intake(request: Request, by: str) -> Event:
    assert request.verified_on
    kinds = list(dict.fromkeys(i.kind for i in request.identifiers))
    return Event("identity confirmed", request.verified_on, by, "", details={"method": "at intake", "kinds": kinds})
