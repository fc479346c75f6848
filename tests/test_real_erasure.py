"""A person erased from a running Tryton through Tryton's own interface: what is open stays with its reason, the rest goes, the truth is told."""

import sqlite3
from contextlib import closing
from datetime import date

import pytest

from dsar import workspace
from dsar.run import erasure
from tests.run.erasing import NOW
from tests.test_real_systems import DATABASES, MAPS, Erp, entered, new_books, tryton  # noqa: F401 - fixtures
from tests.tryton_books import Books, day
from tests.worlds import HEAD

pytestmark = pytest.mark.slow


def build(folder, *people, change=str):
    text = (MAPS / "tryton.toml").read_text(encoding="utf-8")
    text = text.replace('url = "${TRYTON_URL}"', 'url = "${TRYTON_URL}"\nwrite_url = "${TRYTON_URL}"')
    (folder / "dsar.toml").write_text(HEAD + change(text), encoding="utf-8")
    lines = [f"A-{n},2026-11-02,erasure,email={email},2026-11-03,\n" for n, email in enumerate(people, 1)]
    (folder / "requests.csv").write_text("id,received,rights,identifiers,verified_on,no_reasonable_doubt\n" + "".join(lines))
    return workspace.Workspace(folder, workspace.maps.read(folder / "dsar.toml"), lambda: NOW)


def settle(ws, number="A-1"):
    """Rule that what is held is hers: she is entered once, and nobody else is asked about here."""
    request = ws.request(number)
    ws.collect(request, again=True)
    for group in list(ws.review.waiting):
        item = ws.review.waiting[group][0]
        choice = "keep" if item.column else "not theirs"
        ws.review.rule(group, choice, by="R. Eader", reason="looked at it in Tryton itself")
    ws.collect(request)
    return request


def test_an_open_order_keeps_what_it_needs_and_afterwards_everything_is_told(tmp_path, tryton, entered, monkeypatch):  # noqa: F811
    monkeypatch.setenv("TRYTON_URL", tryton)
    monkeypatch.setenv("TRYTON_AUTH", "admin:secret")
    erp = Erp(tryton)
    ada, other = entered
    ws = build(tmp_path, "ada@example.org")
    request = settle(ws)

    def ids(model, domain=()):
        return {row["id"] for row in erp.call(f"model.{model}.search_read", list(domain), 0, None, None, ["id"], {"active_test": False})}

    erasure.dry_run(ws, [request])
    plan = {(s.address.table, s.key): (s.action, s.until) for s in erasure.load_plan(ws, request)}
    sale, party, note = (f"[{ada[model][0]}]" for model in ("sale.sale", "party.party", "ir.note"))
    assert plan["sale.sale", sale] == ("not due", "the order is done")
    assert plan["party.party", party] == ("not due", "the order is done")
    assert plan["ir.note", note] == ("erase", None)
    first = erasure.execute(ws, [request], by="A. Nalyst")
    assert [str(o.error) for o in first if o.error] == []
    assert set(ada["ir.note"]) & ids("ir.note") == set()
    assert set(ada["sale.sale"]) <= ids("sale.sale")
    assert set(ada["party.party"]) <= ids("party.party")
    told = {(v.address.table, v.key): v.state for v in erasure.verify(ws, [request])["A-1"].verdicts if v.step}
    assert (told["sale.sale", sale], told["party.party", party], told["ir.note", note]) == ("pending event", "pending event", "gone")

    # Tryton itself says no to a party that an order needs, whoever asks.
    refused = erp.client.post("/rpc/", json={"id": 1, "method": "model.party.party.delete", "params": [ada["party.party"], {}]}).json()
    assert "result" not in refused

    erp.context = {"company": 1}
    erp.call("model.sale.sale.cancel", ada["sale.sale"], {"company": next(iter(ids("company.company")))})
    settle(ws)
    erasure.dry_run(ws, [request])
    erasure.execute(ws, [request], by="A. Nalyst")
    found = erasure.verify(ws, [request])["A-1"]
    assert found.passed
    assert {v.state for v in found.verdicts if v.step} == {"gone"}
    for model, listed in ada.items():
        if model != "party.party":
            assert set(listed) & ids(model) == set(), model
    [left] = erp.call("model.party.party.read", ada["party.party"], ["name", "email", "phone", "addresses", "contact_mechanisms"], {})
    assert left == {"id": ada["party.party"][0], "name": None, "email": "", "phone": "", "addresses": [], "contact_mechanisms": []}
    for model, listed in other.items():
        assert set(listed) <= ids(model), model


BOOKS = """
[activities.books]
purpose = "To keep the books"
basis = "6(1)(c)"
origin = "provided"
retention = { from = "invoice_date", years = 6, why = "VAT records: six years from the date of issue", article = "17(3)(b)" }
"""


def with_books(text):
    for table in ("account.invoice", "account.invoice.line"):
        at = text.index(f'[sources.tryton.tables."{table}"]')
        text = text[:at] + text[at:].replace('activity = "tryton"', 'activity = "books"', 1)
    return text + BOOKS


def by_hand(url, statement):
    """Do what Tryton offers no way for, as its administrator would: in its database."""
    with closing(sqlite3.connect(DATABASES[url])) as connection:
        connection.execute(statement)
        connection.commit()


def looked(ws, request):
    found = erasure.verify(ws, [request])[request.id]
    return found, {(v.address.table, v.key): (v.state, v.detail) for v in found.verdicts if v.step}


def test_an_open_invoice_keeps_its_party_and_once_paid_the_party_is_erased_by_trytons_own_wizard(tmp_path, tryton, entered, monkeypatch):  # noqa: F811
    monkeypatch.setenv("TRYTON_URL", tryton)
    monkeypatch.setenv("TRYTON_AUTH", "admin:secret")
    books = Books(Erp(tryton), 2019, 2026)
    eve, kay = books.customer("Eve Park", "eve@example.org"), books.customer("Kay Hill", "kay@example.org")
    old, fresh = books.invoice(eve, day(2019, 5, 2)), books.invoice(kay, day(2026, 5, 2))
    books.pay(fresh, kay, day(2026, 6, 2))
    address = {p: books.one("party.address", ["party", "=", p]) for p in (eve, kay)}
    ws = build(tmp_path, "eve@example.org", "kay@example.org", change=with_books)
    asks, other = settle(ws, "A-1"), settle(ws, "A-2")

    erasure.dry_run(ws, [asks, other])
    plan = {(s.address.table, s.key): (s.action, s.until, s.article) for r in (asks, other) for s in erasure.load_plan(ws, r)}
    assert plan["account.invoice", f"[{old}]"] == ("not due", "it is paid", "17(1)(a)")
    assert plan["party.party", f"[{eve}]"] == plan["party.address", f"[{address[eve]}]"] == ("not due", "it is paid", "17(1)(a)")
    assert plan["account.invoice", f"[{fresh}]"] == ("keep", date(2032, 5, 2), "17(3)(b)")
    assert plan["party.party", f"[{kay}]"] == plan["party.address", f"[{address[kay]}]"] == ("keep", date(2032, 5, 2), "17(3)(b)")
    made = erasure.execute(ws, [asks, other], by="A. Nalyst")
    assert [(str(o.error), o.results) for o in made if not o.done] == []
    found, told = looked(ws, asks)
    assert found.passed
    assert told["account.invoice", f"[{old}]"] == told["party.party", f"[{eve}]"] == ("pending event", "it is paid")
    assert {state for (table, _), (state, _) in told.items() if table in {"party.contact_mechanism", "ir.note"}} == {"gone"}
    assert looked(ws, other)[1]["party.party", f"[{kay}]"][0] == "kept as planned"
    assert books.read("party.party", kay, "name", "active") == ["Kay Hill", True]
    assert books.read("account.invoice", fresh, "has_report_cache") == [True]  # what the law wants kept is whole
    books.erp.call("model.party.party.write", [eve], {"active": False}, books.erp.context)
    assert books.refuses_to_erase(eve)  # Tryton's own rule
    assert books.read("party.party", eve, "name") == ["Eve Park"]

    books.pay(old, eve, day(2019, 6, 2))
    found, told = looked(ws, asks)  # nothing but their keys leads to party, address and invoice any more
    assert not found.passed
    assert told["account.invoice", f"[{old}]"] == told["party.party", f"[{eve}]"] == ("pending event", "but it is due by now (it is paid)")
    settle(ws, "A-1")
    erasure.dry_run(ws, [asks])
    [outcome] = erasure.execute(ws, [asks], by="A. Nalyst")
    # The invoice as it was printed Tryton keeps for itself: that is told, and who it was printed for stays findable.
    assert sorted(r.why for r in outcome.results.values() if r.state == "refused") == [
        "Tryton refuses the question", *["what has to go before it could not be changed"] * 2,
    ]  # fmt: skip
    found, told = looked(ws, asks)
    assert not found.passed
    assert told["account.invoice", f"[{old}]"] == ("still there", "invoice_report_cache")
    assert books.read("party.party", eve, "name") == ["Eve Park"]
    by_hand(tryton, f"UPDATE account_invoice SET invoice_report_cache = NULL WHERE id = {old}")
    settle(ws, "A-1")
    erasure.dry_run(ws, [asks])
    made = erasure.execute(ws, [asks], by="A. Nalyst")
    assert [(str(o.error), o.results) for o in made if not o.done] == []
    assert books.read("party.party", eve, "name", "active") == [None, False]
    assert books.read("party.address", address[eve], "street_unstructured", "city", "postal_code") == [None, None, None]
    assert books.read("account.invoice", old, "state", "has_report_cache") == ["paid", False]
    found, told = looked(ws, asks)
    assert found.passed
    assert {state for state, _ in told.values()} == {"gone"}
    assert books.read("party.party", kay, "name", "active") == ["Kay Hill", True]
    for change in ({"active": True}, {"name": "Eve Park"}):
        books.erp.call("model.party.party.write", [eve], change, books.erp.context)  # somebody enters her again
    found, told = looked(ws, asks)
    assert (found.passed, told["party.party", f"[{eve}]"]) == (False, ("came back", "name"))
