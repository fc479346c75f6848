"""Fulfil data-subject requests: request → find → answer → erase.

ws = dsar.open("my-workspace")          # dsar.toml, requests.csv
request = ws.request("R-001")
dossier = ws.collect(request)           # all sources asked, one outcome per table
dossier["crm.contacts"]                 # what was found, as a pandas frame
dossier.held                            # what waits for a human
ws.export(request)                      # workbook and package for the requester
ws.checklist(request)                   # deletion checklist per system owner
"""

from dsar.workspace import Workspace
from dsar.workspace import open_workspace as open  # noqa: A004 - reads as dsar.open("folder")

__all__ = ["Workspace", "open"]
