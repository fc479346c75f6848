import re
import zipfile
from datetime import datetime, time
from decimal import Decimal

import openpyxl
import pytest

from connectors import xlsxrows
from connectors.lake import Lake
from dsar import datamap
from dsar.errors import SourceBroken
from dsar.source import Match, Settings, Want
from tests.connectors.engines import OnXlsx
from tests.source_suite import answer


class TestXlsx(OnXlsx):
    pass


def book(folder, *rows, title="Sheet", more=()):
    workbook = openpyxl.Workbook()
    workbook.active.title = title
    for row in rows:
        workbook.active.append(row)
    for name in more:
        workbook.create_sheet(name).append(["id", name])
    workbook.save(folder / "t.xlsx")
    return workbook


def lake(folder, types=None, url="", **file):
    table = {
        "label": "T", "activity": "a", "key": ["id"], "match": {"customer": "id"},
        "columns": {"id": {"category": "user"}, **{c: {"category": "user", "type": t} for c, t in (types or {}).items()}},
        "file": {"path": "t.xlsx", **file},
    }  # fmt: skip
    source = {"connector": "lake", "label": "Lake", "owner": "o", "url": url, "tables": {"t": table}}
    return Lake(Settings("lake", datamap.Source.model_validate(source), folder))


def one(source, key="1"):
    return answer(source, Match("t", (Want("x", "lake.customer", key),)))[0]


def edit(folder, part, old, new):
    path = folder / "t.xlsx"
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    assert old in content[part]
    content[part] = content[part].replace(old, new)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            archive.writestr(name, data)


def test_cells_arrive_as_they_are(tmp_path):
    moment = datetime(2024, 5, 6, 7, 8, 9)  # noqa: DTZ001 - a workbook knows no zones
    book(tmp_path, ["id", "n", "f", "d", "b", "t", "at"], [1, 7, 0.1, moment, True, "007", time(1, 2, 3)])
    assert one(lake(tmp_path)) == [{"id": 1, "n": 7, "f": 0.1, "d": moment, "b": True, "t": "007", "at": time(1, 2, 3)}]


def test_a_number_is_a_decimal_where_the_map_says_so(tmp_path):
    book(tmp_path, ["id", "total"], [1, 8.9], [2, 3])
    assert one(lake(tmp_path, {"total": "decimal(9,2)"})) == [{"id": 1, "total": Decimal("8.90")}]
    assert one(lake(tmp_path, {"total": "decimal(9,2)"}), "2") == [{"id": 2, "total": Decimal("3.00")}]


def test_the_sheet_named_or_the_first(tmp_path):
    book(tmp_path, ["id", "c"], [1, "first"], more=["Other"])
    assert one(lake(tmp_path)) == [{"id": 1, "c": "first"}]
    assert one(lake(tmp_path, sheet="Other")) == []
    with pytest.raises(SourceBroken, match="no such sheet"):
        one(lake(tmp_path, sheet="Missing"))


def test_sheets_that_are_not_mapped_are_listed(tmp_path):
    book(tmp_path, ["id", "c"], [1, "a"], title="People", more=["Other"])
    listed = {name: list(s.columns) for name, s in lake(tmp_path).schema().items()}
    assert listed == {"t": ["id", "c"], "t.Other": ["id", "Other"]}
    assert set(lake(tmp_path, url="t.xlsx").schema()) == {"t", "Other"}
    assert set(lake(tmp_path, url=".", sheet="Other").schema()) == {"t", "t.People"}


def test_what_nobody_mapped_and_nobody_can_read_stops_nothing(tmp_path):
    workbook = book(tmp_path, ["id", "c"], [1, "a"], title="People")
    workbook.create_sheet("Empty")
    workbook.create_sheet("Notes").append(["a title", None, "over nothing"])
    workbook.save(tmp_path / "t.xlsx")
    assert {name: list(s.columns) for name, s in lake(tmp_path, sheet="People").schema().items()} == {"t": ["id", "c"], "t.Notes": []}
    assert "is empty" in lake(tmp_path, sheet="Empty").schema()["t"].fault


def test_a_wrong_dimension_hides_no_row(tmp_path):
    book(tmp_path, ["id", "c"], [1, "a"], [2, "b"])
    edit(tmp_path, "xl/worksheets/sheet1.xml", b'<dimension ref="A1:B3"', b'<dimension ref="A1:A2"')
    assert one(lake(tmp_path), "2") == [{"id": 2, "c": "b"}]


def test_a_formula_counts_by_its_result(tmp_path):
    book(tmp_path, ["id", "c", "e"], [1, "=1+1", '=""'])
    # openpyxl writes the empty result in one of two ways, by whether lxml is there.
    with zipfile.ZipFile(tmp_path / "t.xlsx") as written:
        empty = re.search(rb"<f>1\+1</f>(<v ?/>|<v></v>)", written.read("xl/worksheets/sheet1.xml"))[0]
    edit(tmp_path, "xl/worksheets/sheet1.xml", empty, b"<f>1+1</f><v>2</v>")
    edit(tmp_path, "xl/worksheets/sheet1.xml", b'<c r="C2">', b'<c r="C2" t="str">')
    assert one(lake(tmp_path)) == [{"id": 1, "c": 2, "e": None}]


def test_a_formula_without_a_result_is_no_empty_cell(tmp_path):
    book(tmp_path, ["id", "c"], [1, "a"], [2, "=1+1"])
    with pytest.raises(SourceBroken, match=r"t\.xlsx, line 3: a formula has no stored result"):
        one(lake(tmp_path))


def test_a_date_that_is_none_is_not_replaced(tmp_path):
    workbook = book(tmp_path, ["id", "d"], [1, 10**12])
    workbook.active["B2"].number_format = "yyyy-mm-dd"
    workbook.save(tmp_path / "t.xlsx")
    with pytest.raises(SourceBroken):
        one(lake(tmp_path))


def test_gaps_and_formatted_emptiness(tmp_path):
    book(tmp_path, ["id", "c", None], [], [1, None, None], [None, None], [2, "b"])
    assert one(lake(tmp_path)) == [{"id": 1, "c": None}]
    assert one(lake(tmp_path), "2") == [{"id": 2, "c": "b"}]


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        ([["id", "c"], [1, "a", "Ada"]], "line 2: 3 fields instead of 2"),
        ([["id", None, "c"], [1, "a", "Ada"]], "line 1: column 2 has no name"),
        ([["id", "c", " c"], [1, "a", "Ada"]], "line 1: columns 2 and 3 have the same name"),
        ([], "is empty"),
    ],
)
def test_what_is_refused(tmp_path, rows, fault):
    book(tmp_path, *rows)
    with pytest.raises(SourceBroken, match=fault) as caught:
        one(lake(tmp_path))
    assert "Ada" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"id,c\n1,Ada\n", b"PK\x03\x04 broken"])
def test_what_is_no_workbook(tmp_path, content):
    (tmp_path / "t.xlsx").write_bytes(content)
    for call in (lake(tmp_path).schema, lambda: one(lake(tmp_path))):
        with pytest.raises(SourceBroken, match=r"lake\.t: t\.xlsx is damaged"):
            call()


def test_a_formula_is_seen_across_blocks(tmp_path):
    path = tmp_path / "t.xlsx"
    for pad in range(2**20 - 4, 2**20 + 2):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("xl/worksheets/sheet1.xml", b" " * pad + b"<f>1</f>")
        assert xlsxrows._has_formulas(path)
