"""The data map as a workbook, out and back: what was changed is changed in dsar.toml, and nothing else."""

import re
import tomllib

import openpyxl
import pytest

from dsar import datamap, forgotten
from dsar.desk import mapbook, tomledit
from dsar.errors import BadMap

MAP = """\
# Ours, since 2019.
[controller]
name = "Quill & Co"      # as on the sign
address = "1 Test Street"
contact = "privacy@quill.example"
regime = "uk"
calendar = "GB-ENG"
timezone = "Europe/London"
region = "GB"
policy_version = "1"
supervisory_authority = "ICO"
automated_decisions = { text = "There are none.", reviewed_by = "R. Eader", reviewed_on = 2026-01-01 }

[activities.main]
purpose = "To sell"      # who wrote this?
basis = ["6(1)(b)", "6(1)(c)"]
origin = "provided"

[recipients.mailer]
name = "Letterbird Inc."
role = "processor"
country = "United States"

[sources.shop]
connector = "sql"
url = "sqlite:///shop.db"   # read-only
label = "Shop"  # guessed: the system's name
owner = "nobody named yet"  # guessed

# Orders of guests stand here too.
[sources.shop.tables.orders]
label = "Orders"  # guessed: in words the requester knows
activity = "main"
key = ["id"]
guessed = true  # holds its rows back

[sources.shop.tables.orders.match]
email = "email"  # guessed: by its name

[sources.shop.tables.orders.columns]
id = { category = "user.unique_id" }  # guessed: a key
email = { category = "user.contact.email" }  # guessed: by its name
remark = { category = "user" }  # guessed: nothing tells
total = { category = "user.payment", values = { 1 = "one" } }

[systems]
chat = { none = "there is none, says Ann" }
"""


@pytest.fixture
def desk(tmp_path):
    (tmp_path / "dsar.toml").write_text(MAP, encoding="utf-8")
    return tmp_path


def known(desk):
    return datamap.read(desk / "dsar.toml")


def sent(desk, name="map.xlsx"):
    return mapbook.write(desk / name, desk, known(desk))


def cell(sheet, row, header):
    """The cell of a row, found by the words of its first cells."""
    heads = next(r for r in sheet.iter_rows() if r[0].value and len([c for c in r if c.value]) > 2)
    column = {c.value: c.column for c in heads}[header]
    for cells in sheet.iter_rows(min_row=heads[0].row + 1):
        if tuple(c.value or "" for c in cells[: len(row)]) == row:
            return cells[column - 1]
    raise AssertionError(row)


def fill_in(path, *changes):
    book = openpyxl.load_workbook(path)
    places = []
    for title, row, header, value in changes:
        place = cell(book[title], row, header)
        place.value = value
        places.append(f"{title} {place.coordinate}")
    book.save(path)
    return places


def back(desk, path):
    return mapbook.read(path, desk, known(desk))


def differing(before, after):
    old, new = before.splitlines(), after.splitlines()
    return [line for line in old if line not in new], [line for line in new if line not in old]


def test_what_comes_back_unchanged_changes_nothing(desk):
    path = sent(desk)
    assert back(desk, path) == []
    assert (desk / "dsar.toml").read_text(encoding="utf-8") == MAP


def test_what_was_changed_is_changed_and_all_else_stays(desk):
    path = sent(desk)
    fill_in(
        path,
        ("Columns", ("shop.orders", "remark"), "Category", "user.content"),
        ("Columns", ("shop.orders", "remark"), "Free text", "yes"),
        ("Columns", ("shop.orders", "total"), "Label", "Total (GBP)"),
        ("Activities", ("main",), "Purpose", "To sell and deliver"),
        ("Activities", ("main",), "Legal basis", "6(1)(b)"),
        ("Systems", ("shop",), "Who deletes there", "shop@quill.example"),
        ("Recipients", ("mailer",), "Told of an erasure", "no"),
        ("Forgotten systems", ("helpdesk",), "Answer", "mapped"),
        ("Forgotten systems", ("helpdesk",), "Where, or why", "shop"),
        ("Forgotten systems", ("chat",), "Where, or why", "there is none, says Bo"),
    )
    changed = back(desk, path)
    gone, come = differing(MAP, (desk / "dsar.toml").read_text(encoding="utf-8"))
    assert sorted(gone) == sorted([
        'purpose = "To sell"      # who wrote this?',
        'basis = ["6(1)(b)", "6(1)(c)"]',
        'owner = "nobody named yet"  # guessed',
        'remark = { category = "user" }  # guessed: nothing tells',
        'total = { category = "user.payment", values = { 1 = "one" } }',
        'chat = { none = "there is none, says Ann" }',
    ])  # fmt: skip
    assert sorted(come) == sorted([
        'purpose = "To sell and deliver"      # who wrote this?',
        'basis = "6(1)(b)"',
        'owner = "shop@quill.example"',
        "tell = false",
        'remark = { category = "user.content", free_text = true }',
        'total = { category = "user.payment", values = { 1 = "one" }, label = "Total (GBP)" }',
        'chat = { none = "there is none, says Bo" }',
        'helpdesk = { mapped = "shop" }',
    ])  # fmt: skip
    assert len(changed) == 9


def test_confirming_a_table_takes_out_that_it_is_guessed(desk):
    path = sent(desk)
    fill_in(path, ("Tables", ("shop.orders",), "Confirmed", "yes"))
    assert back(desk, path) == ["sources.shop.tables.orders.guessed"]
    text = (desk / "dsar.toml").read_text(encoding="utf-8")
    assert not known(desk).sources["shop"].tables["orders"].guessed
    assert [line for line in text.splitlines() if "guessed" in line] == [
        'label = "Shop"  # guessed: the system\'s name',
        'owner = "nobody named yet"  # guessed',
    ]
    assert "# Orders of guests stand here too.\n[sources.shop.tables.orders]" in text


def test_every_fault_is_named_by_its_cell_and_nothing_is_taken_over(desk):
    path = sent(desk)
    places = fill_in(
        path,
        ("Columns", ("shop.orders", "remark"), "Category", "user.nam"),
        ("Columns", ("shop.orders", "email"), "Free text", "maybe"),
        ("Tables", ("shop.orders",), "Activity", "sales"),
        ("Forgotten systems", ("paper",), "Answer", "lost"),
        ("Activities", ("main",), "Purpose", "To sell more"),
    )
    with pytest.raises(BadMap) as caught:
        back(desk, path)
    for place in places[:4]:
        assert f"{place}: " in str(caught.value)
    assert places[4] not in str(caught.value)
    assert str(caught.value).endswith("mend these cells; nothing was taken over")
    assert (desk / "dsar.toml").read_text(encoding="utf-8") == MAP


def test_what_only_the_whole_map_refuses_is_named_by_its_cell_too(desk):
    path = sent(desk)
    place, good = fill_in(
        path,
        ("Activities", ("main",), "Goes to", "mailer, postman"),
        ("Activities", ("main",), "Purpose", "To sell more"),
    )
    with pytest.raises(BadMap, match=re.escape(f"{place}: 'postman' is not one of [recipients]: mailer")) as caught:
        back(desk, path)
    assert good not in str(caught.value)
    places = fill_in(
        sent(desk, "two.xlsx"), ("Forgotten systems", ("paper",), "Answer", "mapped"), ("Forgotten systems", ("paper",), "Where, or why", "attic")
    )
    with pytest.raises(BadMap, match=re.escape(f"{places[0]}: 'attic' is not one of [sources]: shop")):
        back(desk, desk / "two.xlsx")


def test_a_new_activity_may_be_used_at_once(desk):
    path = sent(desk)
    fill_in(
        path,
        ("Activities", ("",), "Purpose", "To keep the books"),
        ("Activities", ("",), "Legal basis", "6(1)(c)"),
        ("Activities", ("",), "Origin", "provided"),
        ("Activities", ("",), "Activity name", "books"),
        ("Tables", ("shop.orders",), "Activity", "books"),
    )
    back(desk, path)
    assert known(desk).sources["shop"].tables["orders"].activity == "books"
    assert known(desk).activities["books"].purpose == "To keep the books"


def test_what_somebody_else_changed_meanwhile_stays_or_is_told(desk):
    path = sent(desk)
    text = MAP.replace('label = "Shop"', 'label = "Old shop"').replace('purpose = "To sell"', 'purpose = "To rent"')
    (desk / "dsar.toml").write_text(text, encoding="utf-8")
    fill_in(path, ("Columns", ("shop.orders", "remark"), "Label", "Remark"))
    assert back(desk, path) == ["sources.shop.tables.orders.columns.remark.label"]
    assert known(desk).sources["shop"].label == "Old shop"
    (place,) = fill_in(path, ("Activities", ("main",), "Purpose", "To lend"))
    with pytest.raises(BadMap, match=re.escape(f"{place}: activities.main.purpose was changed in dsar.toml meanwhile")):
        back(desk, path)
    assert known(desk).activities["main"].purpose == "To rent"


def test_rows_that_nobody_sent_are_refused_by_cell(desk):
    path = sent(desk)
    fill_in(path, ("Columns", ("shop.orders", "remark"), "Column", "remarks"))
    with pytest.raises(BadMap, match=r"Columns A\d+: no such row is in the map"):
        back(desk, path)


def test_a_workbook_of_another_map_is_refused(desk, tmp_path_factory):
    path = sent(desk)
    other = tmp_path_factory.mktemp("other")
    (other / "dsar.toml").write_text(MAP.replace("Quill", "Pen"), encoding="utf-8")
    with pytest.raises(BadMap, match="is no workbook of this map"):
        back(other, path)


def test_the_drop_downs_offer_what_the_map_takes(desk):
    book = openpyxl.load_workbook(sent(desk))
    lists = {(s.title, str(v.sqref).split(":")[0]): v.formula1 for s in book for v in s.data_validations.dataValidation}
    assert '"person,organisation"' in lists.values()
    assert f'"{",".join(forgotten.ANSWERS)}"' in lists.values()
    place = next(f for f in lists.values() if "Words to choose from" in f)
    sheet, _, area = place.rpartition("!")
    words = [c.value for (c,) in book[sheet.strip("'")][area.replace("$", "")]]
    assert words == sorted(datamap.categories())
    assert all(s.sheet_state == "visible" for s in book)


def test_a_map_that_would_not_read_back_as_meant_is_not_written(monkeypatch):
    monkeypatch.setattr(tomledit.tomlkit, "dumps", lambda _: "[activities]\n")
    with pytest.raises(BadMap, match="cannot be changed by a program without loss"):
        tomledit.changed(MAP, [(("activities", "main", "purpose"), "To lend")])


def test_sections_that_stand_apart_are_changed_as_well():
    apart = MAP.replace("[recipients.mailer]", "[activities.second]\npurpose = 'x'\nbasis = '6(1)(b)'\norigin = 'provided'\n[recipients.mailer]")
    apart += '\n[activities.third]\npurpose = "y"\nbasis = "6(1)(b)"\norigin = "provided"\n'
    edits = [(("activities", "third", "purpose"), "z"), (("activities", "main", "until"), "the end"), (("activities", "second", "purpose"), None)]
    made = tomledit.changed(apart, edits)
    assert tomllib.loads(made) == tomledit.applied(tomllib.loads(apart), edits)
    assert made.startswith("# Ours, since 2019.\n")
