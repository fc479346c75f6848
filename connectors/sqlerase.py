"""Changes in a database: one transaction, each row locked, read again and compared before it is touched.

What a statement says it changed is not believed alone. Rows that go along by `ON DELETE CASCADE`, lose a reference by
`SET NULL`, or are written by a trigger are somebody's too: references are looked at before a row goes, and the database's own
counters are compared with the changes planned before anything is made last (SQLite, PostgreSQL, MySQL and MariaDB).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from connectors import database
from connectors.sqltable import MYSQL, Known, Table
from dsar.errors import DsarError, ErasureRefused
from dsar.source import Change, Result, Settings

_COUNTERS = {
    "sqlite": "SELECT total_changes()",
    "postgresql": "SELECT sum(n_tup_ins + n_tup_upd + n_tup_del) FROM pg_stat_xact_user_tables",
    **dict.fromkeys(MYSQL, "SHOW SESSION STATUS WHERE Variable_name IN ('Handler_delete', 'Handler_update', 'Handler_write')"),
}


class SqlEraser:
    """The tables of one database, to be changed under the source's `write_url`."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.known: Known = {}
        database.write_engine(settings).dispose()  # says at once where there is no such address

    @contextmanager
    def begin(self, changes: Sequence[Change], *, commit: bool) -> Iterator["Session"]:
        """Yield a transaction in which the rows of all changes are locked; it is undone by any error, and without `commit`."""
        engine = database.write_engine(self.settings)
        try:
            try:
                connection = engine.connect()
            except Exception as error:
                raise database.unreachable(self.settings, error) from error
            with connection:
                if engine.dialect.name == "sqlite":
                    connection.exec_driver_sql("BEGIN IMMEDIATE")
                session = Session(self.settings, connection, changes, self.known)
                yield session
                session.require_planned()
                if commit:
                    connection.commit()
                else:
                    connection.rollback()
        except DsarError:
            raise
        except sa.exc.SQLAlchemyError as error:
            raise database.not_changed(error, self.settings.name) from error
        finally:
            engine.dispose()


class Session:
    """One transaction: the locked rows, and how many were changed."""

    def __init__(self, settings: Settings, connection: sa.Connection, changes: Sequence[Change], known: Known) -> None:
        self.settings, self.connection = settings, connection
        self.tables = {name: Table(settings, connection, name, known) for name in dict.fromkeys(c.table for c in changes)}
        self.before, self.changed = self._counted(), 0
        for name, table in self.tables.items():
            table.lock([c.key for c in changes if c.table == name])

    def apply(self, change: Change) -> Result:
        """Make one change, if its row is as it was when that was decided."""
        table = self.tables[change.table]
        result = table.judge(change) or table.change(change)
        self.changed += result.state == "done"
        return result

    def require_planned(self) -> None:
        """Raise `ErasureRefused` unless the database changed as many rows as we told it to."""
        after = self._counted()
        if self.before is not None and after is not None and after - self.before != self.changed:
            raise ErasureRefused(
                f"the database changed {after - self.before} rows where {self.changed} were to be changed, so all was undone",
                where=self.settings.name,
                remedy="a trigger or a rule of the database writes too: map what it writes to, or hand the statements to its administrator",
            )

    def _counted(self) -> int | None:
        """Return how many rows were changed in this session, by whatever means; None where the engine does not say."""
        statement = _COUNTERS.get(self.connection.dialect.name)
        if statement is None:
            return None
        found = self.connection.exec_driver_sql(statement).fetchall()
        if self.connection.dialect.name == "postgresql" and not self._counts():
            return None
        return sum(int(row[-1] or 0) for row in found)

    def _counts(self) -> bool:
        return self.connection.exec_driver_sql("SHOW track_counts").scalar() == "on"


def statements(settings: Settings, changes: Sequence[Change]) -> str:
    """Return the changes as SQL, for the database's administrator; the keys in it are personal data."""
    engine = database.engine(settings)
    try:
        with engine.connect() as connection:
            tables = {name: Table(settings, connection, name, {}) for name in dict.fromkeys(c.table for c in changes)}
            lines = [line for change in changes for line in (f"-- {', '.join(change.steps)}", f"{_written(tables[change.table], change)};")]
    except sa.exc.SQLAlchemyError as error:
        raise database.broken(settings, error, settings.name) from error
    finally:
        engine.dispose()
    begin = "START TRANSACTION;" if engine.dialect.name in MYSQL else "BEGIN;"
    head = ("-- Each statement must say that it changed one row. Where one does not: ROLLBACK, and ask.", begin)
    return "\n".join((*head, *lines, "-- COMMIT;  (once every statement said one row)", ""))


def _written(table: Table, change: Change) -> str:
    key = ((table.table.c[name], value) for name, value in zip(table.mapped.key, change.key, strict=True))
    where = sa.and_(*(column.is_(None) if value is None else column == _literal(column, value) for column, value in key))
    statement: sa.Delete | sa.Update = sa.delete(table.table).where(where)
    if change.new is not None:
        statement = sa.update(table.table).where(where).values({c: _literal(table.table.c[c], table.fitted(c, v)) for c, v in change.new.items()})
    return str(statement.compile(dialect=table.connection.dialect, compile_kwargs={"literal_binds": True})).replace("\n", " ")


def _literal(column: sa.Column[Any], value: object) -> sa.ColumnElement[Any]:
    if value is None:
        return sa.null()
    if isinstance(value, int) and isinstance(column.type, sa.Boolean):  # PostgreSQL takes no number for it
        return sa.literal(bool(value), sa.Boolean())
    if isinstance(value, int) and not isinstance(column.type, sa.String):
        return sa.literal(int(value), sa.Integer())
    return sa.literal(str(value), sa.String())  # of a number with a point too: each engine reads it as the column's own type
