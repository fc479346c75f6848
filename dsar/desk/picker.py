"""Picking a request at the desk: the notebooks that are opened next are about it, and all that is shown below the list is too."""

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

from ipywidgets import HTML, Dropdown, Layout, Output, VBox

from dsar.desk.header import Header
from dsar.desk.notebooks import NAMED, all_for
from dsar.listing import STYLE, Link, Listing, listing

_NONE = ""  # what the list stands at while nothing is picked


def picker(headers: Mapping[str, Header], before: str, pick: Callable[[str], None], about: Callable[[str], Mapping[str, Listing]]) -> VBox:
    """Return a list of the open cases and what stands of the chosen one; choosing calls `pick` with its id, or with nothing.

    `before` was picked an earlier time, and stays chosen. `about` gives the tables about a request, by what they tell. They stand in
    the same output as the list, so that they are never about another request than the one it shows.
    """
    if not headers:
        return VBox([HTML("No case is open.")])
    choice = Dropdown(
        options=[("pick a request…", _NONE), *((f"{i}: {header.left()[0]}, {header.case.state}", i) for i, header in headers.items())],
        value=before if before in headers else _NONE,
        description="Request",
        layout=Layout(width="34em", max_width="100%"),
    )
    shown = Output()

    def chosen(change: Any) -> None:
        shown.outputs = ()  # while it is looked up, nothing is shown of another
        pick(change["new"])
        shown.outputs = _outputs(headers[change["new"]], about(change["new"])) if change["new"] else _nobody("")

    choice.observe(chosen, names="value")
    shown.outputs = _outputs(headers[before], about(before)) if before in headers else _nobody(before)
    return VBox([choice, shown])


def _nobody(before: str) -> Sequence[dict[str, Any]]:
    said = f"{before} was picked, and is closed: the notebooks are about it until you pick another." if before else "No request is picked."
    return _output(f"<p>{escape(said)}</p>", said)


def _outputs(header: Header, about: Mapping[str, Listing]) -> Sequence[dict[str, Any]]:
    """Return what the area below the list holds: an output as a cell has, in which links lead to notebooks."""
    ahead = [NAMED["review"], *all_for(header.case.open_rights)]
    if "erasure" in header.case.open_rights:
        ahead.append(NAMED["verify_erasure"])
    links = listing(("The notebooks of this request, in the order of use",), [(Link(n.title, n.name),) for n in ahead], empty="").to_display()
    tables = "".join(f"<h4>{escape(header.case.request.id)}: {what}</h4>{table.to_display().removeprefix(STYLE)}" for what, table in about.items())
    return _output(header._repr_html_() + links + tables, repr(header))


def _output(html: str, text: str) -> Sequence[dict[str, Any]]:
    return ({"output_type": "display_data", "data": {"text/html": html, "text/plain": text}, "metadata": {}},)
