"""Tables that are files: csv, xlsx, parquet and JSON lines, as other systems export them.

A mapped table names its file (`file.path`: relative to the workspace, `${WORKSPACE}` allowed), a
folder or a pattern of files (`connectors.places`). A source may also name a file or a folder as its
`url`: then each such file, and each folder of them, is a table called like it without its ending; a
workbook of several sheets is one table per sheet, `file.sheet` (just `sheet` where the `url` is that
one file). A mapped table without `file` is looked up by that name. Files lying there unmapped, and
unmapped sheets of a mapped workbook, are listed by `schema()`, so that `dsar check` can name them.

csv, JSON lines and xlsx are read once for any number of subjects, in chunks; a csv value is text
unless the map declares its `type`, and an empty cell is NULL. Parquet is filtered by DuckDB.
"""

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from itertools import islice, repeat
from pathlib import Path

import pyarrow as pa

from connectors import exact, places, transport
from connectors.arrow import ArrowChunk
from connectors.csvrows import csv_rows
from connectors.exact import Look
from connectors.files import Empty
from connectors.jsonrows import json_rows
from connectors.places import CSV, JSON, PARQUET, XLSX, Place
from connectors.xlsxrows import sheet_names, xlsx_rows
from dsar import datamap, kinds, values
from dsar.errors import DsarError, NotOffered, SourceBroken, SourceUnreachable
from dsar.source import Ask, Can, Done, Everyone, Keys, Match, Others, Part, Rows, Schema, Settings, Text

_COMMA = str.maketrans(",.", ".,")


class Lake:
    """A set of exported files."""

    can = Can(many=True, others=True, everyone=True)

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def schema(self) -> Mapping[str, Schema]:
        """Return every file and sheet with its columns; no row is read.

        A file that is missing, or whose header cannot be read, has its fault said; an empty one that is not mapped is left out.
        Raises `SourceUnreachable` where the source's folder, or every one of its files, is missing.
        """
        found = self._places()
        if not any(place.exists for place in found.values()):
            raise SourceUnreachable(
                "none of its files is there", where=f"sources.{self.settings.name}", remedy="put the exported files where dsar.toml says"
            )
        known = {name: self._described(name, place) for name, place in found.items()}
        return {name: schema for name, schema in known.items() if schema}

    def read(self, ask: Ask) -> Iterator[Part]:
        """Answer one question as a stream of parts that ends with `Done`; raises `NotOffered` for `Text`."""
        match ask:
            case Match():
                return self._match(ask, exact.wanted(ask, exact.mapped(self.settings, ask.table), self.settings))
            case Keys():
                return self._keys(ask, exact.mapped(self.settings, ask.table))
            case Others():
                exact.mapped(self.settings, ask.table)
                return self._others(ask)
            case Everyone():
                return self._everyone(ask)
            case Text():
                where, remedy = f"{self.settings.name}.{ask.table}", "search the system itself for the text, by hand"
                raise NotOffered("text inside columns cannot be searched", where=where, remedy=remedy)

    def _match(self, ask: Match, wanted: exact.Wanted) -> Iterator[Part]:
        looks = tuple(Look(column, kind, wanted.forms(kind)) for column, kind in wanted.columns)
        with self._table(ask.table, [c for c, _ in wanted.columns]) as table:
            found = table.rows(wanted, looks, every=False)
            yield from exact.limited(found, ask, self.settings, (c for c, _ in wanted.columns))
            yield from exact.unclear(wanted)
            yield table.done()

    def _keys(self, ask: Keys, mapped: datamap.Table) -> Iterator[Part]:
        with self._table(ask.table, mapped.key) as table:
            forms = [[kinds.normal("key", key[n]) for key in ask.keys] for n in range(len(mapped.key))]
            # NULL and blank keys have no form to look for: then the other columns have to tell.
            looks = tuple(Look(c, "key", [f for f in some if f]) for c, some in zip(mapped.key, forms, strict=True) if all(some))
            yield from table.rows(exact.key_set(mapped.key, ask.keys), looks, every=True)
            yield table.done()

    def _others(self, ask: Others) -> Iterator[Part]:
        with self._table(ask.table, [ask.column, *ask.also, *([ask.at] if ask.at else [])]) as table:
            forms = [f for v in ask.values if (f := kinds.normal(ask.kind, v))]
            counts = exact.tally(ask, table.counts(Look(ask.column, ask.kind, forms), ask.at, ask.also))
            if len(counts.frame):
                yield counts
            yield Done(table.read, len(counts.frame))

    def _everyone(self, ask: Everyone) -> Iterator[Part]:
        with self._table(ask.table, ask.columns) as table:
            for frame in table.everyone(ask.columns, ask.limit):
                table.handed += len(frame)
                yield Rows(values.to_frame(frame))
            yield table.done()

    @contextmanager
    def _table(self, name: str, needed: Sequence[str]) -> Iterator["_Grid | _Parquet"]:
        """Yield a mapped table, opened; every error of reading becomes one of ours."""
        place = self._place(name)
        with _faults(self.settings.name, name, place.path):
            table = _Parquet(self.settings, name, place) if place.suffix in PARQUET else _Grid(self.settings, name, place)
            lost = [c for c in needed if c not in table.columns]
            if lost:
                raise SourceBroken(
                    f"{place.path.name} has no column {', '.join(lost)}",
                    where=f"{self.settings.name}.{name}",
                    remedy="mend dsar.toml, or export the file again",
                )
            try:
                yield table
            finally:
                table.close()

    def _place(self, name: str) -> Place:
        file = self.settings.declared.tables[name].file
        if file:
            return Place(self._path(file.path), file)
        if not self.settings.declared.url:
            raise SourceBroken("names no file", where=f"{self.settings.name}.{name}", remedy="set file = { path = … } in dsar.toml")
        found = self._places()
        if name not in found:
            raise SourceUnreachable("no file of this name is there", where=f"{self.settings.name}.{name}", remedy="put the exported file there")
        return found[name]

    def _path(self, text: str) -> Path:
        address = self.settings.expand(text)
        transport.of_store(self.settings, address)
        return places.at(self.settings.root, address, self.settings.name)

    def _places(self) -> dict[str, Place]:
        """Return every table there is: the mapped files, then what else lies beside or in them."""
        found = {name: Place(self._path(t.file.path), t.file) for name, t in self.settings.declared.tables.items() if t.file}
        mapped = {(part.path.resolve(), place.file.sheet) for place in found.values() for part in place.lying}
        mapped |= {(place.path.resolve(), place.file.sheet) for place in found.values()}
        url = self._path(self.settings.declared.url) if self.settings.declared.url else None
        lying = [*(places.lying(url, self.settings.name) if url else []), *(place.path for place in found.values() if place.path.is_file())]
        for path in dict.fromkeys(lying):
            for n, (name, sheet) in enumerate(self._tables_in(path, alone=path == url)):
                if (
                    (path.resolve(), sheet) in mapped
                    or (n == 0 and (path.resolve(), None) in mapped)
                    or (path.is_dir() and self._covered(path, mapped))
                ):
                    continue
                if name in found:
                    raise SourceBroken(
                        f"two files are called {name}", where=f"sources.{self.settings.name}", remedy="name each under `file` in dsar.toml"
                    )
                found[name] = Place(path, datamap.File(path=str(path), sheet=sheet))
        return found

    def _covered(self, folder: Path, mapped: set[tuple[Path, str | None]]) -> bool:
        listed = [part for part in Place(folder, datamap.File(path="")).lying if places.ending(part.path) in places.LISTED]
        return all((part.path.resolve(), None) in mapped for part in listed)

    def _tables_in(self, path: Path, *, alone: bool) -> list[tuple[str, str | None]]:
        """Return the name and sheet of each table in a file."""
        if places.ending(path) not in XLSX:
            return [(places.stem(path), None)]
        with _faults(self.settings.name, path.stem, path):
            sheets = sheet_names(path)
        if len(sheets) == 1:
            return [(path.stem, sheets[0])]
        return [(sheet if alone else f"{path.stem}.{sheet}", sheet) for sheet in sheets]

    def _described(self, name: str, place: Place) -> Schema | None:
        try:
            with _faults(self.settings.name, name, place.path):
                return Schema(_header(place))
        except (SourceBroken, SourceUnreachable) as error:
            unused = isinstance(error, Empty) and name not in self.settings.declared.tables
            return None if unused else Schema({}, fault=str(error))


class _Grid:
    """A csv file or a sheet, and what has been read of it so far."""

    def __init__(self, settings: Settings, name: str, place: Place) -> None:
        self.settings, self.name, self.file = settings, name, place.file
        self.mapped = settings.declared.tables.get(name)
        self.cells = _cells(place)
        self.columns = [str(c) for c in next(self.cells)]
        self.read = self.handed = 0

    def close(self) -> None:
        self.cells.close()

    def done(self) -> Done:
        return Done(self.read, self.handed)

    def rows(self, question: exact.Question, _: Sequence[Look], *, every: bool) -> Iterator[Rows]:  # noqa: ARG002 - every row is compared anyway
        for chunk in self._chunks():
            if (found := question.rows(chunk)) is not None:
                self.handed += len(found.frame)
                yield found

    def counts(self, look: Look, at: str | None, also: Sequence[str]) -> Iterator[tuple[object, object, int]]:
        for chunk in self._chunks():
            moments = chunk.values(at) if at else repeat(None)
            found = exact.together([chunk.values(name) for name in (look.column, *also)])
            yield from ((value, moment, 1) for value, moment in zip(found, moments, strict=False))

    def everyone(self, columns: Sequence[str], limit: int | None) -> Iterator[pa.Table]:
        for chunk in self._chunks(limit):
            yield pa.table({c: self._typed(c, chunk.columns[c]) for c in columns})

    def _chunks(self, limit: int | None = None) -> Iterator[exact.Raw]:
        for rows in exact.batches(islice(self.cells, limit), exact.CHUNK):
            self.read += len(rows)
            yield exact.Raw(dict(zip(self.columns, zip(*rows, strict=True), strict=True)), self._typed, self.mapped)

    def _typed(self, column: str, found: Sequence[object]) -> pa.Array:
        declared = exact.declared_type(self.mapped, column)
        if not declared:
            return values.infer(found)
        if self.file.decimal == "," and declared.startswith(("decimal", "number")):
            # A point is no decimal sign here: it becomes a comma, which no number may hold.
            found = [v.translate(_COMMA) if isinstance(v, str) else v for v in found]
        return exact.strict(self.settings, self.name, column, found, declared)


class _Parquet:
    """Parquet files; their rows are found by an engine (`connectors.parquet`)."""

    def __init__(self, settings: Settings, name: str, place: Place) -> None:
        # Not before it is needed: the engine takes half a second to load.
        from connectors import parquet

        self.engine, self.settings, self.name, self.parts = parquet, settings, name, place.parts
        self.mapped = settings.declared.tables[name]
        self.columns = list(_header(place))
        self.read, self.handed = sum(parquet.length(part.path) for part in self.parts), 0

    def close(self) -> None:
        """Nothing stays open between two chunks."""

    def done(self) -> Done:
        return Done(self.read, self.handed)

    def rows(self, question: exact.Question, looks: Sequence[Look], *, every: bool) -> Iterator[Rows]:
        if not looks and not every:
            return
        for part in self.parts:
            inside = self.engine.columns(part.path)
            known = [look for look in looks if look.column in inside]
            # A column that only other files have, or that the path tells, rules nothing out.
            whole = not every and len(known) < len(looks)
            for some in self.engine.rows(part.path, self.mapped, [] if whole else known, every=every or whole):
                chunk = ArrowChunk(self.engine.widened(some, self.columns, part.told), self._typed)
                if (found := question.rows(chunk)) is not None:
                    self.handed += len(found.frame)
                    yield found

    def counts(self, look: Look, at: str | None, also: Sequence[str]) -> Iterator[tuple[object, object, int]]:
        beside = (*also, *([at] if at else []))
        for part in self.parts:
            inside = self.engine.columns(part.path)
            if look.column in inside and all(c in inside for c in beside):
                found = self.engine.counts(part.path, self.mapped, look, beside)
                read = exact.together([self._typed(look.column, found["value"]).to_pylist(), *(self._typed(c, found[c]).to_pylist() for c in also)])
                moments = self._typed(at, found[at]).to_pylist() if at else [None] * len(found)
                yield from zip(read, moments, found["rows"].to_pylist(), strict=True)
            elif beside:
                raise SourceBroken(
                    "rows cannot be counted here", where=f"{self.settings.name}.{self.name}", remedy="its files differ in their columns"
                )
            elif look.column in part.told:
                yield part.told[look.column], None, self.engine.length(part.path)

    def everyone(self, columns: Sequence[str], limit: int | None) -> Iterator[pa.Table]:
        left = self.read if limit is None else limit
        for part in self.parts:
            for some in self.engine.everything(part.path):
                if left <= 0:
                    return
                chunk = self.engine.widened(some.slice(0, left), columns, part.told)
                left -= len(chunk)
                yield pa.table({c: self._typed(c, chunk[c]) for c in columns})

    def _typed(self, column: str, found: pa.ChunkedArray) -> pa.Array:
        declared = exact.declared_type(self.mapped, column)
        return exact.strict(self.settings, self.name, column, found.to_pylist(), declared) if declared else found


def _header(place: Place) -> dict[str, str | None]:
    """Return the columns of all the files of a table, then those that their paths tell."""
    columns: dict[str, str | None] = {}
    for part in place.parts:
        columns |= {c: kind for c, kind in _inside(part.path, place).items() if c not in columns}
    return columns | {c: "text" for part in place.parts for c in part.told if c not in columns}


def _inside(path: Path, place: Place) -> dict[str, str | None]:
    if place.suffix in PARQUET:
        from connectors import parquet

        return parquet.columns(path)
    with closing(_file(path, place)) as cells:
        return {str(c): None for c in next(cells)}


def _cells(place: Place) -> Generator[Sequence[object], None, None]:
    """Yield the columns of all files, then the rows of one after the other."""
    parts = place.parts
    if len(parts) == 1 and not parts[0].told:
        yield from _file(parts[0].path, place)
        return
    columns = list(_header(place))
    yield columns
    for part in parts:
        with closing(_file(part.path, place)) as cells:
            own = [str(c) for c in next(cells)]
            for row in cells:
                known = {**part.told, **dict(zip(own, row, strict=True))}
                yield [known.get(c) for c in columns]


def _file(path: Path, place: Place) -> Generator[Sequence[object], None, None]:
    if place.suffix in XLSX:
        return xlsx_rows(path, place.file.sheet)
    if place.suffix in CSV:
        return csv_rows(path, place.file)
    if place.suffix in JSON:
        return json_rows(path, place.file)
    raise SourceBroken("is none of csv, xlsx, parquet and JSON lines", where=path.name, remedy="export it in one of these formats")


@contextmanager
def _faults(source: str, table: str, path: Path) -> Iterator[None]:
    at = f"{source}.{table}"
    try:
        yield
    except DsarError as error:
        raise type(error)(error.what, where=at if error.where == at else f"{at}: {error.where}", remedy=error.remedy) from error
    except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
        raise SourceUnreachable(f"{path.name} cannot be opened ({type(error).__name__})", where=at, remedy="put the exported file there") from error
    except Exception as error:
        # Never the reader's own words: they may quote a person's data.
        raise SourceBroken(
            f"{path.name} is damaged or not what its ending says ({type(error).__name__})", where=at, remedy="export the file again"
        ) from error
