"""The ledger: what was done, when and by whom, in a chain that shows whether a line was changed, moved, put in or taken out.

One line of JSON per entry, which holds the hash of the line before it. Number and hash of the last line, the *head*, stand in a
file beside it, so that a tail that was cut off is noticed. Who can write here can write both, so the head also leaves
the machine: in the foot of each letter's PDF, and on a sheet that somebody signs. No value of a person stands in it.
Columns of a line: `n` (1, 2 …), `at` (UTC), `who`, `what`, `request`, `details` (counts, hashes), `tool` (version), `map`
(hash of dsar.toml), `previous`, `hash`. Rule: Art. 5(2), 24; ICO, accountability framework.
"""

import hashlib
import itertools
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from filelock import FileLock

from dsar import files
from dsar.errors import LedgerBroken

START = "0" * 64  # what the first line follows
CONFIRMED = "intake confirmed"


class Entry(NamedTuple):
    """One thing that was done; `event` is its number in the register, where it comes from there."""

    what: str
    request: str = ""
    who: str = ""
    details: Mapping[str, Any] = {}
    event: int = 0


@dataclass(frozen=True)
class Head:
    """Where the ledger ends: lines, bytes, the last line's hash, and the last of the register's events in it."""

    n: int = 0
    size: int = 0
    hash: str = START
    event: int = 0

    def __str__(self) -> str:
        return f"{self.n}-{self.hash}"


class Fault(NamedTuple):
    """One place where the ledger is not as it was written."""

    line: int  # 0: of no line
    what: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.what}" if self.line else self.what


@dataclass(frozen=True)
class Ledger:
    """The ledger in a file; `known` is what every line says of tool and map, `first` is done before any line says that something was done."""

    path: Path
    clock: Callable[[], datetime]
    known: Mapping[str, str]
    first: Callable[[Sequence[Entry]], object] = lambda _: None

    @cached_property
    def lock(self) -> FileLock:
        """Held by whoever writes, across processes; the same thread may take it twice."""
        return FileLock(self.path.with_suffix(".lock"), mode=0o600)

    @property
    def head_file(self) -> Path:
        """What tells where the ledger ends."""
        return self.path.with_suffix(".head")

    @property
    def head(self) -> Head:
        """Where the ledger ends, as the file beside it says; raises `LedgerBroken`."""
        if not self.head_file.exists():
            if self.path.exists() and self.path.stat().st_size:
                raise LedgerBroken("what tells where it ends is gone", where=self.head_file.name, remedy=_REMEDY)
            return Head()
        try:
            return Head(**json.loads(self.head_file.read_text(encoding="utf-8")))
        except (ValueError, TypeError) as error:
            raise LedgerBroken("what tells where it ends cannot be read", where=self.head_file.name, remedy=_REMEDY) from error

    def add(self, entries: Sequence[Entry]) -> Head:
        """Append entries, on disk when this returns; raises `LedgerBroken` where the end is not as it was left."""
        if not entries:
            return self.head
        self.first(entries)
        with self.lock:
            head = self._settled()
            at = self.clock().isoformat()
            lines = []
            for entry in entries:
                line = {"n": head.n + 1, "at": at, **_told(entry), **self.known, "previous": head.hash}
                text, digest = sealed(line)
                lines.append(text)
                head = Head(head.n + 1, head.size + len(text), digest, max(head.event, entry.event))
            _append(self.path, b"".join(lines))
            self._write_head(head)
        return head

    def _write_head(self, head: Head) -> None:
        files.write_atomic(self.head_file, json.dumps(asdict(head)) + "\n")

    def _settled(self) -> Head:
        """Return where the ledger ends, after what a kill between line and head left was put right."""
        head = self.head
        size = self.path.stat().st_size if self.path.exists() else 0
        if size < head.size:
            raise LedgerBroken("lines are missing at its end", where=self.path.name, remedy=_REMEDY)
        if size == head.size:
            return head
        with self.path.open("rb+") as file:
            file.seek(head.size)
            rest = file.read()
            for text in rest.splitlines(keepends=True):
                line = _parsed(text)
                if line is None or line["previous"] != head.hash or line["n"] != head.n + 1:
                    break
                head = Head(head.n + 1, head.size + len(text), str(line["hash"]), max(head.event, line["event"]))
            file.seek(head.size)
            if torn := file.read():
                # A run was killed while it wrote; what it had written is kept, though nobody can use it.
                _append(self.path.with_suffix(".torn"), torn + b"\n")
                file.truncate(head.size)
        self._write_head(head)
        return head

    def lines(self) -> Iterator[dict[str, Any]]:
        """Yield the entries, oldest first, whether or not the chain holds."""
        if self.path.exists():
            with self.path.open("rb") as file:
                yield from (line for text in file if (line := _parsed(text)))

    def verify(self) -> list[Fault]:
        """Return where the ledger is not as it was written; what a killed run left unfinished at its end is no fault."""
        with self.lock:
            try:
                head = self.head
            except LedgerBroken as error:
                return [Fault(0, error.what)]
            if not self.path.exists():
                return [Fault(0, "the ledger is gone")] if head.n else []
            with self.path.open("rb") as file:
                return list(faults(file, head))

    @property
    def unfinished(self) -> bool:
        """Whether bytes stand at the end that are no whole line of the chain."""
        with self.lock:
            if not self.path.exists():
                return False
            with self.path.open("rb") as file:
                return any(_parsed(text) is None for text in file)

    def restart(self, entry: Entry) -> Path:
        """Set a ledger that is broken aside, begin a new one whose first line names it, and return where the old one lies."""
        if not entry.who.strip():
            raise LedgerBroken("a new ledger needs the name of who decides", where="--by", remedy="name yourself: --by 'A. Nalyst'")
        with self.lock:
            number = next(n for n in itertools.count(1) if not self.path.with_stem(f"{self.path.stem}-{n}").exists())
            old = self.path.with_stem(f"{self.path.stem}-{number}")
            told = {"old": old.name, "sha256": files.sha256(self.path) if self.path.exists() else ""}
            for path in (self.path, self.head_file):
                if path.exists():
                    path.rename(path.with_stem(old.stem))
            self.add([entry._replace(details={**entry.details, **told})])
        return old

    def holds(self, n: int, digest: str) -> bool:
        """Whether line `n` ends in this hash: what a letter's foot or a signed sheet says is compared with the ledger."""
        return any(line["n"] == n and line["hash"].startswith(digest) for line in self.lines())


_REMEDY = "bring it back from a backup, or go on with a new one: `dsar ledger restart --by NAME --why …`"


def _append(path: Path, data: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _told(entry: Entry) -> dict[str, Any]:
    return {"who": entry.who, "what": entry.what, "request": entry.request, "event": entry.event, "details": dict(entry.details)}


def _text(line: Mapping[str, Any]) -> bytes:
    return json.dumps(line, separators=(",", ":")).encode("ascii") + b"\n"


def sealed(line: Mapping[str, Any]) -> tuple[bytes, str]:
    """Return a line as it is written, with its hash."""
    digest = hashlib.sha256(_text(line)).hexdigest()
    return _text({**line, "hash": digest}), digest


def _parsed(text: bytes) -> dict[str, Any] | None:
    """Return a line that is as it was written, byte for byte; None for any other."""
    try:
        line = json.loads(text)
        told = line.pop("hash")
        as_written = isinstance(line["n"], int) and sealed(line) == (text, told)
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
        return None
    return {**line, "hash": told} if as_written else None


def faults(lines: Iterable[bytes], head: Head, after: Head | None = None) -> Iterator[Fault]:
    """Yield what is wrong with lines that follow `after` (the beginning, unless said) and should end at `head`."""
    seen = after or Head()
    number, previous = seen.n, seen.hash
    at_head = head.n == number
    for text in lines:
        number += 1
        line = _parsed(text)
        if line is None:
            if number <= head.n:
                yield Fault(number, "was changed")
            previous = ""  # what follows it cannot be told
            continue
        if line["n"] != number or previous not in {"", line["previous"]}:
            yield Fault(number, "does not follow the line before it: something was taken out, put in or moved")
        number, previous = line["n"], line["hash"]
        at_head = at_head or (number, previous) == (head.n, head.hash)
    if not at_head:
        yield Fault(number, f"{head.n} lines were written, and the last of them is not here: the end was cut off or changed")
