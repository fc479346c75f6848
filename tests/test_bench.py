"""The bench's own verdicts: every goal can be missed, and then it names the row."""

import pytest

from bench.matching import compared
from dsar.find.collect import collect
from fixtures.company.world import Truth
from tests.worlds import NOW, datamap, request, sources

SHOP = datamap("""
[sources.shop.tables.orders]
match = { email = "email" }
columns = ["id", "email"]
""")
RIGHT = [Truth("A", "shop.orders", "[1]", "found"), Truth("A", "shop.orders", "[9]", "never")]


@pytest.mark.parametrize(
    ("truth", "missed"),
    [
        (RIGHT, []),
        ([*RIGHT, Truth("A", "shop.orders", "[2]", "found")], ["rows missed"]),
        ([Truth("A", "shop.orders", "[1]", "held")], ["rows held where the truth finds, or the reverse"]),
        ([], ["rows found or held beyond the truth"]),
        ([Truth("A", "shop.orders", "[1]", "never")], ["rows found or held beyond the truth", "rows never to be seen, seen"]),
    ],
)
def test_a_missed_goal_is_missed_and_its_row_named(truth, missed, capsys):
    rows = {"shop.orders": [{"id": 1, "email": "ann@x.org"}, {"id": 2, "email": "bob@x.org"}]}
    figures = compared(truth, collect([request("A", "email=ann@x.org")], SHOP, sources(SHOP, rows), lambda: NOW))
    assert [name for name, figure in figures.items() if figure.met is False] == missed
    assert len(capsys.readouterr().err.splitlines()) == len(missed)
