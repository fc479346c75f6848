"""Fulfil data-subject requests: request → find → answer → erase.

ws = dsar.open("my-workspace")          # dsar.toml, requests.csv
request = ws.request("R-001")
dossier = ws.collect(request)           # all sources asked, one outcome per table
dossier["crm.contacts"]                 # what was found, as a pandas frame
dossier.held                            # what waits for a human
ws.export(request)                      # workbook and package for the requester
ws.checklist(request)                   # deletion checklist per system owner
dsar.erasure.look_again(ws, request)    # asks the sources again: is it gone?

Public, and kept from version to version: the names below, the methods of `Workspace` without an underscore, the functions that
`dsar.erasure` lists, what they return (`Dossier`, `Request`, `Case`, `Review`, `Listing`, `Written`) with its documented attributes, and
`dsar.errors`. A source of your own stands on `dsar.source`. All else may change with any version.
"""

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dsar import errors
    from dsar.answer.publish import Written
    from dsar.desk.review import Review
    from dsar.errors import DsarError
    from dsar.find.dossier import Dossier
    from dsar.listing import Listing
    from dsar.request.case import Case
    from dsar.request.request import Request
    from dsar.run import erasure
    from dsar.workspace import Workspace
    from dsar.workspace import open_workspace as open  # noqa: A004 - reads as dsar.open("folder")

__all__ = ["Case", "Dossier", "DsarError", "Listing", "Request", "Review", "Workspace", "Written", "erasure", "errors", "open"]

# Fetched when asked for: processes that need a part, of which a batch starts many, would import all of it for seconds.
_FROM = {
    "Case": "dsar.request.case",
    "Dossier": "dsar.find.dossier",
    "DsarError": "dsar.errors",
    "Listing": "dsar.listing",
    "Request": "dsar.request.request",
    "Review": "dsar.desk.review",
    "Workspace": "dsar.workspace",
    "Written": "dsar.answer.publish",
    "open": "dsar.workspace:open_workspace",
}


def __getattr__(name: str) -> Any:
    if name in {"erasure", "errors"}:
        return import_module("dsar.run.erasure" if name == "erasure" else "dsar.errors")
    if name not in _FROM:
        raise AttributeError(f"module 'dsar' has no attribute '{name}'")
    module, _, inside = _FROM[name].partition(":")
    return getattr(import_module(module), inside or name)


if "IPython" in sys.modules:  # in a notebook, what frames hold is shown as text from here on, whoever made them
    import_module("dsar.listing")


def __dir__() -> list[str]:
    return [*globals(), *__all__]
