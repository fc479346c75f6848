"""The case summary of a case that is still there: what it counts, and that no value of the person is in it."""

import json

import pytest

import dsar
from dsar.errors import WorkspaceMissing
from dsar.keep import asof
from dsar.keep import summary as kept
from dsar.run import summaries
from fixtures import generate


@pytest.fixture(scope="module")
def worked_on(tmp_path_factory):
    folder = tmp_path_factory.mktemp("summary")
    generate.build(folder, subjects=40, log_lines=1_000, requests=2)
    workspace = dsar.open(folder)
    workspace.collect_all(workspace.requests.values())
    request = next(iter(workspace.requests.values()))
    workspace.decide(request, "part 1", by="R. Eader", rest_by=workspace.register.case(request.id).due)
    workspace.export(request)
    return workspace, request


def test_it_counts_what_the_snapshot_holds(worked_on):
    workspace, request = worked_on
    summary = next(s for s in summaries.summaries(workspace) if s.request == request.id)
    dossier = workspace.snapshot(request)
    assert {s.table: (s.state, s.rows, s.held) for s in summary.searched} == {
        str(a): (f.outcome.state, f.outcome.rows, f.outcome.held) for a, f in dossier.tables.items()
    }
    assert {s.table: sum(s.holds.values()) for s in summary.searched} == {
        str(a): sum(bool(row["dsar_hold"]) for row in f.listed) for a, f in dossier.tables.items()
    }
    assert [(d.code, d.by) for d in summary.decisions] == [("part 1", "R. Eader")]
    assert {(f.folder, f.name) for f in summary.files} == {("outbox", p.name) for p in (workspace.case(request) / "outbox").iterdir()}
    assert [c.right for c in summary.clocks] == list(request.rights)
    assert all(c.due and "Received on" in c.reasoning for c in summary.clocks)


def test_no_value_of_the_person_stands_in_it(worked_on):
    workspace, request = worked_on
    text = next(s for s in summaries.summaries(workspace) if s.request == request.id).model_dump_json().casefold()
    assert not [i.kind for i in request.identifiers if i.value.casefold() in text]


def test_map_rules_and_templates_are_kept_as_they_were(worked_on):
    workspace, request = worked_on
    summary = summaries.of(workspace, workspace.register.case(request.id))
    before = (workspace.root / "dsar.toml").read_bytes()
    assert asof.find(workspace.root, summary.map_sha256).read_bytes() == before
    assert len(json.loads(asof.find(workspace.root, summary.rights_sha256).read_text(encoding="utf-8"))) > 30
    assert "letters.en.toml" in json.loads(asof.find(workspace.root, summary.templates_sha256).read_text(encoding="utf-8"))
    assert summary.map_sha256 == workspace.snapshot(request).datamap.sha256


def test_one_that_was_changed_is_no_summary(worked_on):
    workspace, request = worked_on
    summary = summaries.of(workspace, workspace.register.case(request.id))
    path = kept.write(workspace.root, summary)
    assert kept.read(workspace.root, request.id) == summary
    path.write_text(path.read_text(encoding="utf-8").replace('"received"', '"recieved"'), encoding="utf-8")
    with pytest.raises(WorkspaceMissing, match=f"{request.id}.json"):
        kept.read(workspace.root, request.id)
    path.unlink()
