"""Until when something is kept, and how a line of a web-server log becomes nobody's (law.md 4.6).

Keep-until days follow the rules of the data map. Log lines are anonymised on day 365, or when their person has them
erased: each field is coarsened (`coarse`), and what remains has to be shared by enough visitors (`Crowd`), or it is
dropped as well (`anonymised`). Rows have the columns of `connectors.logs`; all here is pure, and nothing reads a clock.
"""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Literal
from urllib.parse import urlsplit

import pandas as pd

from dsar.datamap import Retention

LOG_DAYS = 365  # days, not a year: a line of 2027-03-01 is anonymised on 2028-02-29
CROWD = 5  # visitors that must share what remains of a line (k-anonymity)

Row = Mapping[str, object]
Label = Literal["anonymised", "reduced"]

# What may remain of a line, in the order in which it is given up where too few share it; all else is dropped at once.
_LADDER: tuple[frozenset[str], ...] = (frozenset(), frozenset({"client"}), frozenset({"client", "request", "referrer", "browser"}))
_KEPT = ("at", "client", "request", "status", "referrer", "browser")
# A closed list: a rare browser would single its user out. Earlier names win, since every browser claims to be another.
_BROWSERS = (
    ("Edge", r"Edg(?:e|A|iOS)?/(\d+)"),
    ("Opera", r"OPR/(\d+)"),
    ("Samsung Internet", r"SamsungBrowser/(\d+)"),
    ("Firefox", r"(?:Firefox|FxiOS)/(\d+)"),
    ("Chrome", r"(?:Chrome|CriOS)/(\d+)"),
    ("Safari", r"Version/(\d+)[\d.]* (?:Mobile/\S+ )?Safari/"),
)
_BOT = re.compile(r"bot\b|crawl|spider|curl/|wget/|python|monitor", re.IGNORECASE)
_PLAIN_SEGMENT = re.compile(r"[A-Za-z][A-Za-z_-]{0,30}(\.[a-z]{1,5}\d?)?")  # a word, perhaps with a file's ending
_REQUEST = re.compile(r"([A-Z]{3,10}) (\S+)(?: (HTTP/\d(?:\.\d)?))?")


def keep_until(rule: Retention, start: object) -> date | None:
    """Return the last day a row is kept, or None where its start is not recorded.

    Months and years end on the same date, clamped to the month's end (29 February + 6 years is 28 February).
    """
    if isinstance(start, str):
        try:
            start = datetime.fromisoformat(start)
        except ValueError:
            return None
    if not isinstance(start, date):
        return None
    day = date(start.year, start.month, start.day)
    until: pd.Timestamp = pd.Timestamp(day) + pd.DateOffset(years=rule.years, months=rule.months, days=rule.days)
    return until.date()


def anonymise_on(logged: date) -> date:
    """Return the day on which a line of that day is anonymised."""
    return date(logged.year, logged.month, logged.day) + timedelta(days=LOG_DAYS)


def coarse(row: Row) -> dict[str, object]:
    """Return a line with every field coarsened and all others None: what may remain of it, before it is counted.

    `at` becomes a date, `client` its network, `request` its path without query and ids, `referrer` scheme and host, `browser`
    family and major version. User name, size, addresses in the query and whatever else a format logs are dropped: a size of
    an answer tells who was answered.
    """
    at = row.get("at")
    return dict.fromkeys(row) | {
        "at": date(at.year, at.month, at.day) if isinstance(at, date) else None,
        "client": network(row.get("client")),
        "request": path_only(row.get("request")),
        "status": row.get("status"),
        "referrer": origin(row.get("referrer")),
        "browser": browser(row.get("browser")),
    }


@dataclass
class Crowd:
    """How many different visitors share what remains of a line; fed with every line of the stretch that is looked at."""

    size: int = CROWD
    _sharing: dict[tuple[object, ...], set[object]] = field(default_factory=dict)

    def add(self, row: Row) -> None:
        """Count the visitor of a line as it was logged."""
        line, visitor = coarse(row), row.get("client")
        for given_up in _LADDER:
            sharing = self._sharing.setdefault(_rest(line, given_up), set())
            if len(sharing) < self.size and visitor is not None:
                sharing.add(visitor)

    def hides(self, line: Row, given_up: frozenset[str] = frozenset()) -> bool:
        """Whether enough visitors share a coarsened line, without the fields that are given up."""
        return len(self._sharing.get(_rest(line, given_up), ())) >= self.size


def anonymised(row: Row, crowd: Crowd) -> tuple[dict[str, object], Label]:
    """Return a line of which no more remains than enough visitors share, and what may be said of it.

    First the network is given up, then path, referrer and browser. Where even date, method and status are too few's, these
    are all that is left, and the line is only `reduced`: nobody may call it anonymous.
    """
    line = coarse(row)
    for given_up in _LADDER:
        if crowd.hides(line, given_up):
            return line | _without(line, given_up), "anonymised"
    return line | _without(line, _LADDER[-1]), "reduced"


def _rest(line: Row, given_up: frozenset[str]) -> tuple[object, ...]:
    left = {**line, **_without(line, given_up)}
    return (tuple(sorted(given_up)), *(left.get(name) for name in _KEPT))


def _without(line: Row, given_up: frozenset[str]) -> dict[str, object]:
    request = line.get("request")
    method = str(request).split(" ", 1)[0] if request else None  # of the request, the method stays to the end
    return {name: method if name == "request" else None for name in given_up}


def network(address: object) -> str | None:
    """Return the first address of a client's network, /24 or /48; an IPv4 address written as IPv6 is unmapped first.

    None for what is no address. Alone this is only `reduced`: a truncated address beside other fields may still be personal.
    """
    return None if address is None else _network(str(address))


@lru_cache(100_000)
def _network(address: str) -> str | None:
    try:
        found = ipaddress.ip_address(address.strip().removeprefix("[").removesuffix("]"))
    except ValueError:
        return None
    found = getattr(found, "ipv4_mapped", None) or found
    return str(ipaddress.ip_network(f"{found.compressed.partition('%')[0]}/{24 if found.version == 4 else 48}", strict=False).network_address)


def browser(agent: object) -> str | None:
    """Return family and major version of a user agent: 'Firefox 128', 'bot', or 'other'."""
    return None if agent is None else _browser(str(agent))


@lru_cache(100_000)
def _browser(agent: str) -> str:
    if _BOT.search(agent):
        return "bot"
    return next((f"{family} {found[1]}" for family, pattern in _BROWSERS if (found := re.search(pattern, agent))), "other")


def origin(referrer: object) -> str | None:
    """Return scheme and host of a referrer, or None: no port, no user, no path."""
    if referrer is None:
        return None
    try:
        parts = urlsplit(str(referrer))
        host = parts.hostname
    except ValueError:
        return None
    return f"{parts.scheme}://{host}" if parts.scheme in {"http", "https"} and host else None


def path_only(request: object) -> str | None:
    """Return a request line without its query, its ids starred: 'GET /orders/*?…' becomes 'GET /orders/*'.

    A part of the path that is no plain word, such as a number, a token or an address, may be an id. None for what is no request.
    """
    found = _REQUEST.fullmatch(str(request)) if request is not None else None
    if found is None:
        return None
    path = re.split(r"[?#;]", found[2])[0]
    if not path.startswith("/"):
        path = "/*"  # a proxy's absolute address, or `*`
    starred = "/".join(part if not part or _PLAIN_SEGMENT.fullmatch(part) else "*" for part in path.split("/"))
    return " ".join(part for part in (found[1], starred, found[3]) if part)
