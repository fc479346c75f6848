"""The suite on Spark in local mode, and the files that Spark reads itself."""

import shutil
from datetime import date
from decimal import Decimal

import pytest

from connectors.spark import Spark
from dsar import datamap
from dsar.errors import SourceBroken, SourceUnreachable
from dsar.source import Match, Settings, Want
from tests.connectors.engines import OnSpark
from tests.source_suite import answer

pytest.importorskip("pyspark", reason="Spark is not installed: pip install 'dsar[spark]'")
if not shutil.which("java"):
    pytest.skip("Spark needs Java 17", allow_module_level=True)
# pyspark leaves its sockets to the garbage collector.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")]


class TestSpark(OnSpark):
    pass


def source(folder, path, columns):
    table = {"label": "T", "activity": "a", "key": ["id"], "match": {"email": "email"}, "file": {"path": path},
             "columns": {c: {"category": "user", "type": t} for c, t in columns.items()}}  # fmt: skip
    declared = {"connector": "spark", "label": "S", "owner": "o", "url": "local[2]", "tables": {"t": table}}
    return Spark(Settings("world", datamap.Source.model_validate(declared), folder, "GB"))


WANT = Match("t", (Want("a", "email", "ada@example.org"),))
COLUMNS = {"id": "integer", "email": None, "total": "decimal(12,2)", "born": "date", "note": None}


def test_csv_folders_are_read(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/1.csv").write_text('id,email,total,born,note\n1,Ada@Example.org,8.90,1990-12-10,"two\nlines, ""quoted"""\n', encoding="utf-8")
    (tmp_path / "in/2.csv").write_text("id,email,total,born,note\n2,ada@example.org,,,007\n3,bob@example.org,1.00,,\n", encoding="utf-8")
    assert answer(source(tmp_path, "in", COLUMNS), WANT)[0] == [
        {"id": 1, "email": "Ada@Example.org", "total": Decimal("8.90"), "born": date(1990, 12, 10), "note": 'two\nlines, "quoted"'},
        {"id": 2, "email": "ada@example.org", "total": None, "born": None, "note": "007"},
    ]


def test_a_csv_row_cut_short_breaks(tmp_path):
    (tmp_path / "t.csv").write_text("id,email,total,born,note\n1,ada@example.org,8.90,1990-12-10,x\n2,ada@example.org\n", encoding="utf-8")
    with pytest.raises(SourceBroken) as caught:
        answer(source(tmp_path, "t.csv", COLUMNS), WANT)
    assert "ada" not in str(caught.value)


def test_json_lines_are_read_and_half_a_line_breaks(tmp_path):
    path = tmp_path / "t.jsonl"
    path.write_text(
        '{"id": 9007199254740993, "email": "ADA@example.org", "total": 8.90}\n{"id": 2, "email": "bob@example.org", "note": "x"}\n', encoding="utf-8"
    )
    found = source(tmp_path, "t.jsonl", {"id": "integer", "email": None, "total": "decimal(12,2)", "note": None})
    assert answer(found, WANT)[0] == [{"id": 9007199254740993, "email": "ADA@example.org", "total": Decimal("8.90"), "note": None}]
    path.write_text(path.read_text(encoding="utf-8") + '{"id": 3, "email": "ada@exa', encoding="utf-8")
    with pytest.raises(SourceBroken):
        answer(found, WANT)


def test_files_of_two_kinds_and_none_are_refused(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/1.csv").write_text("id\n1\n", encoding="utf-8")
    (tmp_path / "in/2.jsonl").write_text("{}\n", encoding="utf-8")
    for path, error in (("in", SourceBroken), ("nowhere.csv", SourceUnreachable)):
        with pytest.raises(error):
            answer(source(tmp_path, path, COLUMNS), WANT)
