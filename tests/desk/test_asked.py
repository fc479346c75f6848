"""A letter that answers a right, or acknowledges a complaint, is drafted only for a request that asks for it."""

from pathlib import Path

import nbformat
import pytest

from dsar.errors import NotAsked
from tests.run import erasing
from tests.run.test_erasure import ruled

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "complaint_answer.ipynb"
NAMES = ("complaint_acknowledged", "complaint_outcome")


@pytest.fixture
def ws(tmp_path):
    return erasing.build(tmp_path, rights="access; erasure")


def letters(ws):
    return sorted(p.name for p in (ws.root / "cases/A-1").glob("letters/*")), [e.kind for e in ws.register.case("A-1").events if "letter" in e.kind]


@pytest.mark.parametrize("name", [*NAMES, "objection_answer", "portability_answer"])
def test_what_was_not_asked_for_is_answered_by_no_letter(ws, name):
    request = ruled(ws, ws.request("A-1"))
    with pytest.raises(NotAsked) as caught:
        ws.draft(request, name)
    right = name.partition("_")[0]
    assert str(caught.value) == f"A-1: the request asks for access, erasure, not for {right} — correct its rights in the register if it does"
    assert letters(ws) == ([], [])


def test_nor_does_the_notebook_of_a_complaint_write_any(ws):
    (last,) = [c.source for c in nbformat.read(NOTEBOOK, as_version=4).cells if "ws.draft" in c.source and c.cell_type == "code"]
    with pytest.raises(NotAsked, match="not for complaint"):
        exec(last, {"ws": ws, "request": ws.request("A-1")})
    assert letters(ws) == ([], [])


def test_the_form_to_complain_with_is_for_everybody(ws):
    assert list(ws.draft(ws.request("A-1"), "complaint_form")["File"]) == ["A-1_complaint_form.docx"]


def test_a_complaint_has_its_letters(tmp_path):
    ws = erasing.build(tmp_path, rights="complaint; access")
    drafted = ws.draft(ws.request("A-1"), *NAMES)
    assert list(drafted["File"]) == [f"A-1_{name}.docx" for name in NAMES]


def test_a_draft_of_a_right_that_was_taken_out_since_is_not_finished(tmp_path):
    ws = erasing.build(tmp_path, rights="complaint; access")
    ws.draft(ws.request("A-1"), "complaint_acknowledged")
    path = ws.root / "requests.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("complaint; access", "access"), encoding="utf-8")
    ws = erasing.opened(ws.root)
    assert ws.request("A-1").rights == ("access",)
    with pytest.raises(NotAsked):
        ws.finish(ws.request("A-1"), "complaint_acknowledged")
