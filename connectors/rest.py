"""Services with a REST interface, asked as the data map says: no code per service.

A table says how its records are looked up by each kind of identifier (`rest.look_up`, see
`dsar.restmap`). Columns are dotted paths into a record; what the map does not name comes along too, as
JSON, and is undeclared like a new column of a database. Every record is compared with what was asked
for: one that the service returns although it bears no such identifier is told, never handed on, and
never passed over. 401, 404, 500, half a page, an endless list, invalid JSON: the read fails.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import pyarrow as pa

from connectors import exact, restpages
from connectors.http import Absent, Service, service
from connectors.jsonrows import as_json
from dsar import kinds, values
from dsar.errors import NotOffered, SourceBroken
from dsar.restmap import LookUp, Records
from dsar.source import Ask, Can, Done, Eraser, Everyone, Keys, Malformed, Match, Others, Part, Schema, Settings, Text, Want


class Rest:
    """One service; a read calls it once per identifier and page, paced and counted."""

    can = Can(many=True, others=False, erase=True)

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def eraser(self) -> Eraser:
        """Return what deletes records by the calls of the map; raises `SourceUnreachable` where it names no `write_url`."""
        from connectors.recorderase import RecordEraser, writing

        return RecordEraser(self.settings, self, _Removals(writing(self.settings)))

    def schema(self) -> Mapping[str, Schema]:
        """Return the mapped tables as declared: a service does not say what it has. Raises where a `probe` fails."""
        for name, table in self.settings.declared.tables.items():
            if table.rest and table.rest.probe:
                with service(self.settings, name) as client:
                    _probe(client, self.settings.expand(table.rest.probe))
        # A service issues its ids: two records cannot bear one.
        return {name: Schema(dict.fromkeys(self._columns(name)), table.key) for name, table in self.settings.declared.tables.items()}

    def _columns(self, name: str) -> list[str]:
        """Return the columns of a table: as the service lists them where it does, else as declared."""
        table = self.settings.declared.tables[name]
        listed = table.rest.listed if table.rest else None
        if listed is None:
            return list(table.columns)
        with service(self.settings, name) as client:
            try:
                answer, _ = client.ask("GET", listed.path)
            except Absent as error:
                raise SourceBroken(
                    "there is nothing at this address (status 404)", where=client.at, remedy="mend `rest.listed` in dsar.toml"
                ) from error
            names = [f"{listed.prefix}{record.get(listed.name)}" for record in restpages.records(answer, listed.records, client.at)]
        return [*(c for c in table.columns if not c.startswith(listed.prefix)), *names]

    def read(self, ask: Ask) -> Iterator[Part]:
        """Answer one question as a stream of parts that ends with `Done`; raises `NotOffered` for `Others` and `Text`."""
        match ask:
            case Match():
                return self._match(ask)
            case Keys():
                return self._keys(ask)
            case Others() | Text() | Everyone():
                raise NotOffered(
                    "a service cannot be asked this", where=f"{self.settings.name}.{ask.table}", remedy="look it up by hand in the service"
                )

    def _match(self, ask: Match) -> Iterator[Part]:
        wanted = exact.wanted(ask, exact.mapped(self.settings, ask.table), self.settings)
        searched = [w for w in ask.wanted if self.searchable(ask.table, w)]
        with service(self.settings, ask.table) as client:
            fetched = {w: self.fetch(client, ask.table, w) for w in searched}
        # One record may be the answer to several identifiers.
        records = list({repr(sorted(r.items())): r for some in fetched.values() for r in some}.values())
        found = wanted.rows(self._chunk(ask.table, records)) if records else None
        yield from exact.limited([found] if found else [], ask, self.settings, (c for c, _ in wanted.columns))
        yield from exact.unclear(wanted)
        for want, some in fetched.items():
            if strangers := self._strange(ask.table, want, some):
                yield Malformed(strangers, "records that the service returned, though they bear no identifier that was asked for", (want.ask_id,))
        yield Done(len(records), len(found.frame) if found else 0)

    def _keys(self, ask: Keys) -> Iterator[Part]:
        table = exact.mapped(self.settings, ask.table)
        kind = next((k for k in table.match if table.match_columns(kinds.scoped(k, self.settings.name), self.settings.name) == table.key), None)
        if kind is None:
            raise NotOffered(
                "records cannot be asked for by their key",
                where=f"{self.settings.name}.{ask.table}",
                remedy="match the table by its key in dsar.toml",
            )
        scoped = kinds.scoped(kind, self.settings.name)
        wants = [Want("", scoped, form) for (key,) in ask.keys if (form := kinds.normal("key", key))]
        with service(self.settings, ask.table) as client:
            found = [r for w in wants for r in self.fetch(client, ask.table, w)]
        rows = exact.key_set(table.key, ask.keys).rows(self._chunk(ask.table, found)) if found else None
        if rows is not None:
            yield rows
        yield Done(len(found), len(rows.frame) if rows is not None else 0)

    # -- from records to rows --------------------------------------------------------------------

    def _strange(self, table: str, want: Want, records: Sequence[dict[str, object]]) -> int:
        """Return how many records do not bear the identifier that the service returned them for."""
        if self.fuzzy(table, want):
            return 0
        columns = exact.mapped(self.settings, table).match_columns(want.kind, self.settings.name)
        return sum(all(kinds.normal(want.kind, r.get(c), self.settings.region) != want.value for c in columns) for r in records)

    def _chunk(self, table: str, records: Sequence[Mapping[str, object]]) -> exact.Raw:
        mapped = exact.mapped(self.settings, table)
        names = list(dict.fromkeys([*mapped.columns, *(name for record in records for name in record)]))
        return exact.Raw({name: [record.get(name) for record in records] for name in names}, lambda c, v: self._typed(table, c, v), mapped)

    def _typed(self, table: str, column: str, found: Sequence[object]) -> pa.Array:
        declared = exact.declared_type(self.settings.declared.tables.get(table), column)
        return exact.strict(self.settings, table, column, found, declared) if declared else values.infer(found)

    # -- from an identifier to records -----------------------------------------------------------

    def _asked(self, table: str) -> Records:
        asked = exact.mapped(self.settings, table).rest
        if asked is None:
            raise SourceBroken("the map does not say how it is asked", where=f"{self.settings.name}.{table}", remedy="add rest.look_up in dsar.toml")
        return asked

    def _how(self, table: str, want: Want) -> LookUp:
        return next(how for kind, how in self._asked(table).look_up.items() if kinds.scoped(kind, self.settings.name) == want.kind)

    def searchable(self, table: str, want: Want) -> bool:
        """Whether the service can be asked by this kind of identifier."""
        return any(kinds.scoped(kind, self.settings.name) == want.kind for kind in self._asked(table).look_up)

    def fuzzy(self, table: str, want: Want) -> bool:
        """Whether the service also returns records that bear something similar."""
        return self._how(table, want).fuzzy

    def fetch(self, client: Service, table: str, want: Want) -> list[dict[str, object]]:
        """Return the records that the service has for one identifier, flat, perhaps with some more."""
        how = self._how(table, want)
        columns = tuple(exact.mapped(self.settings, table).columns)
        try:
            found = [flat(record, columns) for page in restpages.pages(client, self._filled(how, want.value, columns)) for record in page]
        except Absent as error:
            if not how.absent:
                raise SourceBroken("there is nothing at this address (status 404)", where=client.at, remedy="mend `rest` in dsar.toml") from error
            _probe(client, self.settings.expand(self._asked(table).probe))
            return []
        return [{**record, how.bears: want.value} for record in found] if how.bears else found

    def _filled(self, how: LookUp, value: str, columns: Sequence[str]) -> LookUp:
        if value in {".", ".."}:
            raise SourceBroken("an identifier cannot be part of an address", where=self.settings.name, remedy="look it up in the service itself")
        expand = self.settings.expand
        path = _fill(expand(how.path), value, in_path=True)
        query = {expand(k): _fill(expand(v), value) for k, v in how.query.items()}
        return how.model_copy(update={"path": path, "query": query, "body": _fill_body(how.body, value, columns)})


class _Removals:
    """The deleting calls of a service, under its `write_url`."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def delete(self, table: str, key: tuple[object, ...]) -> None:
        asked = exact.mapped(self.settings, table).rest
        form = kinds.normal("key", key[0])
        if asked is None or asked.delete is None or form is None or form in {".", ".."}:
            raise NotOffered("the map names no call that deletes these records", where=f"{self.settings.name}.{table}", remedy="add rest.delete")
        how = asked.delete
        body = _fill_body(how.body, form, ()) if how.body else None
        with service(self.settings, table) as client:
            try:
                client.tell(how.method, _fill(self.settings.expand(how.path), form, in_path=True), body=body)
            except Absent:
                return  # gone meanwhile: whoever called looks for himself

    def write(self, table: str, key: tuple[object, ...], new: Mapping[str, object]) -> None:
        del key
        remedy = "empty them in the service, as the worklist says"
        raise NotOffered(f"the columns {', '.join(new)} have to be emptied by hand", where=f"{self.settings.name}.{table}", remedy=remedy)

    anonymise = write


def _probe(client: Service, path: str) -> None:
    try:
        client.ask("GET", path)
    except Absent as error:
        raise SourceBroken(
            "the service does not know its own address (status 404)", where=client.at, remedy="mend `url` and `rest.probe` in dsar.toml"
        ) from error


def _fill(text: str, value: str, *, in_path: bool = False) -> str:
    forms = {
        "{value}": value,
        "{value:md5}": hashlib.md5(value.encode(), usedforsecurity=False).hexdigest(),  # a service's own name for an address
        "{value:quoted}": value.replace("\\", "\\\\").replace('"', '\\"').replace("'", "\\'"),
    }
    for name, form in forms.items():
        if name in text:  # one form a text: a value is never filled in again
            return form.join(text.split(name)) if not in_path else quote(form, safe="").join(text.split(name))
    return text


def _fill_body(body: Any, value: str, columns: Sequence[str]) -> Any:
    match body:
        case dict():
            return {k: _fill_body(v, value, columns) for k, v in body.items()}
        case list() | tuple():
            return [_fill_body(v, value, columns) for v in body]
        case str() if listed := re.fullmatch(r"\{columns:(.*)\}", body):
            return [c.removeprefix(listed[1]) for c in columns if c.startswith(listed[1])]
        case str():
            return _fill(body, value)
    return body


def flat(record: Mapping[str, Any], columns: Sequence[str], before: str = "") -> dict[str, object]:
    """Return a record with dotted names: as deep as the map's columns go, JSON where it goes no further."""
    found: dict[str, object] = {}
    for name, value in record.items():
        path = f"{before}{name}"
        if isinstance(value, dict) and path not in columns and any(c.startswith(f"{path}.") for c in columns):
            found |= flat(value, columns, f"{path}.")
        else:
            found[path] = as_json(value) if isinstance(value, dict | list) else value
    return found
