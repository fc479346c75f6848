"""The invented company: what is found and held for each request is what its truth says, row by row."""

import json

from dsar import values, workspace
from dsar.find.survey import survey
from fixtures import shop


def test_found_and_held_are_the_truth(tmp_path):
    shop.build(tmp_path)
    ws = workspace.open_workspace(tmp_path)
    collected = {
        (request, str(address), tuple(json.loads(row["dsar_key"])), row["dsar_standing"])
        for request, dossier in ws.collect_all(ws.requests.values()).items()
        for address, found in dossier.tables.items()
        for row in values.rows(found.frame[["dsar_key", "dsar_standing"]])
    }
    expected = {(e.request, e.table, e.key, e.standing) for e in shop.truth()}
    assert len(expected) > 100
    assert collected == expected


def test_every_source_answered_and_the_map_fits(tmp_path):
    shop.build(tmp_path)
    ws = workspace.open_workspace(tmp_path)
    assert survey(ws.datamap, ws.sources()) == []
    assert all(found.outcome.complete for d in ws.collect_all(ws.requests.values()).values() for found in d.tables.values())
