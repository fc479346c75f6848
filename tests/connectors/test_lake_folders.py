"""Tables that are folders of files, on this machine and in an object store (moto's S3 server)."""

import gzip
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from connectors.lake import Lake
from dsar import datamap
from dsar.errors import SourceBroken, SourceUnreachable
from dsar.source import Keys, Match, Others, Settings, Want
from tests import servers
from tests.source_suite import answer

WANT = Match("t", (Want("a", "email", "ada@example.org"),))
ADA = {"id": 1, "email": "Ada@Example.org", "total": Decimal("8.90")}


def source(folder, path, columns=("id", "email", "total"), url="", types=None):
    table = {"label": "T", "activity": "a", "key": ["id"], "match": {"email": "email"}, "file": {"path": str(path)} if path else None,
             "columns": {c: {"category": "user", "type": (types or {}).get(c)} for c in columns}}  # fmt: skip
    declared = {"connector": "lake", "label": "S", "owner": "o", "url": str(url), "tables": {"t": table}}
    return Lake(Settings("world", datamap.Source.model_validate(declared), folder, "GB"))


def parquet(path, *rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = {"id": pa.int64(), "email": pa.string(), "total": pa.decimal128(12, 2)}
    names = list(rows[0])
    with path.open("wb") as file:
        pq.write_table(pa.table({n: pa.array([r[n] for r in rows], columns.get(n, pa.string())) for n in names}), file)


def bob(n):
    return {"id": n, "email": "bob@example.org", "total": None}


def test_a_parquet_folder_with_partitions_is_one_table(tmp_path):
    parquet(tmp_path / "in/country=GB/a.parquet", ADA, bob(2))
    parquet(tmp_path / "in/country=DE/b.parquet", {**bob(3), "note": "only here"}, {**ADA, "id": 4, "note": None})
    parquet(tmp_path / "in/_temporary/half.parquet", {**ADA, "id": 9})
    (tmp_path / "in/_SUCCESS").touch()
    found = source(tmp_path, "in")
    assert dict(found.schema()["t"].columns) == {"id": "integer", "email": "text", "total": "decimal(12,2)", "note": "text", "country": "text"}
    assert answer(found, WANT)[0] == [{**ADA, "id": 4, "note": None, "country": "DE"}, {**ADA, "note": None, "country": "GB"}]
    assert [r["id"] for r in answer(found, Keys("t", ((2,), (3,))))[0]] == [3, 2]
    assert answer(found, Others("t", "country", ("GB",)))[0] == [{"value": "GB", "rows": 2}]
    assert answer(found, Others("t", "email", ("bob@example.org",)))[0] == [{"value": "bob@example.org", "rows": 2}]


def test_a_pattern_of_csv_files_plain_and_packed(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/2024-01.csv").write_text("id,email,total\n1,Ada@Example.org,8.90\n", encoding="utf-8")
    with gzip.open(tmp_path / "in/2024-02.csv.gz", "wt", encoding="utf-8") as file:
        file.write("email,id,extra\nada@example.org,2,x\n")
    (tmp_path / "in/other.csv").write_text("nothing\n", encoding="utf-8")
    found = source(tmp_path, "in/2024-*.csv*", types={"id": "integer", "total": "decimal(12,2)"})
    assert list(found.schema()) == ["t"]
    assert answer(found, WANT)[0] == [{**ADA, "extra": None}, {"id": 2, "email": "ada@example.org", "total": None, "extra": "x"}]


def test_json_lines_keep_their_digits_and_what_is_nested(tmp_path):
    lines = [
        '{"id": 1, "email": "Ada@Example.org", "total": 8.90, "big": 9007199254740993, "tags": ["a", {"b": 1.10}], "ok": true, "empty": ""}',
        '{"email": "bob@example.org", "id": 2}',
        "",
        '{"id": 3, "email": "ada@example.org", "late": null}',
    ]
    (tmp_path / "t.jsonl").write_text("\n".join(lines), encoding="utf-8")
    found = source(tmp_path, "t.jsonl")
    rows = answer(found, WANT)[0]
    nothing = dict.fromkeys(("total", "big", "tags", "ok", "empty", "late"))
    first = {"total": Decimal("8.90"), "big": 2**53 + 1, "tags": '["a", {"b": 1.10}]', "ok": True, "empty": ""}
    assert [list(r) for r in rows] == [["id", "email", "total", "big", "tags", "ok", "empty", "late"]] * 2
    assert rows == [{**nothing, "id": 1, "email": "Ada@Example.org", **first}, {**nothing, "id": 3, "email": "ada@example.org"}]


@pytest.mark.parametrize(
    ("text", "where"), [('{"id": 1}\n{"id": 2, "em', "line 2"), ("[1]\n", "line 1"), ('{"id": NaN}\n', "line 1"), ("ada@example.org\n", "line 1")]
)
def test_json_lines_that_are_not_whole_break_and_are_not_quoted(tmp_path, text, where):
    (tmp_path / "t.jsonl").write_text(text, encoding="utf-8")
    with pytest.raises(SourceBroken, match=where) as caught:
        answer(source(tmp_path, "t.jsonl"), WANT)
    assert "ada" not in str(caught.value)


def test_files_that_are_not_there_or_of_two_kinds(tmp_path):
    (tmp_path / "in").mkdir()
    for path in ("nowhere", "in/*.csv", "in"):
        with pytest.raises((SourceUnreachable, SourceBroken)):
            answer(source(tmp_path, path), WANT)
    (tmp_path / "in/a.csv").write_text("id\n1\n", encoding="utf-8")
    (tmp_path / "in/a.jsonl").write_text('{"id": 1}\n', encoding="utf-8")
    with pytest.raises(SourceBroken, match="several kinds"):
        answer(source(tmp_path, "in"), WANT)


@pytest.mark.parametrize("odd", ["2025.txt", "2025.xls", "2025.csv.zip", "2025.csv.bz2", "below/x.json", "README"])
def test_no_file_of_a_folder_is_left_out_unsaid(tmp_path, odd):
    (tmp_path / "in/below").mkdir(parents=True)
    (tmp_path / "in/a.csv").write_text("id,email\n1,ada@example.org\n", encoding="utf-8")
    (tmp_path / "in/below/b.csv.gz").write_bytes(gzip.compress(b"id,email\n2,ada@example.org\n"))
    rows = answer(source(tmp_path, "in"), WANT)[0]
    (tmp_path / "in" / odd).write_text("id,email\n3,ada@example.org\n", encoding="utf-8")
    with pytest.raises(SourceBroken, match=r"^world\.t: in: holds files of several kinds \(\.csv, .+|\(.+, \.csv\)"):
        answer(source(tmp_path, "in"), WANT)
    known = source(tmp_path, "in", url="in").schema()
    assert "several kinds" in known["t"].fault
    assert len(rows) == 2
    pattern = source(tmp_path, "in/**/*.csv*" if not odd.startswith("2025.csv") else "in/**/[ab].csv*")
    assert answer(pattern, WANT)[0] == rows


def test_a_folder_of_one_kind_that_is_only_read_by_name(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.txt").write_text("id,email\n1,ada@example.org\n", encoding="utf-8")
    assert answer(source(tmp_path, "in"), WANT)[0] == [{"id": "1", "email": "ada@example.org"}]


def test_a_half_written_file_of_a_folder_breaks_the_table(tmp_path):
    parquet(tmp_path / "in/a.parquet", ADA)
    (tmp_path / "in/b.parquet").write_bytes((tmp_path / "in/a.parquet").read_bytes()[:-9])
    with pytest.raises(SourceBroken):
        answer(source(tmp_path, "in"), WANT)


def test_folders_lying_beside_mapped_ones_are_listed(tmp_path):
    parquet(tmp_path / "lake/events/a.parquet", ADA)
    parquet(tmp_path / "lake/t/a.parquet", ADA)
    (tmp_path / "lake/people.jsonl").write_text('{"id": 1}\n', encoding="utf-8")
    found = source(tmp_path, None, url="lake")
    assert set(found.schema()) == {"events", "t", "people"}
    assert answer(found, WANT)[0] == [ADA]
    assert set(source(tmp_path, "lake/t", url="lake").schema()) == {"events", "t", "people"}


@pytest.fixture(scope="module")
def bucket():
    moto = pytest.importorskip("moto.server", reason="moto is not installed: pip install 'dsar[test]'")
    server = moto.ThreadedMotoServer("127.0.0.1", servers.free_port(), verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    known = {"AWS_ENDPOINT_URL": f"http://{host}:{port}", "AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s", "AWS_DEFAULT_REGION": "eu-west-2"}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in known.items():
            patch.setenv(name, value)
        import boto3

        boto3.client("s3").create_bucket(Bucket="lake", CreateBucketConfiguration={"LocationConstraint": "eu-west-2"})
        yield "s3://lake"
    server.stop()


def test_parquet_csv_and_json_lines_in_s3(tmp_path, bucket):
    from upath import UPath

    root = UPath(bucket)
    parquet(root / "orders/country=GB/a.parquet", ADA, bob(2))
    parquet(root / "orders/country=DE/b.parquet", {**ADA, "id": 4})
    (root / "people/a.csv").write_text("id,email,total\n1,Ada@Example.org,8.90\n", encoding="utf-8")
    with (root / "events.jsonl.gz").open("wb") as file:
        file.write(gzip.compress(b'{"id": 1, "email": "Ada@Example.org", "total": 8.90}\n'))
    assert answer(source(tmp_path, f"{bucket}/orders"), WANT)[0] == [{**ADA, "id": 4, "country": "DE"}, {**ADA, "country": "GB"}]
    assert answer(source(tmp_path, f"{bucket}/people/*.csv", types={"id": "integer", "total": "decimal(12,2)"}), WANT)[0] == [ADA]
    assert answer(source(tmp_path, f"{bucket}/events.jsonl.gz"), WANT)[0] == [ADA]
    assert set(source(tmp_path, f"{bucket}/orders", url=bucket).schema()) == {"t", "people", "events"}
    with pytest.raises(SourceUnreachable):
        answer(source(tmp_path, f"{bucket}/nowhere.parquet"), WANT)


@pytest.mark.slow
def test_more_than_a_thousand_files_in_s3_are_all_read(tmp_path, bucket):
    from upath import UPath

    root = UPath(bucket) / "many"
    root.fs.pipe({f"lake/many/{n:04}.csv": f"id,email,total\n{n},ada@example.org,\n".encode() for n in range(1_010)})
    found = source(tmp_path, f"{bucket}/many", types={"id": "integer"})
    assert sorted(r["id"] for r in answer(found, WANT)[0]) == list(range(1_010))
