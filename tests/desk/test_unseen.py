"""The review says which open requests it could not look at: without a snapshot that fits, nobody knows what waits in them."""

import sys

import openpyxl
import pytest

from dsar import cli
from tests.run import erasing

NEVER = "1 open request has no snapshot that fits, so nobody knows what waits there: A-2. Collect first: `dsar collect`"
BOTH = "2 open requests have no snapshot that fits, so nobody knows what waits there: A-1, A-2. Collect first: `dsar collect`"
NOTHING = "Nothing waits for a person."


@pytest.fixture
def ws(tmp_path):
    made = erasing.build(tmp_path, people=("ann@x.org", "bob@x.org"))
    made.collect(made.request("A-1"))
    return made


def relabelled(ws):
    """Return the workspace once somebody changed one word of the map."""
    path = ws.root / "dsar.toml"
    path.write_text(path.read_text(encoding="utf-8").replace('label = "Note"', 'label = "Notes"'), encoding="utf-8")
    return erasing.opened(ws.root)


def listed(ws):
    return {what: (requests, go.notebook) for what, requests, go in ws.agenda().itertuples(index=False)}


@pytest.fixture
def review(ws, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("DSAR_NOW", erasing.NOW.isoformat())

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["dsar", "--workspace", str(ws.root), "review", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return ended.value.code or 0, " ".join(capsys.readouterr().out.split())

    return run


def test_one_that_was_never_collected_is_named_beside_what_waits(ws, review):
    assert ws.review.unseen == ("A-2",)
    shown = ws.review.overview.to_display()
    assert shown.index(NEVER) < shown.index("<table")
    form = ws.review.form()
    assert form.children[0].value == f"<b>{NEVER}</b>"
    assert len(ws.review.waiting) == 1
    assert listed(ws)["No snapshot that fits, so nobody knows what waits there: collect first (`dsar collect`)"] == ("A-2", "review")
    status, said = review()
    assert status == 1
    assert "1 to rule on" in said
    assert said.endswith(NEVER)


def test_after_an_edit_of_the_map_nobody_says_that_nothing_waits(ws, review):
    ws = relabelled(ws)
    assert ws.review.unseen == ("A-1", "A-2")
    assert ws.review.overview.to_display() == f"<p>{BOTH}</p>"
    assert [child.value for child in ws.review.form().children] == [f"<b>{BOTH}</b>"]
    assert [requests for what, (requests, _) in listed(ws).items() if what.startswith("No snapshot that fits")] == ["A-1, A-2"]
    assert not [what for what in listed(ws) if "to make" in what]
    assert review() == (1, BOTH)


def test_an_identifier_that_came_later_makes_it_one_of_them(ws):
    ws.collect_all(ws.requests.values())
    assert ws.review.unseen == ()
    path = ws.root / "requests.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("email=bob@x.org", "email=bob@x.org; email=bobby@x.org"), encoding="utf-8")
    assert erasing.opened(ws.root).review.unseen == ("A-2",)


def test_the_workbook_says_whom_it_leaves_out(ws, review, tmp_path):
    ws = relabelled(ws)
    path = tmp_path / "review.xlsx"
    status, said = review("--to-xlsx", path)
    assert (status, said.endswith(BOTH)) == (1, True)
    assert BOTH in {c for row in openpyxl.load_workbook(path)["How to fill it in"].iter_rows(values_only=True) for c in row}


def test_once_all_are_collected_it_says_what_waits_or_that_nothing_does(ws, review):
    ws = relabelled(ws)
    ws.collect_all(ws.requests.values())
    assert (ws.review.unseen, len(ws.review.waiting)) == ((), 2)
    assert review()[0] == 0
    for group in list(ws.review.waiting):
        ws.review.rule(group, "not theirs", by="R. Eader")
    ws.collect_all(ws.requests.values())
    assert ws.review.overview.to_display() == f"<p>{NOTHING}</p>"
    assert [child.value for child in ws.review.form().children] == [NOTHING]
    assert review() == (0, NOTHING)


def test_a_closed_case_is_not_meant_and_one_that_is_opened_anew_is(ws, review):
    ws.register.record(ws.register.case("A-2"), "closed", by="M", outcome="withdrawn")
    assert ws.review.unseen == ()
    assert review()[0] == 0
    ws.register.record(ws.register.case("A-2"), "reopened", by="M", why="they wrote again today")
    assert ws.review.unseen == ("A-2",)


def test_of_very_many_the_first_are_named_and_the_others_counted():
    from dsar.desk.review import unseen_in_words

    many = unseen_in_words([f"R-{n}" for n in range(30)])
    assert many.startswith("30 open requests have no snapshot")
    assert many.endswith("R-18, R-19 and 10 more. Collect first: `dsar collect`")
