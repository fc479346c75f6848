"""What the requester reads, in their language: a text is looked up by its English words.

The English stands where it is used; each other language has one file, `templates/texts.LANGUAGE.toml`. Its
`[plain]` texts tell how a file is read; its `[[legal]]` sentences say what the law gives or takes, so each
names the person who reviewed it, or is printed with the mark that nobody has.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Literal

Language = Literal["en", "de"]
_MARKS = {"de": " [ungeprüfte Übersetzung]"}


@dataclass(frozen=True)
class Legal:
    """A legal sentence in another language, and who stands for it; nobody where `reviewed_by` is empty."""

    text: str
    reviewed_by: str = ""
    reviewed_on: date | None = None


@dataclass(frozen=True)
class Texts:
    """The texts of one language; called with the English and what fills its `{places}`."""

    language: Language
    plain: Mapping[str, str] = field(default_factory=dict)
    legal: Mapping[str, Legal] = field(default_factory=dict)

    def __call__(self, english: str, **fill: object) -> str:
        """Return the text in this language; the English where there is none (the tests hold that there is)."""
        sentence = self.legal.get(english)
        text = sentence.text if sentence else self.plain.get(english, english)
        mark = "" if sentence is None or sentence.reviewed_by else _MARKS[self.language]
        return (text.format(**fill) if fill else text) + mark


ENGLISH = Texts("en")


@cache
def texts(language: Language) -> Texts:
    """Return the texts of a language."""
    if language == "en":
        return ENGLISH
    read = tomllib.loads(files("dsar").joinpath("templates", f"texts.{language}.toml").read_text(encoding="utf-8"))
    legal = {entry["en"]: Legal(entry[language], entry["reviewed_by"], entry.get("reviewed_on")) for entry in read["legal"]}
    return Texts(language, read["plain"], legal)
