"""The terminal: a table cuts no value, whatever its width, and shows what comes from outside as it is."""

import pytest

from dsar.terminal import Terminal

LONG = '["a8f7c2d0-1111-2222-3333-444455556666", "2026-11-23"]'
ROWS = [("social.messages", "found", LONG, "email", "found"), ("crm.participations", "held", "[17]", "phone", "held")]
COLUMNS = ("Table", "Outcome", "Key", "Matched on", "Standing")


@pytest.fixture
def printed(monkeypatch, capsys):
    """Print a table at a width, or into a pipe, and return its lines."""

    def run(rows, width=None, columns=COLUMNS, styles=None):
        monkeypatch.delenv("COLUMNS", raising=False)
        if width:
            monkeypatch.setenv("COLUMNS", str(width))
        Terminal().table(columns, rows, styles=styles)
        return capsys.readouterr().out.splitlines()

    return run


def cells(lines, column):
    """What stands in a column of a printed table, its lines joined."""
    return "".join(line.split("│")[column + 1].strip() for line in lines if line.startswith("│"))


@pytest.mark.parametrize("text", ["x[/old]: not in the map", "column Total [red] is not in the map", r"C:\[bold]", "[link=x]y"])
def test_a_line_shows_brackets_as_they_are(capsys, text):
    Terminal().print(text)
    assert capsys.readouterr().out == f"{text}\n"


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_value_that_is_too_wide_is_folded_never_cut(printed, width):
    lines = printed(ROWS, width)
    assert max(map(len, lines)) <= width
    assert cells(lines, 2).replace(" ", "") == LONG.replace(" ", "") + "[17]"
    assert "…" not in "".join(lines)


def test_a_word_is_broken_only_where_no_column_can_give_way(printed):
    words = ("waiting for the requester", "take the first snapshot (dsar begin); have owners pause deletion; write: acknowledgement")
    lines = printed([words], 40, ("State", "Next"))
    assert max(map(len, lines)) <= 40
    assert {word for line in lines[3:-1] for word in line.replace("│", " ").split()} == set(" ".join(words).split())


def test_into_a_pipe_a_table_is_as_wide_as_it_needs(printed):
    lines = printed([(*ROWS[0][:2], LONG * 5, *ROWS[0][3:]), ROWS[1]])
    assert [len(line.split("│")) for line in lines[3:-1]] == [7, 7]
    assert LONG * 5 in lines[3]


def test_what_comes_from_outside_is_neither_markup_nor_control_characters(printed):
    assert (
        cells(printed([('["a", null] [null] [red]x[/] :smile: \x1b[2J',)], columns=("Key",)), 0)
        == '["a", null] [null] [red]x[/] :smile: \N{REPLACEMENT CHARACTER}[2J'
    )


def test_a_row_may_have_a_style(printed):
    assert cells(printed([("a",), ("b",)], columns=("Key",), styles=["red", None]), 0) == "ab"
