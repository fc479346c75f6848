from tests.connectors.engines import OnXlsx


class TestXlsx(OnXlsx):
    pass
