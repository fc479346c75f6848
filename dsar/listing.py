"""Frames as an analyst reads them: text to the left, nothing cut, and a sentence where there is nothing."""

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from pandas.io.formats.style_render import CSSDict

_FORMULA = re.compile(r"[$\\]")
pd.set_option("display.html.use_mathjax", False)

_LEFT: "list[CSSDict]" = [{"selector": "th, td", "props": "text-align: left; vertical-align: top"}]


class Listing(pd.DataFrame):
    """A pandas frame that a notebook shows whole; pandas' own operations return plain frames."""

    def _repr_html_(self) -> str:
        return self.to_display()

    def to_display(self) -> str:
        """Return the HTML a notebook shows."""
        if self.empty:
            return f"<p>{self.attrs['empty']}</p>"
        # Everything from a source is text here, never markup.
        styler = self.style.hide(axis="index").format(escape="html").set_table_styles(_LEFT)
        shown = str(styler.set_uuid("listing").to_html())
        # Jupyter reads $…$ and \\(…\\) as formulas, in pages too; a formula does not reach over a tag.
        return _FORMULA.sub(r"<span>\g<0></span>", shown)


def listing(columns: Sequence[str], lines: Iterable[Sequence[object]], *, empty: str) -> Listing:
    """Return the lines as a frame; `empty` is shown where there are none."""
    frame = Listing(list(lines), columns=list(columns))
    frame.attrs["empty"] = empty
    return frame
