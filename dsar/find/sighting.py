"""Whose a line in a log is: an address is somebody's only while they were seen using it, and nobody else was.

A row of theirs that reveals an address says when, and with which browser (an order, a sign-in): a sighting.
A line is theirs where it has that address and browser, within hours of the sighting, and no row of
somebody else bears the address around that time. Everything else on the address is held: whose it was
cannot be told, and nobody's browsing is given away (Art. 11(2), 12(2); CJEU C-582/14).
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any

from dsar.datamap import Attribution
from dsar.find.hold import HOLDS, Hold

Moments = Counter[datetime | None]  # when an address was used → by how many rows; None: not known when


@dataclass
class Sighting:
    """A row that reveals an address: when, with which browser, and what speaks against it being theirs alone."""

    row: str  # "source.table key"
    at: datetime | None
    browser: str | None
    hold: Hold | None

    def crowd(self, moments: Moments, rule: Attribution) -> int:
        """Return how many rows bear the address so near that a line could belong to either; a row without a moment may be near."""
        near = 2 * _hours(rule)
        return sum(n for at, n in moments.items() if at is None or self.at is None or abs(at - self.at) <= near)


def _hours(rule: Attribution) -> timedelta:
    return timedelta(hours=rule.hours)


def instant(value: object, zone: tzinfo) -> datetime | None:
    """Return a date and time as an instant; one without a zone is in `zone`; None for what is none."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if not isinstance(value, datetime):
        return None  # a day alone does not say when
    return value if value.tzinfo else value.replace(tzinfo=zone)


def moments(values: Iterable[tuple[object, int]], zone: tzinfo) -> Moments:
    """Return how many rows there are per instant, from stored moments and their counts."""
    counted: Moments = Counter()
    for value, rows in values:
        counted[instant(value, zone)] += rows
    return counted


def judge(sighting: Sighting, rule: Attribution, everybody: Moments | None, ours: Moments) -> None:
    """Hold a sighting where rows of one table show somebody else on its address around that time.

    `everybody` counts all rows of the table that bear the address, `ours` those known to be the person's.
    Without a count, or with one that misses rows we hold, nothing is known.
    """
    if sighting.hold:
        return
    if everybody is None or any(everybody[at] < n for at, n in ours.items()):
        sighting.hold = HOLDS["unchecked"]
    elif sighting.crowd(everybody, rule) > sighting.crowd(ours, rule):
        sighting.hold = HOLDS["address in use"]


def of_line(row: Mapping[str, Any], rule: Attribution, zone: tzinfo, sightings: Iterable[Sighting]) -> tuple[Hold | None, str]:
    """Return why a line is held (None where it is theirs), and the row of theirs that it was seen with."""
    at = instant(row.get(rule.at), zone)
    browser, hours = row.get(rule.browser), _hours(rule)
    if at is None or browser is None or not (near := [s for s in sightings if s.browser == browser and s.at is not None and abs(at - s.at) <= hours]):
        return HOLDS["unattributed"], ""
    best = min(near, key=lambda s: s.hold is not None)
    return best.hold, best.row
