import re
import zipfile
from datetime import date

import openpyxl
import pytest
from openpyxl.comments import Comment
from openpyxl.workbook.defined_name import DefinedName

from dsar import values
from dsar.answer import check
from dsar.answer.workbook import Page, Progress, Table, Worklist, check_workbook, write
from dsar.errors import UnsafeWorkbook


@pytest.fixture
def good(tmp_path):
    """A sound workbook with a table, a page that counts and a worklist; and its formula."""
    steps = Worklist("Steps", ("ID", "Status"), (("S-1", "To do"),), {"Status": ("To do", "Done")}, ("Status",))
    sheets = [
        Table("T", values.frame({"a": ["A. Person"], "b": [date(2024, 1, 1)]}), {}),
        Page("P", (Progress("Steps", "Status", ("Done",)),)),
        steps,
    ]
    write(tmp_path / "good.xlsx", sheets, controller="Northwind", zone=None, attachments_prefix="good")
    return tmp_path / "good.xlsx", ["=COUNTIF('Steps'!$B$5:$B$5,\"Done\")"]


def changed(path, part, old, new, *, comment=b""):
    """The workbook with one replacement in the raw text of a part, or with a further part."""
    target = path.with_name("planted.xlsx")
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(target, "w") as out:
        out.comment = comment
        for name in source.namelist():
            text = source.read(name).decode()
            if name == part and old:
                assert re.search(old, text), "nothing was planted"
                text = re.sub(old, new, text, count=1)
            out.writestr(name, text)
        if part not in source.namelist():
            out.writestr(part, new)
    return target


def faults(path, formulas=(), **kwargs):
    with pytest.raises(UnsafeWorkbook) as caught:
        check_workbook(path, formulas, **kwargs)
    assert "A. Person" not in str(caught.value)
    return caught.value.what


SHEET, BOOK, STYLES = "xl/worksheets/sheet1.xml", "xl/workbook.xml", "xl/styles.xml"
RAW = {
    "formula": (SHEET, r'<c r="B4".*?</c>', '<c r="B4"><f>1+1</f></c>', "B4 holds a formula"),
    "formula in a cell that looks plain": (SHEET, r"(<c r=\"C4\"[^>]*>)(<v>)", r"\1<f>1+1</f>\2", "C4 holds a formula"),
    "rich text": (SHEET, r"<is><t xml:space=\"preserve\">(A. Person)</t>", r"<is><r><t>\1</t></r>", "holds the element 'r'"),
    "array formula": ("xl/worksheets/sheet2.xml", "<f>", '<f t="array" ref="A1:A2">', "holds a formula"),
    "hidden row": (SHEET, '<row r="4"', '<row hidden="1" r="4"', "row is hidden"),
    "row without height": (SHEET, '<row r="4"', '<row ht="0" r="4"', "row is hidden"),
    "hidden column": (SHEET, '<col width="[0-9.]+"', '<col hidden="true" width="9"', "col is hidden"),
    "column without width": (SHEET, '<col width="[0-9.]+"', '<col width="0"', "col is hidden"),
    "all rows hidden": (SHEET, "<sheetFormatPr", '<sheetFormatPr zeroHeight="1"', "hides all rows"),
    "hidden sheet": (BOOK, 'state="visible"', 'state="hidden"', "is hidden"),
    "very hidden sheet": (BOOK, 'state="visible"', 'state="veryHidden"', "is hidden"),
    "hidden window": (BOOK, 'visibility="visible"', 'visibility="hidden"', "is hidden"),
    "filtered rows": (SHEET, "<autoFilter([^/]*)/>", r'<autoFilter\1><filterColumn colId="0"/></autoFilter>', "filterColumn"),
    "hyperlink": (SHEET, "<pageMargins", '<hyperlinks><hyperlink ref="A1" location="T!A1"/></hyperlinks><pageMargins', "hyperlink"),
    "extension": (SHEET, "</worksheet>", "<extLst/></worksheet>", "extLst"),
    "error value": (SHEET, r'<c r="A4" s="\d+"', '<c r="A4" t="e"', "A4 c is neither text nor number"),
    "drop-down from elsewhere": ("xl/worksheets/sheet3.xml", "<formula1>.*</formula1>", "<formula1>T!A1:A9</formula1>", "drop-down"),
    "another header": (SHEET, "<oddHeader ?/>|<oddHeader></oddHeader>", "<oddHeader>A. Person</oddHeader>", "header or footer"),
    "defined name": (BOOK, "</definedNames>", '<definedName name="x">T!$A$1</definedName></definedNames>', "not one of the filter"),
    "hidden print name": (BOOK, 'name="_xlnm.Print_Titles"', 'hidden="1" name="_xlnm.Print_Titles"', "is hidden"),
    "name that leads outside": (BOOK, r"'T'!\$A\$3:\$C\$4", "'[other.xlsx]T'!$A$1", "leads outside"),
    "absolute path": (BOOK, "<bookViews>", '<x:absPath xmlns:x="urn:x" url="C:/Users/someone"/><bookViews>', "absPath"),
    "last author": ("docProps/core.xml", "</cp:core", "<cp:lastModifiedBy>A. Person</cp:lastModifiedBy></cp:core", "lastModifiedBy"),
    "program": ("docProps/app.xml", "/>$", "><Application>X</Application></Properties>", "Application"),
    "custom property": ("docProps/custom.xml", "", "<Properties/>", "docProps/custom.xml"),
    "macro": ("xl/vbaProject.bin", "", "x", "xl/vbaProject.bin"),
    "external link": ("xl/externalLinks/externalLink1.xml", "", "<x/>", "externalLink1"),
    "outside target": ("xl/_rels/workbook.xml.rels", "<Relationship ", '<Relationship TargetMode="External" ', "leads outside"),
    "invisible format": (STYLES, 'formatCode="[^"]*"', 'formatCode=";;;"', "hides what is in the cell"),
    "remark in a picture": ("xl/media/image1.png", "", "x", "image1.png"),
}


@pytest.mark.parametrize("planted", RAW)
def test_what_is_planted_in_the_file_is_found(good, planted):
    path, formulas = good
    part, old, new, told = RAW[planted]
    assert told in faults(changed(path, part, old, new), formulas)


PLANTED = {
    "formula": (lambda b: b["T"].__setitem__("A9", "=1+1"), "formula"),
    "hyperlink": (lambda b: setattr(b["T"]["A4"], "hyperlink", "https://example.org"), "hyperlink"),
    "comment": (lambda b: setattr(b["T"]["A4"], "comment", Comment("x", "y")), "comments"),
    "hidden sheet": (lambda b: setattr(b["T"], "sheet_state", "hidden"), "hidden"),
    "hidden row": (lambda b: setattr(b["T"].row_dimensions[4], "hidden", True), "row is hidden"),
    "hidden column": (lambda b: setattr(b["T"].column_dimensions["B"], "hidden", True), "col is hidden"),
    "defined name": (lambda b: b.defined_names.add(DefinedName("x", attr_text="T!$A$1")), "definedName"),
    "title": (lambda b: setattr(b.properties, "title", "x"), "title"),
}


@pytest.mark.parametrize("planted", PLANTED)
def test_what_openpyxl_would_write_is_found(good, planted):
    path, formulas = good
    book = openpyxl.load_workbook(path)
    plant, told = PLANTED[planted]
    plant(book)
    book.save(path)
    faults(path, formulas)
    with zipfile.ZipFile(path) as archive:
        assert any(told in fault for fault in check._faults(archive, formulas, None))


def test_a_sound_workbook_passes_and_only_its_own_formulas_do(good):
    path, formulas = good
    check_workbook(path, formulas, controller="Northwind")
    assert "holds a formula" in faults(path)
    assert "another creator" in faults(path, formulas, controller="Somebody")
    assert "remarks" in faults(changed(path, BOOK, "", "", comment=b"x"), formulas)


def test_what_is_no_workbook_does_not_pass(tmp_path, good):
    for content in (b"", b"PK", good[0].read_bytes()[:-200]):
        (tmp_path / "bad.xlsx").write_bytes(content)
        assert "does not open" in faults(tmp_path / "bad.xlsx")
    assert "does not open" in faults(tmp_path / "missing.xlsx")
    assert "does not open" in faults(changed(good[0], SHEET, "</worksheet>", ""), good[1])
    for text in ("A. &Person", "A. &nbsp;", "A. \x07", "A. \uffff"):
        assert "does not open" in faults(changed(good[0], SHEET, "A. Person", text), good[1])


def test_text_that_is_not_utf8_does_not_pass(good):
    path, formulas = good
    target = path.with_name("planted.xlsx")
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(target, "w") as out:
        for name in source.namelist():
            out.writestr(name, source.read(name).replace(b"A. Person", b"A. \xffPerson"))
    assert "does not open" in faults(target, formulas)


@pytest.mark.parametrize("name", ["a/b", "'quoted", "x" * 32])
def test_a_name_that_excel_refuses_is_found(good, name):
    path, formulas = good
    assert "has a name that Excel refuses" in faults(changed(path, BOOK, 'name="P"', f'name="{name}"'), formulas)


def test_two_sheets_of_one_name_are_found(good):
    path, formulas = good
    assert "two sheets have the same name" in faults(changed(path, BOOK, 'name="P"', 'name="t"'), formulas)
