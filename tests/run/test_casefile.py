"""The case file: of what a batch ran, and a way to get there where nothing was run; tests/browser looks at the page itself."""

import pytest

from dsar.errors import DossierMissing
from dsar.run.casefile import case_file
from dsar.workspace import open_workspace
from tests.run.test_batch import MAP, REQUESTS, notebook


@pytest.fixture
def ws(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")  # no browser: the page is what is looked at here
    (tmp_path / "dsar.toml").write_text(MAP, encoding="utf-8")
    (tmp_path / "requests.csv").write_text(REQUESTS + "R-5,2026-11-02,complaint,email=eve@example.org,,\n", encoding="utf-8")
    (tmp_path / "people.csv").write_text("id,email\n1,ann@example.org\n", encoding="utf-8")
    return open_workspace(tmp_path)


@pytest.mark.parametrize(
    ("request_id", "remedy"),
    [
        ("R-1", "run `dsar batch R-1`; what was run in `dsar lab` is in no case file"),
        ("R-3", "settle who asks first: `dsar identity ask R-3`, then `dsar identity confirm`; then run `dsar batch R-3`"),
        ("R-5", "run `dsar batch R-5`; what was run in `dsar lab` is in no case file"),  # a complaint is acknowledged whoever makes it
    ],
)
def test_where_nothing_was_run_it_says_what_leads_to_one(ws, request_id, remedy):
    with pytest.raises(DossierMissing) as error:
        case_file(ws, ws.request(request_id))
    assert str(error.value) == f"{request_id}: no notebook was run for it by a batch yet — {remedy}"


def test_a_copy_that_was_run_in_the_lab_is_not_in_it(ws):
    notebook(ws.root / "notebooks", "print('about whoever was picked')", name="access_report")
    ran = ws.case(ws.request("R-1")) / "notebooks"
    ran.parent.mkdir(parents=True, exist_ok=True)
    notebook(ran, "print('by a batch')")
    [page] = case_file(ws, ws.request("R-1")).files
    text = page.read_text(encoding="utf-8")
    assert ("by a batch" in text, "about whoever was picked" in text) == (True, False)
    assert "from the notebooks as a batch ran them" in text
