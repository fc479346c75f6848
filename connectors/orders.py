"""Order systems that keep customers, orders and invoices in a database."""

from collections.abc import Iterator

from connectors.sql import Sql
from dsar.errors import SourceBroken
from dsar.source import Ask, Part

CARD = "user.financial.credit_card"


class Orders(Sql):
    """An order system's database. Payments run at a gateway, so no column may hold card numbers."""

    def read(self, ask: Ask) -> Iterator[Part]:
        """Answer as any database does; raises `SourceBroken` for a table that is mapped to hold card numbers."""
        table = self.settings.declared.tables.get(ask.table)
        cards = [name for name, column in table.columns.items() if column.category.startswith(CARD)] if table else []
        if cards:
            raise SourceBroken(
                f"holds card numbers in {', '.join(cards)}, which must not be stored here",
                where=f"{self.settings.name}.{ask.table}",
                remedy="have the column removed at its source, or correct its category in dsar.toml",
            )
        return super().read(ask)
