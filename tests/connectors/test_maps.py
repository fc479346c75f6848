"""The map library: each map reads what its service really answers (recorded public objects), and only what is the person's."""

import copy
import hashlib
import json
import tomllib
from pathlib import Path

import pytest

from connectors.rest import Rest
from dsar.datamap import parse
from dsar.source import Malformed, Settings
from tests import worlds
from tests.rest_server import serving

MAPS = Path(__file__).parents[2] / "connectors/maps"
RECORDED = Path(__file__).parent / "recorded"
SECRETS = {"HUBSPOT_TOKEN": "t", "MAILCHIMP_KEY": "k", "MAILCHIMP_DC": "us3", "MAILCHIMP_LIST": "a36b032126", "STRIPE_KEY": "rk"}


@pytest.fixture(autouse=True)
def secrets(monkeypatch):
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)


def recorded(name, **changes):
    found = copy.deepcopy(json.loads((RECORDED / f"{name}.json").read_text(encoding="utf-8")))
    for path, value in changes.items():
        *before, last = path.split("__")
        place = found
        for part in before:
            place = place[part]
        place[last] = value
    return found


def library(name, url=None):
    """A checked map: the library's file under the tests' controller, its address on this machine."""
    content = tomllib.loads(worlds.HEAD + (MAPS / f"{name}.toml").read_text(encoding="utf-8"))
    if url:
        content["sources"][name]["url"] = url
        content["sources"][name]["rest"]["per_second"] = 1e6
    return parse(content, Path("dsar.toml"))


def gathered(name, server, *identifiers):
    """The dossier of one request, and what the service was asked."""
    known = library(name, server.url)
    opened = {name: Rest(Settings(name, known.sources[name], Path(), "GB"))}
    return worlds.gather(known, opened, worlds.request("R-1", *identifiers))["R-1"]


@pytest.mark.parametrize("name", [p.stem for p in sorted(MAPS.glob("*.toml"))])
def test_every_map_of_the_library_is_one(name):
    known = library(name)
    assert list(known.sources) == [name]
    assert (MAPS / f"{name}.toml").read_text(encoding="utf-8").startswith("# ")


# -- HubSpot ----------------------------------------------------------------------------------------


def hubspot(contacts):
    def search(asked):
        assert asked.headers["Authorization"] == "Bearer t"
        body = asked.body
        assert {"email", "firstname", "hs_additional_emails"} <= set(body["properties"])

        def meets(contact):
            properties = contact["properties"]
            if "query" in body:
                return body["query"][-6:] in "".join(c for c in properties.get("phone") or "" if c.isdigit())
            groups = ((f["propertyName"], f["operator"], f["value"]) for g in body["filterGroups"] for f in g["filters"])
            held = {p: str(properties.get(p) or "").lower() for p in properties}
            return any(value.lower() in held.get(p, "") if op == "CONTAINS_TOKEN" else held.get(p) == value.lower() for p, op, value in groups)

        found = [c for c in contacts if meets(c)]
        start = int(body.get("after", 0))
        following = {"paging": {"next": {"after": str(start + 1)}}} if start + 1 < len(found) else {}
        return 200, {"total": len(found), "results": found[start : start + 1], **following}

    properties = recorded("hubspot_properties")
    return {"/crm/v3/objects/contacts/search": search, "/crm/v3/properties/contacts": lambda _: (200, properties)}


def contact(n, **properties):
    found = recorded("hubspot_contact", id=str(n), properties__hs_object_id=str(n))
    names = dict.fromkeys((p["name"] for p in recorded("hubspot_properties")["results"]), None)
    found["properties"] = {**names, **found["properties"], **properties}
    return found


def test_hubspot_contacts_are_found_and_the_namesake_is_not():
    contacts = [
        contact(1, email="Ada@Example.org", firstname="Ada"),
        contact(2, email="ada@example.com", firstname="Ada"),
        contact(3, email="office@example.org", firstname="Ada", hs_additional_emails="ada@example.org"),
        contact(4, email=None, phone="020 7946 0018", firstname="Ada"),
    ]
    with serving(hubspot(contacts)) as server:
        dossier = gathered("hubspot", server, "email=ada@example.org", "phone=+442079460018")
    assert worlds.rows(dossier) == {"hubspot.contacts": worlds.found("1", "3", "4")}


def test_hubspot_tells_a_property_the_map_does_not_know():
    routes = hubspot([contact(1, email="ada@example.org", shoe_size="41")])
    properties = {"results": [*recorded("hubspot_properties")["results"], {"name": "shoe_size"}]}
    routes["/crm/v3/properties/contacts"] = lambda _: (200, properties)
    with serving(routes) as server:
        dossier = gathered("hubspot", server, "email=ada@example.org")
    assert worlds.rows(dossier) == {"hubspot.contacts": worlds.held("undeclared", "1")}


def test_hubspot_several_additional_addresses_in_one_field_are_told():
    with serving(hubspot([contact(3, email="office@example.org", hs_additional_emails="x@example.org;ada@example.org")])) as server:
        known = library("hubspot", server.url)
        source = Rest(Settings("hubspot", known.sources["hubspot"], Path(), "GB"))
        from dsar.source import Match, Want

        told = [p for p in source.read(Match("contacts", (Want("a", "email", "ada@example.org"),))) if isinstance(p, Malformed)]
    assert told


# -- Mailchimp --------------------------------------------------------------------------------------


def mailchimp(*addresses):
    members = {}
    for address in addresses:
        name = hashlib.md5(address.lower().encode(), usedforsecurity=False).hexdigest()
        members[name] = recorded("mailchimp_member", id=name, email_address=address)

    def member(asked):
        found = members.get(asked.path.rsplit("/", 1)[1])
        absent = {"type": "https://mailchimp.com/developer/marketing/docs/errors/", "title": "Resource Not Found", "status": 404}
        return (200, found) if found else (404, absent)

    return {"/3.0/lists/a36b032126/members/": member, "/3.0/lists/a36b032126": lambda _: (200, {"id": "a36b032126"})}


def test_mailchimp_members_are_found_and_a_missing_one_is_nothing():
    with serving(mailchimp("Ada@Example.org", "ada@example.com")) as server:
        assert [key for key, *_ in worlds.rows(gathered("mailchimp", server, "email=ada@example.org"))["mailchimp.members"]] == [
            hashlib.md5(b"ada@example.org", usedforsecurity=False).hexdigest()
        ]
        assert worlds.results(gathered("mailchimp", server, "email=nobody@example.org")) == {"mailchimp.members": "nothing"}
        assert server.asked[0].headers["Authorization"].startswith("Basic ")


def test_mailchimp_with_a_wrong_audience_fails(monkeypatch):
    monkeypatch.setenv("MAILCHIMP_LIST", "wrong")
    with serving(mailchimp("ada@example.org")) as server:
        assert worlds.results(gathered("mailchimp", server, "email=ada@example.org"))["mailchimp.members"].startswith("failed")


# -- Stripe -----------------------------------------------------------------------------------------


def stripe(customers, charges):
    def search(asked):
        assert asked.headers["Stripe-Version"] == "2024-06-20"
        address = asked.query["query"].removeprefix("email:'").removesuffix("'")
        found = [c for c in customers if (c["email"] or "").lower() == address]
        start = int(asked.query.get("page", 0))
        more = start + 1 < len(found)
        return 200, {"object": "search_result", "data": found[start : start + 1], "has_more": more, "next_page": str(start + 1) if more else None}

    def one(asked):
        found = [c for c in customers if asked.path == f"/v1/customers/{c['id']}"]
        return (200, found[0]) if found else (404, {"error": {"type": "invalid_request_error", "code": "resource_missing"}})

    def listed(asked):
        found = [c for c in charges if c["customer"] == asked.query["customer"]]
        start = next((n + 1 for n, c in enumerate(found) if c["id"] == asked.query.get("starting_after")), 0)
        return 200, {"object": "list", "data": found[start : start + 2], "has_more": start + 2 < len(found)}

    everything = {"object": "list", "data": [], "has_more": False}
    return {"/v1/customers/search": search, "/v1/customers/": one, "/v1/customers": lambda _: (200, everything), "/v1/charges": listed}


def test_stripe_customers_and_all_their_charges():
    customers = [recorded("stripe_customer", id="cus_1", email="Ada@Example.org"), recorded("stripe_customer", id="cus_2", email="ada@example.com")]
    charges = [recorded("stripe_charge", id=f"ch_{n}", customer="cus_1" if n % 2 else "cus_2") for n in range(1, 11)]
    with serving(stripe(customers, charges)) as server:
        dossier = gathered("stripe", server, "email=ada@example.org")
        assert worlds.rows(dossier) == {
            "stripe.customers": worlds.found("cus_1"),
            "stripe.charges": worlds.found(*(f"ch_{n}" for n in (1, 3, 5, 7, 9))),
        }
        assert worlds.results(gathered("stripe", server, "email=nobody@example.org")) == {"stripe.customers": "nothing", "stripe.charges": "nothing"}


def test_stripe_that_fails_on_the_second_page_fails_its_table_alone():
    customers = [recorded("stripe_customer", id="cus_1", email="ada@example.org")]
    charges = [recorded("stripe_charge", id=f"ch_{n}", customer="cus_1") for n in range(5)]
    routes = stripe(customers, charges)
    listed = routes["/v1/charges"]
    routes["/v1/charges"] = lambda asked: (403, {}) if "starting_after" in asked.query else listed(asked)
    with serving(routes) as server:
        said = worlds.results(gathered("stripe", server, "email=ada@example.org"))
    assert said["stripe.customers"] == "found 1"
    assert said["stripe.charges"].startswith("failed: stripe.charges: the key may not read this (status 403)")
