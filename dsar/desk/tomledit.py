"""Changes single keys of a TOML text: comments, order and everything else stay as somebody wrote them."""

import copy
import re
import tomllib
from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any

import tomlkit
from tomlkit.items import InlineTable, Item, Table

from dsar.errors import BadMap

Edit = tuple[tuple[str, ...], Any]  # key path, value; None takes the key away
_GUESSED = "# guessed"


def applied(content: Mapping[str, Any], edits: Iterable[Edit]) -> dict[str, Any]:
    """Return the parsed map with the edits made."""
    made = copy.deepcopy(dict(content))
    for path, value in edits:
        _set(made, path, value)
    return made


def changed(text: str, edits: Iterable[Edit]) -> str:
    """Return the text with the edits made; what is no longer a guess no longer says so. Raises `BadMap` where it would not read back as meant."""
    edits = list(edits)
    document = tomlkit.parse(text)
    for path, value in edits:
        _set(document, path, value)
    for path, value in edits:
        _confirm(document, path, whole=path[-1] == "guessed" and value is None)
    made, meant = tomlkit.dumps(document), applied(tomllib.loads(text), edits)
    # tomlkit has lost keys of tables that stand apart before: nothing is written that does not read back as it should.
    if _read(made) != meant:
        raise BadMap(
            "cannot be changed by a program without loss", where="dsar.toml", remedy="keep the sections of one system together, then try again"
        )
    tidy = _spaced(made, text)
    return tidy if _read(tidy) == meant else made


def _spaced(made: str, before: str) -> str:
    """Put back the blanks that tomlkit drops in front of a closing brace, as they were or as they are everywhere."""
    known = {line.replace(" ", ""): line for line in before.splitlines()}
    lines = (known.get(line.replace(" ", "")) or re.sub(r"(?<=[^\s{}])(\}\s*(#.*)?)$", r" \1", line) for line in made.splitlines())
    return "\n".join(lines) + "\n"


def _read(text: str) -> object:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None


def _set(place: Any, path: tuple[str, ...], value: Any) -> None:
    *parents, last = path
    for part in parents:
        if part not in place:
            place[part] = tomlkit.table() if isinstance(place, Item | tomlkit.TOMLDocument) and not isinstance(place, InlineTable) else {}
        place = place[part]
    if value is None:
        if last in place:
            del place[last]
    elif isinstance(place, Table | InlineTable | tomlkit.TOMLDocument | tomlkit.container.OutOfOrderTableProxy) and isinstance(value, dict):
        inside = ", ".join(f"{tomlkit.key(k).as_string()} = {tomlkit.item(v).as_string()}" for k, v in value.items())
        place[last] = tomlkit.value(f"{{ {inside} }}")
    else:
        place[last] = value


def _confirm(document: Any, path: tuple[str, ...], *, whole: bool) -> None:
    """Take the remark `# guessed` from a key that somebody changed, or from a whole table that somebody confirmed."""
    place: Any = document
    for part in path[:-1]:
        place = place.get(part, {}) if isinstance(place, Mapping) else {}
        if isinstance(place, InlineTable):
            _silence(place)
    if whole:
        _silence_all(place)
    elif isinstance(place, Mapping) and path[-1] in place:
        _silence(place[path[-1]])


def _silence_all(place: Any) -> None:
    for value in place.values() if isinstance(place, MutableMapping) else ():
        _silence(value)
        _silence_all(value)


def _silence(item: Any) -> None:
    if isinstance(item, Item) and item.trivia.comment.startswith(_GUESSED):
        item.trivia.comment = item.trivia.comment_ws = ""
