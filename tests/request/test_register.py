"""The register on a real database: what is written comes back, nothing half, nobody overwrites anybody, and nothing is lost."""

import stat
import threading
import traceback
from contextlib import closing, suppress
from datetime import UTC, date, datetime
from unittest.mock import Mock
from uuid import uuid4

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from dsar.errors import BadEvent, BadRequests, ChangedMeanwhile, RegisterUnusable, UnknownRequest, WorkspaceMissing
from dsar.request import tables
from dsar.request.entry import Entry, entry
from dsar.request.events import Event
from dsar.request.identity import Identifier
from dsar.request.listed import HEADER
from dsar.request.register import Register
from dsar.request.request import Request
from tests import servers
from tests.worlds import datamap

MAP = datamap("""
[sources.shop.tables.orders]
match = { customer = "customer_id", email = "email" }
columns = ["id", "customer_id", "email"]
""")
NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
TODAY = date(2026, 11, 23)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'register.db'}"
        return
    server, name = servers.postgresql(), f"store_{uuid4().hex}"
    servers.execute(server, f"CREATE DATABASE {name}")
    yield server.set(database=name).render_as_string(hide_password=False)
    servers.execute(server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def register(url):
    made = Register.open(url, MAP.controller, lambda: NOW)
    yield made
    made.engine.dispose()


def line(**cells):
    usual = {"id": "", "received": "2026-11-02", "rights": "access", "identifiers": "email=ann@x.org", "channel": "e-mail"}
    return entry(usual | {n: "" for n in HEADER if n not in usual} | cells, MAP, TODAY)


def test_what_is_registered_comes_back_whole(register):
    added = register.add(
        [
            line(id="A", rights="erasure; access", identifiers="shop.customer=7; email=Ann@x.org", verified_on="2026-11-03", language="de"),
            line(identifiers="email=ben@x.org", channel="letter", requester="agent", reply_to="law@firm.example"),
        ],
        by="M. Aker",
        source="november.xlsx",
    )
    assert list(added) == ["A", "R-2026-0001"]
    assert register.cases() == added
    case = register.case("A")
    assert case.request == Request(
        "A",
        date(2026, 11, 2),
        ("erasure", "access"),
        (Identifier("shop.customer", "7", "verified"), Identifier("email", "ann@x.org", "verified")),
        date(2026, 11, 3),
        regime="uk",
        calendar="GB-ENG",
        language="de",
    )
    assert case.events == (
        Event("registered", TODAY, "M. Aker", NOW.isoformat(), details={"source": "november.xlsx"}),
        Event(
            "identity confirmed", date(2026, 11, 3), "M. Aker", NOW.isoformat(), details={"method": "at intake", "kinds": ["shop.customer", "email"]}
        ),
    )
    assert (case.version, case.channel, case.requester, case.language, case.state) == (1, "e-mail", "person", "de", "in work")
    other = register.case("R-2026-0001")
    assert (other.reply_to, other.requester, other.authority_settled, other.state) == ("law@firm.example", "agent", False, "identity to settle")
    with pytest.raises(UnknownRequest, match="the register: there is no such request — there are A, R-2026-0001"):
        register.case("B")


def test_nobody_registers_without_a_name(register):
    with pytest.raises(BadRequests, match="needs the name of who registers it"):
        register.add([line(id="A")], by=" ")
    assert register.cases() == {}


def test_all_are_registered_or_none(register):
    register.add([line(id="A")], by="M. Aker")
    with pytest.raises(BadRequests, match="an id stands in the register already"):
        register.add([line(id="B"), line(id="a")], by="M. Aker")
    assert list(register.cases()) == ["A"]


def test_the_same_person_is_noticed_whatever_the_spelling_and_so_is_the_same_letter(register):
    register.add([line(id="A", identifiers="email=ann@x.org; phone=020 7946 0001")], by="M")
    cases = register.add(
        [
            line(id="B", identifiers="phone=+44 20 7946 0001"),
            line(id="C", identifiers="email=cat@x.org"),
            Entry(line(id="D", identifiers="email=dan@x.org").request, letter_sha256="f" * 64),
            Entry(line(id="E", identifiers="email=cat@x.org").request, letter_sha256="f" * 64),
        ],
        by="M",
    )
    assert {i: c.duplicates for i, c in cases.items()} == {"B": ("A",), "C": (), "D": (), "E": ("C", "D")}


def test_two_analysts_do_not_overwrite_each_other(register):
    register.add([line(id="A")], by="M")
    mine, hers = register.case("A"), register.case("A")
    changed = register.record(hers, "acknowledged", by="F. Irst")
    with pytest.raises(ChangedMeanwhile, match="A: somebody else changed it since you looked — look at it again, then repeat"):
        register.record(mine, "acknowledged", by="S. Econd")
    assert [e.by for e in register.case("A").events] == ["M", "F. Irst"]
    assert register.record(changed, "fee asked", by="S. Econd", amount="10 GBP", why="further copy").version == 3


def test_forty_at_once_lose_nothing(register):
    register.add([line(id="A")], by="M")
    refused = []

    def one(n):
        for _ in range(200):
            with suppress(ChangedMeanwhile):
                register.record(register.case("A"), "acknowledged", by=f"analyst {n}")
                return
        refused.append(n)

    threads = [threading.Thread(target=one, args=(n,)) for n in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert refused == []
    case = register.case("A")
    assert sorted(e.by for e in case.events[1:]) == sorted(f"analyst {n}" for n in range(40))
    assert case.version == 41


def test_two_that_register_at_once_get_different_numbers(url):
    first, second = (Register.open(url, MAP.controller, lambda: NOW) for _ in range(2))
    threads = [threading.Thread(target=r.add, args=([line() for _ in range(10)],), kwargs={"by": "M"}) for r in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(first.cases()) == [f"R-2026-{n:04}" for n in range(1, 21)]
    first.engine.dispose()
    second.engine.dispose()


def test_identity_proved_by_an_event_holds_for_what_it_proved_and_no_other(register):
    register.add([line(id="A", identifiers="email=ann@x.org; phone=020 7946 0001")], by="M")
    case = register.case("A")
    case = register.record(case, "identity asked", by="M", on=date(2026, 11, 4), method="challenge code", doubt="a sender line proves nothing")
    assert (case.state, case.request.identity) == ("waiting for the requester", (date(2026, 11, 4), None))
    assert case.deadlines["access"].state == "waiting"
    mailbox = case.request.identifiers[0]
    case = register.record(case, "identity confirmed", by="M", on=date(2026, 11, 10), verified=[mailbox], method="challenge code", kinds=["email"])
    assert [i.standing for i in case.request.identifiers] == ["verified", "claimed"]
    assert (case.state, case.request.verified_on, case.deadlines["access"].start) == ("in work", date(2026, 11, 10), date(2026, 11, 10))
    case = register.record(case, "identity withdrawn", by="M", why="the mailbox turned out to be shared")
    assert (case.state, {i.standing for i in case.request.identifiers}) == ("identity to settle", {"claimed"})


@pytest.mark.parametrize(
    ("kind", "options", "said"),
    [
        ("phoned", {}, "'phoned' is no event of the register"),
        ("acknowledged", {"by": " "}, "acknowledged: an event needs the name of who records it"),
        ("acknowledged", {"on": date(2026, 11, 24)}, "acknowledged: the day must lie between receipt and today (2026-11-02 to 2026-11-23)"),
        ("acknowledged", {"on": date(2026, 11, 1)}, "acknowledged: the day must lie between receipt and today (2026-11-02 to 2026-11-23)"),
        ("acknowledged", {"note": "x"}, "acknowledged: note is not one of its details"),
        ("acknowledged", {"right": "access"}, "acknowledged: it is about the request as a whole"),
        ("decided", {"outcome": "granted"}, "decided: name the right it is about"),
        ("decided", {"right": "erasure", "outcome": "granted"}, "decided: nobody asked for erasure — the request asks for access"),
        ("decided", {"right": "access", "outcome": "maybe"}, "decided: outcome is not as it should be"),
        ("decided", {"right": "access", "outcome": "refused"}, "decided: a refusal needs grounds and because"),
        (
            "decided",
            {"right": "access", "outcome": "refused", "grounds": ["no time"], "because": "we have no time"},
            "decided: a refusal needs grounds",
        ),
        (
            "extended",
            {"right": "access", "reason": "many people asked", "because": "many people asked us"},
            "extended: reason is not as it should be",
        ),
        (
            "extended",
            {"right": "access", "reason": "complexity", "because": "many systems"},
            "extended: because is not as it should be — it is a reason in three words or more",
        ),
        ("deletion paused", {"owners": "crm"}, "deletion paused: owners is not as it should be — it is a list: a, b"),
        ("identity asked", {"method": "challenge code"}, "identity asked: lacks doubt"),
        ("identity asked", {"method": "passport copy", "doubt": "we do not know"}, "identity asked: method is not as it should be"),
        ("identity asked", {"method": "two facts", "doubt": "yes"}, "identity asked: doubt is not as it should be"),
    ],
)
def test_an_event_that_cannot_be_is_refused_and_leaves_no_trace(register, kind, options, said):
    register.add([line(id="A")], by="M")
    case = register.case("A")
    with pytest.raises(BadEvent) as caught:
        register.record(case, kind, **{"by": "M", **options})
    assert str(caught.value).startswith(said)
    assert register.case("A") == case


CSV = ",".join(HEADER) + "\nA,2026-11-02,access,email=ann@x.org,2026-11-03,\nB,2026-11-02,erasure,email=ben@x.org,,\n"


def test_requests_csv_is_taken_over_once_and_its_corrections_after(register, tmp_path):
    path = tmp_path / "requests.csv"
    path.write_text(CSV, encoding="utf-8")
    register.follow(path, MAP)
    first = register.cases()
    register.follow(path, MAP)
    assert register.cases() == first
    assert [e.kind for e in first["A"].events] == ["registered", "identity confirmed"]

    register.record(first["B"], "acknowledged", by="M")
    path.write_text(CSV.replace("2026-11-03", "") + "C,2026-11-04,access,email=cat@x.org,,\n", encoding="utf-8")
    register.follow(path, MAP)
    cases = register.cases()
    assert [e.kind for e in cases["A"].events] == ["registered", "identity confirmed", "corrected", "identity withdrawn"]
    assert cases["A"].request.identity_settled is False
    assert cases["A"].events[2].details == {"fields": ["identifiers", "verified_on"], "source": "requests.csv"}
    assert [e.kind for e in cases["B"].events] == ["registered", "acknowledged"]
    assert list(cases) == ["A", "B", "C"]

    path.write_text(CSV, encoding="utf-8")
    register.follow(path, MAP)
    assert list(register.cases()) == ["A", "B", "C"]  # a line taken out deletes no request


def test_a_corrected_line_does_not_undo_a_check_made_since(register, tmp_path):
    path = tmp_path / "requests.csv"
    path.write_text(CSV, encoding="utf-8")
    register.follow(path, MAP)
    case = register.case("B")
    register.record(case, "identity confirmed", by="M", verified=case.request.identifiers, method="two facts", kinds=["email"])
    path.write_text(CSV.replace("B,2026-11-02,erasure,email=ben@x.org", "B,2026-11-02,access,email=ben@x.org; email=new@x.org"), encoding="utf-8")
    register.follow(path, MAP)
    case = register.case("B")
    assert (case.request.rights, case.request.verified_on) == (("access",), TODAY)
    assert [(i.value, i.standing) for i in case.request.identifiers] == [("ben@x.org", "verified"), ("new@x.org", "claimed")]
    assert [e.kind for e in case.events] == ["registered", "identity confirmed", "corrected"]


def test_a_bad_line_in_requests_csv_changes_nothing(register, tmp_path):
    path = tmp_path / "requests.csv"
    path.write_text(CSV + "C,2026-12-24,access,email=cat@x.org,,\n", encoding="utf-8")
    with pytest.raises(BadRequests, match="line 4: received is in the future"):
        register.follow(path, MAP)
    assert register.cases() == {}


def test_the_secret_is_made_once(register):
    assert len({register.secret for _ in range(3)}) == 1
    assert len(register.secret) == 64


def kept(register):
    """Return the key that lies in the register itself."""
    with register.engine.connect() as connection:
        return tables.note(connection, "secret")


def of(url, home):
    return Register.open(url, MAP.controller, lambda: NOW, home=home)


def test_the_secret_of_a_workspace_moves_to_its_keys_and_is_missed_there(register, url, tmp_path):
    before, home = register.secret, tmp_path / "home"
    moved = of(url, home)
    assert {moved.secret for _ in range(3)} == {before}
    assert (home / "secrets/register.key").read_bytes().hex() == before
    assert kept(register) == ""
    (home / "secrets/register.key").unlink()
    with pytest.raises(WorkspaceMissing, match="the key 'register' is not there"):
        _ = moved.secret  # never another: the ledger would seem changed, and no code would be right
    with pytest.raises(RegisterUnusable, match=r"another workspace, or the key is lost — .* bring back its key `register.key`"):
        of(url, home)
    moved.engine.dispose()
    fresh = of(f"sqlite:///{tmp_path / 'fresh.db'}", tmp_path / "other")
    assert (len(fresh.secret), kept(fresh)) == (64, "")
    fresh.engine.dispose()


def test_a_register_and_a_workspace_go_together(url, tmp_path):
    for _ in range(2):
        of(url, tmp_path / "ours").engine.dispose()
    with pytest.raises(RegisterUnusable, match="this register belongs to another workspace"):
        of(url, tmp_path / "theirs")
    of(f"sqlite:///{tmp_path / 'theirs.db'}", tmp_path / "theirs").engine.dispose()
    with pytest.raises(RegisterUnusable, match="this register belongs to another workspace — check DSAR_REGISTER"):
        of(url, tmp_path / "theirs")
    with pytest.raises(RegisterUnusable, match="the requests of this workspace stand in another register — check DSAR_REGISTER"):
        of(f"sqlite:///{tmp_path / 'new.db'}", tmp_path / "ours")


def test_a_register_that_does_not_know_whose_it_is_is_whose_key_it_has(url, tmp_path):
    of(url, tmp_path / "ours").engine.dispose()
    with closing(tables.connect(url).connect()) as connection:
        connection.execute(sa.update(tables.META).where(tables.META.c.key == "secret is with the keys").values(value="1"))
        connection.commit()
        connection.engine.dispose()
    of(url, tmp_path / "ours").engine.dispose()
    with pytest.raises(RegisterUnusable, match="another workspace"):
        of(url, tmp_path / "theirs")


@pytest.mark.parametrize("at", ["write_atomic", "set_note"])
def test_a_kill_while_the_key_is_made_is_completed_by_the_next(url, tmp_path, monkeypatch, at):
    with monkeypatch.context() as patched:
        if at == "write_atomic":
            patched.setattr("dsar.files.write_atomic", Mock(side_effect=KeyboardInterrupt))
        else:
            real = tables.set_note
            patched.setattr(tables, "set_note", lambda c, key, value: real(c, key, value) if value else 1 / 0)
        with pytest.raises((KeyboardInterrupt, ZeroDivisionError)):
            of(url, tmp_path / "ours")
    made = of(url, tmp_path / "ours")
    assert (made.secret, kept(made)) == ((tmp_path / "ours/secrets/register.key").read_bytes().hex(), "")
    made.engine.dispose()


def test_the_migrations_make_exactly_these_tables(register):
    with register.engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, tables.METADATA) == []
        assert context.get_current_revision() == tables.HEAD


def test_a_register_of_a_newer_version_is_left_alone(register, url):
    with register.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = 'z9'")
    with pytest.raises(RegisterUnusable, match="the register was made by a newer version of this toolkit"):
        Register.open(url, MAP.controller, lambda: NOW)


def test_what_cannot_be_opened_is_one_line_without_the_password(tmp_path):
    for url in (
        "postgresql+nodriver://ann:secret@localhost/x",
        "postgresql+psycopg://ann:secret@localhost:54x/x",
        f"sqlite:///{tmp_path}/none/x.db",
        "nonsense",
    ):
        with pytest.raises(RegisterUnusable) as caught:
            Register.open(url, MAP.controller, lambda: NOW)
        assert "secret" not in str(caught.value)
        assert str(caught.value).startswith("the register cannot be opened (")
    (tmp_path / "text.db").write_text("not a database, but long enough to be looked at as one " * 20)
    with pytest.raises(RegisterUnusable):
        Register.open(f"sqlite:///{tmp_path / 'text.db'}", MAP.controller, lambda: NOW)


def test_what_a_server_refuses_is_one_line_without_a_value(tmp_path):
    server, name = servers.postgresql(), f"store_{uuid4().hex}"
    servers.execute(server, f"CREATE DATABASE {name}")
    address = server.set(database=name)
    made = of(address.render_as_string(hide_password=False), tmp_path)
    made.add([line(id="A")], by="M. Aker", source="one.csv")
    servers.execute(address, "GRANT USAGE ON SCHEMA public TO reader", "GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader")
    reads = of(address.set(username="reader").render_as_string(hide_password=False), tmp_path)
    assert list(reads.cases()) == ["A"]
    asked = [line(identifiers="email=kim@x.org")]
    with pytest.raises(RegisterUnusable, match=r"refuses or does not answer \(ProgrammingError\) — check that the database") as refused:
        reads.add(asked, by="M. Aker", source="two.csv")
    assert "kim" not in "".join(traceback.format_exception(refused.value))
    servers.execute(server, f"DROP DATABASE {name} WITH (FORCE)")
    with pytest.raises(RegisterUnusable, match=r"refuses or does not answer \(OperationalError\)"):
        made.cases()


def test_no_error_of_the_database_quotes_what_was_to_be_written(register):
    of_none = {"request": "none", "place": 0, "kind": "email", "value": "kim@x.org", "standing": "claimed"}
    with pytest.raises(sa.exc.IntegrityError) as refused, register.engine.begin() as connection:
        connection.execute(sa.insert(tables.IDENTIFIERS), of_none)
    assert "kim" not in str(refused.value)


def test_only_its_owner_may_read_it(tmp_path):
    Register.open(f"sqlite:///{tmp_path / 'r.db'}", MAP.controller, lambda: NOW).engine.dispose()
    assert stat.S_IMODE((tmp_path / "r.db").stat().st_mode) == 0o600
