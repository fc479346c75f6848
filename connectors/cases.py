"""The toolkit's own records as a source: earlier requests of the same person, the files of their cases, the list of the unwritten-to.

Case files are personal data themselves, so the next request has to search them (ICO; EDPB 01/2022). Tables of the register are read
where it lies (`url`, else where `DSAR_REGISTER` says, else `register.db`); `files` lists what lies in the case folders, by name and hash
and without the content, which stands in the systems too or is purged; `suppressed` finds an address by its keyed hash, and by no other way.
A table's `of_request` names the column with the request, so that no request finds itself. What people sent back to the inbox is found by
the source that asked (`manual`).
"""

import csv
import hashlib
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from connectors import exact
from connectors.exact import Raw
from connectors.sql import Sql
from dsar import keys
from dsar.datamap import Table
from dsar.errors import NotOffered, SourceBroken, WorkspaceMissing
from dsar.source import Ask, Asked, Can, Done, Everyone, Keys, Match, Others, Part, Rows, Schema, Settings, Text, Want

FILES, SUPPRESSED = "files", "suppressed"
_COLUMNS: Mapping[str, dict[str, str | None]] = {
    FILES: {"request": "text", "place": "text", "bytes": "integer", "sha256": "text"},
    SUPPRESSED: {"purpose": "text", "entry": "text", "since": "text", "request": "text", "email": "text"},
}
_KEYS = {FILES: ("request", "place"), SUPPRESSED: ("purpose", "entry")}
_REGISTER, _SHARED = "sqlite:///${WORKSPACE}/register.db", "DSAR_REGISTER"


class Cases:
    """The register, the case folders and the suppression list of this workspace."""

    can = Can(many=True, others=True)

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        url = settings.declared.url or (f"${{{_SHARED}}}" if os.environ.get(_SHARED) else _REGISTER)
        self.register = Sql(replace(settings, declared=settings.declared.model_copy(update={"url": url})))

    def schema(self) -> Mapping[str, Schema]:
        """Return the register's tables, and with them `files` and `suppressed`."""
        own = {name: Schema(columns, _KEYS[name]) for name, columns in _COLUMNS.items() if name in self.settings.declared.tables}
        return {**self.register.schema(), **own}

    def read(self, ask: Ask) -> Iterator[Part]:
        """Answer one question as a stream of parts that ends with `Done`; raises `NotOffered` for `Text` and `Everyone`."""
        if isinstance(ask, Text | Everyone):
            where, remedy = f"{self.settings.name}.{ask.table}", "look into the case folders by hand, by request"
            raise NotOffered("the toolkit's own records cannot be asked this", where=where, remedy=remedy)
        if ask.table not in _COLUMNS:
            return self.register.read(ask)
        mapped = exact.mapped(self.settings, ask.table)
        match ask:
            case Match() if ask.table == SUPPRESSED:
                return self._listed(ask, mapped)
            case Match():
                return self._match(ask, exact.wanted(ask, mapped, self.settings), mapped)
            case Keys():
                return self._keys(ask, mapped)
            case Others():
                return self._others(ask, mapped)

    def _match(self, ask: Match, wanted: exact.Wanted, mapped: Table) -> Iterator[Part]:
        by_request = all(want.kind.rpartition(".")[2] == "request" for want in ask.wanted)
        rows = list(self._files({want.value.casefold() for want in ask.wanted} if by_request else None))
        found = [part for part in [wanted.rows(self._chunk(ask.table, rows, mapped))] if part]
        yield from exact.limited(found, ask, self.settings, (c for c, _ in wanted.columns))
        yield from exact.unclear(wanted)
        yield Done(len(rows), sum(len(part.frame) for part in found))

    def _keys(self, ask: Keys, mapped: Table) -> Iterator[Part]:
        rows = self._rows(ask.table)
        found = exact.key_set(mapped.key, ask.keys).rows(self._chunk(ask.table, rows, mapped))
        if found:
            yield found
        yield Done(len(rows), len(found.frame) if found else 0)

    def _others(self, ask: Others, mapped: Table) -> Iterator[Part]:
        rows = self._rows(ask.table)
        chunk = self._chunk(ask.table, rows, mapped)
        held = exact.together([chunk.values(c) for c in (ask.column, *ask.also)])
        counts = exact.tally(ask, ((value, None, 1) for value in held))
        if len(counts.frame):
            yield counts
        yield Done(len(rows), len(counts.frame))

    def _listed(self, ask: Match, mapped: Table) -> Iterator[Part]:
        """Find the addresses asked for by what stands for them on the list."""
        rows = self._rows(SUPPRESSED)
        column = mapped.match_columns("email", self.settings.name)[0]
        found: dict[tuple[str, str], tuple[dict[str, object], list[Want]]] = {}
        for want in (w for w in ask.wanted if w.kind == "email"):
            for row in rows:
                if row["entry"] == keys.keyed(self._secret(), str(row["purpose"]), want.value):
                    found.setdefault((str(row["purpose"]), str(row["entry"])), ({**row, "email": want.value}, []))[1].append(want)
        if found:
            asks = tuple(Asked(n, want.ask_id, column) for n, (_, wants) in enumerate(found.values()) for want in wants)
            yield Rows(self._chunk(SUPPRESSED, [row for row, _ in found.values()], mapped).frame(range(len(found))), asks)
        yield Done(len(rows), len(found))

    def _secret(self) -> bytes:
        try:
            return keys.key(self.settings.root, "suppression", make=False)
        except WorkspaceMissing as error:
            raise SourceBroken(error.what, where=f"{self.settings.name}.{SUPPRESSED}", remedy=error.remedy) from error

    def _chunk(self, table: str, rows: Sequence[Mapping[str, object]], mapped: Table) -> Raw:
        columns = {c: [row[c] for row in rows] for c in _COLUMNS[table]}
        return Raw(columns, lambda c, found: exact.strict(self.settings, table, c, found, _COLUMNS[table][c] or "text"), mapped)

    def _rows(self, table: str) -> list[dict[str, object]]:
        return list(self._files() if table == FILES else self._lines())

    def _files(self, requests: Collection[str] | None = None) -> Iterator[dict[str, object]]:
        """Yield the files of these requests' case folders (None: of all), apart from hidden ones of a run that goes on."""
        root = self.settings.root / "cases"
        for path in sorted(root.glob("*/**/*")):
            request, *rest = path.relative_to(root).parts
            if (requests is None or request.casefold() in requests) and path.is_file() and not any(part.startswith(".") for part in rest):
                yield {"request": request, "place": "/".join(rest), "bytes": path.stat().st_size, "sha256": _digest(path)}

    def _lines(self) -> Iterator[dict[str, object]]:
        path = self.settings.root / "suppressed.csv"
        if not path.exists():
            return
        try:
            with path.open(encoding="utf-8", newline="") as file:
                for line in csv.DictReader(file, strict=True):
                    yield {"purpose": line["purpose"], "entry": line["entry"], "since": line["since"], "request": line["case"], "email": None}
        except (OSError, UnicodeDecodeError, csv.Error, KeyError) as error:
            what = f"cannot be read ({type(error).__name__})"
            raise SourceBroken(what, where=f"{self.settings.name}.{SUPPRESSED}", remedy="bring suppressed.csv back") from error


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
