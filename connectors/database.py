"""How a database is reached: its driver, read-only, with a limit on how long a statement may take.

PostgreSQL is read through psycopg, MySQL and MariaDB through PyMySQL, each behind an extra of this
project. A session reads one state of the database, in UTC, and cannot write, whatever its role may.
What erases has an engine of its own, under the source's `write_url`.
"""

import importlib.util
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from connectors import transport
from dsar.errors import DsarError, ErasureRefused, SourceBroken, SourceUnreachable
from dsar.source import Settings

_DRIVERS = {  # backend → driver, extra of this project
    "postgresql": ("psycopg", "postgresql"),
    "postgres": ("psycopg", "postgresql"),
    "mysql": ("pymysql", "mariadb"),
    "mariadb": ("pymysql", "mariadb"),
}
_PLAIN: dict[str, Any] = {"poolclass": NullPool, "hide_parameters": True}
_CONNECT = {"connect_timeout": 30}  # seconds
_LONG_OVER = {"57014", "1969", "3024"}  # PostgreSQL's, MariaDB's and MySQL's code for a statement that took too long
_NOT_ALLOWED = {"42501", "1142", "1143"}  # PostgreSQL's; MySQL's for a table, for a column


def engine(settings: Settings) -> sa.Engine:
    """Return an engine whose sessions only read; raises `SourceUnreachable` where the address or its driver is wrong."""
    return _engine(settings, settings.declared.url, _READING, mode="ro")


def write_engine(settings: Settings) -> sa.Engine:
    """Return an engine whose sessions may write; raises `SourceUnreachable` where the map names no `write_url`."""
    if not settings.declared.write_url:
        raise SourceUnreachable(
            "the map names no address under which rows may be changed",
            where=f"sources.{settings.name}",
            remedy="set `write_url` in dsar.toml, with an account that may change no more than these tables; or work off the checklist",
        )
    return _engine(settings, settings.declared.write_url, _WRITING, mode="rw")


def _engine(settings: Settings, address: str, statements: Mapping[str, Sequence[str]], mode: str) -> sa.Engine:
    try:
        url = _address(settings, address)
        made = _sqlite(settings, url, mode) if url.get_backend_name() == "sqlite" else _server(settings, url)
    except DsarError:
        raise
    except Exception as error:
        raise unreachable(settings, error) from error
    sa.event.listen(made, "connect", lambda connection, _: _begin(connection, made.dialect.name, settings.declared.timeout, statements))
    return made


def _server(settings: Settings, url: sa.URL) -> sa.Engine:
    return sa.create_engine(url, connect_args={**_CONNECT, **transport.of_database(settings, url)}, **_PLAIN)


def _address(settings: Settings, address: str) -> sa.URL:
    url = sa.make_url(settings.expand(address))
    backend, _, driver = url.drivername.partition("+")
    if backend not in _DRIVERS or driver:
        return url
    driver, extra = _DRIVERS[backend]
    if importlib.util.find_spec(driver) is None:
        raise SourceUnreachable(
            f"the driver '{driver}' is not installed", where=f"sources.{settings.name}", remedy=f"pip install 'dsar[{extra}]', then collect again"
        )
    return url.set(drivername=f"{'postgresql' if backend == 'postgres' else backend}+{driver}")


def _sqlite(settings: Settings, url: sa.URL, mode: str) -> sa.Engine:
    path = (settings.root / (url.database or "")).absolute()
    # mode: a missing file is an error, not a new and empty database.
    address = f"{path.as_uri()}?mode={mode}"
    return sa.create_engine("sqlite://", creator=lambda: sqlite3.connect(address, uri=True, isolation_level=None, check_same_thread=False), **_PLAIN)


_READING: Mapping[str, Sequence[str]] = {
    "sqlite": ["PRAGMA query_only = ON"],
    "postgresql": ["SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY, ISOLATION LEVEL REPEATABLE READ"],
    # A REPEATABLE READ snapshot is InnoDB's own way.
    "mysql": ["SET SESSION TRANSACTION READ ONLY", "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ"],
}
_WRITING: Mapping[str, Sequence[str]] = {
    # What is deleted is overwritten in the file; else it could be read there until its place is used again.
    "sqlite": ["PRAGMA foreign_keys = ON", "PRAGMA secure_delete = ON", "PRAGMA busy_timeout = 30000"],
    # Rows are read as they are once they are locked, not as they were before; nobody is kept waiting for long.
    "postgresql": ["SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED", "SET lock_timeout = '30s'"],
    "mysql": ["SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED", "SET SESSION innodb_lock_wait_timeout = 30"],
}


def _begin(connection: Any, dialect: str, seconds: int, statements: Mapping[str, Sequence[str]]) -> None:
    known = "mysql" if dialect == "mariadb" else dialect
    zone = {"postgresql": [f"SET statement_timeout = {seconds * 1000}", "SET TIME ZONE 'UTC'"], "mysql": ["SET time_zone = '+00:00'"]}
    cursor = connection.cursor()
    for statement in (*statements.get(known, ()), *zone.get(known, ())):
        cursor.execute(statement)
    if dialect in {"mysql", "mariadb"}:
        cursor.execute("SELECT VERSION()")
        # MySQL limits a statement in milliseconds, MariaDB in seconds.
        of_mariadb = "mariadb" in str(cursor.fetchone()[0]).lower()
        cursor.execute(f"SET SESSION max_statement_time = {seconds}" if of_mariadb else f"SET SESSION max_execution_time = {seconds * 1000}")
    cursor.close()
    connection.commit()
    if dialect == "postgresql" and hasattr(connection, "adapters"):
        _exact(connection)


def _exact(connection: Any) -> None:
    """Hand on dates beyond Python's years, and 'infinity', as their text: the row is kept, and the value exact."""
    from psycopg import adapters, pq

    for name in ("date", "timestamp", "timestamptz"):
        oid = adapters.types[name].oid
        connection.adapters.register_loader(oid, _or_as_text(adapters.get_loader(oid, pq.Format.TEXT)))


def _or_as_text(own: Any) -> Any:
    from psycopg import DataError
    from psycopg.abc import Buffer
    from psycopg.adapt import Loader

    class OrAsText(Loader):
        def __init__(self, oid: int, context: Any = None) -> None:
            super().__init__(oid, context)
            self.own = own(oid, context)

        def load(self, data: Buffer) -> object:
            try:
                return self.own.load(data)
            except DataError:
                return bytes(data).decode("ascii")

    return OrAsText


def unreachable(settings: Settings, error: Exception) -> SourceUnreachable:
    """Return the error of a database that cannot be opened."""
    return SourceUnreachable(
        f"the database cannot be opened ({_cause(error)})",
        where=f"sources.{settings.name}",
        remedy="check that it is up, and its `url` in dsar.toml or the environment",
    )


def not_changed(error: Exception, at: str) -> ErasureRefused:
    """Return the error of a database that would not change a row; all is as it was. Never its own words."""
    if isinstance(error, sa.exc.IntegrityError):
        why, remedy = "the database refuses: another row refers to one of these", "find what refers to it; map that table, and plan again"
    else:
        why, remedy = f"the database broke off ({_cause(error)})", "check what the account may change, or whether the rows are in use; then try again"
    return ErasureRefused(f"{why}. Nothing was changed", where=at, remedy=remedy)


def broken(settings: Settings, error: Exception, at: str) -> SourceBroken:
    """Return the error of a database that broke off; never its own words, which may quote a person's data."""
    original = getattr(error, "orig", None) or error
    codes = {str(code) for code in (getattr(original, "sqlstate", None), *getattr(original, "args", ())[:1])}
    if codes & _LONG_OVER:
        return SourceBroken(
            f"a statement took longer than {settings.declared.timeout} seconds",
            where=at,
            remedy="ask for an index (`dsar check` advises which), or raise the source's `timeout` in dsar.toml",
        )
    if codes & _NOT_ALLOWED:
        return SourceBroken("the account may not read this table", where=at, remedy="GRANT SELECT on it (docs/sources.md)")
    return SourceBroken(f"the database broke off while it was read ({_cause(error)})", where=at, remedy="run `dsar check`, then collect again")


def _cause(error: Exception) -> str:
    return type(getattr(error, "orig", None) or error).__name__
