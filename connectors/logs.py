"""Web-server logs, plain and packed (gzip, zstd), read once for any number of identifiers.

A mapped table names its files by a pattern (`file.path = "logs/access*"`) and how the server writes
(`file.format`: `combined` unless said; `common`, `vhost`, `json`, nginx's or Apache's own string). Lines are found by
the client's address (`client`; behind the proxies in `file.trusted` the one they name), by the user-name
field (`user`), and by an e-mail address in the request (`query_email`). A row is known by its file, a
hash of the line, and which of equal lines in that file it is, so that it can be found again.

Columns: `file`, `line` (hash), `copy` (1, 2 … of equal lines), `client`, `user`, `at`, `request`, `status`,
`bytes`, `referrer`, `browser`; `-` in a log is NULL. Where the map says more of a table than the plain format
and addresses, `query_email` and `more` (all other variables, as JSON) come beside them. A line of a wanted address that is not
as the format demands comes with its text in `request`; any other line without an address or a format is counted.
"""

import heapq
import ipaddress
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import date, datetime
from functools import partial
from itertools import groupby, islice
from pathlib import Path

from connectors import exact, logblocks, logcompact, logentries, logexpire, logformat, logline, loglookup, logmatch, logtally
from connectors.logblocks import Piece
from connectors.logentries import Entries
from connectors.logfiles import LogFile
from connectors.logline import COLUMNS, KEY, MORE, Line
from connectors.logtables import LogTables
from connectors.logtally import Tally
from dsar import values
from dsar.errors import NotOffered, SourceBroken
from dsar.source import Anonymiser, Ask, Can, Done, Eraser, Everyone, Expired, Kept, Keys, Match, Others, Part, Rows, Schema, Settings, Text

__all__ = ["COLUMNS", "KEY", "MORE", "Logs"]


_FINISHED = 86_400  # seconds after which nobody writes to a plain file any more


class Logs:
    """The log files of a web server."""

    can = Can(many=True, others=False, everyone=True, erase=True, keeps=True)

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.tables = LogTables(settings)

    def schema(self) -> Mapping[str, Schema]:
        """Return each mapped set of files, and by its name each file of the folder `url` that no pattern names; no line is read."""
        tables = self.settings.declared.tables
        taken = {path.resolve() for name in tables for path in self.tables.paths(name)}
        lying = sorted(self.tables.folder().iterdir()) if self.settings.declared.url else []
        return {name: Schema(dict(self.tables.columns(name)), KEY) for name in tables} | {
            path.name: Schema({}) for path in lying if path.is_file() and path.resolve() not in taken
        }

    def eraser(self) -> Eraser:
        """Return what rewrites lines; the files have to be where they are read, and writable."""
        from connectors.logerase import LogEraser

        return LogEraser(self.settings)

    def read(self, ask: Ask) -> Iterator[Part]:
        """Answer one question as a stream of parts that ends with `Done`; raises `NotOffered` for `Others` and `Text`."""
        match ask:
            case Match():
                return self._match(ask, exact.wanted(ask, exact.mapped(self.settings, ask.table), self.settings))
            case Keys():
                return self._keys(ask)
            case Everyone():
                return self._everyone(ask)
            case Others() | Text():
                where, remedy = f"{self.settings.name}.{ask.table}", "search the files for other text by hand"
                raise NotOffered("only addresses and keys can be looked up in logs", where=where, remedy=remedy)

    def compact(self, now: datetime) -> Iterator[Kept]:
        """Put every file that is packed, or that nobody has written to for a day, into the store of its table, and yield each file."""
        for table in self.settings.declared.tables:
            if store := self.tables.store(table, made=True):
                with logentries.alone(store), self.tables.files(table) as files, self.tables.faults(table, store):
                    yield from self._compacted(table, store, files, now.timestamp() - _FINISHED)

    def _compacted(self, table: str, store: Path, files: Sequence[LogFile], finished: float) -> Iterator[Kept]:
        entries = Entries(store)
        logcompact.sweep(store, entries)

        def one(piece: Piece) -> Kept:
            file = piece.file
            if not file.packed and file.modified > finished:
                return Kept(table, file.path.name, "in use")
            with self.tables.faults(table, file.path):
                entry, state = logcompact.compact(file, store, entries)
            return Kept(table, file.path.name, state, entry.lines, entry.last)

        yield from logblocks.spread(one, [logentries.whole(file) for file in files])

    def expire(
        self, due: Callable[[str, date], bool], today: date, needed: Mapping[str, Collection[str]], anonymiser: Callable[[], Anonymiser]
    ) -> Iterator[tuple[str, Expired]]:
        """Anonymise the kept days of tables that are due, but for needed addresses; yield each table and day."""
        for table in self.settings.declared.tables:
            if store := self.tables.store(table):
                with logentries.alone(store), self.tables.faults(table, store):
                    for done in logexpire.expire(store, partial(due, table), today, needed.get(table, ()), anonymiser):
                        yield table, done

    def _match(self, ask: Match, wanted: exact.Wanted) -> Iterator[Part]:
        odd = [c for c, _ in wanted.columns if c not in {"client", "user", "query_email"}]
        if odd:
            at = f"{self.settings.name}.{ask.table}"
            raise SourceBroken("logs are searched by client, user and query_email only", where=at, remedy="mend `match` in dsar.toml")
        if not self.tables.plain(ask.table):
            yield from self._match_any(ask, wanted)
            return
        tally = Tally()
        asked = {address: ids for (_, address), ids in wanted.asked.items()}
        with self.tables.files(ask.table) as files:
            of = self._hits(ask.table, files, asked, tally)
            found = (row for name, lines in of for row in logline.numbered(name, lines))
            yield from exact.limited(logtally.rows(found, asked, tally), ask, self.settings, ["client"])
        yield from tally.told()

    def _hits(self, table: str, files: Sequence[LogFile], asked: Collection[str], tally: Tally) -> Iterator[tuple[str, Iterator[Line]]]:
        """Yield each file by name with its lines of wanted addresses: from the store where it stands for the file, else read, all at once."""
        store = self.tables.store(table)
        with self.tables.faults(table, store or self.tables.place(table)):
            kept, raw = loglookup.held(store, files) if store else ([], list(files))
            found = loglookup.lines(store, [entry for _, entry in kept], asked) if store else {}
        pieces = [piece for file in raw for piece in logblocks.pieces(file)]
        matcher = logmatch.Matcher(asked if pieces else ())

        def found_in(piece: Piece) -> logmatch.Found:
            with self.tables.faults(table, piece.file.path):
                return matcher(piece)

        def read() -> Iterator[tuple[str, Iterator[Line]]]:
            by_file = groupby(zip(pieces, logblocks.spread(found_in, pieces), strict=True), key=lambda one: one[0].file.path.name)
            return ((name, tally.of_pieces(name, (found for _, found in some))) for name, some in by_file)

        stored = ((name, tally.of_entry(name, entry, found.get(entry.id, []))) for name, entry in sorted(kept, key=lambda held: held.name))
        yield from heapq.merge(stored, read(), key=lambda one: one[0])

    def _match_any(self, ask: Match, wanted: exact.Wanted) -> Iterator[Part]:
        """Answer where every line has to be taken apart: another format, proxies, names and queries."""
        self.tables.store(ask.table)
        tally = Tally()
        with self.tables.files(ask.table) as files:
            found = (rows for file in files for rows in self._apart(ask.table, file, wanted, tally))
            yield from exact.limited(found, ask, self.settings, (c for c, _ in wanted.columns))
        yield from exact.unclear(wanted)
        yield from tally.told()

    def _apart(self, table: str, file: LogFile, wanted: exact.Wanted, tally: Tally) -> Iterator[Rows]:
        mapped = exact.mapped(self.settings, table)
        columns = self.tables.columns(table)
        for some in exact.batches(logline.numbered(file.path.name, self._parsed_lines(table, file, tally)), exact.CHUNK):
            # Equal lines are counted in the whole file, so every line is numbered before those that are wanted are picked.
            chunk = exact.Raw(logtally.by_column(some, columns), lambda _, found: values.infer(found), mapped)
            if (rows := wanted.rows(chunk)) is not None:
                picked = values.frame(logtally.by_column(values.rows(rows.frame), columns), columns)
                tally.rows += len(picked)
                yield Rows(picked, rows.asks)

    def _parsed_lines(self, table: str, file: LogFile, tally: Tally) -> Iterator[Line]:
        declared = exact.mapped(self.settings, table).file
        assert declared is not None
        try:
            parse, trusted = logformat.parser(declared.format), [ipaddress.ip_network(t) for t in declared.trusted]
        except ValueError as error:
            raise SourceBroken(
                "the map's format or trusted proxies cannot be read", where=f"{self.settings.name}.{table}", remedy=str(error)
            ) from error
        with self.tables.faults(table, file.path):
            for number, text in enumerate(logblocks.lines(file), 1):
                tally.read += 1
                fields = parse(text.rstrip(b"\r\n"))
                row = logline.from_fields(fields, trusted) if fields else None
                client = logline.client_of(text)
                if row is None and not logline.is_address(client):
                    tally.unreadable(file.path.name, number)
                else:
                    yield Line(text, client, row)

    def _keys(self, ask: Keys) -> Iterator[Part]:
        tally = Tally()
        keys = exact.key_set(KEY, ask.keys).keys
        columns = self.tables.columns(ask.table)
        with self.tables.files(ask.table) as files:
            for name, lines in self._everything(ask.table, files, {key[0] for key in keys}, tally):
                rows = (row for row in logline.numbered(name, lines) if (row["file"], row["line"], str(row["copy"])) in keys)
                for some in exact.batches(rows, exact.CHUNK):
                    tally.rows += len(some)
                    yield Rows(values.frame(logtally.by_column(some, columns), columns))
        yield Done(tally.read, tally.rows)

    def _everything(
        self, table: str, files: Sequence[LogFile], names: Collection[object] | None, tally: Tally
    ) -> Iterator[tuple[str, Iterator[Line]]]:
        """Yield the files of these names, or all, with all their lines."""
        store = self.tables.store(table)
        with self.tables.faults(table, store or self.tables.place(table)):
            kept, raw = loglookup.held(store, files) if store else ([], list(files))
        for file in raw:
            if names is None or file.path.name in names:
                yield file.path.name, self._lines(table, file, tally) if self.tables.plain(table) else self._parsed_lines(table, file, tally)
        for name, entry in kept:
            if store and (names is None or name in names):
                tally.read += entry.lines
                yield name, (Line(text, logline.client_of(text)) for some in loglookup.again(entry, store) for text in some.to_pylist())

    def _everyone(self, ask: Everyone) -> Iterator[Part]:
        tally = Tally()
        columns = {c: self.tables.columns(ask.table)[c] for c in ask.columns}
        with self.tables.files(ask.table) as files:
            every = (row for name, lines in self._everything(ask.table, files, None, tally) for row in logline.numbered(name, lines))
            for some in exact.batches(islice(every, ask.limit), exact.CHUNK):
                tally.rows += len(some)
                yield Rows(values.frame(logtally.by_column(some, columns), columns))
        yield Done(tally.read, tally.rows)

    def _lines(self, table: str, file: LogFile, tally: Tally) -> Iterator[Line]:
        with self.tables.faults(table, file.path):
            for text in logblocks.lines(file):
                tally.read += 1
                yield Line(text, logline.client_of(text))
