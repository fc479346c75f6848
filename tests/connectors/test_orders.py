import sqlite3
from contextlib import closing

import pytest

from connectors.orders import Orders
from dsar import datamap
from dsar.errors import SourceBroken
from dsar.source import Match, Settings, Want
from tests.connectors.engines import OnSqlite


class OnOrders(OnSqlite):
    def connect(self, settings):
        return Orders(settings)


@pytest.mark.parametrize("promise", ["test_a_row_of_two_subjects_comes_once", "test_others_are_counted", "test_keys_are_exactly_those"])
def test_it_is_read_as_any_database(tmp_path, promise):
    getattr(OnOrders(), promise)(tmp_path)


def test_card_numbers_must_not_be_here(tmp_path):
    source = OnOrders().source(tmp_path)
    columns = source.settings.declared.tables["orders"].columns
    columns["total"] = columns["total"].model_copy(update={"category": "user.financial.credit_card"})
    with pytest.raises(SourceBroken, match=r"world\.orders.*card numbers in total"):
        source.read(Match("orders", ()))


VISA, MASTERCARD, AMEX = "4111111111111111", "5555 5555 5555 4444", "3782-822463-10005"  # the schemes' own test numbers


def shop(folder, value, **column):
    with closing(sqlite3.connect(folder / "shop.db")) as db:
        db.execute("CREATE TABLE payments (id INTEGER PRIMARY KEY, customer INTEGER, reference)")
        db.execute("INSERT INTO payments VALUES (1, 7, 'none'), (2, 8, 'none')")
        db.execute("UPDATE payments SET reference = ? WHERE id = 1", (value,))
        db.commit()
    columns = {"id": {"category": "user"}, "customer": {"category": "user"}, "reference": {"category": "user.payment", **column}}
    table = {"label": "P", "activity": "x", "key": ["id"], "match": {"customer": "customer"}, "columns": columns}
    source = {"connector": "orders", "label": "S", "owner": "o", "url": "sqlite:///shop.db", "tables": {"payments": table}}
    return Orders(Settings("shop", datamap.Source.model_validate(source), folder))


def ask(customer):
    return Match("payments", (Want("a", "shop.customer", customer),))


@pytest.mark.parametrize("value", [VISA, MASTERCARD, AMEX, int(VISA), f"card {MASTERCARD}, exp 12/29", f"paid with {VISA}."])
def test_a_card_number_in_a_row_fails_the_table_and_is_repeated_nowhere(tmp_path, value):
    with pytest.raises(SourceBroken, match=r"shop\.payments: holds card numbers in reference") as raised:
        list(shop(tmp_path, value).read(ask("7")))
    assert "1111" not in str(raised.value)
    assert "4444" not in str(raised.value)


@pytest.mark.parametrize(
    "value", ["4111111111111112", "04111111111111111111", "41111111111111110000", "12.4111111111111111", "+44 20 7946 0018", None, 12.5]
)
def test_what_only_looks_like_one_does_not(tmp_path, value):
    assert [type(p).__name__ for p in shop(tmp_path, value).read(ask("7"))] == ["Rows", "Done"]


def test_a_column_that_a_person_looked_at_passes(tmp_path):
    assert [type(p).__name__ for p in shop(tmp_path, VISA, not_card="the gateway's own references").read(ask("7"))] == ["Rows", "Done"]
