"""A small company for tests of what leaves: a customer, her orders in two years, what is left out, right-to-left names."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from dsar.answer.export import export
from dsar.find.decisions import Decisions
from tests.worlds import NOW, TODAY, gather, request, sources
from tests.worlds import datamap as parse

MAP = """
[recipients.carrier]
name = "Swift Parcels"
role = "carrier"
country = "United Kingdom"
[sources.shop]
label = "Order system"
[sources.shop.tables.customers]
label = "Customer account"
match = { email = "email", customer = "id" }
reveals = { customer = "id" }
columns = { id = { label = "Customer number" }, email = { label = "E-mail", category = "user.contact.email" }, name = { label = "Name", category = "user.name" }, notes = { label = "Notes", free_text = true } }
[sources.shop.tables.orders]
label = "Order"
match = { customer = "customer" }
columns = { id = { label = "Order number" }, customer = { label = "Customer number" }, placed_at = { label = "Placed at" }, status = { label = "Status", values = { "3" = "cancelled" } }, total = { label = "Total", type = "decimal(9,2)", total = "currency" }, currency = { label = "Currency" }, gift_for = { label = "Gift for", other_person = true } }
[sources.shop.tables.scores]
label = "Score"
match = { customer = "id" }
columns = { id = {}, score = { label = "Score", origin = "derived" } }
"""  # noqa: E501 - a line per table reads as the map does
ORDERS = [
    {
        "id": n,
        "customer": 7,
        "placed_at": datetime(2024, 1, 15, 12, tzinfo=UTC) + timedelta(days=40 * n),
        "status": "3" if n % 5 == 0 else "paid",
        "total": Decimal("19.90") * n,
        "currency": "GBP",
        "gift_for": "Grandma Giftee" if n == 2 else None,
    }
    for n in range(1, 13)
]
DATA = {
    "shop.customers": [
        {"id": 7, "email": "ann@x.org", "name": "آن لي", "notes": None},
        {"id": 8, "email": "bob@x.org", "name": "Bob", "notes": None},
    ],
    "shop.orders": [*ORDERS, {**ORDERS[0], "id": 99, "customer": 8}],
    "shop.scores": [{"id": 7, "score": "A+"}],
}


def datamap(language="en", **controller):
    """The company's map."""
    said = parse(MAP)
    return said.model_copy(update={"controller": said.controller.model_copy(update={"language": language, **controller})})


def exported(case, language="en", data=DATA, requested=None):
    """Export Ann's portability answer into a case; return her dossier."""
    case.mkdir(parents=True, exist_ok=True)
    map_ = datamap(language)
    asked = requested or request("A-1", "email=ann@x.org")
    dossier = gather(map_, sources(map_, data), asked)["A-1"]
    decisions = Decisions(case / "decisions.json", NOW)
    export(dossier, case, decisions, TODAY)
    return dossier
