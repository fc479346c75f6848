from decimal import Decimal

import pytest

from connectors.lake import Lake
from dsar import datamap
from dsar.errors import SourceBroken, SourceUnreachable
from dsar.source import Keys, Match, Settings, Want
from tests.connectors.engines import OnCsv
from tests.source_suite import Grid, answer


class TestCsv(OnCsv):
    pass


class CsvWithBomAndSemicolons(OnCsv):
    encoding, delimiter, decimal = "utf-8-sig", ";", ","

    def file(self, table):
        return {**super().file(table), "decimal": ","}


class CsvInUtf16WithTabs(OnCsv):
    encoding, delimiter = "utf-16", "\t"

    def break_off(self, folder, table):
        path = self.path(folder, table)
        path.write_bytes(path.read_bytes() + "\t\t\t\n".encode("utf-16-le"))


class CsvInCp1252(OnCsv):
    """As older office programs save it; its letters go no further than western Europe."""

    encoding, delimiter = "cp1252", ";"

    def load(self, folder, tables):
        super().load(folder, {name: self.western(grid) for name, grid in tables.items()})

    def expected(self, grid, *positions):
        return super().expected(self.western(grid), *positions)

    def western(self, grid):
        def text(value):
            return value.encode("cp1252", "replace").decode("cp1252") if isinstance(value, str) else value

        return Grid(grid.columns, grid.key, [tuple(map(text, row)) for row in grid.rows])


class CsvDeclared(OnCsv):
    encoding, delimiter = "utf-8", "\t"

    def file(self, table):
        return {**super().file(table), "encoding": "utf-8", "delimiter": "\t", "path": f"${{WORKSPACE}}/{table}.csv"}


@pytest.mark.parametrize("variant", [CsvWithBomAndSemicolons, CsvInUtf16WithTabs, CsvInCp1252, CsvDeclared])
@pytest.mark.parametrize(
    "promise",
    [
        "test_every_spelling_is_found",
        "test_values_are_exact",
        "test_a_row_of_two_subjects_comes_once",
        "test_schema_lists_every_column",
        "test_a_stream_that_breaks_raises",
        "test_keys_are_exactly_those",
    ],
)
def test_every_way_a_csv_is_written(tmp_path, variant, promise):
    getattr(variant(), promise)(tmp_path)


def lake(folder, content, columns=("id", "c"), url="", types=None, **file):
    if content is not None:
        (folder / "t.csv").write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    table = {
        "label": "T", "activity": "a", "key": ["id"], "match": {"customer": "id"},
        "columns": {c: {"category": "user", "type": (types or {}).get(c)} for c in columns},
        **({} if url and not file else {"file": {"path": "t.csv", **file}}),
    }  # fmt: skip
    source = {"connector": "lake", "label": "Lake", "owner": "o", "url": url, "tables": {"t": table}}
    return Lake(Settings("lake", datamap.Source.model_validate(source), folder))


def one(source, key="1"):
    return answer(source, Match("t", (Want("x", "lake.customer", key),)))[0]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("id,c\n1,a\n", "a"),
        ("\ufeffid,c\n1,a\n", "a"),
        ('\ufeff"id","c"\n1,a\n', "a"),
        (" id , c \n1, a \n", " a "),
        ("id;c\r\n1;a,b\r\n", "a,b"),
        ("id\tc\n1\ta;b,c\n", "a;b,c"),
        ('id,c\n1,"two\nlines, ""quoted"""\n', 'two\nlines, "quoted"'),
        ("id,c\n1,\n", None),
        ('id,c\n1,""\n\n', None),
        ("id,c\n1,é\n2,€\n", "é"),
        ("id,c\n1,é\n".encode("cp1252"), "é"),
        ("id,c\n2,plain\n1,“€”\n".encode("cp1252"), "“€”"),
        ("id,c\n1,007\n", "007"),
        ("id,c\n1,=1+1\n", "=1+1"),
        ("id,c\n1,NULL\n", "NULL"),
        ("id,c\n1,a", "a"),
        ("id,c\n1," + "x" * 200_000 + "\n", "x" * 200_000),
    ],
)
def test_what_is_read(tmp_path, content, expected):
    assert one(lake(tmp_path, content)) == [{"id": "1", "c": expected}]


@pytest.mark.parametrize(
    ("content", "where"),
    [
        ("id,c\n2,b\n1,Ada,extra\n", r"line 3: 3 fields instead of 2"),
        ("id,c\n2,b\n1\n", r"line 3: 1 fields instead of 2"),
        ('id,c\n2,"two\nlines"\n1,Ada,x\n', r"line 4"),
        ('id,c\n1,"Ada\n', r"line 2: a quote"),
        ('id,c\n1,"Ada"x\n', r"line 2: a quote"),
        ("id,Ada,Ada\n1,a,b\n", r"line 1: columns 2 and 3 have the same name"),
        ("id,c,\n1,a,b\n", r"line 1: column 3 has no name"),
        ("", r"empty"),
        ("\n\n", r"empty"),
        ("id;c\n1;a,b;c\n", r"line 2"),
        (b"id,c\n1,\xe9\n2,Ada\x81\n", r"line 3: is not written in cp1252"),
        (b"id,c\n1,\xc3\xa9\n2,Ada\xe9\n", r"line 3: is not written in utf-8"),
        (b"\xef\xbb\xbfid,c\n1,Ada\xe9\n", r"line 2: is not written in utf-8"),
        (b"id,c\r1,a\r", r"line 1: a quote, a line end"),
        ("x,c\n1,Ada\n", r"t\.csv has no column id"),
    ],
)
def test_what_is_refused(tmp_path, content, where):
    source = lake(tmp_path, content)
    for ask in (Match("t", (Want("x", "lake.customer", "1"),)), Keys("t", (("1",),))):
        with pytest.raises(SourceBroken, match=where) as caught:
            answer(source, ask)
        assert str(caught.value).startswith("lake.t: t.csv")
        assert "Ada" not in str(caught.value)


def test_declared_encodings_are_strict(tmp_path):
    with pytest.raises(SourceBroken, match="is not written in utf-8"):
        one(lake(tmp_path, b"id,c\n1,\xe9\n", encoding="utf-8"))
    with pytest.raises(SourceBroken, match="is not written in klingon"):
        one(lake(tmp_path, b"id,c\n1,a\n", encoding="klingon"))


def test_decimal_commas(tmp_path):
    source = lake(tmp_path, "id;c\n1;-8,90\n2;1.234\n3;1.234,50\n", types={"c": "decimal(9,2)"}, decimal=",")
    assert one(source) == [{"id": "1", "c": Decimal("-8.90")}]
    for key in "23":  # a thousand, or one and a bit: nobody knows
        with pytest.raises(SourceBroken, match=r"column 'c' is declared decimal"):
            one(source, key)


def test_other_ending_is_refused(tmp_path):
    (tmp_path / "t.ods").write_bytes(b"x")
    with pytest.raises(SourceBroken, match=r"t\.ods.*is none of csv, xlsx, parquet and JSON lines"):
        one(lake(tmp_path, None, path="t.ods"))


def test_files_in_a_folder_are_tables(tmp_path):
    exports = tmp_path / "exports"
    exports.mkdir()
    (exports / "t.csv").write_text("id,c\n1,a\n")
    (exports / "new.csv").write_text("id,who\n")
    (exports / "read me.txt").write_text("not a table")
    (exports / "~$t.xlsx").write_bytes(b"a lock")
    source = lake(tmp_path, None, url="exports")
    assert {name: list(s.columns) for name, s in source.schema().items()} == {"t": ["id", "c"], "new": ["id", "who"]}
    assert one(source) == [{"id": "1", "c": "a"}]
    (exports / "t.csv").unlink()
    assert set(source.schema()) == {"new"}
    with pytest.raises(SourceUnreachable):
        one(source)


def test_a_mapped_file_is_listed_once_under_its_own_name(tmp_path):
    source = lake(tmp_path, "id,c\n", url=".", path="./t.csv")
    (tmp_path / "u.csv").write_text("x\n")
    assert set(source.schema()) == {"t", "u"}


def test_two_files_of_one_name_are_told_apart_by_the_map(tmp_path):
    (tmp_path / "t.tsv").write_text("id\n")
    with pytest.raises(SourceBroken, match="two files are called t"):
        lake(tmp_path, "id,c\n", url=".").schema()


def test_one_file_as_source(tmp_path):
    assert set(lake(tmp_path, "id,c\n1,a\n", url="t.csv").schema()) == {"t"}
    with pytest.raises(SourceUnreachable):
        lake(tmp_path, None, url="missing").schema()


def test_a_table_without_a_file_says_so(tmp_path):
    source = lake(tmp_path, "id,c\n")
    bare = source.settings.declared.tables["t"].model_copy(update={"file": None})
    source.settings.declared.tables["t"] = bare
    with pytest.raises(SourceBroken, match="names no file"):
        one(source)


def test_a_long_decimal_is_read_as_it_is_declared(tmp_path):
    (tmp_path / "t.csv").write_text(f"id,email,total\n1,ada@example.org,{'9' * 38}.10\n", encoding="utf-8")
    columns = {"id": {"category": "user"}, "email": {"category": "user"}, "total": {"category": "user", "type": "decimal(40,2)"}}
    table = {"label": "T", "activity": "a", "key": ["id"], "match": {"email": "email"}, "file": {"path": "t.csv"}, "columns": columns}
    declared = {"connector": "lake", "label": "S", "owner": "o", "tables": {"t": table}}
    found = Lake(Settings("world", datamap.Source.model_validate(declared), tmp_path, "GB"))
    rows = answer(found, Match("t", (Want("a", "email", "ada@example.org"),)))[0]
    assert rows == [{"id": "1", "email": "ada@example.org", "total": Decimal("9" * 38 + ".10")}]
