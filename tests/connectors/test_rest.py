"""Services asked as the map says: pages, errors, hostile identifiers; and the promise of a source on a service."""

import time
from contextlib import contextmanager, nullcontext
from dataclasses import replace

import pytest

from connectors.rest import Rest, flat
from dsar import datamap, kinds, restmap, values
from dsar.errors import BadMap, SourceBroken, SourceUnreachable
from dsar.source import Done, Malformed, Match, Rows, Settings, Want
from tests import worlds
from tests.rest_server import serving
from tests.source_suite import SourceSuite, answer


def source(folder, url, table, **more):
    table = {"label": "T", "activity": "a", "key": ["id"], "match": {"email": "email"}, **table}
    table["columns"] = {c: {"category": "user"} for c in table["columns"]}
    declared = {"connector": "rest", "label": "S", "owner": "o", "url": url, "tables": {"t": table}, "rest": {"per_second": 1000}, **more}
    return Rest(Settings("shop", datamap.Source.model_validate(declared), folder, "GB"))


WANT = Match("t", (Want("a", "email", "ada@example.org"),))
PEOPLE = [{"id": n, "email": "Ada@Example.org" if n % 2 else "bob@example.org"} for n in range(1, 8)]
ADA = [p for p in PEOPLE if p["email"] == "Ada@Example.org"]


def by_email(asked):
    return [p for p in PEOPLE if p["email"].lower() == asked.query["email"]]


def cursor(asked):
    found, start = by_email(asked), int(asked.query.get("after", 0))
    following = {"next": {"after": str(start + 2)}} if start + 2 < len(found) else {}
    return 200, {"results": found[start : start + 2], "paging": following}


def last(asked):
    found = by_email(asked)
    start = next((n + 1 for n, p in enumerate(found) if str(p["id"]) == asked.query.get("starting_after")), 0)
    return 200, {"results": found[start : start + 2], "has_more": start + 2 < len(found)}


def offset(asked):
    found, start = by_email(asked), int(asked.query.get("offset", 0))
    return 200, {"results": found[start : start + 2], "total_items": len(found)}


def link(asked):
    found, start = by_email(asked), int(asked.query.get("page", 0))
    following = {"Link": f'</things?email=ada%40example.org&page={start + 2}>; rel="next"'} if start + 2 < len(found) else {}
    return 200, found[start : start + 2], following


KINDS = {
    "cursor": (cursor, "results", {"by": "cursor", "parameter": "after", "next": "paging.next.after"}),
    "last": (last, "results", {"by": "last", "parameter": "starting_after", "more": "has_more"}),
    "offset": (offset, "results", {"by": "offset", "parameter": "offset", "total": "total_items"}),
    "link": (link, "", {"by": "link"}),
}


def things(kind):
    route, records, pages = KINDS[kind]
    look_up = {"path": "/things", "query": {"email": "{value}"}, "records": records, "pages": pages}
    return route, {"columns": ["id", "email"], "rest": {"look_up": {"email": look_up}}}


@pytest.mark.parametrize("kind", KINDS)
def test_all_pages_are_read(tmp_path, kind):
    route, table = things(kind)
    with serving({"/things": route}) as server:
        assert answer(source(tmp_path, server.url, table), WANT)[0] == ADA
        assert len(server.asked) == 2


FAULTS = {
    "401": (401, {"message": "ada@example.org"}),
    "403": (403, {}),
    "404": (404, {}),
    "400": (400, {}),
    "500": (500, {"message": "ada@example.org"}),
    "redirect": (302, {}, {"Location": "/elsewhere"}),
    "empty": (200, b""),
    "no JSON": (200, b"<html>ada@example.org</html>"),
    "half JSON": (200, b'{"results": [{"id": 1, "email": "ada@example.org"}'),
    "half a page": (200, b'{"results": [{"id": 1}', {"Content-Length": "5000"}),
    "another shape": (200, {"error": "none"}),
    "a list of texts": (200, {"results": ["ada@example.org"]}),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("page", [0, 1])
def test_a_fault_on_any_page_fails_the_read_and_is_not_quoted(tmp_path, kind, fault, page, monkeypatch):
    monkeypatch.setattr(time, "sleep", lambda _: None)
    route, table = things(kind)
    with serving({"/things": route}) as server:
        server.faults = [None] * page + [FAULTS[fault]] * 20
        if kind == "link" and fault in {"another shape", "a list of texts"}:
            # One object is one record where the answer itself is the list: it bears nothing that was asked for, and is told.
            assert [p.count for p in source(tmp_path, server.url, table).read(WANT) if isinstance(p, Malformed)] == [1]
            return
        with pytest.raises(SourceBroken) as caught:
            answer(source(tmp_path, server.url, table), WANT)
        assert "ada" not in str(caught.value)


def test_the_service_is_asked_again_when_it_says_so(tmp_path, monkeypatch):
    route, table = things("cursor")
    waits = []
    monkeypatch.setattr("httpx_retries.retry.time.sleep", waits.append)
    with serving({"/things": route}) as server:
        server.faults = [(429, {}, {"Retry-After": "7"}), (503, {}), None, (502, {})]
        assert answer(source(tmp_path, server.url, table), WANT)[0] == ADA
        assert len(server.asked) == 5
    assert waits[0] == 7


def test_calls_are_paced_and_bounded(tmp_path):
    route, table = things("cursor")
    with serving({"/things": route}) as server:
        start = time.monotonic()
        answer(source(tmp_path, server.url, table, rest={"per_second": 4}), WANT)
        assert time.monotonic() - start >= 0.25
        with pytest.raises(SourceBroken, match="more than 1 calls"):
            answer(source(tmp_path, server.url, table, rest={"calls": 1, "per_second": 1000}), WANT)


def test_pages_that_repeat_or_are_missing_fail(tmp_path):
    _, table = things("cursor")
    endless = {"results": ADA[:1], "paging": {"next": {"after": "1"}}}
    with serving({"/things": lambda _: (200, endless)}) as server, pytest.raises(SourceBroken, match="repeats a page"):
        answer(source(tmp_path, server.url, table), WANT)
    for kind, content in {"offset": {"results": [], "total_items": 4}, "last": {"results": [], "has_more": True}}.items():
        with serving({"/things": lambda _, content=content: (200, content)}) as server, pytest.raises(SourceBroken, match="a page is missing"):
            answer(source(tmp_path, server.url, things(kind)[1]), WANT)


def test_a_later_page_that_is_absent_is_missing_not_nothing(tmp_path):
    _, table = things("link")
    table["rest"]["look_up"]["email"] |= {"absent": True}
    table["rest"]["probe"] = "/ping"
    routes = {"/things": lambda asked: (404, {}) if "page" in asked.query else link(asked), "/ping": lambda _: (200, {})}
    with serving(routes) as server, pytest.raises(SourceBroken, match="a page is missing"):
        answer(source(tmp_path, server.url, table), WANT)


@pytest.mark.parametrize("address", ["/api/v1/things?{query}", "?{query}", "things?{query}", "{url}/api/v1/things?{query}"])
def test_a_link_counts_from_the_page_it_stands_on(tmp_path, address):
    """RFC 8288, section 3.2: whatever path the map's `url` has is not put before it once more."""
    _, table = things("link")
    with serving({}) as server:

        def route(asked):
            status, page, following = link(asked)
            to = address.format(query="email=ada%40example.org&page=2", url=server.url)
            return status, page, dict.fromkeys(following, f'<{to}>; rel="next"')

        server.routes["/api/v1/things"] = route
        assert answer(source(tmp_path, server.url + "/api/v1", table), WANT)[0] == ADA


def test_the_key_is_never_sent_to_another_host_or_unencrypted(tmp_path):
    _, table = things("link")
    with serving({"/elsewhere": lambda _: (200, [])}) as other:
        following = {"Link": f'<{other.url.replace("127.0.0.1", "localhost")}/elsewhere>; rel="next"'}
        with serving({"/things": lambda _: (200, ADA[:1], following)}) as server, pytest.raises(SourceBroken, match="another host"):
            answer(source(tmp_path, server.url, table, rest={"auth": {"bearer": "secret"}}), WANT)
        port = other.url.rpartition(":")[2]
        for link_ in (f"//localhost:{port}/elsewhere", f"{other.url}/elsewhere", other.url.replace("http", "https")):
            following = {"Link": f'<{link_}>; rel="next"'}
            with serving({"/things": lambda _, f=following: (200, ADA[:1], f)}) as server, pytest.raises(SourceBroken, match="another host"):
                answer(source(tmp_path, server.url, table), WANT)
        assert other.asked == []
    for url in ("http://api.example.org", "ftp://127.0.0.1", "nonsense", ""):
        with pytest.raises(SourceUnreachable):
            answer(source(tmp_path, url, table), WANT)


def test_a_record_without_the_identifier_is_told_never_handed_on(tmp_path):
    _, table = things("cursor")
    stranger = {"id": 9, "email": "bob@example.org"}
    with serving({"/things": lambda _: (200, {"results": [*ADA[:1], stranger]})}) as server:
        parts = list(source(tmp_path, server.url, table).read(WANT))
        assert [values.rows(p.frame) for p in parts if isinstance(p, Rows)] == [ADA[:1]]
        assert [p.count for p in parts if isinstance(p, Malformed)] == [1]
        assert parts[-1] == Done(2, 1)
        table["rest"]["look_up"]["email"]["fuzzy"] = True
        assert answer(source(tmp_path, server.url, table), WANT)[0] == ADA[:1]


def test_what_the_map_does_not_name_comes_along(tmp_path):
    record = {"id": 1, "email": "ada@example.org", "new": {"a": [1.10]}, "props": {"known": "x", "other": None}}
    _, table = things("cursor")
    table["columns"] = ["id", "email", "props.known"]
    with serving({"/things": lambda _: (200, {"results": [record]})}) as server:
        rows = answer(source(tmp_path, server.url, table), WANT)[0]
    assert rows == [{"id": 1, "email": "ada@example.org", "props.known": "x", "new": '{"a": [1.1]}', "props.other": None}]
    assert flat({"a": {"b": {"c": 1}}}, ["a.b.c"]) == {"a.b.c": 1}
    assert flat({"a": {"b": {"c": 1}}}, ["a"]) == {"a": '{"b": {"c": 1}}'}


def test_absent_is_nothing_only_where_the_service_itself_answers(tmp_path):
    look_up = {"path": "/people/{value}", "absent": True}
    table = {"columns": ["id", "email"], "rest": {"look_up": {"email": look_up}, "probe": "/people"}}
    with serving({"/people/bob": lambda _: (200, {})}) as server:
        found = source(tmp_path, server.url, table)
        with pytest.raises(SourceBroken, match="does not know its own address"):
            answer(found, WANT)
        with pytest.raises(SourceBroken):
            found.schema()
    with serving({"/people": lambda asked: (200, {}) if asked.path == "/people" else (404, {})}) as server:
        assert answer(source(tmp_path, server.url, table), WANT)[0] == []


def test_children_are_found_by_their_parent(tmp_path):
    look_up = {"path": "/people/{value}/notes", "bears": "person"}
    table = {"columns": ["id", "person", "text"], "match": {"person": "person"}, "rest": {"look_up": {"person": look_up}}}
    with serving({"/people/7/notes": lambda _: (200, [{"id": 1, "text": "x"}])}) as server:
        rows = answer(source(tmp_path, server.url, table), Match("t", (Want("a", "shop.person", "7"),)))[0]
    assert rows == [{"id": 1, "person": "7", "text": "x"}]


HOSTILE = [
    "../admin",
    "..",
    ".",
    "a/b",
    "a?b=c",
    "a#b",
    "a%2fb",
    "a&b=c",
    "a b",
    "é",
    "'",
    '"',
    "\\",
    "{value}",
    "${SECRET}",
    "a\r\nX-Evil: 1",
    "'; DROP",
]


@pytest.mark.parametrize("value", HOSTILE)
def test_hostile_identifiers_are_only_data(tmp_path, value, monkeypatch):
    monkeypatch.setenv("SECRET", "secret")
    look_up = {"path": "/people/{value}", "method": "POST", "query": {"q": "{value}"}, "body": {"deep": [{"value": "{value}"}]}}
    table = {"columns": ["id"], "match": {"person": "id"}, "rest": {"look_up": {"person": look_up}}}
    with serving({"/": lambda _: (200, {"id": 1})}) as server:
        with pytest.raises(SourceBroken) if value in {".", ".."} else nullcontext():
            list(source(tmp_path, server.url, table).read(Match("t", (Want("a", "shop.person", value),))))
        for asked in server.asked:
            assert asked.path == f"/people/{value}"
            assert asked.query == {"q": value}
            assert asked.body == {"deep": [{"value": value}]}
            assert "X-Evil" not in asked.headers


def test_a_quoted_value_cannot_leave_its_quotes(tmp_path):
    look_up = {"path": "/s", "query": {"query": "email:'{value:quoted}'"}, "records": "data"}
    table = {"columns": ["id"], "match": {"person": "id"}, "rest": {"look_up": {"person": look_up}}}
    with serving({"/s": lambda _: (200, {"data": []})}) as server:
        answer(source(tmp_path, server.url, table), Match("t", (Want("a", "shop.person", "x' OR email:'\\"),)))
        assert server.asked[0].query == {"query": "email:'x\\' OR email:\\'\\\\'"}


def test_faults_of_the_map_are_said(tmp_path):
    text = """
        [sources.shop]
        connector = "rest"
        [sources.shop.tables.t]
        match = { email = "email", customer = "id" }
        columns = ["id", "email"]
        [sources.shop.tables.t.rest.look_up.email]
        path = "/x"
        absent = true
        bears = "nowhere"
    """
    with pytest.raises(BadMap) as caught:
        worlds.datamap(text)
    said = str(caught.value)
    assert "rest.look_up: must say how to ask for each kind of `match`: email, customer" in said
    assert "rest.look_up.email.absent: needs rest.probe" in said
    assert "rest.look_up.email.bears: 'nowhere' is not one of its columns: id, email" in said


class OnRest(SourceSuite):
    """The promise of a source, kept by a service that holds the world: pages of 500, no types, look-ups by every kind."""

    needs_types = True
    folds_empty = False
    many_rows = 1_500

    def __init__(self, server):
        self.tables, self.reads, self.server = {}, [], server
        server.routes = {"/": self._route}

    def _route(self, asked):
        table = asked.path.strip("/")
        if table not in self.tables:
            return 404, {}
        self.reads.append(table)
        grid = self.tables[table]
        rows = [dict(zip(grid.columns, row, strict=True)) for row in grid.rows]
        columns = asked.query["columns"].split(",")
        kind = asked.query["kind"]
        found = [r for r in rows if any(kinds.normal(kind, r[c], "GB") == asked.query["value"] for c in columns)]
        start = int(asked.query.get("offset", 0))
        if self.broken == table and start + 500 >= len(found):
            return 200, b'{"results": [{"note'
        page = [{c: v if isinstance(v, int | str | None) else values.as_text(v) for c, v in r.items()} for r in found[start : start + 500]]
        return 200, {"results": page, "total": len(found)}

    broken = None

    def load(self, folder, tables):
        self.tables.update(tables)

    def connect(self, settings):
        quick = settings.declared.model_copy(update={"rest": restmap.Service(per_second=1e6)})
        return Rest(replace(settings, declared=quick))

    def url(self, _):
        return self.server.url

    def _declare(self, name, grid, match):
        table = super()._declare(name, grid, match)
        pages = {"by": "offset", "parameter": "offset", "total": "total"}
        look_up = {
            kind: {
                "path": f"/{name}",
                "query": {"kind": kind, "columns": columns if isinstance(columns, str) else ",".join(columns), "value": "{value}"},
                "records": "results",
                "pages": pages,
            }
            for kind, columns in match.items()
        }
        return {**table, "rest": {"look_up": look_up}}

    def break_off(self, folder, table):
        self.broken = table

    def drop(self, folder, table):
        del self.tables[table]

    def take_down(self, folder):
        self.tables.clear()

    @contextmanager
    def counting(self, table):
        self.reads.clear()
        yield lambda: self.reads.count(table)


KEPT = [
    "every_spelling_is_found", "nothing_nobody_asked_for", "values_are_exact", "values_do_not_depend_on_their_neighbours",
    "a_row_of_two_subjects_comes_once", "two_columns_of_one_kind_both_count", "odd_spellings_are_found", "a_limit_is_respected",
    "more_rows_than_a_chunk_all_arrive", "undeclared_columns_are_handed_on", "a_column_added_later_is_handed_on",
    "what_it_cannot_do_is_not_offered", "a_period_is_never_overlooked",
]  # fmt: skip


@pytest.mark.parametrize("promise", KEPT)
def test_what_any_source_promises_a_service_keeps(tmp_path, promise):
    """The rest of the suite asks what a service does not offer: keys of two columns, counts, its own list of columns."""
    with serving({}) as server:
        getattr(OnRest(server), f"test_{promise}")(tmp_path)
