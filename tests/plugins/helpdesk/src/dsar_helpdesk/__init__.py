"""Tickets of a help desk that exports one JSON file per ticket, a folder per table."""

import json

from connectors import records
from dsar.errors import SourceBroken, SourceUnreachable
from dsar.source import Can, Schema


class Tickets:
    can = Can(many=True, others=False)  # one read answers for many; it cannot count who else refers to a value

    def __init__(self, settings):
        self.settings = settings

    def schema(self):
        tables = [folder.name for folder in self._folder("").iterdir()]
        return {table: Schema(dict.fromkeys(name for ticket in self._tickets(table) for name in ticket)) for table in tables}

    def read(self, ask):
        return records.answer(ask, self._tickets(ask.table), self.settings)

    def _tickets(self, table):
        try:
            return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(self._folder(table).glob("*.json"))]
        except ValueError as error:
            # Where, never what: the ticket is somebody's.
            raise SourceBroken("a ticket is no whole JSON", where=f"{self.settings.name}.{table}", remedy="export it again") from error

    def _folder(self, table):
        folder = self.settings.root / self.settings.expand(self.settings.declared.url) / table
        if not folder.is_dir():
            raise SourceUnreachable("the export is not there", where=f"sources.{self.settings.name}", remedy="export the tickets")
        return folder
