"""A check that was never seen failing is not a check: each promise, and a source that breaks it."""

import inspect
import sqlite3
from contextlib import closing, contextmanager
from dataclasses import replace
from decimal import Decimal

import pyarrow as pa
import pytest
import sqlalchemy as sa

from connectors import coarse, csvrows, exact, expressions, lake, parquet, reflect, sql, xlsxrows
from dsar import values
from dsar.errors import DsarError
from dsar.source import Done, Everyone, Keys, Malformed, Match, Others, Rows, Schema, Text
from tests.connectors.engines import OnCsv, OnParquet, OnSqlite, OnXlsx
from tests.source_suite import SourceSuite

PROMISES = [name for name, _ in inspect.getmembers(SourceSuite, inspect.isfunction) if name.startswith("test_")]


class Broken:
    """A good source, spoilt in one way by a subclass."""

    def __init__(self, good):
        self.good, self.can = good, good.can

    def schema(self):
        return self.good.schema()

    def read(self, ask):
        return self.parts(ask, self.good.read(ask))

    def parts(self, ask, parts):
        """Spoil the rows, and count them rightly."""
        count = 0
        for part in parts:
            if isinstance(part, Rows):
                if (changed := self.rows(ask, part)) is None:
                    continue
                count += len(changed.frame)
                yield changed
            else:
                yield replace(part, rows=count) if isinstance(part, Done) else part

    def rows(self, ask, part):
        return part


def keep(part, test):
    rows = values.rows(part.frame)
    kept = [n for n, row in enumerate(rows) if test(n, row)]
    return Rows(values.take(part.frame, kept), tuple(a._replace(row=kept.index(a.row)) for a in part.asks if a.row in kept))


def retyped(part, change):
    return Rows(values.frame({c: [change(c, v) for v in values.pylist(part.frame[c])] for c in part.frame.columns}), part.asks)


class CaseSensitive(Broken):
    def rows(self, ask, part):
        return keep(part, lambda _, row: not str(row.get("email")).startswith("A"))


class DropsTheLastRow(Broken):
    def rows(self, ask, part):
        return keep(part, lambda n, _: n < len(part.frame) - 1)


class AddsAStranger(Broken):
    def read(self, ask):
        if isinstance(ask, Match):
            yield from (p for p in self.good.read(Keys(ask.table, ((5,),) if ask.table == "people" else (("A-40", 1),))) if isinstance(p, Rows))
        yield from super().read(ask)


class RoundsDecimals(Broken):
    def rows(self, ask, part):
        return retyped(part, lambda _, v: round(v, 1) if isinstance(v, Decimal) else v)


class FloatsForDecimals(Broken):
    def rows(self, ask, part):
        return retyped(part, lambda _, v: float(v) if isinstance(v, Decimal) else v)


class FloatsForIntegers(Broken):
    def rows(self, ask, part):
        return retyped(part, lambda c, v: float(v) if c == "serial" and v is not None else v)


class FoldsEmptyIntoNull(Broken):
    def rows(self, ask, part):
        return retyped(part, lambda _, v: None if v == "" else v)


class TypesByWhatHappensToBeThere(Broken):
    def rows(self, ask, part):
        if len(part.frame) > 1:
            return part
        return retyped(part, lambda _, v: str(v) if isinstance(v, Decimal) and v == v.to_integral_value() else v)


class NoDone(Broken):
    def parts(self, ask, parts):
        return (p for p in parts if not isinstance(p, Done))


class TwoDones(Broken):
    def parts(self, ask, parts):
        for part in parts:
            yield part
            if isinstance(part, Done):
                yield part


class MiscountsByOne(Broken):
    def parts(self, ask, parts):
        return (replace(p, rows=p.rows + 1) if isinstance(p, Done) else p for p in parts)


class OneRowPerSubject(Broken):
    def rows(self, ask, part):
        asks = part.asks
        return Rows(values.take(part.frame, [a.row for a in asks]), tuple(a._replace(row=n) for n, a in enumerate(asks))) if asks else part


class OneAskPerRow(Broken):
    def rows(self, ask, part):
        return Rows(part.frame, tuple({a.row: a for a in part.asks}.values()))


class OnlyTheFirstColumn(Broken):
    def rows(self, ask, part):
        return keep(Rows(part.frame, tuple(a for a in part.asks if a.matched_on != "payee")), lambda _, row: row.get("payer") != "b@x.org")


class DropsAChunk(Broken):
    def parts(self, ask, parts):
        seen = 0
        for part in super().parts(ask, parts):
            seen += isinstance(part, Rows)
            if not (isinstance(part, Rows) and seen == 2):
                yield part


class OneQueryPerSubject(Broken):
    def read(self, ask):
        if not isinstance(ask, Match):
            yield from self.good.read(ask)
            return
        count = 0
        for want in ask.wanted:
            for part in self.good.read(Match(ask.table, (want,))):
                count += len(part.frame) if isinstance(part, Rows) else 0
                if isinstance(part, Rows):
                    yield part
        yield Done(None, count)


class FirstThousandOnly(Broken):
    def read(self, ask):
        return self.good.read(replace(ask, wanted=ask.wanted[:1000]) if isinstance(ask, Match) else ask)


class HidesWhatIsUndeclared(Broken):
    def schema(self):
        return {name: Schema({c: t for c, t in s.columns.items() if "secret" not in c}, s.key) for name, s in self.good.schema().items()}

    def rows(self, ask, part):
        return Rows(part.frame.drop(columns=["secret_note"], errors="ignore"), part.asks)


class RemembersTheColumns(Broken):
    columns = None

    def rows(self, ask, part):
        self.columns = self.columns or list(part.frame.columns)
        return Rows(part.frame[self.columns], part.asks)


class SwallowsExceptions(Broken):
    def schema(self):
        try:
            return self.good.schema()
        except DsarError:
            return {}

    def read(self, ask):
        count = 0
        try:
            for part in self.good.read(ask):
                count += len(part.frame) if isinstance(part, Rows) else 0
                yield part
        except DsarError:
            yield Done(None, count)


class WritesToTheSource(Broken):
    def read(self, ask):
        with closing(sqlite3.connect(self.good.settings.root / "world.db")) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS read_log (at TEXT)")
            connection.commit()
        return self.good.read(ask)


class CountsOnce(Broken):
    def rows(self, ask, part):
        return retyped(part, lambda c, v: 1 if c == "rows" else v) if isinstance(ask, Others) else part


class HalfTheKey(Broken):
    def read(self, ask):
        if isinstance(ask, Keys) and ask.table == "orders":
            ask = Keys("orders", tuple((number, line) for number, _ in ask.keys for line in (1, 2)))
        return self.good.read(ask)


class PastesValuesIntoSql(Broken):
    def read(self, ask):
        values_ = [w.value for w in ask.wanted] if isinstance(ask, Match) else []
        with closing(sqlite3.connect(self.good.settings.root / "world.db")) as connection:
            for value in values_:
                connection.execute(f"SELECT 1 FROM people WHERE name = '{value}'").fetchall()
        return self.good.read(ask)


class PastesNamesIntoSql(Broken):
    def read(self, ask):
        with closing(sqlite3.connect(self.good.settings.root / "world.db")) as connection:
            connection.executescript(f'SELECT 1 FROM "{ask.table}";' if ask.table == "people" else 'SELECT 1 FROM "orders"; DROP TABLE people; --"')
        return self.good.read(ask)


class SaysNothingFoundForWhatItCannot(Broken):
    def read(self, ask):
        return iter([Done(0, 0)]) if isinstance(ask, Text) else self.good.read(ask)


class AnswersWhatItSaysItCannot(Broken):
    def __init__(self, good):
        super().__init__(good)
        self.can = replace(good.can, search=False, others=False)

    def read(self, ask):
        return iter([Done(0, 0)]) if isinstance(ask, Text | Others) else self.good.read(ask)


class OverlooksThePeriod(Broken):
    def read(self, ask):
        if isinstance(ask, Match):
            ask = replace(ask, wanted=tuple(w._replace(since=None, until=None) for w in ask.wanted))
        return self.good.read(ask)


class SwallowsWhatItCannotTell(Broken):
    def parts(self, ask, parts):
        return (p for p in parts if not isinstance(p, Malformed))


class QuotesWhatItCannotTell(Broken):
    def parts(self, ask, parts):
        return (replace(p, sample=f"{p.sample}: eve@x.example, dora@x.example") if isinstance(p, Malformed) else p for p in parts)


class TakesSpellingsAsTheyStand(Broken):
    def rows(self, ask, part):
        return keep(part, lambda _, row: not str(row.get("email")).startswith("MAILTO"))


class OverlooksTheLimit(Broken):
    def read(self, ask):
        return self.good.read(replace(ask, limit=None) if isinstance(ask, Match | Everyone) else ask)


BROKEN = {
    CaseSensitive: ["test_every_spelling_is_found"],
    DropsTheLastRow: ["test_values_are_exact", "test_a_row_of_two_subjects_comes_once", "test_keys_are_exactly_those"],
    AddsAStranger: ["test_nothing_nobody_asked_for", "test_values_do_not_depend_on_their_neighbours"],
    RoundsDecimals: ["test_values_are_exact"],
    FloatsForDecimals: ["test_values_are_exact"],
    FloatsForIntegers: ["test_values_are_exact", "test_values_do_not_depend_on_their_neighbours"],
    FoldsEmptyIntoNull: ["test_values_are_exact"],
    TypesByWhatHappensToBeThere: ["test_values_do_not_depend_on_their_neighbours"],
    NoDone: ["test_one_done_with_the_right_count", "test_nothing_nobody_asked_for"],
    TwoDones: ["test_one_done_with_the_right_count"],
    MiscountsByOne: ["test_one_done_with_the_right_count"],
    OneRowPerSubject: ["test_a_row_of_two_subjects_comes_once"],
    OneAskPerRow: ["test_a_row_of_two_subjects_comes_once"],
    OnlyTheFirstColumn: ["test_two_columns_of_one_kind_both_count"],
    DropsAChunk: ["test_more_rows_than_a_chunk_all_arrive"],
    OneQueryPerSubject: ["test_many_subjects_are_read_in_one_pass"],
    FirstThousandOnly: ["test_more_subjects_than_a_statement_holds"],
    HidesWhatIsUndeclared: ["test_schema_lists_every_column", "test_undeclared_columns_are_handed_on"],
    RemembersTheColumns: ["test_a_column_added_later_is_handed_on"],
    SwallowsExceptions: [
        "test_an_unreachable_source_raises",
        "test_a_missing_table_raises",
        "test_a_missing_match_column_raises",
        "test_a_stream_that_breaks_raises",
        "test_a_misfit_of_a_declared_type_raises",
        "test_hostile_names_are_only_names",
    ],
    WritesToTheSource: ["test_reading_changes_nothing"],
    CountsOnce: ["test_others_are_counted"],
    HalfTheKey: ["test_keys_are_exactly_those"],
    PastesValuesIntoSql: ["test_hostile_values_are_only_data"],
    PastesNamesIntoSql: ["test_hostile_names_are_only_names"],
    AnswersWhatItSaysItCannot: ["test_what_it_cannot_do_is_not_offered"],
    SaysNothingFoundForWhatItCannot: ["test_text_is_found_where_it_stands_in_any_column_and_case"],
    OverlooksThePeriod: ["test_a_period_is_never_overlooked"],
    OverlooksTheLimit: ["test_a_limit_is_respected", "test_everyone_is_handed_over_and_a_limit_is_kept"],
    SwallowsWhatItCannotTell: ["test_a_cell_that_holds_two_identifiers_is_told"],
    QuotesWhatItCannotTell: ["test_a_cell_that_holds_two_identifiers_is_told"],
    TakesSpellingsAsTheyStand: ["test_odd_spellings_are_found"],
}

FAILURE = (Exception, pytest.fail.Exception)


@pytest.mark.parametrize(("broken", "promise"), [(b, p) for b, promises in BROKEN.items() for p in promises], ids=lambda v: getattr(v, "__name__", v))
def test_a_broken_source_is_caught(tmp_path, broken, promise):
    class Suite(OnSqlite):
        def connect(self, settings):
            return broken(super().connect(settings))

    with pytest.raises(FAILURE):
        getattr(Suite(), promise)(tmp_path)


def test_every_promise_has_a_source_that_breaks_it():
    assert {promise for promises in BROKEN.values() for promise in promises} == set(PROMISES)


@pytest.mark.parametrize("promise", PROMISES)
def test_the_wrapper_itself_breaks_nothing(tmp_path, promise):
    class Suite(OnSqlite):
        def connect(self, settings):
            return Broken(super().connect(settings))

    getattr(Suite(), promise)(tmp_path)


# -- our own code, with a row, a chunk or an exception dropped -----------------------------------------


def but_the_last(found):
    """An iterator that loses its last item, as an off-by-one would."""

    def lossy(*args, **kwargs):
        items = list(found(*args, **kwargs))
        yield from items[:-1] if len(items) > 1 else items

    return lossy


def quiet(found):
    """An iterator that takes an error for its end."""

    def silent(*args, **kwargs):
        try:
            yield from found(*args, **kwargs)
        except Exception:  # noqa: BLE001 - the fault itself
            return

    return silent


def without_the_last_row(rows):
    def lossy(self, chunk):
        found = rows(self, chunk)
        return found and keep(found, lambda n, _: n < len(found.frame) - 1)

    return lossy


@contextmanager
def unguarded(self, what):
    try:
        engine = self._engine()
        with engine.connect() as connection:
            yield connection
    except Exception:  # noqa: BLE001 - the fault itself: a source that is down has nothing to say
        yield sa.create_engine("sqlite://").connect()


def unlimited(found, *_):
    yield from found


def first_part_only(self, size):
    yield replace(self, part=range(min(size, len(self.asked))))


MUTATIONS = [
    (OnSqlite, "test_values_are_exact", exact.Wanted, "rows", without_the_last_row(exact.Wanted.rows)),
    (OnSqlite, "test_keys_are_exactly_those", exact.KeySet, "rows", without_the_last_row(exact.KeySet.rows)),
    (OnSqlite, "test_more_rows_than_a_chunk_all_arrive", sql.Answer, "_chunks", but_the_last(sql.Answer._chunks)),
    (OnSqlite, "test_a_stream_that_breaks_raises", sql.Answer, "_chunks", quiet(sql.Answer._chunks)),
    (OnSqlite, "test_an_unreachable_source_raises", sql.Sql, "_connection", unguarded),
    (OnSqlite, "test_more_subjects_than_a_statement_holds", exact.Wanted, "split", first_part_only),
    (OnSqlite, "test_many_subjects_are_read_in_one_pass", sql, "IN_LIST", 100),
    (OnSqlite, "test_a_limit_is_respected", exact, "limited", unlimited),
    (OnSqlite, "test_odd_spellings_are_found", coarse, "_holds", lambda *_: sa.false()),
    (OnSqlite, "test_a_cell_that_holds_two_identifiers_is_told", exact, "unclear", lambda _: iter(())),
    (OnSqlite, "test_a_cell_that_holds_two_identifiers_is_told", exact, "_among", lambda *_: lambda _: False),
    (OnSqlite, "test_a_cell_that_holds_two_identifiers_is_told", coarse, "PHONE_DIGITS", 99),
    (OnSqlite, "test_a_cell_that_holds_two_identifiers_is_told", coarse, "EMAIL_UNUSUAL", "[^!-~]"),
    (OnCsv, "test_a_cell_that_holds_two_identifiers_is_told", exact, "unclear", lambda _: iter(())),
    (OnCsv, "test_a_cell_that_holds_two_identifiers_is_told", exact, "PHONE_DIGITS", 99),
    (OnParquet, "test_a_cell_that_holds_two_identifiers_is_told", expressions, "PHONE_DIGITS", 99),
    (OnSqlite, "test_odd_spellings_are_found", coarse, "plain_keys", exact.plain),
    (OnParquet, "test_odd_spellings_are_found", expressions, "plain_keys", exact.plain),
    (OnSqlite, "test_values_are_exact", reflect, "as_reflected", lambda _, found: values.infer(found)),
    (OnCsv, "test_more_rows_than_a_chunk_all_arrive", exact, "batches", but_the_last(exact.batches)),
    (OnCsv, "test_values_are_exact", csvrows, "_records", but_the_last(csvrows._records)),
    (OnCsv, "test_a_stream_that_breaks_raises", lake, "csv_rows", quiet(csvrows.csv_rows)),
    (OnCsv, "test_an_unreachable_source_raises", lake, "csv_rows", lambda *_: iter([["number", "line", "customer", "address_id"]])),
    (OnXlsx, "test_values_are_exact", lake, "xlsx_rows", but_the_last(xlsxrows.xlsx_rows)),
    (OnParquet, "test_more_rows_than_a_chunk_all_arrive", parquet, "_at", but_the_last(parquet._at)),
    (OnParquet, "test_a_stream_that_breaks_raises", parquet, "_at", quiet(parquet._at)),
    (OnParquet, "test_every_spelling_is_found", expressions, "_TEXT", {**expressions._TEXT, "email": lambda column, forms: column.isin(forms)}),
]


@pytest.mark.parametrize(
    ("engine", "promise", "where", "name", "worse"), MUTATIONS, ids=lambda v: v if isinstance(v, str) else getattr(v, "__name__", "")
)
def test_our_own_code_is_caught(tmp_path, monkeypatch, engine, promise, where, name, worse):
    monkeypatch.setattr(where, name, worse)
    with pytest.raises(FAILURE):
        getattr(engine(), promise)(tmp_path)


def test_values_stay_arrow():
    """`retyped` above really changes types: what it makes is not folded back."""
    part = Rows(values.frame({"serial": [1, 2]}))
    changed = FloatsForIntegers(type("Good", (), {"can": None})()).rows(None, part)
    assert values.to_arrow(changed.frame).schema.field("serial").type == pa.float64()
