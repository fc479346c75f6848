from tests.connectors.engines import OnParquet


class TestParquet(OnParquet):
    pass
