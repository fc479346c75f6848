"""The record of processing activities (Art. 30), from the data map alone: one line per activity."""

from dsar.datamap import Activity, DataMap
from dsar.law.gaps import NO_SAFEGUARD_NEEDED

COLUMNS = {
    "Activity": "text", "Purpose": "text", "Legal basis": "text", "Categories of data": "text", "Systems": "text", "Recipients": "text",
    "Third countries and safeguards": "text", "Kept": "text", "Controller or processor": "text",
}  # fmt: skip


def lines(datamap: DataMap) -> list[tuple[object, ...]]:
    """Return a line per activity of the map, with a cell per column of `COLUMNS`."""
    return [_activity(datamap, name, activity) for name, activity in datamap.activities.items()]


def _activity(datamap: DataMap, name: str, activity: Activity) -> tuple[object, ...]:
    tables = [(address, table) for address, table in datamap.tables() if table.activity == name]
    systems = [datamap.sources[n] for n in dict.fromkeys(address.source for address, _ in tables)]
    recipients = [datamap.recipients[r] for r in activity.recipients]
    kept = f"{activity.retention.period} from {activity.retention.from_}: {activity.retention.why}" if activity.retention else activity.until
    return (
        name,
        activity.purpose,
        ", ".join(f"Art. {b}" if b != "undetermined" else b for b in activity.bases),
        ", ".join(dict.fromkeys(c.category for _, table in tables for c in table.columns.values())) or "no table of the map",
        ", ".join(s.label for s in systems) or "none",
        "; ".join(f"{r.name} ({r.role})" for r in recipients) or "none",
        "; ".join(f"{r.country}: {r.safeguard or 'no safeguard on record'}" for r in recipients if r.country not in NO_SAFEGUARD_NEEDED) or "none",
        kept or "not set",
        ", ".join(dict.fromkeys(s.role for s in systems)) or "–",
    )
