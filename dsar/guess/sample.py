"""Some rows of each table, read into memory and never written down: what a guess is tested on."""

from collections.abc import Mapping, Sequence

from dsar import datamap, kinds, values
from dsar.errors import DsarError
from dsar.source import Everyone, Others, Rows, Schema, Source

ROWS = 200  # of each table
DISTINCT = 50  # values whose links are looked up
Sample = Mapping[str, Mapping[str, Sequence[object]]]  # table → column → values that are not missing


def provisional(declared: datamap.Source, schema: Mapping[str, Schema]) -> datamap.Source:
    """Return the source with every table it has, so that its connector can read them before anything is mapped."""
    tables = {
        name: datamap.Table.model_construct(label=name, activity="", key=known.key, match={}, columns={c: _column() for c in known.columns})
        for name, known in schema.items()
    }
    return declared.model_copy(update={"tables": tables})


def _column() -> datamap.Column:
    return datamap.Column.model_construct(category="user")


def of(source: Source, schema: Mapping[str, Schema]) -> Sample:
    """Return the values of the first rows of each table; nothing of a table that cannot be read, since a guess needs none."""
    return {name: _table(source, name, known) for name, known in schema.items()} if source.can.everyone else {}


def _table(source: Source, name: str, known: Schema) -> Mapping[str, Sequence[object]]:
    if known.fault or not known.columns:
        return {}
    found: dict[str, list[object]] = {c: [] for c in known.columns}
    try:
        for part in source.read(Everyone(name, tuple(known.columns), ROWS)):
            if isinstance(part, Rows):
                for column in known.columns:
                    found[column] += [v for v in values.pylist(part.frame[column]) if v is not None and v != ""]
    except DsarError:  # guessed by its names alone; `dsar check` says what is wrong
        return {}
    return found


def borne(source: Source, table: str, column: str, wanted: Sequence[object]) -> int:
    """Return how many of the values some row of the table bears in that column; the source counts, nothing is read."""
    try:
        parts = list(source.read(Others(table, column, tuple(dict.fromkeys(wanted)))))
    except DsarError:  # what cannot be counted is no link
        return 0
    there = {kinds.normal("key", v) for part in parts if isinstance(part, Rows) for v in values.pylist(part.frame["value"])}
    return len(there & {kinds.normal("key", v) for v in wanted})
