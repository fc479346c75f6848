import pytest

from connectors.crm import Crm
from tests.connectors.engines import OnSqlite


class OnCrm(OnSqlite):
    def connect(self, settings):
        return Crm(settings)


@pytest.mark.parametrize("promise", ["test_every_spelling_is_found", "test_values_are_exact", "test_an_unreachable_source_raises"])
def test_it_is_read_as_any_database(tmp_path, promise):
    getattr(OnCrm(), promise)(tmp_path)
