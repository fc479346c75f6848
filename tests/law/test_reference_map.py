"""Seven rights by the kinds of data of the reference company: what law.md sections 3.2 and 4.7 expect, looked through line by line."""

import hashlib
import tomllib
from pathlib import Path

from dsar.datamap import parse
from dsar.law.rights import decide

COMPANY = Path(__file__).parents[2] / "fixtures/company/dsar.toml"


def company_map():
    raw = COMPANY.read_bytes()
    content = tomllib.loads(raw.decode("utf-8"))
    content["controller"]["contact"] = "privacy@company.example"  # the policy hides it
    return parse(content, COMPANY, hashlib.sha256(raw).hexdigest())


# (table, legal basis, origin) → what access, portability, erasure, objection and withdrawal give.
OUTCOMES = {
    ("crm.contacts", "6(1)(b)", "agent"): ("copy", "through-agent", "erase-contract", "no-objection", "no-consent"),
    ("crm.contacts", "6(1)(b)", "observed"): ("copy", "contract-observed", "erase-contract", "no-objection", "no-consent"),
    ("crm.contacts", "6(1)(b)", "derived"): ("copy", "derived", "erase-contract", "no-objection", "no-consent"),
    ("crm.contacts", "6(1)(f)", "derived"): ("copy", "legitimate-interests", "erase-objection", "weigh-objection", "no-consent"),
    ("crm.contacts", "6(1)(b)", "provided"): ("copy", "contract-provided", "erase-contract", "no-objection", "no-consent"),
    ("crm.contacts", "6(1)(b)", "third party"): ("copy-and-source", "third-party", "erase-third-party", "no-objection", "no-consent"),
    ("crm.accounts", "6(1)(b)", "provided"): ("copy", "contract-provided", "erase-contract", "no-objection", "no-consent"),
    ("crm.contracts", "6(1)(b)", "provided"): ("copy", "contract-provided", "erase-contract", "no-objection", "no-consent"),
    ("crm.users", "6(1)(b)", "provided"): ("copy", "contract-provided", "erase-contract", "no-objection", "no-consent"),
    ("crm.users", "6(1)(b)", "observed"): ("copy", "contract-observed", "erase-contract", "no-objection", "no-consent"),
    ("crm.logins", "6(1)(b)", "provided"): ("copy", "contract-provided", "erase-contract", "no-objection", "no-consent"),
    ("crm.logins", "6(1)(b)", "observed"): ("copy", "contract-observed", "erase-contract", "no-objection", "no-consent"),
    ("crm.enquiries", "6(1)(b)", "provided"): ("copy", "contract-provided", "erase-contract", "no-objection", "no-consent"),
    ("crm.enquiries", "6(1)(b)", "observed"): ("copy", "contract-observed", "erase-contract", "no-objection", "no-consent"),
    ("crm.tickets", "6(1)(b)", "provided"): ("copy", "contract-provided", "erase-contract", "no-objection", "no-consent"),
    ("crm.tickets", "6(1)(b)", "observed"): ("copy", "contract-observed", "erase-contract", "no-objection", "no-consent"),
    ("crm.notes", "6(1)(f)", "observed"): ("copy", "legitimate-interests", "anonymise-objection", "weigh-objection", "no-consent"),
    ("crm.feedback", "6(1)(f)", "third party"): ("copy-and-source", "legitimate-interests", "erase-third-party", "weigh-objection", "no-consent"),
    ("crm.participations", "6(1)(b)", "provided"): ("copy", "contract-provided", "erase-contract", "no-objection", "no-consent"),
    ("crm.participations", "6(1)(b)", "observed"): ("copy", "contract-observed", "erase-contract", "no-objection", "no-consent"),
    ("newsletter.subscriptions", "6(1)(a)", "provided"): ("copy", "consent-provided", "erase-marketing", "stop-marketing", "stop-consent-marketing"),
    ("newsletter.subscriptions", "6(1)(a)", "observed"): ("copy", "consent-observed", "erase-marketing", "stop-marketing", "stop-consent-marketing"),
    ("newsletter.subscriptions", "6(1)(b)", "provided"): ("copy", "contract-provided", "erase-marketing", "stop-marketing", "no-consent"),
    ("newsletter.subscriptions", "6(1)(b)", "observed"): ("copy", "contract-observed", "erase-marketing", "stop-marketing", "no-consent"),
    ("newsletter.service_mail", "6(1)(b)", "provided"): ("copy", "contract-provided", "erase-contract", "no-objection", "no-consent"),
    ("newsletter.service_mail", "6(1)(b)", "observed"): ("copy", "contract-observed", "erase-contract", "no-objection", "no-consent"),
    ("newsletter.opens", "6(1)(a)", "observed"): ("copy", "consent-observed", "erase-marketing", "stop-marketing", "stop-consent-marketing"),
    ("newsletter.suppressed", "6(1)(c)", "provided"): ("copy", "legal-duty", "keep-duty", "no-objection", "no-consent"),
    ("orders.customers", "6(1)(b)", "provided"): ("copy", "contract-provided", "erase-contract", "no-objection", "no-consent"),
    ("orders.customers", "6(1)(b)", "observed"): ("copy", "contract-observed", "erase-contract", "no-objection", "no-consent"),
    ("orders.addresses", "6(1)(b)", "provided"): ("copy", "contract-provided", "erase-contract", "no-objection", "no-consent"),
    ("orders.orders", "6(1)(b)", "provided"): ("copy", "contract-provided", "erase-contract", "no-objection", "no-consent"),
    ("orders.orders", "6(1)(b)", "observed"): ("copy", "contract-observed", "erase-contract", "no-objection", "no-consent"),
    ("orders.order_lines", "6(1)(b)", "provided"): ("copy", "contract-provided", "erase-contract", "no-objection", "no-consent"),
    ("orders.payments", "6(1)(b)", "provided"): ("copy", "contract-provided", "erase-contract", "no-objection", "no-consent"),
    ("orders.invoices", "6(1)(c)", "provided"): ("copy", "legal-duty", "keep-duty", "no-objection", "no-consent"),
    ("analytics.cookies", "undetermined", "observed"): ("copy", "undetermined", "erase-marketing", "stop-marketing", "consent-undetermined"),
    ("analytics.cookies", "undetermined", "derived"): ("copy", "undetermined", "erase-marketing", "stop-marketing", "consent-undetermined"),
    ("social.messages", "undetermined", "provided"): ("copy", "undetermined", "erase-no-basis", "objection-undetermined", "consent-undetermined"),
    ("hosting.subscribers", "6(1)(b)", "third party"): ("copy-and-source", "third-party", "erase-third-party", "no-objection", "no-consent"),
    **{
        (f"cases.{table}", "6(1)(c)", "provided"): ("copy", "legal-duty", "keep-duty", "no-objection", "no-consent")
        for table in ("identifiers", "requests", "events", "files", "suppressed")
    },
    ("web.visits", "6(1)(f)", "observed"): ("copy", "legitimate-interests", "anonymise-objection", "weigh-objection", "no-consent"),
}
ASKED = ("access", "portability", "erasure", "objection", "withdrawal")


def kinds(datamap):
    """Yield (table, bases, origin) for every kind of data in the map: the rows', and that of columns that differ."""
    for address, table in datamap.tables():
        activity = datamap.activity(table)
        bases = {(b,) for b in table.bases.values()} if table.basis_column else {activity.bases}
        origins = set(table.origins.values()) if table.origin_column else {activity.origin}
        for column in table.columns.values():
            for own in bases:
                for origin in origins:
                    yield address, activity, (column.basis,) if column.basis else own, column.origin or origin


def test_seven_rights_by_the_kinds_of_data_of_the_reference_map():
    datamap = company_map()
    found = {
        (str(address), "+".join(bases), origin): tuple(decide(bases, origin, activity.automated, right, activity.marketing).code for right in ASKED)
        for address, activity, bases, origin in kinds(datamap)
    }
    assert found == OUTCOMES
    for _, activity, bases, origin in kinds(datamap):
        always = [decide(bases, origin, activity.automated, right, activity.marketing).code for right in ("rectification", "restriction")]
        assert always == ["correct-derived" if origin == "derived" else "correct", "restrict"]


def test_what_the_law_expects_of_the_kinds_it_names():
    """Section 3.2: what is portable; section 4.7: what becomes of it when erasure is asked for."""

    def outcome(table, place, **which):
        return next(
            codes[place]
            for (name, basis, origin), codes in OUTCOMES.items()
            if name == table and which.items() <= {"basis": basis, "origin": origin}.items()
        )

    portable = {table: outcome(table, 1) for table in ("crm.enquiries", "orders.orders", "orders.invoices", "web.visits", "social.messages")}
    assert portable == {
        "crm.enquiries": "contract-provided",
        "orders.orders": "contract-provided",
        "orders.invoices": "legal-duty",
        "web.visits": "legitimate-interests",
        "social.messages": "undetermined",
    }
    assert outcome("newsletter.subscriptions", 1, basis="6(1)(a)").endswith("provided")
    assert outcome("newsletter.subscriptions", 1, basis="6(1)(b)").endswith("provided")
    assert outcome("crm.contacts", 1, basis="6(1)(f)") == "legitimate-interests"  # the lead score
    assert outcome("crm.contacts", 1, origin="third party") == "third-party"
    erased = {
        t: outcome(t, 2)
        for t in ("crm.enquiries", "newsletter.subscriptions", "orders.invoices", "web.visits", "social.messages", "analytics.cookies")
    }
    assert erased == {
        "crm.enquiries": "erase-contract",
        "newsletter.subscriptions": "erase-marketing",
        "orders.invoices": "keep-duty",
        "web.visits": "anonymise-objection",
        "social.messages": "erase-no-basis",
        "analytics.cookies": "erase-marketing",
    }
    assert outcome("crm.contacts", 2, origin="third party") == "erase-third-party"


def test_what_is_held_for_a_client_is_not_ours_to_decide():
    datamap = company_map()
    assert [str(a) for a, _ in datamap.tables() if datamap.is_processor(a)] == ["hosting.subscribers"]
