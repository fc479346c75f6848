"""The terminal a command writes to: values from outside are text there, never control characters that move the cursor or retitle it."""

import re
from typing import Any

from rich.console import Console
from rich.text import Text

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class Terminal(Console):
    """A console that shows control characters as a sign of their own; what it adds itself (colours, tables) is its own."""

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, highlight=False, soft_wrap=True)

    def render_str(self, text: str, **options: Any) -> Text:
        """Return a text to show, from a line printed or a table's cell."""
        return super().render_str(_CONTROL.sub("\N{REPLACEMENT CHARACTER}", text), **options)
