import itertools
import re
from typing import get_args

import pytest

from dsar.datamap import Basis, Origin
from dsar.law.rights import RIGHTS, RULES, decide

BASES, ORIGINS = get_args(Basis), get_args(Origin)

# (row of the decision table, bases, origins, automated) → portability's answer and code, access's code
TABLE = [
    ("W1", ["6(1)(a)", "9(2)(a)"], ["provided"], [True], "yes", "consent-provided", "copy"),
    ("W2", ["6(1)(a)", "9(2)(a)"], ["observed"], [True], "yes", "consent-observed", "copy"),
    ("W3", ["6(1)(a)", "9(2)(a)"], ["derived"], [True], "no", "derived", "copy"),
    ("W4", ["6(1)(b)"], ["provided"], [True], "yes", "contract-provided", "copy"),
    ("W5", ["6(1)(b)"], ["observed"], [True], "yes", "contract-observed", "copy"),
    ("W6", ["6(1)(b)"], ["derived"], [True], "no", "derived", "copy"),
    ("W7", ["6(1)(c)"], ORIGINS, [True, False], "no", "legal-duty", None),
    ("W8", ["6(1)(d)"], ORIGINS, [True, False], "no", "vital-interests", None),
    ("W8", ["6(1)(e)"], ORIGINS, [True, False], "no", "public-task", None),
    ("W9", ["6(1)(f)"], ["provided"], [True], "no", "legitimate-interests", "copy"),
    ("W10", ["6(1)(f)"], ["observed"], [True], "no", "legitimate-interests", "copy"),
    ("W11", ["6(1)(ea)"], ORIGINS, [True, False], "no", "recognised-interests", None),
    ("W12", ["6(1)(a)", "9(2)(a)", "6(1)(b)"], ["third party"], [True], "no", "third-party", "copy-and-source"),
    ("W13", ["6(1)(a)", "9(2)(a)", "6(1)(b)"], ["agent"], [True], "yes", "through-agent", "copy"),
    ("W14", ["6(1)(a)", "9(2)(a)", "6(1)(b)"], ["provided"], [False], "no", "not-automated", "copy-filed"),
    ("W15", ["undetermined"], ORIGINS, [True, False], "blocked", "undetermined", None),
]
CASES = [
    pytest.param(basis, origin, automated, *expected, id=f"{row}-{basis}-{origin}-{'automated' if automated else 'paper'}")
    for row, bases, origins, ways, *expected in TABLE
    for basis, origin, automated in itertools.product(bases, origins, ways)
]
EVERY = list(itertools.product(BASES, ORIGINS, [True, False], RIGHTS, [True, False]))


@pytest.mark.parametrize(("basis", "origin", "automated", "answer", "code", "copy"), CASES)
def test_each_row_of_the_decision_table(basis, origin, automated, answer, code, copy):
    portable, access = decide((basis,), origin, automated, "portability"), decide((basis,), origin, automated, "access")
    assert (portable.answer, portable.code) == (answer, code)
    assert access.answer == "yes"
    assert copy in {None, access.code}


W16 = [
    (("6(1)(c)", "6(1)(b)"), "provided", "yes", "contract-provided"),
    (("6(1)(f)", "6(1)(a)"), "observed", "yes", "consent-observed"),
    (("undetermined", "6(1)(b)"), "provided", "yes", "contract-provided"),
    (("6(1)(c)",), "provided", "no", "legal-duty"),  # kept for a duty alone once the contract is over
    (("6(1)(f)", "6(1)(c)"), "provided", "no", "legal-duty"),
    (("6(1)(c)", "6(1)(b)"), "derived", "no", "derived"),
    (("6(1)(f)", "undetermined"), "provided", "blocked", "undetermined"),
]


@pytest.mark.parametrize(("bases", "origin", "answer", "code"), W16, ids=[f"W16-{'+'.join(b)}-{o}" for b, o, *_ in W16])
def test_several_bases(bases, origin, answer, code):
    for order in itertools.permutations(bases):
        outcome = decide(order, origin, True, "portability")
        assert (outcome.answer, outcome.code) == (answer, code)


@pytest.mark.parametrize("bases", [(), ("",), ("consent",)])
def test_no_basis_or_an_unknown_one_is_undetermined(bases):
    assert decide(bases, "provided", True, "portability").answer == "blocked"
    assert decide(bases, "provided", True, "access").answer == "yes"


def test_every_combination_has_exactly_one_outcome():
    for basis, origin, automated, right, marketing in EVERY:
        rules = [rule for rule in RULES if rule.fits(basis, origin, automated, right, marketing)]
        assert len(rules) == 1, (basis, origin, automated, right, marketing)
        assert decide((basis,), origin, automated, right, marketing) is rules[0].outcome


def test_portable_is_only_what_stands_on_consent_or_contract_and_was_provided():
    portable = {(b, o, a) for b, o, a, r, _ in EVERY if r == "portability" and decide((b,), o, a, r).answer == "yes"}
    assert portable == set(itertools.product(["6(1)(a)", "9(2)(a)", "6(1)(b)"], ["provided", "observed", "agent"], [True]))


def test_every_row_is_reached():
    assert {rule.outcome for rule in RULES} == {decide((b,), o, a, r, m) for b, o, a, r, m in EVERY}


def test_codes_are_unique_and_sentences_stand_alone():
    assert len({rule.outcome.code for rule in RULES}) == len({rule.outcome for rule in RULES})
    for outcome in (rule.outcome for rule in RULES):
        assert re.fullmatch(r"[A-Z][^{}]+\(Articles? (7|15|16|17|18|20|21)( and (19|21))?\)\.", outcome.sentence)
        assert outcome.article.startswith(("7", "15", "16", "17", "18", "20", "21"))
        assert outcome.reviewed_by is None


# The kinds of data of the policy (law.md section 3.2 and 4.7): basis, origin, marketing → what each of the seven rights gives.
KINDS = {
    "enquiry forms": ("6(1)(b)", "provided", False),
    "newsletter, by consent": ("6(1)(a)", "provided", True),
    "newsletter, with an order": ("6(1)(b)", "provided", True),
    "newsletter, own interest": ("6(1)(f)", "provided", True),
    "orders": ("6(1)(b)", "provided", False),
    "order history": ("6(1)(b)", "observed", False),
    "archived invoices": ("6(1)(c)", "provided", False),
    "gateway reference": ("6(1)(b)", "observed", False),
    "server logs": ("6(1)(f)", "observed", False),
    "social media": ("undetermined", "provided", False),
    "advertising cookies": ("6(1)(a)", "observed", True),
    "lead score": ("6(1)(f)", "derived", False),
    "partner-supplied contact": ("6(1)(b)", "third party", False),
    "contact through an integrator": ("6(1)(b)", "agent", False),
}
OUTCOMES = {
    # kind: access, portability, erasure, objection, withdrawal; rectification and restriction hold for all
    "enquiry forms": ("copy", "contract-provided", "erase-contract", "no-objection", "no-consent"),
    "newsletter, by consent": ("copy", "consent-provided", "erase-marketing", "stop-marketing", "stop-consent-marketing"),
    "newsletter, with an order": ("copy", "contract-provided", "erase-marketing", "stop-marketing", "no-consent"),
    "newsletter, own interest": ("copy", "legitimate-interests", "erase-marketing", "stop-marketing", "no-consent"),
    "orders": ("copy", "contract-provided", "erase-contract", "no-objection", "no-consent"),
    "order history": ("copy", "contract-observed", "erase-contract", "no-objection", "no-consent"),
    "archived invoices": ("copy", "legal-duty", "keep-duty", "no-objection", "no-consent"),
    "gateway reference": ("copy", "contract-observed", "erase-contract", "no-objection", "no-consent"),
    "server logs": ("copy", "legitimate-interests", "anonymise-objection", "weigh-objection", "no-consent"),
    "social media": ("copy", "undetermined", "erase-no-basis", "objection-undetermined", "consent-undetermined"),
    "advertising cookies": ("copy", "consent-observed", "erase-marketing", "stop-marketing", "stop-consent-marketing"),
    "lead score": ("copy", "legitimate-interests", "erase-objection", "weigh-objection", "no-consent"),
    "partner-supplied contact": ("copy-and-source", "third-party", "erase-third-party", "no-objection", "no-consent"),
    "contact through an integrator": ("copy", "through-agent", "erase-contract", "no-objection", "no-consent"),
}


def test_seven_rights_by_the_kinds_of_data_of_the_policy():
    asked = ("access", "portability", "erasure", "objection", "withdrawal")
    found = {
        name: tuple(decide((basis,), origin, True, right, marketing).code for right in asked) for name, (basis, origin, marketing) in KINDS.items()
    }
    assert found == OUTCOMES
    for name, (basis, origin, marketing) in KINDS.items():
        always = [decide((basis,), origin, True, right, marketing).code for right in ("rectification", "restriction")]
        assert always == ["correct-derived" if name == "lead score" else "correct", "restrict"]


def test_what_a_law_obliges_us_to_keep_is_kept_whatever_else_it_stands_on():
    assert decide(("6(1)(a)", "6(1)(c)"), "provided", True, "erasure").code == "keep-duty"
    assert decide(("6(1)(c)", "6(1)(f)"), "provided", True, "erasure", True).code == "keep-duty"


def test_an_objection_to_marketing_is_absolute():
    for basis, origin, automated, right, _ in EVERY:
        if right == "objection":
            outcome = decide((basis,), origin, automated, right, True)
            assert (outcome.answer, outcome.do[0], "suppress" in outcome.do, "weigh" in outcome.do) == ("yes", "stop", True, False)


@pytest.mark.parametrize("question", [("provided", "deletion"), ("guessed", "portability")])
def test_another_origin_or_right_is_an_error(question):
    origin, right = question
    with pytest.raises(
        ValueError, match="origin must be one of provided, observed, derived, third party, agent; right one of portability, access, r"
    ):
        decide(("6(1)(b)",), origin, True, right)
