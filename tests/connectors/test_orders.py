import pytest

from connectors.orders import Orders
from dsar.errors import SourceBroken
from dsar.source import Match
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
