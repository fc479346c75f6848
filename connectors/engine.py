"""Tables of an analytic engine, through Ibis: the engine rules out most rows, the rest is compared here.

`DuckDb` reads a DuckDB database (`url = "duckdb:///warehouse.duckdb"`, relative to the workspace).
The same promise on Spark, for what outgrows one machine, is `connectors.spark`.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pyarrow as pa

from connectors import exact
from connectors.arrow import ArrowChunk, logical
from connectors.exact import Look
from dsar import datamap, kinds, values
from dsar.errors import DsarError, NotOffered, SourceBroken, SourceUnreachable
from dsar.source import Ask, Can, Done, Everyone, Keys, Match, Others, Part, Rows, Schema, Settings, Text

IN_LIST = 10_000  # identifiers per statement


class Engine:
    """What all engines have in common; a subclass says how one is opened, and how its answers become Arrow."""

    can = Can(many=True, others=True, everyone=True)

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    # -- what a subclass says of its engine ------------------------------------------------------

    def connect(self) -> Any:
        """Return an Ibis backend; whatever it raises means that the engine cannot be reached."""
        raise NotImplementedError

    def close(self, backend: Any) -> None:
        """Let the backend go after a read."""

    def names(self, backend: Any) -> Sequence[str]:
        """Return the names of all tables there are."""
        raise NotImplementedError

    def table(self, backend: Any, name: str) -> Any:
        """Return a table as an Ibis expression."""
        raise NotImplementedError

    def chunks(self, backend: Any, expression: Any) -> Iterator[pa.Table]:
        """Yield the rows of an expression, every value exact."""
        raise NotImplementedError

    # -- the promise of a source -----------------------------------------------------------------

    def schema(self) -> Mapping[str, Schema]:
        """Return every table with its columns; no row is read. One that cannot be read has its fault said."""
        with self._faults("the schema") as backend:
            found: dict[str, Schema | SourceUnreachable] = {name: self._described(backend, name) for name in self.names(backend)}
        lost = [known for known in found.values() if isinstance(known, SourceUnreachable)]
        if lost and len(lost) == len(found):
            raise lost[0]
        return {name: known if isinstance(known, Schema) else Schema({}, fault=str(known)) for name, known in found.items()}

    def read(self, ask: Ask) -> Iterator[Part]:
        """Answer one question as a stream of parts that ends with `Done`; raises `NotOffered` for `Text`."""
        match ask:
            case Match():
                return self._match(ask, exact.wanted(ask, exact.mapped(self.settings, ask.table), self.settings))
            case Keys():
                return self._keys(ask, exact.mapped(self.settings, ask.table))
            case Others():
                return self._others(ask, exact.mapped(self.settings, ask.table))
            case Everyone():
                return self._everyone(ask)
            case Text():
                where, remedy = f"{self.settings.name}.{ask.table}", "search the system itself for the text, by hand"
                raise NotOffered("text inside columns cannot be searched", where=where, remedy=remedy)

    def _match(self, ask: Match, wanted: exact.Wanted) -> Iterator[Part]:
        with self._faults(ask.table) as backend:
            table = self._table(backend, ask.table, [c for c, _ in wanted.columns])
            found = (
                rows
                for part in wanted.split(IN_LIST)
                for rows in self._rows(backend, ask.table, table, part, [Look(c, kind, part.forms(kind)) for c, kind in part.columns], every=False)
            )
            total = 0
            for rows in exact.limited(found, ask, self.settings, (c for c, _ in wanted.columns)):
                total += len(rows.frame)
                yield rows
            yield from exact.unclear(wanted)
            yield Done(None, total)

    def _keys(self, ask: Keys, mapped: datamap.Table) -> Iterator[Part]:
        with self._faults(ask.table) as backend:
            table = self._table(backend, ask.table, mapped.key)
            total = 0
            for some in exact.batches(dict.fromkeys(ask.keys), IN_LIST):
                forms = [[kinds.normal("key", key[n]) for key in some] for n in range(len(mapped.key))]
                # NULL and blank keys have no form to look for: then the other columns have to tell.
                looks = [Look(c, "key", [f for f in known if f]) for c, known in zip(mapped.key, forms, strict=True) if all(known)]
                for rows in self._rows(backend, ask.table, table, exact.key_set(mapped.key, some), looks, every=True):
                    total += len(rows.frame)
                    yield rows
            yield Done(None, total)

    def _others(self, ask: Others, mapped: datamap.Table) -> Iterator[Part]:
        from connectors.expressions import counted

        with self._faults(ask.table) as backend:
            table = self._table(backend, ask.table, [ask.column, *ask.also, *([ask.at] if ask.at else [])])
            forms = [f for v in ask.values if (f := kinds.normal(ask.kind, v))]
            beside = (*ask.also, *([ask.at] if ask.at else []))
            found = [
                line
                for some in map(dict.fromkeys, exact.batches(dict.fromkeys(forms), IN_LIST))
                for chunk in self.chunks(backend, counted(table, Look(ask.column, ask.kind, list(some)), mapped, beside))
                for line in self._counts(ask, chunk)
                if kinds.normal(ask.kind, line[0]) in some  # what another statement counts too is left to it
            ]
            counts = exact.tally(ask, found)
            if len(counts.frame):
                yield counts
            yield Done(None, len(counts.frame))

    def _everyone(self, ask: Everyone) -> Iterator[Part]:
        with self._faults(ask.table) as backend:
            table = self._table(backend, ask.table, ask.columns)[list(ask.columns)]
            total = 0
            for chunk in self.chunks(backend, table if ask.limit is None else table.limit(ask.limit)):
                total += len(chunk)
                yield Rows(values.to_frame(pa.table({c: self._typed(ask.table, c, chunk[c]) for c in ask.columns})))
            yield Done(None, total)

    def _rows(self, backend: Any, name: str, table: Any, question: exact.Question, looks: Sequence[Look], *, every: bool) -> Iterator[Rows]:
        from connectors.expressions import possible

        if not looks and not every:
            return
        where = possible(table, looks, exact.mapped(self.settings, name), every=every)
        for chunk in self.chunks(backend, table.filter(where)):
            if (found := question.rows(ArrowChunk(chunk, lambda c, values: self._typed(name, c, values)))) is not None:
                yield found

    def _counts(self, ask: Others, chunk: pa.Table) -> Iterator[tuple[object, object, int]]:
        read = [self._typed(ask.table, ask.column, chunk["value"]).to_pylist(), *(self._typed(ask.table, c, chunk[c]).to_pylist() for c in ask.also)]
        moments = self._typed(ask.table, ask.at, chunk[ask.at]).to_pylist() if ask.at else [None] * len(chunk)
        return zip(exact.together(read), moments, chunk["rows"].to_pylist(), strict=True)

    def _typed(self, name: str, column: str, found: pa.ChunkedArray) -> pa.Array:
        declared = exact.declared_type(self.settings.declared.tables.get(name), column)
        return exact.strict(self.settings, name, column, found.to_pylist(), declared) if declared else found

    def _table(self, backend: Any, name: str, needed: Sequence[str]) -> Any:
        at = f"{self.settings.name}.{name}"
        if name not in self.names(backend):
            raise SourceBroken("there is no such table", where=at, remedy="mend its name in dsar.toml; `dsar check` lists the tables")
        table = self.table(backend, name)
        lost = [c for c in needed if c not in table.columns]
        if lost:
            raise SourceBroken(f"the table has no column {', '.join(lost)}", where=at, remedy="mend dsar.toml; `dsar check` lists the columns")
        return table

    def _described(self, backend: Any, name: str) -> Schema | SourceUnreachable:
        try:
            known = self.table(backend, name).schema().to_pyarrow()
        except SourceUnreachable as error:
            return error
        except DsarError as error:
            return Schema({}, fault=str(error))
        except Exception as error:  # noqa: BLE001 - one table that cannot be read does not end the survey
            return Schema({}, fault=str(self._broken(error, f"{self.settings.name}.{name}")))
        return Schema({field.name: logical(field.type) for field in known})

    @contextmanager
    def _faults(self, what: str) -> Iterator[Any]:
        """Yield the backend; every error of the engine becomes one of ours."""
        at = f"{self.settings.name}.{what}" if what in self.settings.declared.tables else self.settings.name
        try:
            backend = self.connect()
        except DsarError:
            raise
        except Exception as error:
            raise SourceUnreachable(
                f"the engine cannot be opened ({type(error).__name__})",
                where=f"sources.{self.settings.name}",
                remedy="check that it is there, and its `url` in dsar.toml or the environment",
            ) from error
        try:
            yield backend
        except DsarError:
            raise
        except Exception as error:
            raise self._broken(error, at) from error
        finally:
            self.close(backend)

    def _broken(self, error: Exception, at: str) -> SourceBroken:
        # Never the engine's own words: they may quote a person's data.
        return SourceBroken(
            f"the engine broke off while it was read ({type(error).__name__})", where=at, remedy="run `dsar check`, then collect again"
        )


class DuckDb(Engine):
    """The tables and views of a DuckDB database, opened read-only; those outside its main schema as `schema.table`."""

    def connect(self) -> Any:
        """Return a backend that can neither write nor fetch anything from elsewhere."""
        import ibis

        path = self.settings.root / self.settings.expand(self.settings.declared.url).removeprefix("duckdb:///")
        backend = ibis.duckdb.connect(path, read_only=True, autoinstall_known_extensions=False, autoload_known_extensions=False)
        backend.con.execute("SET enable_external_access = false; SET TimeZone = 'UTC'")
        return backend

    def close(self, backend: Any) -> None:
        """Close the database: others may write to it between two reads."""
        backend.disconnect()

    def names(self, backend: Any) -> Sequence[str]:
        """Return the names of all tables and views."""
        return list(self._places(backend))

    def table(self, backend: Any, name: str) -> Any:
        """Return a table as an Ibis expression."""
        schema, bare = self._places(backend)[name]
        return backend.table(bare, database=schema)

    def _places(self, backend: Any) -> dict[str, tuple[str, str]]:
        found = backend.con.execute("SELECT table_schema, table_name FROM information_schema.tables ORDER BY ALL").fetchall()
        return {(table if schema == "main" else f"{schema}.{table}"): (schema, table) for schema, table in found}

    def chunks(self, backend: Any, expression: Any) -> Iterator[pa.Table]:
        """Yield the rows of an expression, chunk by chunk."""
        # Ibis's own way calls what DuckDB has deprecated.
        for batch in backend.con.execute(backend.compile(expression)).to_arrow_reader(exact.CHUNK):
            yield pa.Table.from_batches([batch])
