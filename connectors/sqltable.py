"""One table of a database while rows of it are changed: locked, read again, compared, and what would go along with them."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from connectors import exact, reflect
from connectors.sql import IN_LIST, Answer, Sql, reflected
from dsar import datamap, values
from dsar.errors import ErasureRefused
from dsar.source import Change, Result, Settings

MYSQL = {"mysql", "mariadb"}
_TAKES_ALONG = {"CASCADE", "SET NULL", "SET DEFAULT"}
Hanging = list[tuple[sa.Table, list[tuple[str, str]]]]  # tables that refer to one, with column → column
Known = dict[str, tuple[sa.Table, Hanging]]
Found = tuple[Sequence[Any], dict[str, object]]  # a row as the driver handed it over, and as the toolkit reads it


class Table:
    """A table that is changed, its locked rows by key, and what would go along with one of them."""

    def __init__(self, settings: Settings, connection: sa.Connection, name: str, known: Known) -> None:
        self.settings, self.name = _whole(settings, name)
        self.connection, self.dialect = connection, connection.dialect.name
        self.mapped = exact.mapped(settings, name)
        self.part = self.mapped.part
        if self.name not in known:  # read once for all requests of a run, not for each
            table = reflected(self.settings, connection, self.name, self.mapped.key)
            known[self.name] = table, list(_hanging_on(connection, table))
        self.table, self.hanging = known[self.name]
        self.at = f"{settings.name}.{name}"
        self.rows: dict[tuple[str | None, ...], list[Found]] = defaultdict(list)

    def lock(self, keys: Sequence[tuple[object, ...]]) -> None:
        """Read the rows with these keys, so that nobody else can change them before we are done."""
        answer = Answer(Sql(self.settings), self.connection, self.name, self.table)
        names = [c.name for c in self.table.columns]
        for some in exact.batches(dict.fromkeys(keys), IN_LIST):
            possible = (answer.one_of(column, [key[n] for key in some]) for n, column in enumerate(self.mapped.key))
            statement = sa.select(*(reflect.exactly(c, self.dialect) for c in self.table.columns)).where(sa.and_(*possible)).with_for_update()
            raws = self.connection.execute(statement).fetchall()
            columns = dict(zip(names, zip(*raws, strict=True), strict=True)) if raws else dict.fromkeys(names, ())
            chunk = exact.Raw(columns, answer.typed, self.mapped)
            mine = exact.key_set(self.mapped.key, some).positions(chunk)
            for position, row in zip(mine, values.rows(chunk.frame(mine)), strict=True):
                if self.part is None or row[self.part.column] in self.part.values:
                    self.rows[exact.bare_key(row[c] for c in self.mapped.key)].append((raws[position], row))

    def judge(self, change: Change) -> Result | None:
        """Return why a change is not made, or None where its row is as it was seen."""
        found = self.rows.get(exact.bare_key(change.key), [])
        if len(found) > 1:
            return Result("refused", f"{len(found)} rows of {self.at} bear this key")
        if not found:
            return Result("already") if change.new is None else Result("changed since", "the row is gone")
        row = found[0][1]
        if self.mapped.own_hash(row) == change.seen:
            return None
        if change.new is not None and is_done(self.mapped, row, change):
            return Result("already")
        return Result("changed since", "the row is not what it was when its erasure was planned")

    def change(self, change: Change) -> Result:
        """Change or delete the one row of a change; raises `ErasureRefused` where another number of rows was hit."""
        raw, _ = self.rows[exact.bare_key(change.key)][0]
        if change.new is None and (along := self._goes_along(raw)):
            return Result("refused", f"{along} refer to it and would go, or lose what they refer to")
        if refused := self._unfit(change):
            return Result("refused", refused)
        hit = self.connection.execute(self._statement(change, self._this(raw))).rowcount
        if hit != 1:
            raise ErasureRefused(f"a statement hit {hit} rows where it was to hit one, so all was undone", where=self.at, remedy="look at its key")
        return Result("done")

    def _statement(self, change: Change, where: sa.ColumnElement[bool]) -> sa.Delete | sa.Update:
        if change.new is None:
            return sa.delete(self.table).where(where)
        return sa.update(self.table).where(where).values({c: _bound(self.fitted(c, v)) for c, v in change.new.items()})

    def _this(self, raw: Sequence[Any]) -> sa.ColumnElement[bool]:
        """Return the condition of one row, by its key as it is stored."""
        return sa.and_(*(self._equals(self.table.c[name], raw[list(self.table.c.keys()).index(name)]) for name in self.mapped.key))

    def _equals(self, column: sa.Column[Any], value: object) -> sa.ColumnElement[bool]:
        if value is None:
            return column.is_(None)
        equal = reflect.bare(column, self.dialect) == _bound(value)
        if self.dialect in MYSQL and isinstance(value, str):
            # To MySQL 'a', 'A' and 'a ' may be one; they are three people's keys.
            equal = sa.and_(equal, sa.cast(column, sa.LargeBinary()) == sa.cast(_bound(value), sa.LargeBinary()))
        return equal

    def _unfit(self, change: Change) -> str:
        """Return why a column cannot take its new value, or ''."""
        for name, value in (change.new or {}).items():
            if name not in self.table.c:
                return f"there is no column {name}"
            if value is None and not self.table.c[name].nullable and not isinstance(self.table.c[name].type, sa.String):
                return f"the column {name} may not be empty"
        return ""

    def fitted(self, name: str, value: object) -> object:
        """Return a new value as the column can hold it: empty text where it may not be NULL."""
        return "" if value is None and not self.table.c[name].nullable else value

    def _goes_along(self, raw: Sequence[Any]) -> str:
        """Return which tables hold rows that the database would take along, or rewrite, when this row goes; '' where none does."""
        names = list(self.table.c.keys())
        found = []
        for child, columns in self.hanging:
            where = sa.and_(*(reflect.bare(child.c[own], self.dialect) == _bound(raw[names.index(theirs)]) for own, theirs in columns))
            if rows := self.connection.execute(sa.select(sa.func.count()).select_from(child).where(where)).scalar():
                found.append(f"{rows} rows of {child.name}")
        return ", ".join(found)


def is_done(table: datamap.Table, row: dict[str, object], change: Change) -> bool:
    """Whether a row is as a change was to make it: its columns have the new values, and the others are as they were."""
    new = change.new or {}
    rest = {c: v for c, v in row.items() if c not in new}
    return table.own_hash(rest) == change.rest and all(values.filled(row.get(c), v) for c, v in new.items())


def _whole(settings: Settings, name: str) -> tuple[Settings, str]:
    """Return under which settings and name a table is reached: a part is rows of the table it is cut from."""
    declared = settings.declared
    part = exact.mapped(settings, name).part
    if part is None:
        return settings, name
    tables = {**declared.tables, part.of: declared.tables[name]}
    return replace(settings, declared=declared.model_copy(update={"tables": tables})), part.of


def _bound(value: object) -> sa.BindParameter[Any]:
    return sa.bindparam(None, value, sa.types.NullType(), unique=True)


def _hanging_on(connection: sa.Connection, table: sa.Table) -> Iterator[tuple[sa.Table, list[tuple[str, str]]]]:
    """Yield each table whose rows the database changes when a row of this one goes, with column → column."""
    with reflect.quiet():
        inspector = sa.inspect(connection)
        for (schema, name), keys in inspector.get_multi_foreign_keys(schema=table.schema).items():
            for key in keys or ():
                same = (key["referred_schema"] or table.schema, key["referred_table"]) == (table.schema, table.name)
                if same and str(key.get("options", {}).get("ondelete", "")).upper() in _TAKES_ALONG:
                    child = sa.Table(name or "", sa.MetaData(), schema=schema, autoload_with=connection, resolve_fks=False)
                    referred = key["referred_columns"] or [c.name for c in table.primary_key.columns]
                    yield child, list(zip(key["constrained_columns"], referred, strict=True))
