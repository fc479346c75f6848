"""The promise of a source as tests: each connector's tests inherit `SourceSuite` and must pass.

A subclass says how to put tables into its engine and how to damage them. Every test takes a folder
only, so that `tests/connectors/test_suite_bites.py` can call it with a broken source.
"""

import hashlib
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from dsar import datamap, kinds, values
from dsar.errors import NotOffered, SourceBroken, SourceUnreachable
from dsar.source import Ask, Done, Everyone, Keys, Malformed, Match, Others, Rows, Settings, Source, Text, Waiting, Want


@dataclass(frozen=True)
class Grid:
    """A table of the world: its columns with their logical types, its key, and its rows."""

    columns: dict[str, str]
    key: tuple[str, ...]
    rows: list[tuple]


BIG = 2**53 + 1  # the first whole number that a float cannot hold
QUOTES = 'Ada "Countess" O\'Hara'
INJECTION = "Robert'); DROP TABLE people;--"

at = datetime.fromisoformat

PEOPLE = Grid(
    {
        "id": "integer",
        "email": "text",
        "phone": "text",
        "name": "text",
        "balance": "decimal(12,2)",
        "serial": "integer",
        "joined": "datetime",
        "born": "date",
        "active": "boolean",
        "note": "text",
        "secret_note": "text",  # not in the data map
    },
    ("id",),
    [
        (1, "Ada@Example.org", "+44 20 7946 0018", QUOTES, Decimal("8.90"), BIG, at("2024-02-29T13:05:07"), date(1990, 12, 10), True, "", "a"),
        (2, "josé@bücher.example", "020 7946 0999", '=HYPERLINK("x")', Decimal("0.10"), None, at("2024-01-01"), date(1989, 1, 1), False, None, None),
        (3, "grace@example.com", None, INJECTION, Decimal("-1234567890.05"), BIG + 2, None, None, None, "two, words; here", "c"),
        (4, None, "(020) 7946-0777", "Żółć", None, 4, at("2023-06-01T00:00:01.250000"), date(2000, 2, 29), True, "007", "d"),
        (5, "ada.other@example.org", "+44 20 7946 1018", "Nobody's namesake", Decimal("5.00"), -BIG, None, None, False, "x", None),
        (6, " Eve@Example.ORG\u00a0", "0044 20 7946 0555 x12", "Eve", Decimal("0.00"), 0, None, None, True, "1e5", "f"),
    ],
)  # fmt: skip

ORDERS = Grid(
    {"number": "text", "line": "integer", "customer": "integer", "guest_email": "text", "address_id": "integer", "total": "decimal(12,2)"},
    ("number", "line"),
    [
        ("A-1", 1, 1, None, 70, Decimal("10.00")),
        ("A-1", 2, 1, "ADA@example.org", 70, Decimal("0.01")),
        ("A-2", 1, 3, "ada@example.org", 71, Decimal("3.30")),
        ("A'3", 1, 5, None, 70, Decimal("1.00")),
        ("A-4", 1, None, "JOSÉ@BÜCHER.example", None, Decimal("2.00")),
        ("A-40", 1, 4, "", 72, Decimal("2.00")),
    ],
)


def email(value: str) -> str:
    return kinds.require("email", value)


class SourceSuite:
    """What every source promises. Inherit it, fill in the first part, change nothing in the second."""

    folds_empty = False  # the engine cannot tell an empty text from NULL
    needs_types = False  # the engine does not know types: the map declares them
    many_rows = 11_500  # nine tenths of them are more than the connector reads at a time

    # -- what a subclass says of its engine -----------------------------------------------------------

    def load(self, folder: Path, tables: dict[str, Grid]) -> None:
        raise NotImplementedError

    def connect(self, settings: Settings) -> Source:
        raise NotImplementedError

    def url(self, folder: Path) -> str:
        return ""

    def file(self, table: str) -> dict | None:
        return None

    def break_off(self, folder: Path, table: str) -> None:
        """Damage the last row of a table, so that reading it breaks off late."""
        raise NotImplementedError

    def drop(self, folder: Path, table: str) -> None:
        raise NotImplementedError

    def take_down(self, folder: Path) -> None:
        raise NotImplementedError

    def counting(self, table: str) -> AbstractContextManager[Callable[[], int]]:
        """Count how often the table's rows are read."""
        raise NotImplementedError

    # -- the world, and how it is asked ---------------------------------------------------------------

    def source(self, folder: Path, tables: dict[str, Grid] | None = None) -> Source:
        tables = tables or {"people": PEOPLE, "orders": ORDERS}
        self.load(folder, tables)
        return self.open(folder, tables)

    def open(self, folder: Path, tables: dict[str, Grid] | None = None, match: dict | None = None) -> Source:
        tables = tables or {"people": PEOPLE, "orders": ORDERS}
        matches = {
            "people": {"customer": "id", "email": "email", "phone": "phone"},
            "orders": {"customer": "customer", "email": "guest_email", "order": "number"},
            **(match or {}),
        }
        declared = {name: self._declare(name, grid, matches.get(name, {"customer": "customer"})) for name, grid in tables.items()}
        source = {"connector": "x:Y", "label": "World", "owner": "owner@example.org", "url": self.url(folder), "tables": declared}
        return self.connect(Settings("world", datamap.Source.model_validate(source), folder, "GB"))

    def _declare(self, name: str, grid: Grid, match: dict) -> dict:
        columns = {c: {"category": "user", "type": t if self.needs_types else None} for c, t in grid.columns.items() if c != "secret_note"}
        return {"label": name, "activity": "x", "key": grid.key, "match": match, "columns": columns, "file": self.file(name)}

    def expected(self, grid: Grid, *positions: int) -> list[dict]:
        fold = {"": None} if self.folds_empty else {}
        return [{c: fold.get(v, v) if isinstance(v, str) else v for c, v in zip(grid.columns, grid.rows[p], strict=True)} for p in positions]

    def same(self, found: Iterable[dict], expected: Iterable[dict], key: tuple[str, ...]) -> None:
        """Whole rows are equal, to the type of each value."""

        def exactly(rows: Iterable[dict]) -> list:
            ordered = sorted(rows, key=lambda row: [str(row[k]) for k in key])
            return [{c: (type(v).__name__, str(v)) for c, v in row.items()} for row in ordered]

        assert exactly(found) == exactly(expected)

    def everyone(self, *emails: str) -> tuple[Want, ...]:
        return tuple(Want(f"r{n}", "email", email(e)) for n, e in enumerate(emails))

    # -- the promises ---------------------------------------------------------------------------------

    def test_every_spelling_is_found(self, tmp_path):
        source = self.source(tmp_path)
        wants = (
            *self.everyone("ADA@EXAMPLE.ORG", "José@BÜCHER.example", "eve@example.org"),
            *(
                Want(f"p{n}", "phone", kinds.require("phone", p, "GB"))
                for n, p in enumerate(["02079460777", "+442079460999", "020 7946 0555 ext 12"])
            ),
            Want("k", "world.customer", "3"),
        )
        asks = answer(source, Match("people", wants))[1]
        assert sorted(asks) == [
            (("1",), "r0", "email"),
            (("2",), "p1", "phone"),
            (("2",), "r1", "email"),
            (("3",), "k", "id"),
            (("4",), "p0", "phone"),
            (("6",), "p2", "phone"),
            (("6",), "r2", "email"),
        ]

    def test_nothing_nobody_asked_for(self, tmp_path):
        source = self.source(tmp_path)
        wants = (*self.everyone("da@example.org", "ada@example.or", "ada_other@example.org", "%@example.org"), Want("p", "phone", "+442079460000"))
        assert answer(source, Match("people", wants)) == ([], [])
        assert (
            answer(source, Match("orders", (Want("k", "world.customer", "2"), Want("o", "world.order", "A-"), Want("o", "world.order", "A"))))[0]
            == []
        )
        assert answer(source, Match("people", ())) == ([], [])

    def test_values_are_exact(self, tmp_path):
        source = self.source(tmp_path)
        wants = tuple(Want(str(n), "world.customer", str(n)) for n in range(1, 7))
        self.same(answer(source, Match("people", wants))[0], self.expected(PEOPLE, *range(6)), ("id",))

    def test_values_do_not_depend_on_their_neighbours(self, tmp_path):
        source = self.source(tmp_path)
        for n in range(6):
            rows = answer(source, Match("people", (Want("x", "world.customer", str(n + 1)),)))[0]
            self.same(rows, self.expected(PEOPLE, n), ("id",))

    def test_one_done_with_the_right_count(self, tmp_path):
        source = self.source(tmp_path)
        for ask in (
            Match("orders", (Want("a", "world.customer", "1"),)),
            Match("orders", (Want("a", "world.customer", "99"),)),
            Keys("orders", (("A-2", 1),)),
            *counts(source),
        ):
            parts = list(source.read(ask))
            assert [type(p) for p in parts].count(Done) == 1
            done = parts[-1]
            assert isinstance(done, Done)
            assert done.rows == sum(len(p.frame) for p in parts if isinstance(p, Rows))
            assert done.read is None or done.read >= done.rows - (isinstance(ask, Others) and done.rows)

    def test_everyone_is_handed_over_and_a_limit_is_kept(self, tmp_path):
        source = self.source(tmp_path)
        if not source.can.everyone:
            with pytest.raises(NotOffered):
                list(source.read(Everyone("people", ("id", "email"))))
            return
        whole = [row for part in source.read(Everyone("people", ("id", "email"))) if isinstance(part, Rows) for row in values.rows(part.frame)]
        self.same(whole, [{c: row[c] for c in ("id", "email")} for row in self.expected(PEOPLE, *range(len(PEOPLE.rows)))], ("id",))
        *parts, done = source.read(Everyone("people", ("email",), 2))
        some = [row for part in parts if isinstance(part, Rows) for row in values.rows(part.frame)]
        assert (len(some), done.rows) == (2, 2)
        assert all(row["email"] in {r["email"] for r in whole} and list(row) == ["email"] for row in some)

    def test_a_row_of_two_subjects_comes_once(self, tmp_path):
        source = self.source(tmp_path)
        wants = (
            Want("ada", "email", email("ada@example.org")),
            Want("ada", "world.customer", "1"),
            Want("grace", "world.customer", "3"),
            Want("bob", "world.customer", "3"),
        )
        rows, asks = answer(source, Match("orders", wants))
        self.same(rows, self.expected(ORDERS, 0, 1, 2), ("number", "line"))
        assert sorted(asks) == [
            (("A-1", "1"), "ada", "customer"),
            (("A-1", "2"), "ada", "customer"),
            (("A-1", "2"), "ada", "guest_email"),
            (("A-2", "1"), "ada", "guest_email"),
            (("A-2", "1"), "bob", "customer"),
            (("A-2", "1"), "grace", "customer"),
        ]  # fmt: skip

    def test_two_columns_of_one_kind_both_count(self, tmp_path):
        grid = Grid(
            {"id": "integer", "payer": "text", "payee": "text"},
            ("id",),
            [(1, "ada@example.org", None), (2, "b@x.org", "ADA@example.org"), (3, "b@x.org", "c@x.org")],
        )
        self.load(tmp_path, {"bills": grid})
        source = self.open(tmp_path, {"bills": grid}, {"bills": {"email": ("payer", "payee")}})
        assert sorted(answer(source, Match("bills", self.everyone("ada@example.org")))[1]) == [(("1",), "r0", "payer"), (("2",), "r0", "payee")]

    def test_a_cell_that_holds_two_identifiers_is_told(self, tmp_path):
        cells = [
            ("eve@x.example, dora@x.example", None),
            ("Dora Smith <dora@x.example>; b@x.example", "n/a"),
            ("dora@x.example/b@x.example", "none at work"),
            (None, "+44 20 7946 0018 / +44 20 7946 0999"),
            (None, "020 7946 0018 020 7946 0999"),
            ("dora@x.example;none", None),
            ("dora@x.example", "020 7946 0018"),
            ("pandora@x.example, b@x.example", "+44 20 7946 0777, 020 7946 0999"),
        ]
        grid = Grid({"id": "integer", "email": "text", "phone": "text"}, ("id",), [(n, *cell) for n, cell in enumerate(cells)])
        self.load(tmp_path, {"people": grid})
        source = self.open(tmp_path, {"people": grid})
        # More wants than a statement holds: a cell is looked at in several parts, and told once.
        others = (Want(f"o{n}", "email", f"person{n}@x.example") for n in range(1_200))
        wants = (*self.everyone("dora@x.example"), *others, Want("p", "phone", "+442079460018"))
        parts = list(source.read(Match("people", wants)))
        assert isinstance(parts[-1], Done)
        assert [r["id"] for p in parts if isinstance(p, Rows) for r in values.rows(p.frame)] == [6]
        told = [p for p in parts if isinstance(p, Malformed)]
        assert sum(p.count for p in told) == 6
        assert all(not any(value in p.sample for value in ("dora", "eve", "7946", "0018")) for p in told)
        assert all(any(column in p.sample for p in told) for column in ("email", "phone"))
        answer(source, Match("people", self.everyone("nobody@x.example")))  # raises where it tells what does not concern it

    def test_odd_spellings_are_found(self, tmp_path):
        cells = [
            ("MAILTO:Dora@x.example", "4"),
            ("<dora@x.example>", "4.0"),
            ("dora@x.example.", " 4.0"),
            ("dora@x.exam\u200bple", "4\u200b"),
            ("Dora Smith <dora@x.example>", "04.0"),
        ]
        grid = Grid({"id": "integer", "email": "text", "client": "text"}, ("id",), [(n, *cell) for n, cell in enumerate(cells)])
        self.load(tmp_path, {"people": grid})
        source = self.open(tmp_path, {"people": grid}, {"people": {"email": "email", "customer": "client"}})
        assert sorted(r["id"] for r in answer(source, Match("people", self.everyone("dora@x.example")))[0]) == [0, 1, 2, 3, 4]
        assert sorted(r["id"] for r in answer(source, Match("people", (Want("k", "world.customer", "4"),)))[0]) == [0, 1, 2, 3]

    def test_more_rows_than_a_chunk_all_arrive(self, tmp_path):
        events = Grid({"id": "integer", "customer": "integer"}, ("id",), [(n, int(n % 10 > 0)) for n in range(self.many_rows)])
        source = self.source(tmp_path, {"events": events})
        rows, _ = answer(source, Match("events", (Want("x", "world.customer", "1"),)))
        assert sorted(r["id"] for r in rows) == [n for n, customer in events.rows if customer == 1]

    def test_many_subjects_are_read_in_one_pass(self, tmp_path):
        source = self.source(tmp_path)
        passes = []
        for many in (1, 350):
            wants = (*self.everyone("ada@example.org"), *(Want(f"k{n}", "world.customer", str(n)) for n in range(1, many)))
            with self.counting("orders") as count:
                answer(source, Match("orders", wants))
                passes.append(count())
        assert passes == [1, 1]

    def test_more_subjects_than_a_statement_holds(self, tmp_path):
        source = self.source(tmp_path)
        numbers = [*range(2, 6), *range(10_000, 22_500), 1]
        wants = (*(Want(f"k{n}", "world.customer", str(n)) for n in numbers), *self.everyone("ada@example.org"))
        rows, asks = answer(source, Match("orders", wants))
        self.same(rows, self.expected(ORDERS, 0, 1, 2, 3, 5), ("number", "line"))
        assert len(asks) == 7

    def test_schema_lists_every_column(self, tmp_path):
        schema = self.source(tmp_path).schema()
        assert set(schema) == {"people", "orders"}
        assert list(schema["people"].columns) == list(PEOPLE.columns)
        assert list(schema["orders"].columns) == list(ORDERS.columns)
        known = {c: t for c, t in schema["people"].columns.items() if t is not None}
        assert known.items() <= PEOPLE.columns.items()

    def test_undeclared_columns_are_handed_on(self, tmp_path):
        rows = answer(self.source(tmp_path), Match("people", (Want("x", "world.customer", "1"),)))[0]
        assert rows[0]["secret_note"] == "a"

    def test_a_column_added_later_is_handed_on(self, tmp_path):
        narrow = Grid({"id": "integer", "customer": "integer"}, ("id",), [(1, 1)])
        source = self.source(tmp_path, {"events": narrow})
        assert answer(source, Match("events", (Want("x", "world.customer", "1"),)))[0] == [{"id": 1, "customer": 1}]
        self.take_down(tmp_path)
        self.load(tmp_path, {"events": Grid({**narrow.columns, "more": "text"}, ("id",), [(1, 1, "new")])})
        assert answer(source, Match("events", (Want("x", "world.customer", "1"),)))[0] == [{"id": 1, "customer": 1, "more": "new"}]

    def test_an_unreachable_source_raises(self, tmp_path):
        source = self.source(tmp_path)
        self.take_down(tmp_path)
        before = state(tmp_path)
        for call in (source.schema, *(lambda ask=ask: answer(source, ask) for ask in every_ask(source))):
            with pytest.raises(SourceUnreachable):
                call()
        assert state(tmp_path) == before

    def test_a_missing_table_raises(self, tmp_path):
        source = self.source(tmp_path)
        self.drop(tmp_path, "orders")
        schema = source.schema()
        assert "orders" not in schema or schema["orders"].fault
        assert "people" in schema
        assert not schema["people"].fault
        for ask in every_ask(source):
            with pytest.raises((SourceBroken, SourceUnreachable)):
                answer(source, ask)

    def test_a_missing_match_column_raises(self, tmp_path):
        self.source(tmp_path)
        source = self.open(tmp_path, match={"orders": {"customer": "client", "email": "mail"}})
        for want in (Want("x", "world.customer", "1"), Want("x", "email", "ada@example.org")):
            with pytest.raises(SourceBroken):
                answer(source, Match("orders", (want,)))

    def test_a_stream_that_breaks_raises(self, tmp_path):
        events = Grid({"id": "integer", "customer": "integer", "note": "text"}, ("id",), [(n, 1, f"note {n}") for n in range(self.many_rows)])
        source = self.source(tmp_path, {"events": events})
        self.break_off(tmp_path, "events")
        for ask in (
            Match("events", (Want("x", "world.customer", "1"),)),
            Keys("events", tuple((n,) for n in range(self.many_rows - 1_100, self.many_rows))),
        ):
            with pytest.raises(SourceBroken) as caught:
                answer(source, ask)
            assert "note" not in str(caught.value)

    def test_reading_changes_nothing(self, tmp_path):
        source = self.source(tmp_path)
        before = state(tmp_path)
        source.schema()
        for ask in every_ask(source):
            answer(source, ask)
        assert state(tmp_path) == before

    def test_others_are_counted(self, tmp_path):
        source = self.source(tmp_path)
        if not source.can.others:
            with pytest.raises(NotOffered):
                answer(source, Others("orders", "address_id", ("70",)))
            return
        found, _ = answer(source, Others("orders", "address_id", ("70", "71", "99")))
        assert sorted((kinds.normal("key", r["value"]), r["rows"]) for r in found if r["rows"]) == [("70", 3), ("71", 1)]
        found, _ = answer(source, Others("orders", "number", ("A-1", "A-4", "A'3")))
        assert sorted((r["value"], r["rows"]) for r in found) == [("A'3", 1), ("A-1", 2), ("A-4", 1)]
        assert answer(source, Others("orders", "address_id", ("no number", "99")))[0] == []

    def test_keys_are_exactly_those(self, tmp_path):
        source = self.source(tmp_path)
        rows, asks = answer(source, Keys("orders", (("A-1", 2), ("A-4", 1), ("A-4", 2), ("none", 1))))
        self.same(rows, self.expected(ORDERS, 1, 4), ("number", "line"))
        assert asks == []
        assert answer(source, Keys("orders", ()))[0] == []
        rows, _ = answer(source, Keys("people", ((3,), (5,))))
        self.same(rows, self.expected(PEOPLE, 2, 4), ("id",))

    def test_hostile_values_are_only_data(self, tmp_path):
        source = self.source(tmp_path)
        hostile = [
            "' OR '1'='1",
            INJECTION,
            "1 OR 1=1",
            "%",
            "_",
            "*",
            "?",
            "[a-z]",
            "\\",
            '"',
            "\x00",
            ":x",
            "%(x)s",
            "{}",
            "None",
            "NULL",
            "9" * 40,
            "1e9",
            "nan",
            "-0",
            "٣",
        ]
        for kind in ("email", "phone", "world.customer", "world.order"):
            assert answer(source, Match("orders", tuple(Want(str(n), kind, v) for n, v in enumerate(hostile))))[0] == []
        assert answer(source, Keys("orders", tuple((v, 1) for v in hostile)))[0] == []
        if source.can.others:
            assert answer(source, Others("orders", "address_id", tuple(hostile)))[0] == []
        rows, _ = answer(source, Match("orders", (Want("x", "world.order", "A'3"),)))
        self.same(rows, self.expected(ORDERS, 3), ("number", "line"))

    def test_hostile_names_are_only_names(self, tmp_path):
        self.source(tmp_path)
        name = 'orders"; DROP TABLE people; --'
        source = self.open(tmp_path, {name: ORDERS}, {name: {"customer": "customer"}})
        with pytest.raises((SourceBroken, SourceUnreachable)):
            answer(source, Match(name, (Want("x", "world.customer", "1"),)))
        source = self.open(tmp_path, match={"orders": {"customer": "customer) OR (1=1"}})
        with pytest.raises(SourceBroken):
            answer(source, Match("orders", (Want("x", "world.customer", "1"),)))
        assert set(source.schema()) >= {"people", "orders"}

    def test_what_it_cannot_do_is_not_offered(self, tmp_path):
        source = self.source(tmp_path)
        if not source.can.search:
            with pytest.raises(NotOffered):
                answer(source, Text("people", ("note",), ("x",)))
        if not source.can.others:
            with pytest.raises(NotOffered):
                answer(source, Others("orders", "address_id", ("70",)))

    def test_text_is_found_where_it_stands_in_any_column_and_case(self, tmp_path):
        source = self.source(tmp_path)
        if source.can.search:
            parts = list(source.read(Text("people", (), ("COUNTESS", "two, words", "nowhere"))))
            assert isinstance(parts[-1], Done)
            found = [tuple(row.values()) for part in parts if isinstance(part, Rows) for row in values.rows(part.frame)]
            assert found == [(1, "name", "COUNTESS", 5), (3, "note", "two, words", 0)]

    def test_a_period_is_never_overlooked(self, tmp_path):
        source = self.source(tmp_path)
        with pytest.raises(NotOffered):
            answer(source, Match("people", (Want("x", "world.customer", "1", since=at("2024-01-01")),)))

    def test_a_limit_is_respected(self, tmp_path):
        source = self.source(tmp_path)
        wants = tuple(Want(str(n), "world.customer", str(n)) for n in range(1, 7))
        assert len(answer(source, Match("orders", wants, limit=5))[0]) == 5
        parts = source.read(Match("orders", wants, limit=4))
        with pytest.raises(SourceBroken, match=r"world\.orders.*4.*customer"):
            next(parts)

    def test_a_misfit_of_a_declared_type_raises(self, tmp_path):
        grid = Grid({"id": "integer", "customer": "integer", "when": "text"}, ("id",), [(1, 1, "2024-01-01"), (2, 1, "yesterday, says Ada")])
        self.load(tmp_path, {"events": grid})
        declared = Grid({**grid.columns, "when": "date"}, ("id",), [])
        self.needs_types = True
        source = self.open(tmp_path, {"events": declared})
        with pytest.raises(SourceBroken, match=r"world\.events.*when.*date") as caught:
            answer(source, Match("events", (Want("x", "world.customer", "1"),)))
        assert "Ada" not in str(caught.value)
        assert answer(source, Keys("events", ((1,),)))[0][0]["when"] == date(2024, 1, 1)


def counts(source: Source) -> list[Ask]:
    """The question how many rows refer to a value, of a source that answers it."""
    return [Others("orders", "address_id", ("70",))] if source.can.others else []


def every_ask(source: Source) -> list[Ask]:
    return [
        Match("orders", (Want("x", "world.customer", "1"),)),
        Match("orders", ()),
        Keys("orders", (("A-1", 1),)),
        Keys("orders", ()),
        *counts(source),
    ]


def answer(source: Source, ask: Ask) -> tuple[list[dict], list[tuple[tuple[str, ...], str, str]]]:
    """The rows of a complete answer, and its asks as (key, ask id, column)."""
    rows: list[dict] = []
    asks = []
    done = False
    for part in source.read(ask):
        assert not done, "went on after Done"
        assert not isinstance(part, Malformed | Waiting)
        if isinstance(part, Rows):
            new = values.rows(part.frame)
            assert {a.row for a in part.asks} <= set(range(len(new)))
            assert len(set(part.asks)) == len(part.asks)
            asks += [(_key(ask, new[a.row]), a.ask_id, a.matched_on) for a in part.asks]
            rows += new
        done = isinstance(part, Done)
    assert done, "stopped without Done"
    return rows, asks


def _key(ask: Ask, row: dict) -> tuple[str, ...]:
    columns = ("number", "line") if ask.table == "orders" else ("id",)
    return tuple(str(row[c]) for c in columns)


def state(folder: Path) -> dict[str, str]:
    """What lies in a folder: every file with the hash of its content."""
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.rglob("*")) if p.is_file()}
