"""What a database says of itself: its tables, columns, keys and references, and the types of its values."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.engine.reflection import ObjectKind, ObjectScope

from dsar import values
from dsar.source import Schema

_MYSQL = {"mysql", "mariadb"}
# What psycopg hands over exactly; a value of any other type arrives as PostgreSQL writes it.
_PLAIN = (sa.Boolean, sa.Integer, sa.Numeric, sa.Date, sa.DateTime, sa.Time, sa.LargeBinary, sa.Uuid, sa.TEXT, sa.VARCHAR, sa.CHAR)
_AS_IS = (*_PLAIN, postgresql.INET)


def tables(connection: sa.Connection) -> dict[str, Schema]:
    """Return every table and view apart from the system's own; those outside the default schema as `schema.table`."""
    with quiet():
        inspector = sa.inspect(connection)
        return {name: known for schema in _schemas(inspector) for name, known in _schema(inspector, schema).items()}


def table(connection: sa.Connection, name: str) -> sa.Table:
    """Return one table or view as it is now; raises `NoSuchTableError`."""
    # Not kept: a column added since would be left out in silence.
    with quiet():
        schema, _, bare = ("", "", name) if sa.inspect(connection).has_table(name) else name.rpartition(".")
        return sa.Table(bare, sa.MetaData(), schema=schema or None, autoload_with=connection, resolve_fks=False)


def exactly(column: sa.Column[Any], dialect: str) -> sa.ColumnElement[Any]:
    """Return the column so that its values arrive as stored: neither SQLAlchemy nor a driver reads them its own way."""
    return bare(column, dialect).label(column.name)


def bare(column: sa.Column[Any], dialect: str) -> sa.ColumnElement[Any]:
    """Return the same without its name, so that it can be compared with a value that arrived."""
    if dialect == "postgresql" and not isinstance(column.type, _AS_IS):
        # A driver rounds the numbers in JSON and drops the months of an interval; the database's text is exact.
        return sa.cast(column, sa.Text())
    # On SQLite, SQLAlchemy would round its numbers, and refuse its dates where they are not.
    return sa.type_coerce(column, sa.types.NullType()) if dialect == "sqlite" or dialect in _MYSQL else column


def as_reflected(kind: sa.types.TypeEngine[Any], found: Sequence[object]) -> pa.Array:
    """Return the values as the type their column has, where they fit it; else as they are stored."""
    if isinstance(kind, mysql.BIT):
        found = [int.from_bytes(v, "big") if isinstance(v, bytes) else v for v in found]
    if isinstance(kind, sa.Time):
        found = [_time_of_day(v) for v in found]
    if isinstance(kind, mysql.TIMESTAMP):
        found = [v.replace(tzinfo=UTC) if isinstance(v, datetime) else v for v in found]  # the session's zone is UTC
    stored = {type(v) for v in found if v is not None}
    if _is_boolean(kind) and stored <= {int, bool} and all(v in {None, 0, 1} for v in found):
        return pa.array([None if v is None else bool(v) for v in found], pa.bool_())
    if isinstance(kind, sa.Numeric) and not isinstance(kind, sa.Float) and stored <= {int, float, Decimal}:
        return _decimals(found, kind.precision or 0, kind.scale or 0)
    if isinstance(kind, sa.DateTime) and stored <= {str, datetime}:
        return values.soft(found, "datetime")
    if isinstance(kind, sa.Date) and stored <= {str, date}:
        return values.soft(found, "date")
    return values.infer(found)


def _is_boolean(kind: sa.types.TypeEngine[Any]) -> bool:
    # MySQL keeps a BOOLEAN as TINYINT(1).
    return (
        isinstance(kind, sa.Boolean)
        or (isinstance(kind, mysql.TINYINT) and kind.display_width == 1)
        or (isinstance(kind, mysql.BIT) and kind.length == 1)
    )


def _time_of_day(value: object) -> object:
    """Return the time that PyMySQL hands over as a span; a span longer than a day stays text."""
    if not isinstance(value, timedelta):
        return value
    midnight = datetime(1, 1, 1)  # noqa: DTZ001 - a time of day has no zone
    return (midnight + value).time() if timedelta() <= value < timedelta(days=1) else str(value)


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
def quiet() -> Iterator[None]:
    """Silence reflection about types and indexes that play no part here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sa.exc.SAWarning)
        yield


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
    if _is_boolean(kind):
        return "boolean"
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
