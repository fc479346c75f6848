"""Whether the register is what the ledger told of it last: whatever plain SQL does to `register.db` is found, and named without a value."""

import sqlite3

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from dsar import cli
from dsar.errors import DeliveryRefused
from dsar.keep import tally
from dsar.keep.ledger import Entry
from dsar.run.batch import batch
from dsar.workspace import Workspace
from tests.test_workspace import MAP, REQUESTS, ws  # noqa: F401 - the same small workspace
from tests.worlds import NOW, datamap

CONFIRMED = """'C', '', '2026-11-03', 'M', 'identity confirmed', '', '{"method": "document seen", "kinds": ["email"]}'"""
AS_IT_WAS = "version, received, channel, requester, reply_to, language, regime, calendar, 'we know him well', handler, NULL, NULL, registered_at"
BEHIND = {
    "an identifier": ("UPDATE identifiers SET value = 'mallory@evil.example' WHERE request = 'A'", "A", "what it is known by"),
    "one more identifier": ("INSERT INTO identifiers VALUES ('A', 'email', 'mallory@evil.example', 'verified', 7)", "A", "what it is known by"),
    "a standing": ("UPDATE identifiers SET standing = 'verified' WHERE request = 'C'", "C", "how far that is proved"),
    "the identifiers": ("DELETE FROM identifiers WHERE request = 'A'", "A", "what it is known by"),
    "the day": ("UPDATE requests SET received = '2026-11-20' WHERE id = 'A'", "A", "its line"),
    "the address": ("UPDATE requests SET reply_to = 'mallory@evil.example' WHERE id = 'A'", "A", "its line"),
    "the doubt": ("UPDATE requests SET no_reasonable_doubt = 'we know her well' WHERE id = 'C'", "C", "its line"),
    "a right": ("DELETE FROM rights WHERE request = 'A' AND name = 'erasure'", "A", "its rights"),
    "one more right": ("INSERT INTO rights VALUES ('A', 'access', 9)", "A", "its rights"),
    "the request": ("DELETE FROM requests WHERE id = 'A'", "A", "its line"),
    "an event below the first": (f"INSERT INTO events VALUES (0, {CONFIRMED})", "C", "event 0"),
    "an event far below": (f"INSERT INTO events VALUES (-9, {CONFIRMED})", "C", "event -9"),
    "who did it": ("UPDATE events SET by = 'mallory' WHERE kind = 'identity confirmed' AND request = 'A'", "A", "was changed since"),
    "what was done": ("UPDATE events SET kind = 'handed over' WHERE kind = 'identity confirmed' AND request = 'A'", "A", "was changed since"),
    "its day": ("UPDATE events SET \"on\" = '2026-01-01' WHERE kind = 'identity confirmed' AND request = 'A'", "A", "was changed since"),
    "how it was done": ("UPDATE events SET details = '{}' WHERE kind = 'identity confirmed' AND request = 'A'", "A", "was changed since"),
    "an event moved": ("UPDATE events SET request = 'C' WHERE kind = 'identity confirmed' AND request = 'A'", "C", "event"),
    "a request without any": (
        f"INSERT INTO requests SELECT 99, 'M', 'm', {AS_IT_WAS} FROM requests WHERE id = 'A'",
        "M",
        "no line of the ledger tells",
    ),
    "lines without a request": ("INSERT INTO rights VALUES ('M', 'access', 0)", "M", "no line of the ledger tells"),
}


def anew(space):
    return Workspace(space.root, space.datamap, space.clock)


def behind(space, *statements):
    """Change the register with nothing but SQL, as who knows nothing of this toolkit, and open the workspace again."""
    space.register.engine.dispose()
    with sqlite3.connect(space.root / "register.db") as connection:
        for statement in statements:
            assert connection.execute(statement).rowcount > 0
    connection.close()
    return anew(space)


def faults(space):
    return space.ledger.verify() + tally.differences(space.ledger, space.register)


@pytest.mark.parametrize("what", BEHIND)
def test_whatever_is_changed_in_the_register_is_found_and_named(ws, what):  # noqa: F811
    assert faults(ws) == []
    statement, request, part = BEHIND[what]
    found = [str(f) for f in faults(behind(ws, statement))]
    assert any(request in line.replace(",", "").replace(":", "").split() and part in line for line in found), found
    assert not any(word in line for line in found for word in ("mallory", "x.org", "well"))
    assert tally.changed(anew(ws).ledger, anew(ws).register).keys() >= {request}


def test_an_event_in_a_gap_is_found(ws):  # noqa: F811
    number = next(n for n, request, _ in ws.register.events() if request == "B")
    ws.ledger.add([Entry("register line purged", "B", "M. Aker", {"stage": "register"})])
    ws.register.purge("B", ws.root / "requests.csv")
    assert faults(ws) == []
    space = behind(ws, f"INSERT INTO events VALUES ({number}, {CONFIRMED})")
    assert [str(f) for f in faults(space)] == [f"the register has an event of C that no line tells of: event {number}"]


def test_what_the_register_does_itself_is_no_fault(ws):  # noqa: F811
    from dsar.request.identity import Identifier

    register = ws.register
    case = register.claim(register.case("C"), [Identifier("email", "new@x.org", "claimed")], by="M. Aker")
    case = register.record(case, "identity confirmed", by="M. Aker", verified=case.request.identifiers, method="call back", kinds=["email"])
    case = register.record(case, "identity withdrawn", by="M. Aker", why="the wrong person called")
    register.record(case, "handed over", by="M. Aker", handler="T. Lead")
    (ws.root / "requests.csv").write_text(REQUESTS.replace("bob@x.org", "rob@x.org").replace("C,2026-11-02", "C,2026-11-04"))
    space = anew(ws)
    ws.add(by="M. Aker", received="2026-11-05", channel="letter", requester="person", rights="access", identifiers="email=kim@x.org")
    assert faults(space) == []
    space.ledger.restart(Entry("ledger restarted", "", "T. Lead", {"why": "to see what the new one tells"}))
    assert faults(anew(space)) == []


def test_a_register_line_that_was_purged_is_no_fault_and_what_lies_under_its_id_afterwards_is(ws):  # noqa: F811
    assert faults(ws) == []
    ws.ledger.add([Entry("register line purged", "A", "M. Aker", {"stage": "register"})])
    assert faults(ws) == [], "the run was killed in between: its line is there as it was"
    space = behind(ws, "UPDATE identifiers SET standing = 'derived' WHERE request = 'A'")
    assert [f.what for f in faults(space)] == ["what the register holds of A was changed since: how far that is proved"]
    space.register.purge("A", space.root / "requests.csv")
    assert faults(space) == []
    space = behind(space, "INSERT INTO rights VALUES ('A', 'access', 0)")
    assert [f.what for f in faults(space)] == ["the register holds lines of A again, which was purged"]


def test_a_number_is_never_given_twice_though_the_last_events_were_purged(ws):  # noqa: F811
    space = anew(ws)
    assert faults(space) == []
    space.ledger.add([Entry("register line purged", "C", "M. Aker", {"stage": "register"})])
    space.register.purge("C", space.root / "requests.csv")
    space.add(by="M. Aker", received="2026-11-05", channel="letter", requester="person", rights="access", identifiers="email=kim@x.org")
    assert [line["what"] for line in space.ledger.lines()][-2:] == ["register line purged", "registered"]
    assert faults(space) == []


def test_an_older_ledger_verifies_as_before_and_says_from_where_on_the_state_is_compared(ws, monkeypatch):  # noqa: F811
    with monkeypatch.context() as older:
        older.setattr("dsar.request.register.Register.states", lambda *_: {})
        assert faults(ws) == []
    assert tally.covered(ws.ledger) == (0, 3)
    space = behind(ws, "UPDATE identifiers SET standing = 'verified' WHERE request = 'C'")
    assert faults(space) == [], "it was told by nobody"
    space.register.record(space.register.case("A"), "acknowledged", by="M. Aker")
    line = space.ledger.head.n
    assert tally.covered(space.ledger) == (line, 2)
    monkeypatch.setattr("dsar.open", lambda *_: space)
    done = CliRunner().invoke(cli.app, ["ledger", "verify"])
    assert done.exit_code == 0
    assert f"from line {line} on; 2 requests have had no event since" in " ".join(done.output.split())


def test_no_answer_leaves_and_no_notebook_runs_for_a_request_that_was_changed_behind_the_ledger(ws, monkeypatch):  # noqa: F811
    ws.collect_all(list(ws.requests.values()))
    space = behind(ws, "UPDATE identifiers SET value = 'mallory@evil.example' WHERE request = 'A'")
    with pytest.raises(DeliveryRefused, match=r"^A: the register and the ledger differ: .*: what it is known by — `dsar ledger verify`"):
        space.deliver(space.request("A"))
    monkeypatch.setattr("dsar.run.batch.run_all", lambda jobs, *_: [])
    found = batch(space, [space.request("A"), space.request("C")])
    assert {(r.request, r.state) for r in found} == {("A", "failed"), ("C", "waiting")}
    assert "the register and the ledger differ" in found[0].why


def test_a_thousand_requests_are_compared_in_one_pass(tmp_path):
    lines = "".join(f"R-{n},2026-11-02,access,email=p{n}@x.org,2026-11-03,\n" for n in range(1_000))
    (tmp_path / "requests.csv").write_text(REQUESTS.splitlines()[0] + "\n" + lines)
    space = Workspace(tmp_path, datamap(MAP, tmp_path), lambda: NOW)
    assert len(space.requests) == 1_000
    statements = []

    def note(_connection, _cursor, statement, *_):
        statements.append(statement)

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        assert tally.changed(space.ledger, space.register) == {}
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)
    assert 0 < len(statements) < 20
