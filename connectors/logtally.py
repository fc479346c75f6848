"""What was read of a table of logs, counted while its lines go by, and rows made of lines.

Lines of a piece or an entry know their numbers only here, where the whole file is seen.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from connectors import exact, logline, logmatch
from connectors.logentries import Entry
from connectors.logline import COLUMNS, Line
from dsar import values
from dsar.source import Asked, Done, Malformed, Part, Rows


@dataclass
class Tally:
    """What was read of a table so far."""

    read: int = 0
    rows: int = 0
    malformed: int = 0
    where: list[str] = field(default_factory=list)

    def unreadable(self, name: str, *numbers: int, count: int = 1) -> None:
        """Count lines that cannot be read, and remember where the first stand."""
        self.malformed += count
        self.where += [f"{name} line {number}" for number in numbers][: logmatch.SAMPLES - len(self.where)]

    def of_pieces(self, name: str, found: Iterable[logmatch.Found]) -> Iterator[Line]:
        """Yield the lines found in the pieces of a file; only here it is known which number a line of a piece has in the file."""
        before = 0
        for piece in found:
            yield from piece.lines
            self.unreadable(name, *(before + number for number in piece.unreadable_at), count=piece.unreadable)
            before += piece.read
        self.read += before

    def of_entry(self, name: str, entry: Entry, found: Iterable[tuple[int, Line]]) -> Iterator[Line]:
        """Yield the lines found of a file that is in the store; a broken line is unreadable only to those whose it is not."""
        wanted = set()
        for number, line in found:
            if line.row is None and not logline.is_log_line(line.text):
                wanted.add(number)
            yield line
        self.unreadable(name, *(n for n in entry.unreadable_at if n not in wanted), count=entry.unreadable - len(wanted))
        self.read += entry.lines

    def told(self) -> Iterator[Part]:
        """Yield what ends an answer."""
        if self.malformed:
            # They bear no address, so they are nobody's for certain; that they are there is told.
            yield Malformed(self.malformed, "; ".join(self.where), ())
        yield Done(self.read, self.rows)


def rows(found: Iterable[Mapping[str, object]], asked: Mapping[str, tuple[str, ...]], tally: Tally) -> Iterator[Rows]:
    """Yield rows of lines found by their client, with who asked."""
    for some in exact.batches(found, exact.CHUNK):
        tally.rows += len(some)
        asks = (Asked(n, ask_id, "client") for n, row in enumerate(some) for ask_id in asked[logline.normal(str(row["client"]).encode()) or ""])
        yield Rows(values.frame(by_column(some, COLUMNS), COLUMNS), tuple(asks))


def by_column(rows: Sequence[Mapping[str, object]], columns: Iterable[str]) -> dict[str, list[object]]:
    """Return rows column by column."""
    return {name: [row.get(name) for row in rows] for name in columns}
