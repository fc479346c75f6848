"""Letters as text: a template of a language filled with the facts of a case, and who stands for its legal sentences.

A letter sent before identity is settled is given the register's facts and no others, so it reads the
same whether or not anything is held.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

import jinja2

from dsar import plugins
from dsar.errors import BadPlugin, IdentityNotVerified, UnknownLetter
from dsar.request.case import Case

# What may be written while nobody knows who asks. All else waits, since its words depend on what was found or decided.
BEFORE_IDENTITY = ("acknowledgement", "identity_request", "reminder", "lapse", "complaint_acknowledged", "complaint_form")


@dataclass(frozen=True)
class Letter:
    """One letter; `blocks` are its paragraphs, a list of points being a tuple. `reviewed_by` is empty while nobody stands for it."""

    name: str
    language: str
    subject: str
    blocks: tuple[str | tuple[str, ...], ...]
    reviewed_by: str
    mark: str
    greeting: str
    closing: str
    reference: str

    @property
    def reviewed(self) -> bool:
        """Whether a lawyer stands for its legal sentences."""
        return bool(self.reviewed_by)

    @property
    def text(self) -> str:
        """The letter as plain text, for a mail."""
        body = [block if isinstance(block, str) else "\n".join(f"- {point}" for point in block) for block in self.blocks]
        head = [] if self.reviewed else [self.mark]
        return "\n\n".join([*head, self.greeting, *body, self.closing]) + "\n"


@cache
def _templates(language: str) -> dict[str, Any]:
    read = tomllib.loads(plugins.template(f"letters.{language}.toml"))
    if lacking := sorted(_keys(tomllib.loads(plugins.template("letters.en.toml", ours=True))) - _keys(read)):
        where, remedy = f"letters.{language}.toml", "write it; our letters.en.toml shows what there is"
        raise BadPlugin(f"{len(lacking)} parts are lacking, the first is {lacking[0]}", where=where, remedy=remedy)
    return read


def _keys(read: Mapping[str, Any], prefix: str = "") -> set[str]:
    """Return the paths of all keys."""
    below = (_keys(value, f"{prefix}{key}.") for key, value in read.items() if isinstance(value, dict))
    return {f"{prefix}{key}" for key in read}.union(*below)


def names() -> tuple[str, ...]:
    """Return the names of the letters there are."""
    return tuple(name for name in _templates("en") if name not in {"words", "routes"})


def words(language: str) -> dict[str, Any]:
    """Return a language's words: rights, grounds, reasons, methods."""
    found: dict[str, Any] = _templates(language)["words"]
    return found


def to_fill(text: str, language: str) -> list[str]:
    """Return the places of a letter that are left to fill in, marked in its language or in English."""
    marks = "|".join(re.escape(words(one)["to_fill"]) for one in dict.fromkeys(("en", language)))
    return re.findall(rf"\[(?:{marks}): [^\]]*\]", text)


def day(moment: date, language: str) -> str:
    """Return a day written out."""
    own = words(language)
    return str(own["date"]).format(day=moment.day, month=own["months"][moment.month - 1], year=moment.year)


def render(name: str, case: Case, facts: Mapping[str, Any]) -> Letter:
    """Return a letter of a case in its language; raises `UnknownLetter`, and `IdentityNotVerified` where it has to wait.

    Days among the facts are written out. A fact the template needs and does not get is a `jinja2.UndefinedError`.
    """
    if not _no_more_than(name, facts):
        require_identity(name, case)
    language, controller = case.language, case.controller
    own, template = words(language), _templates(language)[name]
    known: dict[str, Any] = {
        "reference": case.request.id,
        "received": case.request.received,
        "regime": case.request.regime or controller.regime,
        "authority": controller.supervisory_authority,
        "contact": controller.contact,
        "controller": controller.name,
        **facts,
    }
    known = {k: day(v, language) if isinstance(v, date) else v for k, v in known.items()}
    known["routes"] = _fill(_templates(language)["routes"]["text"], known)
    return Letter(
        name=name,
        language=language,
        subject=template["subject"],
        blocks=_blocks(_fill(template["text"], known)),
        reviewed_by=template["reviewed_by"],
        mark=own["mark"],
        greeting=own["greeting"],
        closing=f"{own['closing']}\n{controller.name}",
        reference=f"{own['reference']}: {case.request.id}",
    )


def require_identity(name: str, case: Case) -> None:
    """Raise `IdentityNotVerified` for a letter that has to wait until it is settled who asks, `UnknownLetter` for none there is."""
    if name not in names():
        raise UnknownLetter(f"there is no letter '{name}'", remedy=f"use one of {', '.join(names())}")
    if name not in BEFORE_IDENTITY and not case.may_send:
        remedy = f"settle who asks first; until then there are {', '.join(BEFORE_IDENTITY)}"
        raise IdentityNotVerified("this letter could tell whether anything is held", where=case.request.id, remedy=remedy)


def _no_more_than(name: str, facts: Mapping[str, Any]) -> bool:
    """Whether a refusal says no more than that we cannot tell whose data are meant."""
    return name == "refusal" and facts.get("codes") == ["cannot identify"] and not facts.get("because")


_ENVIRONMENT = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False, keep_trailing_newline=False)  # noqa: S701 - plain text, no markup


def _fill(text: str, facts: Mapping[str, Any]) -> str:
    return _ENVIRONMENT.from_string(text).render(facts).strip()


def _blocks(text: str) -> tuple[str | tuple[str, ...], ...]:
    found: list[str | tuple[str, ...]] = []
    for block in re.split(r"\n\s*\n", text):
        lines = [line.strip() for line in block.splitlines() if line.strip()]
        for is_list, group in _runs(lines):
            found.append(tuple(line.removeprefix("- ") for line in group) if is_list else " ".join(group))
    return tuple(found)


def _runs(lines: list[str]) -> list[tuple[bool, list[str]]]:
    runs: list[tuple[bool, list[str]]] = []
    for line in lines:
        is_list = line.startswith("- ")
        if not runs or runs[-1][0] != is_list:
            runs.append((is_list, []))
        runs[-1][1].append(line)
    return runs
