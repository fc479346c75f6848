"""Web-server logs, plain and packed (gzip, zstd), read once for any number of identifiers.

A mapped table names its files by a pattern (`file.path = "logs/access*"`) and how the server writes
(`file.format`: `combined` unless said; `common`, `vhost`, `json`, nginx's or Apache's own string). Lines are found by
the client's address (`client`; behind the proxies in `file.trusted` the one they name), by the user-name
field (`user`), and by an e-mail address in the request (`query_email`). A row is known by its file, a
hash of the line, and which of equal lines in that file it is, so that it can be found again.

Columns: `file`, `line` (hash), `copy` (1, 2 … of equal lines), `client`, `user`, `at`, `request`, `status`,
`bytes`, `referrer`, `browser`; `-` in a log is NULL. Where the map says more of a table than the plain format
and addresses, `query_email` and `more` (all other variables, as JSON) come beside them. A line of a wanted address that is not
as the format demands comes with its text in `request`; any other line without an address or a format is counted.
"""

import hashlib
import ipaddress
import json
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from connectors import exact, logfiles, logformat
from connectors.logfiles import LogFile
from dsar import kinds, values
from dsar.errors import DsarError, NotOffered, SourceBroken, SourceUnreachable
from dsar.source import Ask, Asked, Can, Done, Eraser, Everyone, Keys, Malformed, Match, Others, Part, Rows, Schema, Settings, Text

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
MORE: Mapping[str, str] = {"query_email": "text", "more": "text"}
_OWN = ("remote_addr", "remote_user", "time_local", "time_iso8601", "request", "status", "body_bytes_sent", "http_referer", "http_user_agent")


class _Line(NamedTuple):
    number: int
    text: bytes
    client: bytes
    row: Mapping[str, object] | None = None  # read already, where the format is not the plain one


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

    can = Can(many=True, others=False, everyone=True, erase=True)

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def schema(self) -> Mapping[str, Schema]:
        """Return each mapped set of files, and by its name each file of the folder `url` that no pattern names; no line is read."""
        tables = self.settings.declared.tables
        taken = {path.resolve() for name in tables for path in self._paths(name)}
        lying = sorted(self._folder().iterdir()) if self.settings.declared.url else []
        return {name: Schema(dict(self._columns(name)), KEY) for name in tables} | {
            path.name: Schema({}) for path in lying if path.is_file() and path.resolve() not in taken
        }

    def eraser(self) -> Eraser:
        """Return what rewrites lines; the files have to be where they are read, and writable."""
        from connectors.logerase import LogEraser

        return LogEraser(self.settings)

    def read(self, ask: Ask) -> Iterator[Part]:
        """Answer one question as a stream of parts that ends with `Done`; raises `NotOffered` for `Others` and `Text`."""
        match ask:
            case Match():
                return self._match(ask, exact.wanted(ask, exact.mapped(self.settings, ask.table), self.settings))
            case Keys():
                return self._keys(ask)
            case Everyone():
                return self._everyone(ask)
            case Others() | Text():
                raise NotOffered("only addresses and keys can be looked up in logs", where=f"{self.settings.name}.{ask.table}")

    def _match(self, ask: Match, wanted: exact.Wanted) -> Iterator[Part]:
        odd = [c for c, _ in wanted.columns if c not in {"client", "user", "query_email"}]
        if odd:
            at = f"{self.settings.name}.{ask.table}"
            raise SourceBroken("logs are searched by client, user and query_email only", where=at, remedy="mend `match` in dsar.toml")
        if not self._plain(ask.table):
            yield from self._match_any(ask, wanted)
            return
        tally = _Tally()
        asked = {address: ids for (_, address), ids in wanted.asked.items()}
        with self._files(ask.table) as files:
            found = (rows for file in files for rows in self._in_file(ask.table, file, asked, tally))
            yield from exact.limited(found, ask, self.settings, ["client"])
        if tally.malformed:
            # They bear no address, so they are nobody's for certain; that they are there is told.
            yield Malformed(tally.malformed, "; ".join(tally.where), ())
        yield Done(tally.read, tally.rows)

    def _in_file(self, table: str, file: LogFile, asked: Mapping[str, tuple[str, ...]], tally: _Tally) -> Iterator[Rows]:
        spelled = {address.encode(): address for address in asked}
        lines = self._lines(table, file, tally, lambda field: _address(field, spelled, asked))
        for some in exact.batches(_numbered(file.path, lines), exact.CHUNK):
            tally.rows += len(some)
            asks = (Asked(n, ask_id, "client") for n, row in enumerate(some) for ask_id in asked[kinds.normal("ip", row["client"]) or ""])
            yield Rows(_frame(some, COLUMNS), tuple(asks))

    def _match_any(self, ask: Match, wanted: exact.Wanted) -> Iterator[Part]:
        """Answer where every line has to be taken apart: another format, proxies, names and queries."""
        tally = _Tally()
        with self._files(ask.table) as files:
            found = (rows for file in files for rows in self._apart(ask.table, file, wanted, tally))
            yield from exact.limited(found, ask, self.settings, (c for c, _ in wanted.columns))
        yield from exact.unclear(wanted)
        if tally.malformed:
            yield Malformed(tally.malformed, "; ".join(tally.where), ())
        yield Done(tally.read, tally.rows)

    def _apart(self, table: str, file: LogFile, wanted: exact.Wanted, tally: _Tally) -> Iterator[Rows]:
        mapped = exact.mapped(self.settings, table)
        columns = self._columns(table)
        for some in exact.batches(_numbered(file.path, self._parsed_lines(table, file, tally)), exact.CHUNK):
            # Equal lines are counted in the whole file, so every line is numbered before those that are wanted are picked.
            chunk = exact.Raw({c: [row.get(c) for row in some] for c in columns}, lambda _, found: values.infer(found), mapped)
            if (rows := wanted.rows(chunk)) is not None:
                picked = _frame(values.rows(rows.frame), columns)
                tally.rows += len(picked)
                yield Rows(picked, rows.asks)

    def _parsed_lines(self, table: str, file: LogFile, tally: _Tally) -> Iterator[_Line]:
        declared = exact.mapped(self.settings, table).file
        assert declared is not None
        try:
            parse, trusted = logformat.parser(declared.format), [ipaddress.ip_network(t) for t in declared.trusted]
        except ValueError as error:
            raise SourceBroken(
                "the map's format or trusted proxies cannot be read", where=f"{self.settings.name}.{table}", remedy=str(error)
            ) from error
        with self._faults(table, file.path):
            for number, text in enumerate(logfiles.lines(file), 1):
                tally.read += 1
                fields = parse(text.rstrip(b"\r\n"))
                row = _row(fields, trusted) if fields else None
                first = text.split(b" ", 1)[0]
                if row is None and not (_IPV4.fullmatch(first) or _other(first)):
                    tally.unreadable(file.path, number)
                elif row is None:
                    yield _Line(number, text, first)
                else:
                    yield _Line(number, text, first, row)

    def _keys(self, ask: Keys) -> Iterator[Part]:
        tally = _Tally()
        keys = exact.key_set(KEY, ask.keys).keys
        with self._files(ask.table) as files:
            for file in (f for f in files if any(key[0] == f.path.name for key in keys)):
                any_line = self._lines(ask.table, file, tally, lambda _: "any")
                lines = any_line if self._plain(ask.table) else self._parsed_lines(ask.table, file, tally)
                rows = (row for row in _numbered(file.path, lines) if (row["file"], row["line"], str(row["copy"])) in keys)
                for some in exact.batches(rows, exact.CHUNK):
                    tally.rows += len(some)
                    yield Rows(_frame(some, self._columns(ask.table)))
        yield Done(tally.read, tally.rows)

    def _everyone(self, ask: Everyone) -> Iterator[Part]:
        tally = _Tally()
        with self._files(ask.table) as files:
            for file in files:
                any_line = self._lines(ask.table, file, tally, lambda _: "any")
                lines = any_line if self._plain(ask.table) else self._parsed_lines(ask.table, file, tally)
                for some in exact.batches(_numbered(file.path, lines), exact.CHUNK):
                    tally.rows += len(some)
                    yield Rows(_frame(some, {c: self._columns(ask.table)[c] for c in ask.columns}))
        yield Done(tally.read, tally.rows)

    def _plain(self, table: str) -> bool:
        """Whether the client field, as the line begins with it, tells all."""
        mapped = exact.mapped(self.settings, table)
        declared = mapped.file
        return declared is None or (declared.format == "combined" and not declared.trusted and set(mapped.match) == {"ip"})

    def _columns(self, table: str) -> Mapping[str, str]:
        return COLUMNS if self._plain(table) else {**COLUMNS, **MORE}

    def _lines(self, table: str, file: LogFile, tally: _Tally, wanted: Callable[[bytes], str | None]) -> Iterator[_Line]:
        """Yield the lines whose client field is wanted, and count the others that are no log lines."""
        with self._faults(table, file.path):
            for number, text in enumerate(logfiles.lines(file), 1):
                client = text[: text.find(b" ")]
                if wanted(client):
                    yield _Line(number, text, client)
                elif not ((_IPV4.fullmatch(client) or _other(client)) and _LIKE_COMBINED.match(text)):
                    tally.unreadable(file.path, number)
                tally.read += 1

    @contextmanager
    def _files(self, table: str) -> Iterator[list[LogFile]]:
        """Yield the files of a table as they stand now, open."""
        place = self._place(table)
        with self._faults(table, place), logfiles.snapshot(place.parent, place.name) as found:
            yield found

    @contextmanager
    def _faults(self, table: str, path: Path) -> Iterator[None]:
        at = f"{self.settings.name}.{table}"
        try:
            yield
        except DsarError:
            raise
        except FileNotFoundError as error:
            raise SourceUnreachable("no log file is there", where=at, remedy="correct `file.path` in dsar.toml, or mount the logs") from error
        except (PermissionError, IsADirectoryError) as error:
            raise SourceUnreachable(f"{path.name} cannot be opened ({type(error).__name__})", where=at, remedy="then collect again") from error
        except (OSError, EOFError, zlib.error) as error:
            raise SourceBroken(f"{path.name} is damaged or not whole ({type(error).__name__})", where=at, remedy="bring it back whole") from error

    def _paths(self, table: str) -> list[Path]:
        """Return the files of a table, in the order of their names; raises where there is none."""
        place = self._place(table)
        with self._faults(table, place):
            return logfiles.paths(place.parent, place.name)

    def _place(self, table: str) -> Path:
        """Return the folder and the pattern of a table's files."""
        file = exact.mapped(self.settings, table).file
        if file is None:
            remedy = 'set file = { path = "logs/access*" } in dsar.toml'
            raise SourceBroken("names no files", where=f"{self.settings.name}.{table}", remedy=remedy)
        return self.settings.root / self.settings.expand(file.path)

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
        yield {"file": path.name, "line": digest, "copy": seen[digest], **(line.row or _parsed(line))}


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


def _row(fields: Mapping[str, str], trusted: Sequence[logformat.Network]) -> dict[str, object] | None:
    """Return the columns of a line that was taken apart; None where it holds no moment."""
    known = {name: None if value in {"-", ""} else value for name, value in fields.items()}
    stamp = known.get("time_local") or known.get("time_iso8601") or ""
    at = _moment(stamp) or _iso(stamp)
    if at is None:
        return None
    request = known.get("request") or known.get("request_uri")
    number = {name: int(value) if (value := known.get(name)) and value.isdigit() else None for name in ("status", "body_bytes_sent")}
    more = {name: value for name, value in fields.items() if name not in _OWN}
    if trusted:
        more["remote_addr"] = fields.get("remote_addr", "")
    return {
        "client": logformat.client_of(fields, trusted) or None,
        "user": known.get("remote_user"),
        "at": at,
        "request": request,
        "status": number["status"],
        "bytes": number["body_bytes_sent"],
        "referrer": known.get("http_referer"),
        "browser": known.get("http_user_agent"),
        "query_email": logformat.emails_in(request or ""),
        "more": json.dumps(more, ensure_ascii=False) if more else None,
    }


def _iso(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found.astimezone(UTC) if found.tzinfo else None


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


def _frame(found: Sequence[Mapping[str, object]], columns: Mapping[str, str]) -> pd.DataFrame:
    return values.frame({name: [row.get(name) for row in found] for name in columns}, columns)
