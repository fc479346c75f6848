"""Newsletter tools: one table of members, cut into parts by purpose; nothing falls between them."""

import sqlite3
from contextlib import closing

import pytest

from connectors.newsletter import Newsletter
from dsar import datamap, values
from dsar.errors import SourceBroken
from dsar.source import Asked, Keys, Match, Others, Rows, Settings, Want
from tests.connectors.engines import OnSqlite

MEMBERS = [
    (1, "Ann@x.org", "marketing", 1, "consent"),
    (2, "ann@x.org", "service", 1, "contract"),
    (3, "bob@x.org", "marketing", 2, "contract"),
    (4, "cat@x.org", "service", 1, None),
]


class OnNewsletter(OnSqlite):
    def connect(self, settings):
        return Newsletter(settings)


@pytest.mark.parametrize(
    "promise", ["test_values_are_exact", "test_every_spelling_is_found", "test_others_are_counted", "test_keys_are_exactly_those"]
)
def test_without_parts_it_is_read_as_any_database(tmp_path, promise):
    getattr(OnNewsletter(), promise)(tmp_path)


def tool(folder, rows=MEMBERS, purposes=(("subscriptions", ["marketing"]), ("notices", ["service"]))):
    with closing(sqlite3.connect(folder / "tool.db")) as db:
        db.execute("CREATE TABLE members (id INTEGER PRIMARY KEY, email TEXT, purpose TEXT, status INTEGER, basis TEXT)")
        db.executemany("INSERT INTO members VALUES (?, ?, ?, ?, ?)", rows)
        db.execute("CREATE TABLE opens (id INTEGER PRIMARY KEY, member_id INTEGER)")
        db.execute("INSERT INTO opens VALUES (1, 1)")
        db.commit()
    columns = {c: {"category": "user"} for c in ("id", "email", "purpose", "status", "basis")}
    columns["status"]["values"] = {"1": "subscribed", "2": "unsubscribed"}
    part = {"label": "M", "activity": "x", "key": ["id"], "match": {"email": "email", "member": "id"}, "columns": columns}
    tables = {name: {**part, "part": {"of": "members", "column": "purpose", "values": values_}} for name, values_ in purposes}
    source = {"connector": "newsletter", "label": "N", "owner": "o", "url": "sqlite:///tool.db", "ignored": {"opens": "x"}, "tables": tables}
    return Newsletter(Settings("news", datamap.Source.model_validate(source), folder))


def ids(parts):
    return [row["id"] for p in parts if isinstance(p, Rows) for row in values.rows(p.frame)]


def by_email(table, *emails):
    return Match(table, tuple(Want(str(n), "email", e) for n, e in enumerate(emails)))


def test_each_part_has_its_own_rows_and_the_whole_is_no_table(tmp_path):
    made = tool(tmp_path)
    assert list(made.schema()) == ["opens", "subscriptions", "notices"]
    everybody = ("ann@x.org", "bob@x.org", "cat@x.org")
    assert ids(made.read(by_email("subscriptions", *everybody))) == [1, 3]
    assert ids(made.read(by_email("notices", *everybody))) == [2, 4]
    assert ids(made.read(by_email("notices", "bob@x.org"))) == []


def test_a_row_answers_who_asked_for_it_and_the_counts_agree(tmp_path):
    parts = list(tool(tmp_path).read(by_email("notices", "nobody@x.org", "cat@x.org", "ann@x.org")))
    found = [(values.rows(p.frame)[a.row]["id"], a.ask_id) for p in parts if isinstance(p, Rows) for a in p.asks]
    assert sorted(found) == [(2, "2"), (4, "1")]
    assert parts[-1].rows == 2


def test_keys_stay_within_their_part(tmp_path):
    made = tool(tmp_path)
    assert ids(made.read(Keys("subscriptions", ((1,), (2,))))) == [1]
    assert ids(made.read(Keys("notices", ((1,), (2,))))) == [2]


def test_others_are_counted_over_all_parts(tmp_path):
    counts = [
        row for p in tool(tmp_path).read(Others("notices", "email", ("ann@x.org",), "email")) if isinstance(p, Rows) for row in values.rows(p.frame)
    ]
    assert counts == [{"value": "ann@x.org", "rows": 2}]


@pytest.mark.parametrize("purpose", ["sms", None, "Marketing"])
def test_a_purpose_no_part_names_fails_the_part(tmp_path, purpose):
    made = tool(tmp_path, [*MEMBERS, (5, "ann@x.org", purpose, 1, "consent")])
    for table in ("subscriptions", "notices"):
        with pytest.raises(SourceBroken, match=rf"news\.{table}: a row's purpose is none that the map names"):
            list(made.read(by_email(table, "ann@x.org")))
    assert ids(made.read(by_email("subscriptions", "bob@x.org"))) == [3]


def test_a_status_the_map_does_not_explain_fails_the_table(tmp_path):
    made = tool(tmp_path, [*MEMBERS, (5, "dan@x.org", "service", 7, "contract")])
    with pytest.raises(SourceBroken, match=r"news\.notices: a row's status is none of those the map explains — explain it under"):
        list(made.read(by_email("notices", "dan@x.org")))


def test_a_row_of_a_part_is_told_without_comparing_it_with_all(tmp_path):
    compared, many = [], 200

    class Row(int):
        def __eq__(self, other):
            compared.append(other)
            return int(self) == int(other)

        __hash__ = int.__hash__

    made = tool(tmp_path)
    frame = values.frame({"purpose": ["marketing"] * many}, {"purpose": "text"})
    whole = Rows(frame, tuple(Asked(Row(n), str(n), "email") for n in range(many)))
    (part,) = made._of("subscriptions", made.parts["subscriptions"], (found for found in (whole,)))
    assert [a.row for a in part.asks] == list(range(many))
    assert len(compared) < 5 * many
