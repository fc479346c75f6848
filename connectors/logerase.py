"""Lines of web-server logs made nobody's: only the files they stand in are rewritten, and never one that is being written.

A new file is written beside the old, brought to disk, read back and compared line by line: as many lines, all others byte for
byte the same. Only then it takes the old one's place (`connectors.swap`); what was packed stays packed. A line is known by a hash of
its text, so that it is found too where a server renamed or packed the file since.
"""

import gzip
import hashlib
import io
import os
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, cast

from connectors import exact, logfiles, logformat, swap
from connectors.logfiles import LogFile
from dsar.errors import DsarError, ErasureRefused, NotOffered, SourceUnreachable
from dsar.source import Change, Result, Settings

QUIET = 300  # seconds: where we cannot see who has a file open, one that was changed since may still be written
NOBODY = "0.0.0.0"  # noqa: S104 - stands for an address that was taken out; log readers stumble over anything else
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
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

    def statements(self, changes: Sequence[Change]) -> str:
        """Raise `NotOffered`: no statement changes a line of a file."""
        raise NotOffered(f"{len(changes)} lines of files cannot be changed by a statement", where=self.settings.name)


class _Place:
    """The files of one table, and which lines of which file are to be changed."""

    def __init__(self, settings: Settings, name: str, stack: ExitStack) -> None:
        declared = exact.mapped(settings, name).file
        if declared is None:
            raise SourceUnreachable("names no files", where=f"{settings.name}.{name}", remedy="set file.path in dsar.toml")
        if declared.store:
            remedy = "its lines are anonymised on their day by `dsar logs compact`; or take `store` out of dsar.toml, and delete the store"
            raise ErasureRefused("its lines are kept in a store as well, which is not rewritten", where=f"{settings.name}.{name}", remedy=remedy)
        self.format = declared.format
        self.place = settings.root / settings.expand(declared.path)
        swap.tidy(self.place.parent)
        try:
            self.files: list[LogFile] = stack.enter_context(logfiles.snapshot(self.place.parent, self.place.name))
        except OSError as error:
            raise SourceUnreachable("no log file is there", where=f"{settings.name}.{name}", remedy="mount the logs") from error
        self.standing: dict[Path, Counter[str]] = {}
        self.accepted: dict[Path, dict[str, list[Change]]] = defaultdict(lambda: defaultdict(list))
        self._written: dict[Path, str] = {}

    def find(self, changes: Sequence[Change]) -> None:
        """Count the wanted lines in the files they are said to stand in, and in all others where one is missing there."""
        wanted = Counter((str(c.key[_PLACES["file"]]), str(c.key[_PLACES["line"]])) for c in changes)
        named = [f for f in self.files if any(f.path.name == file for file, _ in wanted)]
        self._count(named, {line for _, line in wanted})
        there = {(f.path.name, line): self.standing[f.path][line] for f in named for line in self.standing[f.path]}
        if missing := {line for (file, line), lines in wanted.items() if there.get((file, line), 0) < lines}:
            self._count([f for f in self.files if f not in named], missing)

    def _count(self, files: Sequence[LogFile], wanted: set[str]) -> None:
        for file in files:
            digests = map(digest, lines_of(file))
            self.standing[file.path] = Counter(found for found in digests if found in wanted)

    def take(self, change: Change) -> Result:
        """Accept a change where its line stands."""
        line = str(change.key[_PLACES["line"]])
        order = sorted(self.standing, key=lambda path: path.name != change.key[_PLACES["file"]])
        path = next((p for p in order if self.standing[p][line] > len(self.accepted[p][line])), None)
        if path is None:
            return Result("already")
        if why := self._being_written(path):
            return Result("refused", why)
        self.accepted[path][line].append(change)
        return Result("done")

    def _being_written(self, path: Path) -> str:
        if path not in self._written:
            file = next(f for f in self.files if f.path == path)
            used = swap.in_use(file.stream)
            fresh = time.time() - os.fstat(file.stream.fileno()).st_mtime < QUIET
            self._written[path] = (
                f"{path.name} is being written: rotate it and let the server open a new one (`logrotate -f`, then `nginx -s reopen`), then try again"
                if used or (used is None and fresh)
                else ""
            )
        return self._written[path]

    def rewrite(self) -> None:
        """Put each file with changed lines in its place, checked."""
        for file in self.files:
            planned = {line: changes for line, changes in self.accepted.get(file.path, {}).items() if changes}
            if planned:
                swap.rewrite(file.path, file.stream, partial(self._write, file, planned), partial(self._check, file, planned))

    def _write(self, file: LogFile, planned: Mapping[str, Sequence[Change]], to: BinaryIO) -> None:
        with packing(file.path, to) as stream:
            for line in self._lines(file, planned):
                stream.write(line)

    def _check(self, file: LogFile, planned: Mapping[str, Sequence[Change]], new: BinaryIO) -> None:
        """Read both files once more; raises `ErasureRefused` where they differ in anything else than the lines that were to change."""
        state = os.fstat(new.fileno())
        fresh = LogFile(file.path, cast("io.BufferedReader", new), state.st_size, state.st_mtime)
        kept = changed = 0
        try:
            for before, after in zip(lines_of(file), lines_of(fresh), strict=True):
                kept, changed = kept + (before == after), changed + (before != after and digest(before) in planned)
                if before != after and digest(before) not in planned:
                    raise ValueError  # noqa: TRY301
        except (ValueError, OSError, EOFError) as error:
            raise self._wrong(file) from error
        if changed != sum(map(len, planned.values())):
            raise self._wrong(file)

    def _wrong(self, file: LogFile) -> ErasureRefused:
        return ErasureRefused("what was written beside is not what was planned, so the file was left", where=file.path.name, remedy="try again")

    def _lines(self, file: LogFile, planned: Mapping[str, Sequence[Change]]) -> Iterator[bytes]:
        left = {line: list(changes) for line, changes in planned.items()}
        for text in lines_of(file):
            waiting = left.get(digest(text))
            yield anonymous(self.format, text, waiting.pop(0).new or {}) if waiting else text


class LogSession:
    """Changes of lines, gathered table by table until the files are rewritten."""

    def __init__(self, settings: Settings, changes: Sequence[Change], stack: ExitStack) -> None:
        self.tables = {name: _Place(settings, name, stack) for name in dict.fromkeys(c.table for c in changes)}
        for name, place in self.tables.items():
            try:
                place.find([c for c in changes if c.table == name])
            except DsarError:
                raise
            except (OSError, EOFError) as error:
                raise SourceUnreachable("a log file cannot be read to its end", where=f"{settings.name}.{name}") from error

    def apply(self, change: Change) -> Result:
        """Take a line on the list of what is rewritten when the session ends."""
        return self.tables[change.table].take(change)

    def rewrite(self) -> None:
        """Rewrite the files; a run that is killed between two of them is completed by the next."""
        for place in self.tables.values():
            place.rewrite()


def digest(text: bytes) -> str:
    """Return by what a line is known."""
    return hashlib.sha256(text.rstrip(b"\r\n")).hexdigest()[:32]


def lines_of(file: LogFile) -> Iterator[bytes]:
    """Yield all lines of an open file from its beginning, unpacked, each to the byte as it stands there."""
    # A reader of packed files closes what it reads from, so each has a handle of its own.
    with os.fdopen(os.dup(file.stream.fileno()), "rb") as stream:
        stream.seek(0)
        if file.packed == "gzip":
            yield from gzip.GzipFile(fileobj=stream)
        elif file.packed:
            import pyarrow as pa

            with pa.CompressedInputStream(pa.PythonFile(stream, mode="r"), file.packed) as unpacked, io.BufferedReader(unpacked) as buffered:
                yield from buffered
        else:
            yield from stream


def anonymous(written: str, text: bytes, new: Mapping[str, object]) -> bytes:
    """Return a line with new values, its ending as it was; where it is not as the format says, nothing of it stays."""
    bare = text.rstrip(b"\r\n")
    made = logformat.rewritten(written, bare, _variables(new))
    return (made if made is not None else f"{NOBODY} -".encode()) + text[len(bare) :]


def _variables(new: Mapping[str, object]) -> Mapping[str, str]:
    day = new.get("at")
    known: dict[str, Any] = {
        "remote_addr": new.get("client") or NOBODY,
        "request": new.get("request"),
        "request_uri": new.get("request"),
        "status": new.get("status"),
        "http_referer": new.get("referrer"),
        "http_user_agent": new.get("browser"),
    }
    if isinstance(day, date):
        known["time_local"] = f"{day.day:02}/{_MONTHS[day.month - 1]}/{day.year:04}:00:00:00 +0000"
        known["time_iso8601"] = f"{day.isoformat()}T00:00:00+00:00"
    return {name: str(value) for name, value in known.items() if value is not None}


@contextmanager
def packing(path: Path, to: BinaryIO) -> Iterator[BinaryIO]:
    """Yield a stream that packs what is written as the file's name says."""
    if path.suffix == ".gz":
        with gzip.GzipFile(filename="", fileobj=to, mode="wb", mtime=0) as stream:
            yield cast("BinaryIO", stream)
    elif path.suffix in {".zst", ".zstd"}:
        import pyarrow as pa

        with (
            os.fdopen(os.dup(to.fileno()), "wb") as own,
            pa.CompressedOutputStream(pa.PythonFile(own, mode="w"), "zstd") as packed,
            io.BufferedWriter(packed) as buffered,
        ):
            yield cast("BinaryIO", buffered)
    else:
        yield to
