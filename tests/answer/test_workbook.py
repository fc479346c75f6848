# ruff: noqa: DTZ001 - times without a zone are among what is tested
import hashlib
import re
import zipfile
from datetime import UTC, date, datetime
from decimal import Decimal

import openpyxl
import pytest

from dsar import files, values
from dsar.answer import workbook
from dsar.answer.workbook import Facts, Grid, Heading, Page, Paragraph, Progress, Table, Worklist
from dsar.errors import UnsafeWorkbook
from tests.answer.frames import NASTY
from tests.answer.reading import grid, write


def test_headers_tell_the_zone(tmp_path):
    noon = datetime(2024, 7, 1, 12)
    frame = values.frame(
        {
            "a": [noon.replace(tzinfo=UTC)],
            "b": [noon],
            "c": [noon.replace(hour=0)],
            "d": [noon.replace(microsecond=5000)],
            "e": [noon.replace(microsecond=5)],
        }
    )
    path, *_ = write(tmp_path / "t.xlsx", Table("T", frame, {"a": "Placed at", "b": "Shipped at", "c": "Invoiced on"}, numbered=False))
    header, row = grid(path, "T")
    zoneless = " (time zone not recorded)"
    assert header == ["Placed at (Europe/London)", f"Shipped at{zoneless}", "Invoiced on", f"d{zoneless}", f"e{zoneless}"]
    assert row == [datetime(2024, 7, 1, 13), noon, datetime(2024, 7, 1), datetime(2024, 7, 1, 12, 0, 0, 5000), "2024-07-01 12:00:00.000005"]
    formats = [c.number_format for c in openpyxl.load_workbook(path)["T"][4]]
    assert formats == ["yyyy-mm-dd hh:mm:ss", "yyyy-mm-dd hh:mm:ss", "yyyy-mm-dd", "yyyy-mm-dd hh:mm:ss.000", "General"]


def test_codes_masks_and_numbers(tmp_path):
    frame = values.frame(
        {
            "status": ["3", "9", None],
            "other": ["A. Stranger", None, ""],
            "total": [Decimal("40.62"), Decimal("5.00"), None],
            "n": [1.5, 1e300, float("nan")],
        }
    )
    table = Table("T", frame, {"status": "Status"}, codes={"status": {"3": "cancelled"}}, masked={"other": "left out"}, intro=("One.", "Two."))
    path, *_ = write(tmp_path / "t.xlsx", table)
    nothing = "not recorded"
    assert grid(path, "T")[1:] == [
        [1, "cancelled (3)", "left out", 40.62, 1.5],
        [2, "9", nothing, 5, "1e+300"],
        [3, nothing, "left out", nothing, "nan"],
    ]
    sheet = openpyxl.load_workbook(path)["T"]
    assert [sheet["A1"].value, sheet["A2"].value, sheet["A3"].value] == ["T", "One.", "Two."]
    assert [sheet["D6"].number_format, sheet["D6"].alignment.horizontal] == ["0.00", "right"]
    assert "A. Stranger" not in "".join(zipfile.ZipFile(path).read(n).decode() for n in zipfile.ZipFile(path).namelist())


def test_a_table_is_ready_to_read_and_print(tmp_path):
    path, *_ = write(tmp_path / "t.xlsx", Table("Orders", values.frame({"a": ["x"], "b": [1]}), {}, intro=("One.",)))
    sheet = openpyxl.load_workbook(path)["Orders"]
    assert [sheet.freeze_panes, sheet.print_title_rows, sheet.auto_filter.ref] == ["B5", "$4:$4", "A4:C5"]
    assert [sheet.page_setup.orientation, sheet.page_setup.paperSize, sheet.page_setup.fitToWidth] == ["landscape", 9, 1]
    assert [sheet.oddFooter.left.text, sheet.oddFooter.right.text] == ["&A", "Page &P of &N"]


def test_a_page_that_ends_with_a_table_repeats_its_header_in_print(tmp_path):
    words, codes = Grid(("Word", "Meaning"), (("a", "b"),)), Grid(("Code", "Meaning"), (("1", "one"),))
    ends = Page("Ends", (Heading("Words"), words, Heading("Codes"), codes))
    path, *_ = write(tmp_path / "p.xlsx", ends, Page("Goes on", (words, Paragraph("More."))))
    book = openpyxl.load_workbook(path)
    (row,) = [cell.row for cell in book["Ends"]["A"] if cell.value == "Code"]
    assert [sheet.print_title_rows for sheet in book] == [f"${row}:${row}", None]


def test_rows_beyond_a_sheet_continue_in_the_next(tmp_path, monkeypatch):
    monkeypatch.setattr(workbook, "ROWS", 9)
    path, *_ = write(tmp_path / "t.xlsx", Table("Orders", values.frame({"a": list(range(10))}), {}), Table("Empty", values.frame({"a": []}), {}))
    book = openpyxl.load_workbook(path)
    assert book.sheetnames == ["Orders", "Orders (2)", "Orders (3)", "Empty"]
    assert [row for name in book.sheetnames[:3] for row in grid(path, name)[1:]] == [[n + 1, n] for n in range(10)]
    assert book["Orders (2)"]["A2"].value == "Rows 5 to 8 of 10; the others are on: Orders, Orders (3)."
    assert grid(path, "Empty")[1][0] == "There are no rows."


def test_sheet_names_are_legal_and_unique():
    titles = ["Orders", "orders", "History", "a/b:c", "'quoted'", "", "x" * 40, "X" * 40, "👩" * 20, "tab\tname", "_x0041_"]
    names = workbook.sheet_names(titles)
    assert names[:6] == ["Orders", "orders (2)", "History (2)", "a b c", "quoted", "Sheet"]
    assert names[7] == "X" * 27 + " (2)"
    assert len({n.casefold() for n in names}) == len(titles)
    assert all(0 < len(n.encode("utf-16-le")) <= 62 and not re.search(r"[\[\]:*?/\\\x00-\x1f]", n) for n in names)


def worklist_sheets():
    steps = (("S-1", "Orders", None, "To do", None), ("S-2", "=1+1", date(2026, 12, 1), "Done", "0044"))
    choices = ("To do", "Done", 'Not "found"'.replace('"', ""))
    return (
        Page("Cover", (Facts({"Owner": "Order system", "Due": date(2026, 12, 1)}), Progress("Steps", "Status", choices))),
        Worklist("Steps", ("Step ID", "Record", "Due", "Status", "Remark"), steps, {"Status": choices}, ("Status", "Remark")),
    )


def test_a_worklist_has_drop_downs_and_counts(tmp_path):
    path, *_ = write(tmp_path / "w.xlsx", *worklist_sheets())
    book = openpyxl.load_workbook(path)
    assert [[c.value for c in row] for row in book["Steps"]["A4:E6"]] == [
        ["Step ID", "Record", "Due", "Status", "Remark"],
        ["S-1", "Orders", None, "To do", None],
        ["S-2", "=1+1", datetime(2026, 12, 1), "Done", "0044"],
    ]
    rule = book["Steps"].data_validations.dataValidation[0]
    assert [str(rule.sqref), rule.formula1, rule.type, rule.showErrorMessage] == ["D5:D6", '"To do,Done,Not found"', "list", True]
    formulas = [c.value for row in book["Cover"].iter_rows() for c in row if c.data_type == "f"]
    assert formulas == [f"=COUNTIF('Steps'!$D$5:$D$6,\"{word}\")" for word in ("To do", "Done", "Not found")]


def test_a_drop_down_that_cannot_hold_its_words_takes_them_from_a_sheet_in_sight(tmp_path):
    words = tuple(f"word {n}, of many" for n in range(40))
    path, *_ = write(tmp_path / "v.xlsx", Worklist("W", ("A",), (("x",),), {"A": words}))
    book = openpyxl.load_workbook(path)
    assert book.sheetnames == ["W", "Words to choose from"]
    (rule,) = book["W"].data_validations.dataValidation
    assert (str(rule.sqref), rule.formula1) == ("A5", "'Words to choose from'!$A$5:$A$44")
    assert tuple(c.value for (c,) in book["Words to choose from"]["A5:A44"]) == words
    assert book["Words to choose from"].sheet_state == "visible"


def test_a_page_holds_its_words(tmp_path):
    blocks = (Heading("Summary"), Paragraph("lone \ud800 surrogate\nand a second line"), Grid(("What", "Rows"), (("Orders", 7), ("=1+1", None))))
    path, *_ = write(tmp_path / "p.xlsx", Page("Read me first", blocks))
    cells = [c.value for row in openpyxl.load_workbook(path)["Read me first"].iter_rows() for c in row if c.value is not None]
    assert cells == ["Read me first", "Summary", "lone ‹U+D800› surrogate\nand a second line", "What", "Rows", "Orders", 7, "=1+1", "–"]


def test_same_input_same_bytes_and_old_attachments_go(tmp_path):
    frame = values.frame({"a": NASTY, "b": [b"\x00\xff"] * len(NASTY)})
    sheets = (Table("T", frame, {}), *worklist_sheets())
    first = write(tmp_path / "t.xlsx", *sheets)
    before = {p.name: p.read_bytes() for p in first}
    assert {p.name: p.read_bytes() for p in write(tmp_path / "t.xlsx", *sheets)} == before
    texts = [f"out_text-{n:03}.txt" for n in (1, 2, 3)]
    assert [p.name for p in first] == ["t.xlsx", *texts, "out_file-001.bin"]  # what is the same lies in one file
    (tmp_path / "out_notes.txt").write_text("mine")
    assert write(tmp_path / "t.xlsx", worklist_sheets()[1]) == [tmp_path / "t.xlsx"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out_notes.txt", "t.xlsx"]
    assert (tmp_path / "t.xlsx").stat().st_mode & 0o777 == 0o600


def test_the_file_says_nothing_but_the_controller(tmp_path):
    path, *_ = write(tmp_path / "t.xlsx", Page("P", ()))
    with zipfile.ZipFile(path) as archive:
        assert {e.date_time for e in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        told = archive.read("docProps/core.xml").decode() + archive.read("docProps/app.xml").decode()
    assert re.findall(r">([^<>\n]+)<", told) == ["Northwind &amp; Sons"]


@pytest.mark.parametrize("fails", [UnsafeWorkbook("no"), KeyboardInterrupt()])
def test_a_failed_check_leaves_everything_as_it_was(tmp_path, monkeypatch, fails):
    def refuse(*_, **__):
        raise fails

    (tmp_path / "t.xlsx").write_text("old")
    monkeypatch.setattr(workbook, "check_workbook", refuse)
    with pytest.raises(type(fails)):
        write(tmp_path / "t.xlsx", Table("T", values.frame({"a": ["x" * 40_000]}), {}))
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == {"t.xlsx": "old"}


def test_files_are_whole_and_private(tmp_path, monkeypatch):
    target = files.private_dir(tmp_path / "a" / "b") / "x.txt"
    files.write_atomic(target, "ä\r\n")
    assert [target.read_bytes(), target.stat().st_mode & 0o777, target.parent.stat().st_mode & 0o777] == ["ä\r\n".encode(), 0o600, 0o700]
    assert files.sha256(target) == hashlib.sha256("ä\r\n".encode()).hexdigest()

    def stop(*_):
        raise OSError("the disk is full")

    monkeypatch.setattr(files.os, "fsync", stop)
    with pytest.raises(OSError, match="full"):
        files.write_atomic(target, b"new")
    assert {p.name: p.read_bytes() for p in target.parent.iterdir()} == {"x.txt": "ä\r\n".encode()}
