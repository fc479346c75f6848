"""`dsar check`: what differs between map and sources, without asking about anybody."""

from dsar.errors import SourceUnreachable
from dsar.find.outcome import OpenPoint
from dsar.find.survey import advice, survey
from dsar.source import Can
from tests.worlds import datamap, sources

MAP = datamap("""
[sources.shop]
ignored = { products = "no personal data", gone = "no personal data" }
[sources.shop.tables.orders]
match = { email = "email" }
columns = ["id", "email"]
[sources.shop.tables.lines]
match = { order = "order_id" }
columns = ["id", "order_id"]
[sources.news.tables.readers]
match = { email = "email" }
columns = ["id", "email"]
""")


def test_a_map_that_fits_has_nothing_to_mend():
    opened = sources(MAP, {"shop.products": [{"id": 1}], "shop.gone": [{"id": 1}]})
    assert survey(MAP, opened) == []
    assert not opened["shop"].reads


def test_every_difference_is_said_with_its_remedy():
    opened = sources(MAP, {"shop.products": [{"id": 1}], "shop.orders": [{"id": 1, "mail": "", "note": "", "ip": ""}], "shop.staff": [{"id": 1}]})
    del opened["shop"].tables["lines"]
    opened["news"] = SourceUnreachable("does not answer", where="sources.news", remedy="start it")
    assert survey(MAP, opened) == [
        OpenPoint(
            "shop.orders", "the source has no column email — mend the map or ask the system's owner", "until then it is failed in every answer"
        ),
        OpenPoint("shop.lines", "the source has no such table — mend its name in dsar.toml", "until then it is failed in every answer"),
        OpenPoint("shop.staff", "is neither mapped nor ignored", "map it, or list it under sources.shop.ignored with the reason"),
        OpenPoint("shop.gone", "is ignored in the map, but the source has no such table", "take it out, or correct its name"),
        OpenPoint("sources.news", "does not answer", "start it"),
    ]


def test_undeclared_columns_are_said():
    opened = sources(MAP, {"shop.products": [{"id": 1}], "shop.gone": [{"id": 1}], "shop.orders": [{"id": 1, "email": "", "note": "", "ip": ""}]})
    assert survey(MAP, opened) == [
        OpenPoint("shop.orders", "the map does not know the column note, ip", "classify it; until then the table is held"),
    ]


def test_a_connector_that_breaks_is_one_line_that_repeats_nothing_and_ends_nothing():
    opened = sources(MAP, {"shop.products": [{"id": 1}], "shop.gone": [{"id": 1}]})

    def explode():
        raise RuntimeError("postgresql://admin:secret@db ann@x.org")

    opened["shop"].schema = explode
    opened["news"].tables["bounces"] = [{"id": 1}]
    assert survey(MAP, opened) == [
        OpenPoint("sources.shop", "the connector raised RuntimeError", "ask whoever keeps the connector"),
        OpenPoint("news.bounces", "is neither mapped nor ignored", "map it, or list it under sources.news.ignored with the reason"),
    ]


def test_advice_is_asked_of_those_who_give_it_and_mends_nothing():
    opened = sources(MAP, {})
    shop = opened["shop"]
    shop.can = Can(advises=True)
    shop.advice = lambda: iter([("orders", "an index")])
    assert advice(MAP, opened) == [OpenPoint("shop.orders", "an index", "")]
    shop.advice = lambda: iter(())
    assert advice(MAP, opened) == []
    opened["shop"] = SourceUnreachable("is down")
    assert advice(MAP, opened) == []


def test_columns_of_peoples_own_words_that_are_not_searched_are_named():
    wordy = datamap("""
[sources.s.tables.t]
match = { email = "email" }
[sources.s.tables.t.columns]
id = {}
email = {}
comment = { category = "user.content" }
searched = { category = "user.content", free_text = true }
rating = { category = "user.content", type = "integer" }
state = { category = "user.content", values = { 1 = "new" } }
""")
    assert [point.table for point in advice(wordy, sources(wordy, {}))] == ["s.t.comment"]
