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
EVERY = list(itertools.product(BASES, ORIGINS, [True, False], RIGHTS))


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


@pytest.mark.parametrize(("basis", "origin", "automated", "right"), EVERY)
def test_every_combination_has_exactly_one_outcome(basis, origin, automated, right):
    rules = [rule for rule in RULES if rule.fits(basis, origin, automated, right)]
    assert len(rules) == 1
    assert decide((basis,), origin, automated, right) is rules[0].outcome


def test_portable_is_only_what_stands_on_consent_or_contract_and_was_provided():
    portable = {(b, o, a) for b, o, a, r in EVERY if r == "portability" and decide((b,), o, a, r).answer == "yes"}
    assert portable == set(itertools.product(["6(1)(a)", "9(2)(a)", "6(1)(b)"], ["provided", "observed", "agent"], [True]))


def test_every_row_is_reached():
    assert {rule.outcome for rule in RULES} == {decide((b,), o, a, r) for b, o, a, r in EVERY}


def test_codes_are_unique_and_sentences_stand_alone():
    assert len({rule.outcome.code for rule in RULES}) == len(RULES)
    for outcome in (rule.outcome for rule in RULES):
        assert re.fullmatch(r"[A-Z][^{}]+\(Article (15|20)\)\.", outcome.sentence)
        assert outcome.article.startswith(("15", "20"))
        assert outcome.reviewed_by is None


@pytest.mark.parametrize("question", [("provided", "erasure"), ("guessed", "portability")])
def test_another_origin_or_right_is_an_error(question):
    origin, right = question
    with pytest.raises(ValueError, match="origin must be one of provided, observed, derived, third party, agent; right one of portability, access"):
        decide(("6(1)(b)",), origin, True, right)
