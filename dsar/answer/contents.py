"""What an answer holds: the dossier, the tables chosen of it, and the names of their sheets and files."""

from dataclasses import dataclass
from datetime import date
from functools import cached_property

from dsar.answer.names import file_stem, unique
from dsar.answer.select import Chosen
from dsar.datamap import Address
from dsar.find.decisions import Decision
from dsar.find.dossier import Dossier
from dsar.texts import Texts, texts


@dataclass(frozen=True)
class Answer:
    """All that the sheets are drawn from; `part_one` is the decision to send only a part now."""

    dossier: Dossier
    chosen: tuple[Chosen, ...]
    prepared: date
    part_one: Decision | None = None
    right: str = "portability"

    @property
    def say(self) -> Texts:
        """The texts of the requester's language."""
        return texts(self.dossier.request.language or self.dossier.datamap.controller.language)

    @cached_property
    def tables(self) -> tuple[Chosen, ...]:
        """The tables that have rows to show."""
        return tuple(c for c in self.chosen if len(c.frame) and len(c.frame.columns))

    def title(self, address: Address) -> str:
        """The title of a table's sheet: its label, with the system where two tables share one. A tab shows its first 31 characters."""
        return self._titles[address]

    @cached_property
    def _titles(self) -> dict[Address, str]:
        labels = [self.dossier.datamap.table(c.address).label for c in self.tables]
        wanted = [
            label if labels.count(label) == 1 else f"{label} {self.dossier.datamap.sources[c.address.source].label}"
            for c, label in zip(self.tables, labels, strict=True)
        ]
        titles = unique([self.say("Read me first"), self.say("Summary"), *wanted])[2:]
        return {c.address: title for c, title in zip(self.tables, titles, strict=True)}

    def data_name(self, address: Address) -> str:
        """The name of a table's file in the folder data: that of its sheet, as plain letters."""
        return self._data_names[address]

    @cached_property
    def _data_names(self) -> dict[Address, str]:
        return dict(zip(self._titles, unique([file_stem(title) for title in self._titles.values()]), strict=True))
