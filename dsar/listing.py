"""Frames as an analyst reads them: text to the left, nothing cut, and a sentence where there is nothing."""

import re
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

import pandas as pd

_FORMULA = re.compile(r"[$\\]")
pd.set_option("display.html.use_mathjax", False)

_LEFT = "<style>.listing th, .listing td { text-align: left !important; vertical-align: top }</style>"


class Listing(pd.DataFrame):
    """A pandas frame that a notebook shows whole; pandas' own operations return plain frames."""

    def _repr_html_(self) -> str:
        return self.to_display()

    def to_display(self) -> str:
        """Return the HTML a notebook shows; everything from a source is text there, never markup."""
        if self.empty:
            return f"<p>{self.attrs['empty']}</p>"
        head = "".join(f"<th>{escape(str(name))}</th>" for name in self.columns)
        rows = ("".join(f"<td>{_text(value)}</td>" for value in row) for row in self.itertuples(index=False, name=None))
        body = "\n".join(f"<tr>{row}</tr>" for row in rows)
        # pandas' own Styler takes ten times as long, and spells a missing value as nan.
        return f'{_LEFT}\n<table class="listing">\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>'


def _text(value: Any) -> str:
    if pd.api.types.is_scalar(value) and pd.isna(value):
        return ""
    # Jupyter reads $…$ and \(…\) as formulas, in pages too; a formula does not reach over a tag.
    return _FORMULA.sub(r"<span>\g<0></span>", escape(str(value)))


def listing(columns: Sequence[str], lines: Iterable[Sequence[object]], *, empty: str) -> Listing:
    """Return the lines as a frame; `empty` is shown where there are none."""
    frame = Listing(list(lines), columns=list(columns))
    frame.attrs["empty"] = empty
    return frame
