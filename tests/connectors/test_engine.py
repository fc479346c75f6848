"""The suite on a DuckDB database, through Ibis; and what its types become."""

from dsar import kinds
from dsar.source import Others
from tests.connectors.engines import OnDuckdb
from tests.source_suite import Grid, answer


class TestDuckdb(OnDuckdb):
    pass


def test_counting_many_values_takes_no_more_than_a_look_at_each(tmp_path, monkeypatch):
    hashed, normal = [], kinds.normal

    class Form(str):
        __slots__ = ()

        def __hash__(self):
            hashed.append(self)
            return super().__hash__()

    many = 200
    grid = Grid({"id": "integer", "customer": "text"}, ("id",), [(n, f"c{n}") for n in range(many)])
    source = OnDuckdb().source(tmp_path, {"people": grid})
    monkeypatch.setattr(kinds, "normal", lambda *given: (form := normal(*given)) and Form(form))
    assert len(answer(source, Others("people", "customer", tuple(f"c{n}" for n in range(many))))[0]) == many
    assert len(hashed) < 50 * many
