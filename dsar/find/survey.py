"""`dsar check`: compare the data map with the sources as they are today; no person is asked about."""

from collections.abc import Iterator, Mapping
from typing import cast

from dsar.datamap import DataMap
from dsar.errors import DsarError
from dsar.find.check import drift, in_words
from dsar.find.outcome import OpenPoint
from dsar.source import Adviser, Schema, Source


def survey(datamap: DataMap, sources: Mapping[str, Source | DsarError]) -> list[OpenPoint]:
    """Return what must be mended before answers are complete; empty when map and sources agree."""
    return [point for name in datamap.sources for point in _source(datamap, name, sources[name])]


def advice(datamap: DataMap, sources: Mapping[str, Source | DsarError]) -> list[OpenPoint]:
    """Return what would make the sources faster to read, which columns may speak of others unsearched, and what is read without TLS."""
    unsearched = [
        OpenPoint(f"{address}.{name}", "holds what somebody wrote, and is not searched for other people: add free_text = true if it may", "")
        for address, table in datamap.tables()
        for name, column in table.columns.items()
        if column.category.startswith("user.content") and not (column.free_text or column.other_person or column.values)
        if (column.type or "text") == "text"
    ]
    plain = [
        OpenPoint(f"sources.{name}", f"is read without verified TLS, since: {source.without_tls}", "")
        for name, source in datamap.sources.items()
        if source.without_tls
    ]
    return unsearched + plain + [point for name in datamap.sources for point in _advice(name, sources[name])]


def _advice(name: str, source: Source | DsarError) -> Iterator[OpenPoint]:
    if isinstance(source, DsarError) or not source.can.advises:
        return
    try:
        yield from (OpenPoint(f"{name}.{table}", said, "") for table, said in cast("Adviser", source).advice())
    except Exception:  # noqa: BLE001 - a source that cannot be asked is told by the survey
        return


def _source(datamap: DataMap, name: str, source: Source | DsarError) -> Iterator[OpenPoint]:
    schema = _schema(source, name)
    if isinstance(schema, DsarError):
        yield OpenPoint(f"sources.{name}", schema.what, schema.remedy)
        return
    declared = datamap.sources[name]
    for address, table in datamap.tables():
        if address.source == name:
            failed, undeclared = drift(address, table, schema)
            if failed:
                yield OpenPoint(str(address), failed.split(": ", 1)[-1], "until then it is failed in every answer")
            if table.people and not isinstance(source, DsarError) and not source.can.everyone:
                yield OpenPoint(str(address), "is a register of people, but this source cannot be looked through", "nobody entered twice is found")
            if table.guessed:
                yield OpenPoint(
                    str(address),
                    "its section is guessed, and nobody has confirmed it",
                    "read it and take out `guessed = true`; until then it is held",
                )
            if undeclared:
                yield OpenPoint(
                    str(address), f"the map does not know the column {', '.join(undeclared)}", "classify it; until then the table is held"
                )
    for table_name in sorted(set(schema) - set(declared.tables) - set(declared.ignored)):
        remedy = f"map it, or list it under sources.{name}.ignored with the reason"
        yield OpenPoint(f"{name}.{table_name}", "is neither mapped nor ignored", remedy)
    for table_name in sorted(set(declared.ignored) - set(schema)):
        yield OpenPoint(f"{name}.{table_name}", "is ignored in the map, but the source has no such table", "take it out, or correct its name")


def _schema(source: Source | DsarError, name: str) -> Mapping[str, Schema] | DsarError:
    try:
        return source if isinstance(source, DsarError) else source.schema()
    except Exception as error:  # noqa: BLE001 - one source that cannot be asked does not end the survey
        return in_words(error, name)
