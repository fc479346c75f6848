"""The terminal a command writes to: values from outside are text there, never markup or control characters that move the cursor or retitle it.

No value of a table is ever cut: where it is too wide for a terminal it is folded, between words as long as there is room for each; a pipe or a file
has no width, so that a table is as wide there as it needs (unless `$COLUMNS` says otherwise), and a key stays on one line for whoever searches it.
"""

import os
import re
from collections.abc import Sequence
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_BORDER, _PADDING = 1, 3  # what a table adds on the whole, and with each column


class Terminal(Console):
    """A console that shows control characters as a sign of their own; what it adds itself (colours, tables) is its own."""

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, markup=False, highlight=False, emoji=False, soft_wrap=True)
        self._width = None  # `$COLUMNS` as it is when something is printed, not as it was when this was made

    def render_str(self, text: str, **options: Any) -> Text:
        """Return a text to show, from a line printed or a table's cell."""
        return super().render_str(_CONTROL.sub("\N{REPLACEMENT CHARACTER}", text), **options)

    @property
    def room(self) -> int | None:
        """How many columns of letters there are; None for as many as anybody needs."""
        return self.width if self.is_terminal or os.environ.get("COLUMNS") else None

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[object]], *, styles: Sequence[str | None] | None = None) -> None:
        """Print a table whose cells are text as it is; `styles` has one style, or None, for each row."""
        lines = [[self.render_str(str(value), markup=False) for value in row] for row in (columns, *rows)]
        parts = ["\n".join(cell.plain for cell in column) for column in zip(*lines, strict=True)]
        needs, words = ([max(map(cell_len, split(part)), default=1) for part in parts] for split in (str.splitlines, str.split))
        added = _BORDER + _PADDING * len(columns)
        widths = needs if self.room is None else _widths(needs, words, self.room - added)
        width = sum(widths) + added
        shown = Table(*(Column(name, width=w, overflow="fold") for name, w in zip(lines[0], widths, strict=True)), width=width)
        for line, style in zip(lines[1:], styles or [None] * len(rows), strict=True):
            shown.add_row(*line, style=style)
        self.print(shown)


def _widths(needs: list[int], words: list[int], room: int) -> list[int]:
    """Return how wide each column is: what it needs, else the widest give way first, down to their longest word; below that only if they must."""
    low, high = (words, needs) if sum(words) <= room else ([1] * len(needs), words)
    for most in range(max(high), 0, -1):
        widths = [max(least, min(need, most)) for least, need in zip(low, high, strict=True)]
        if sum(widths) <= room:
            return widths
    return low
