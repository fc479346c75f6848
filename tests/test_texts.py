"""Every text the requester can read stands in each language, with the same places to fill, and no legal one without its mark."""

import ast
import re
import tomllib
from pathlib import Path
from typing import get_args

import pytest

from dsar import plugins
from dsar.answer import access, delivery, draw, look, select, sheets
from dsar.cli import app  # noqa: F401 - the command must not need a language
from dsar.find.hold import HOLDS
from dsar.find.outcome import State
from dsar.law import words
from dsar.law.rights import RULES
from dsar.texts import ENGLISH, Texts, texts

ROOT = Path(__file__).parent.parent
OTHERS = [language for language in plugins.languages() if language != "en"]
LAW = {
    *words.BASES.values(),
    *words.ORIGINS.values(),
    *(r.outcome.sentence for r in RULES),
    *(h.for_requester for h in HOLDS.values() if h.for_requester),
}


def constants(node):
    """The texts in an expression, but not the pieces of an f-string."""
    if isinstance(node, ast.JoinedStr):
        return set()
    own = {node.value} if isinstance(node, ast.Constant) and isinstance(node.value, str) else set()
    return own | {text for child in ast.iter_child_nodes(node) for text in constants(child)}


def said():
    """Every text handed to `say` in the code, and those that stand in tables of their own."""
    found = LAW | set(get_args(State)) - {"found", "a client's"} | {select.NOT_ABOUT_YOU, draw._LONG, draw._FILL_IN, look.FOOTER}
    found |= {*sheets._HOW_TO_READ, *access._HOW_TO_READ}
    found |= {t for term in sheets._TERMS for t in term} | {sheets._YOU_WILL_HEAR, sheets._WHAT_YOU_CAN_DO, sheets._README}
    found |= {delivery._HEAD, delivery._REST, delivery._OPEN_WORKBOOK, delivery._OPEN_ZIP, delivery._FOOT, delivery._TELL}
    found |= {f"{{n}} {unit}{s}" for unit in ("year", "month", "day") for s in ("", "s")}
    for path in [*(ROOT / "dsar/answer").glob("*.py"), *(ROOT / "dsar/law").glob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and re.search(r"(^|\.)say$|^map$", ast.unparse(node.func)):
                told = node.args if ast.unparse(node.func) != "map" else node.args[1:] if ast.unparse(node.args[0]).endswith("say") else []
                found |= {t for a in told for t in constants(a)}
    for path in (ROOT / "dsar/templates").glob("*.html"):
        found |= {text for pair in re.findall(r"""say\((?:"([^"]+)"|'([^']+)')""", path.read_text(encoding="utf-8")) for text in pair if text}
    found.add("You asked whether we process personal data about you, and for a copy (Article 15 of the General Data Protection Regulation).")
    return found - {"", "uk"}


@pytest.mark.parametrize("language", OTHERS)
def test_every_text_stands_in_the_language_and_no_other_does(language):
    say = texts(language)
    known = {*say.plain, *say.legal}
    assert sorted(said() - known) == []
    assert sorted(known - said()) == []
    assert sorted(say.plain.keys() & say.legal.keys()) == []


@pytest.mark.parametrize("language", OTHERS)
def test_the_places_to_fill_are_the_same(language):
    say = texts(language)
    for english, other in [*say.plain.items(), *((e, legal.text) for e, legal in say.legal.items())]:
        assert sorted(set(re.findall(r"\{\w+\}", english))) == sorted(set(re.findall(r"\{\w+\}", other))), english


@pytest.mark.parametrize("language", OTHERS)
def test_what_the_law_says_is_reviewed_by_somebody_or_carries_the_mark(language):
    say = texts(language)
    assert say.legal.keys() >= LAW  # the law's own sentences are nobody's plain words
    for english, legal in say.legal.items():
        shown = say(english)
        assert bool(legal.reviewed_by) == (legal.reviewed_on is not None)
        assert shown == legal.text if legal.reviewed_by else shown.startswith(legal.text) and shown != legal.text


def test_a_reviewed_sentence_loses_its_mark(monkeypatch):
    raw = (ROOT / "dsar/templates/texts.de.toml").read_text(encoding="utf-8")
    entry = tomllib.loads(raw)["legal"][0]
    assert set(entry) == {"en", "de", "reviewed_by"}
    reviewed = raw.replace('reviewed_by = ""', 'reviewed_by = "R. Echt"\nreviewed_on = 2026-11-01', 1)
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: reviewed)
    texts.cache_clear()
    try:
        assert texts("de")(entry["en"]) == entry["de"]
    finally:
        texts.cache_clear()


def test_english_is_itself():
    assert ENGLISH("Rows {first}", first=1) == "Rows 1"
    assert Texts("de")("not there") == "not there"
    assert texts("en") is ENGLISH
