"""What a connector's answer must fulfil, checked once for all, so that none can flatter itself."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from dsar import kinds, values
from dsar.datamap import Address, Table
from dsar.errors import DsarError, SourceBroken
from dsar.source import Done, Keys, Malformed, Others, Rows, Schema, Source, Waiting, Want

_CONNECTOR = "tell whoever keeps the connector, and collect again once it is mended"


@dataclass(frozen=True)
class Answer:
    """One complete answer: its rows, lines that could not be read, and whom it waits for."""

    parts: tuple[Rows, ...]
    malformed: tuple[Malformed, ...] = ()
    waiting: tuple[tuple[str, tuple[str, ...] | None], ...] = ()  # for whom, and which asks wait


def in_words(error: Exception, where: str) -> DsarError:
    """Return whatever a connector raised as an error that may be shown."""
    if isinstance(error, DsarError):
        return error
    # A foreign exception's text may quote a person's data: its class has to do.
    return SourceBroken(f"the connector raised {type(error).__name__}", where=where, remedy="ask whoever keeps the connector")


def drift(address: Address, table: Table, schema: Mapping[str, Schema]) -> tuple[str, tuple[str, ...]]:
    """Return why the table cannot be read as declared (or ''), and the columns the map does not know."""
    if address.table not in schema:
        return f"{address}: the source has no such table — mend its name in dsar.toml", ()
    if schema[address.table].fault:
        return schema[address.table].fault, ()
    real = schema[address.table].columns
    lost = [c for c in table.columns if c not in real]
    if lost:
        return f"{address}: the source has no column {', '.join(lost)} — mend the map or ask the system's owner", ()
    return "", tuple(c for c in real if c not in table.columns)


def checked(address: Address, table: Table, parts: Iterable[object], wanted: Sequence[Want], region: str | None) -> Answer:
    """Return a source's answer to a match; raises `SourceBroken` where it breaks a promise."""
    at = str(address)
    found: list[Rows] = []
    malformed: list[Malformed] = []
    waiting: list[tuple[str, tuple[str, ...] | None]] = []
    done = None
    for part in parts:
        if done is not None:
            raise SourceBroken("the source went on after it said it was done", where=at, remedy=_CONNECTOR)
        match part:
            case Rows():
                found.append(part)
            case Malformed():
                malformed.append(part)
            case Waiting():
                waiting.append((f"{part.owner} until {part.until}" if part.until else part.owner, part.asks))
            case Done():
                done = part
    if done is None:
        raise SourceBroken("the answer stopped before its end", where=at, remedy="collect again")
    if done.rows != sum(len(p.frame) for p in found):
        raise SourceBroken("the source counted other rows than it handed on", where=at, remedy="collect again")
    _check_keys(at, table, found)
    wants = {w.ask_id: w for w in wanted}
    for part in found:
        _check_asks(address, table, part, wants, region)
    return Answer(tuple(found), tuple(malformed), tuple(waiting))


def _check_keys(at: str, table: Table, found: Sequence[Rows]) -> None:
    keys: list[tuple[object, ...]] = []
    for part in found:
        missing = [c for c in table.columns if c not in part.frame.columns]
        if missing:
            raise SourceBroken(f"rows came without the column {', '.join(missing)}", where=at, remedy=_CONNECTOR)
        if any(str(c).startswith("dsar_") for c in part.frame.columns):
            what = "rows came with a column whose name begins with dsar_, which is this toolkit's own"
            raise SourceBroken(what, where=at, remedy="have that column renamed in the source")
        keys += zip(*(values.pylist(part.frame[c]) for c in table.key), strict=True)
    if any(None in key for key in keys):
        raise SourceBroken("a row has no key, so it could not be found again", where=at, remedy="choose other key columns in dsar.toml")
    if len(set(keys)) != len(keys):
        raise SourceBroken("two rows have the same key", where=at, remedy="choose key columns that tell rows apart in dsar.toml")


def _check_asks(address: Address, table: Table, part: Rows, wants: Mapping[str, Want], region: str | None) -> None:
    if {a.row for a in part.asks} != set(range(len(part.frame))):
        raise SourceBroken("rows came that nobody asked for", where=str(address), remedy=_CONNECTOR)
    columns = {c: values.pylist(part.frame[c]) for c in {a.matched_on for a in part.asks} if c in part.frame.columns}
    matching = {kind: table.match_columns(kind, address.source) for kind in {want.kind for want in wants.values()}}
    for asked in part.asks:
        want = wants.get(asked.ask_id)
        if want is None or asked.matched_on not in matching[want.kind]:
            raise SourceBroken("rows came that nobody asked for", where=str(address), remedy=_CONNECTOR)
        if kinds.normal(want.kind, columns[asked.matched_on][asked.row], region) != want.value:
            raise SourceBroken("a row came for an identifier it does not bear", where=str(address), remedy=_CONNECTOR)


def require_unique(address: Address, table: Table, source: Source, answer: Answer) -> None:
    """Raise `SourceBroken` where another row of the table has the key of a row that came.

    For tables whose source does not itself keep keys unique: a worklist must not name two people's rows at once.
    """
    keys = tuple(dict.fromkeys(key for part in answer.parts for key in zip(*(values.pylist(part.frame[c]) for c in table.key), strict=True)))
    if not keys:
        return
    parts = list(source.read(Keys(address.table, keys)))
    if not parts or not isinstance(parts[-1], Done):
        raise SourceBroken("the answer stopped before its end", where=str(address), remedy="collect again")
    if sum(len(part.frame) for part in parts if isinstance(part, Rows)) != len(keys):
        raise SourceBroken("two rows have the same key", where=str(address), remedy="choose key columns that tell rows apart in dsar.toml")


def counted(source: Source, ask: Others) -> dict[str, dict[object, int]]:
    """Return how many rows refer to each value, by the value's normal form and the moment (None unless asked for); raises `SourceBroken`."""
    parts = list(source.read(ask))
    done = parts.pop() if parts else None
    rows = [row for part in parts if isinstance(part, Rows) for row in values.rows(part.frame)]
    if not isinstance(done, Done) or done.rows != len(rows) or not all(isinstance(part, Rows) for part in parts):
        raise SourceBroken("the count is not complete", where=ask.table, remedy="collect again")
    counts: dict[str, dict[object, int]] = {}
    for row in rows:
        of = counts.setdefault(kinds.normal(ask.kind, row["value"]) or "", {})
        moment = row["at"] if ask.at else None
        of[moment] = of.get(moment, 0) + int(str(row["rows"]))
    return counts
