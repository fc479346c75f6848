"""A person erased from a running Tryton through Tryton's own interface: what is open stays with its reason, the rest goes, the truth is told."""

import pytest

from dsar import workspace
from dsar.run import erasure
from tests.run.erasing import NOW
from tests.test_real_systems import MAPS, Erp, entered, tryton  # noqa: F401 - fixtures
from tests.worlds import HEAD

pytestmark = pytest.mark.slow

OPEN = 'open_while = { column = "state", values = ["draft", "quotation", "confirmed", "processing"], until = "the order is done" }\n'


def build(folder):
    text = (MAPS / "tryton.toml").read_text(encoding="utf-8")
    text = text.replace('url = "${TRYTON_URL}"', 'url = "${TRYTON_URL}"\nwrite_url = "${TRYTON_URL}"')
    head = '[sources.tryton.tables."sale.sale"]\n'
    assert head in text
    (folder / "dsar.toml").write_text(HEAD + text.replace(head, head + OPEN), encoding="utf-8")
    (folder / "requests.csv").write_text(
        "id,received,rights,identifiers,verified_on,no_reasonable_doubt\nA-1,2026-11-02,erasure,email=ada@example.org,2026-11-03,\n"
    )
    return workspace.Workspace(folder, workspace.maps.read(folder / "dsar.toml"), lambda: NOW)


def settle(ws):
    """Rule that what is held is hers: she is entered once, and nobody else is asked about here."""
    request = ws.request("A-1")
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
    ws = build(tmp_path)
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
    told = {(v.address.table, v.key): v.state for v in erasure.verify(ws, [request])["A-1"].verdicts if v.step}
    for model, listed in ada.items():
        for number in listed:
            # What Tryton keeps only the party's contacts led to: they are gone, so the rest is told by its key, and never passed over.
            assert told[model, f"[{number}]"] == ("pending event" if number in ids(model) else "gone"), model
    for model, listed in other.items():
        assert set(listed) <= ids(model), model
