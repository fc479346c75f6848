"""Picking a request at the desk: the notebooks that are opened next are about it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ipywidgets import HTML, Dropdown, Layout, Output, VBox

from dsar.desk.header import Header
from dsar.desk.notebooks import NAMED, all_for
from dsar.listing import Link, listing


def picker(headers: Mapping[str, Header], picked: str, pick: Callable[[str], None]) -> VBox:
    """Return a list of the open cases and what stands of the chosen one; choosing calls `pick` with its id."""
    if not headers:
        return VBox([HTML("No case is open.")])
    choice = Dropdown(
        options=[(f"{i}: {header.left()[0]}, {header.case.state}", i) for i, header in headers.items()],
        value=picked,
        description="Request",
        layout=Layout(width="34em", max_width="100%"),
    )
    shown = Output()

    def chosen(change: Any) -> None:
        pick(change["new"])
        shown.outputs = _outputs(headers[change["new"]])

    choice.observe(chosen, names="value")
    pick(picked)
    shown.outputs = _outputs(headers[picked])
    return VBox([choice, shown])


def _outputs(header: Header) -> Sequence[dict[str, Any]]:
    """Return what the area below the list holds: an output as a cell has, in which links lead to notebooks."""
    ahead = [NAMED["review"], *all_for(header.case.open_rights)]
    if "erasure" in header.case.open_rights:
        ahead.append(NAMED["verify_erasure"])
    links = listing(("The notebooks of this request, in the order of use",), [(Link(n.title, n.name),) for n in ahead], empty="").to_display()
    html = header._repr_html_() + links
    return ({"output_type": "display_data", "data": {"text/html": html, "text/plain": repr(header)}, "metadata": {}},)
