"""The look through the workspace after a purge: which files still hold a value of the person, and which could not be looked into."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Literal, NamedTuple

from dsar.answer import nearby
from dsar.answer.stranger import Needle, Needles
from dsar.errors import DsarError
from dsar.keep import left, sweep
from dsar.keep import summary as kept
from dsar.keep.left import Left
from dsar.keep.purge import standing
from dsar.keep.shelf import STORE
from dsar.recognise import MARK
from dsar.request.case import Case
from dsar.request.tables import FILE as REGISTER
from dsar.run import shared, summaries
from dsar.workspace import MAP, REQUESTS, Workspace

# Of ours, without anything of a person or looked into by other ways: sealed folders are, where they lie open in memory.
_OURS = {STORE, kept.FOLDER, "published", "audits"}


class Look(NamedTuple):
    """What a look found, by place in the workspace; a part of a place that holds a value itself is masked."""

    left: tuple[str, ...] = ()  # files that hold a value; or did when they were named, and are as they were
    unread: tuple[str, ...] = ()  # files that could not be looked into
    changed: tuple[str, ...] = ()  # files that were named, are another by now, and in which nothing is found by what is still known


class _Named(NamedTuple):
    """A file that is to be named: its place, what to remember of it, and whether it was named before and is `changed` since."""

    parts: tuple[str, ...]
    left: Left
    changed: bool


class Looker:
    """Looks for what one request's person is known by, and for the files that were named before; remembers what it named."""

    def __init__(self, workspace: Workspace, request: str, known: Iterable[Needle], cases: Mapping[str, Case]) -> None:
        self.workspace, self.root, self.request, self.cases = workspace, workspace.root, request, cases
        self.standing = request in cases
        self.wanted = Needles(known, workspace.datamap.controller.region)

    def owe(self) -> None:
        """Note that a look is owed, before anything goes: a run that is killed leaves it to the next."""
        left.write(self.root, (left.read(self.root, self.request) or left.Note(request=self.request)).model_copy(update={"looked": None}))

    def around(self) -> Look:
        """Look through all but the systems, the cases of requests that are registered, and their register.

        Of a request whose line is gone nothing is known to look for: then only the files that were named before are.
        """
        tops = {*systems(self.workspace), "secrets", "stubs", *((REGISTER, REQUESTS) if self.standing else ())}
        beside = {self.root / top for top in tops} | {self.root / "cases" / i for i in self.cases}
        note = left.read(self.root, self.request)
        return self._remembered(self._named(sweep.walk(self.root, lambda path: path in beside), note.files if note else ()))

    def register(self) -> Look:
        """Look into the register alone, once the line is struck; what is remembered stays."""
        note = left.read(self.root, self.request)
        there = (p for p in (self.root / REGISTER, self.root / REQUESTS) if p.is_file())
        return self._remembered(self._named(there, ()), note.files if note else ())

    def _named(self, paths: Iterable[Path], before: Sequence[Left]) -> Iterator[_Named]:
        places, contents = {n.place: n for n in before}, {n.content: n for n in before}
        broken = {self.root / place for place in shared.broken(self.root)}
        for path in paths:
            seen = sweep.look(path, self._holds) if self.standing else sweep.Seen(path, found=False)
            unread = self.standing and not seen.found and (path in broken or (seen.unread and not self._ours(path)))
            if not (seen.found or unread or before):
                continue
            parts, data = path.relative_to(self.root).parts, _bytes(path)
            place, content = self._hash("place", "/".join(parts).encode()), self._hash("content", data)
            known = places.get(place) or (contents.get(content) if data else None)
            same = known is not None and known.content == content
            if seen.found or unread or known:
                masked = {n for n, part in enumerate(parts) if self._holds(part)}
                if known and known.masked:  # of one that was moved nobody knows any more which part it is
                    masked |= set(known.masked if known.place == place else range(1, len(parts)))
                only_unread = not seen.found and (known.unread if known and same else unread)
                made = Left(place=place, content=content, masked=tuple(sorted(masked)), unread=only_unread)
                yield _Named(parts, made, changed=not (seen.found or unread or same))

    def _remembered(self, found: Iterable[_Named], besides: Sequence[Left] = ()) -> Look:
        named = list(found)
        files = (*besides, *(n.left for n in named if not n.changed))
        left.write(self.root, left.Note(request=self.request, looked=self.workspace.clock(), files=files))
        return Look(
            _places(n for n in named if not n.changed and not n.left.unread),
            _places(n for n in named if not n.changed and n.left.unread),
            _places(n for n in named if n.changed),
        )

    def _holds(self, text: str) -> bool:
        return bool(self.wanted.in_text(text))

    def _hash(self, what: Literal["place", "content"], data: bytes) -> str:
        return left.keyed(self.workspace.register.secret, what, data)

    def _ours(self, path: Path) -> bool:
        """Whether a file is of a known format of this toolkit, or came back for a request that is still there: its own purge takes it."""
        parts = path.relative_to(self.root).parts
        own = parts[0] in _OURS or parts in {("cases", nearby.FILE), (REGISTER,)} or (parts[0] == "notebooks" and path.suffix == ".ipynb")
        return own or (parts[0] == "inbox" and len(parts) > 2 and parts[1] in self._of_others)

    @cached_property
    def _of_others(self) -> Collection[str]:
        still = [c for c in self.cases.values() if "working copies" not in standing(summaries.of(self.workspace, c))]
        return shared.searched(self.workspace, still)


def _places(named: Iterable[_Named]) -> tuple[str, ...]:
    told = []
    for parts, made, _ in named:
        shown = [MARK if n in made.masked else part for n, part in enumerate(parts)]
        # What came through the inbox was named by somebody outside: there the folder has to do.
        told.append("/".join(shown[:2] if shown[0] == "inbox" else shown))
    return tuple(dict.fromkeys(told))


def _bytes(path: Path) -> bytes:
    """Return what a file holds, or where a link leads; nothing where that cannot be read."""
    try:
        return path.read_bytes() if path.is_file() else str(path.readlink()).encode()
    except OSError:
        return b""


def systems(workspace: Workspace) -> set[str]:
    """Return the top folders and files of the workspace in which systems of the map lie: their data are not ours to purge."""
    text = (workspace.root / MAP).read_text(encoding="utf-8")
    named = set(re.findall(r"\$\{WORKSPACE\}/+([^/\"'?*{}]+)", text))
    opened = workspace.sources()
    own = [s for name, s in workspace.datamap.sources.items() if isinstance(o := opened[name], DsarError) or not o.can.asks_people]
    read = [t.file for s in own for t in s.tables.values() if t.file]
    stored = {Path(p).parts[0] for f in read for p in (f.path, f.store) if p and not Path(p).is_absolute()}
    urls = {Path(s.url).parts[0] for s in own if s.url and "://" not in s.url and "$" not in s.url}
    return {n for n in named | stored | urls if n not in {"inbox", "cases"}}
