"""Any database, through SQLAlchemy: read-only, bound parameters, in chunks, values exact.

The database rules out most rows (`connectors.coarse`), the rest is compared here
(`connectors.exact`). Keys in number columns are found through an index; keys, e-mail addresses
and phone numbers in text columns are looked for in every row, because a stored blank or capital
letter must not hide one. A `sqlite` path is relative to the workspace. Tables outside the default
schema are named `schema.table`.
"""

import sqlite3
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.engine.reflection import ObjectKind, ObjectScope
from sqlalchemy.pool import NullPool

from connectors import exact
from connectors.coarse import condition
from dsar import datamap, kinds, values
from dsar.errors import DsarError, NotOffered, SourceBroken, SourceUnreachable
from dsar.source import Ask, Can, Done, Keys, Match, Others, Part, Rows, Schema, Settings, Text

IN_LIST = 1_000  # values per statement: databases bound the number of parameters

_READ_ONLY = {
    "sqlite": "PRAGMA query_only = ON",
    "postgresql": "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY, ISOLATION LEVEL REPEATABLE READ",
    "mysql": "SET SESSION TRANSACTION READ ONLY",
    "mariadb": "SET SESSION TRANSACTION READ ONLY",
}


class Sql:
    """The tables and views of one database."""

    can = Can(many=True, others=True)

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def schema(self) -> Mapping[str, Schema]:
        """Return every table and view of the database, apart from the system's own; no row is read."""
        with self._connection("the schema") as connection, _quiet():
            inspector = sa.inspect(connection)
            found: dict[str, Schema] = {}
            for schema in _schemas(inspector):
                found |= _schema(inspector, schema)
            return found

    def read(self, ask: Ask) -> Iterator[Part]:
        """Answer one question as a stream of parts that ends with `Done`.

        A read sees one state of the database. Raises `NotOffered` for `Text`.
        """
        match ask:
            case Match():
                return self._match(ask, exact.wanted(ask, self._mapped(ask.table), self.settings))
            case Keys():
                return self._keys(ask, self._mapped(ask.table))
            case Others():
                return self._others(ask)
            case Text():
                raise NotOffered("text inside columns cannot be searched", where=f"{self.settings.name}.{ask.table}")

    def _match(self, ask: Match, wanted: exact.Wanted) -> Iterator[Part]:
        with self._connection(ask.table) as connection:
            table = self._reflect(connection, ask.table, [c for c, _ in wanted.columns])
            answer = _Answer(self, connection, ask.table, table)
            yield from exact.limited(answer.matching(wanted), ask, self.settings, (c for c, _ in wanted.columns))
            yield answer.done()

    def _keys(self, ask: Keys, mapped: datamap.Table) -> Iterator[Part]:
        with self._connection(ask.table) as connection:
            table = self._reflect(connection, ask.table, mapped.key)
            answer = _Answer(self, connection, ask.table, table)
            yield from answer.bearing(mapped.key, ask.keys)
            yield answer.done()

    def _others(self, ask: Others) -> Iterator[Part]:
        with self._connection(ask.table) as connection:
            table = self._reflect(connection, ask.table, [ask.column])
            answer = _Answer(self, connection, ask.table, table)
            counts = exact.tally(ask, answer.counting(ask))
            if len(counts.frame):
                yield counts
            yield Done(answer.read, len(counts.frame))

    def _mapped(self, table: str) -> datamap.Table:
        if table not in self.settings.declared.tables:
            raise SourceBroken("is not a table of the data map", where=f"{self.settings.name}.{table}", remedy="add it to dsar.toml")
        return self.settings.declared.tables[table]

    def _reflect(self, connection: sa.Connection, name: str, needed: Sequence[str]) -> sa.Table:
        schema, _, bare = ("", "", name) if sa.inspect(connection).has_table(name) else name.rpartition(".")
        at = f"{self.settings.name}.{name}"
        try:
            # Not kept: a column added since would be left out in silence.
            with _quiet():
                table = sa.Table(bare, sa.MetaData(), schema=schema or None, autoload_with=connection, resolve_fks=False)
        except sa.exc.NoSuchTableError as error:
            raise SourceBroken(
                "the database has no such table", where=at, remedy="mend its name in dsar.toml; `dsar check` lists the tables"
            ) from error
        lost = [c for c in needed if c not in table.c]
        if lost:
            raise SourceBroken(f"the table has no column {', '.join(lost)}", where=at, remedy="mend dsar.toml; `dsar check` lists the columns")
        return table

    @contextmanager
    def _connection(self, what: str) -> Iterator[sa.Connection]:
        """Yield a read-only connection that is not kept; every error of the database becomes one of ours."""
        at = f"{self.settings.name}.{what}" if what in self.settings.declared.tables else self.settings.name
        engine = self._engine()
        try:
            try:
                connection = engine.connect()
            except Exception as error:
                raise self._unreachable(error) from error
            with connection:
                if engine.dialect.name == "sqlite":
                    connection.exec_driver_sql("BEGIN")
                yield connection
        except DsarError:
            raise
        except Exception as error:
            # Never the database's own words: they may quote a person's data.
            cause = type(getattr(error, "orig", None) or error).__name__
            raise SourceBroken(
                f"the database broke off while it was read ({cause})", where=at, remedy="run `dsar check`, then collect again"
            ) from error
        finally:
            engine.dispose()

    def _engine(self) -> sa.Engine:
        try:
            url = sa.make_url(self.settings.expand(self.settings.declared.url))
            if url.get_backend_name() == "sqlite":
                path = (self.settings.root / (url.database or "")).absolute()
                # mode=ro: a missing file is an error, not a new and empty database.
                address = f"{path.as_uri()}?mode=ro"
                engine = sa.create_engine(
                    "sqlite://",
                    creator=lambda: sqlite3.connect(address, uri=True, isolation_level=None, check_same_thread=False),
                    poolclass=NullPool,
                    hide_parameters=True,
                )
            else:
                engine = sa.create_engine(url, poolclass=NullPool, hide_parameters=True)
        except DsarError:
            raise
        except Exception as error:
            raise self._unreachable(error) from error
        statement = _READ_ONLY.get(engine.dialect.name)
        if statement:
            sa.event.listen(engine, "connect", lambda connection, _: _run(connection, statement))
        return engine

    def _unreachable(self, error: Exception) -> SourceUnreachable:
        cause = type(getattr(error, "orig", None) or error).__name__
        return SourceUnreachable(
            f"the database cannot be opened ({cause})",
            where=f"sources.{self.settings.name}",
            remedy="check that it is up, and its `url` in dsar.toml or the environment",
        )


class _Answer:
    """One answer in the making: its statements, and what they yielded so far."""

    def __init__(self, source: Sql, connection: sa.Connection, name: str, table: sa.Table) -> None:
        self.settings, self.connection, self.name, self.table = source.settings, connection, name, table
        self.dialect = connection.dialect.name
        self.mapped = source.settings.declared.tables.get(name)
        self.read = self.rows = 0

    def done(self) -> Done:
        return Done(self.read, self.rows)

    def matching(self, wanted: exact.Wanted) -> Iterator[Rows]:
        for part in wanted.split(IN_LIST):
            anywhere = sa.or_(*(self._possible(column, kind, part.forms(kind)) for column, kind in part.columns if part.forms(kind)))
            yield from self._rows(anywhere, part)

    def bearing(self, columns: tuple[str, ...], keys: Sequence[tuple[object, ...]]) -> Iterator[Rows]:
        for some in exact.batches(dict.fromkeys(keys), IN_LIST):
            possible = (self._one_of(column, [key[n] for key in some]) for n, column in enumerate(columns))
            yield from self._rows(sa.and_(*possible), exact.key_set(columns, some))

    def counting(self, ask: Others) -> Iterator[tuple[object, int]]:
        column = self.table.c[ask.column]
        for some in exact.batches(dict.fromkeys(ask.values), IN_LIST):
            forms = {kinds.normal("key", v) for v in some}
            possible = self._one_of(ask.column, some)
            if isinstance(column.type, sa.String | sa.types.NullType):
                # A database may group 'a' with 'A', or 'a' with 'a ': text is counted here.
                statement: sa.Select[Any] = sa.select(self._exactly(column), sa.literal(1)).where(possible)
            else:
                statement = sa.select(self._exactly(column), sa.func.count()).where(possible).group_by(column)
            for chunk in self._chunks(statement):
                found = self._typed(ask.column, [value for value, _ in chunk]).to_pylist()
                # What another statement counts too is left to it.
                yield from ((v, int(n)) for v, (_, n) in zip(found, chunk, strict=True) if kinds.normal("key", v) in forms)

    def _one_of(self, column: str, wanted: Sequence[object]) -> sa.ColumnElement[bool]:
        forms = [kinds.normal("key", v) for v in wanted]
        if None in forms:
            return sa.true()  # NULL and blank keys have no form to look for
        return self._possible(column, "key", [f for f in forms if f is not None])

    def _possible(self, column: str, kind: str, forms: Sequence[str]) -> sa.ColumnElement[bool]:
        declared = exact.declared_type(self.mapped, column) if self.mapped else None
        return condition(self.table.c[column], kind, forms, self.dialect, declared)

    def _rows(self, where: sa.ColumnElement[bool], question: exact.Question) -> Iterator[Rows]:
        names = [c.name for c in self.table.columns]
        for chunk in self._chunks(sa.select(*(self._exactly(c) for c in self.table.columns)).where(where)):
            columns = dict(zip(names, zip(*chunk, strict=True), strict=True))
            if (found := question.rows(exact.Raw(columns, self._typed))) is not None:
                self.rows += len(found.frame)
                yield found

    def _chunks(self, statement: sa.Select[Any]) -> Iterator[Sequence[Any]]:
        options = {"stream_results": True, "max_row_buffer": exact.CHUNK}
        for chunk in self.connection.execute(statement, execution_options=options).partitions(exact.CHUNK):
            self.read += len(chunk)
            yield chunk

    def _exactly(self, column: sa.Column[Any]) -> sa.ColumnElement[Any]:
        # SQLAlchemy would round SQLite's numbers, and refuse its dates where they are not.
        return sa.type_coerce(column, sa.types.NullType()).label(column.name) if self.dialect == "sqlite" else column

    def _typed(self, column: str, found: Sequence[object]) -> pa.Array:
        declared = exact.declared_type(self.mapped, column) if self.mapped else None
        if declared:
            return exact.strict(self.settings, self.name, column, found, declared)
        return _as_reflected(self.table.c[column].type, found)


def _as_reflected(kind: sa.types.TypeEngine[Any], found: Sequence[object]) -> pa.Array:
    """Return the values as the type their column has, where they fit it; else as they are stored."""
    stored = {type(v) for v in found if v is not None}
    if isinstance(kind, sa.Boolean) and stored <= {int, bool} and all(v in {None, 0, 1} for v in found):
        return pa.array([None if v is None else bool(v) for v in found], pa.bool_())
    if isinstance(kind, sa.Numeric) and not isinstance(kind, sa.Float) and stored <= {int, float, Decimal}:
        return _decimals(found, kind.precision or 0, kind.scale or 0)
    if isinstance(kind, sa.DateTime) and stored <= {str, datetime}:
        return values.soft(found, "datetime")
    if isinstance(kind, sa.Date) and stored <= {str, date}:
        return values.soft(found, "date")
    return values.infer(found)


def _decimals(found: Sequence[object], precision: int, scale: int) -> pa.Array:
    """Return exact decimals with at least the declared scale, more where a value has more."""
    exactly = values.infer([None if v is None else v if isinstance(v, Decimal) else Decimal(repr(v)) for v in found])
    if not pa.types.is_null(exactly.type) and not pa.types.is_decimal(exactly.type):
        return exactly
    own = (exactly.type.precision, exactly.type.scale) if pa.types.is_decimal(exactly.type) else (0, 0)
    places = max(scale, own[1])
    digits = max(precision - scale, own[0] - own[1], 1) + places
    if digits > 76:
        return exactly
    return exactly.cast(pa.decimal128(digits, places) if digits <= 38 else pa.decimal256(digits, places))


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence reflection about types and indexes that play no part here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sa.exc.SAWarning)
        yield


def _run(connection: Any, statement: str) -> None:
    cursor = connection.cursor()
    cursor.execute(statement)
    cursor.close()
    connection.commit()


def _schemas(inspector: sa.Inspector) -> list[str | None]:
    if inspector.dialect.name in {"mysql", "mariadb"}:
        return [None]  # what they call a schema is another database, another source
    own = inspector.default_schema_name
    names = (n for n in inspector.get_schema_names() if n not in {own, "information_schema"} and not n.startswith("pg_"))
    return [None, *names]


def _schema(inspector: sa.Inspector, schema: str | None) -> dict[str, Schema]:
    scope: dict[str, Any] = {"schema": schema, "kind": ObjectKind.ANY, "scope": ObjectScope.DEFAULT}
    columns = inspector.get_multi_columns(**scope)
    keys, foreign = inspector.get_multi_pk_constraint(**scope), inspector.get_multi_foreign_keys(**scope)
    found = {}
    for place, known in sorted(columns.items(), key=lambda item: item[0][1]):
        key = [c for c in (keys[place]["constrained_columns"] if keys.get(place) else ()) if c]
        references = {
            f["constrained_columns"][0]: (_name(f["referred_schema"], f["referred_table"]), f["referred_columns"][0])
            for f in foreign.get(place) or []
            if len(f["constrained_columns"]) == len(f["referred_columns"]) == 1
        }
        found[_name(*place)] = Schema({c["name"]: _logical(c["type"]) for c in known}, tuple(key), references)
    return found


def _name(schema: str | None, table: str) -> str:
    return f"{schema}.{table}" if schema else table


def _logical(kind: sa.types.TypeEngine[Any]) -> str | None:
    if isinstance(kind, sa.Numeric) and not isinstance(kind, sa.Float):
        return f"decimal({kind.precision},{kind.scale})" if kind.precision and kind.scale is not None else None
    known: list[tuple[type[Any], str]] = [
        (sa.Boolean, "boolean"),
        (sa.Integer, "integer"),
        (sa.Float, "number"),
        (sa.DateTime, "datetime"),
        (sa.Date, "date"),
        (sa.Time, "time"),
        (sa.Uuid, "text"),
        (sa.String, "text"),
        (sa.LargeBinary, "binary"),
    ]
    return next((name for type_, name in known if isinstance(kind, type_)), None)
