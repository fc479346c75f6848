import sqlite3
from contextlib import closing
from datetime import date, datetime
from decimal import Decimal

import pytest
import sqlalchemy as sa

from connectors.reflect import _logical
from connectors.sql import Sql
from dsar import datamap, values
from dsar.errors import BadMap, SourceBroken, SourceUnreachable
from dsar.source import Keys, Match, Others, Rows, Schema, Settings, Text, Want
from tests.connectors.engines import OnSqlite
from tests.source_suite import answer, state


class TestSqlite(OnSqlite):
    pass


class OddName(OnSqlite):
    database = "w%20 #1 &é.db"

    def url(self, folder):
        return "${WORLD_URL}"


@pytest.mark.parametrize("promise", ["test_values_are_exact", "test_an_unreachable_source_raises"])
def test_an_address_from_the_environment_and_an_odd_file_name(tmp_path, monkeypatch, promise):
    monkeypatch.setenv("WORLD_URL", sa.URL.create("sqlite", database=OddName.database).render_as_string())
    getattr(OddName(), promise)(tmp_path)


def shop(folder, script, columns, url="sqlite:///shop.db", match=None, types=None):
    with closing(sqlite3.connect(folder / "shop.db")) as connection:
        connection.executescript(script)
    table = {
        "label": "T", "activity": "a", "key": ["id"], "match": match or {"customer": "id"},
        "columns": {c: {"category": "user", "type": (types or {}).get(c)} for c in columns},
    }  # fmt: skip
    source = {"connector": "sql", "label": "Shop", "owner": "o", "url": url, "tables": {"t": table}}
    return Sql(Settings("shop", datamap.Source.model_validate(source), folder))


def everything(source):
    return answer(source, Keys("t", tuple((n,) for n in range(1, 10))))[0]


@pytest.mark.parametrize(
    ("declaration", "literals", "expected"),
    [
        ("NUMERIC(10,2)", ["8.91", "5", "NULL"], [Decimal("8.91"), Decimal("5.00"), None]),
        ("NUMERIC(10,2)", ["8.915", "0.1"], [Decimal("8.915"), Decimal("0.100")]),
        ("DECIMAL(38,10)", ["0.1", "NULL"], [Decimal("0.1000000000"), None]),
        ("NUMERIC(10,2)", ["'n/a'", "5"], ["n/a", "5"]),
        ("NUMERIC", ["NULL", "NULL"], [None, None]),
        ("DATETIME", ["'2024-05-06 07:08:09.123'", "'2024-05-06'"], [datetime(2024, 5, 6, 7, 8, 9, 123000), datetime(2024, 5, 6)]),  # noqa: DTZ001
        ("DATETIME", ["1712010112123", "NULL"], [1712010112123, None]),
        ("DATETIME", ["'2024-05-06 07:08:09.123456789'"], ["2024-05-06 07:08:09.123456789"]),
        ("DATETIME", ["'soon'", "'2024-05-06'"], ["soon", "2024-05-06"]),
        ("DATETIME", ["''", "'2024-05-06'"], ["", "2024-05-06"]),
        ("DATE", ["'2024-05-06'", "NULL"], [date(2024, 5, 6), None]),
        ("DATE", ["'2024-05-06 07:08:09'"], ["2024-05-06 07:08:09"]),
        ("BOOLEAN", ["1", "0", "NULL"], [True, False, None]),
        ("BOOLEAN", ["1", "2"], [1, 2]),
        ("INTEGER", ["9007199254740993", "NULL"], [9007199254740993, None]),
        ("INTEGER", ["5", "'five'"], ["5", "five"]),
        ("REAL", ["0.1", "5"], [0.1, 5.0]),
        ("TEXT", ["''", "NULL", "'007'"], ["", None, "007"]),
        ("BLOB", ["x'00ff'"], [b"\x00\xff"]),
        ("JSON", ["'{\"a\": 1.10}'"], ['{"a": 1.10}']),
    ],
)
def test_values_arrive_as_stored_or_as_the_column_says(tmp_path, declaration, literals, expected):
    rows = "".join(f"INSERT INTO t VALUES ({n}, {v});" for n, v in enumerate(literals, 1))
    source = shop(tmp_path, f"CREATE TABLE t (id INTEGER PRIMARY KEY, c {declaration}); {rows}", ["id", "c"])
    found = [row["c"] for row in everything(source)]
    assert [(type(v), v) for v in found] == [(type(v), v) for v in expected]


def test_a_declared_type_is_strict_and_names_no_value(tmp_path):
    source = shop(tmp_path, "CREATE TABLE t (id INTEGER, c TEXT); INSERT INTO t VALUES (1, 'Mr Secret')", ["id", "c"], types={"c": "date"})
    with pytest.raises(SourceBroken) as caught:
        everything(source)
    assert str(caught.value).startswith("shop.t: column 'c' is declared date, and a value in it is not")


def test_keys_are_found_however_they_are_stored(tmp_path):
    script = """
        CREATE TABLE t (id INTEGER PRIMARY KEY, number INTEGER, word TEXT, bare);
        INSERT INTO t VALUES (1, 5, '5', 5), (2, '5\u00a0', ' 5 ', '5'), (3, 55, '05', 5.0), (4, NULL, NULL, x'35'), (5, 6, '6', ' 5');
    """
    wants = (Want("x", "shop.customer", "5"),)
    for column, expected in {"number": [1, 2], "word": [1, 2], "bare": [1, 2, 3, 5]}.items():
        source = shop(tmp_path, script, ["id", "number", "word", "bare"], match={"customer": column})
        assert [row["id"] for row in answer(source, Match("t", wants))[0]] == expected, column
        (tmp_path / "shop.db").unlink()


def test_a_column_read_as_another_type_is_compared_as_read(tmp_path):
    script = "CREATE TABLE t (id INTEGER PRIMARY KEY, c TEXT); INSERT INTO t VALUES (1, '007'), (2, '7'), (3, '70')"
    source = shop(tmp_path, script, ["id", "c"], match={"customer": "c"}, types={"c": "integer"})
    assert [row["id"] for row in answer(source, Match("t", (Want("x", "shop.customer", "7"),)))[0]] == [1, 2]


def test_others_tells_spellings_that_a_collation_folds(tmp_path):
    script = "CREATE TABLE t (id INTEGER PRIMARY KEY, c TEXT COLLATE NOCASE); INSERT INTO t VALUES (1, 'A'), (2, 'a'), (3, 'a'), (4, ' a')"
    source = shop(tmp_path, script, ["id", "c"])
    assert answer(source, Others("t", "c", ("a", "A")))[0] == [{"value": "a", "rows": 3}, {"value": "A", "rows": 1}]


def test_schema_knows_keys_references_and_views(tmp_path):
    script = """
        CREATE TABLE parent (a INTEGER, b INTEGER, PRIMARY KEY (a, b));
        CREATE TABLE t (id INTEGER PRIMARY KEY, up INTEGER REFERENCES t(id), a INTEGER, b INTEGER, d DECIMAL(9,3),
            FOREIGN KEY (a, b) REFERENCES parent(a, b));
        CREATE VIEW seen AS SELECT id, d FROM t;
    """
    assert shop(tmp_path, script, ["id"]).schema() == {
        "parent": Schema({"a": "integer", "b": "integer"}, ("a", "b")),
        "seen": Schema({"id": "integer", "d": "decimal(9,3)"}),
        "t": Schema({"id": "integer", "up": "integer", "a": "integer", "b": "integer", "d": "decimal(9,3)"}, ("id",), {"up": ("t", "id")}),
    }


def test_logical_types():
    known = {sa.Boolean: "boolean", sa.Float: "number", sa.Time: "time", sa.Uuid: "text", sa.LargeBinary: "binary", sa.Numeric: None, sa.JSON: None}
    assert {t: _logical(t()) for t in known} == known


def test_a_view_and_another_schema_are_read_like_tables(tmp_path):
    source = shop(tmp_path, "CREATE TABLE x (id INTEGER, c TEXT); INSERT INTO x VALUES (1, 'a'); CREATE VIEW t AS SELECT * FROM x", ["id", "c"])
    assert everything(source) == [{"id": 1, "c": "a"}]
    declared = source.settings.declared
    main = declared.model_copy(update={"tables": {"main.x": declared.tables["t"]}})
    other = Sql(Settings("shop", main, tmp_path))
    assert answer(other, Match("main.x", (Want("x", "shop.customer", "1"),)))[0] == [{"id": 1, "c": "a"}]


def test_text_that_is_no_text_breaks_without_being_quoted(tmp_path):
    source = shop(tmp_path, "CREATE TABLE t (id INTEGER, c TEXT); INSERT INTO t VALUES (1, CAST(x'536563726574ff' AS TEXT))", ["id", "c"])
    with pytest.raises(SourceBroken) as caught:
        everything(source)
    assert str(caught.value) == "shop.t: the database broke off while it was read (OperationalError) — run `dsar check`, then collect again"


@pytest.mark.parametrize("url", ["sqlite:///missing.db", "sqlite://", "nonsense", "nosuch://u:secret@h/d", "postgresql+nodriver://u:secret@h/d", ""])
def test_an_address_that_leads_nowhere_is_unreachable_and_not_shown(tmp_path, url):
    source = shop(tmp_path, "CREATE TABLE t (id INTEGER)", ["id"], url=url)
    before = state(tmp_path)
    for call in (source.schema, lambda: everything(source)):
        with pytest.raises(SourceUnreachable) as caught:
            call()
        assert "secret" not in str(caught.value)
    assert state(tmp_path) == before


def test_a_variable_that_is_not_set_is_named(tmp_path, monkeypatch):
    monkeypatch.delenv("SHOP_URL", raising=False)
    with pytest.raises(BadMap, match="SHOP_URL"):
        everything(shop(tmp_path, "CREATE TABLE t (id INTEGER)", ["id"], url="${SHOP_URL}"))


def test_a_file_that_is_no_database_is_broken(tmp_path):
    source = shop(tmp_path, "CREATE TABLE t (id INTEGER)", ["id"])
    (tmp_path / "shop.db").write_bytes(b"Dear Ada, " * 500)
    with pytest.raises(SourceBroken) as caught:
        everything(source)
    assert "Ada" not in str(caught.value)


def test_the_connection_cannot_write(tmp_path):
    source = shop(tmp_path, "CREATE TABLE t (id INTEGER)", ["id"])
    with pytest.raises(SourceBroken), source._connection("t") as connection:
        connection.exec_driver_sql("INSERT INTO t VALUES (1)")


def test_no_connection_is_kept_and_a_read_may_be_left_early(tmp_path):
    source = shop(tmp_path, "CREATE TABLE t (id INTEGER); INSERT INTO t VALUES (1)", ["id"])
    parts = source.read(Keys("t", ((1,),)))
    assert isinstance(next(parts), Rows)
    parts.close()
    with closing(sqlite3.connect(tmp_path / "shop.db", timeout=0)) as connection:
        connection.execute("DROP TABLE t")
        connection.commit()


def test_text_is_found_for_each_of_two_people_whose_addresses_look_alike_without_case(tmp_path):
    """`straße@` and `strasse@` are two mailboxes (`dsar.kinds`): where one of them still stands, neither request may miss it."""
    source = shop(tmp_path, "CREATE TABLE t (id INTEGER PRIMARY KEY, note TEXT); INSERT INTO t VALUES (1, 'to strasse@x.org')", ["id", "note"])
    parts = source.read(Text("t", ("note",), ("strasse@x.org", "straße@x.org")))
    found = [tuple(row.values()) for part in parts if isinstance(part, Rows) for row in values.rows(part.frame)]
    assert found == [(1, "note", "strasse@x.org", 3), (1, "note", "straße@x.org", 3)]


def test_a_table_outside_the_map_is_refused(tmp_path):
    source = shop(tmp_path, "CREATE TABLE u (id INTEGER)", ["id"])
    with pytest.raises(SourceBroken, match="not a table of the data map"):
        source.read(Match("u", ()))


def test_chunks_that_disagree_can_be_joined(tmp_path, monkeypatch):
    monkeypatch.setattr("connectors.exact.CHUNK", 2)
    script = "CREATE TABLE t (id INTEGER PRIMARY KEY, c NUMERIC(9,2)); INSERT INTO t VALUES (1, NULL), (2, NULL), (3, 1.5), (4, 1.2345), (5, 'n/a')"
    parts = shop(tmp_path, script, ["id", "c"]).read(Keys("t", tuple((n,) for n in range(1, 6))))
    frames = [p.frame for p in parts if isinstance(p, Rows)]
    assert [len(f) for f in frames] == [2, 2, 1]
    assert values.pylist(values.concat(frames[:2])["c"]) == [None, None, Decimal("1.5000"), Decimal("1.2345")]
    assert values.pylist(values.concat(frames)["c"])[-1] == "n/a"
