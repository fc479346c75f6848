"""Forty mails dropped as a folder: each is proposed in one sheet, confirmed there, and registered once."""

from datetime import UTC, date, datetime

import openpyxl
import pytest

from dsar.desk.intake import HEADER, confirm, write_proposals
from dsar.errors import BadRequests
from dsar.request.identity import Identifier
from dsar.request.intake import rights
from tests.desk.conftest import MAP
from tests.desk.letters import forty, mail

SOMEBODY_ELSES = "it seems to be written for somebody else: fill in what that person is known by"
START = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "mails").mkdir()
    return forty(tmp_path / "mails")


def sheet(path):
    book = openpyxl.load_workbook(path)
    found = book["Letters"]
    head = next(n for n, row in enumerate(found.iter_rows(values_only=True), start=1) if row[0] == "Line")
    return book, found, head


def table(path):
    _, found, head = sheet(path)
    return {int(row[0]): dict(zip(HEADER, row, strict=True)) for row in found.iter_rows(min_row=head + 1, values_only=True)}


def fill_in(path, changes):
    book, found, head = sheet(path)
    for line, cells in changes.items():
        for name, value in cells.items():
            found.cell(head + line, HEADER.index(name) + 1).value = value
    book.save(path)


def test_forty_mails_are_proposed_confirmed_and_registered_once(register, folder, tmp_path):
    path, found = write_proposals(register, folder, tmp_path / "proposals.xlsx", MAP)
    assert len(found) == 40
    lines = table(path)
    assert len(lines) == 40
    assert {n for n in lines if lines[n]["Decision"] == "Register"} == {*range(1, 26), 28, 30, 31, 32, 35, 36, 37}
    assert {n: lines[n]["With line"] for n in lines if lines[n]["Decision"] == "Repeat"} == {26: "1", 27: "2"}
    assert {n: lines[n]["With line"] for n in lines if lines[n]["Decision"] == "Belongs to"} == {29: "28"}
    assert {n for n in lines if lines[n]["Decision"] == "Question"} == {33, 34, 38, 39, 40}
    assert {lines[n]["Same letter as line"] for n in range(2, 21)} == {"1"}
    assert {n: lines[n]["Rights"] for n in (1, 21, 28, 30, 31, 32, 35, 36, 37)} == {
        1: "access",
        21: "erasure",
        28: "access; erasure",
        30: "objection",
        31: "rectification; withdrawal",
        32: "restriction; portability",
        35: "complaint",
        36: "erasure",  # and not what it quotes
        37: "access; erasure",
    }
    assert (lines[1]["Received"], lines[28]["Language"], lines[34]["Attachments"]) == ("2026-11-17", "de", "letter.pdf")
    assert "not a mail" in lines[39]["Note"]

    fill_in(path, {33: {"Decision": "Not a request"}, 34: {"Decision": "Register", "Rights": "erasure"}})
    done = confirm(register, path, MAP, by="M. Aker")
    assert (len(done.registered), done.questions) == (33, 3)
    cases = list(register.cases().values())
    assert [c.request.id for c in cases] == [f"R-2026-{n:04}" for n in range(1, 34)]
    assert all(i.standing == "claimed" for c in cases for i in c.request.identifiers)
    ola = next(c for c in cases if any(i.value == "ola@example.org" for i in c.request.identifiers))
    assert ola.request.identifiers == (Identifier("email", "ola@example.org", "claimed"), Identifier("email", "ola.nord@work.example", "claimed"))
    assert (ola.request.rights, ola.request.received, ola.language) == (("access", "erasure"), date(2026, 11, 17), "de")
    assert [c.request.received for c in cases if c.request.identifiers[0].value == "ida.blom@example.org"] == [date(2026, 11, 17)]

    again = confirm(register, path, MAP, by="M. Aker")
    assert again == ((), 3)
    assert len(register.cases()) == 33

    second, _ = write_proposals(register, folder, tmp_path / "second.xlsx", MAP)
    assert {table(second)[n]["Decision"] for n in range(1, 26)} == {"Repeat"}
    assert table(second)[3]["With line"] == "R-2026-0003"


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({3: {"Decision": "Yes"}}, "Decision must be one of"),
        ({3: {"Received": "2026-12-24"}}, "received is in the future"),
        ({3: {"Received": None}}, "received must be a date"),
        ({3: {"Rights": "deletion"}}, "rights must be one or more of"),
        ({3: {"Decision": "Belongs to", "With line": "33"}}, "With line must name a line that is to be registered"),
        ({3: {"With line": "1"}}, "With line stays empty"),
        ({3: {"Identifiers": "p3@example.org"}}, "identifiers are written kind=value"),
    ],
)
def test_one_wrong_line_and_nothing_is_registered(register, folder, tmp_path, changes, fault):
    path, _ = write_proposals(register, folder, tmp_path / "proposals.xlsx", MAP)
    fill_in(path, changes)
    with pytest.raises(BadRequests) as caught:
        confirm(register, path, MAP, by="M. Aker")
    assert f"row {sheet(path)[2] + 3}: {fault}" in str(caught.value)
    assert "example.org" not in str(caught.value).replace("name@example.org", "").replace("email=name", "")
    assert register.cases() == {}


def test_who_else_a_letter_names_is_noted_and_what_is_written_for_somebody_else_is_a_question(register, tmp_path):
    (tmp_path / "mails").mkdir()
    law = "I act for Jane Roe, jane@roe.example. Please send a copy of all data you hold about her."
    mail(tmp_path / "mails", 1, "Lee Law <lee@law.example>", law)
    mail(tmp_path / "mails", 2, "Pat Poe <pat@poe.example>", "Please delete my data. My phone is 020 7946 0002.")
    mail(tmp_path / "mails", 3, "Quy Ro <quy@ro.example>", "Please delete my data.")
    path, _ = write_proposals(register, tmp_path / "mails", tmp_path / "proposals.xlsx", MAP)
    shown = ("Decision", "Identifiers", "Requester", "Reply to", "Note")
    assert [tuple(line[name] for name in shown) for line in table(path).values()] == [
        (
            "Question",
            None,
            "agent",
            "lee@law.example",
            f"{SOMEBODY_ELSES}; its text names email=jane@roe.example: add to Identifiers what is the person's",
        ),
        (
            "Register",
            "email=pat@poe.example",
            "person",
            None,
            "its text names phone=+442079460002: add to Identifiers what is the person's",
        ),
        ("Register", "email=quy@ro.example", "person", None, None),
    ]


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("Hiermit verlange ich Auskunft nach Art. 15 DSGVO über alle gespeicherten Daten.", ("access",)),
        ("Ich widerrufe meine Einwilligung und bitte um Löschung.", ("erasure", "withdrawal")),
        ("Please stop sending me marketing.", ("objection",)),
        ("My address is wrong, please correct it.", ("rectification",)),
        ("I'd like my data ported: data portability under article 20.", ("portability",)),
        ("Where is my lamp?", ()),
    ],
)
def test_rights_are_guessed_from_words(text, asked):
    assert rights(text) == asked
