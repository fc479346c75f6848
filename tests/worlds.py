"""Small worlds for tests: a map from a few lines of TOML, sources that hold their rows in memory, requests."""

import hashlib
import json
import tomllib
from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path

from dsar import kinds, values
from dsar.datamap import parse
from dsar.errors import NotOffered
from dsar.find.collect import collect
from dsar.request.identity import Identifier
from dsar.request.request import Request
from dsar.source import Asked, Can, Done, Everyone, Keys, Match, Others, Rows, Schema, Settings

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
TODAY = date(2026, 11, 23)

HEAD = """
[controller]
name = "Quill & Co"
address = "1 Test Street"
contact = "privacy@quill.example"
regime = "uk"
calendar = "GB-ENG"
timezone = "Europe/London"
region = "GB"
policy_version = "1"
supervisory_authority = "ICO"
automated_decisions = { text = "There are none.", reviewed_by = "R. Eader", reviewed_on = 2026-01-01 }
[activities.main]
purpose = "To sell"
basis = "6(1)(b)"
origin = "provided"
"""


def datamap(text, root=Path()):
    """Return a checked map. Sources and tables need only what the test is about:

    `columns` may be a list of names; `category`, `label`, `activity`, `key = ["id"]` have defaults.
    """
    content = tomllib.loads(HEAD + text)
    for name, source in content["sources"].items():
        source.setdefault("connector", "tests.worlds:Memory")
        source.setdefault("label", f"System {name}")
        source.setdefault("owner", f"{name}@quill.example")
        for table_name, table in source["tables"].items():
            table.setdefault("label", table_name)
            table.setdefault("activity", "main")
            table.setdefault("key", ["id"])
            columns = table["columns"]
            table["columns"] = {c: {"category": "user", **(columns[c] if isinstance(columns, dict) else {})} for c in columns}
    return parse(content, root / "dsar.toml", hashlib.sha256(text.encode()).hexdigest())


class Memory:
    """A source whose tables are lists of dictionaries.

    `reads` counts the reads per table; `spoil(ask, parts)` may return other parts than the honest ones.
    """

    keeps_keys_unique = True

    def __init__(self, settings, tables=None, can=None, spoil=None):
        self.settings, self.tables = settings, tables
        self.can = can or Can()
        self.spoil = spoil or (lambda _, parts: parts)
        self.reads, self.calls = Counter(), Counter()

    def schema(self):
        # A table without rows has the columns that are declared.
        declared = self.settings.declared.tables
        return {
            name: Schema(
                dict.fromkeys(dict.fromkeys(c for row in rows for c in row) or declared[name].columns),
                declared[name].key if self.keeps_keys_unique and name in declared else (),
            )
            for name, rows in self.tables.items()
        }

    def read(self, ask):
        match ask:
            case Match():
                self.reads[ask.table] += 1
                yield from self.spoil(ask, self._match(ask))
            case Keys():
                wanted = self.settings.declared.tables[ask.table].key
                rows = [row for row in self.tables[ask.table] if tuple(row[c] for c in wanted) in ask.keys]
                yield from self.spoil(
                    ask, [Rows(values.frame({c: [row[c] for row in rows] for c in self.schema()[ask.table].columns})), Done(None, len(rows))]
                )
            case Everyone():
                rows = [{c: row[c] for c in ask.columns} for row in self.tables[ask.table]]
                yield from self.spoil(ask, [Rows(values.frame({c: [row[c] for row in rows] for c in ask.columns})), Done(None, len(rows))])
            case Others():
                self.calls[ask.table, ask.column] += 1
                if not self.can.others:
                    raise NotOffered("counts are not offered")
                yield from self.spoil(ask, self._others(ask))

    def _match(self, ask):
        declared, name = self.settings.declared.tables[ask.table], self.settings.name
        hits, asks = [], []
        for row in self.tables[ask.table]:
            why = [
                (want.ask_id, column)
                for want in ask.wanted
                for column in declared.match_columns(want.kind, name)
                if kinds.normal(want.kind, row[column], self.settings.region) == want.value
            ]
            asks += [Asked(len(hits), *one) for one in why]
            hits += [row] if why else []
        columns = self.schema()[ask.table].columns
        types = {c: declared.columns[c].type for c in columns if c in declared.columns}
        return [Rows(values.frame({c: [row[c] for row in hits] for c in columns}, types), tuple(asks)), Done(None, len(hits))]

    def _others(self, ask):
        def asked(row):
            values_ = [row[c] for c in (ask.column, *ask.also)]
            return kinds.normal(ask.kind, " ".join(str(v) for v in values_ if v is not None) if ask.also else values_[0])

        counts = Counter((asked(row), row[ask.at] if ask.at else None) for row in self.tables[ask.table])
        found = {counted: n for counted, n in counts.items() if counted[0] in ask.values}
        columns = {"value": [v for v, _ in found], "rows": list(found.values())} | ({"at": [at for _, at in found]} if ask.at else {})
        return [Rows(values.frame(columns)), Done(None, len(found))]


def sources(datamap, data, **options):
    """Return a `Memory` per source of the map; `data` is "source.table" → rows."""
    tables = {name: {t: data.get(f"{name}.{t}", []) for t in source.tables} for name, source in datamap.sources.items()}
    for name, rows in data.items():
        tables[name.split(".", 1)[0]][name.split(".", 1)[1]] = rows
    return {name: Memory(Settings(name, source, Path(), "GB"), tables[name], **options) for name, source in datamap.sources.items()}


def request(request_id, *identifiers, verified=True):
    """Return a request by identifiers written kind=value."""
    pairs = [i.split("=", 1) for i in identifiers]
    standing = "verified" if verified else "claimed"
    known = tuple(Identifier(kind, kinds.require(kind, value, "GB"), standing) for kind, value in pairs)
    return Request(request_id, date(2026, 11, 2), ("portability", "erasure"), known, date(2026, 11, 3) if verified else None)


def gather(datamap, opened, *requests):
    """Return the dossiers by request id."""
    return collect(requests, datamap, opened, lambda: NOW)


def rows(dossier):
    """Return table → [(key, standing, hold)] for every table that holds something."""
    found = {
        str(address): [(*json.loads(row["dsar_key"]), row["dsar_standing"], row["dsar_hold"]) for row in values.rows(found.frame)]
        for address, found in dossier.tables.items()
    }
    return {name: lines for name, lines in found.items() if lines}


def results(dossier):
    """Return table → outcome in words."""
    return {str(address): found.outcome.words() for address, found in dossier.tables.items()}


def found(*keys):
    """Return lines as `rows` gives them, all found."""
    return [(key, "found", None) for key in keys]


def held(hold, *keys):
    """Return lines as `rows` gives them, all held for one reason."""
    return [(key, "held", hold) for key in keys]
