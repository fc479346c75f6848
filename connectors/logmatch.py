"""The lines of wanted addresses in a piece of a log, exact, and how many lines there are no log lines.

`logscan` says for a whole block which lines are worth a look; only these are compared, by the client field in normal form.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from connectors import logblocks, logline
from connectors.logblocks import Block, Piece
from connectors.logline import Line
from connectors.logscan import Scan

SAMPLES = 3


class Found(NamedTuple):
    """What a piece holds: its lines of wanted addresses, how many lines were read, how many are none and where the first stand."""

    lines: list[Line]
    read: int
    unreadable: int
    unreadable_at: list[int]


class Matcher:
    """Finds the lines of a set of addresses in normal form."""

    def __init__(self, addresses: Iterable[str]) -> None:
        self._wanted = frozenset(addresses)
        self._spelled = frozenset(address.encode() for address in self._wanted)
        self._scan = Scan(self._wanted)

    def __call__(self, piece: Piece) -> Found:
        """Return what is found in a piece; raises as `logblocks.blocks`."""
        lines: list[Line] = []
        unreadable: list[int] = []
        read = 0
        for block in logblocks.blocks(piece):
            found = self.look(block)
            lines += found.lines
            unreadable += (read + number for number in found.unreadable_at)
            read += found.read
        return Found(lines, read, len(unreadable), unreadable[:SAMPLES])

    def look(self, block: Block) -> Found:
        """Return what is found in a block, with the numbers of all its lines that are none."""
        buffer, start, stop, _ = block
        seen = self._scan.look(buffer, start, stop)
        lines: list[Line] = []
        unreadable: list[int] = []
        for n in np.flatnonzero(seen.possible | seen.doubtful).tolist():
            text = bytes(buffer[seen.starts[n] : seen.ends[n] + 1])
            client = logline.client_of(text)
            if client in self._spelled or (b":" in client and logline.normal(client) in self._wanted):
                lines.append(Line(text, client))
            elif seen.doubtful[n] and not logline.is_log_line(text):
                unreadable.append(n + 1)
        return Found(lines, len(seen.starts), len(unreadable), unreadable)
