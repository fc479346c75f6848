import datetime as dt
from decimal import Decimal

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from connectors.lake import Lake
from dsar import datamap, values
from dsar.errors import SourceBroken
from dsar.source import Keys, Match, Others, Rows, Settings, Want
from tests.connectors.engines import OnParquet
from tests.source_suite import answer


class TestParquet(OnParquet):
    pass


class OddName(OnParquet):
    suffix = " [a-z]*?.parquet"


@pytest.mark.parametrize("promise", ["test_values_are_exact", "test_schema_lists_every_column", "test_others_are_counted"])
def test_a_file_name_is_no_pattern(tmp_path, promise):
    getattr(OddName(), promise)(tmp_path)


def lake(folder, table, match=None, types=None, url=""):
    pq.write_table(table, folder / "t.parquet")
    columns = {c: {"category": "user", "type": (types or {}).get(c)} for c in table.column_names}
    mapped = {"label": "T", "activity": "a", "key": ["id"], "match": match or {"customer": "id"}, "columns": columns, "file": {"path": "t.parquet"}}
    source = {"connector": "lake", "label": "Lake", "owner": "o", "url": url, "tables": {"t": mapped}}
    return Lake(Settings("lake", datamap.Source.model_validate(source), folder))


def one(source, key="1"):
    return answer(source, Match("t", (Want("x", "lake.customer", key),)))[0]


def test_types_are_the_files_own(tmp_path):
    moment = dt.datetime(2024, 5, 6, 7, 8, 9)  # noqa: DTZ001 - the column has the zone
    table = pa.table(
        {
            "id": pa.array([1]),
            "big": pa.array([Decimal("1" * 50 + ".25")], pa.decimal256(60, 2)),
            "zone": pa.array([moment], pa.timestamp("us", "Europe/London")),
            "nano": pa.array([1_700_000_000_123_456_789], pa.timestamp("ns")),
            "unsigned": pa.array([2**64 - 1], pa.uint64()),
            "word": pa.array(["x"]).dictionary_encode(),
            "large": pa.array([""], pa.large_string()),
            "list": pa.array([[1, 2]]),
        }
    )
    parts = lake(tmp_path, table).read(Keys("t", ((1,),)))
    found = values.to_arrow(next(p.frame for p in parts if isinstance(p, Rows)))
    expected = table.set_column(5, "word", pa.array(["x"]))
    assert found.schema.remove_metadata() == expected.schema
    assert found.equals(expected)


def test_what_pandas_noted_in_the_file_hides_no_column(tmp_path):
    frame = pd.DataFrame({"id": [1, 2], "c": ["a", "b"]}, index=[10, 20])
    source = lake(tmp_path, pa.Table.from_pandas(frame))
    assert list(source.schema()["t"].columns) == ["id", "c", "__index_level_0__"]
    assert one(source) == [{"id": 1, "c": "a", "__index_level_0__": 10}]


def test_a_null_has_made_the_key_a_float(tmp_path):
    source = lake(tmp_path, pa.table({"id": pa.array([1, 2]), "customer": pa.array([5.0, None])}), {"customer": "customer"})
    assert [r["id"] for r in one(source, "5")] == [1]
    assert answer(source, Others("t", "customer", ("5",)))[0] == [{"value": "5", "rows": 1}]


def test_declared_types_are_applied_and_strict(tmp_path):
    source = lake(tmp_path, pa.table({"id": ["1", "07"], "c": ["8.90", "Ada"]}), types={"c": "decimal(9,2)", "id": "integer"})
    assert one(source) == [{"id": 1, "c": Decimal("8.90")}]
    with pytest.raises(SourceBroken, match="column 'c' is declared") as caught:
        one(source, "7")
    assert "Ada" not in str(caught.value)


def test_folders_that_look_like_partitions_add_no_column(tmp_path):
    folder = tmp_path / "year=2024"
    folder.mkdir()
    assert one(lake(folder, pa.table({"id": [1]}))) == [{"id": 1}]


@pytest.mark.parametrize("content", [b"", b"id,c\n1,Ada\n", b"PAR1 Ada PAR1"])
def test_what_is_no_parquet_file(tmp_path, content):
    source = lake(tmp_path, pa.table({"id": [1]}))
    (tmp_path / "t.parquet").write_bytes(content)
    with pytest.raises(SourceBroken, match=r"lake\.t: t\.parquet is damaged") as caught:
        one(source)
    for told in (str(caught.value), source.schema()["t"].fault):
        assert told.startswith("lake.t: t.parquet is damaged")
        assert "Ada" not in told
