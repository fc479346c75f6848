"""Whose rows a table's are: what of a source goes into the map, and which columns say so.

People's own tables come first; then what refers to them, and what refers to that; then what their rows point at, where it
holds something personal. What remains has nothing personal that was seen, or nothing that tells whose it is.
"""

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from dsar import kinds
from dsar.guess import columns
from dsar.guess.columns import Guess, words
from dsar.guess.links import Link
from dsar.source import Schema

_WAYS = {"user.contact.email": ("email",), "user.contact.phone_number": ("phone",), "user.contact": ("email", "phone")}
_WRITTEN = re.compile(r"\b(placed|created|visited|signed|sent|opened|logged|time|date|at|on|stamp)\b")


@dataclass
class Draft:
    """What is proposed for one table: kind of identifier → columns, each with the reason."""

    name: str
    guesses: Mapping[str, Guess]
    of_people: bool
    of_organisations: bool
    match: dict[str, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))
    reveals: dict[str, tuple[str, str, str]] = field(default_factory=dict)  # kind → column, prefix, why
    perhaps: dict[str, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))  # as `match`, for a person to decide
    declared: set[tuple[str, str]] = field(default_factory=set)  # kind, column: what the schema itself says


def drafts(
    schema: Mapping[str, Schema],
    guesses: Mapping[str, Mapping[str, Guess]],
    links: list[Link],
    perhaps: list[Link],
    keys: Mapping[str, tuple[str, ...]],
) -> tuple[dict[str, Draft], dict[str, str]]:
    """Return the tables to map, and the others with why they are not; `perhaps` are links that a person has to decide on."""
    found = {name: Draft(name, guesses[name], columns.is_of_people(name, guesses[name]), columns.is_of_organisations(name)) for name in schema}
    ours = {name for name, draft in found.items() if draft.of_people and not draft.of_organisations}
    owned = _downwards(found, links, ours)
    pointed = _across(found, links, owned)
    firms = {name for name in pointed if found[name].of_organisations}
    below = _downwards(found, [link for link in links if link.table not in owned], firms) - firms
    for name in below:
        found[name].of_organisations = True
    pointed |= below
    for name in owned | pointed:
        _own(found[name], keys[name], any(link.target == name for link in links))
    for link in perhaps:
        found[link.table].perhaps[kind_of(link.target)][link.column] = link.why
    strangers = {name for name in set(schema) - owned - pointed if _elsewhere(found[name], links)}
    by_name = {name for name in set(schema) - owned - pointed - strangers if _full_name(found[name])}
    for name in by_name:
        found[name].match["name"] |= dict.fromkeys(_full_name(found[name]), "nothing else tells whose row it is; what a name finds is held")
    mapped = {name: found[name] for name in schema if name in owned | pointed | strangers | by_name and found[name].match}
    return mapped, {name: _why_not(found[name], schema[name]) for name in schema if name not in mapped}


def _downwards(found: Mapping[str, Draft], links: list[Link], ours: set[str]) -> set[str]:
    """Say whose the rows are that refer to people, and to what is theirs; return the tables of both."""
    owned, new = set(ours), set(ours)
    while new:
        reached = set()
        for link in links:
            if link.target in new and link.table != link.target and not columns.is_about_another(link.column):
                kind = kind_of(link.target, link.prefix)
                found[link.table].match[kind].setdefault(link.column, link.why)
                found[link.target].reveals.setdefault(kind, (link.target_column, link.prefix, link.why))
                if link.declared:
                    found[link.table].declared.add((kind, link.column))
                if found[link.table].of_people and not link.prefix:  # found by its own address, it leads to whom it belongs to
                    found[link.table].reveals.setdefault(kind, (link.column, "", link.why))
                reached.add(link.table)
        new = reached - owned
        owned |= new
    return owned


def _across(found: Mapping[str, Draft], links: list[Link], owned: set[str]) -> set[str]:
    """Let rows that are theirs lead to what they point at, where that is personal: an order's address, a contact's company."""
    reached = set()
    for link in links:
        target = found[link.target]
        if link.table in owned and link.target not in owned and not link.prefix and any(g.personal for g in target.guesses.values()):
            kind = kind_of(link.target)
            target.match[kind].setdefault(link.target_column, link.why)
            found[link.table].reveals.setdefault(kind, (link.column, "", link.why))
            if link.declared:
                target.declared.add((kind, link.target_column))
            reached.add(link.target)
    return reached


def _own(draft: Draft, key: tuple[str, ...], referred: bool) -> None:
    """Add what a row bears itself: its number, addresses and numbers of the person, the IP address it was made from."""
    if len(key) == 1 and (referred or draft.of_people):
        draft.match[kind_of(draft.name)].setdefault(key[0], "its own key")
        draft.declared.add((kind_of(draft.name), key[0]))
    for column, guess in draft.guesses.items():
        for kind in _WAYS.get(guess.category, ()) if not guess.other_person and not draft.of_organisations else ():
            draft.match[kind].setdefault(column, guess.why)
        if guess.category == "user.device.ip_address" and any(_when(draft)):
            draft.reveals.setdefault("ip", (column, "", guess.why))


def _elsewhere(draft: Draft, links: list[Link]) -> bool:
    """Let a number of people that no table of this source issues be searched by, and a cookie: whoever knows writes in whose it is."""
    led = {link.column for link in links if link.table == draft.name}
    for column, guess in draft.guesses.items():
        if guess.category == "user.device.cookie_id":
            draft.match["cookie"].setdefault(column, guess.why)
        elif column not in led and not columns.is_about_another(column) and columns.names_a_person(column):
            said = re.sub(r"\W", "_", words(column).rpartition(" ")[0] or column)
            draft.match[said].setdefault(column, "a number that another system issues, it seems: write its kind, such as crm.user")
    return bool(draft.match)


def _when(draft: Draft) -> list[str]:
    """Return the columns that may say when a row was made."""
    return [c for c, g in draft.guesses.items() if g.category == "user.behavior" and (g.why == "a time" or _WRITTEN.search(words(c)))]


def beside_ip(draft: Draft) -> tuple[str | None, str | None]:
    """Return the columns that say when, and with which browser, an IP address was used."""
    browser = next((c for c, g in draft.guesses.items() if g.category == "user.device"), None)
    return next(iter(_when(draft)), None), browser


def _full_name(draft: Draft) -> list[str]:
    return [c for c, g in draft.guesses.items() if g.category == "user.name" and not g.other_person]


def kind_of(table: str, prefix: str = "") -> str:
    """Return the kind of identifier a table's key is, within its source."""
    if prefix:
        return "reference"
    word = re.sub(r"\W", "_", table)
    return f"{word}_key" if word in kinds.GLOBAL or word == "reference" else word


def _why_not(draft: Draft, known: Schema) -> str:
    if known.fault:
        return "it could not be read"
    if draft.perhaps:
        return "; ".join(f"{column}: {why}" for columns_ in draft.perhaps.values() for column, why in columns_.items())
    personal = [c for c, g in draft.guesses.items() if g.personal]
    return f"{', '.join(personal)} looks personal, but nothing tells whose row it is" if personal else ""
