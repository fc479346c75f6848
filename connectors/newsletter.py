"""Newsletter tools that keep their audience in a database: marketing apart from service mail, a basis in each row.

One table of members often serves several purposes. The map cuts it into parts by a column
(`part = { of = "members", column = "purpose", values = ["marketing"] }`), so that each has its own activity:
who unsubscribes from the newsletter still gets notices about a service they use. A purpose, a status or a
basis the map does not know is an error: such a row would be in nobody's part, or sent on a basis nobody chose.
"""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace

from connectors.sql import Parts, Sql
from dsar import datamap, values
from dsar.errors import SourceBroken
from dsar.source import Ask, Done, Everyone, Others, Rows, Schema, Settings, Text


class Newsletter(Sql):
    """A newsletter tool's database."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.parts = {name: table.part for name, table in settings.declared.tables.items() if table.part}

    def schema(self) -> Mapping[str, Schema]:
        """Return the tables as any database does, with the parts in place of the table they are cut from."""
        found = super().schema()
        whole = {part.of for part in self.parts.values()}
        rest = {name: schema for name, schema in found.items() if name not in whole}
        return rest | {name: found[part.of] for name, part in self.parts.items() if part.of in found}

    def read(self, ask: Ask) -> Parts:
        """Answer as any database does; raises `SourceBroken` where a row's purpose or a coded value is none the map knows."""
        part = self.parts.get(ask.table)
        if part is None:
            return self._explained(ask.table, super().read(ask))
        whole = replace(ask, table=part.of)
        if isinstance(whole, Everyone):
            whole = replace(whole, columns=tuple(dict.fromkeys((*whole.columns, part.column))))  # by it the part is told
        found = Sql(self._whole(ask.table, part)).read(whole)
        # Counts are of the whole table, and so is a search for text: whoever else refers to a value does so in whatever part.
        return found if isinstance(ask, Others | Text) else self._explained(ask.table, self._of(ask.table, part, found))

    def _whole(self, table: str, part: datamap.Subset) -> Settings:
        """Return the settings under which the whole table is read as its part is declared."""
        declared = self.settings.declared
        tables = {**declared.tables, part.of: declared.tables[table]}
        return replace(self.settings, declared=declared.model_copy(update={"tables": tables}))

    def _of(self, table: str, part: datamap.Subset, parts: Parts) -> Parts:
        """Yield a part's rows; the whole table's rows outside of every part are an error."""
        known = {value for other in self.parts.values() if (other.of, other.column) == (part.of, part.column) for value in other.values}
        handed = 0
        with closing(parts):
            for found in parts:
                if isinstance(found, Rows):
                    purposes = values.pylist(found.frame[part.column])
                    if set(purposes) - known:
                        raise SourceBroken(
                            f"a row's {part.column} is none that the map names, so it belongs to no part",
                            where=f"{self.settings.name}.{table}",
                            remedy=f"name it under `part.values` of one of {', '.join(sorted(self.parts))}",
                        )
                    mine = [n for n, purpose in enumerate(purposes) if purpose in part.values]
                    handed += len(mine)
                    if mine:
                        places = {row: n for n, row in enumerate(mine)}
                        asks = tuple(a._replace(row=places[a.row]) for a in found.asks if a.row in places)
                        yield Rows(values.take(found.frame, mine), asks)
                else:
                    yield replace(found, rows=handed) if isinstance(found, Done) else found

    def _explained(self, table: str, parts: Parts) -> Parts:
        """Yield the parts; a coded value that the map has no word for, such as an unknown status, is an error."""
        declared = self.settings.declared.tables.get(table)
        coded = {c: column.values for c, column in declared.columns.items() if column.values} if declared else {}
        with closing(parts):
            for found in parts:
                if isinstance(found, Rows):
                    for column in coded.keys() & set(found.frame.columns):
                        unknown = {str(v) for v in values.pylist(found.frame[column]) if v is not None} - coded[column].keys()
                        if unknown:
                            raise SourceBroken(
                                f"a row's {column} is none of those the map explains",
                                where=f"{self.settings.name}.{table}",
                                remedy=f"explain it under `columns.{column}.values` in dsar.toml",
                            )
                yield found
