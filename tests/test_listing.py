"""A listing shows what is in it as text, whole, and a sentence where nothing is."""

import re

import pandas as pd

from dsar import searching
from dsar.find.outcome import Outcome
from dsar.listing import LONG, MOST, STYLE, Link, Listing, listing, tone_of
from dsar.patience import PLAIN


def test_a_listing_is_shown_whole_as_text():
    shown = listing(("What <b>", "Rows", "Until"), [("x & <i>", 1, None), (pd.NA, 2, float("nan"))], empty="Nothing.").to_display()
    assert shown.removeprefix(STYLE).splitlines() == [
        "",
        '<table class="listing">',
        "<thead><tr><th>What &lt;b&gt;</th><th>Rows</th><th>Until</th></tr></thead>",
        "<tbody>",
        "<tr><td>x &amp; &lt;i&gt;</td><td>1</td><td></td></tr>",
        "<tr><td></td><td>2</td><td></td></tr>",
        "</tbody>",
        "</table>",
    ]


def test_an_empty_one_says_so():
    assert listing(("What",), [], empty="Nothing is <held>.").to_display() == "<p>Nothing is &lt;held&gt;.</p>"
    assert listing(("What",), [("a",)], empty="")[lambda f: f["What"] == "b"].to_display() == "<p></p>"


def test_a_long_one_scrolls_can_be_searched_and_brings_the_program_once(monkeypatch):
    monkeypatch.delenv(PLAIN, raising=False)
    cells = iter(["first", "first", "second"])
    monkeypatch.setattr(searching, "_CARRIED", {})
    monkeypatch.setattr(searching, "_cell", lambda: next(cells))
    frame = listing(("What",), [(f"<{n}>",) for n in range(LONG + 1)], empty="")
    first, again, second = (frame.to_display() for _ in range(3))
    for shown in (first, again, second):
        assert shown.count("<tr><td>&lt;") == LONG + 1
        assert shown.count("new ITable(") >= 1
    assert len(first) == len(again) > 900_000 > 50_000 > len(second)
    assert not re.search(r"(?:src|href)\s*=\s*[\"']?http", second)


def test_where_nobody_looks_on_it_carries_no_program(monkeypatch):
    monkeypatch.setenv(PLAIN, "1")
    shown = listing(("What",), [("a",)] * 300, empty="").to_display()
    assert "<script" not in shown
    assert shown.count("<td>a</td>") == 300


def test_what_pandas_makes_of_it_is_shown_whole_too():
    frame = Listing({"n": range(100), "text": ["x" * 300] * 100})
    kept = frame[frame["n"] > 9].sort_values("n")
    assert isinstance(kept, Listing)
    assert kept.to_display().count("x" * 300) == 90


def test_more_than_a_browser_bears_is_said_above_the_table(monkeypatch):
    monkeypatch.setenv(PLAIN, "1")
    shown = Listing({"n": range(MOST + 5)}).to_display()
    assert "<b>The first 2,000 of 2,005 rows</b>" in shown
    assert shown.count("<tr><td>") == MOST


def test_that_nothing_is_held_for_a_client_cannot_be_read_as_something_that_is():
    words = [Outcome("a client's").words(), Outcome("a client's", clients=("Hotel (2)",)).words()]
    shown = listing(["Result"], [(w,) for w in words], empty="").to_display()
    assert '<td><span class="badge badge-calm">nothing</span>, in a table that we keep for clients</td>' in shown
    assert '<td><span class="badge badge-calm">held for clients</span>, who are to be told: Hotel (2)</td>' in shown


def test_verdicts_are_badges_and_what_follows_is_text():
    shown = listing(("Result", "Due"), [("found 3, 1 being checked", "2026-12-02"), ("failed: <b>", "R-1")], empty="").to_display()
    assert '<td><span class="badge badge-good">found 3</span>, 1 being checked</td>' in shown
    assert '<td><span class="badge badge-bad">failed</span>: &lt;b&gt;</td>' in shown
    assert '<td><span style="white-space: nowrap">2026-12-02</span></td>' in shown


def test_each_verdict_has_its_tone():
    tones = {
        "found 2": "good",
        "found 0": "calm",
        "nothing": "calm",
        "failed: x": "bad",
        "not searched: x": "wait",
        "waiting": "wait",
        "erase": "work",
    }
    tones |= {"waiting for the requester": "calm", "restrict and weigh": "wait", "not due": "wait", "keep": "calm", "no such word": "calm"}
    assert {text: tone_of(text) for text in tones} == tones


def test_a_link_leads_to_a_notebook_and_columns_without_anything_may_be_left_out():
    frame = listing(("What", "Mind", "Go"), [("a", "", Link("1 · <Desk>", "desk"))], empty="", sparse=True)
    shown = frame.to_display()
    assert '<a href="desk.ipynb">1 · &lt;Desk&gt;</a>' in shown
    assert "Mind" not in shown
    assert list(frame.columns) == ["What", "Mind", "Go"]
