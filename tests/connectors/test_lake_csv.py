from tests.connectors.engines import OnCsv


class TestCsv(OnCsv):
    pass
