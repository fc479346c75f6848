"""The one chart: how many rows were found and held, per kind of record."""

from collections.abc import Sequence
from io import BytesIO

from IPython.display import Image
from matplotlib.figure import Figure  # without pyplot: no global state, no window


def bars(names: Sequence[str], found: Sequence[int], held: Sequence[int]) -> Image:
    """Return a horizontal bar chart as a picture; held rows are hatched, so that colour is not the only sign."""
    figure = Figure(figsize=(8, 1.1 + 0.35 * len(names)), layout="constrained")
    axes = figure.subplots()
    axes.barh(names, found, color="#2f6f8f", label="found")
    axes.barh(names, held, left=found, color="white", edgecolor="#b4552d", hatch="///", linewidth=[float(h > 0) for h in held], label="held")
    for n, (rows, waiting) in enumerate(zip(found, held, strict=True)):
        axes.annotate(f" {rows} + {waiting} held" if waiting else f" {rows}", (rows + waiting, n), va="center")
    axes.invert_yaxis()
    axes.margins(x=0.15)
    axes.set_xlabel("rows")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    target = BytesIO()
    figure.savefig(target, format="png", dpi=110)
    return Image(target.getvalue(), format="png", alt=f"Rows found and held in {len(names)} tables")  # type: ignore[no-untyped-call]
