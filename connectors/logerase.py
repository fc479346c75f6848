"""Lines of web-server logs made nobody's: only the files they stand in are rewritten, and never one that is being written.

A new file is written beside the old, brought to disk, read back and compared line by line: as many lines, all others byte for
byte the same. Only then it takes the old one's place (`connectors.swap`); what was packed stays packed. A line is known by a hash of
its text, so that it is found too where a server renamed or packed the file since.
"""

import io
import os
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

from connectors import exact, logblocks, logcompact, logentries, logkepterase, logline, loglookup, logtables, swap
from connectors.loganonymous import Planned, changing, lines_of, packing
from connectors.logentries import Entries, Entry
from connectors.logfiles import LogFile
from connectors.logtables import LogTables
from dsar.errors import DsarError, ErasureRefused, SourceUnreachable
from dsar.source import Change, Result, Settings

QUIET = 300  # seconds: where we cannot see who has a file open, one that was changed since may still be written
_PLACES = {"file": 0, "line": 1, "copy": 2}  # of a key


class LogEraser:
    """The log files of a web server, to be rewritten where they lie."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @contextmanager
    def begin(self, changes: Sequence[Change], *, commit: bool) -> Iterator["LogSession"]:
        """Yield a session that knows where each line stands; the files are rewritten last, one after the other."""
        with ExitStack() as stack:
            session = LogSession(self.settings, changes, stack)
            yield session
            if commit:
                session.rewrite()


@dataclass
class _Unit:
    """Lines that stand or fall together: a raw file, an entry of the store, or a raw file and the entries that hold its lines as well."""

    name: str
    file: LogFile | None
    entries: tuple[Entry, ...] = ()
    whole: bool = False  # the entry holds all the file holds
    standing: Counter[str] = field(default_factory=Counter)  # by what a line is known → how often it is there
    accepted: dict[str, list[Change]] = field(default_factory=lambda: defaultdict(list))


class _Place:
    """The files of one table, raw and kept, and which lines of which are to be changed."""

    def __init__(self, settings: Settings, name: str, stack: ExitStack) -> None:
        declared = exact.mapped(settings, name).file
        if declared is None:
            raise SourceUnreachable("names no files", where=f"{settings.name}.{name}", remedy="set file.path in dsar.toml")
        self.format = declared.format
        folder = settings.root / settings.expand(declared.store) if declared.store else None
        self.store = folder if folder and (folder / "files").is_dir() else None
        if self.store:
            stack.enter_context(logentries.alone(self.store))
        self.units = self._units(self._raw(settings, name, stack))
        self._written: dict[Path, str] = {}

    @staticmethod
    def _raw(settings: Settings, name: str, stack: ExitStack) -> list[LogFile]:
        tables = LogTables(settings)
        swap.tidy(tables.place(name).parent)
        try:
            return stack.enter_context(tables.opened(name))
        except OSError as error:
            raise SourceUnreachable("no log file is there", where=f"{settings.name}.{name}", remedy=logtables.MOUNT) from error

    def _units(self, raw: Sequence[LogFile]) -> list[_Unit]:
        if not self.store:
            return [_Unit(file.path.name, file) for file in raw]
        self.entries = Entries(self.store)
        logcompact.sweep(self.store, self.entries)
        units = []
        for file in raw:
            known = self.entries.same(file)
            also = (known.same,) if known.same else (*known.shorter, *known.former)
            units.append(_Unit(file.path.name, file, also, known.same is not None))
        kept, _ = loglookup.held(self.store, raw)
        beside = {entry.id for unit in units for entry in unit.entries}
        return [*units, *(_Unit(held.name, None, (held.entry,)) for held in kept if held.entry.id not in beside)]

    def find(self, changes: Sequence[Change]) -> None:
        """Count the wanted lines where they are said to stand, and everywhere else where one is missing there."""
        wanted = Counter((str(c.key[_PLACES["file"]]), str(c.key[_PLACES["line"]])) for c in changes)
        named = [unit for unit in self.units if any(unit.name == file for file, _ in wanted)]
        self._count(named, {line for _, line in wanted})
        there = Counter({(unit.name, line): lines for unit in named for line, lines in unit.standing.items()})
        if missing := {line for (file, line), lines in wanted.items() if there[file, line] < lines}:
            self._count([unit for unit in self.units if unit not in named], missing)

    def _count(self, units: Sequence[_Unit], wanted: set[str]) -> None:
        for unit in units:
            for lines in ([lines_of(unit.file)] if unit.file else []) + [self._kept(entry) for entry in unit.entries]:
                unit.standing |= Counter(found for found in map(logline.digest, lines) if found in wanted)

    def _kept(self, entry: Entry) -> Iterator[bytes]:
        assert self.store
        return logkepterase.lines_of(self.store, entry)

    def take(self, change: Change) -> Result:
        """Accept a change where its line stands."""
        line = str(change.key[_PLACES["line"]])
        order = sorted(self.units, key=lambda unit: unit.name != change.key[_PLACES["file"]])
        unit = next((unit for unit in order if unit.standing[line] > len(unit.accepted[line])), None)
        if unit is None:
            return Result("already")
        if unit.file and (why := self._being_written(unit.file)):
            return Result("refused", why)
        unit.accepted[line].append(change)
        return Result("done")

    def _being_written(self, file: LogFile) -> str:
        if file.path not in self._written:
            used = swap.in_use(file.stream)
            fresh = time.time() - os.fstat(file.stream.fileno()).st_mtime < QUIET
            remedy = "rotate it and let the server open a new one (`logrotate -f`, then `nginx -s reopen`), then try again"
            self._written[file.path] = f"{file.path.name} is being written: {remedy}" if used or (used is None and fresh) else ""
        return self._written[file.path]

    def rewrite(self) -> None:
        """Put what has changed lines in its place, checked: first in the store, since a raw file that holds what was erased there is read."""
        for unit in self.units:
            if planned := {line: changes for line, changes in unit.accepted.items() if changes}:
                kept = [self._rewrite_kept(unit, entry, planned) for entry in unit.entries]
                if unit.file:
                    swap.rewrite(unit.file.path, unit.file.stream, partial(self._write, unit.file, planned), partial(self._check, unit.file, planned))
                    self._meet(unit.file, kept)

    def _rewrite_kept(self, unit: _Unit, entry: Entry, planned: Planned) -> Entry:
        assert self.store
        raw = partial(self._lines, unit.file, planned) if unit.file and unit.whole else None
        return logkepterase.rewrite(self.store, self.entries, entry, partial(changing, self.format, planned), raw)

    def _meet(self, file: LogFile, kept: Sequence[Entry]) -> None:
        """Make sure that no line counts twice: an entry that does not know the rewritten file goes, since the file holds all its lines."""
        if self.store and kept:
            with file.path.open("rb") as stream:
                state = os.fstat(stream.fileno())
                fresh = LogFile(file.path, stream, state.st_size, state.st_mtime)
                known = self.entries.same(fresh)
                if known.same:
                    self.entries.add(self.entries.seen_as(known.same, fresh))
            known_by = {entry.id for entry in (known.same, *known.shorter, *known.former) if entry}
            for entry in kept:
                if entry.id not in known_by:
                    logcompact.discard(entry, self.store, self.entries)

    def _write(self, file: LogFile, planned: Planned, to: BinaryIO) -> None:
        with packing(file.path, to) as stream:
            for line in self._lines(file, planned):
                stream.write(line)

    def _check(self, file: LogFile, planned: Planned, new: BinaryIO) -> None:
        """Read both files once more; raises `ErasureRefused` where they differ in anything else than the lines that were to change."""
        state = os.fstat(new.fileno())
        fresh = LogFile(file.path, cast("io.BufferedReader", new), state.st_size, state.st_mtime)
        kept = changed = 0
        try:
            for before, after in zip(lines_of(file), lines_of(fresh), strict=True):
                kept, changed = kept + (before == after), changed + (before != after and logline.digest(before) in planned)
                if before != after and logline.digest(before) not in planned:
                    raise ValueError  # noqa: TRY301
        except (ValueError, OSError, EOFError) as error:
            raise self._wrong(file) from error
        if changed != sum(map(len, planned.values())):
            raise self._wrong(file)

    def _wrong(self, file: LogFile) -> ErasureRefused:
        return ErasureRefused("what was written beside is not what was planned, so the file was left", where=file.path.name, remedy="try again")

    def _lines(self, file: LogFile, planned: Planned) -> Iterator[bytes]:
        becomes = changing(self.format, planned)
        for text in lines_of(file):
            new = becomes(text)
            yield text if new is None else new


class LogSession:
    """Changes of lines, gathered table by table until the files are rewritten."""

    def __init__(self, settings: Settings, changes: Sequence[Change], stack: ExitStack) -> None:
        self.tables: dict[str, _Place] = {}
        for name in dict.fromkeys(c.table for c in changes):
            try:
                self.tables[name] = _Place(settings, name, stack)
                self.tables[name].find([c for c in changes if c.table == name])
            except DsarError:
                raise
            except logblocks.DAMAGED as error:
                where, remedy = f"{settings.name}.{name}", "bring the damaged file back from a backup, or move it away"
                raise SourceUnreachable("a log file cannot be read to its end", where=where, remedy=remedy) from error

    def apply(self, change: Change) -> Result:
        """Take a line on the list of what is rewritten when the session ends."""
        return self.tables[change.table].take(change)

    def rewrite(self) -> None:
        """Rewrite the files; a run that is killed between two of them is completed by the next."""
        for place in self.tables.values():
            place.rewrite()
