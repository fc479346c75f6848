"""The look through the workspace after a purge: which files still hold a value of the person, and which could not be looked into."""

import re
from collections.abc import Collection, Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from dsar.answer import nearby
from dsar.answer.stranger import Needle, Needles
from dsar.errors import DsarError
from dsar.keep import summary as kept
from dsar.keep import sweep
from dsar.keep.purge import standing
from dsar.keep.shelf import STORE
from dsar.recognise import MARK
from dsar.request.case import Case
from dsar.run import shared, summaries
from dsar.workspace import MAP, REGISTER, REQUESTS, Workspace

# Of ours, without anything of a person or looked into by other ways: sealed folders are, where they lie open in memory.
_OURS = {STORE, kept.FOLDER, "published", "audits"}


class Look(NamedTuple):
    """What a look found, by place in the workspace; a part of a place that holds a value itself is masked."""

    left: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()


class Looker:
    """Looks for what one request's person is known by."""

    def __init__(self, workspace: Workspace, known: Iterable[Needle], cases: Mapping[str, Case]) -> None:
        self.workspace, self.root, self.cases = workspace, workspace.root, cases
        self.wanted = Needles(known, workspace.datamap.controller.region)

    def around(self) -> Look:
        """Look through all but the systems, the cases of requests that are registered, and the register."""
        beside = {self.root / top for top in systems(self.workspace)} | {self.root / top for top in ("secrets", "stubs", REGISTER, REQUESTS)}
        beside |= {self.root / "cases" / i for i in self.cases}
        return self._look(sweep.walk(self.root, lambda path: path in beside))

    def register(self) -> Look:
        """Look into the register alone."""
        return self._look(path for path in (self.root / REGISTER, self.root / REQUESTS) if path.is_file())

    def _look(self, paths: Iterable[Path]) -> Look:
        seen = [sweep.look(path, lambda text: bool(self.wanted.in_text(text))) for path in paths]
        broken = {self.root / place for place in shared.broken(self.root)}
        unread = [s.path for s in seen if not s.found and (s.path in broken or (s.unread and not self._ours(s.path)))]
        return Look(self._places(s.path for s in seen if s.found), self._places(unread))

    def _places(self, paths: Iterable[Path]) -> tuple[str, ...]:
        # What came through the inbox was named by somebody outside: there the folder has to do.
        parts = (p[:2] if p[0] == "inbox" else p for p in (path.relative_to(self.root).parts for path in paths))
        return tuple(dict.fromkeys("/".join(MARK if self.wanted.in_text(part) else part for part in some) for some in parts))

    def _ours(self, path: Path) -> bool:
        """Whether a file is of a known format of this toolkit, or came back for a request that is still there: its own purge takes it."""
        parts = path.relative_to(self.root).parts
        own = parts[0] in _OURS or parts in {("cases", nearby.FILE), (REGISTER,)} or (parts[0] == "notebooks" and path.suffix == ".ipynb")
        return own or (parts[0] == "inbox" and len(parts) > 2 and parts[1] in self._of_others)

    @cached_property
    def _of_others(self) -> Collection[str]:
        still = [c for c in self.cases.values() if "working copies" not in standing(summaries.of(self.workspace, c))]
        return shared.searched(self.workspace, still)


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
