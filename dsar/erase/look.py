"""Looking at the sources again: the rows of the steps by their keys, and addresses as text in the tables that were touched."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dsar import kinds, values
from dsar.datamap import Address, DataMap
from dsar.erase.step import GOES, Step
from dsar.errors import DsarError
from dsar.find.dossier import Dossier
from dsar.source import Ask, Done, Everyone, Keys, Rows, Source, Text

Key = tuple[str | None, ...]
_NEEDLES = ("email", "phone")  # what nobody else has: a name would find namesakes


@dataclass
class Seen:
    """What stands in the sources now, for any number of requests."""

    rows: dict[Address, dict[Key, dict[str, Any]]] = field(default_factory=dict)
    lines: dict[Address, frozenset[str]] = field(default_factory=dict)  # of logs: the hashes of all lines there are
    texts: dict[Address, list[tuple[Key, str, str]]] = field(default_factory=dict)  # key, column, needle
    failed: dict[Address, str] = field(default_factory=dict)
    unsearched: set[Address] = field(default_factory=set)


def look(datamap: DataMap, sources: Mapping[str, Source | DsarError], steps: Iterable[Step], needles: Sequence[str]) -> Seen:
    """Read every row of the steps by its key, each table once, and search the touched tables for the needles."""
    seen, wanted, touched = Seen(), dict[Address, dict[str, None]](), dict[Address, None]()
    for step in steps:
        if step.key != "[]":
            wanted.setdefault(step.address, {})[step.key] = None
            touched |= {step.address: None} if step.action in GOES or step.new else {}
    for address, listed in wanted.items():
        _guarded(seen, address, lambda a=address, k=listed: _by_key(seen, datamap, sources, a, k))  # type: ignore[misc]
    for address in touched:
        source = sources[address.source]
        if isinstance(source, DsarError) or not source.can.search or not needles:
            seen.unsearched |= {address} if not datamap.table(address).is_log else set()
        else:
            _guarded(seen, address, lambda a=address: _by_text(seen, datamap, sources, a, needles))  # type: ignore[misc]
    return seen


def _guarded(seen: Seen, address: Address, read: Callable[[], None]) -> None:
    try:
        read()
    except DsarError as error:
        seen.failed[address] = str(error)
    except Exception as error:  # noqa: BLE001 - what could not be looked at is said, and the rest is looked at
        seen.failed[address] = type(error).__name__


def _by_key(seen: Seen, datamap: DataMap, sources: Mapping[str, Source | DsarError], address: Address, listed: Iterable[str]) -> None:
    table = datamap.table(address)
    if table.is_log:
        found = frames(sources, address, Everyone(address.table, ("line",)))
        seen.lines[address] = frozenset(str(line) for frame in found for line in values.pylist(frame["line"]))
        return
    keys = tuple(tuple(json.loads(key)) for key in listed)
    rows = (row for frame in frames(sources, address, Keys(address.table, keys)) for row in values.rows(frame))
    seen.rows[address] = {tuple(values.plain(row[c]) for c in table.key): row for row in rows}


def _by_text(seen: Seen, datamap: DataMap, sources: Mapping[str, Source | DsarError], address: Address, needles: Sequence[str]) -> None:
    key = datamap.table(address).key
    seen.texts[address] = [
        (tuple(values.plain(row[c]) for c in key), str(row["dsar_column"]), str(row["dsar_needle"]))
        for frame in frames(sources, address, Text(address.table, (), tuple(needles)))
        for row in values.rows(frame)
    ]


def frames(sources: Mapping[str, Source | DsarError], address: Address, ask: Ask) -> Iterator[Any]:
    """Yield the frames of an answer; raises where the source cannot be asked, or ends without saying that it is done."""
    source = sources[address.source]
    if isinstance(source, DsarError):
        raise source
    done = None
    for part in source.read(ask):
        if isinstance(part, Rows):
            yield part.frame
        done = part if isinstance(part, Done) else None
    if done is None:
        raise DsarError("the answer broke off", where=str(address), remedy="bring the source up, then look again")


def needles_of(dossier: Dossier) -> tuple[str, ...]:
    """Return what is looked for as text: the person's own addresses, in their normal form."""
    return tuple(i.value for i in dossier.request.identifiers if i.kind in _NEEDLES and i.standing == "verified" and not kinds.is_of_many(i.value))
