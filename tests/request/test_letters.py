"""Letters: both languages say the same things, each holds what the law wants in it, and none before identity tells anything."""

import itertools
import re
import tomllib
from datetime import date
from importlib.resources import files

import pytest

from dsar.datamap import Controller
from dsar.errors import IdentityNotVerified, UnknownLetter
from dsar.law.deadlines import EXTENSION_REASONS, RIGHTS
from dsar.request.case import fold
from dsar.request.events import REFUSALS, Event
from dsar.request.identity import METHODS, Identifier
from dsar.request.letters import BEFORE_IDENTITY, day, names, render, to_fill, words
from tests.worlds import datamap

MAP = datamap('[sources.s.tables.t]\nmatch = { email = "email" }\ncolumns = ["id", "email"]\n')
AUTHORITY = {"uk": "the Information Commissioner", "eu": "Berliner Beauftragte für Datenschutz"}


def case(*, regime="uk", language="en", settled=True, rights=("access",), events=(), requester="person"):
    controller = Controller.model_validate({**MAP.controller.model_dump(), "regime": regime, "supervisory_authority": AUTHORITY[regime]})
    row = {
        "id": "R-7",
        "version": 1,
        "received": date(2026, 11, 2),
        "channel": "e-mail",
        "requester": requester,
        "reply_to": "",
        "language": language,
    }
    row |= {"regime": regime, "calendar": "GB-ENG", "no_reasonable_doubt": "", "handler": "", "line_sha256": None}
    confirmed = [Event("identity confirmed", date(2026, 11, 3), "M", "", details={"method": "two facts", "kinds": ["email"]})] if settled else []
    standing = "verified" if settled else "claimed"
    return fold(row, rights, (Identifier("email", "ann@example.org", standing),), (*confirmed, *events), controller)


FACTS = {
    "acknowledgement": {"rights": ["RIGHT ONE", "RIGHT TWO"]},
    "identity_request": {"how": "HOW TO", "authority_needed": False, "asked": date(2026, 11, 4)},
    "reminder": {"how": "HOW TO", "authority_needed": False, "asked": date(2026, 11, 4)},
    "lapse": {"how": "HOW TO", "authority_needed": False, "asked": date(2026, 11, 4)},
    "clarification": {"about": "WHICH SHOP", "stops": True},
    "extension": {"reason": "REASON", "because": "BECAUSE", "due": date(2027, 2, 2)},
    "refusal": {"right": "THE RIGHT", "outcome": "refused", "codes": ["exemption"], "grounds": ["GROUND"], "because": "BECAUSE"},
    "fee": {"amount": "10 GBP", "ground": "GROUND"},
    "access_answer": {
        "rows": 3,
        "systems": ["SHOP", "NEWS"],
        "left_out": ["NOTES: WHY"],
        "rest_by": date(2026, 12, 1),
        "collected": date(2026, 11, 5),
    },
    "portability_answer": {"rows": 3, "systems": [], "left_out": ["NOTES: WHY"], "rest_by": date(2026, 12, 1), "collected": date(2026, 11, 5)},
    "erasure_answer": {
        "erased": [],
        "anonymised": [],
        "erase": ["ACCOUNT"],
        "anonymise": ["VISIT"],
        "kept": ["INVOICE, UNTIL, WHY"],
        "restricted": ["CLAIM, UNTIL, WHY"],
        "later": ["ORDER, EVENT"],
        "backups": [],
        "checked": None,
        "rest_by": None,
    },
    "backups": {"backups": []},
    "restriction_answer": {"stopped": [], "touched": ["ACCOUNT"], "weighed": [], "untouched": [], "rest_by": None},
    "objection_answer": {"stopped": ["NEWSLETTER"], "touched": [], "weighed": ["LOGS"], "untouched": ["ORDERS"], "rest_by": None},
    "withdrawal_answer": {"stopped": ["NEWSLETTER"], "touched": [], "weighed": [], "untouched": ["ORDERS"], "rest_by": None},
    "recipient_notice": {"what": "ERASURE"},
    "recipients_told": {"recipients": ["CARRIER", "MAILER"]},
}
DAYS = {"en": ("2 November 2026", "2 February 2027", "1 December 2026"), "de": ("2. November 2026", "2. Februar 2027", "1. Dezember 2026")}
ROUTES = {
    ("uk", "en"): ("section 164A", AUTHORITY["uk"], "court", "privacy@quill.example"),
    ("uk", "de"): ("section 164A", AUTHORITY["uk"], "Gericht", "privacy@quill.example"),
    ("eu", "en"): (AUTHORITY["eu"], "court", "privacy@quill.example"),
    ("eu", "de"): (AUTHORITY["eu"], "Gericht", "privacy@quill.example"),
}
# What each letter has to hold besides its reference and the day of receipt; "routes" are complaint and court.
REQUIRED = {
    "acknowledgement": ["RIGHT ONE", "RIGHT TWO"],
    "identity_request": ["HOW TO", "12(6)|12 Absatz 6"],
    "reminder": ["HOW TO", "4 November|4. November"],
    "lapse": ["12(2)|12 Absätze 2 und 4", "routes"],
    "clarification": ["WHICH SHOP"],
    "extension": ["REASON", "BECAUSE", "12(3)|12 Absatz 3", "due", "routes"],
    "refusal": ["THE RIGHT", "GROUND", "BECAUSE", "routes"],
    "fee": ["10 GBP", "GROUND", "routes"],
    "access_answer": ["3 ", "NOTES: WHY", "Where we looked", "rest", "routes"],
    "portability_answer": ["CSV", "NOTES: WHY", "rest", "routes"],
    "erasure_answer": ["ACCOUNT", "VISIT", "INVOICE, UNTIL, WHY", "CLAIM, UNTIL, WHY", "ORDER, EVENT", "19", "routes"],
    "rectification_answer": ["19", "routes"],
    "restriction_answer": ["ACCOUNT", "Before we lift|Bevor wir", "19", "routes"],
    "lifting": ["18(3)|18 Absatz 3", "routes"],
    "objection_answer": ["NEWSLETTER", "LOGS", "ORDERS", "routes"],
    "withdrawal_answer": ["NEWSLETTER", "ORDERS", "7(3)|7 Absatz 3", "routes"],
    "recipient_notice": ["ERASURE", "R-7", "privacy@quill.example"],
    "recipients_told": ["CARRIER", "MAILER", "routes"],
    "redirect": ["routes"],
    "suppression": ["choice|Wahl", "routes"],
    "backups": ["overwritten|überschrieben", "routes"],
    "complaint_acknowledged": ["routes"],
    "complaint_outcome": ["routes"],
    "complaint_form": ["privacy@quill.example", "164A"],
}
EVERY = list(itertools.product(names(), ["uk", "eu"], ["en", "de"]))


def test_every_letter_is_held_to_something():
    assert set(REQUIRED) == set(names())


@pytest.mark.parametrize(("name", "regime", "language"), EVERY)
def test_each_letter_holds_what_it_must(name, regime, language):
    letter = render(name, case(regime=regime, language=language), FACTS.get(name, {}))
    text = letter.text
    received, due, rest = DAYS[language]
    wanted = [w for w in REQUIRED[name] if w not in {"routes", "due", "rest"}]
    wanted += ROUTES[regime, language] if "routes" in REQUIRED[name] else ()
    wanted += [due] if "due" in REQUIRED[name] else []
    wanted += [rest] if "rest" in REQUIRED[name] else []
    wanted += [received] if name not in {"recipient_notice", "recipients_told", "suppression", "backups", "complaint_form"} else []
    assert [w for w in wanted if not any(part in text for part in w.split("|"))] == []
    assert letter.reference.endswith("R-7")
    assert "Quill & Co" in letter.closing
    assert "{" not in text
    assert "None" not in text
    if regime == "eu":
        assert "164A" not in text or name == "complaint_form"
        assert AUTHORITY["uk"] not in text


@pytest.mark.parametrize("name", names())
def test_both_languages_say_the_same_of_the_same(name):
    english, german = (
        tomllib.loads(files("dsar").joinpath("templates", f"letters.{one}.toml").read_text(encoding="utf-8"))[name]["text"] for one in ("en", "de")
    )
    assert re.findall(r"{[{%].*?[%}]}", english.replace('"s"', "")) == re.findall(r"{[{%].*?[%}]}", german) or name in {
        "access_answer",
        "portability_answer",
    }
    assert len(to_fill(english, "en")) == len(to_fill(german, "de"))
    assert "[fill in" not in german


@pytest.mark.parametrize("language", ["en", "de"])
def test_there_are_words_for_every_right_ground_reason_and_method(language):
    own = words(language)
    assert set(own["rights"]) == set(RIGHTS)
    assert set(own["grounds"]) == set(REFUSALS)
    assert set(own["reasons"]) == {r.code for r in EXTENSION_REASONS}
    assert set(own["methods"]) == set(METHODS)
    assert not any("copy of your" in text or "Kopie Ihres" in text for text in own["methods"].values())  # no copy of a document is ever asked for


@pytest.mark.parametrize("name", [n for n in names() if n not in BEFORE_IDENTITY])
def test_what_depends_on_what_was_found_waits_for_identity(name):
    with pytest.raises(IdentityNotVerified, match="R-7: this letter could tell whether anything is held"):
        render(name, case(settled=False), FACTS.get(name, {}))


def test_only_the_refusal_that_tells_nothing_may_come_before_identity():
    alone = {"right": "X", "outcome": "refused", "codes": ["cannot identify"], "grounds": ["GROUND"], "because": ""}
    assert "GROUND" in render("refusal", case(settled=False), alone).text
    for changed in ({"because": "your order of May"}, {"codes": ["cannot identify", "exemption"]}):
        with pytest.raises(IdentityNotVerified):
            render("refusal", case(settled=False), alone | changed)


def test_an_agent_without_authority_is_told_no_more():
    with pytest.raises(IdentityNotVerified):
        render("access_answer", case(requester="agent"), FACTS["access_answer"])


def test_nothing_held_is_said_with_the_systems_searched():
    text = render("access_answer", case(), {**FACTS["access_answer"], "rows": 0, "left_out": [], "rest_by": None}).text
    assert "We hold nothing about you in these systems" in text
    assert "- SHOP\n- NEWS" in text
    assert "part 1" not in text


def test_nothing_is_called_erased_before_it_was_checked():
    before = render("erasure_answer", case(), FACTS["erasure_answer"]).text
    seen = {"checked": date(2026, 11, 20), "erased": ["NOTE"], "anonymised": ["VISIT"], "anonymise": [], "backups": ["SHOP, DUMP: DAY"]}
    after = render("erasure_answer", case(), {**FACTS["erasure_answer"], **seen}).text
    assert "rased and" not in before
    assert "nonymised and" not in before
    assert "Erased and checked on 20 November 2026:\n\n- NOTE\n\nAnonymised and checked on 20 November 2026" in after
    assert "again once we have checked that it is gone:\n\n- ACCOUNT\n" in after
    assert "by the day given at the latest:\n\n- SHOP, DUMP: DAY\n" in after
    assert not to_fill(render("backups", case(), {"backups": ["SHOP, DUMP: DAY"]}).text, "en")


@pytest.mark.parametrize("language", ["en", "de"])
def test_a_correction_claims_no_restriction_that_nobody_recorded(language):
    text = render("rectification_answer", case(language=language), {}).text
    assert "nothing else" not in text
    assert "nichts anderes" not in text


def test_unreviewed_letters_bear_the_mark():
    letter = render("acknowledgement", case(), FACTS["acknowledgement"])
    assert not letter.reviewed
    assert letter.text.startswith("DRAFT: no lawyer has reviewed")


def test_another_name_is_one_clear_line():
    with pytest.raises(UnknownLetter, match="there is no letter 'invoice' — use one of acknowledgement, "):
        render("invoice", case(), {})


def test_days_are_written_out():
    assert (day(date(2026, 3, 1), "en"), day(date(2026, 3, 1), "de")) == ("1 March 2026", "1. März 2026")
