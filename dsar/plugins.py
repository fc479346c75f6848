"""What other packages bring along, found by entry point: sources, ready maps, templates and with them languages.

An entry point of `dsar.sources` names a class. One of `dsar.maps` or `dsar.templates` names a package whose `.toml` files (and
`page.html`, `page.css`) are meant. A template of another package takes the place of ours, since its letters may be the ones that
a lawyer has reviewed; where two packages bring the same file, or a source of one name, nobody could say which counts, so that is an error.
"""

import re
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from importlib.resources import files
from importlib.resources.abc import Traversable

from dsar.errors import BadPlugin

_OURS = files("dsar").joinpath("templates")
_KEPT = (".toml", ".html", ".css")


@cache
def sources() -> dict[str, str]:
    """Return name → `module:Class` of every connector that is installed; raises `BadPlugin`."""
    found: dict[str, EntryPoint] = {}
    for point in _points("dsar.sources"):
        if (other := found.setdefault(point.name, point)) is not point:
            remedy = "uninstall one of them"
            raise BadPlugin(f"{_owner(other)} and {_owner(point)} both bring {point.name}", where="dsar.sources", remedy=remedy)
    return {name: point.value for name, point in found.items()}


def maps() -> dict[str, Traversable]:
    """Return name → file of every ready map that is installed; raises `BadPlugin`."""
    return {name.removesuffix(".toml"): file for name, file in _brought("dsar.maps").items() if name.endswith(".toml")}


def templates() -> dict[str, Traversable]:
    """Return file name → file of every template that counts; raises `BadPlugin`."""
    return {file.name: file for file in _in(_OURS)} | _brought("dsar.templates")


def template(name: str, *, ours: bool = False) -> str:
    """Return the text of the template that counts, or of ours."""
    return (_OURS.joinpath(name) if ours else templates()[name]).read_text(encoding="utf-8")


@cache
def languages() -> tuple[str, ...]:
    """Return the languages that the requester can be written to in: those with letters, and texts of their own beside English."""
    found = {m[1] for name in templates() if (m := re.fullmatch(r"letters\.([a-z]{2})\.toml", name))}
    return ("en", *sorted(language for language in found - {"en"} if f"texts.{language}.toml" in templates()))


@cache
def _brought(group: str) -> dict[str, Traversable]:
    found: dict[str, tuple[str, Traversable]] = {}
    for point in _points(group):
        owner = _owner(point)
        for file in _files(point, owner):
            other, _ = found.setdefault(file.name, (owner, file))
            if other != owner:
                raise BadPlugin(f"{other} and {owner} both bring {file.name}", where=group, remedy="uninstall one of them")
    return {name: file for name, (_, file) in found.items()}


def _points(group: str) -> list[EntryPoint]:
    return sorted(entry_points(group=group), key=lambda p: (p.dist.name if p.dist else "", p.name))


def _owner(point: EntryPoint) -> str:
    return point.dist.name if point.dist else point.value


def _files(point: EntryPoint, owner: str) -> list[Traversable]:
    try:
        return _in(files(point.value))
    except (ImportError, TypeError, OSError) as error:
        remedy = f"its entry point has to name a package with the files, not '{point.value}'; mend or uninstall it"
        raise BadPlugin(f"what {owner} brings cannot be opened", where=point.group, remedy=remedy) from error


def _in(folder: Traversable) -> list[Traversable]:
    return sorted((file for file in folder.iterdir() if file.name.endswith(_KEPT)), key=lambda file: file.name)
