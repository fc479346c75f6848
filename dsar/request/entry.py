"""One line of intake: the request, and what is registered beside it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from dsar.datamap import DataMap
from dsar.plugins import languages
from dsar.request.identity import CHANNELS, REQUESTERS
from dsar.request.listed import HEADER, parse
from dsar.request.request import Request

COLUMNS = (*HEADER, "channel", "requester", "reply_to", "language")


@dataclass(frozen=True)
class Entry:
    """A request as it is registered; an empty id is given out by the register.

    `wide` says whether the fields after the request were given, or stand at what is usual.
    """

    request: Request
    channel: str = "other"
    requester: str = "person"
    reply_to: str = ""
    language: str = ""  # empty: the controller's
    letter_sha256: str | None = None
    line_sha256: str | None = None
    wide: bool = False


def entry(cells: Mapping[str, str], datamap: DataMap, today: date) -> Entry:
    """Return the entry of a line with the columns `COLUMNS`; those after the first six may be empty or missing.

    Raises `ValueError` or `BadIdentifier` with what is wrong, and `BadDates` where the law knows no such clock.
    """
    request = parse({name: cells.get(name, "") for name in HEADER}, datamap, today)
    chosen = {
        "channel": _one_of(cells, "channel", CHANNELS, "other"),
        "requester": _one_of(cells, "requester", REQUESTERS, "person"),
        "language": _one_of(cells, "language", languages(), datamap.controller.language),
    }
    reply_to = cells.get("reply_to", "").strip()
    if reply_to and "@" not in reply_to:
        raise ValueError("reply_to must be an e-mail address")
    if reply_to and chosen["requester"] not in {"agent", "parent"}:
        raise ValueError("reply_to is for agents and parents; a person's own address stands among the identifiers")
    return Entry(request, **chosen, reply_to=reply_to, wide=True)


def _one_of(cells: Mapping[str, str], name: str, allowed: tuple[str, ...], usual: str) -> str:
    text = cells.get(name, "").strip().lower() or usual
    if text not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(allowed)}")
    return text
