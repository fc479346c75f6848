"""What databases and engines rule out beforehand is never a row that is wanted."""

from functools import cache

import ibis
import phonenumbers
import pyarrow as pa
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from connectors import coarse, exact, expressions
from dsar import datamap, kinds

DECLARATIONS = ["INTEGER", "NUMERIC(10,2)", "TEXT", "BIGINT", "", "REAL", "BLOB", "DATE"]
REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)
SPACES = st.text(" \t\n\x0b\x1c\u00a0\u2003\u3000", max_size=2)
LETTERS = "aAbBkKiI\u212a\u0130ßẞéÉöÖ.-_+'%\\\"1"
WILD = st.text(max_size=8)


def padded(inner):
    return st.tuples(SPACES, inner, SPACES).map("".join)


emails = padded(
    st.tuples(
        st.text(LETTERS, min_size=1, max_size=3),
        st.just("@"),
        st.sampled_from(
            [
                "x.de",
                "X.DE",
                "x.de..",
                "exam\u200bple.de",
                "bücher.de",
                "BÜCHER.de",
                "xn--bcher-kva.de",
                "XN--BCHER-KVA.DE",
                "x.de.",
                "x\u3002de",
                "a_b.de",
                "ｘ.de",
                "[1.2.3.4]",
            ]
        ),
    ).map("".join)
)
odd_emails = st.tuples(
    st.sampled_from(["", "mailto:", "MailTo:", "<", "Dora <", '"Lee, D" <', "\u200b"]), emails, st.sampled_from(["", ">", " >", ".", "\u00ad"])
).map("".join)
known = st.sampled_from([r for r in REGIONS if phonenumbers.example_number(r)]).map(phonenumbers.example_number)
spelt = st.one_of(
    known.map(lambda n: phonenumbers.format_number(n, phonenumbers.PhoneNumberFormat.INTERNATIONAL)),
    known.map(lambda n: phonenumbers.format_number(n, phonenumbers.PhoneNumberFormat.NATIONAL)),
    known.map(lambda n: phonenumbers.format_number(n, phonenumbers.PhoneNumberFormat.E164).replace("+", "00")),
    st.text("0123456789 +-()./", max_size=18),
    st.from_regex(r"(\+|00|0|)[0-9]{2,14}", fullmatch=True),
)
phones = padded(st.tuples(spelt, st.sampled_from(["", "", "", " x12", " ext. 3", ";ext=4", "#", " / 5", ".", "-", "\uff11"])).map("".join))
keys = padded(
    st.one_of(
        st.integers(-(2**65), 2**65).map(str),
        st.integers(-99, 99).map("{}.0".format),
        st.sampled_from(["5", "05", "05.0", "5.0", "5.0\u200b", "5.00", "5.50", "1e3", "A-1", "a b", "é", "nan", "-0"]),
        WILD,
    )
)
texts = {"email": emails | odd_emails | WILD, "phone": phones | WILD, "s.key": keys | WILD}
anything = st.one_of(keys, st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False), st.sampled_from([5, 5.0, 5.5, "5", " 5", "5\u00a0", b"5"]))

often = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
seldom = settings(often, max_examples=25)


def storable(rows):
    return [r for r in rows if not isinstance(r, str) or not any(c == "\x00" or "\ud800" <= c <= "\udfff" for c in r)]


def wanted_rows(rows, kind, region):
    """Every row is wanted by its own normal form: one that the coarse condition rules out is lost."""
    forms = [kinds.normal(kind, r, region) for r in rows]
    return [f for f in dict.fromkeys(forms) if f is not None], {n for n, f in enumerate(forms) if f is not None}


@cache
def sqlite_table(declaration):
    connection = sa.create_engine("sqlite://", poolclass=sa.pool.StaticPool).connect()
    connection.exec_driver_sql(f"CREATE TABLE t (id INTEGER PRIMARY KEY, c {declaration})")
    return connection, sa.Table("t", sa.MetaData(), autoload_with=connection)


@pytest.fixture(scope="module", autouse=True)
def _close():
    yield
    for declaration in DECLARATIONS:
        sqlite_table(declaration)[0].close()
        sqlite_table(declaration)[0].engine.dispose()
    sqlite_table.cache_clear()


def in_sqlite(rows, kind, forms, declaration="TEXT"):
    connection, table = sqlite_table(declaration)
    connection.exec_driver_sql("DELETE FROM t")
    for row in enumerate(rows):
        connection.exec_driver_sql("INSERT INTO t VALUES (?, ?)", row)
    stored = dict(connection.exec_driver_sql("SELECT id, c FROM t").all())
    return stored, set(connection.scalars(sa.select(table.c.id).where(coarse.condition(table.c.c, kind, forms, "sqlite", None))))


@pytest.mark.parametrize("kind", texts)
@often
@given(st.data(), st.sampled_from(REGIONS))
def test_sqlite_rules_out_no_text_that_is_wanted(kind, data, region):
    rows = storable([data.draw(texts[kind])])
    forms, want = wanted_rows(rows, kind, region)
    assert want <= in_sqlite(rows, kind, forms)[1]


@pytest.mark.parametrize("declaration", DECLARATIONS)
@often
@given(value=anything)
@example(value="5\u00a0")
@example(value=5.0)
def test_sqlite_rules_out_no_key_however_it_is_stored(declaration, value):
    if not storable([value]):
        return
    form = kinds.normal("s.key", value)
    # What SQLite made of the value decides what it is.
    stored, _ = in_sqlite([value], "s.key", [form or "x"], declaration)
    form = kinds.normal("s.key", stored[0])
    assert form is None or in_sqlite([value], "s.key", [form], declaration)[1] == {0}


@pytest.fixture(scope="module")
def duck():
    engine = ibis.duckdb.connect(":memory:")
    yield engine
    engine.disconnect()


TABLE = datamap.Table(label="t", activity="a", key=("c",), match={"email": "c"}, columns={"c": {"category": "user"}})


def in_duckdb(duck, rows, kind, forms, arrow):
    duck.con.register("t", pa.table({"id": pa.array(range(len(rows))), "c": pa.array(rows, arrow)}))
    seen = duck.table("t")
    found = seen.filter(expressions.condition(seen.c, exact.Look("c", kind, forms), TABLE))
    return set(found[["id"]].to_pyarrow()["id"].to_pylist())


@pytest.mark.parametrize("kind", texts)
@seldom
@given(st.data(), st.sampled_from(REGIONS))
def test_duckdb_rules_out_no_text_that_is_wanted(duck, kind, data, region):
    rows = storable(data.draw(st.lists(texts[kind], min_size=1, max_size=12)))
    # Odd and even rows apart, so that no row is let in by its twin.
    for some in (rows[::2], rows[1::2]):
        forms, want = wanted_rows(some, kind, region)
        if some:
            assert want <= in_duckdb(duck, some, kind, forms, pa.string())


@pytest.mark.parametrize("arrow", [pa.int64(), pa.uint8(), pa.float64(), pa.int32()])
@seldom
@given(st.data())
def test_duckdb_rules_out_no_number_that_is_wanted(duck, arrow, data):
    limits = {"int64": (-(2**63), 2**63 - 1), "uint8": (0, 255), "int32": (-(2**31), 2**31 - 1)}.get(str(arrow))
    value = data.draw(st.integers(*limits) if limits else st.floats(allow_nan=False))
    others = data.draw(st.lists(st.integers(-(2**70), 2**70).map(str), max_size=3))
    assert 0 in in_duckdb(duck, [value], "s.key", [kinds.normal("s.key", value), *others], arrow)


@pytest.mark.parametrize("kind", ["email", "phone"])
@often
@given(st.data(), st.sampled_from([*REGIONS, None]))
def test_python_rules_out_no_text_that_is_wanted(kind, data, region):
    value = data.draw(texts[kind])
    form = kinds.normal(kind, value, region)
    if form is not None:
        assert exact._possible(kind, {form})(value)


@pytest.mark.parametrize("kind", ["email", "phone"])
@often
@given(st.data(), st.sampled_from(REGIONS), st.sampled_from([" ", ",", ", ", ";", "; ", " <", "|", "/", " / ", "-", "\n", " or ", "&", "\u200b"]))
def test_no_cell_that_holds_a_wanted_form_among_others_is_ruled_out(duck, kind, data, region, between):
    one, other = data.draw(texts[kind]), data.draw(texts[kind])
    cell, form = f"{one}{between}{other}", kinds.normal(kind, data.draw(st.sampled_from([one, other])), region)
    if form is None or not storable([cell]) or not exact._possible(kind, {form})(cell) or not exact._among(kind, {form})(cell):
        return
    assert in_sqlite([cell], kind, [form])[1] == {0}
    assert in_duckdb(duck, [cell], kind, [form], pa.string()) == {0}


@pytest.mark.parametrize("between", [" ", ",", ", ", ";", "; ", "|", "/", " / ", "\n", " or ", " & ", "\u00a0"])
@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        ("email", "Dora@x.de", "eve@bücher.de"),
        ("email", "mailto:dora@x.de", "<eve@bücher.de>"),
        ("email", "o'hara@x.de", "dora@x.de"),
        ("phone", "020 7946 0018", "+44 (0)20 7946 0999"),
        ("phone", "02079460018", "0044-20-7946-0999"),
    ],
)
def test_two_in_one_cell_are_told_for_each(duck, kind, one, other, between):
    for cell in (f"{one}{between}{other}", f"{other}{between}{one}"):
        assert kinds.normal(kind, cell, "GB") is None
        for form in (kinds.normal(kind, one, "GB"), kinds.normal(kind, other, "GB")):
            assert exact._possible(kind, {form})(cell)
            assert exact._among(kind, {form})(cell)
            assert in_sqlite([cell], kind, [form])[1] == {0}
            assert in_duckdb(duck, [cell], kind, [form], pa.string()) == {0}


def test_most_rows_are_ruled_out():
    """A condition that lets everything through would be a superset as well."""
    rows = [f"person{n}@example.org" for n in range(100)]
    assert in_sqlite(rows, "email", ["person7@example.org"])[1] == {7}
    numbers = [f"+44 20 7946 {n:04}" for n in range(100)]
    assert in_sqlite(numbers, "phone", ["+442079460042"])[1] == {42}
    assert in_sqlite(list(range(100)), "s.key", ["42"], "INTEGER")[1] == {42}
    assert in_sqlite([f"K {n}" for n in range(100)], "s.key", ["K 42"])[1] == {42}


def test_integer_keys_use_an_index():
    engine = sa.create_engine("sqlite://")
    with engine.connect() as connection:
        connection.exec_driver_sql("CREATE TABLE t (id INTEGER PRIMARY KEY, c INTEGER)")
        connection.exec_driver_sql("CREATE INDEX i ON t (c)")
        table = sa.Table("t", sa.MetaData(), autoload_with=connection)
        statement = sa.select(table).where(coarse.condition(table.c.c, "s.key", ["5", "6"], "sqlite", None))
        sql = str(statement.compile(engine, compile_kwargs={"literal_binds": True}))
        plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}")]
    assert any("MULTI-INDEX OR" in step for step in plan)
    assert not any(step.startswith("SCAN t") for step in plan)
    engine.dispose()


@pytest.mark.parametrize(
    ("column", "kind", "declared", "expected"),
    [
        (
            sa.Column("c", sa.String),
            "email",
            None,
            "lower(trim(t.c COLLATE \"C\")) = ANY (ARRAY['a@x']) OR (trim(t.c COLLATE \"C\") ~ '[^0-9A-Za-z@._+-]|@.*@|\\\\.$') IS true",
        ),
        (sa.Column("c", sa.String), "s.key", None, "trim(t.c COLLATE \"C\") = ANY (ARRAY['a@x']) OR ((t.c COLLATE \"C\") ~ '[^ -~]') IS true"),
        (sa.Column("c", sa.String), "s.key", "integer", "t.c IS NOT NULL"),
        (sa.Column("c", sa.Integer), "s.key", None, "t.c = ANY (ARRAY[])"),
        (sa.Column("c", sa.Date), "s.key", None, "t.c IS NOT NULL"),
    ],
)
def test_what_postgresql_is_asked(column, kind, declared, expected):
    from sqlalchemy.dialects import postgresql

    sa.Table("t", sa.MetaData(), column)
    asked = coarse.condition(column, kind, ["a@x"], "postgresql", declared)
    assert str(asked.compile(dialect=postgresql.dialect(), compile_kwargs={"literal_binds": True})) == expected


def test_an_unknown_database_rules_nothing_out():
    column = sa.Column("c", sa.String)
    sa.Table("t", sa.MetaData(), column)
    assert str(coarse.condition(column, "email", ["a@x"], "access", None)) == "t.c IS NOT NULL"
