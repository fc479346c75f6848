"""The deletion checklist as its owner opens it, and when there is none."""

from dataclasses import replace
from datetime import date, datetime

import openpyxl
import pytest

from dsar.answer.layout import Grid
from dsar.datamap import Address
from dsar.erase import owners
from dsar.erase.checklist import HEADER, checklist, internal_due, others_to_tell
from dsar.erase.plan import plan
from dsar.erase.step import Step
from dsar.errors import AnswerIncomplete, IdentityNotVerified
from dsar.find.decisions import Decisions
from tests.decoded import decoded
from tests.worlds import NOW, TODAY, datamap, gather, request, sources

SHOP = datamap("""
[sources.shop.tables.customers]
label = "Account"
find = "Customers > {key}"
match = { customer = "id", email = "email" }
reveals = { customer = "id", email = "second_email" }
columns = { id = {}, email = {}, second_email = {} }
[sources.shop.tables.orders]
label = "Order"
key = ["year", "no"]
match = { customer = "customer_id" }
open_while = { column = "status", values = ["open"], until = "it is delivered" }
columns = ["year", "no", "customer_id", "status"]
[sources.news.tables.readers]
label = "Subscription"
match = { email = "email" }
columns = ["id", "email"]
""")
DATA = {
    "shop.customers": [{"id": 1, "email": "ann@x.org", "second_email": None}],
    "shop.orders": [{"year": 2020, "no": "7/a", "customer_id": 1, "status": "sent"}, {"year": 2026, "no": "8", "customer_id": 1, "status": "open"}],
    "news.readers": [{"id": 3, "email": "ann@x.org"}],
}
ANN = request("A-1", "email=ann@x.org")


def written(case, data=DATA, who=ANN, today=TODAY, decide=None, map_=SHOP, opened=None):
    dossier = gather(map_, opened or sources(map_, data), who)[who.id]
    decisions = Decisions(case / "decisions.json", NOW)
    if decide:
        decisions.add("part 1", "R. Eader", NOW, decide)
    return checklist(dossier, case, decisions, today)


GONE = "No longer needed for the purpose it was collected for."


def waits(why):
    # The cells from "Shared with others?" to "Status".
    return "none found", why, "17(1)(a)", "it is delivered", None, None, None


def sheet(path, title):
    """Return the cells of a sheet below its header row, as a list of rows."""
    lines = [tuple(c.value for c in row) for row in openpyxl.load_workbook(path)[title].iter_rows()]
    return lines[lines.index(HEADER) + 1 :] if HEADER in lines else [tuple(c for c in line if c is not None) for line in lines]


GROUND = "17(1)(a)"


def test_one_list_per_system_with_every_step_and_no_data_of_the_row(tmp_path):
    made = written(tmp_path)
    assert [str(f.relative_to(tmp_path)) for f in made.files] == ["worklists/A-1_shop_worklist.xlsx", "worklists/A-1_news_worklist.xlsx"]
    due = datetime(2026, 11, 25)  # noqa: DTZ001 - a cell has no zone
    blank = (None,) * 5
    steps = sheet(made.files[0], "Steps")
    ids = [line[0] for line in steps]
    not_due = ("A-1", "System shop", "shop@quill.example")
    assert [line[1:] for line in steps] == [
        (*not_due, "Order", "2026, 8", "orders: year and no = 2026, 8", "not due", None, *waits("It is still open, so it is still needed."), *blank),
        (*not_due, "Order", "2020, 7/a", "orders: year and no = 2020, 7/a", "erase", "all", "none found", GONE, GROUND, None, None, due, "To do", *blank),  # noqa: E501
        (*not_due, "Account", "1", "Customers > 1", "not due", None, *waits("Needed for a record that is still open."), *blank),
    ]  # fmt: skip
    assert len(set(ids)) == 3
    assert all("ann@x.org" not in text for file in made.files for _, text in decoded(file))


def test_the_same_dossier_and_day_is_the_same_file_and_a_changed_one_is_version_2(tmp_path):
    first = written(tmp_path).files
    before = [f.read_bytes() for f in first]
    assert [f.read_bytes() for f in written(tmp_path).files] == before
    assert not (tmp_path / "superseded").exists()
    second = written(tmp_path, {**DATA, "shop.orders": []}).files
    assert [f.name for f in second] == ["A-1_shop_worklist_v2.xlsx", "A-1_news_worklist.xlsx"]
    assert sorted(f.name for f in (tmp_path / "worklists").iterdir()) == ["A-1_news_worklist.xlsx", "A-1_shop_worklist_v2.xlsx"]
    assert [f.name for f in (tmp_path / "superseded").iterdir()] == ["A-1_shop_worklist.xlsx"]


def test_a_system_that_holds_nothing_gets_no_list_and_loses_the_old_one(tmp_path):
    written(tmp_path)
    assert [f.name for f in written(tmp_path, {**DATA, "news.readers": []}).files] == ["A-1_shop_worklist.xlsx"]
    assert [f.name for f in (tmp_path / "worklists").iterdir()] == ["A-1_shop_worklist.xlsx"]
    assert [f.name for f in written(tmp_path).files] == ["A-1_shop_worklist.xlsx", "A-1_news_worklist_v2.xlsx"]


def test_nothing_found_is_no_list(tmp_path):
    assert written(tmp_path, {}).files == ()


def test_without_a_settled_identity_there_is_no_list(tmp_path):
    with pytest.raises(IdentityNotVerified):
        written(tmp_path, who=request("A-1", "email=ann@x.org", verified=False), decide=date(2026, 12, 1))
    assert not (tmp_path / "worklists").exists()


def test_open_points_stop_it_and_part_1_says_what_is_not_on_the_list(tmp_path):
    data = {
        **DATA,
        "shop.customers": [{"id": 1, "email": "ann@x.org", "second_email": "old@x.org"}],
        "news.readers": [*DATA["news.readers"], {"id": 4, "email": "old@x.org"}],
    }

    def opened():
        made = sources(SHOP, data)
        del made["shop"].tables["orders"]
        return made

    with pytest.raises(AnswerIncomplete) as error:
        written(tmp_path, opened=opened())
    failed = "failed: shop.orders: the source has no such table — mend its name in dsar.toml"
    assert str(error.value) == f"A-1: shop.orders: {failed}; news.readers: 1 held — close these points, or record the decision 'part 1'"
    assert not (tmp_path / "worklists").exists()
    shop, news = written(tmp_path, opened=opened(), decide=date(2026, 12, 1)).files
    assert sheet(shop, "Not on this list")[-1] == ("Order", failed)
    why = "held: found by an address or number that stands in their record; nobody has proved it is theirs"
    assert sheet(news, "Not on this list")[-1] == ("Subscription", 1, why)
    assert [line[5] for line in sheet(news, "Steps")] == ["3"]
    assert [(line[5], line[7], line[12]) for line in sheet(shop, "Steps")] == [("1", "not due", "shop.orders has been searched")]


def test_a_list_on_which_nothing_is_to_do_asks_for_nothing(tmp_path):
    data = {**DATA, "shop.orders": [{"year": 2026, "no": "8", "customer_id": 1, "status": "open"}]}
    shop, news = written(tmp_path, data=data).files
    told, steps = str(sheet(shop, "Start here")), openpyxl.load_workbook(shop)["Steps"]
    assert "There is nothing for you to do now." in told
    assert not any(asking in told for asking in ("Please finish by", "file back", "To do", "COUNTIF"))
    assert "To fill in" not in str([c.value for row in steps.iter_rows() for c in row])
    assert "edit" not in {c.style for row in steps.iter_rows() for c in row}
    assert "Please finish by" in str(sheet(news, "Start here"))


def test_an_owners_list_names_no_earlier_step_that_is_done(tmp_path):
    data = {**DATA, "shop.orders": DATA["shop.orders"][:1]}
    steps = plan(gather(SHOP, sources(SHOP, data), ANN)["A-1"], TODAY)
    (order,) = [s.id for s in steps if s.address.table == "orders"]

    def after(seen):
        path = owners.write(tmp_path, SHOP, {"A-1": (ANN, steps)}, seen).files[0]
        return {line[4]: line[HEADER.index("After step")] for line in sheet(path, "Steps")}

    assert after({}) == {"Order": None, "Account": order}
    assert after({order: "gone, looked at on 2026-11-23"}) == {"Order": None, "Account": None}


def test_owners_finish_five_working_days_before_the_statutory_day():
    assert internal_due(ANN, SHOP.controller) == date(2026, 11, 25)  # received on 2 November: due on Wednesday 2 December
    at_christmas = replace(ANN, received=date(2026, 11, 25))
    assert internal_due(at_christmas, SHOP.controller) == date(2026, 12, 18)  # due on 29 December, and four days in between are none
    waiting = replace(at_christmas, identity=(date(2026, 11, 25), None))
    assert internal_due(waiting, SHOP.controller) == date(2026, 12, 18)


def test_those_to_tell_stand_in_the_order_of_the_steps():
    names = [f"r{n}" for n in range(8)]
    map_ = datamap(
        "".join(f'[recipients.{n}]\nname = "{n}"\nrole = "agency"\ncountry = "GB"\ntell = true\n' for n in names)
        + "".join(f'[activities.{n}]\npurpose = "To sell"\nbasis = "6(1)(b)"\norigin = "provided"\nrecipients = ["{n}"]\n' for n in names)
        + "".join(f'[sources.shop.tables.{n}]\nactivity = "{n}"\nmatch = {{ email = "email" }}\ncolumns = ["id", "email"]\n' for n in names)
    )
    steps = [Step(n, Address("shop", n), "[1]", "erase", (), "", "") for n in names]
    page = others_to_tell(map_, {"A-1": steps}, "shop")[0]
    assert [row[0] for block in page.blocks if isinstance(block, Grid) for row in block.rows] == names
