"""One line of a web-server log: its client field, its columns, and by what it is known again.

A line in the plain format is taken apart here; other formats are taken apart by `logformat`, and `from_fields` makes the same columns
of what they hold.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

from connectors import logformat
from dsar import kinds

KEY = ("file", "line", "copy")
COLUMNS: Mapping[str, str] = {
    "file": "text", "line": "text", "copy": "integer", "client": "text", "user": "text", "at": "datetime",
    "request": "text", "status": "integer", "bytes": "integer", "referrer": "text", "browser": "text",
}  # fmt: skip
MORE: Mapping[str, str] = {"query_email": "text", "more": "text"}

COMBINED = re.compile(
    rb'(?P<client>\S+) \S+ (?P<user>.*?) \[(?P<at>[^\]]+)\] "(?P<request>(?:[^"\\]|\\.)*)" (?P<status>\d{3}) (?P<bytes>\d{1,18}|-)'
    rb' "(?P<referrer>(?:[^"\\]|\\.)*)" "(?P<browser>(?:[^"\\]|\\.)*)"'
)
_IPV4 = re.compile(rb"(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?:25[0-5]|2[0-4]\d|1?\d?\d)){3}")
_STAMP = re.compile(r"(?P<day>\d\d)/(?P<month>[A-Z][a-z]{2})/(?P<year>\d{4}):(?P<time>\d\d:\d\d:\d\d) (?P<zone>[+-]\d{4})", re.ASCII)
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_LIKE_COMBINED = re.compile(rb'[^\[]*\[.+?\] ".*"\r?\n?$', re.DOTALL)  # what a line nobody asks for is looked at for
_OWN = ("remote_addr", "remote_user", "time_local", "time_iso8601", "request", "status", "body_bytes_sent", "http_referer", "http_user_agent")


class Line(NamedTuple):
    """A line as it was written, and its client field; `row` where it is read already."""

    text: bytes
    client: bytes
    row: Mapping[str, object] | None = None


def client_of(text: bytes) -> bytes:
    """Return the client field a line begins with."""
    return text.rstrip(b"\r\n").partition(b" ")[0]


def is_address(field: bytes) -> bool:
    """Whether a client field is an IP address."""
    return bool(_IPV4.fullmatch(field) or normal(field))


def is_log_line(text: bytes) -> bool:
    """Whether a line begins with an address and looks like the plain format."""
    return is_address(client_of(text)) and bool(_LIKE_COMBINED.match(text))


@lru_cache(100_000)
def normal(field: bytes) -> str | None:
    """Return the address a client field is, in normal form: IPv6 has many spellings of one."""
    return kinds.normal("ip", field.decode("ascii", "replace"))


def digest(text: bytes) -> str:
    """Return the hash by which a line is known."""
    return hashlib.sha256(text.rstrip(b"\r\n")).hexdigest()[:32]


def numbered(name: str, lines: Iterable[Line]) -> Iterator[dict[str, object]]:
    """Yield the rows of a file's lines, each with its key: all equal lines of the file have to be among them."""
    seen: Counter[str] = Counter()
    for line in lines:
        known = digest(line.text)
        seen[known] += 1
        yield {"file": name, "line": known, "copy": seen[known], **(line.row or parsed(line))}


def parsed(line: Line) -> dict[str, object]:
    """Return the columns of a line; one that is not as the format demands keeps its text, so that a person can read it."""
    match = COMBINED.fullmatch(line.text.rstrip(b"\r\n"))
    at = moment(match["at"].decode("ascii", "replace")) if match else None
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


def from_fields(fields: Mapping[str, str], trusted: Sequence[logformat.Network]) -> dict[str, object] | None:
    """Return the columns of a line that was taken apart; None where it holds no moment."""
    known = {name: None if value in {"-", ""} else value for name, value in fields.items()}
    stamp = known.get("time_local") or known.get("time_iso8601") or ""
    at = moment(stamp) or _iso(stamp)
    if at is None:
        return None
    request = known.get("request") or known.get("request_uri")
    number = {
        name: int(value) if (value := known.get(name)) and re.fullmatch("[0-9]{1,18}", value) else None for name in ("status", "body_bytes_sent")
    }
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


def moment(text: str) -> datetime | None:
    """Return the moment of a stamp, in UTC, or None where it is none."""
    # Not by strptime: it would read the names of months in the machine's language.
    match = _STAMP.fullmatch(text)
    if match is None or match["month"] not in MONTHS:
        return None
    month = MONTHS.index(match["month"]) + 1
    try:
        return datetime.fromisoformat(f"{match['year']}-{month:02}-{match['day']}T{match['time']}{match['zone']}").astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _known(found: bytes) -> str | None:
    return None if found == b"-" else _text(found)


def _text(found: bytes) -> str:
    return found.decode("utf-8", "backslashreplace")
