"""Order systems that keep customers, orders and invoices in a database, and leave the payments to a gateway."""

from contextlib import closing

from connectors.sql import Parts, Sql
from dsar import recognise, values
from dsar.errors import SourceBroken
from dsar.source import Ask, Rows

CARD = "user.financial.credit_card"


class Orders(Sql):
    """An order system's database. Payments run at a gateway, so no column may hold card numbers."""

    def read(self, ask: Ask) -> Parts:
        """Answer as any database does; raises `SourceBroken` for a table that holds card numbers, by the map or by what comes.

        A column whose numbers only look like cards says so in the map: `not_card = "why"`.
        """
        table = self.settings.declared.tables.get(ask.table)
        cards = [name for name, column in table.columns.items() if column.category.startswith(CARD)] if table else []
        if cards:
            raise self._holds_cards(ask.table, cards)
        return self._without_cards(ask.table, super().read(ask))

    def _without_cards(self, table: str, parts: Parts) -> Parts:
        declared = self.settings.declared.tables.get(table)
        passed = {name for name, column in declared.columns.items() if column.not_card} if declared else set()
        with closing(parts):
            for part in parts:
                if isinstance(part, Rows):
                    suspects = [str(c) for c in part.frame.columns if c not in passed]
                    if cards := [c for c in suspects if any(_is_card(v) for v in values.pylist(part.frame[c]))]:
                        raise self._holds_cards(table, cards)
                yield part

    def _holds_cards(self, table: str, columns: list[str]) -> SourceBroken:
        return SourceBroken(
            f"holds card numbers in {', '.join(columns)}, which must not be stored here",
            where=f"{self.settings.name}.{table}",
            remedy='have them removed at their source; if they are none, correct the category or write not_card = "why" in dsar.toml',
        )


def _is_card(value: object) -> bool:
    if not isinstance(value, str | int) or isinstance(value, bool):
        return False
    return any(recognise.cards(str(value)))
