"""The one chart: how many rows were found and held, per kind of record."""

from collections.abc import Sequence
from functools import cache
from io import BytesIO
from textwrap import wrap

from IPython.display import Image
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.figure import Figure  # without pyplot: no global state, no window
from matplotlib.font_manager import FontProperties
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

_DPI, _WIDTH = 110, 880  # all that follows is in pixels: laying out axes and ticks takes ten times as long as drawing
_ROW, _BAR = 43, 34
_ABOVE, _BELOW, _GAP, _TICK = 12, 52, 7, 5
_LONGEST = 44  # characters of a name's line, so that bars keep more than half of the width
_FOUND, _HELD = "#2f6f8f", "#b4552d"


def bars(names: Sequence[str], found: Sequence[int], held: Sequence[int]) -> Image:
    """Return a horizontal bar chart as a picture; held rows are hatched, so that colour is not the only sign."""
    with rc_context({"text.hinting": "none"}):  # fitting letters to pixels took a quarter of the time, and these are read on any screen
        return Image(_drawn(names, found, held), format="png", alt=f"Rows found and held in {len(names)} tables")  # type: ignore[no-untyped-call]


def _drawn(names: Sequence[str], found: Sequence[int], held: Sequence[int]) -> bytes:
    labels = ["\n".join(wrap(name, _LONGEST, max_lines=2)) for name in names]
    said = [f"{rows:,} + {waiting:,} held" if waiting else f"{rows:,}" for rows, waiting in zip(found, held, strict=True)]
    left = 16 + max((_wide(label) for label in labels), default=0)
    legend = _WIDTH - 100
    most = max((a + b for a, b in zip(found, held, strict=True)), default=0)
    end = legend - 20  # where the axis ends; the longest bar leaves room for its own count
    scale = (end - left - 8 - max(map(_wide, said), default=0)) / max(most, 1)
    drawing = _Drawing(_ABOVE + _ROW * max(len(names), 1) + _BELOW)
    for n, (label, count, rows, waiting) in enumerate(zip(labels, said, found, held, strict=True)):
        middle = _ABOVE + _ROW * n + _ROW // 2
        drawing.box(left, middle - _BAR // 2, rows * scale, _BAR, facecolor=_FOUND)
        if waiting:
            drawing.box(left + rows * scale, middle - _BAR // 2, waiting * scale, _BAR, facecolor="white", edgecolor=_HELD, hatch="///")
        drawing.text(left - _GAP - 2, middle, label, "right")
        drawing.text(left + (rows + waiting) * scale + _GAP, middle, count, "left")
        drawing.box(left - _TICK, middle, _TICK, 0, edgecolor="black")
    if not names:
        drawing.text(left + _GAP, _ABOVE + _ROW // 2, "Nothing was found.", "left")
    _axis(drawing, left, end, scale, most)
    for n, (what, look) in enumerate((("found", {"facecolor": _FOUND}), ("held", {"facecolor": "white", "edgecolor": _HELD, "hatch": "///"}))):
        drawing.box(legend, _ABOVE + 8 + 24 * n, 30, 10, **look)
        drawing.text(legend + 40, _ABOVE + 13 + 24 * n, what, "left")
    return drawing.png()


def _axis(drawing: "_Drawing", left: float, end: float, scale: float, most: int) -> None:
    foot = drawing.height - _BELOW
    drawing.box(left, _ABOVE // 2, 0, foot - _ABOVE // 2, edgecolor="black")
    drawing.box(left, foot, end - left, 0, edgecolor="black")
    for value in MaxNLocator(6, integer=True, steps=[1, 2, 5, 10]).tick_values(0, max(most, 1)):
        at = left + value * scale
        if value >= 0 and at <= end:
            drawing.box(at, foot, 0, _TICK, edgecolor="black")
            drawing.text(at, foot + 17, f"{value:,.0f}", "center")
    drawing.text((left + end) / 2, foot + 38, "rows", "center")


class _Drawing:
    """A figure that is drawn on in pixels, from its upper left corner."""

    def __init__(self, height: int) -> None:
        self.height = height
        self.figure = Figure(figsize=(_WIDTH / _DPI, height / _DPI), dpi=_DPI)

    def box(self, x: float, y: float, width: float, height: float, *, facecolor: str = "none", edgecolor: str = "none", hatch: str = "") -> None:
        shape = (round(x), self.height - round(y) - round(height)), round(width), round(height)
        line = 0.8 if edgecolor == "black" else 1
        box = Rectangle(*shape, facecolor=facecolor, edgecolor=edgecolor, hatch=hatch or None, linewidth=line, snap=True, transform=None)
        self.figure.add_artist(box)

    def text(self, x: float, y: float, text: str, align: str) -> None:
        self.figure.text(x, self.height - y, text, ha=align, va="center_baseline", transform=None, parse_math=False, fontproperties=_font())

    def png(self) -> bytes:
        target = BytesIO()
        FigureCanvasAgg(self.figure).print_png(target)  # type: ignore[no-untyped-call]
        return target.getvalue()


@cache
def _font() -> FontProperties:
    return FontProperties()


def _wide(text: str) -> float:
    """Return the pixels a text takes, of its longest line."""
    metrics = _measure().get_text_width_height_descent
    return max(float(metrics(line, _font(), False)[0]) for line in text.split("\n"))  # type: ignore[no-untyped-call]


@cache
def _measure() -> RendererAgg:
    return RendererAgg(1, 1, _DPI)  # type: ignore[no-untyped-call]
