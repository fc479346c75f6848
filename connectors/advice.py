"""Which index would spare a database reading a whole table for each batch: asked of the database itself.

Each match column's own statement is explained by the database, not run. An address or a key in a
text column needs two indexes: one for its plain spelling, one for the few rows that are spelled
otherwise and must always be read. PostgreSQL makes use of them; SQLite and MariaDB read such a table whole.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from connectors import reflect
from connectors.coarse import Told, tell
from connectors.exact import declared_type
from dsar import datamap, kinds
from dsar.source import Settings

SMALL = 10_000  # rows: reading fewer costs less than an index is worth

_SAMPLE = {"email": "nobody@example.org", "phone": "+442079460000"}
_WHOLE = {"ALL", "index"}  # how MariaDB and MySQL call reading every row, and every entry of an index


def of(connection: sa.Connection, settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield a table and what would help, for each match column whose table would be read whole."""
    for name, mapped in settings.declared.tables.items():
        try:
            table = reflect.table(connection, name)
        except sa.exc.NoSuchTableError:
            continue
        if _rows(connection, table) < SMALL:
            continue
        for kind, columns in mapped.match.items():
            for column in (columns,) if isinstance(columns, str) else columns:
                if column in table.c and (said := _said(connection, table, table.c[column], kind, mapped)):
                    yield name, f"searching by {kind} reads every row: {said}"


def _said(connection: sa.Connection, table: sa.Table, column: sa.Column[Any], kind: str, mapped: datamap.Table) -> str:
    dialect = connection.dialect.name
    told = tell(column, kind if kind in kinds.GLOBAL else "key", [_SAMPLE.get(kind, "1")], dialect, declared_type(mapped, column.name))
    if told is None:
        return f"`{column.name}` is stored in a form that no index helps with"
    if not _reads_all(connection, table.name, sa.select(sa.literal(1)).select_from(table).where(told.condition(dialect))):
        return ""
    if told.unusual is not None and dialect != "postgresql" and not isinstance(column.type, sa.Integer | sa.Numeric):
        return f"text in `{column.name}` has to be read whole here"
    return "; ".join(_indexes(connection, table, column, told))


def _indexes(connection: sa.Connection, table: sa.Table, column: sa.Column[Any], told: Told) -> Sequence[str]:
    if told.unusual is None or isinstance(column.type, sa.Integer | sa.Numeric):
        wanted = [sa.Index(f"dsar_{table.name}_{column.name}", column)]
    else:
        plain, odd = (f"dsar_{table.name}_{column.name}_{part}" for part in ("plain", "odd"))
        test: Any = told.unusual  # `… IS TRUE`: PostgreSQL learns from an index on the test itself how seldom it is true
        wanted = [sa.Index(plain, told.by, _table=table), sa.Index(odd, test.left, _table=table)]
    made = [" ".join(_ddl(connection, sa.schema.CreateIndex(index)).split()) for index in wanted]
    for index in wanted:
        table.indexes.discard(index)
    return made


def _ddl(connection: sa.Connection, statement: Any) -> str:
    # A percent sign is doubled for the driver, which no person pastes into.
    return str(statement.compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True})).replace("%%", "%")


def _rows(connection: sa.Connection, table: sa.Table) -> int:
    """Return about how many rows a table has: as its statistics say, counted where it keeps none."""
    if connection.dialect.name == "postgresql":
        quoted = connection.dialect.identifier_preparer.format_table(table)
        found = connection.execute(sa.text("SELECT reltuples FROM pg_class WHERE oid = to_regclass(:name)"), {"name": quoted}).scalar()
        return int(found) if found is not None and found >= 0 else SMALL
    few = sa.select(sa.literal(1)).select_from(table).limit(SMALL).subquery()
    return int(connection.execute(sa.select(sa.func.count()).select_from(few)).scalar_one())


def _reads_all(connection: sa.Connection, table: str, statement: sa.Select[Any]) -> bool:
    explained = {"postgresql": "EXPLAIN (FORMAT JSON) ", "sqlite": "EXPLAIN QUERY PLAN "}.get(connection.dialect.name, "EXPLAIN ")
    compiled = statement.compile(dialect=connection.dialect, compile_kwargs={"render_postcompile": True})
    values = [compiled.params[name] for name in compiled.positiontup or ()] if compiled.positional else compiled.params
    rows = connection.exec_driver_sql(explained + str(compiled), tuple(values) if isinstance(values, list) else dict(values)).mappings().all()
    if connection.dialect.name == "postgresql":
        plan = rows[0]["QUERY PLAN"]
        return '"Seq Scan"' in json.dumps(plan)
    if connection.dialect.name == "sqlite":
        return any(str(row["detail"]).split()[:2] == ["SCAN", table] for row in rows)
    return any(row["type"] in _WHOLE for row in rows)
