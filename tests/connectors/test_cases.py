"""The toolkit's own records as a source: the suite on the register's database, and an old request found by a new one."""

from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from connectors.cases import Cases
from dsar.erase import suppress
from dsar.errors import NotOffered
from dsar.run import erasure, purge
from dsar.source import Everyone, Keys, Match, Others, Settings, Text, Want
from dsar.workspace import Workspace, maps
from tests import servers
from tests.connectors.engines import OnSqlite
from tests.run import erasing
from tests.run.test_erasure import ruled
from tests.source_suite import answer

MAP = (Path(__file__).parents[2] / "connectors/maps/cases.toml").read_text(encoding="utf-8")


class TestOnTheRegister(OnSqlite):
    database = "register.db"

    def connect(self, settings):
        return Cases(settings)

    def url(self, folder):
        return ""  # the workspace's own


@pytest.fixture(params=["sqlite", "postgresql"])
def desk(tmp_path, request, monkeypatch):
    """Ann's old request, answered and closed; Bob's; and Ann's new one; the register in the workspace, or on a server."""
    if request.param == "postgresql":
        name = f"register_{uuid4().hex}"
        servers.execute(servers.postgresql(), f"CREATE DATABASE {name}")
        monkeypatch.setenv("DSAR_REGISTER", servers.postgresql().set(database=name).render_as_string(hide_password=False))
    erasing.build(tmp_path, people=("ann@x.org", "bob@x.org"), rights="access", change=MAP)
    with (tmp_path / "requests.csv").open("a") as file:
        file.write("A-9,2026-11-20,access,email=ANN@x.org,2026-11-20,\n")
    ws = erasing.opened(tmp_path)
    old = ws.request("A-1")
    (ws.case(old) / "letters").mkdir()
    (ws.case(old) / "letters" / "A-1_answer.pdf").write_bytes(b"answer")
    suppress.add(ws.root, ws.datamap, old, "newsletter", ws.clock())
    ws.register.record(ws.register.case("A-1"), "closed", by="A. Nalyst", outcome="granted")
    return ws


def keys_of(dossier, table):
    return [row["key"] for row in dossier.records()[f"cases.{table}"]["rows"]]


def test_a_new_request_finds_the_old_one_and_never_itself(desk):
    dossier = desk.collect(desk.request("A-9"))
    assert keys_of(dossier, "identifiers") == [["A-1", "email", "ann@x.org"]]
    assert keys_of(dossier, "requests") == ["A-1"]
    assert keys_of(dossier, "files") == [["A-1", "letters/A-1_answer.pdf"]]
    assert len(keys_of(dossier, "suppressed")) == 1
    kinds = [row["kind"] for row in dossier["cases.events"].to_dict("records")]
    assert kinds == ["registered", "identity confirmed", "closed"]
    assert {r["standing"] for t in ("identifiers", "requests", "events", "files") for r in dossier.records()[f"cases.{t}"]["rows"]} == {"found"}


def test_nobody_elses_request_is_found(desk):
    dossier = desk.collect(desk.request("A-2"))
    assert [keys_of(dossier, t) for t in ("identifiers", "requests", "files", "events", "suppressed")] == [[]] * 5


def test_the_map_knows_every_column_the_register_has(desk):
    from dsar.find.survey import survey

    assert [p for p in survey(desk.datamap, desk.sources()) if "cases" in p.table] == []


def test_the_list_of_the_unwritten_to_is_found_by_address_after_the_request_is_purged(desk):
    later = Workspace(desk.root, desk.datamap, lambda: erasing.NOW + timedelta(days=1_200))
    case = later.register.record(later.register.case("A-9"), "closed", by="A. Nalyst", outcome="withdrawn")
    assert case.closed
    purge.purge(later, ["A-1", "A-9"], by="A. Nalyst")
    with (desk.root / "requests.csv").open("a") as file:
        file.write("A-10,2030-01-02,access,email=ann@x.org,2030-01-02,\n")
    later = Workspace(desk.root, desk.datamap, lambda: erasing.NOW + timedelta(days=1_200))
    dossier = later.collect(later.request("A-10"))
    assert keys_of(dossier, "requests") == ["A-9"]  # closed only now, and so still kept
    assert [row["email"] for row in dossier["cases.suppressed"].to_dict("records")] == ["ann@x.org"]


def test_an_erasure_keeps_its_own_record_and_a_later_request_is_no_fault(tmp_path):
    ws = erasing.build(tmp_path, change=MAP)
    request = ruled(ws, ws.request("A-1"))
    erasure.dry_run(ws, [request])
    erasure.execute(ws, [request], by="A. Nalyst")
    assert erasure.verify(ws, [request])["A-1"].passed
    with (tmp_path / "requests.csv").open("a") as file:
        file.write("A-9,2026-11-20,access,email=ann@x.org,2026-11-20,\n")
    ws = Workspace(tmp_path, maps.read(tmp_path / "dsar.toml"), ws.clock)
    assert erasure.verify(ws, [ws.request("A-1")])["A-1"].passed


def test_the_tables_of_its_own_answer_keys_and_counts(desk):
    source = Cases(Settings("cases", desk.datamap.sources["cases"], desk.root, "GB"))
    place = "letters/A-1_answer.pdf"
    assert [r["bytes"] for r in answer(source, Keys("files", (("A-1", place), ("A-2", place))))[0]] == [6]
    assert [(r["value"], r["rows"]) for r in answer(source, Others("files", "request", ("A-1", "A-2")))[0]] == [("A-1", 1)]
    assert answer(source, Match("files", (Want("x", "cases.request", "A-2"),)))[0] == []
    assert answer(source, Match("suppressed", (Want("x", "email", "bob@x.org"),)))[0] == []
    for ask in (Text("files", (), ("x",)), Everyone("files", ("place",))):
        with pytest.raises(NotOffered):
            list(source.read(ask))
