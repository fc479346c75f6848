from tests.connectors.engines import OnSqlite


class TestSqlite(OnSqlite):
    pass
