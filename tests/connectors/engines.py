"""The suite on each engine: how a world is loaded, counted and damaged."""

import csv
import hashlib
import sqlite3
from contextlib import closing, contextmanager
from datetime import date, datetime
from decimal import Decimal
from types import MappingProxyType
from unittest import mock

import duckdb
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa
from openpyxl.cell import WriteOnlyCell

from connectors import csvrows, parquet, xlsxrows
from connectors.engine import DuckDb
from connectors.lake import Lake
from connectors.spark import Spark
from connectors.sql import Sql
from dsar import values
from tests import servers
from tests.source_suite import SourceSuite

SQL_TYPES = {"integer": "INTEGER", "text": "TEXT", "decimal(12,2)": "NUMERIC(12,2)", "datetime": "DATETIME", "date": "DATE", "boolean": "BOOLEAN"}


def as_stored(value):
    match value:
        case Decimal():
            return float(value)  # as SQLite keeps a NUMERIC
        case datetime():
            return str(value)
        case date():
            return value.isoformat()
    return value


class OnSqlite(SourceSuite):
    database = "world.db"

    def connect(self, settings):
        return Sql(settings)

    def url(self, folder):
        return f"sqlite:///{self.database}"

    def execute(self, folder, *statements):
        with closing(sqlite3.connect(folder / self.database)) as connection:
            for statement in statements:
                connection.execute(statement)
            connection.commit()

    def load(self, folder, tables):
        with closing(sqlite3.connect(folder / self.database)) as connection:
            for name, grid in tables.items():
                columns = ", ".join(f'"{c}" {SQL_TYPES[t]}' for c, t in grid.columns.items())
                connection.execute(f'CREATE TABLE "{name}" ({columns}, PRIMARY KEY ({", ".join(grid.key)}))')
                slots = ", ".join("?" * len(grid.columns))
                connection.executemany(f'INSERT INTO "{name}" VALUES ({slots})', [tuple(map(as_stored, row)) for row in grid.rows])
            connection.commit()

    def break_off(self, folder, table):
        self.execute(folder, f'UPDATE "{table}" SET note = CAST(x\'6e6f7465ff\' AS TEXT) WHERE id = (SELECT max(id) FROM "{table}")')

    def drop(self, folder, table):
        self.execute(folder, f'DROP TABLE "{table}"')

    def take_down(self, folder):
        (folder / self.database).unlink()

    @contextmanager
    def counting(self, table):
        statements = []

        def note(_connection, _cursor, statement, *_):
            if f"FROM {table}" in statement:
                statements.append(statement)

        sa.event.listen(sa.Engine, "before_cursor_execute", note)
        try:
            yield lambda: len(statements)
        finally:
            sa.event.remove(sa.Engine, "before_cursor_execute", note)


class OnServer(SourceSuite):
    """A database server: each test has a database of its own, read by a role that may only read."""

    TYPES = MappingProxyType({})

    def name(self, folder):
        return f"w{hashlib.sha256(str(folder).encode()).hexdigest()[:16]}"

    def connect(self, settings):
        return Sql(settings)

    def root(self):
        raise NotImplementedError

    def owner(self, folder):
        return self.root().set(database=self.name(folder))

    def execute(self, folder, *statements):
        servers.execute(self.owner(folder), *statements)

    def grants(self, folder):
        raise NotImplementedError

    def quote(self, name):
        return f'"{name}"'

    def create(self, folder):
        servers.execute(self.root(), f"CREATE DATABASE {self.name(folder)}")

    def load(self, folder, tables):
        self.create(folder)
        engine = sa.create_engine(self.owner(folder), poolclass=sa.pool.NullPool)
        with engine.begin() as connection:
            for name, grid in tables.items():
                types = {c: "VARCHAR(190)" if t == "text" and c in grid.key else self.TYPES[t] for c, t in grid.columns.items()}
                columns = ", ".join(f"{self.quote(c)} {t}" for c, t in types.items())
                keys = ", ".join(map(self.quote, grid.key))
                connection.exec_driver_sql(f"CREATE TABLE {self.quote(name)} ({columns}, PRIMARY KEY ({keys}))")
                table = sa.table(name, *(sa.column(c) for c in grid.columns))
                for some in range(0, len(grid.rows), 5_000):
                    connection.execute(sa.insert(table).values([dict(zip(grid.columns, row, strict=True)) for row in grid.rows[some : some + 5_000]]))
        self.execute(folder, *self.grants(folder))

    def drop(self, folder, table):
        self.execute(folder, f"DROP TABLE {self.quote(table)}")

    @contextmanager
    def counting(self, table):
        with OnSqlite.counting(self, table) as count:
            yield count


class OnPostgresql(OnServer):
    TYPES = MappingProxyType({
        "integer": "BIGINT", "text": "TEXT", "decimal(12,2)": "NUMERIC(12,2)", "datetime": "TIMESTAMP", "date": "DATE", "boolean": "BOOLEAN",
    })  # fmt: skip

    def root(self):
        return servers.postgresql()

    def url(self, folder):
        return self.owner(folder).set(drivername="postgresql", username="reader").render_as_string()

    def grants(self, _):
        return "GRANT USAGE ON SCHEMA public TO reader", "GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader"

    def break_off(self, folder, table):
        self.execute(
            folder,
            f"ALTER TABLE {table} RENAME TO whole",
            f"CREATE VIEW {table} AS SELECT id, customer, "
            f"CASE WHEN id = {self.many_rows - 1} THEN (1 / (id - id))::text ELSE note END AS note FROM whole",
            f"GRANT SELECT ON {table} TO reader",
        )

    def take_down(self, folder):
        servers.execute(self.root(), f"DROP DATABASE {self.name(folder)} WITH (FORCE)")


class OnMariadb(OnServer):
    TYPES = MappingProxyType({
        "integer": "BIGINT", "text": "TEXT", "decimal(12,2)": "DECIMAL(12,2)", "datetime": "DATETIME(6)", "date": "DATE", "boolean": "BOOLEAN",
    })  # fmt: skip

    def root(self):
        return servers.mariadb()

    def url(self, folder):
        return self.owner(folder).set(drivername="mariadb", username="reader", password="reader").render_as_string(hide_password=False)

    def quote(self, name):
        return f"`{name}`"

    def create(self, folder):
        servers.execute(self.root(), f"CREATE DATABASE {self.name(folder)} CHARACTER SET utf8mb4")

    def grants(self, folder):
        return (f"GRANT SELECT, SHOW VIEW ON {self.name(folder)}.* TO reader@'%'",)

    def break_off(self, folder, table):
        self.execute(
            folder,
            f"ALTER TABLE {table} RENAME TO whole",
            "CREATE FUNCTION boom() RETURNS TEXT DETERMINISTIC SQL SECURITY INVOKER BEGIN SIGNAL SQLSTATE '45000'; RETURN ''; END",
            f"CREATE VIEW {table} AS SELECT id, customer, CASE WHEN id = {self.many_rows - 1} THEN boom() ELSE note END AS note FROM whole",
        )

    def take_down(self, folder):
        servers.execute(self.root(), f"DROP DATABASE {self.name(folder)}")


class OnDuckdb(SourceSuite):
    """A DuckDB database, through Ibis."""

    database = "world.duckdb"
    TYPES = MappingProxyType({**OnPostgresql.TYPES})

    def connect(self, settings):
        return DuckDb(settings)

    def url(self, _):
        return f"duckdb:///{self.database}"

    def execute(self, folder, *statements):
        with duckdb.connect(folder / self.database) as connection:
            for statement in statements:
                connection.execute(statement)

    def load(self, folder, tables):
        with duckdb.connect(folder / self.database) as connection:
            for name, grid in tables.items():
                columns = ", ".join(f'"{c}" {self.TYPES[t]}' for c, t in grid.columns.items())
                connection.execute(f'CREATE TABLE "{name}" ({columns}, PRIMARY KEY ({", ".join(grid.key)}))')
                connection.register("rows", OnParquet.arrow(grid))
                connection.execute(f'INSERT INTO "{name}" SELECT * FROM rows')

    def break_off(self, folder, table):
        last = f"CASE WHEN id = {self.many_rows - 1} THEN error('broken') ELSE note END"
        self.execute(folder, f"ALTER TABLE {table} RENAME TO whole", f"CREATE VIEW {table} AS SELECT id, customer, {last} AS note FROM whole")

    def drop(self, folder, table):
        self.execute(folder, f'DROP TABLE "{table}"')

    def take_down(self, folder):
        (folder / self.database).unlink()

    @contextmanager
    def counting(self, table):
        original = DuckDb.chunks
        expressions = []

        def spy(engine, backend, expression):
            expressions.append(backend.compile(expression))
            return original(engine, backend, expression)

        with mock.patch.object(DuckDb, "chunks", spy):
            yield lambda: sum(f'"{table}"' in sql for sql in expressions)


class OnFiles(SourceSuite):
    suffix = ""

    def connect(self, settings):
        return Lake(settings)

    def file(self, table):
        return {"path": f"{table}{self.suffix}"}

    def path(self, folder, table):
        return folder / f"{table}{self.suffix}"

    def drop(self, folder, table):
        self.path(folder, table).unlink()

    def take_down(self, folder):
        for path in folder.glob(f"*{self.suffix}"):
            path.unlink()

    reader = (csvrows, "csv_rows")

    @contextmanager
    def counting(self, table):
        module, function = self.reader
        from connectors import lake

        holder = lake if hasattr(lake, function) else module
        original = getattr(holder, function)
        with mock.patch.object(holder, function, side_effect=original) as spy:
            yield lambda: sum(1 for call in spy.call_args_list if call.args[0].name == self.path(call.args[0].parent, table).name)


class OnCsv(OnFiles):
    suffix = ".csv"
    folds_empty = True
    needs_types = True
    encoding, delimiter, decimal = "utf-8", ",", "."
    declared = MappingProxyType({})

    def file(self, table):
        return {**super().file(table), **self.declared}

    def cell(self, value):
        text = values.as_text(value)
        return text.replace(".", self.decimal) if isinstance(value, Decimal) else text

    def load(self, folder, tables):
        for name, grid in tables.items():
            with self.path(folder, name).open("w", encoding=self.encoding, newline="") as file:
                writer = csv.writer(file, delimiter=self.delimiter)
                writer.writerow(grid.columns)
                writer.writerows([self.cell(v) for v in row] for row in grid.rows)

    def break_off(self, folder, table):
        path = self.path(folder, table)
        lines = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join(lines[:-1]) + lines[-1].split(self.delimiter.encode("ascii"))[0])


class OnXlsx(OnFiles):
    suffix = ".xlsx"
    folds_empty = True
    needs_types = True
    reader = (xlsxrows, "xlsx_rows")

    def load(self, folder, tables):
        for name, grid in tables.items():
            book = openpyxl.Workbook(write_only=True)
            sheet = book.create_sheet(name)
            sheet.append(list(grid.columns))
            for row in grid.rows:
                sheet.append([self.cell(sheet, v) for v in row])
            book.save(self.path(folder, name))

    def cell(self, sheet, value):
        if isinstance(value, int) and abs(value) > 2**53:
            value = str(value)  # a number in a workbook has 15 digits
        cell = WriteOnlyCell(sheet, float(value) if isinstance(value, Decimal) else value)
        if isinstance(value, str):
            cell.data_type = "s"
        return cell

    def break_off(self, folder, table):
        path = self.path(folder, table)
        raw = bytearray(path.read_bytes())
        middle = raw.find(b"xl/worksheets/sheet1.xml") + 60_000
        raw[middle : middle + 200] = b"\xff" * 200
        path.write_bytes(bytes(raw))


class OnParquet(OnFiles):
    suffix = ".parquet"
    reader = (parquet, "rows")
    ARROW = MappingProxyType({
        "integer": pa.int64(), "text": pa.string(), "decimal(12,2)": pa.decimal128(12, 2),
        "datetime": pa.timestamp("us"), "date": pa.date32(), "boolean": pa.bool_(),
    })  # fmt: skip

    def load(self, folder, tables):
        for name, grid in tables.items():
            pq.write_table(self.arrow(grid), self.path(folder, name), row_group_size=5_000, compression="zstd")

    @classmethod
    def arrow(cls, grid):
        cells = list(zip(*grid.rows, strict=True)) or [()] * len(grid.columns)
        return pa.table({c: pa.array(cells[n], cls.ARROW[t]) for n, (c, t) in enumerate(grid.columns.items())})

    def break_off(self, folder, table):
        path = self.path(folder, table)
        last = pq.read_metadata(path).row_group(pq.read_metadata(path).num_row_groups - 1).column(2)
        raw = bytearray(path.read_bytes())
        start = last.dictionary_page_offset or last.data_page_offset
        raw[start + 30 : start + 400] = b"\xff" * 370
        path.write_bytes(bytes(raw))


class OnSpark(OnParquet):
    """Spark in local mode, on the parquet files of a folder."""

    needs_types = True
    many_rows = 11_500

    def connect(self, settings):
        return Spark(settings)

    def url(self, _):
        return "local[2]"

    @contextmanager
    def counting(self, table):
        original = Spark.chunks
        expressions = []

        def spy(engine, backend, expression):
            expressions.append(backend.compile(expression))
            return original(engine, backend, expression)

        with mock.patch.object(Spark, "chunks", spy):
            yield lambda: sum(f"dsar_world_{table}`" in sql for sql in expressions)
