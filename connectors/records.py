"""Answers from records held in memory: all that a connector needs that reads its system whole."""

from collections.abc import Iterator, Mapping, Sequence

import pyarrow as pa

from connectors import exact
from dsar import values
from dsar.errors import NotOffered, SourceBroken
from dsar.source import Ask, Done, Keys, Match, Part, Settings


def answer(ask: Ask, records: Sequence[Mapping[str, object]], settings: Settings) -> Iterator[Part]:
    """Answer a `Match` or `Keys` from records, dictionaries of plain values; raises `NotOffered` for other questions.

    Raises `SourceBroken` where no record has a column that is looked in.
    """
    at, mapped = f"{settings.name}.{ask.table}", exact.mapped(settings, ask.table)
    if not isinstance(ask, Match | Keys):
        raise NotOffered("only identifiers and keys can be looked up", where=at, remedy="look up anything else in the system itself")
    names = list(dict.fromkeys(name for record in records for name in record))
    wanted = exact.wanted(ask, mapped, settings) if isinstance(ask, Match) else None
    needed = [c for c, _ in wanted.columns] if wanted else mapped.key
    if lost := [c for c in needed if records and c not in names]:
        raise SourceBroken(f"its records have no {', '.join(lost)}", where=at, remedy="mend dsar.toml; `dsar check` lists the columns")

    def typed(column: str, found: Sequence[object]) -> pa.Array:
        declared = exact.declared_type(mapped, column)
        return exact.strict(settings, ask.table, column, found, declared) if declared else values.infer(found)

    def parts() -> Iterator[Part]:
        question = wanted or exact.key_set(mapped.key, ask.keys if isinstance(ask, Keys) else ())
        chunk = exact.Raw({name: [record.get(name) for record in records] for name in names}, typed, mapped)
        rows = question.rows(chunk) if names else None
        found = [rows] if rows else []
        yield from exact.limited(found, ask, settings, needed) if isinstance(ask, Match) else found
        if wanted:
            yield from exact.unclear(wanted)
        yield Done(len(records), len(rows.frame) if rows else 0)

    return parts()
