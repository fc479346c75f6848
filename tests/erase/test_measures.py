"""Worklists of rectification, restriction, objection, withdrawal and first steps: every row that they are about, and no other."""

from dataclasses import replace
from datetime import date

import openpyxl
import pytest

from dsar.erase import first_steps, measurebook, measures
from dsar.errors import AnswerIncomplete, IdentityNotVerified, NotAsked
from dsar.find.decisions import Decisions
from tests.decoded import decoded
from tests.worlds import NOW, datamap, gather, request, sources

MAP = datamap("""
[recipients.mailer]
name = "Letterbird"
role = "processor"
country = "US"
[recipients.silent]
name = "Nobody Told"
role = "processor"
country = "US"
tell = false
[activities.news]
purpose = "To write"
basis = "6(1)(a)"
origin = "provided"
marketing = true
recipients = ["mailer", "silent"]
[activities.logs]
purpose = "To be safe"
basis = "6(1)(f)"
origin = "observed"
[sources.shop.tables.accounts]
label = "Account"
find = "Accounts > {key}"
match = { account = "id", email = "email" }
reveals = { account = "id" }
columns = { id = {}, email = { label = "E-mail" }, score = { basis = "6(1)(f)", origin = "derived" } }
[sources.shop.tables.orders]
label = "Order"
match = { account = "account" }
columns = ["id", "account"]
[sources.news.tables.readers]
label = "Subscription"
activity = "news"
match = { email = "email" }
columns = ["id", "email"]
[sources.web.tables.visits]
label = "Visit"
activity = "logs"
match = { email = "login" }
columns = ["id", "login"]
""")
DATA = {
    "shop.accounts": [{"id": 1, "email": "ann@x.org", "score": 7}, {"id": 2, "email": "bob@x.org", "score": 8}],
    "shop.orders": [{"id": 10, "account": 1}, {"id": 11, "account": 2}],
    "news.readers": [{"id": 3, "email": "ann@x.org"}, {"id": 4, "email": "bob@x.org"}],
    "web.visits": [{"id": 90, "login": "ann@x.org"}],
}
ALL = ("rectification", "restriction", "objection", "withdrawal", "erasure")


def ann(*rights, verified=True):
    return replace(request("A-1", "email=ann@x.org", verified=verified), rights=rights or ALL)


def dossier(who=None, data=DATA):
    who = who or ann()
    return gather(MAP, sources(MAP, data), who)[who.id]


def listed(right):
    return {(str(s.address), s.key, s.action, s.article) for s in measures.steps(dossier(), right)}


def test_each_right_is_about_its_own_rows():
    everything = {("shop.accounts", "1"), ("shop.orders", "10"), ("news.readers", "3"), ("web.visits", "90")}
    mailer = ("news.readers", "", "tell recipient", "19")
    assert listed("restriction") == {(t, k, "restrict", "18(1)") for t, k in everything} | {mailer}
    assert listed("rectification") == {(t, k, "check and correct", "16") for t, k in everything} | {mailer}
    assert listed("objection") == {
        ("shop.accounts", "1", "restrict and weigh", "21(1)"),  # for its score
        ("news.readers", "3", "stop", "21(3)"),
        ("web.visits", "90", "restrict and weigh", "21(1)"),
        ("news.readers", "", "suppress", "21(3)"),
        mailer,
    }
    assert listed("withdrawal") == {("news.readers", "3", "stop", "7(3)"), ("news.readers", "", "suppress", "21(3)"), mailer}


@pytest.mark.parametrize("right", list(measures.MEASURES))
def test_a_worklist_holds_keys_and_fields_to_fill_in_and_no_data_of_the_row(tmp_path, right):
    made = measurebook.worklists(dossier(), tmp_path, Decisions(tmp_path / "d.json", NOW), right)
    assert made.files
    assert all(f.name == f"A-1_{f.name.split('_')[1]}_{right}.xlsx" for f in made.files)
    for file in made.files:
        assert not [text for _, text in decoded(file) if "ann@x.org" in text or "bob@x.org" in text]
        lines = [tuple(c.value for c in row) for row in openpyxl.load_workbook(file)["Steps"].iter_rows()]
        head = next(line for line in lines if line[0] == "Step ID")
        assert set(measures.MEASURES[right].fields) <= set(head)
        due = {line[head.index("Internal due")].date() for line in lines[lines.index(head) + 1 :] if line[0]}
        assert due == {date(2026, 11, 25)}
        actions = {line[head.index("Action")] for line in lines[lines.index(head) + 1 :] if line[0]}
        assert actions <= {word for word, _ in measures.MEASURES[right].actions}


def test_it_is_refused_where_it_was_not_asked_or_nobody_knows_who_asks(tmp_path):
    decisions = Decisions(tmp_path / "d.json", NOW)
    with pytest.raises(NotAsked):
        measurebook.worklists(dossier(ann("access")), tmp_path, decisions, "restriction")
    with pytest.raises(IdentityNotVerified):
        measurebook.worklists(dossier(ann(verified=False)), tmp_path, decisions, "restriction")
    shared = {**DATA, "news.readers": [{"id": 3, "email": "ann@x.org; bob@x.org"}]}
    if dossier(data=shared).open_points:
        with pytest.raises(AnswerIncomplete):
            measurebook.worklists(dossier(data=shared), tmp_path, decisions, "restriction")
    assert not list(tmp_path.glob("worklists/*"))


def test_the_same_day_and_snapshot_is_the_same_file(tmp_path):
    decisions = Decisions(tmp_path / "d.json", NOW)
    first = [f.read_bytes() for f in measurebook.worklists(dossier(), tmp_path, decisions, "objection").files]
    assert [f.read_bytes() for f in measurebook.worklists(dossier(), tmp_path, decisions, "objection").files] == first


def test_what_owners_did_is_seen_by_asking_again():
    after = {
        **DATA,
        "shop.accounts": [{"id": 1, "email": "ann@new.org", "score": 7}, DATA["shop.accounts"][1]],
        "news.readers": DATA["news.readers"][1:],
    }
    who = replace(ann(), identifiers=(*ann().identifiers, *request("A-1", "shop.account=1").identifiers))
    shown = measures.verified(dossier(who), dossier(who, after), "rectification")
    assert [tuple(line[1:]) for line in shown.itertuples(index=False)] == [
        ("Account", "1", "changed", "E-mail"),
        ("Order", "10", "as before", ""),
        ("Subscription", "3", "gone", ""),
        ("Visit", "90", "as before", ""),
    ]


def test_first_steps_come_before_identity_and_keep_what_is_held_too(tmp_path):
    unverified = dossier(ann("erasure", verified=False))
    assert {f.outcome.rows for f in unverified.tables.values()} == {0}
    written, systems = first_steps.write(unverified, tmp_path)
    assert systems == {"pause deletion": ["System shop", "System news", "System web"], "stop marketing": ["System news"]}
    steps = []
    for file in written.files:
        rows = [tuple(c.value for c in row) for row in openpyxl.load_workbook(file)["Steps"].iter_rows()]
        head = next(n for n, row in enumerate(rows) if row[0] == "Step ID")
        steps += [(row[4], row[5], row[7]) for row in rows[head + 1 :] if row[0]]
        assert not [text for _, text in decoded(file) if "ann@x.org" in text]
    assert set(steps) >= {("Account", "1", "pause deletion"), ("Subscription", "3", "pause deletion"), ("Subscription", "3", "stop marketing")}
    assert not [s for s in steps if s[0] == "Account" and s[1] == "2"]


@pytest.mark.parametrize("verified", [True, False])
def test_first_steps_doubt_whose_request_it_is_only_while_that_is_open(tmp_path, verified):
    written, _ = first_steps.write(dossier(ann("erasure", verified=verified)), tmp_path)
    said = [text for file in written.files for _, text in decoded(file) if "A request has come in" in text]
    assert said
    assert ["we do not yet know for certain whose it is" in text for text in said] == [not verified] * len(said)


def test_marketing_goes_on_where_nobody_asked_to_stop_it(tmp_path):
    _, systems = first_steps.write(dossier(ann("access")), tmp_path)
    assert systems["stop marketing"] == []
