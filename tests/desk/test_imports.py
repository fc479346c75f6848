"""Many requests from a table: all or none, and bad lines come back marked."""

import csv
from datetime import UTC, date, datetime

import openpyxl
import pytest

from dsar.desk.imports import FAULT, import_file, write_template
from dsar.errors import BadRequests
from dsar.request.entry import COLUMNS
from tests.desk.conftest import MAP

START = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)


def two_hundred():
    lines = [[f"A-{n:03}", "2026-11-02", "access; erasure", f"email=p{n}@example.org", "", "", "letter", "person", "", "de"] for n in range(1, 201)]
    return [list(COLUMNS), *lines]


def write(path, rows):
    if path.suffix == ".csv":
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(rows)
        return path
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.save(path)
    return path


@pytest.mark.parametrize("name", ["november.csv", "november.xlsx"])
def test_two_hundred_lines_are_registered(register, tmp_path, name):
    cases = import_file(register, write(tmp_path / name, two_hundred()), MAP, by="M")
    assert list(cases) == [f"A-{n:03}" for n in range(1, 201)]
    assert {(c.request.received, c.request.rights, c.channel, c.language) for c in cases.values()} == {
        (date(2026, 11, 2), ("access", "erasure"), "letter", "de")
    }


@pytest.mark.parametrize("name", ["november.csv", "november.xlsx"])
def test_three_bad_lines_of_two_hundred_come_back_marked_and_nothing_is_half_imported(register, tmp_path, name):
    rows = two_hundred()
    rows[4][1], rows[17][2], rows[93][1] = "2026-12-24", "deletion", "2026-02-30"
    with pytest.raises(BadRequests) as caught:
        import_file(register, write(tmp_path / name, rows), MAP, by="M")
    said = str(caught.value)
    assert said.startswith(f"{name}: 3 of 200 lines are not right (row 5: received is in the future; row 18: rights must be one or more of ")
    assert said.endswith("— mend them in november_marked.xlsx, then import that; nothing was registered")
    assert "\n" not in said
    assert register.cases() == {}

    marked = tmp_path / "november_marked.xlsx"
    book = openpyxl.load_workbook(marked)
    lines = [row for row in book["Requests"].iter_rows(values_only=True) if row[1] and str(row[1]).startswith("A-")]
    assert len(lines) == 200
    assert [row[1] for row in lines if row[0]] == ["A-004", "A-017", "A-093"]
    cells = list(book["Requests"].iter_rows())
    head = next(n for n, row in enumerate(cells) if row[0].value == FAULT)
    for place, column, value in ((4, 2, "2026-11-04"), (17, 3, "erasure"), (93, 2, "2026-02-28")):
        cells[head + place][column].value = value
    book.save(marked)
    assert len(import_file(register, marked, MAP, by="M")) == 200


def test_the_template_can_be_filled_in_and_imported_and_its_empty_lines_are_none(register, tmp_path):
    path = write_template(tmp_path / "template.xlsx", MAP)
    with pytest.raises(BadRequests, match=r"template\.xlsx: holds no request"):
        import_file(register, path, MAP, by="M")
    book = openpyxl.load_workbook(path)
    cells = list(book["Requests"].iter_rows())
    head = next(n for n, row in enumerate(cells) if row[0].value == "id")
    assert next(row[0].value for row in cells[1:head]) == "To fill in: the shaded, framed cells. Rows may be sorted and filtered."
    for name, value in {"received": datetime(2026, 11, 4), "rights": "erasure", "identifiers": "email=ann@example.org"}.items():  # noqa: DTZ001
        cells[head + 2][COLUMNS.index(name)].value = value
    book.save(path)
    (case,) = import_file(register, path, MAP, by="M").values()
    assert (case.request.id, case.request.received, case.channel) == ("R-2026-0001", date(2026, 11, 4), "e-mail")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("x.csv", b"a,b\n1,2\n", "no row holds the headings"),
        ("x.xlsx", b"no workbook", "cannot be read"),
        ("x.txt", b"", "is neither csv nor xlsx"),
        ("none.csv", None, "is not there, or cannot be opened"),
        ("x.csv", b'id,received,rights,identifiers\nA,"2026', "cannot be read"),
    ],
)
def test_what_is_no_table_of_requests_is_one_line(register, tmp_path, name, content, said):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(BadRequests) as caught:
        import_file(register, tmp_path / name, MAP, by="M")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_id_that_stands_in_the_register_is_named_with_its_line(register, tmp_path):
    rows = two_hundred()[:3]
    import_file(register, write(tmp_path / "a.csv", rows), MAP, by="M")
    with pytest.raises(BadRequests, match=r"2 of 2 lines are not right .row 2: this id stands in the register or in the file already"):
        import_file(register, write(tmp_path / "a.csv", rows), MAP, by="M")


def test_notes_on_another_sheet_are_no_requests_and_a_cell_too_many_is_no_secret(register, tmp_path):
    book = openpyxl.Workbook()
    for row in two_hundred()[:3]:
        book.active.append(row)
    book.create_sheet("Notes").append(["A-900", "2026-11-02", "access", "email=note@example.org"])
    book.save(tmp_path / "a.xlsx")
    assert list(import_file(register, tmp_path / "a.xlsx", MAP, by="M")) == ["A-001", "A-002"]

    (tmp_path / "b.csv").write_text("id,received,rights,identifiers\nB,2026-11-02,access,email=ann@example.org,erasure\n", encoding="utf-8")
    with pytest.raises(BadRequests, match=r"b\.csv row 2: holds more cells than there are headings"):
        import_file(register, tmp_path / "b.csv", MAP, by="M")
