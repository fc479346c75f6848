"""One world of 200 subjects on every engine: the dossiers are the same, value for value.

`make test-engines` runs this and prints what each engine took; the figures are no test.
"""

import random
import time
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest

from dsar import values
from dsar.datamap import File
from dsar.source import Settings
from tests import worlds
from tests.connectors.engines import OnDuckdb, OnMariadb, OnPostgresql, OnSpark, OnSqlite
from tests.source_suite import Grid

SUBJECTS = 200
_FIGURES: dict[str, tuple[float, float, int]] = {}

MAP = """
[sources.world]
[sources.world.tables.customers]
match = {{ customer = "id", email = "email", phone = "phone" }}
reveals = {{ customer = "id" }}
columns = {customers}
[sources.world.tables.orders]
match = {{ customer = "customer", email = "guest_email" }}
reveals = {{ order = "id" }}
columns = {orders}
[sources.world.tables.lines]
match = {{ order = "order_id" }}
columns = {lines}
[sources.world.tables.tickets]
match = {{ email = "sender" }}
columns = {tickets}
"""


def world(seed=5, others=20):
    """Customers, their orders and lines, and tickets; for every subject there are `others` people nobody asks about."""
    chance = random.Random(seed)
    people = SUBJECTS * (1 + others)
    start = datetime(2020, 1, 1)  # noqa: DTZ001 - as these engines store it
    customers, orders, lines, tickets = [], [], [], []
    for n in range(1, people + 1):
        email = f"{'Person' if n % 7 else 'PERSON'}{n}@{'Example' if n % 5 else 'bücher'}.org"
        phone = chance.choice([f"+44 20 7946 {n:04}", f"020 7946 {n:04}", f"(020) 7946-{n:04}", None])
        when = start + timedelta(seconds=chance.randrange(10**8), microseconds=chance.randrange(10**6))
        born = date(1950, 1, 1) + timedelta(days=chance.randrange(20_000))
        note = chance.choice(["", None, 'O\'Brien; "x"', "日本語 😀", "=1+1", "two\nlines"])
        customers.append(
            (
                n,
                email,
                phone,
                f"Name {n}",
                Decimal(chance.randrange(-(10**9), 10**9)) / 100,
                2**53 + n,
                when,
                born,
                chance.choice([True, False, None]),
                note,
            )
        )
        for _ in range(chance.randrange(5)):
            order = len(orders) + 1
            guest = chance.random() < 0.2
            orders.append(
                (order, None if guest else n, email.upper() if guest else None, when + timedelta(days=1), Decimal(chance.randrange(10**6)) / 100)
            )
            lines += [(len(lines) + k, order, f"Thing {k}", k, Decimal(chance.randrange(10**5)) / 100) for k in range(1, chance.randrange(2, 5))]
        if chance.random() < 0.3:
            tickets.append((len(tickets) + 1, f" {email} ", f"Dear all, this is {n}", when))
    kinds = {
        "customers": (
            "id:integer email:text phone:text name:text balance:decimal serial:integer joined:datetime born:date active:boolean note:text",
            customers,
        ),
        "orders": ("id:integer customer:integer guest_email:text placed:datetime total:decimal", orders),
        "lines": ("id:integer order_id:integer title:text pieces:integer price:decimal", lines),
        "tickets": ("id:integer sender:text body:text at:datetime", tickets),
    }
    return {name: Grid(typed_columns(columns), ("id",), rows) for name, (columns, rows) in kinds.items()}


def typed_columns(text):
    pairs = (pair.split(":") for pair in text.split())
    return {name: {"decimal": "decimal(12,2)"}.get(kind, kind) for name, kind in pairs}


WORLD = world()


def dossiers(on, folder):
    """Load the world, collect for all subjects at once, and return every row with its provenance."""
    start = time.monotonic()
    on.load(folder, WORLD)
    loaded = time.monotonic()
    declared = worlds.datamap(MAP.format(**{name: list(grid.columns) for name, grid in WORLD.items()}), folder)
    source = declared.sources["world"]
    tables = {name: on_engine(on, name, table) for name, table in source.tables.items()}
    source = source.model_copy(update={"url": on.url(folder), "tables": tables})
    declared = declared.model_copy(update={"sources": {"world": source}})
    opened = {"world": on.connect(Settings("world", source, folder, "GB"))}
    if isinstance(on, OnSpark):
        opened["world"].schema()  # its session starts once, however many collects
        loaded = time.monotonic()
    people = [worlds.request(f"R-{n}", f"email=person{n}@{'example' if n % 5 else 'bücher'}.org") for n in range(1, SUBJECTS + 1)]
    found = worlds.gather(declared, opened, *people)
    end = time.monotonic()
    plain = {r: {str(a): (t.outcome.words(), values.rows(t.frame)) for a, t in d.tables.items()} for r, d in found.items()}
    rows = sum(len(lines) for tables in plain.values() for _, lines in tables.values())
    _FIGURES[type(on).__name__.removeprefix("On")] = (loaded - start, end - loaded, rows)
    return plain


def on_engine(on, name, table):
    """The table as this engine's map has it: with its file, and with types where the engine has none."""
    types = WORLD[name].columns if on.needs_types else {}
    columns = {c: known.model_copy(update={"type": types.get(c)}) for c, known in table.columns.items()}
    return table.model_copy(update={"file": File(**on.file(name)) if on.file(name) else None, "columns": columns})


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """What SQLite yields, itself compared with the world that was written down."""
    found = dossiers(OnSqlite(), tmp_path_factory.mktemp("sqlite"))
    for n in (1, 5, 7, 200):
        row = next(dict(zip(WORLD["customers"].columns, r, strict=True)) for r in WORLD["customers"].rows if r[0] == n)
        (line,) = found[f"R-{n}"]["world.customers"][1]
        assert {c: v for c, v in line.items() if not c.startswith("dsar_")} == row
        orders = {r[0] for r in WORLD["orders"].rows if r[1] == n or (r[2] or "").lower() == row["email"].lower()}
        assert {line["id"] for line in found[f"R-{n}"]["world.orders"][1]} == orders
        assert {line["id"] for line in found[f"R-{n}"]["world.lines"][1]} == {r[0] for r in WORLD["lines"].rows if r[1] in orders}
    asked_about = [r for r in WORLD["tickets"].rows if int(r[2].split()[-1]) <= SUBJECTS]
    assert sum(len(tables["world.tickets"][1]) for tables in found.values()) == len(asked_about)
    return found


def exactly(dossier):
    return {t: (words, [{c: (type(v).__name__, str(v)) for c, v in row.items()} for row in rows]) for t, (words, rows) in dossier.items()}


QUIET = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")  # pyspark's own sockets


@pytest.mark.parametrize(
    "on",
    [
        pytest.param(OnPostgresql, id="postgresql"),
        pytest.param(OnDuckdb, id="duckdb"),
        pytest.param(OnMariadb, id="mariadb"),
        pytest.param(OnSpark, id="spark", marks=[pytest.mark.slow, QUIET]),
    ],
)
def test_the_dossiers_are_identical(tmp_path, on, expected):
    if on is OnSpark:
        pytest.importorskip("pyspark", reason="Spark is not installed: pip install 'dsar[spark]'")
    found = dossiers(on(), tmp_path)
    assert found.keys() == expected.keys()
    for request in expected:
        assert exactly(found[request]) == exactly(expected[request]), request


@pytest.fixture(scope="module", autouse=True)
def figures():
    yield
    people, rows = len(WORLD["customers"].rows), sum(len(g.rows) for g in WORLD.values())
    print(f"\n\n{SUBJECTS} subjects among {people} people, {rows} rows\nengine       load s  collect s  rows found")  # noqa: T201
    for name, (load, collect, found) in _FIGURES.items():
        print(f"{name.lower():<11} {load:7.1f} {collect:10.2f} {found:11}")  # noqa: T201
