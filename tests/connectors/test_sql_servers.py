"""What is true of SQLite is true of the database servers: the same suite, read by a role that may only read."""

import contextlib
import signal
import threading
from datetime import UTC, date, datetime, time
from decimal import Decimal

import pytest
import sqlalchemy as sa

from connectors.sql import Sql
from dsar import datamap
from dsar.errors import SourceBroken, SourceUnreachable
from dsar.find.collect import collect
from dsar.source import Keys, Match, Rows, Settings, Want
from tests import servers, worlds
from tests.connectors.engines import OnMariadb, OnPostgresql
from tests.source_suite import Grid, answer


class TestPostgresql(OnPostgresql):
    pass


class TestMariadb(OnMariadb):
    pass


ON = pytest.mark.parametrize("on", [OnPostgresql(), OnMariadb()], ids=["postgresql", "mariadb"])


def one_column(on, folder, declaration, literals):
    """A table `t` of ids and one column of some type, as its source."""
    on.create(folder)
    on.execute(
        folder,
        f"CREATE TABLE t (id INTEGER PRIMARY KEY, c {declaration})",
        *(f"INSERT INTO t VALUES ({n}, {v})".replace(":", r"\:") for n, v in enumerate(literals, 1)),
        *on.grants(folder),
    )
    return source(on, folder, "t", ["id", "c"])


def source(on, folder, table, columns, match=None, **more):
    declared = {
        "label": "T",
        "activity": "a",
        "key": ["id"],
        "match": match or {"customer": "id"},
        "columns": {c: {"category": "user"} for c in columns},
    }
    described = {"connector": "sql", "label": "Shop", "owner": "o", "url": on.url(folder), "tables": {table: declared}, **more}
    return Sql(Settings("shop", datamap.Source.model_validate(described), folder, "GB"))


def column(found, rows):
    return [r["c"] for r in sorted(answer(found, Keys("t", tuple((n,) for n in range(1, rows + 1))))[0], key=lambda r: r["id"])]


@pytest.mark.parametrize(
    ("declaration", "literals", "expected"),
    [
        ("NUMERIC(10,2)", ["8.91", "5", "NULL"], [Decimal("8.91"), Decimal("5.00"), None]),
        ("NUMERIC(38,18)", ["12345678901234567890.123456789012345678"], [Decimal("12345678901234567890.123456789012345678")]),
        ("NUMERIC", ["'NaN'", "1.10"], ["NaN", "1.10"]),
        ("BIGINT", ["9007199254740993", "NULL", "-9223372036854775808"], [9007199254740993, None, -9223372036854775808]),
        ("BOOLEAN", ["true", "false", "NULL"], [True, False, None]),
        ("TEXT", ["''", "NULL", "'007'"], ["", None, "007"]),
        ("CHAR(5)", ["'ab'"], ["ab   "]),
        ("BYTEA", [r"'\x00ff'"], [b"\x00\xff"]),
        ("JSON", ["'{\"a\": 1.10}'", "'9007199254740993.5'"], ['{"a": 1.10}', "9007199254740993.5"]),
        ("JSONB", ["'{\"a\":1.10}'", "NULL"], ['{"a": 1.10}', None]),
        ("DATE", ["'2024-02-29'", "NULL"], [date(2024, 2, 29), None]),
        ("DATE", ["'infinity'", "'2024-02-29'"], ["infinity", "2024-02-29"]),
        ("DATE", ["'0044-03-15 BC'"], ["0044-03-15 BC"]),
        ("TIMESTAMP", ["'2024-05-06 07:08:09.123456'"], [datetime(2024, 5, 6, 7, 8, 9, 123456)]),  # noqa: DTZ001
        ("TIMESTAMPTZ", ["'2024-05-06 07:08:09+05:30'"], [datetime(2024, 5, 6, 1, 38, 9, tzinfo=UTC)]),
        ("TIME", ["'23:59:59.5'"], [time(23, 59, 59, 500000)]),
        ("INTERVAL", ["'1 month 2 days 03:04:05'"], ["1 mon 2 days 03:04:05"]),
        ("UUID", ["'c0ffee00-0000-4000-8000-000000000001'"], ["c0ffee00-0000-4000-8000-000000000001"]),
        ("INET", ["'2001:db8::1'"], ["2001:db8::1"]),
        ("TEXT[]", ["'{a,\"b c\",NULL}'"], ['{a,"b c",NULL}']),
        ("INT4RANGE", ["'[1,5)'"], ["[1,5)"]),
        ("MONEY", ["12.5"], ["$12.50"]),
        ("REAL", ["0.5"], [0.5]),
        ("DOUBLE PRECISION", ["0.1", "NULL"], [0.1, None]),
        ("mood", ["'fine'", "NULL"], ["fine", None]),
    ],
)
def test_values_of_postgresql_arrive_exactly(tmp_path, declaration, literals, expected):
    on = OnPostgresql()
    if declaration == "mood":
        with contextlib.suppress(sa.exc.ProgrammingError):
            servers.execute(servers.postgresql().set(database="template1"), "CREATE TYPE mood AS ENUM ('fine', 'bad')")
    found = column(one_column(on, tmp_path, declaration, literals), len(literals))
    assert [(type(v), v) for v in found] == [(type(v), v) for v in expected]


@pytest.mark.parametrize(
    ("declaration", "literals", "expected"),
    [
        ("DECIMAL(10,2)", ["8.91", "5", "NULL"], [Decimal("8.91"), Decimal("5.00"), None]),
        ("DECIMAL(38,18)", ["12345678901234567890.123456789012345678"], [Decimal("12345678901234567890.123456789012345678")]),
        ("BIGINT", ["9007199254740993", "NULL"], [9007199254740993, None]),
        ("BIGINT UNSIGNED", ["18446744073709551615"], [Decimal(18446744073709551615)]),
        ("BOOLEAN", ["true", "false", "NULL"], [True, False, None]),
        ("BOOLEAN", ["1", "2"], [1, 2]),
        ("BIT(1)", ["b'1'", "b'0'", "NULL"], [True, False, None]),
        ("BIT(10)", ["b'1000000001'"], [513]),
        ("TEXT", ["''", "NULL", "'007'"], ["", None, "007"]),
        ("VARCHAR(9) CHARACTER SET latin1", ["'Zoë'"], ["Zoë"]),
        ("BLOB", ["x'00ff'"], [b"\x00\xff"]),
        ("JSON", ["'{\"a\": 1.10}'"], ['{"a": 1.10}']),
        ("DATE", ["'2024-02-29'", "NULL"], [date(2024, 2, 29), None]),
        ("DATETIME(6)", ["'2024-05-06 07:08:09.123456'"], [datetime(2024, 5, 6, 7, 8, 9, 123456)]),  # noqa: DTZ001
        ("TIMESTAMP NULL", ["'2024-05-06 07:08:09'"], [datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)]),
        ("TIME", ["'23:59:59'"], [time(23, 59, 59)]),
        ("TIME", ["'123:00:00'"], ["5 days, 3:00:00"]),
        ("YEAR", ["2024"], [2024]),
        ("DOUBLE", ["0.1", "NULL"], [0.1, None]),
        ("ENUM('fine', '')", ["'fine'", "''", "NULL"], ["fine", "", None]),
        ("SET('a', 'b')", ["'a,b'"], ["a,b"]),
    ],
)
def test_values_of_mariadb_arrive_exactly(tmp_path, declaration, literals, expected):
    servers.execute(servers.mariadb(), "SET GLOBAL time_zone = '+00\\:00'")
    found = column(one_column(OnMariadb(), tmp_path, declaration, literals), len(literals))
    assert [(type(v), v) for v in found] == [(type(v), v) for v in expected]


def test_a_zero_date_of_mariadb_is_kept(tmp_path):
    servers.execute(servers.mariadb(), "SET GLOBAL sql_mode = ''")
    try:
        assert column(one_column(OnMariadb(), tmp_path, "DATE", ["'0000-00-00'", "'2024-02-29'"]), 2) == ["0000-00-00", "2024-02-29"]
    finally:
        servers.execute(servers.mariadb(), "SET GLOBAL sql_mode = DEFAULT")


def test_a_turkish_database_hides_no_capital_letter(tmp_path):
    found = one_column(OnMariadb(), tmp_path, "VARCHAR(99) CHARACTER SET utf8mb4 COLLATE utf8mb4_turkish_ci", ["'IRIS@EXAMPLE.ORG'"])
    found = source(OnMariadb(), tmp_path, "t", ["id", "c"], {"email": "c"})
    assert len(answer(found, Match("t", (Want("x", "email", "iris@example.org"),)))[0]) == 1


@ON
def test_the_source_cannot_write_even_as_the_owner(tmp_path, on):
    found = one_column(on, tmp_path, "TEXT", ["'a'"])
    owner = found.settings.declared.model_copy(update={"url": on.owner(tmp_path).render_as_string(hide_password=False)})
    found = Sql(Settings("shop", owner, tmp_path))
    for statement in ("INSERT INTO t VALUES (9, 'b')", "DELETE FROM t"):
        with pytest.raises(SourceBroken), found._connection("t") as connection:
            connection.exec_driver_sql(statement)
    assert column(found, 1) == ["a"]


@ON
def test_a_table_the_role_may_not_read_fails_alone_and_says_so(tmp_path, on):
    on.load(tmp_path, {"t": Grid({"id": "integer", "c": "text"}, ("id",), [(1, "a")]), "u": Grid({"id": "integer"}, ("id",), [(1,)])})
    servers.execute(on.owner(tmp_path), *(["REVOKE SELECT ON t FROM reader"] if on.quote("") == '""' else [
        f"REVOKE SELECT, SHOW VIEW ON {on.name(tmp_path)}.* FROM reader@'%'", f"GRANT SELECT ON {on.name(tmp_path)}.u TO reader@'%'"]))  # fmt: skip
    with pytest.raises(SourceBroken, match=r"shop\.t"):
        column(source(on, tmp_path, "t", ["id", "c"]), 1)
    assert answer(source(on, tmp_path, "u", ["id"]), Keys("u", ((1,),)))[0] == [{"id": 1}]


@ON
def test_a_statement_that_takes_too_long_is_broken_off(tmp_path, on):
    on.create(tmp_path)
    sleep = "pg_sleep(20)::text" if isinstance(on, OnPostgresql) else "CONCAT(SLEEP(20))"
    on.execute(tmp_path, "CREATE TABLE whole (id INTEGER)", "INSERT INTO whole VALUES (1)", f"CREATE VIEW t AS SELECT id, {sleep} AS c FROM whole",
               *on.grants(tmp_path))  # fmt: skip
    with pytest.raises(SourceBroken, match="took longer than 1 seconds"):
        column(source(on, tmp_path, "t", ["id", "c"], timeout=1), 1)


@ON
def test_an_index_is_advised_where_a_match_column_would_scan(tmp_path, on):
    rows = [(n, n // 3, f"person{n}@example.org", f"020 7946 {n:04}") for n in range(12_000)]
    grid = Grid({"id": "integer", "customer": "integer", "email": "text", "phone": "text"}, ("id",), rows)
    on.load(tmp_path, {"t": grid, "small": Grid({"id": "integer", "customer": "integer"}, ("id",), [(1, 1)])})
    if isinstance(on, OnPostgresql):
        on.execute(tmp_path, "ANALYZE")
    match = {"shop": "id", "customer": "customer", "email": "email", "phone": "phone"}
    found = source(on, tmp_path, "t", list(grid.columns), match)
    said = list(found.advice())
    assert {table for table, _ in said} == {"t"}
    assert [text.split(":")[0] for _, text in said] == [f"searching by {kind} reads every row" for kind in ("customer", "email", "phone")]
    assert "CREATE INDEX dsar_t_customer ON t (customer)" in said[0][1]
    on.execute(tmp_path, *(part.replace(":", r"\:") for _, text in said for part in text.split(": ", 1)[1].split("; ") if part.startswith("CREATE")))
    if isinstance(on, OnPostgresql):
        on.execute(tmp_path, "ANALYZE")
        assert list(found.advice()) == []
    else:
        assert [text for _, text in found.advice()] == [text for _, text in said[1:]]
        assert all("has to be read whole here" in text for _, text in said[1:])
    wants = (Want("a", "email", "person7@example.org"), Want("a", "phone", "+442079460008"), Want("a", "shop.customer", "3"))
    assert sorted(r["id"] for r in answer(found, Match("t", wants))[0]) == [7, 8, 9, 10, 11]


HOSTILE = [
    't"; DROP TABLE t; --', "t`; DROP TABLE t; -- x", "t'; DROP TABLE t; --", "t; DROP TABLE t", "t) OR (1=1", "t.t", "%s", "%(x)s", ":x", "?", "t\\",
    "information_schema.tables", "pg_catalog.pg_authid", "mysql.user", "T", "é", "select",
]  # fmt: skip


@ON
@pytest.mark.parametrize("name", HOSTILE)
def test_names_from_a_hostile_map_are_quoted_or_refused(tmp_path, on, name):
    found = one_column(on, tmp_path, "TEXT", ["'a'", "'b'"])
    for hostile in (source(on, tmp_path, name, ["id", "c"]), source(on, tmp_path, "t", ["id", "c", name], {"customer": name})):
        table = next(iter(hostile.settings.declared.tables))
        for ask in (Match(table, (Want("x", "shop.customer", "1"),)), Keys(table, ((1,),))):
            with contextlib.suppress(SourceBroken):
                rows = answer(hostile, ask)[0]
                assert table == "t"  # a column that is not there plays no part where exactly these keys are asked for
                assert [r["id"] for r in rows] == [1]
    assert column(found, 2) == ["a", "b"]


@ON
@pytest.mark.parametrize(
    "name", [h for h in HOSTILE if h not in {"T", "t.t", "information_schema.tables", "pg_catalog.pg_authid", "mysql.user", "t\\"}]
)
def test_a_table_and_a_column_of_a_hostile_name_are_read_as_any_other(tmp_path, on, name):
    on.create(tmp_path)
    engine = sa.create_engine(on.owner(tmp_path), poolclass=sa.pool.NullPool)
    table = sa.Table(name, sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True), sa.Column(name, sa.Text))
    with engine.begin() as connection:
        table.create(connection)
        connection.execute(sa.insert(table).values([(1, "a@example.org"), (2, "b@example.org")]))
    on.execute(tmp_path, *on.grants(tmp_path))
    found = source(on, tmp_path, name, ["id", name], {"email": name})
    ask = Match(name, (Want("x", "email", "b@example.org"),))
    if "`" in name and not isinstance(on, OnPostgresql):
        with pytest.raises(SourceBroken):  # SQLAlchemy cannot read such a column's name: refused, not read short
            answer(found, ask)
    else:
        assert answer(found, ask)[0] == [{"id": 2, name: "b@example.org"}]


def killable(folder):
    url, process = servers.start_mariadb(folder)
    servers.execute(url, "CREATE DATABASE shop", "CREATE TABLE shop.customers (id INTEGER PRIMARY KEY, email TEXT)",
                    "CREATE TABLE shop.events (id INTEGER PRIMARY KEY, customer INTEGER, note TEXT)",
                    "INSERT INTO shop.customers VALUES (1, 'ann@example.org')",
                    "USE shop", "INSERT INTO events SELECT seq, 1, REPEAT('x', 500) FROM seq_1_to_60000")  # fmt: skip
    return url, process


def test_a_database_killed_in_mid_collect_fails_its_table_and_the_next_collect_completes(tmp_path):
    """The server is killed (SIGKILL) while `events` streams; what was read before stays, other sources go on."""
    servers.mariadb()
    folder = servers.short_folder()
    url, process = killable(folder)
    text = f"""
        [sources.shop]
        connector = "sql"
        url = "{url.set(database="shop").render_as_string(hide_password=False)}"
        [sources.shop.tables.customers]
        match = {{ customer = "id", email = "email" }}
        reveals = {{ customer = "id" }}
        columns = ["id", "email"]
        [sources.shop.tables.events]
        match = {{ customer = "customer" }}
        columns = ["id", "customer", "note"]
        [sources.memory.tables.people]
        match = {{ email = "email" }}
        columns = ["id", "email"]
    """
    world = worlds.datamap(text)
    memory = worlds.sources(world, {"memory.people": [{"id": 5, "email": "ann@example.org"}]})["memory"]
    shop = Sql(Settings("shop", world.sources["shop"], tmp_path, "GB"))
    moments = iter(worlds.NOW.replace(minute=n) for n in range(60))

    class Killed(Sql):
        def read(self, ask):
            for n, part in enumerate(super().read(ask)):
                if ask.table == "events" and isinstance(part, Rows) and n == 0:
                    process.send_signal(signal.SIGKILL)
                    process.wait(20)
                yield part

    request = worlds.request("R-1", "email=ann@example.org")
    dossier = collect([request], world, {"shop": Killed(shop.settings), "memory": memory}, lambda: next(moments))["R-1"]
    assert worlds.results(dossier) == {
        "shop.customers": "found 1",
        "shop.events": "failed: shop.events: the database broke off while it was read (OperationalError) — run `dsar check`, then collect again",
        "memory.people": "found 1",
    }
    with pytest.raises(SourceUnreachable):
        shop.schema()
    _, again = servers.start_mariadb(folder, url.port)
    try:
        dossier = collect([request], world, {"shop": shop, "memory": memory}, lambda: next(moments))["R-1"]
        assert worlds.results(dossier) == {"shop.customers": "found 1", "shop.events": "found 60000", "memory.people": "found 1"}
        times = [found.outcome.collected_at for found in dossier.tables.values()]
        assert all(times) and len(set(times)) == 3  # noqa: PT018 - each table tells when it was read
    finally:
        servers.stop(again)


def test_reading_goes_on_while_others_write(tmp_path):
    """One read sees one state: rows written meanwhile belong to the next."""
    on = OnPostgresql()
    on.load(tmp_path, {"t": Grid({"id": "integer", "customer": "integer"}, ("id",), [(n, 1) for n in range(25_000)])})
    found = source(on, tmp_path, "t", ["id", "customer"], {"customer": "customer"})
    parts = found.read(Match("t", (Want("x", "shop.customer", "1"),)))
    first = next(parts)
    writer = threading.Thread(target=on.execute, args=(tmp_path, "DELETE FROM t WHERE id >= 20000", "INSERT INTO t VALUES (99999, 1)"))
    writer.start()
    writer.join()
    assert len(first.frame) + sum(len(p.frame) for p in parts if isinstance(p, Rows)) == 25_000
