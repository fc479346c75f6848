"""Frames as an analyst reads them: text to the left, nothing cut, a badge where a word is a verdict, and a sentence where there is nothing."""

import os
import re
from collections.abc import Callable, Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from dsar.patience import PLAIN

_FORMULA = re.compile(r"[$\\]")
pd.set_option("display.html.use_mathjax", False)

LONG = 25  # rows from which a table scrolls within its own height, and can be searched
MOST = 2_000  # rows that are shown: a browser bears no million; the sentence above the table says how many there are

STYLE = f"<style>\n{(Path(__file__).parent / 'templates' / 'listing.css').read_text(encoding='utf-8')}</style>"


class Link(NamedTuple):
    """A cell that leads to another notebook of the same folder."""

    text: str
    notebook: str  # its name, without the ending

    def __str__(self) -> str:
        return self.text


class Listing(pd.DataFrame):
    """A pandas frame that a notebook shows whole, and what pandas makes of it too."""

    @property
    def _constructor(self) -> Callable[..., "Listing"]:
        return Listing

    def _repr_html_(self) -> str:
        return self.to_display()

    def to_display(self) -> str:
        """Return the HTML a notebook shows; everything from a source is text there, never markup."""
        if self.empty:
            return f"<p>{escape(self.attrs.get('empty', 'There are no rows.'))}</p>"
        shown = self.iloc[:MOST]
        if self.attrs.get("sparse"):
            shown = shown.loc[:, [bool((self[name].astype(str) != "").any()) for name in self.columns]]
        above = f"<p><b>{escape(self.attrs['above'])}</b></p>" if self.attrs.get("above") else ""
        head = "".join(f"<th>{escape(str(name))}</th>" for name in shown.columns)
        cells = [_SPELLED.get(str(name), _text) for name in shown.columns]
        rows = (
            "".join(f"{_td(value)}{cell(value)}</td>" for value, cell in zip(row, cells, strict=True))
            for row in shown.itertuples(index=False, name=None)
        )
        # pandas' own Styler takes ten times as long, and spells a missing value as nan.
        body = "\n".join(f"<tr>{row}</tr>" for row in rows)
        return STYLE + above + _boxed(f'<table class="listing">\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>', len(self))


def _boxed(table: str, rows: int) -> str:
    """Return a table as it is, or, where it is long, in a box that scrolls, with a search where somebody looks on."""
    if rows <= LONG:
        return f"\n{table}"
    said = f"<p><b>The first {MOST:,} of {rows:,} rows</b>; name others by <code>.iloc[{MOST}:]</code>.</p>" if rows > MOST else ""
    box = f'{said}<div class="listing-box" tabindex="0" role="region" aria-label="A table of {rows} rows">\n{table}</div>'
    if os.environ.get(PLAIN):  # executed notebooks of a batch carry no program of 1 MB each
        return box
    from dsar.searching import searchable

    return box + searchable()


_UNBROKEN = re.compile(r"\S{40}")


def _td(value: Any) -> str:
    # A key of 60 letters breaks anywhere; a name of a table does not.
    return '<td class="long">' if isinstance(value, str) and len(value) >= 40 and _UNBROKEN.search(value) else "<td>"


def _text(value: Any) -> str:
    if type(value) is Link:
        return f'<a href="{escape(value.notebook)}.ipynb">{escape(value.text)}</a>'
    if pd.api.types.is_scalar(value) and pd.isna(value):
        return ""
    # Jupyter reads $…$ and \(…\) as formulas, in pages too; a formula does not reach over a tag.
    return _FORMULA.sub(r"<span>\g<0></span>", escape(str(value)))


def listing(columns: Sequence[str], lines: Iterable[Sequence[object]], *, empty: str, sparse: bool = False, above: str = "") -> Listing:
    """Return the lines as a frame; `empty` is shown where there are none, `above` over those there are.

    Of a `sparse` one, columns that are empty everywhere are not shown.
    """
    frame = Listing(list(lines), columns=list(columns))
    frame.attrs |= {"empty": empty, "sparse": sparse, "above": above}
    return frame


# -- badges --------------------------------------------------------------------------------------

_TONES = {
    "good": ("found", "gone", "kept as planned", "complete", "to send", "answered", "yes"),
    "bad": ("failed", "came back", "still there", "not complete", "overdue", "not settled", "changed", "left"),
    "wait": ("waiting", "not searched", "not checked", "not due", "held", "decide", "identity to settle", "restrict and weigh", "stopped"),
    "work": ("in work", "running", "erase", "anonymise", "blank", "unlink", "replace", "suppress", "restrict", "stop", "correct", "check"),
    "calm": ("nothing", "keep", "done", "closed", "no", "waiting for the requester", "held for clients"),
}
_TONE_OF = {word: tone for tone, words in _TONES.items() for word in words}
_WORD = re.compile(rf"(?:{'|'.join(sorted(map(re.escape, _TONE_OF), key=len, reverse=True))})(?![\w-])(?: \d[\d,]*(?<!,))?")


def badge(text: str, tone: str) -> str:
    """Return a word as a badge: `good`, `bad`, `wait`, `work` or `calm`; the word says all, the colour nothing more."""
    return f'<span class="badge badge-{tone}">{_text(text)}</span>'


def tone_of(text: str) -> str:
    """Return the tone of a verdict, by the words it begins with; `calm` where it is none we know."""
    found = _WORD.match(text)
    return _TONE_OF[found[0].rstrip("0123456789, ")] if found and not found[0].endswith(" 0") else "calm"


def _badged(value: Any) -> str:
    found = _WORD.match(value) if isinstance(value, str) else None
    return badge(found[0], tone_of(value)) + _text(value[found.end() :]) if found else _text(value)


_HYPHENED = re.compile(r"\b\w+(?:-\w+)+")


def _unbroken(value: Any) -> str:
    """Return ids and dates that stay on one line."""
    return _HYPHENED.sub(r'<span style="white-space: nowrap">\g<0></span>', _text(value))


_VERDICTS = ("Result", "Action", "State", "Now", "Seen", "Planned", "Portable")
_IDS = ("Request", "Requests", "On", "Due", "Target", "Until", "Article")
_SPELLED: dict[str, Callable[[Any], str]] = {**dict.fromkeys(_VERDICTS, _badged), **dict.fromkeys(_IDS, _unbroken)}  # by heading
