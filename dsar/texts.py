"""What the requester reads, in their language: a text is looked up by its English words.

The English stands where it is used; each other language has one file, `templates/texts.LANGUAGE.toml`, ours or another package's. Its
`[plain]` texts tell how a file is read; its `[[legal]]` sentences say what the law gives or takes, so each
names the person who reviewed it, or is printed with the `mark` that nobody has. The German file is the list of what there is to translate.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import Annotated, Any

from pydantic import AfterValidator

from dsar import plugins
from dsar.errors import BadPlugin


def _language(code: str) -> str:
    if code not in plugins.languages():
        raise ValueError(f"must be one of {', '.join(plugins.languages())}")
    return code


Language = Annotated[str, AfterValidator(_language)]


@dataclass(frozen=True)
class Legal:
    """A legal sentence in another language, and who stands for it; nobody where `reviewed_by` is empty."""

    text: str
    reviewed_by: str = ""
    reviewed_on: date | None = None


@dataclass(frozen=True)
class Texts:
    """The texts of one language; called with the English and what fills its `{places}`."""

    language: str
    plain: Mapping[str, str] = field(default_factory=dict)
    legal: Mapping[str, Legal] = field(default_factory=dict)
    mark: str = ""  # printed behind a legal sentence that nobody has reviewed

    def __call__(self, english: str, **fill: object) -> str:
        """Return the text in this language; the English where there is none (`texts` sees to it that there is)."""
        sentence = self.legal.get(english)
        text = sentence.text if sentence else self.plain.get(english, english)
        mark = "" if sentence is None or sentence.reviewed_by else self.mark
        return (text.format(**fill) if fill else text) + mark


ENGLISH = Texts("en")


@cache
def texts(language: str) -> Texts:
    """Return the texts of a language; raises `BadPlugin` where one is lacking: no answer is half translated."""
    if language == "en":
        return ENGLISH
    read = tomllib.loads(plugins.template(f"texts.{language}.toml"))
    if lacking := sorted(_english(tomllib.loads(plugins.template("texts.de.toml", ours=True))) - _english(read)):
        where, remedy = f"texts.{language}.toml", "translate it; our texts.de.toml shows what there is"
        raise BadPlugin(f"{len(lacking)} texts are lacking, the first is {lacking[0]!r}", where=where, remedy=remedy)
    legal = {entry["en"]: Legal(entry[language], entry.get("reviewed_by", ""), entry.get("reviewed_on")) for entry in read["legal"]}
    return Texts(language, read["plain"], legal, read["mark"])


def _english(read: Mapping[str, Any]) -> set[str]:
    """Return the words that a file of texts is looked up by, and its parts."""
    return {*read["plain"], *(entry["en"] for entry in read["legal"]), *(key for key in ("mark",) if key in read)}
