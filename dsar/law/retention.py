"""Until when something is kept, by the rules of the data map."""

from datetime import date, datetime

import pandas as pd

from dsar.datamap import Retention


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
