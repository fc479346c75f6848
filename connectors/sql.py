"""Any database, through SQLAlchemy: read-only, bound parameters, in chunks, values exact.

The database rules out most rows (`connectors.coarse`), the rest is compared here
(`connectors.exact`). Keys in number columns are found through an index; keys, e-mail addresses
and phone numbers in text columns are looked for in every row, because a stored blank or capital
letter must not hide one, unless the indexes that `dsar check` advises are there. A `sqlite` path is
relative to the workspace. Tables outside the default schema are named `schema.table`.
"""

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from connectors import advice, database, exact, reflect
from connectors.coarse import condition
from dsar import datamap, kinds, values
from dsar.errors import DsarError, SourceBroken
from dsar.source import Ask, Can, Change, Done, Eraser, Everyone, Keys, Match, Others, Part, Rows, Schema, Settings, Text

Parts = Generator[Part, None, None]
IN_LIST = 10_000  # identifiers per statement


class Sql:
    """The tables and views of one database."""

    can = Can(many=True, others=True, search=True, everyone=True, advises=True, erase=True, transactional=True)

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def schema(self) -> Mapping[str, Schema]:
        """Return every table and view of the database, apart from the system's own; no row is read."""
        with self._connection("the schema") as connection:
            return reflect.tables(connection)

    def advice(self) -> Iterator[tuple[str, str]]:
        """Yield a table and what would spare reading all its rows, for each column that identifiers are looked for in."""
        with self._connection("the indexes") as connection:
            yield from advice.of(connection, self.settings)

    def eraser(self) -> Eraser:
        """Return what may change rows, under `write_url`; raises `SourceUnreachable` where the map names none."""
        from connectors.sqlerase import SqlEraser

        return SqlEraser(self.settings)

    def statements(self, changes: Sequence[Change]) -> str:
        """Return the changes as SQL, for the database's administrator; the keys in it are personal data."""
        from connectors.sqlerase import statements

        return statements(self.settings, changes)

    def read(self, ask: Ask) -> Parts:
        """Answer one question as a stream of parts that ends with `Done`.

        A read sees one state of the database.
        """
        match ask:
            case Match():
                return self._match(ask, exact.wanted(ask, exact.mapped(self.settings, ask.table), self.settings))
            case Keys():
                return self._keys(ask, exact.mapped(self.settings, ask.table))
            case Others():
                return self._others(ask)
            case Everyone():
                return self._everyone(ask)
            case Text():
                return self._text(ask, exact.mapped(self.settings, ask.table))

    def _match(self, ask: Match, wanted: exact.Wanted) -> Parts:
        with self._connection(ask.table) as connection:
            table = self._reflect(connection, ask.table, [c for c, _ in wanted.columns])
            answer = Answer(self, connection, ask.table, table)
            yield from exact.limited(answer.matching(wanted), ask, self.settings, (c for c, _ in wanted.columns))
            yield from exact.unclear(wanted)
            yield answer.done()

    def _keys(self, ask: Keys, mapped: datamap.Table) -> Parts:
        with self._connection(ask.table) as connection:
            table = self._reflect(connection, ask.table, mapped.key)
            answer = Answer(self, connection, ask.table, table)
            yield from answer.bearing(mapped.key, ask.keys)
            yield answer.done()

    def _others(self, ask: Others) -> Parts:
        with self._connection(ask.table) as connection:
            table = self._reflect(connection, ask.table, [ask.column, *ask.also, *([ask.at] if ask.at else [])])
            answer = Answer(self, connection, ask.table, table)
            counts = exact.tally(ask, answer.counting(ask))
            if len(counts.frame):
                yield counts
            yield Done(answer.read, len(counts.frame))

    def _everyone(self, ask: Everyone) -> Parts:
        with self._connection(ask.table) as connection:
            table = self._reflect(connection, ask.table, ask.columns)
            answer = Answer(self, connection, ask.table, table)
            yield from answer.everyone(ask.columns, ask.limit)
            yield answer.done()

    def _text(self, ask: Text, mapped: datamap.Table) -> Parts:
        with self._connection(ask.table) as connection:
            table = self._reflect(connection, ask.table, mapped.key)
            answer = Answer(self, connection, ask.table, table)
            yield from answer.speaking(mapped.key, ask.columns or tuple(c.name for c in table.columns), ask.needles)
            yield answer.done()

    def _reflect(self, connection: sa.Connection, name: str, needed: Sequence[str]) -> sa.Table:
        return reflected(self.settings, connection, name, needed)

    @contextmanager
    def _connection(self, what: str) -> Iterator[sa.Connection]:
        """Yield a read-only connection that is not kept; every error of the database becomes one of ours."""
        at = f"{self.settings.name}.{what}" if what in self.settings.declared.tables else self.settings.name
        engine = database.engine(self.settings)
        try:
            try:
                connection = engine.connect()
            except Exception as error:
                raise database.unreachable(self.settings, error) from error
            with connection:
                if engine.dialect.name == "sqlite":
                    connection.exec_driver_sql("BEGIN")
                yield connection
        except DsarError:
            raise
        except Exception as error:
            raise database.broken(self.settings, error, at) from error
        finally:
            engine.dispose()


def reflected(settings: Settings, connection: sa.Connection, name: str, needed: Sequence[str]) -> sa.Table:
    """Return a table as the database has it; raises `SourceBroken` where it is not there, or lacks a needed column."""
    at = f"{settings.name}.{name}"
    try:
        table = reflect.table(connection, name)
    except sa.exc.NoSuchTableError as error:
        raise SourceBroken("the database has no such table", where=at, remedy="mend its name in dsar.toml; `dsar check` lists the tables") from error
    lost = [c for c in needed if c not in table.c]
    if lost:
        raise SourceBroken(f"the table has no column {', '.join(lost)}", where=at, remedy="mend dsar.toml; `dsar check` lists the columns")
    return table


class Answer:
    """One answer in the making: its statements, and what they yielded so far."""

    def __init__(self, source: Sql, connection: sa.Connection, name: str, table: sa.Table) -> None:
        self.settings, self.connection, self.name, self.table = source.settings, connection, name, table
        self.dialect = connection.dialect.name
        self.mapped = source.settings.declared.tables.get(name)
        self.read = self.rows = 0

    def done(self) -> Done:
        """Return the end of the answer."""
        return Done(self.read, self.rows)

    def matching(self, wanted: exact.Wanted) -> Iterator[Rows]:
        """Yield the rows that are wanted."""
        for part in wanted.split(IN_LIST):
            anywhere = sa.or_(*(self._possible(column, kind, part.forms(kind)) for column, kind in part.columns if part.forms(kind)))
            yield from self._rows(anywhere, part)

    def bearing(self, columns: tuple[str, ...], keys: Sequence[tuple[object, ...]]) -> Iterator[Rows]:
        """Yield the rows with these keys."""
        for some in exact.batches(dict.fromkeys(keys), IN_LIST):
            possible = (self.one_of(column, [key[n] for key in some]) for n, column in enumerate(columns))
            yield from self._rows(sa.and_(*possible), exact.key_set(columns, some))

    def counting(self, ask: Others) -> Iterator[tuple[object, object, int]]:
        """Yield each value asked about, its moment, and a number of rows."""
        counted = [self.table.c[name] for name in (ask.column, *ask.also, ask.at) if name]
        shown = [self._exactly(column) for column in counted]
        for some in exact.batches(dict.fromkeys(ask.values), IN_LIST):
            forms = {kinds.normal(ask.kind, v) for v in some}
            possible = sa.true() if ask.also else self.one_of(ask.column, some, ask.kind)
            if isinstance(counted[0].type, sa.String | sa.types.NullType):
                # A database may group 'a' with 'A', or 'a' with 'a ': text is counted here.
                statement: sa.Select[Any] = sa.select(*shown, sa.literal(1)).where(possible)
            else:
                statement = sa.select(*shown, sa.func.count()).where(possible).group_by(*counted)
            for chunk in self._chunks(statement):
                read = [self._counted(name, [row[n] for row in chunk]) for n, name in enumerate((ask.column, *ask.also))]
                found = exact.together(read)
                moments = self.typed(ask.at, [row[-2] for row in chunk]).to_pylist() if ask.at else [None] * len(chunk)
                # What another statement counts too is left to it.
                yield from ((v, at, int(row[-1])) for v, at, row in zip(found, moments, chunk, strict=True) if kinds.normal(ask.kind, v) in forms)

    def _counted(self, column: str, found: Sequence[object]) -> Sequence[object]:
        return exact.Raw({column: found}, self.typed, self.mapped).values(column)

    def everyone(self, columns: Sequence[str], limit: int | None) -> Iterator[Rows]:
        """Yield every row's values in some columns, so many at most."""
        for chunk in self._chunks(sa.select(*(self._exactly(self.table.c[name]) for name in columns)).limit(limit)):
            read = {name: self.typed(name, [row[n] for row in chunk]) for n, name in enumerate(columns)}
            self.rows += len(chunk)
            yield Rows(values.to_frame(pa.table(read)))

    def speaking(self, key: tuple[str, ...], columns: Sequence[str], needles: Sequence[str]) -> Iterator[Rows]:
        """Yield where needles stand in columns of text: the row's key, `dsar_column`, `dsar_needle` and `dsar_offset`."""
        chosen = [*key, *(c for c in columns if c not in key)]
        looked = exact.finder(needles)
        for chunk in self._chunks(sa.select(*(self._exactly(self.table.c[name]) for name in chosen))):
            hits = [(n, c, *hit) for c in columns for n, row in enumerate(chunk) for hit in looked(row[chosen.index(c)])]
            if hits:
                keys = {name: self.typed(name, [chunk[n][place] for n, *_ in hits]) for place, name in enumerate(key)}
                names = ("dsar_column", "dsar_needle", "dsar_offset")
                found = {name: values.infer([hit[place] for hit in hits]) for place, name in enumerate(names, 1)}
                self.rows += len(hits)
                yield Rows(values.to_frame(pa.table({**keys, **found})))

    def one_of(self, column: str, wanted: Sequence[object], kind: str = "key") -> sa.ColumnElement[bool]:
        """Return a condition that lets through at least each row with one of the values."""
        forms = [kinds.normal(kind, v) for v in wanted]
        if None in forms:
            return sa.true()  # NULL and blank keys have no form to look for
        return self._possible(column, kind, [f for f in forms if f is not None])

    def _possible(self, column: str, kind: str, forms: Sequence[str]) -> sa.ColumnElement[bool]:
        return condition(self.table.c[column], kind, forms, self.dialect, exact.declared_type(self.mapped, column))

    def _rows(self, where: sa.ColumnElement[bool], question: exact.Question) -> Iterator[Rows]:
        names = [c.name for c in self.table.columns]
        for chunk in self._chunks(sa.select(*(self._exactly(c) for c in self.table.columns)).where(where)):
            columns = dict(zip(names, zip(*chunk, strict=True), strict=True))
            if (found := question.rows(exact.Raw(columns, self.typed, self.mapped))) is not None:
                self.rows += len(found.frame)
                yield found

    def _chunks(self, statement: sa.Select[Any]) -> Iterator[Sequence[Any]]:
        options = {"stream_results": True, "max_row_buffer": exact.CHUNK}
        with self.connection.execute(statement, execution_options=options) as result:
            for chunk in result.partitions(exact.CHUNK):
                self.read += len(chunk)
                yield chunk

    def _exactly(self, column: sa.Column[Any]) -> sa.ColumnElement[Any]:
        return reflect.exactly(column, self.dialect)

    def typed(self, column: str, found: Sequence[object]) -> pa.Array:
        """Return a column's values as the type they have, by the map or the database."""
        declared = exact.declared_type(self.mapped, column)
        if declared:
            return exact.strict(self.settings, self.name, column, found, declared)
        return reflect.as_reflected(self.table.c[column].type, found)
