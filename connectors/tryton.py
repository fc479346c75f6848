"""Tryton: parties, contacts, addresses, web users, sales, invoices, newsletter entries, notes and attachments, by JSON-RPC.

A table is a model (`party.party`); its columns are the model's stored fields, as Tryton lists them. Many
subjects are read in one pass: identifiers in text fields are compared with every record's (a few
fields each, by pages), references with a list of numbers. Archived records are read too.

Tryton links by text as well: every table has a column `reference` (`party.party,2`) that notes and
attachments name in `resource`; `party.party` has the party's addresses beside it, as `email_1` … `phone_4`.
"""

import base64
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa

from connectors import exact
from connectors.http import Absent, Service, service
from dsar import kinds, values
from dsar.errors import NotOffered, SourceBroken, SourceUnreachable
from dsar.source import Ask, Can, Done, Eraser, Everyone, Keys, Match, Others, Part, Schema, Settings, Text

PARTY, CONTACTS, REFERENCE, SLOTS = "party.party", "party.contact_mechanism", "reference", 4
_PAGE = 1_000
_RELATIONS = {"one2many", "many2many", "one2one"}  # other tables' rows
_TYPES = {
    "char": "text", "text": "text", "fulltext": "text", "selection": "text", "reference": "text", "integer": "integer", "biginteger": "integer",
    "many2one": "integer", "boolean": "boolean", "float": "number", "date": "date", "datetime": "datetime", "timestamp": "datetime", "time": "time",
    "binary": "binary", "multiselection": "text", "dict": "text",
}  # fmt: skip
_SLOTS = {f"{kind}_{n}": (kind, n) for kind in ("email", "phone") for n in range(1, SLOTS + 1)}
_EVERYTHING = {"active_test": False, "language": "en"}  # archived records are personal data as well


class Tryton:
    """One Tryton database; `url` ends in its name, `rest.auth.basic` is user and password."""

    can = Can(many=True, others=True, erase=True)

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._login: _Session | None = None
        self._leave: Callable[[], object] = lambda: None

    def eraser(self) -> Eraser:
        """Return what deletes and writes records through Tryton's own methods, which check what hangs on them."""
        from connectors.recorderase import RecordEraser, writing

        return RecordEraser(self.settings, self, _Writes(Tryton(writing(self.settings))))

    def tell(self, table: str, method: str, *params: object) -> None:
        """Have Tryton do something with records of a model; raises `SourceBroken` where it refuses."""
        with self._session(table) as session:
            session.tell(f"model.{table}.{method}", *params)

    def erase_party(self, party: int) -> None:
        """Have Tryton erase a party, which it archives first; raises `SourceBroken` where Tryton refuses, and then leaves it as it was."""
        with self._session(PARTY) as session:
            session.erase_party(party)

    def schema(self) -> Mapping[str, Schema]:
        """Return the models that hold or may hold personal data: those mapped, and those that refer to a party."""
        with self._session("the schema") as session:
            models = dict.fromkeys([*self.settings.declared.tables, *session.models()])
            return {name: session.schema(name) for name in models}

    def read(self, ask: Ask) -> Iterator[Part]:
        """Answer one question as a stream of parts that ends with `Done`; raises `NotOffered` for `Text` and counts per moment."""
        match ask:
            case Match():
                return self._match(ask, exact.wanted(ask, exact.mapped(self.settings, ask.table), self.settings))
            case Keys():
                return self._keys(ask)
            case Others():
                return self._others(ask)
            case Text() | Everyone():
                where, remedy = f"{self.settings.name}.{ask.table}", "search the system itself for the text, by hand"
                raise NotOffered("text inside columns cannot be searched", where=where, remedy=remedy)

    def _match(self, ask: Match, wanted: exact.Wanted) -> Iterator[Part]:
        with self._session(ask.table) as session:
            ids = sorted({i for column, kind in wanted.columns for i in session.bearing(ask.table, column, kind, wanted.forms(kind))})
            found = (rows for chunk in self._chunks(session, ask.table, ids) if (rows := wanted.rows(chunk)) is not None)
            total = 0
            for rows in exact.limited(found, ask, self.settings, (c for c, _ in wanted.columns)):
                total += len(rows.frame)
                yield rows
            yield from exact.unclear(wanted)
            yield Done(session.read, total)

    def _keys(self, ask: Keys) -> Iterator[Part]:
        table = exact.mapped(self.settings, ask.table)
        with self._session(ask.table) as session:
            forms = [f for (value, *_) in ask.keys if (f := kinds.normal("key", value))]
            ids = sorted(session.bearing(ask.table, table.key[0], "key", forms))
            question, total = exact.key_set(table.key, ask.keys), 0
            for chunk in self._chunks(session, ask.table, ids):
                if (rows := question.rows(chunk)) is not None:
                    total += len(rows.frame)
                    yield rows
            yield Done(session.read, total)

    def _others(self, ask: Others) -> Iterator[Part]:
        if ask.at or ask.also:
            raise NotOffered("rows cannot be counted so", where=f"{self.settings.name}.{ask.table}", remedy="count them in Tryton itself")
        with self._session(ask.table) as session:
            forms = [f for v in ask.values if (f := kinds.normal(ask.kind, v))]
            ids = sorted(session.bearing(ask.table, ask.column, ask.kind, forms))
            chunks = self._chunks(session, ask.table, ids)
            counts = exact.tally(ask, ((value, None, 1) for chunk in chunks for value in chunk.values(ask.column)))
            if len(counts.frame):
                yield counts
            yield Done(session.read, len(counts.frame))

    def _chunks(self, session: "_Session", table: str, ids: Sequence[int]) -> Iterator[exact.Raw]:
        columns = list(session.schema(table).columns)
        for some in exact.batches(ids, _PAGE):
            rows = session.records(table, some)
            found = {c: [row.get(c) for row in rows] for c in columns}
            yield exact.Raw(found, lambda c, v: self._typed(table, c, v), self.settings.declared.tables.get(table))

    def _typed(self, table: str, column: str, found: Sequence[object]) -> pa.Array:
        declared = exact.declared_type(self.settings.declared.tables.get(table), column)
        return exact.strict(self.settings, table, column, found, declared) if declared else values.infer(found)

    @contextmanager
    def _session(self, what: str) -> Iterator["_Session"]:
        """Yield a login, kept for the next question, since each costs as much as several; after a failure the next is a new one."""
        session = self._login or self._logged_in()
        session.client.at = f"{self.settings.name}.{what}" if what in self.settings.declared.tables else f"sources.{self.settings.name}"
        session.client.calls = session.read = 0  # both are counted by question
        try:
            yield session
        except Exception:
            self._leave()
            self._login = None
            raise

    def _logged_in(self) -> "_Session":
        with ExitStack() as stack:
            client = stack.enter_context(service(self.settings, "", basic=False))
            user, _, password = self.settings.expand(self.settings.declared.rest.auth.basic).partition(":")
            session = _Session(client, user)
            session.log_in(password)
            stack.callback(session.log_out)
            self._login, self._leave = session, weakref.finalize(self, stack.pop_all().close)
        return session


class _Writes:
    """Tryton's own methods that delete and write."""

    def __init__(self, tryton: Tryton) -> None:
        self.tryton = tryton

    def delete(self, table: str, key: tuple[object, ...]) -> None:
        self.tryton.tell(table, "delete", [_id(key)], {})

    def write(self, table: str, key: tuple[object, ...], new: Mapping[str, object]) -> None:
        self.tryton.tell(table, "write", [_id(key)], dict(new), {})

    def anonymise(self, table: str, key: tuple[object, ...], new: Mapping[str, object]) -> None:
        """Empty a record; a party by Tryton's own wizard, which refuses while anything of it is open, and empties its history too."""
        filled = {c: value for c, value in new.items() if value is not None} if table == PARTY else new
        if filled:
            self.write(table, key, filled)
        if table == PARTY:
            self.tryton.erase_party(_id(key))


def _id(key: tuple[object, ...]) -> int:
    form = kinds.normal("key", key[0]) or ""
    if not form.isdigit():
        raise SourceBroken("a record of Tryton has a number", where="tryton", remedy="collect again")
    return int(form)


class _Session:
    """A login, and what was asked with it."""

    def __init__(self, client: Service, user: str) -> None:
        self.client, self.user = client, user
        self.read = 0
        self._fields: dict[str, dict[str, str]] = {}

    def log_in(self, password: str) -> None:
        found = self._call("common.db.login", self.user, {"password": password}, "en")
        if not isinstance(found, list):
            raise SourceUnreachable("Tryton refuses the name or password", where=self.client.at, remedy="mend rest.auth.basic and its variable")
        number, token = found[0], found[1]
        proof = base64.b64encode(f"{self.user}:{number}:{token}".encode()).decode("ascii")
        self.client.client.headers["Authorization"] = f"Session {proof}"

    def log_out(self) -> None:
        try:
            self._call("common.db.logout")
        except (SourceBroken, SourceUnreachable):
            return  # the session ends by itself

    def models(self) -> list[str]:
        """Return the models that refer to a party, by a field or by text, and are stored."""
        domain = ["OR", ["relation", "=", PARTY], ["ttype", "=", "reference"]]
        fields = self._call("model.ir.model.field.search_read", domain, 0, None, None, ["model", "ttype"], _EVERYTHING)
        return sorted({str(f["model"]) for f in fields if f["ttype"] in {"many2one", "reference"}} - {""})

    def fields(self, model: str) -> dict[str, str]:
        """Return the model's stored fields with their kinds."""
        if model not in self._fields:
            known = self._call(f"model.{model}.fields_get", None, 0, _EVERYTHING)
            self._fields[model] = {name: field["type"] for name, field in known.items() if field["type"] not in _RELATIONS and name != "rec_name"}
        return self._fields[model]

    def schema(self, model: str) -> Schema:
        try:
            fields = self.fields(model)
        except SourceBroken as error:
            return Schema({}, fault=str(error))
        columns: dict[str, str | None] = {name: _TYPES.get(kind) for name, kind in sorted(fields.items())}
        more = dict.fromkeys([REFERENCE, *(_SLOTS if model == PARTY else ())], "text")
        return Schema(columns | more, ("id",))

    def bearing(self, model: str, column: str, kind: str, forms: Sequence[str]) -> set[int]:
        """Return the ids of records whose column may have one of the forms: numbers are told by Tryton, texts here."""
        if not forms:
            return set()
        if column == REFERENCE:
            return {int(n) for form in forms for name, _, n in [form.partition(",")] if name == model and n.isdigit()}
        if model == PARTY and column in _SLOTS:
            # Stored with the party's contacts: each may be hers, whichever slot it is shown in.
            return self._found(CONTACTS, "value", kind, forms, lambda row: row["party"])
        if column == "id" or self.fields(model).get(column) in {"many2one", "integer", "biginteger"}:
            numbers = [int(f) for f in forms if f.lstrip("-").isdigit() and len(f) < 19]
            return {row["id"] for some in exact.batches(numbers, _PAGE) for row in self._pages(model, [[column, "in", some]], ["id"])}
        return self._found(model, column, kind, forms, lambda row: row["id"])

    def _found(self, model: str, column: str, kind: str, forms: Sequence[str], bearer: Any) -> set[int]:
        needed = ["id", column, *(["party"] if model == CONTACTS else [])]
        possible = exact.tester(exact.Look(column, kind, forms))
        return {bearer(row) for row in self._pages(model, [], needed) if row[column] is not None and possible(row[column])}

    def records(self, model: str, ids: Sequence[int]) -> list[dict[str, object]]:
        """Return whole records, with the columns that are ours."""
        found = self._call(f"model.{model}.read", list(ids), list(self.fields(model)), _EVERYTHING)
        if len(found) != len(ids):
            raise SourceBroken("records went missing while they were read", where=self.client.at, remedy="collect again")
        rows = [{**{k: _plain(v) for k, v in row.items()}, REFERENCE: f"{model},{row['id']}"} for row in found]
        return self._with_slots(rows, ids) if model == PARTY else rows

    def _with_slots(self, rows: list[dict[str, object]], ids: Sequence[int]) -> list[dict[str, object]]:
        contacts = list(self._pages(CONTACTS, [["party", "in", list(ids)]], ["party", "type", "value"]))
        for row in rows:
            for kind in ("email", "phone"):
                meant = {"email"} if kind == "email" else {"phone", "mobile", "fax"}
                held = [str(c["value"]) for c in contacts if c["party"] == row["id"] and c["type"] in meant]
                # What finds no slot of its own stands in the last one together: told, never left out.
                slots = [*held[: SLOTS - 1], "; ".join(held[SLOTS - 1 :]) or None] if len(held) >= SLOTS else held
                row |= {f"{kind}_{n}": slots[n - 1] if n <= len(slots) else None for n in range(1, SLOTS + 1)}
        return rows

    def _pages(self, model: str, domain: list[Any], fields: Sequence[str]) -> Iterator[dict[str, Any]]:
        last = 0
        while True:
            # By number, not by position: a record that somebody deletes meanwhile shifts no other out of sight.
            page = self._call(f"model.{model}.search_read", [*domain, ["id", ">", last]], 0, _PAGE, [["id", "ASC"]], list(fields), _EVERYTHING)
            self.read += len(page)
            yield from page
            if len(page) < _PAGE:
                return
            last = page[-1]["id"]

    def erase_party(self, party: int) -> None:
        """Archive a party and run the wizard "Erase"; where that refuses, the party is as active as before."""
        [before] = self._call(f"model.{PARTY}.read", [party], ["active"], _EVERYTHING)
        wizard, *_ = self._call("wizard.party.erase.create", {})
        self._call(f"model.{PARTY}.write", [party], {"active": False}, {})
        try:
            self._call("wizard.party.erase.execute", wizard, {"ask": {"party": party}}, "erase", {})
        except SourceBroken:
            self._call(f"model.{PARTY}.write", [party], {"active": bool(before["active"])}, {})
            raise
        finally:
            self._call("wizard.party.erase.delete", wizard, {})

    def tell(self, method: str, *params: Any) -> None:
        """Call a method that changes something; Tryton refuses what other records need, or a rule of its own forbids."""
        self._call(method, *params)

    def _call(self, method: str, *params: Any) -> Any:
        try:
            answer, _ = self.client.ask("POST", "/rpc/", body={"id": 1, "method": method, "params": list(params)})
        except Absent as error:
            raise SourceUnreachable("there is no such database (status 404)", where=self.client.at, remedy="mend `url`: …/DATABASE") from error
        if not isinstance(answer, dict) or "result" not in answer:
            # Never Tryton's own words: they may quote a person's data.
            raise SourceBroken("Tryton refuses the question", where=self.client.at, remedy="check the account's rights and the names in dsar.toml")
        return answer["result"]


def _plain(value: Any) -> object:
    """Return a value as Python has it; Tryton's moments are in UTC."""
    if isinstance(value, list | tuple):
        return values.as_text([_plain(v) for v in value])
    if not isinstance(value, dict):
        return value
    match value.get("__class__"):
        case "Decimal":
            return Decimal(value["decimal"])
        case "date":
            return date(value["year"], value["month"], value["day"])
        case "datetime":
            names = ("year", "month", "day", "hour", "minute", "second", "microsecond")
            return datetime(**{name: int(value[name]) for name in names}, tzinfo=UTC)
        case "time":
            return time(value["hour"], value["minute"], value["second"], value["microsecond"])
        case "timedelta":
            return str(timedelta(seconds=float(value["seconds"])))
        case "bytes":
            return base64.b64decode(value["base64"])
    return values.as_text(value)
