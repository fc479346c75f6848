"""Whatever comes in broken ends in one clear line of ours: no traceback, no hang, nothing half taken over, no line lost."""

import base64
import re
from datetime import UTC, date, datetime
from email.message import EmailMessage
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dsar import datamap as maps
from dsar.answer import decode
from dsar.desk import imports, intake, returned
from dsar.desk.docx import draft, text_of
from dsar.errors import DsarError, SourceBroken, SourceUnreachable
from dsar.request import letters, mail
from dsar.request.register import Register
from dsar.run import erasure
from tests.connectors import test_logs
from tests.fuzz.mutants import NASTY, SLOWLY, mutated, rezipped
from tests.request import test_letters
from tests.run import erasing
from tests.run.test_erasure import ruled
from tests.worlds import HEAD

TODAY = date(2026, 11, 24)


def one_line(error: DsarError) -> None:
    """It says what, where and how, on one line, and nothing of whoever it is about."""
    assert "\n" not in str(error).strip()
    assert not re.search(r"Traceback|Error:|(ann|bob)@", str(error))


# -- logs ----------------------------------------------------------------------------------------------

OURS = test_logs.line(request="GET /ours HTTP/1.1").encode()
OTHERS = [test_logs.line(client=c).encode() for c in ("192.0.2.8", "2001:db8::7", "198.51.100.77")]


LINES = st.one_of(st.sampled_from([*OTHERS, OURS]), st.sampled_from(OTHERS).flatmap(mutated), st.binary(max_size=60))


@SLOWLY
@given(st.lists(LINES, max_size=12), st.data())
def test_no_line_of_a_log_is_lost(tmp_path_factory, lines, data):
    folder = tmp_path_factory.mktemp("logs")
    lines = [part for line in lines for part in line.split(b"\n")]
    lines.insert(data.draw(st.integers(0, len(lines))), OURS)
    (folder / "access.log").write_bytes(b"".join(line + b"\n" for line in lines))
    try:
        rows, _, malformed, read = test_logs.answer(test_logs.source(folder).read(test_logs.ask("192.0.2.7")))
    except (SourceBroken, SourceUnreachable) as error:
        one_line(error)  # packed, or no text at all: the table fails, it is never "nothing"
        return
    assert read == len(lines)
    assert sum(row["request"] == "GET /ours HTTP/1.1" for row in rows) == lines.count(OURS)
    assert len(rows) + sum(m.count for m in malformed) <= len(lines)
    assert not [r for r in rows if r["client"] != "192.0.2.7"]


# -- the map -------------------------------------------------------------------------------------------

MAP = (HEAD + erasing.MAP).encode()


@SLOWLY
@given(mutated(MAP))
def test_a_broken_map_is_named_or_is_a_map(tmp_path_factory, raw):
    path = tmp_path_factory.mktemp("map") / "dsar.toml"
    path.write_bytes(raw)
    try:
        maps.read(path)
    except DsarError as error:
        one_line(error)


# -- requests ------------------------------------------------------------------------------------------

REQUESTS = (
    b"id,received,rights,identifiers,verified_on,no_reasonable_doubt\n"
    b"R-1,2026-11-02,access; portability,email=ann@example.org; phone=+44 20 7946 0018,2026-11-03,\n"
    b'R-2,2026-11-03,erasure,"email=bob@example.org",,"signed in, from their account"\n'
)


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    return erasing.build(tmp_path_factory.mktemp("desk"))


def taken_or_named(path, desk, whole):
    """Import a table; either every line is registered, or none and a line says why."""
    register = Register.open("sqlite://", desk.datamap.controller, lambda: datetime(2026, 11, 24, tzinfo=UTC))
    try:
        made = imports.import_file(register, path, desk.datamap, by="A. Nalyst")
    except DsarError as error:
        one_line(error)
        assert register.cases() == {}
    else:
        assert register.cases().keys() == made.keys() != set()


@SLOWLY
@given(raw=mutated(REQUESTS))
def test_a_table_of_requests_is_taken_whole_or_not_at_all(tmp_path_factory, desk, raw):
    path = tmp_path_factory.mktemp("csv") / "requests.csv"
    path.write_bytes(raw)
    taken_or_named(path, desk, REQUESTS)


@SLOWLY
@given(data=st.data())
def test_a_workbook_of_requests_is_taken_whole_or_not_at_all(tmp_path_factory, desk, data):
    path = tmp_path_factory.mktemp("xlsx") / "requests.xlsx"
    imports.write_template(path, desk.datamap, rows=2)
    path.write_bytes(data.draw(rezipped(path.read_bytes())))
    taken_or_named(path, desk, None)


# -- what lies in the inbox ----------------------------------------------------------------------------


def a_mail() -> bytes:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "Ann <ann@example.org>", "privacy@quill.example", "=?utf-8?q?Auskunft?="
    message["Date"], message["Message-ID"] = "Mon, 02 Nov 2026 09:00:00 +0000", "<1@example.org>"
    message.set_content("Please send me all you hold on me.")
    message.add_alternative("<p>Please send me <b>all</b> you hold on me.</p>", subtype="html")
    message.add_attachment(base64.b64encode(b"scan"), maintype="image", subtype="png", filename="passport.png")
    return message.as_bytes()


MAIL = a_mail()
OUTLOOK = (Path(test_letters.__file__).parent / "mails" / "outlook.msg").read_bytes()


@example((".eml", MAIL.replace(b"<ann@", b"<\x80ann@").replace(b"Message-ID", b"X-ID")))
@SLOWLY
@given(st.one_of(st.tuples(st.just(".eml"), mutated(MAIL)), st.tuples(st.just(".msg"), mutated(OUTLOOK))))
def test_every_file_of_the_inbox_is_a_line_to_look_at(tmp_path_factory, desk, broken):
    ending, raw = broken
    folder = tmp_path_factory.mktemp("inbox")
    (folder / f"a{ending}").write_bytes(raw)
    (folder / "b.eml").write_bytes(MAIL)
    try:
        mail.read(folder / f"a{ending}")
    except DsarError as error:
        one_line(error)
    register = Register.open("sqlite://", desk.datamap.controller, lambda: datetime(2026, 11, 24, tzinfo=UTC))
    _, proposals = intake.write_proposals(register, folder, folder / "proposals.xlsx", desk.datamap)
    assert [p.file for p in proposals] == [f"a{ending}", "b.eml"]


@SLOWLY
@given(data=st.data())
def test_what_cannot_be_unpacked_is_said_to_be_unread(tmp_path_factory, desk, data):
    path = tmp_path_factory.mktemp("sent") / "answer.xlsx"
    imports.write_template(path, desk.datamap, rows=1)
    path.write_bytes(data.draw(rezipped(path.read_bytes())))
    try:
        list(decode.pieces(path))
    except DsarError as error:
        one_line(error)


# -- checklists that come back -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sent(tmp_path_factory):
    ws = erasing.build(tmp_path_factory.mktemp("checklists"))
    request = ruled(ws, ws.request("A-1"))
    erasure.dry_run(ws, [request])
    (path, *_) = [p for p in erasure.checklists(ws, [request]).files if p.suffix == ".xlsx"]
    return {step.id: "A-1" for step in erasure.load_plan(ws, request)}, path.read_bytes()


@SLOWLY
@given(data=st.data())
def test_a_checklist_is_taken_back_whole_or_not_at_all(tmp_path_factory, sent, data):
    known, whole = sent
    path = tmp_path_factory.mktemp("back") / "checklist.xlsx"
    path.write_bytes(data.draw(rezipped(whole)))
    try:
        found = returned.read(path, known, TODAY)
    except DsarError as error:
        one_line(error)
    else:
        assert {r.step for reports in found.reports.values() for r in reports} <= known.keys()


# -- letters -------------------------------------------------------------------------------------------

WORDS = st.one_of(st.sampled_from([raw.decode("utf-8", "replace") for raw in NASTY]), st.text(max_size=40)).map(lambda t: f"x{t}x")


@SLOWLY
@given(st.sampled_from(["en", "de"]), WORDS, WORDS)
def test_what_somebody_wrote_is_text_in_a_letter_and_nothing_else(language, because, reason):
    case = test_letters.case(language=language)
    letter = letters.render("extension", case, {"reason": reason, "because": because, "due": date(2027, 2, 2)})
    flat = " ".join(letter.text.split())
    for said in (because, reason):
        assert " ".join(said.split()) in flat
    shown = text_of(draft(letter, case.controller, TODAY))
    assert ("7*7" in because + reason) == ("7*7" in shown), "nothing was worked out"
