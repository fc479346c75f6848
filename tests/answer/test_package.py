import hashlib
import json
import re
import subprocess
import zipfile
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from dsar import datamap, values
from dsar.answer import package
from tests.answer.frames import NASTY
from tests.answer.reading import frictionless

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def a_package(path, *tables, attached=()):
    details = {
        "page": b"<!doctype html>",
        "readme": "Hello\nthere",
        "title": "Your data",
        "request_id": "R-001",
        "controller": "Northwind",
        "created": NOW,
    }
    return zipfile.ZipFile(package.write(path, tables, attached, **details))


def a_table(name, frame, key=(), **columns):
    return package.DataTable(name, "Orders", frame, columns, key, ("6(1)(b)", "6(1)(ea)"), ("provided", "agent"), "To sell", "Order system")


def test_csv_and_json_to_the_byte():
    frame = values.frame(
        {"a": ["=1", "", None], "b": [1, 2, None], "c": [Decimal("1.10"), None, None], "d": [date(1890, 1, 2), None, None], "e": [True, False, None]}
    )
    assert package.to_csv(frame) == b'"a","b","c","d","e"\r\n"=1","1","1.10","1890-01-02","true"\r\n"","2",,,"false"\r\n,,,,\r\n'
    assert json.loads(package.to_json(frame)) == [
        {"a": "=1", "b": 1, "c": "1.10", "d": "1890-01-02", "e": True},
        {"a": "", "b": 2, "c": None, "d": None, "e": False},
        {"a": None, "b": None, "c": None, "d": None, "e": None},
    ]
    assert package.to_csv(values.frame({"a": ["x", None]})) == b'"a"\r\n"x"\r\n""\r\n'


def test_frictionless_and_sha256sum_accept_a_package_of_nasty_cells(tmp_path):
    zone = timezone(timedelta(hours=2))
    count = len(NASTY)
    frame = values.frame(
        {
            "id": list(range(count)),
            "text": NASTY,
            "long": [10**19 + n for n in range(count)],
            "total": [Decimal("40.62"), None] * (count // 2),
            "float": [0.1, 1e300, float("nan"), float("inf")] * (count // 4),
            "day": [date(1890, 1, 1)] * count,
            "naive": [datetime(2024, 1, 1, 12, 0, 0, 5)] * count,  # noqa: DTZ001
            "zoned": [datetime(1850, 1, 1, tzinfo=zone)] * count,
            "ok": [True, None] * (count // 2),
            "time": [datetime(2024, 1, 1, 12, tzinfo=UTC).time()] * count,
            "bytes": [b"\x00\xff", b""] * (count // 2),
            "none": [None] * count,
            "list": [json.loads(t) for t in ['["a", null]', "[]"]] * (count // 2),
        },
    )
    (tmp_path / "book.xlsx").write_bytes(b"PK not a workbook")
    (tmp_path / "out").mkdir()
    small = values.frame({"id": [], "x": []}, {"id": "integer", "x": "text"})
    with a_package(tmp_path / "p.zip", a_table("Orders", frame, ("id",)), a_table("Empty", small), attached=[tmp_path / "book.xlsx"]) as archive:
        archive.extractall(tmp_path / "out")
    assert frictionless(tmp_path / "out") == [[]]
    subprocess.run(["sha256sum", "--check", "--strict", "checksums.sha256"], cwd=tmp_path / "out", check=True, capture_output=True)
    (tmp_path / "out/data/orders.csv").write_bytes(b"cut")
    assert frictionless(tmp_path / "out") != [[]]


def test_the_descriptor_in_full(tmp_path):
    frame = values.frame({"id": [1], "total": [Decimal("1.10")]})
    column = datamap.Column(category="user.payment", label="Total", basis="6(1)(a)")
    with a_package(tmp_path / "p.zip", a_table("Orders", frame, ("id",), total=column)) as archive:
        assert archive.namelist() == ["README.txt", "index.html", "data/orders.csv", "data/orders.json", "datapackage.json", "checksums.sha256"]
        assert archive.read("README.txt") == b"Hello\r\nthere"
        csv, js = (archive.read(f"data/orders.{n}") for n in ("csv", "json"))
        assert json.loads(archive.read("datapackage.json")) == {
            "$schema": "https://datapackage.org/profiles/2.0/datapackage.json",
            "name": "portability-r-001",
            "title": "Your data",
            "description": "Open index.html or the workbook to read; these files are for other programs.",
            "created": "2026-11-23T12:00:00+00:00",
            "x-dsar:controller": "Northwind",
            "x-dsar:request": "R-001",
            "x-dsar:right": "https://w3id.org/dpv/legal/eu/gdpr#A20",
            "resources": [
                {
                    "name": "orders",
                    "title": "Orders",
                    "type": "table",
                    "path": "data/orders.csv",
                    "format": "csv",
                    "mediatype": "text/csv",
                    "encoding": "utf-8",
                    "bytes": len(csv),
                    "hash": f"sha256:{hashlib.sha256(csv).hexdigest()}",
                    "x-dsar:system": "Order system",
                    "x-dsar:purpose": "To sell",
                    "x-dsar:legalBasis": ["6(1)(b)", "6(1)(ea)"],
                    "x-dsar:hasLegalBasis": ["https://w3id.org/dpv/legal/eu/gdpr#A6-1-b"],
                    "x-dsar:origin": ["provided", "agent"],
                    "x-dsar:hasDataOrigin": ["https://w3id.org/dpv#ProvidedData"],
                    "x-dsar:hasDataSource": ["https://w3id.org/dpv#DataSubjectDataSource"],
                    "schema": {
                        "fields": [
                            {"name": "id", "title": "id", "type": "integer"},
                            {
                                "name": "total",
                                "title": "Total",
                                "type": "number",
                                "rdfType": "https://w3id.org/dpv/pd#Transaction",
                                "x-dsar:category": "user.payment",
                                "x-dsar:legalBasis": "6(1)(a)",
                                "x-dsar:hasLegalBasis": "https://w3id.org/dpv/legal/eu/gdpr#A6-1-a",
                            },
                        ],
                        "missingValues": [""],
                        "primaryKey": ["id"],
                    },
                },
                described("file-1", "README.txt", "text/plain", b"Hello\r\nthere"),
                described("file-2", "index.html", "text/html", b"<!doctype html>"),
                described("file-3", "data/orders.json", "application/json", js),
            ],
        }


@pytest.mark.parametrize("columns", [{"id": [1, None], "email": ["a@x.org", "a@x.org"]}, {"email": ["a@x.org", "a@x.org"]}])
def test_what_is_left_of_a_key_whose_part_stays_here_is_said_to_be_none(tmp_path, columns):
    with a_package(tmp_path / "p.zip", a_table("Orders", values.frame(columns), ("id", "email"))) as archive:
        archive.extractall(tmp_path / "out")
        assert "primaryKey" not in json.loads(archive.read("datapackage.json"))["resources"][0]["schema"]
    assert frictionless(tmp_path / "out") == [[]]


def described(name, path, mediatype, content):
    kind = path.rpartition(".")[2]
    seal = {"bytes": len(content), "hash": f"sha256:{hashlib.sha256(content).hexdigest()}"}
    return {"name": name, "type": "file", "path": path, "format": kind, "mediatype": mediatype, **seal}


def test_names_inside_are_safe_and_unique(tmp_path):
    names = ["Website visits", "website-visits", "CON", "a.b/../../c", "Rücksendungen", "Ordrer på nett", "日本", ".hidden"]
    with a_package(tmp_path / "p.zip", *(a_table(n, values.frame({"x": [1]})) for n in names)) as archive:
        inside = [n for n in archive.namelist() if n.endswith(".csv")]
        resources = json.loads(archive.read("datapackage.json"))["resources"]
    plain = ("website-visits", "website-visits-2", "con-records", "a-b-c", "ruecksendungen", "ordrer-pa-nett", "records", "hidden")
    assert inside == [f"data/{n}.csv" for n in plain]
    assert len({r["name"] for r in resources}) == len(resources)
    assert all(re.fullmatch(r"[a-z0-9._-]+", r["name"]) for r in resources)


def test_same_input_same_bytes_and_faults_of_the_caller(tmp_path):
    table = a_table("Orders", values.frame({"id": [1]}))
    a_package(tmp_path / "a.zip", table).close()
    a_package(tmp_path / "b.zip", table).close()
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    (tmp_path / "README.txt").write_text("x")
    with pytest.raises(ValueError, match="same name"):
        a_package(tmp_path / "c.zip", attached=[tmp_path / "README.txt"])
    with pytest.raises(ValueError, match="time zone"):
        package.write(tmp_path / "c.zip", [], [], page=b"", readme="", title="", request_id="", controller="", created=NOW.replace(tzinfo=None))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["README.txt", "a.zip", "b.zip"]
