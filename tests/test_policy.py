"""The reference company's map keeps the policy clause by clause; what is wrong with the policy is listed, and goes nowhere."""

import re
import tomllib
from pathlib import Path

import pytest

from dsar import datamap
from dsar.datamap import Address
from dsar.errors import BadMap
from dsar.law.gaps import gaps
from fixtures import generate
from tests.company import open_company

POLICY = " ".join((Path(__file__).parent / "data" / "privacy_policy.txt").read_text(encoding="utf-8").split())
MAP = generate.HERE / "dsar.toml"


def company():
    return open_company()[0].datamap


# Clause → words of the policy that it stands for, and what the map has to say.
CLAUSES = {
    "controller": (
        "registration no 328789",
        lambda m: (
            (m.controller.name, m.controller.regime) == ("JeraSoft LLP", "uk")
            and "registration no 328789" in m.controller.registration
            and "176 Finchley Road" in m.controller.address
        ),
    ),
    "forms": (
        "name, address information, telephone number and your email address",
        lambda m: (
            m.activities["enquiries"].bases == ("6(1)(b)",)
            and {"name", "address", "phone", "email"} <= m.sources["crm"].tables["enquiries"].columns.keys()
        ),
    ),
    "accounts": ("If you register an account with us", lambda m: {"contacts", "users", "logins"} <= m.sources["crm"].tables.keys()),
    "orders": (
        "your address and payment information will also be stored",
        lambda m: {"orders", "addresses", "payments"} <= m.sources["orders"].tables.keys(),
    ),
    "payments": (
        "processed through a gateway provider",
        lambda m: (
            "gateway" in m.activities["orders"].recipients
            and m.sources["orders"].connector == "orders"
            and not any(c.category.startswith("user.financial.credit_card") for _, t in m.tables() for c in t.columns.values())
        ),
    ),
    "service_mail": (
        "use our services or products we also store your email address",
        lambda m: m.activities["service_mail"].bases == ("6(1)(b)",) and m.sources["newsletter"].tables["service_mail"].part.values == ("service",),
    ),
    "newsletter": (
        "once you unsubscribe",
        lambda m: (
            m.sources["newsletter"].tables["subscriptions"].basis_column == "basis"
            and set(m.sources["newsletter"].tables["subscriptions"].bases.values()) == {"6(1)(a)", "6(1)(b)"}
            and m.activities["newsletter"].until == "you unsubscribe"
        ),
    ),
    "server_logs": (
        "saved for 365 days and then anonymized",
        lambda m: (
            m.activities["visits"].bases == ("6(1)(f)",)
            and m.activities["visits"].until.startswith("365 days")
            and {"client", "browser", "at", "referrer"} <= m.sources["web"].tables["visits"].columns.keys()
        ),
    ),
    "activities": ("respond to a survey", lambda m: {"participations", "tickets", "notes"} <= m.sources["crm"].tables.keys()),
    "suppliers": (
        "for example resellers or integrators",
        lambda m: (
            m.activities["feedback"].origin == "third party" and {"agent", "third party"} <= set(m.sources["crm"].tables["contacts"].origins.values())
        ),
    ),
    "social_media": ("We use Facebook, Twitter, and Instagram", lambda m: m.activities["social_media"].bases == ("undetermined",)),
    "video": (
        "We integrate videos from the YouTube platform",
        lambda m: m.activities["video"].bases == ("6(1)(f)",) and m.activities["video"].recipients == ("google",),
    ),
    "advertising": (
        "Demographics and Interests Reporting",
        lambda m: m.activities["advertising"].bases == ("undetermined",) and "interests" in m.sources["analytics"].tables["cookies"].columns,
    ),
    "recipients": (
        "government authorities, external consultants, or our business partners",
        lambda m: m.recipients["authorities"].confidential and {"mailer", "consultants", "hub"} <= m.recipients.keys(),
    ),
    "access": ("only accessible by a limited number of persons", lambda m: all(s.owner for s in m.sources.values())),
    "voluntary": ("it may prevent them from engaging", lambda m: all(m.activities[a].without for a in ("enquiries", "orders", "accounts"))),
    "rights": ("You also have the right of data portability", lambda m: m.controller.contact),
    "changes": ("Last Edited on 2018-06-21", lambda m: m.policy.versions[-1].version == m.controller.policy_version == "2018-06-21"),
}


def test_each_clause_is_looked_for():
    assert company().policy.clauses.keys() == CLAUSES.keys()


@pytest.mark.parametrize("clause", CLAUSES)
def test_the_clause_stands_in_the_policy_and_the_map_keeps_it(clause):
    words, kept = CLAUSES[clause]
    assert words in POLICY
    assert kept(company())


def test_every_activity_and_recipient_keeps_some_clause_or_serves_a_table():
    m = company()
    used = {t.activity for _, t in m.tables()} | {
        p.split(".")[1] for c in m.policy.clauses.values() for p in c.kept_by if p.startswith("activities.")
    }
    assert used | {"scoring"} == m.activities.keys()
    named = {r for a in m.activities.values() for r in a.recipients}
    assert named == m.recipients.keys()


def test_the_deletion_mailbox_is_required_since_the_text_hides_it():
    assert "[email protected]" in POLICY
    with pytest.raises(BadMap, match=r"controller\.contact: must be a mailbox"):
        datamap.read(MAP)


def test_the_map_says_it_in_its_own_words():
    said = set(_runs(MAP.read_text(encoding="utf-8"), 8))
    printed = _runs(tomllib.loads(MAP.read_text(encoding="utf-8"))["controller"]["registration"], 8)
    assert (said & set(_runs(POLICY, 8))) <= set(printed) | set(_runs("Office 8, 176 Finchley Road, London, NW3 6BT", 8))


def _runs(text, length):
    words = re.findall(r"\w+", text.lower())
    return [" ".join(words[n : n + length]) for n in range(len(words) - length + 1)]


def test_the_gaps_have_an_owner_and_a_remedy():
    found = gaps(company())
    assert all(g.owner and g.remedy for g in found)
    told = " ".join(g.what for g in found)
    for needed in (
        "365 days",
        "payment data stored",
        "address is to go on unsubscribing",
        "data protection officer",
        "representative in the EU",
        "no safeguard is on record",
        "s.164A",
        "as their processor",
        "automated decisions",
        "'social_media' has no legal basis",
        "'advertising' has no legal basis",
    ):
        assert needed in told


def test_a_gap_that_is_mended_is_told_no_more():
    m = company()
    controller = m.controller.model_copy(
        update={"dpo": "I. Farr", "eu_representative": "Curlew GmbH", "complaints": "https://company.example/complain"}
    )
    recipients = {n: r.model_copy(update={"safeguard": "standard clauses"}) for n, r in m.recipients.items()}
    activities = {n: a.model_copy(update={"basis": "6(1)(a)"}) for n, a in m.activities.items()}
    policy = m.policy.model_copy(update={"gaps": {}})
    assert gaps(m.model_copy(update={"controller": controller, "recipients": recipients, "activities": activities, "policy": policy})) == []
    assert len(gaps(m)) == len(m.policy.gaps) + 6


def test_an_undetermined_basis_blocks_portability_and_never_the_copy():
    from dsar.law import rights

    m = company()
    activity = m.activity(m.table(Address("social", "messages")))
    assert rights.decide(activity.bases, activity.origin, activity.automated, "portability").answer == "blocked"
    assert rights.decide(activity.bases, activity.origin, activity.automated, "access").answer == "yes"


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (
            lambda c: c["policy"]["clauses"]["forms"].update(kept_by=["activities.form"]),
            "policy.clauses.forms.kept_by: there is no activities.form in this map",
        ),
        (lambda c: c["controller"].update(policy_version="2030"), "controller.policy_version: '2030' is not one of policy.versions: 2018-06-21"),
        (
            lambda c: c["sources"]["web"]["tables"]["visits"].pop("attribute"),
            "sources.web.tables.visits.match.ip: an address is many people's: say under `attribute` which columns hold the time and the browser",
        ),
        (
            lambda c: c["sources"]["hosting"]["tables"]["subscribers"].update(reveals={"x": "id"}),
            "sources.hosting.tables.subscribers.reveals: what is held for a client leads to nothing of ours",
        ),
        (
            lambda c: c["sources"]["crm"]["tables"]["logins"]["reveals"]["ip"].update(at="then"),
            "sources.crm.tables.logins.reveals.ip.at: 'then' is not one of its columns: id, user_id, at, ip, browser",
        ),
        (
            lambda c: c["sources"]["crm"]["tables"]["contacts"].update(recipient_from="whom"),
            "sources.crm.tables.contacts.recipient_from: 'whom' is not one of its columns",
        ),
    ],
)
def test_a_map_that_contradicts_itself_is_refused(change, fault):
    content = tomllib.loads(MAP.read_text(encoding="utf-8"))
    content["controller"]["contact"] = "privacy@company.example"
    change(content)
    with pytest.raises(BadMap, match=re.escape(fault)):
        datamap.parse(content, MAP)
