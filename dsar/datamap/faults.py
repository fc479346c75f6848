"""What can be wrong in a data map beyond the form of each key, and every fault in plain words."""

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from dsar import forgotten

if TYPE_CHECKING:
    from dsar.datamap.source import Address
    from dsar.datamap.table import Table
    from dsar.datamap.whole import DataMap


def of(datamap: "DataMap") -> Iterator[str]:
    """Yield every name in the map that nothing bears, with its key path and what there is."""
    for address, table in datamap.tables():
        yield from _table(datamap, address, table)
    for name, activity in datamap.activities.items():
        for recipient in activity.recipients:
            if recipient not in datamap.recipients:
                known = ", ".join(datamap.recipients) or "none declared"
                yield f"activities.{name}.recipients: '{recipient}' is not one of [recipients]: {known}"
    yield from _stores(datamap)
    yield from _policy(datamap)
    yield from _systems(datamap)
    for name, source in datamap.sources.items():
        for table_name in source.ignored:
            if table_name in source.tables:
                yield f"sources.{name}.ignored: '{table_name}' is mapped as well"


def _table(datamap: "DataMap", address: "Address", table: "Table") -> Iterator[str]:
    at = f"sources.{address.source}.tables.{address.table}"
    if table.activity not in datamap.activities:
        yield f"{at}.activity: '{table.activity}' is not one of [activities]: {', '.join(datamap.activities)}"
        return
    retention = datamap.activities[table.activity].retention
    used = {f"key: '{c}'": c for c in table.key}
    used |= {f"match.{k}: '{n}'": n for k, c in table.match.items() for n in ((c,) if isinstance(c, str) else c)}
    used |= {f"reveals.{k}: '{c}'": c for k, c in ((k, r if isinstance(r, str) else r.column) for k, r in table.reveals.items())}
    gone = table.gone_when
    used |= {f"gone_when.{part}: '{c}'": c for part, c in (("column", gone.column), ("since", gone.since)) if c} if gone else {}
    used |= {f"restricted.column: '{table.restricted.column}'": table.restricted.column} if table.restricted else {}
    used |= {f"open_while.column: '{table.open_while.column}'": table.open_while.column} if table.open_while else {}
    for name in ("basis_column", "origin_column", "recipient_from", "given_on", "client", "of_request"):
        used |= {f"{name}: '{column}'": column} if (column := getattr(table, name)) else {}
    used |= {
        f"reveals.{k}.{part}: '{c}'": c
        for k, r in table.reveals.items()
        if not isinstance(r, str)
        for part, c in (("at", r.at), ("browser", r.browser))
        if c
    }
    for kind, reveal in table.reveals.items():
        if not isinstance(reveal, str) and reveal.prefix and (reveal.column,) != table.key:
            # Of a key that stands in many rows, others could not be counted with the prefix before it.
            yield f"{at}.reveals.{kind}.prefix: only the table's own key may have one"
    rule = table.attribute
    used |= {f"attribute.{part}: '{c}'": c for part, c in (("at", rule.at), ("browser", rule.browser))} if rule else {}
    used |= {f"part.column: '{table.part.column}'": table.part.column} if table.part else {}
    used |= {f"columns.{name}.total: '{column.total}'": column.total for name, column in table.columns.items() if isinstance(column.total, str)}
    for what, column in used.items():
        if column not in table.columns:
            yield f"{at}.{what} is not one of its columns: {', '.join(table.columns)}"
    if retention and retention.from_ not in table.columns and not _follows(datamap, address, table, retention.from_):
        yield f"{at}.activity: '{table.activity}' counts retention from '{retention.from_}', a column of neither this table nor one that leads to it"
    if table.erasure == "anonymise" and not table.is_log and not table.erased_columns:
        yield f'{at}.erasure: no column says what becomes of it: set erase = "blank", "unlink" or {{ to = "…" }} on those that name the person'
    if "ip" in table.match and not rule:
        yield f"{at}.match.ip: an address is many people's: say under `attribute` which columns hold the time and the browser"
    if datamap.is_processor(address) and table.reveals:
        yield f"{at}.reveals: what is held for a client leads to nothing of ours"
    yield from _rest(at, table)
    for column, declared in table.columns.items():
        if declared.basis and table.basis_column:
            yield f"{at}.columns.{column}.basis: the table takes its basis from '{table.basis_column}', so no column has one of its own"
        if column.startswith("dsar_"):
            yield f"{at}.columns.{column}: names that begin with dsar_ are this toolkit's own"


def _rest(at: str, table: "Table") -> Iterator[str]:
    """Yield what is wrong in how a service's records are asked for."""
    look_up = table.rest.look_up if table.rest else {}
    if table.rest and set(look_up) != set(table.match):
        yield f"{at}.rest.look_up: must say how to ask for each kind of `match`: {', '.join(table.match)}"
    for kind, one in look_up.items():
        if one.absent and not (table.rest and table.rest.probe):
            yield f"{at}.rest.look_up.{kind}.absent: needs rest.probe, a path that always answers"
        if one.bears and one.bears not in table.columns:
            yield f"{at}.rest.look_up.{kind}.bears: '{one.bears}' is not one of its columns: {', '.join(table.columns)}"


def _follows(datamap: "DataMap", address: "Address", table: "Table", start: str) -> bool:
    """Whether the table's rows are kept as long as the row that leads to them: lines with their invoice."""
    return any(
        other.activity == table.activity and start in other.columns and set(other.revealed(a.source)) & set(table.match_kinds(address.source))
        for a, other in datamap.tables()
        if a != address
    )


def _stores(datamap: "DataMap") -> Iterator[str]:
    """Yield each store that two tables share: each would answer with the other's lines, and anonymise them."""
    first: dict[str, Address] = {}
    for address, table in datamap.tables():
        if table.file and table.file.store:
            other = first.setdefault(posixpath.normpath(table.file.store), address)
            if other != address:
                at = f"sources.{address.source}.tables.{address.table}"
                yield f"{at}.file.store: '{table.file.store}' is the store of {other} already; each table needs a folder of its own"


def _policy(datamap: "DataMap") -> Iterator[str]:
    policy = datamap.policy
    versions = [v.version for v in policy.versions]
    if versions and datamap.controller.policy_version not in versions:
        yield f"controller.policy_version: '{datamap.controller.policy_version}' is not one of policy.versions: {', '.join(versions)}"
    for name, clause in policy.clauses.items():
        for place in clause.kept_by:
            if not _exists(datamap, place.split(".")):
                yield f"policy.clauses.{name}.kept_by: there is no {place} in this map"


def _systems(datamap: "DataMap") -> Iterator[str]:
    for name, answered in datamap.systems.items():
        if name not in forgotten.SYSTEMS:
            yield f"systems.{name}: is not asked about; the list has {', '.join(forgotten.SYSTEMS)}"
        for source in answered.sources:
            if source not in datamap.sources:
                yield f"systems.{name}.{answered.answer}: '{source}' is not one of [sources]: {', '.join(datamap.sources)}"


def _exists(place: Any, path: Sequence[str]) -> bool:
    for n, part in enumerate(path):
        if isinstance(place, Mapping):
            # A table's own name may hold dots.
            rest = ".".join(path[n:])
            return rest in place or any(
                key == ".".join(path[n:end]) and _exists(value, path[end:]) for end in range(n + 1, len(path)) for key, value in place.items()
            )
        place = getattr(place, part, None)
        if not place:
            return False
    return True


_ALLOWED = {
    "bool": "must be true or false",
    "date": "must be a date, such as 2026-11-23",
    "dict": "must be a section, or written { key = value }",
    "int": "must be a whole number",
    "model": "must be a section, or written { key = value }",
    "string": "must be text in quotes",
    "tuple": "must be a list in [brackets]",
}


def in_words(error: ValidationError, content: Mapping[str, Any]) -> str:
    """Return the faults of a map, at most five: key path, and what is allowed there."""
    said: dict[tuple[str, ...], list[str]] = {}
    for fault in error.errors():
        said.setdefault(_path(fault["loc"], content, missing=fault["type"] == "missing"), []).append(_words(fault))
    # Of the alternatives a key may be written in, the one that got furthest was meant.
    meant = {path: words for path, words in said.items() if not any(other != path and other[: len(path)] == path for other in said)}
    lines = [
        (f"{'.'.join(path)}: " if path else "") + " or ".join(dict.fromkeys(words)).replace(" or must be ", " or ") for path, words in meant.items()
    ]
    more = f"; and {len(lines) - 5} more" if len(lines) > 5 else ""
    return "; ".join(lines[:5]) + more


def _path(loc: tuple[str | int, ...], content: Any, *, missing: bool) -> tuple[str, ...]:
    """Return the key path of an error: pydantic adds the names of alternatives, which nobody wrote."""
    path: list[str] = []
    for part in loc[:-1] if missing else loc:
        if isinstance(part, int) or (isinstance(content, Mapping) and part in content):
            content = content[part]
            path.append(str(part))
    return (*path, str(loc[-1])) if missing else tuple(path)


def _words(fault: Any) -> str:
    kind = fault["type"]
    known = {
        "missing": "is missing",
        "extra_forbidden": "is not a key of the data map here",
        "too_short": "needs at least one entry",
        "string_too_short": "must not be empty",
    }
    if kind == "value_error":
        return str(fault["ctx"]["error"]).replace("\n", "; ")
    if kind == "literal_error":
        return f"must be {fault['ctx']['expected']}"
    message: str = fault["msg"]
    return known.get(kind) or _ALLOWED.get(kind.split("_")[0]) or message[0].lower() + message[1:]
