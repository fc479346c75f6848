"""The case summary of a case that is still there: what it counts, and that no value of the person is in it."""

import json
import re

import pytest
from typer.testing import CliRunner

import dsar
from dsar import cli
from dsar.errors import BadEvent, WorkspaceMissing
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


PERSON = "Nieves Busquets"


def test_names_and_words_that_the_desk_typed_are_replaced(worked_on, monkeypatch):
    workspace, _ = worked_on
    request = list(workspace.requests.values())[1]
    folder = workspace.case(request)
    own = [f"{request.id}_acknowledgement.docx", f"{request.id}_mail_1-of-2.eml", f"{request.id}_orders_erasure_newer.xlsx"]
    typed = [f"{PERSON} signed.docx", f"{request.id}_{PERSON.replace(' ', '_')}.pdf", f"letter.{PERSON.split()[1]}", f"{request.id}_Busquets.docx"]
    (folder / "letters").mkdir(exist_ok=True)
    for name in (*own, *typed):
        (folder / "letters" / name).write_bytes(name.encode())
    desk = ["--workspace", str(workspace.root), "record", request.id]
    for words in (
        ["letter sent", "letter=access_answer", f"file={PERSON} signed.pdf"],
        ["letter sent", f"letter=to {PERSON}"],
        ["marketing stopped", f"systems=orders,list of {PERSON}"],
        ["handed over", f"handler={PERSON}"],
    ):
        done = CliRunner().invoke(cli.app, [*desk, *words, "--by", "A. Nalyst"])
        assert done.exit_code == 0, done.exception
    case = workspace.register.record(
        workspace.register.case(request.id), "delivered", by="A. Nalyst", files={f"{PERSON}.zip": "00", own[0]: "ab"}, method=f"handed to {PERSON}"
    )
    summary = summaries.of(workspace, case)
    text = summary.model_dump_json()
    assert not [word for word in (PERSON, *PERSON.split()) if word in text]
    names = [f.name for f in summary.files]
    assert sorted(n for n in names if "[" not in n) == sorted(own)
    assert sorted(re.sub("[0-9a-f]{12}", "#", n) for n in names if "[" in n) == ["[file #.docx]", "[file #.docx]", "[file #.pdf]", "[file #]"]
    told = [re.sub("[0-9a-f]{12}", "#", str(e.details)) for e in summary.events][-5:]
    assert told == [
        "{'letter': 'access_answer', 'file': '[file #.pdf]'}", "{'letter': '[text #]'}", "{'systems': ['orders', '[text #]']}",
        "{'handler': '[text #]'}", "{'method': '[text #]', 'files': {'[file #.zip]': '00', '" + own[0] + "': 'ab'}}",
    ]  # fmt: skip
    assert re.fullmatch(r"\[text [0-9a-f]{12}\]", summary.handler)
    assert summaries.of(workspace, case) == summary  # what was replaced is told as itself again


def test_no_decision_takes_grounds_in_free_words(worked_on):
    workspace, _ = worked_on
    request = list(workspace.requests.values())[1]
    with pytest.raises(BadEvent, match="grounds"):
        workspace.register.record(
            workspace.register.case(request.id), "decided", by="A", right=request.rights[0], outcome="granted", grounds=[f"{PERSON} rang"]
        )


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
