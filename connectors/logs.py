"""Web-server logs: nginx's and Apache's "combined" lines, plain and gzipped, read once for any number of addresses.

A mapped table names its files by a pattern (`file.path = "logs/access*"`). Lines are found by the client
field, compared as an address (`dsar.kinds`), never as a piece of text. A row is known by its file, a hash of
the line, and which of equal lines in that file it is, so that it can be found again.

Columns: `file`, `line` (hash), `copy` (1, 2 … of equal lines), `client`, `user`, `at`, `request`, `status`,
`bytes`, `referrer`, `browser`; `-` in a log is NULL. A line of a wanted address that is not as the format
demands comes with its text in `request`; any other line without an address or a format is counted.
"""

import gzip
import hashlib
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

import pandas as pd

from connectors import exact
from dsar import kinds, values
from dsar.errors import DsarError, NotOffered, SourceBroken, SourceUnreachable
from dsar.source import Ask, Asked, Can, Done, Everyone, Keys, Malformed, Match, Others, Part, Rows, Schema, Settings, Text

KEY = ("file", "line", "copy")
COLUMNS: Mapping[str, str] = {
    "file": "text", "line": "text", "copy": "integer", "client": "text", "user": "text", "at": "datetime",
    "request": "text", "status": "integer", "bytes": "integer", "referrer": "text", "browser": "text",
}  # fmt: skip

_COMBINED = re.compile(
    rb'(?P<client>\S+) \S+ (?P<user>.*?) \[(?P<at>[^\]]+)\] "(?P<request>(?:[^"\\]|\\.)*)" (?P<status>\d{3}) (?P<bytes>\d+|-)'
    rb' "(?P<referrer>(?:[^"\\]|\\.)*)" "(?P<browser>(?:[^"\\]|\\.)*)"'
)
_IPV4 = re.compile(rb"(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?:25[0-5]|2[0-4]\d|1?\d?\d)){3}")
_STAMP = re.compile(r"(?P<day>\d\d)/(?P<month>[A-Z][a-z]{2})/(?P<year>\d{4}):(?P<time>\d\d:\d\d:\d\d) (?P<zone>[+-]\d{4})", re.ASCII)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_LIKE_COMBINED = re.compile(rb'[^\[]*\[[^\]]+\] ".*"\r?\n?$', re.DOTALL)  # what a line nobody asks for is looked at for


class _Line(NamedTuple):
    number: int
    text: bytes
    client: bytes


@dataclass
class _Tally:
    """What was read of a table so far."""

    read: int = 0
    rows: int = 0
    malformed: int = 0
    where: list[str] = field(default_factory=list)

    def unreadable(self, path: Path, number: int) -> None:
        self.malformed += 1
        if len(self.where) < 3:
            self.where.append(f"{path.name} line {number}")


class Logs:
    """The log files of a web server."""

    can = Can(many=True, others=False)

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def schema(self) -> Mapping[str, Schema]:
        """Return each mapped set of files, and by its name each file of the folder `url` that no pattern names; no line is read."""
        tables = self.settings.declared.tables
        taken = {path.resolve() for name in tables for path in self._paths(name)}
        lying = sorted(self._folder().iterdir()) if self.settings.declared.url else []
        return {name: Schema(dict(COLUMNS), KEY) for name in tables} | {
            path.name: Schema({}) for path in lying if path.is_file() and path.resolve() not in taken
        }

    def read(self, ask: Ask) -> Iterator[Part]:
        """Answer one question as a stream of parts that ends with `Done`; raises `NotOffered` for `Others` and `Text`."""
        match ask:
            case Match():
                return self._match(ask, exact.wanted(ask, exact.mapped(self.settings, ask.table), self.settings))
            case Keys():
                return self._keys(ask)
            case Others() | Text() | Everyone():
                raise NotOffered("only addresses and keys can be looked up in logs", where=f"{self.settings.name}.{ask.table}")

    def _match(self, ask: Match, wanted: exact.Wanted) -> Iterator[Part]:
        if any(column != ("client", "ip") for column in wanted.columns):
            raise SourceBroken(
                "logs are searched by address only", where=f"{self.settings.name}.{ask.table}", remedy='write match = { ip = "client" } in dsar.toml'
            )
        tally = _Tally()
        asked = {address: ids for (_, address), ids in wanted.asked.items()}
        found = (rows for path in self._paths(ask.table) for rows in self._in_file(ask.table, path, asked, tally))
        yield from exact.limited(found, ask, self.settings, ["client"])
        if tally.malformed:
            # They bear no address, so they are nobody's for certain; that they are there is told.
            yield Malformed(tally.malformed, "; ".join(tally.where), ())
        yield Done(tally.read, tally.rows)

    def _in_file(self, table: str, path: Path, asked: Mapping[str, tuple[str, ...]], tally: _Tally) -> Iterator[Rows]:
        spelled = {address.encode(): address for address in asked}
        lines = self._lines(table, path, tally, lambda field: _address(field, spelled, asked))
        for some in exact.batches(_numbered(path, lines), exact.CHUNK):
            tally.rows += len(some)
            asks = (Asked(n, ask_id, "client") for n, row in enumerate(some) for ask_id in asked[kinds.normal("ip", row["client"]) or ""])
            yield Rows(_frame(some), tuple(asks))

    def _keys(self, ask: Keys) -> Iterator[Part]:
        tally = _Tally()
        keys = exact.key_set(KEY, ask.keys).keys
        for path in self._paths(ask.table):
            if any(key[0] == path.name for key in keys):
                lines = self._lines(ask.table, path, tally, lambda _: "any")
                rows = (row for row in _numbered(path, lines) if (row["file"], row["line"], str(row["copy"])) in keys)
                for some in exact.batches(rows, exact.CHUNK):
                    tally.rows += len(some)
                    yield Rows(_frame(some))
        yield Done(tally.read, tally.rows)

    def _lines(self, table: str, path: Path, tally: _Tally, wanted: Callable[[bytes], str | None]) -> Iterator[_Line]:
        """Yield the lines whose client field is wanted, and count the others that are no log lines."""
        with self._open(table, path) as stream:
            for number, text in enumerate(stream, 1):
                client = text[: text.find(b" ")]
                if wanted(client):
                    yield _Line(number, text, client)
                elif not ((_IPV4.fullmatch(client) or _other(client)) and _LIKE_COMBINED.match(text)):
                    tally.unreadable(path, number)
                tally.read += 1

    @contextmanager
    def _open(self, table: str, path: Path) -> Iterator[BinaryIO]:
        at = f"{self.settings.name}.{table}"
        try:
            with path.open("rb") as raw:
                yield cast("BinaryIO", gzip.GzipFile(fileobj=raw)) if path.suffix == ".gz" else raw
        except DsarError:
            raise
        except (FileNotFoundError, PermissionError, IsADirectoryError) as error:
            raise SourceUnreachable(f"{path.name} cannot be opened ({type(error).__name__})", where=at, remedy="then collect again") from error
        except (OSError, EOFError, zlib.error) as error:
            raise SourceBroken(f"{path.name} is damaged or not whole ({type(error).__name__})", where=at, remedy="bring it back whole") from error

    def _paths(self, table: str) -> list[Path]:
        """Return the files of a table, in the order of their names; raises where there is none."""
        at = f"{self.settings.name}.{table}"
        file = exact.mapped(self.settings, table).file
        if file is None:
            raise SourceBroken("names no files", where=at, remedy='set file = { path = "logs/access*" } in dsar.toml')
        place = self.settings.root / self.settings.expand(file.path)
        found = sorted(path for path in place.parent.glob(place.name) if path.is_file())
        if not found:
            raise SourceUnreachable("no log file is there", where=at, remedy="correct `file.path` in dsar.toml, or mount the logs")
        return found

    def _folder(self) -> Path:
        folder = self.settings.root / self.settings.expand(self.settings.declared.url)
        if not folder.is_dir():
            raise SourceUnreachable("there is no such folder", where=f"sources.{self.settings.name}.url", remedy="mount the logs")
        return folder


def _address(field: bytes, spelled: Mapping[bytes, str], asked: Mapping[str, object]) -> str | None:
    """Return the wanted address a client field is, if any."""
    if field in spelled or b":" not in field:
        return spelled.get(field)
    form = _other(field)
    return form if form in asked else None


@lru_cache(100_000)
def _other(field: bytes) -> str | None:
    # IPv6 has many spellings of one address.
    return kinds.normal("ip", field.decode("ascii", "replace"))


def _numbered(path: Path, lines: Iterable[_Line]) -> Iterator[dict[str, object]]:
    seen: Counter[str] = Counter()
    for line in lines:
        digest = hashlib.sha256(line.text.rstrip(b"\r\n")).hexdigest()[:32]
        seen[digest] += 1
        yield {"file": path.name, "line": digest, "copy": seen[digest], **_parsed(line)}


def _parsed(line: _Line) -> dict[str, object]:
    """Return the columns of a line; one that is not as the format demands keeps its text, so that a person can read it."""
    match = _COMBINED.fullmatch(line.text.rstrip(b"\r\n"))
    at = _moment(match["at"].decode("ascii", "replace")) if match else None
    if match is None or at is None:
        rest = line.text[len(line.client) :].strip()
        return {**dict.fromkeys(COLUMNS.keys() - set(KEY)), "client": _text(line.client), "request": _text(rest)}
    return {
        "client": _text(match["client"]),
        "user": _known(match["user"]),
        "at": at,
        "request": _text(match["request"]),
        "status": int(match["status"]),
        "bytes": None if match["bytes"] == b"-" else int(match["bytes"]),
        "referrer": _known(match["referrer"]),
        "browser": _known(match["browser"]),
    }


def _moment(text: str) -> datetime | None:
    # Not by strptime: it would read the names of months in the machine's language.
    match = _STAMP.fullmatch(text)
    if match is None or match["month"] not in _MONTHS:
        return None
    month = _MONTHS.index(match["month"]) + 1
    try:
        return datetime.fromisoformat(f"{match['year']}-{month:02}-{match['day']}T{match['time']}{match['zone']}").astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _known(found: bytes) -> str | None:
    return None if found == b"-" else _text(found)


def _text(found: bytes) -> str:
    return found.decode("utf-8", "backslashreplace")


def _frame(found: list[dict[str, object]]) -> pd.DataFrame:
    return values.frame({name: [row[name] for row in found] for name in COLUMNS}, COLUMNS)
