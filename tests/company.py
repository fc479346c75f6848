"""The reference company, built once per test run, and how found and held are compared with its truth."""

import functools
import tempfile
from pathlib import Path

from dsar import workspace
from dsar.find.collect import collect
from fixtures import generate


@functools.cache
def built():
    """Return a folder with a small company, and its truth."""
    folder = Path(tempfile.mkdtemp(prefix="company-"))
    return folder, generate.build(folder, subjects=100, log_lines=20_000)


def collected(ws, *ids):
    """Return the dossiers of some requests (all when none is named), collected in one pass and not saved."""
    return collect([ws.request(i) for i in ids] or list(ws.requests.values()), ws.datamap, ws.sources(), ws.clock)


def standings(dossiers):
    """Return (request, table, key) → found or held, for every row."""
    return {
        (request, str(address), key): standing
        for request, dossier in dossiers.items()
        for address, found in dossier.tables.items()
        for key, standing in zip(found.table["dsar_key"].to_pylist(), found.table["dsar_standing"].to_pylist(), strict=True)
        if standing != "company"
    }


def expected(truth, *ids):
    """Return the same of the truth."""
    return {(t.subject, t.table, t.key): t.expected for t in truth if t.expected != "never" and (not ids or t.subject in ids)}


def open_company():
    """Return the workspace and the truth."""
    folder, truth = built()
    return workspace.open_workspace(folder), truth
