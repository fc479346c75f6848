"""How many subjects travel to a database: one parameter, VALUES, a temporary table, IN lists; the same rows each time.

`make bench-identifiers` writes docs/figures/identifiers.md. Read ratios: the machine is shared. The first column is what `connectors.sql` does.
"""

# ruff: noqa: S311, S608 - numbers of our own making, to be measured
import json
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from tests import servers

ROWS, REPEAT = 300_000, 5
MANY = (1, 1_000, 10_000)
FIGURES = Path(__file__).parents[1] / "docs/figures/identifiers.md"
PARAMETER, VALUES, TEMPORARY, LISTS = "one parameter", "VALUES join", "temporary table", "IN lists of 1,000"
NOW = {"postgresql": PARAMETER, "sqlite": PARAMETER, "mariadb": "IN list of 10,000"}


def fill(engine):
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE customers (id INTEGER PRIMARY KEY, filler VARCHAR(80))")
        insert = sa.text("INSERT INTO customers VALUES (:id, :filler)")
        for start in range(0, ROWS, 20_000):
            connection.execute(insert, [{"id": n, "filler": f"{n:080}"} for n in range(start, start + 20_000)])
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE TABLE customers" if engine.dialect.name in {"mysql", "mariadb"} else "ANALYZE")


def lists(ids, size):
    for start in range(0, len(ids), size):
        yield f"SELECT * FROM customers WHERE id IN ({','.join(map(str, ids[start : start + size]))})"


def run(connection, *statements, parameters=None):
    return [row for statement in statements for row in connection.execute(sa.text(statement), parameters or {})]


def values(connection, ids):
    rows = ",".join(f"({n})" for n in ids)
    if connection.dialect.name == "postgresql":
        return run(connection, f"SELECT c.* FROM customers c JOIN (VALUES {rows}) AS w (id) ON c.id = w.id")
    return run(connection, f"WITH w (id) AS (VALUES {rows}) SELECT c.* FROM customers c JOIN w ON c.id = w.id")


def temporary(connection, ids):
    connection.exec_driver_sql("CREATE TEMPORARY TABLE wanted (id INTEGER PRIMARY KEY)")
    for start in range(0, len(ids), 1_000):
        connection.exec_driver_sql(f"INSERT INTO wanted VALUES {','.join(f'({n})' for n in ids[start : start + 1_000])}")
    found = run(connection, "SELECT c.* FROM customers c JOIN wanted w ON c.id = w.id")
    connection.exec_driver_sql("DROP TABLE wanted")
    return found


def parameter(connection, ids):
    if connection.dialect.name == "postgresql":
        return run(connection, "SELECT * FROM customers WHERE id = ANY (CAST(:ids AS integer[]))", parameters={"ids": ids})
    unfold = "SELECT value FROM json_each(:ids)"
    if connection.dialect.name != "sqlite":
        unfold = "SELECT value FROM JSON_TABLE(:ids, '$[*]' COLUMNS (value INTEGER PATH '$')) AS w"
    return run(connection, f"SELECT * FROM customers WHERE id IN ({unfold})", parameters={"ids": json.dumps(ids)})


WAYS = {
    PARAMETER: parameter,
    VALUES: values,
    TEMPORARY: temporary,
    LISTS: lambda connection, ids: run(connection, *lists(ids, 1_000)),
    "IN list of 10,000": lambda connection, ids: run(connection, *lists(ids, 10_000)),
}


def measured(engine):
    with engine.connect() as connection:
        for many in MANY:
            ids = sorted(random.Random(many).sample(range(ROWS), many))
            taken = {}
            for way, ask in WAYS.items():
                seconds = []
                for _ in range(REPEAT):
                    start = time.perf_counter()
                    found = ask(connection, ids)
                    seconds.append(time.perf_counter() - start)
                    assert sorted(row.id for row in found) == ids, (engine.dialect.name, way)
                taken[way] = statistics.median(seconds)
            yield many, taken


def engines():
    folder = Path(tempfile.mkdtemp())
    yield "sqlite", sa.create_engine(f"sqlite:///{folder}/b.db", poolclass=NullPool)
    for name, start in (("postgresql", servers.postgresql), ("mariadb", servers.mariadb)):
        servers.execute(start(), "CREATE DATABASE bench_identifiers")
        yield name, sa.create_engine(start().set(database="bench_identifiers"), poolclass=NullPool)


def main():
    lines = [
        __doc__.split("\n\n")[0],
        "",
        f"{ROWS:,} rows with an index; milliseconds, and how many times what `connectors.sql` takes (in bold).",
        "",
    ]
    lines += [f"| engine | identifiers | {' | '.join(WAYS)} |", f"|---|---|{'---|' * len(WAYS)}"]
    for name, engine in engines():
        fill(engine)
        for many, taken in measured(engine):
            own = taken[NOW[name]]
            cells = (f"{'**' * (w == NOW[name])}{s * 1000:.1f}{'**' * (w == NOW[name])} ({s / own:.1f} ×)" for w, s in taken.items())
            lines.append(f"| {name} | {many:,} | {' | '.join(cells)} |")
            print(lines[-1], flush=True)
    FIGURES.write_text("# Many subjects in one question\n\n" + "\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
