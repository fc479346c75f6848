"""Changes in real databases: what was planned happens whole, what was not planned undoes everything."""

import hashlib
import json
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from connectors.newsletter import Newsletter
from connectors.sql import Sql
from connectors.sqltable import is_done
from dsar import values
from dsar.errors import ErasureRefused, SourceUnreachable
from dsar.source import Change, Keys, Rows, Settings
from tests import servers
from tests.worlds import datamap

MAP = """
[sources.shop]
url = "URL"
write_url = "URL"
[sources.shop.tables.customers]
match = { email = "email" }
columns = { id = {}, email = {}, name = {}, fax = {}, restricted = {} }
[sources.shop.tables.orders]
match = { customer = "customer_id" }
columns = ["id", "customer_id", "total"]
[sources.shop.tables.codes]
key = ["code", "part"]
match = { customer = "code" }
columns = ["code", "part"]
[sources.shop.tables.mails]
part = { of = "members", column = "purpose", values = ["service"] }
match = { email = "email" }
columns = ["id", "email", "purpose"]
[sources.shop.tables.letters]
part = { of = "members", column = "purpose", values = ["marketing"] }
match = { email = "email" }
columns = ["id", "email", "purpose"]
"""
TABLES = (
    """CREATE TABLE customers (id INTEGER PRIMARY KEY, email VARCHAR(99) NOT NULL, name VARCHAR(99), fax VARCHAR(99),
                               restricted INTEGER NOT NULL DEFAULT 0)""",
    "CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customers (id), total NUMERIC(12,2))",
    "CREATE TABLE codes (code VARCHAR(20) NOT NULL, part VARCHAR(20))",
    "CREATE TABLE members (id INTEGER PRIMARY KEY, email VARCHAR(99), purpose VARCHAR(20))",
    "INSERT INTO customers VALUES (1, 'ann@x.org', 'Ann', '12', 0), (2, 'bob@x.org', 'Bob', NULL, 0), (3, 'cleo@x.org', 'Cleo', '7', 0)",
    "INSERT INTO orders VALUES (10, 1, 9.50), (11, 1, 12), (12, 2, 0.10)",
    "INSERT INTO codes VALUES ('a', 'x'), ('A', 'x'), ('a ', 'x'), ('b', NULL)",
    "INSERT INTO members VALUES (1, 'ann@x.org', 'service'), (2, 'ann@x.org', 'marketing')",
)


class Base:
    """A database of its own, and how it is looked into."""

    def __init__(self, url, folder):
        self.url, self.folder, self.map = url, folder, MAP
        self.execute(*TABLES)

    def execute(self, *statements):
        engine = sa.create_engine(self.url, poolclass=NullPool)
        with engine.begin() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)

    def made(self, statement):
        """Run one statement as it is written, and return how many rows it says it changed."""
        with sa.create_engine(self.url, poolclass=NullPool).begin() as connection:
            return connection.exec_driver_sql(statement.rstrip(";").replace("%", "%%")).rowcount

    def rows(self, table):
        engine = sa.create_engine(self.url, poolclass=NullPool)
        with engine.connect() as connection:
            return sorted((tuple(map(str, row)) for row in connection.exec_driver_sql(f"SELECT * FROM {table}")), key=str)

    def everything(self):
        return {t: self.rows(t) for t in ("customers", "orders", "codes", "members")}

    def source(self, **changed):
        url = self.url.render_as_string(hide_password=False)
        declared = datamap(self.map.replace("URL", url)).sources["shop"].model_copy(update=changed)
        return Newsletter(Settings("shop", declared, self.folder, "GB"))


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def base(request, tmp_path):
    name = f"e{hashlib.sha256(str(tmp_path).encode()).hexdigest()[:16]}"
    if request.param == "sqlite":
        return Base(sa.make_url(f"sqlite:///{tmp_path}/shop.db"), tmp_path)
    root = servers.postgresql() if request.param == "postgresql" else servers.mariadb()
    servers.execute(root, f"CREATE DATABASE {name}" + (" CHARACTER SET utf8mb4" if request.param == "mariadb" else ""))
    return Base(root.set(database=name), tmp_path)


def seen(source, table, *key):
    """Return the row with a key as the source reads it now."""
    [row] = [row for part in source.read(Keys(table, (key,))) if isinstance(part, Rows) for row in values.rows(part.frame)]
    return row


def erase(source, table, *key):
    return Change((f"E-{table}-{key}",), table, key, values.row_hash(seen(source, table, *key)))


def change(source, table, *key, **new):
    row = seen(source, table, *key)
    rest = values.row_hash({c: v for c, v in row.items() if c not in new})
    return Change((f"S-{table}-{key}",), table, key, values.row_hash(row), new, rest)


def run(source, changes, *, commit=True):
    with source.eraser().begin(changes, commit=commit) as made:
        return [made.apply(c).state for c in changes]


def test_rows_go_and_columns_change_in_one_transaction_and_twice_is_once(base):
    source = base.source()
    before = base.everything()
    changes = [
        erase(source, "orders", 10),
        erase(source, "orders", 11),
        change(source, "customers", 1, email=None, name=None, fax=None, restricted=1),
    ]
    assert run(source, changes, commit=False) == ["done"] * 3
    assert base.everything() == before
    assert run(source, changes) == ["done"] * 3
    after = {**before, "orders": [("12", "2", "0.10" if "sqlite" not in str(base.url) else "0.1")]}
    after["customers"] = [("1", "", "None", "None", "1"), *before["customers"][1:]]
    assert base.everything() == after
    assert run(source, changes) == ["already"] * 3
    assert base.everything() == after


def test_a_row_that_changed_since_is_left_alone_and_an_error_undoes_what_was_done(base):
    source = base.source()
    changes = [erase(source, "orders", 10), erase(source, "customers", 3), change(source, "customers", 2, name="x")]
    base.execute("UPDATE customers SET fax = '8' WHERE id = 3", "UPDATE customers SET email = 'new@x.org' WHERE id = 2")
    before = base.everything()
    with pytest.raises(RuntimeError), source.eraser().begin(changes, commit=True) as made:  # noqa: PT012
        assert [made.apply(c).state for c in changes] == ["done", "changed since", "changed since"]
        raise RuntimeError
    assert base.everything() == before


def test_keys_that_a_database_takes_for_equal_are_different_rows(base):
    source = base.source()
    changes = [erase(source, "codes", "a", "x"), erase(source, "codes", "b", None)]
    assert run(source, changes) == ["done", "done"]
    assert base.rows("codes") == [("A", "x"), ("a ", "x")]


def test_a_key_of_two_rows_is_nobodys(base):
    source = base.source()
    planned = erase(source, "codes", "a", "x")
    base.execute("INSERT INTO codes VALUES ('a', 'x')")
    assert run(source, [planned]) == ["refused"]
    assert len(base.rows("codes")) == 5


def test_a_part_of_a_table_is_changed_as_that_part_only(base):
    source = base.source()
    planned = erase(source, "letters", 2)
    assert run(source, [Change(("x",), "mails", (2,), planned.seen)]) == ["already"]  # no such row in that part
    assert run(source, [planned]) == ["done"]
    assert base.rows("members") == [("1", "ann@x.org", "service")]


def test_what_another_row_refers_to_does_not_go(base):
    source = base.source()
    before = base.everything()
    with pytest.raises(ErasureRefused, match="another row refers"):
        run(source, [erase(source, "orders", 10), erase(source, "customers", 1)])
    assert base.everything() == before


@pytest.mark.parametrize("rule", ["CASCADE", "SET NULL"])
def test_rows_that_would_be_taken_along_or_rewritten_keep_a_row_from_going(base, rule):
    source = base.source()
    base.execute(
        f"CREATE TABLE wishes (id INTEGER PRIMARY KEY, customer_id INTEGER, FOREIGN KEY (customer_id) REFERENCES customers (id) ON DELETE {rule})",
        "INSERT INTO wishes VALUES (1, 3)",
    )
    planned = erase(source, "customers", 3)
    with source.eraser().begin([planned], commit=True) as made:
        result = made.apply(planned)
    assert result.state == "refused"
    assert "1 rows of wishes" in result.why
    assert len(base.rows("customers")) == 3
    assert base.rows("wishes") == [("1", "3")]


def trigger(base):
    """Make the database delete one row too many whenever an order goes."""
    if base.url.get_backend_name() == "postgresql":
        base.execute(
            "CREATE FUNCTION more() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN DELETE FROM codes WHERE code = 'b'; RETURN OLD; END $$",
            "CREATE TRIGGER more AFTER DELETE ON orders FOR EACH ROW EXECUTE FUNCTION more()",
        )
    else:
        body = "DELETE FROM codes WHERE code = 'b'"
        body = f"BEGIN {body}; END" if base.url.get_backend_name() == "sqlite" else body
        base.execute(f"CREATE TRIGGER more AFTER DELETE ON orders FOR EACH ROW {body}")


def test_a_database_that_changes_one_row_more_than_told_is_found_out_and_undone(base):
    source = base.source()
    trigger(base)
    before = base.everything()
    for commit in (False, True):
        with pytest.raises(ErasureRefused, match="2 rows where 1"):
            run(source, [erase(source, "orders", 10)], commit=commit)
        assert base.everything() == before


def test_a_database_that_says_it_deleted_and_did_not_is_found_out(base):
    source = base.source()
    if base.url.get_backend_name() == "postgresql":
        base.execute("CREATE RULE no AS ON DELETE TO orders DO INSTEAD NOTHING")
    elif base.url.get_backend_name() == "sqlite":
        base.execute("CREATE TRIGGER no BEFORE DELETE ON orders FOR EACH ROW BEGIN SELECT RAISE(IGNORE); END")
    else:  # its triggers cannot pass over a row in silence, only refuse it
        base.execute("CREATE TRIGGER no BEFORE DELETE ON orders FOR EACH ROW SIGNAL SQLSTATE '45000'")
    with pytest.raises(ErasureRefused):
        run(source, [erase(source, "orders", 10)])
    assert len(base.rows("orders")) == 3


def test_columns_that_cannot_take_the_new_value_are_refused(base):
    source = base.source()
    assert run(source, [change(source, "customers", 1, restricted=None)]) == ["refused"]


def test_the_reading_address_is_never_written_to(base):
    with pytest.raises(SourceUnreachable, match="no address under which rows may be changed"):
        base.source(write_url="").eraser()


def test_the_statements_for_an_administrator_do_the_same(base):
    source = base.source()
    changes = [erase(source, "orders", 10), erase(source, "codes", "b", None), change(source, "customers", 1, email=None, name="O'Hara \\")]
    written = base.source(write_url="").statements(changes)  # it is there for who may not write
    before = base.everything()
    assert [base.made(line) for line in written.splitlines() if not line.startswith(("--", "BEGIN", "START"))] == [1, 1, 1]
    assert [c.steps[0] for c in changes] == [line[3:] for line in written.splitlines() if line.startswith(("-- E-", "-- S-"))]
    assert len(base.rows("orders")) == len(base.rows("codes")) - 1 == 2
    assert base.rows("customers") == [("1", "", "O'Hara \\", "12", "0"), *before["customers"][1:]]


def test_the_statements_write_each_value_as_its_column_takes_it(base):
    base.execute(
        "CREATE TABLE weights (weight DOUBLE PRECISION NOT NULL, locked BOOLEAN NOT NULL, code VARCHAR(9))",
        "INSERT INTO weights VALUES (0.1, FALSE, '7'), (2.5, FALSE, '8')",
    )
    columns = 'key = ["weight"]\nmatch = { customer = "code" }\ncolumns = ["weight", "locked", "code"]'
    base.map += f"[sources.shop.tables.weights]\n{columns}\n"
    source = base.source()
    written = source.statements([change(source, "weights", 0.1, locked=True, code=12), change(source, "weights", 2.5, locked=1)])
    assert [base.made(line) for line in written.splitlines() if line.startswith("UPDATE")] == [1, 1]
    assert [row["locked"] for row in (seen(source, "weights", 0.1), seen(source, "weights", 2.5))] == [True, True]
    assert seen(source, "weights", 0.1)["code"] == "12"


def test_what_is_deleted_is_not_left_in_the_file(tmp_path):
    base = Base(sa.make_url(f"sqlite:///{tmp_path}/shop.db"), tmp_path)
    base.execute("INSERT INTO codes VALUES ('Zanzibar-Ann', 'x')")
    assert b"Zanzibar-Ann" in (tmp_path / "shop.db").read_bytes()
    assert run(base.source(), [erase(base.source(), "codes", "Zanzibar-Ann", "x")]) == ["done"]
    assert b"Zanzibar-Ann" not in (tmp_path / "shop.db").read_bytes()


def test_a_row_hash_does_not_depend_on_what_a_rows_neighbours_are(tmp_path):
    base = Base(sa.make_url(f"sqlite:///{tmp_path}/shop.db"), tmp_path)
    base.execute(
        "CREATE TABLE odd (id INTEGER PRIMARY KEY, n NUMERIC(12,2), d DATETIME, x)",
        "INSERT INTO odd VALUES (1, 5, '2026-01-02 03:04:05', 7), (2, 5.123, 'yesterday', 7.5)",
    )
    declared = datamap('[sources.shop]\nurl = "sqlite:///shop.db"\n[sources.shop.tables.odd]\nmatch = { c = "id" }\ncolumns = ["id", "n", "d", "x"]')
    source = Sql(Settings("shop", declared.sources["shop"], Path(tmp_path), "GB"))

    def read(*keys):
        parts = source.read(Keys("odd", tuple((k,) for k in keys)))
        return {row["id"]: values.row_hash(row) for part in parts if isinstance(part, Rows) for row in values.rows(part.frame)}

    together = read(1, 2)
    assert together == {**read(1), **read(2)}
    assert len(set(together.values())) == 2
    assert json.dumps(together)


@pytest.mark.parametrize(("there", "done"), [(None, True), ("", True), (0, False), (False, False), ("0", False)])
def test_what_is_stored_as_nought_is_not_emptied(there, done):
    table = datamap(MAP).sources["shop"].tables["customers"]
    rest = {"id": 1, "email": "ann@x.org", "name": "Ann", "restricted": 0}
    change = Change(("S",), "customers", (1,), "", {"fax": None}, rest=table.own_hash(rest))
    assert is_done(table, {**rest, "fax": there}, change) is done
