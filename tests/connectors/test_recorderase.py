"""Records of a service deleted by its documented call: compared before, looked for after; what the service says is not believed."""

from dataclasses import replace

import pytest

from dsar import values
from dsar.errors import SourceUnreachable
from dsar.source import Change, Keys, Rows
from tests.connectors.test_rest import source
from tests.rest_server import serving


def service(people, *, obeys=True, status=204):
    def people_route(asked):
        number = asked.path.rpartition("/")[2]
        found = [p for p in people if str(p["id"]) == number]
        if asked.method == "DELETE" and found:
            if obeys:
                people.remove(found[0])
            return status, b"" if status == 204 else {"removed": True}
        return (200, found[0]) if found else (404, {})

    return {"/people": people_route, "/probe": lambda _: (200, {})}


LOOK_UP = {"look_up": {"person": {"path": "/people/{value}", "absent": True}}, "probe": "/probe", "delete": {"path": "/people/{value}"}}


def opened(folder, server, rest=LOOK_UP, **more):
    table = {"match": {"person": "id"}, "columns": ["id", "email"], "rest": rest}
    return source(folder, server.url, table, write_url=server.url, **more)


def erase(reading, key):
    [row] = [row for part in reading.read(Keys("t", ((key,),))) if isinstance(part, Rows) for row in values.rows(part.frame)]
    return Change((f"E-{key}",), "t", (key,), values.row_hash(row))


def run(reading, changes, *, commit=True):
    with reading.eraser().begin(changes, commit=commit) as made:
        return [made.apply(c) for c in changes]


def people():
    return [{"id": 1, "email": "ann@x.org"}, {"id": 2, "email": "bob@x.org"}]


@pytest.mark.parametrize("status", [200, 202, 204])
def test_a_record_is_deleted_once_and_only_that_one(tmp_path, status):
    stored = people()
    with serving(service(stored, status=status)) as server:
        reading = opened(tmp_path, server)
        planned = erase(reading, 1)
        assert [r.state for r in run(reading, [planned], commit=False)] == ["done"]
        assert len(stored) == 2
        assert [r.state for r in run(reading, [planned])] == ["done"]
        assert stored == [{"id": 2, "email": "bob@x.org"}]
        assert [r.state for r in run(reading, [planned])] == ["already"]
        assert [(a.method, a.path) for a in server.asked if a.method == "DELETE"] == [("DELETE", "/people/1")]


def test_a_service_that_says_it_deleted_and_did_not_is_found_out(tmp_path):
    stored = people()
    with serving(service(stored, obeys=False, status=200)) as server:
        reading = opened(tmp_path, server)
        [result] = run(reading, [erase(reading, 1)])
    assert result.state == "refused"
    assert "says that it is done" in result.why


def test_a_record_that_changed_since_is_left(tmp_path):
    stored = people()
    with serving(service(stored)) as server:
        reading = opened(tmp_path, server)
        planned = erase(reading, 1)
        stored[0]["email"] = "new@x.org"
        assert [r.state for r in run(reading, [planned])] == ["changed since"]
        assert len(stored) == 2
        stored[0]["email"] = "ann@x.org"
        assert [r.state for r in run(reading, [replace(planned, new={"email": None}, rest="x")])] == ["refused"]


def test_without_a_documented_call_or_an_address_to_write_to_nothing_is_deleted(tmp_path):
    stored = people()
    with serving(service(stored)) as server:
        reading = opened(tmp_path, server, {k: v for k, v in LOOK_UP.items() if k != "delete"})
        [result] = run(reading, [erase(reading, 1)])
        assert (result.state, "no call that deletes" in result.why) == ("refused", True)
        with pytest.raises(SourceUnreachable, match="no address under which records may be changed"):
            source(tmp_path, server.url, {"match": {"person": "id"}, "columns": ["id", "email"], "rest": LOOK_UP}).eraser()
    assert len(stored) == 2


@pytest.mark.parametrize("fault", [(500, {}), (403, {}), (404, {})])
def test_a_refusal_is_told_and_the_next_run_tries_again(tmp_path, fault):
    stored = people()
    with serving(service(stored)) as server:
        reading = opened(tmp_path, server)
        planned = erase(reading, 1)
        server.faults = [None, fault]
        [result] = run(reading, [planned])
        assert result.state == "refused"
        assert [r.state for r in run(reading, [planned])] == ["done"]
    assert stored == [{"id": 2, "email": "bob@x.org"}]
