"""The suite on a DuckDB database, through Ibis; and what its types become."""

from tests.connectors.engines import OnDuckdb


class TestDuckdb(OnDuckdb):
    pass
