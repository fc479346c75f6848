"""Around an erasure: checklists out and back, the certificate, the closing letter, the list of the unwritten-to, the audit, the commands."""

import base64
import json
import re
import shutil
import sqlite3
from collections import Counter
from contextlib import closing
from datetime import date, datetime, timedelta
from zipfile import ZipFile

import openpyxl
import pytest
from typer.testing import CliRunner

from dsar.cli import app
from dsar.desk import facts, returned
from dsar.erase import suppress
from dsar.erase.audit import KEYS, Finding
from dsar.erase.checklist import HEADER
from dsar.errors import BadMap, BadRequests, DossierMissing, NotOffered, SourceBroken, WorkspaceMissing
from dsar.run import erasure
from dsar.run.erasure import promises
from tests.run import erasing
from tests.run.test_erasure import erased, ruled

DAY = datetime.fromisoformat("2026-11-22")  # a cell has no zone


def planned(folder, **options):
    ws = erasing.build(folder, **options)
    request = ruled(ws, ws.request("A-1"))
    erasure.dry_run(ws, [request])
    return ws, request


def cells(path, title):
    return [tuple(c.value for c in row) for row in openpyxl.load_workbook(path)[title].iter_rows()]


def fill(path, **answers):
    """Fill in a checklist: record → status, by, on, remark."""
    book = openpyxl.load_workbook(path)
    sheet = book["Steps"]
    rows = list(sheet.iter_rows())
    head = next(n for n, row in enumerate(rows) if row[0].value == "Step ID")
    place = {c.value: n for n, c in enumerate(rows[head])}
    for row in rows[head + 1 :]:
        values = answers.get(str(row[place["Record"]].value).replace(" ", "_"))
        if values and row[place["Status"]].value:
            for name, value in zip(("Status", "Done by", "Done on", "Remark"), values, strict=True):
                row[place[name]].value = value
    book.save(path)
    return head + 1, place


def test_one_workbook_per_owner_over_all_requests_with_whom_to_tell_and_backups(tmp_path):
    ws = erasing.build(tmp_path, people=("ann@x.org", "bob@x.org"))
    both = [ruled(ws, r) for r in ws.requests.values()]
    for request in both:
        ruled(ws, request)
    erasure.dry_run(ws, both)
    files = erasure.checklists(ws, both).files
    assert [f.name for f in files] == ["erasure_owner-1.xlsx", "erasure_owner-2.xlsx", "erasure_owner-3.xlsx"]
    lines = cells(files[0], "Steps")
    steps = lines[lines.index(HEADER) + 1 :]
    assert {row[1] for row in steps} == {"A-1", "A-2"}
    assert [row[1] for row in steps] == sorted(row[1] for row in steps)
    assert {(row[4], row[7], row[15]) for row in steps if row[7] in {"keep", "not due"}} == {
        ("Order", "not due", None), ("Order line", "not due", None), ("Account", "not due", None), ("Address", "not due", None),
        ("Invoice", "keep", None), ("Order", "keep", None), ("Account", "keep", None), ("Address", "keep", None),
    }  # fmt: skip
    assert any("Fast Courier Ltd" in row and "A-1, A-2" in row for row in cells(files[0], "Others to tell"))
    assert any("nightly dump" in row and "35 days after the erasure" in row for row in cells(files[0], "Backups"))
    assert any("Replay list: A-1, A-2." in row for row in cells(files[0], "Backups"))
    assert any(row[7] == "suppress" and row[5] is None for row in cells(files[1], "Steps") if len(row) > 7)
    assert not any("ann@x.org" in str(cell) for f in files for sheet in openpyxl.load_workbook(f) for row in sheet.iter_rows() for cell in row)


def test_what_was_erased_and_seen_gone_is_nobodys_to_do_any_more(tmp_path):
    ws, request = erased(tmp_path)

    def listed():
        found = [row for f in erasure.checklists(ws, [request]).files for row in cells(f, "Steps")]
        place = {name: n for n, name in enumerate(HEADER)}
        return {(r[place["Record"]], r[place["Action"]], r[place["Status"]], r[place["Verified"]]) for r in found if str(r[0]).startswith("A-1-")}

    assert ("Service mail", "erase", None, "erased by program on 2026-11-23, not yet looked at") in listed()
    erasure.verify(ws, [request])
    assert ("Service mail", "erase", None, "gone, looked at on 2026-11-23") in listed()
    assert {(record, action) for record, action, status, _ in listed() if status} == {("Newsletter subscription", "suppress")}
    assert not any(record == "Note" for record, *_ in listed())  # the shop's owner has nothing to do, and gets no list
    erasing.sql(tmp_path, "shop.db", "INSERT INTO notes VALUES (1, 1, 'rang about lamps')")
    erasure.verify(ws, [request])
    assert ("Note", "erase", "To do", None) in listed()  # it came back
    assert ("Order line", "erase", None, "gone, looked at on 2026-11-23") in listed()


def test_a_checklist_comes_back_split_by_step_and_is_noted(tmp_path):
    ws, request = planned(tmp_path)
    path = erasure.checklists(ws, [request]).files[0]
    fill(path, Note=("Done", "O. Wner", DAY, ""), Order_line=("Not found", "O. Wner", None, "looked twice"))
    book = openpyxl.load_workbook(path)
    sheet = book["Steps"]
    rows = [[c.value for c in row] for row in sheet.iter_rows()]
    head = next(n for n, row in enumerate(rows) if row[0] == "Step ID")
    body = rows[head + 1 :]
    sheet.delete_rows(head + 2, len(body))
    for row in [*reversed(body), [None] * 4 + ["by the way: a paper file too"]]:
        sheet.append(row)
    book.save(path)
    found = erasure.take_back(ws, path)
    plan = {s.id: s for s in erasure.load_plan(ws, request)}
    assert {(plan[r.step].address.table, r.status, r.by, r.on, r.remark) for r in found.reports["A-1"] if r.status != "To do"} == {
        ("notes", "Done", "O. Wner", "2026-11-22", ""), ("lines", "Not found", "O. Wner", "", "looked twice"),
    }  # fmt: skip
    assert len(found.remarks) == 1
    assert found.remarks[0].endswith("by the way: a paper file too")
    noted = json.loads((ws.case(request) / "erasure/reported.json").read_text())
    assert sum(r["status"] == "Done" for r in noted.values()) == 1
    assert not erasure.verify(ws, [request])["A-1"].passed  # said to be done, and there all the same


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (("Finished", "O", DAY, ""), r"P\d+ \(Status\): 'Finished' is none of To do, Done"),
        (("Done", "", DAY, ""), r"Q\d+ \(Done by\): say who did it"),
        (("Done", "O", None, ""), r"R\d+ \(Done on\): needs a date"),
        (("Done", "O", DAY + timedelta(2), ""), r"R\d+ \(Done on\): lies in the future"),
        (("Not possible", "O", None, ""), r"T\d+ \(Remark\): Not possible needs a remark"),
    ],
)
def test_a_bad_cell_is_named_and_nothing_is_taken_over(tmp_path, answer, fault):
    ws, request = planned(tmp_path)
    path = erasure.checklists(ws, [request]).files[0]
    fill(path, Note=answer)
    with pytest.raises(BadRequests, match=fault):
        erasure.take_back(ws, path)
    assert not (ws.case(request) / "erasure/reported.json").exists()


def test_a_picture_that_was_pasted_in_is_refused_by_the_name_of_its_sheet(tmp_path):
    ws, request = planned(tmp_path)
    path = erasure.checklists(ws, [request]).files[0]
    fill(path, Note=("Done", "O. Wner", DAY, ""))
    shot = tmp_path / "screen.png"
    shot.write_bytes(base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="))
    shutil.copy(path, tmp_path / "one.xlsx")
    pasted(tmp_path / "one.xlsx", "Steps", shot)
    with pytest.raises(BadRequests, match=r"1 pictures are pasted in \('Steps'\)"):
        erasure.take_back(ws, tmp_path / "one.xlsx")
    assert not (ws.case(request) / "erasure/reported.json").exists()
    assert erasure.take_back(ws, path).reports


def pasted(path, sheet, picture):
    """Paste a picture into a sheet, as the parts of the file that Excel writes."""
    office, main = "http://schemas.openxmlformats.org/officeDocument/2006/relationships", "http://schemas.openxmlformats.org"
    number = openpyxl.load_workbook(path).sheetnames.index(sheet) + 1
    rels = '<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{}</Relationships>'
    with ZipFile(path, "a") as archive:
        name = f"xl/worksheets/_rels/sheet{number}.xml.rels"
        assert name not in archive.namelist()
        archive.writestr(name, rels.format(f'<Relationship Id="rId9" Type="{office}/drawing" Target="../drawings/drawing1.xml"/>'))
        archive.writestr("xl/drawings/drawing1.xml", f'<xdr:wsDr xmlns:xdr="{main}/drawingml/2006/spreadsheetDrawing"/>')
        archive.writestr(
            "xl/drawings/_rels/drawing1.xml.rels", rels.format(f'<Relationship Id="a" Type="{office}/image" Target="../media/image1.png"/>')
        )
        archive.write(picture, "xl/media/image1.png")


def test_a_step_that_is_not_ours_and_one_that_says_two_things_are_faults(tmp_path):
    head = "Step ID,Status,Done by,Done on,Remark\n"
    for text, fault in (
        ("X-1,Done,O,2026-11-22,\n", r"A2 \(Step ID\): 'X-1' is no step of ours"),
        ("S-1,Done,O,2026-11-22,\nS-1,Question,O,,why\n", r"A3 \(Step ID\): row 2 says something else"),
    ):
        path = tmp_path / "back.csv"
        path.write_text(head + text)
        with pytest.raises(BadRequests, match=fault):
            returned.read(path, {"S-1": "A-1"}, date(2026, 11, 23))


def test_the_certificate_says_what_was_seen_and_claims_no_more(tmp_path):
    ws, request = erased(tmp_path)
    with pytest.raises(DossierMissing, match="nobody looked"):
        erasure.certify(ws, request)
    erasure.verify(ws, [request])
    [path] = erasure.certify(ws, request).files
    text = "\n".join(str(c) for row in cells(path, "Certificate") for c in row if c)
    assert "All that was to be erased is gone, as looked for on 2026-11-23 10:00 (Europe/London)." in text
    seen = [row for row in cells(path, "What was seen") if row[0] and str(row[0]).startswith("A-1-")]
    assert len(seen) == 20
    assert {(row[2], row[8], row[9]) for row in seen if row[1] == "Website"} == {("Visit", "gone", "reduced")}
    backups = cells(path, "Backups")
    assert any("nightly dump" in row and DAY + timedelta(36) in row for row in backups)
    erasing.sql(tmp_path, "shop.db", "INSERT INTO notes VALUES (1, 1, 'rang about lamps')")
    erasure.verify(ws, [request])
    [second] = erasure.certify(ws, request).files
    assert second.name == "A-1_erasure-certificate_v2.xlsx"
    assert any("Not complete: 1 records need somebody to act" in str(c) for row in cells(second, "Certificate") for c in row)


def test_the_closing_letter_says_erased_only_once_somebody_looked(tmp_path):
    ws, request = erased(tmp_path)
    case = ws.register.case("A-1")
    before = facts._erasure(case, ws._found(request))
    assert (before["checked"], before["erased"], before["anonymised"], before["backups"]) == (None, [], [], [])
    assert "Note (1)" in before["erase"]
    erasure.verify(ws, [request])
    after = facts._erasure(case, ws._found(request))
    assert after["checked"] == "23 November 2026"
    assert "Note (1)" in after["erased"]
    assert [one.partition(" (")[0] for one in after["anonymised"]] == ["Visit"]
    assert (after["erase"], after["anonymise"]) == ([], [])
    assert "Shop, nightly dump: 28 December 2026" in after["backups"]
    assert facts.facts("backups", case, lambda: ws._found(request)) == {"backups": after["backups"]}
    assert after["kept"] == [
        "Invoice (1), 2 May 2030 – VAT records: six years from the date of issue (kept 6 years).",
        "Order (1), 2 May 2030 – Needed for a record that must be kept.",
    ]
    assert after["restricted"] == []
    assert [one for one in after["later"] if one.startswith("once it is delivered: ")]
    erasing.sql(tmp_path, "shop.db", "INSERT INTO notes VALUES (1, 1, 'rang about lamps')")
    erasure.verify(ws, [request])
    back = facts._erasure(case, ws._found(request))
    assert "Note (1)" in back["erase"]
    assert not [one for one in back["erased"] if one.startswith("Note")]


def test_the_letter_waits_for_a_copy_that_another_request_of_the_person_asks_for_as_the_plan_does(tmp_path):
    erasing.build(tmp_path)
    with (tmp_path / "requests.csv").open("a") as register:
        register.write("A-2,2026-11-03,access,email=ann@x.org,2026-11-03,\n")
    ws = erasing.opened(tmp_path)
    request = ruled(ws, ws.request("A-1"))
    told = facts.facts("erasure_answer", ws.register.case("A-1"), lambda: ws._found(request))
    plan = ws.plan(request)
    waits = plan.loc[plan["Action"] == "not due", ["What", "Until", "Rows"]].to_numpy()
    assert {until for _, until, _ in waits} == {"the copy asked for in A-2 has been delivered"}
    event, _, listed = told["later"][0].partition(": ")
    assert (told["erase"], len(told["later"]), event) == ([], 1, "once the copy asked for in A-2 has been delivered")
    assert sorted(listed.split(", ")) == sorted(f"{what} ({rows})" for what, _, rows in waits)


# -- suppression -----------------------------------------------------------------------------------------


def test_who_is_suppressed_is_found_in_any_spelling_for_that_purpose_only(tmp_path):
    ws = erasing.build(tmp_path)
    request = ws.request("A-1")
    assert suppress.add(tmp_path, ws.datamap, request, "newsletter", ws.clock()) == 1
    assert suppress.add(tmp_path, ws.datamap, request, "newsletter", ws.clock()) == 0
    listed = (tmp_path / "suppressed.csv").read_text()
    assert re.fullmatch(r"purpose,entry,since,case\nnewsletter,[0-9a-f]{64},2026-11-23,A-1\n", listed)
    path = tmp_path / "import.csv"
    path.write_text("name,email\nAnn,Ann <ANN@x.org>\nBob,bob@x.org\nTag,ann+news@X.org\n,\n")
    assert suppress.check(tmp_path, ws.datamap, path, "newsletter", "email") == [2, 4]
    with pytest.raises(BadMap, match="'service' is no advertising"):
        suppress.check(tmp_path, ws.datamap, path, "service", "email")
    with pytest.raises(BadRequests, match="no column 'mail'"):
        suppress.check(tmp_path, ws.datamap, path, "newsletter", "mail")


def test_a_purpose_with_a_comma_keeps_its_list_and_a_line_is_counted_as_a_spreadsheet_does(tmp_path):
    erasing.build(tmp_path)
    text = (tmp_path / "dsar.toml").read_text().replace("[activities.newsletter]", '[activities."news, offers"]')
    (tmp_path / "dsar.toml").write_text(text.replace('activity = "newsletter"', 'activity = "news, offers"'))
    ws = erasing.opened(tmp_path)
    assert suppress.add(tmp_path, ws.datamap, ws.request("A-1"), "news, offers", ws.clock()) == 1
    assert suppress.add(tmp_path, ws.datamap, ws.request("A-1"), "news, offers", ws.clock()) == 0
    assert "ann@x.org" in suppress.Listed(tmp_path, "news, offers")
    path = tmp_path / "import.csv"
    path.write_text('name,email\n\n"Bob\nStone",bob@x.org\nAnn,ann@x.org\nAnn\n')
    assert suppress.check(tmp_path, ws.datamap, path, "news, offers", "email") == [4]


def test_what_the_person_chose_of_the_list_is_looked_at_again(tmp_path):
    ws, request = erased(tmp_path)

    def said():
        [verdict] = [v for v in erasure.verify(ws, [request])["A-1"].verdicts if v.action == "suppress"]
        return verdict.state, verdict.detail

    assert said() == ("pending event", "it is put on the list, or it is recorded that the person declined")
    with pytest.raises(BadMap, match="'service' is no advertising"):
        erasure.decline_suppression(ws, request, "service", by="A. Nalyst")
    suppress.add(tmp_path, ws.datamap, request, "newsletter", ws.clock())
    assert said() == ("kept as planned", "the address is on the list")
    (tmp_path / "suppressed.csv").unlink()
    assert said()[0] == "pending event"
    erasure.decline_suppression(ws, request, "newsletter", by="A. Nalyst")
    assert said() == ("kept as planned", "the person declined the list on 2026-11-23")
    assert [(line["what"], line["details"]) for line in ws.ledger.lines()][-1] == ("suppression declined", {"purpose": "newsletter"})


def test_the_key_lies_apart_and_a_lost_one_is_not_made_anew(tmp_path, monkeypatch):
    apart = tmp_path / "apart"
    monkeypatch.setenv("DSAR_KEYS", str(apart))
    (tmp_path / "ws").mkdir()
    ws = erasing.build(tmp_path / "ws")
    suppress.add(ws.root, ws.datamap, ws.request("A-1"), "newsletter", ws.clock())
    key = apart / "suppression.key"
    assert (key.stat().st_mode & 0o777, len(key.read_bytes())) == (0o600, 32)
    key.unlink()
    with pytest.raises(WorkspaceMissing, match="the key 'suppression' is not there"):
        suppress.Listed(ws.root, "newsletter")


# -- the audit -------------------------------------------------------------------------------------------


def test_the_audit_counts_what_was_promised_and_not_kept_and_leaves_open_requests_out(tmp_path):
    ws = erasing.build(tmp_path, people=("bob@x.org",))
    text = (tmp_path / "dsar.toml").read_text()
    (tmp_path / "dsar.toml").write_text(text.replace('label = "Account"', 'label = "Account"\ngone_when = { column = "restricted", values = [1] }'))
    erasing.sql(tmp_path, "shop.db", "UPDATE customers SET restricted = 1")
    log = tmp_path / "logs/access.log.2"
    log.write_text(
        '192.0.2.50 - - [23/Nov/2025:09:00:00 +0000] "GET / HTTP/1.1" 200 5 "-" "x"\n192.0.2.0 - - [01/Jan/2020:00:00:00 +0000] "GET" 200 - "-" "-"\n'
    )
    ws = erasing.opened(tmp_path)
    ws.collect(ws.request("A-1"))
    suppress.add(tmp_path, ws.datamap, ws.request("A-1"), "newsletter", ws.clock())
    erasing.sql(tmp_path, "news.db", "INSERT INTO members VALUES (4, 'BOB@x.org', 'marketing')")
    found = {(line["What"], line["Promise"]): line for line in erasure.retention(ws).to_dict("records")}
    told = {place: (line["Rows"], line["Left out"], line["Keys"]) for place, line in found.items()}
    assert {line["For"] for line in found.values() if line["Left out"]} == {"A-1"}
    assert {line["For"] for line in found.values() if not line["Left out"]} == {""}
    assert told == {
        ("Account", "rows whose Restricted says that they should be gone"): (1, 1, "[1]"),
        ("Invoice", "rows past their last day (6 years from Issued on)"): (1, 0, '["I-1"]'),
        ("Newsletter subscription", "people on the list of those who are not written to"): (1, 1, "[4]"),
        ("Visit", "lines with an address, 365 days old or older"): (1, 0, told["Visit", "lines with an address, 365 days old or older"][2]),
    }  # fmt: skip
    assert all(line["Before"] == "–" for line in found.values())
    erasing.sql(tmp_path, "shop.db", "DELETE FROM lines WHERE order_id = 11", "DELETE FROM invoices WHERE number = 'I-1'")
    (tmp_path / "news.db").rename(tmp_path / "away.db")
    again = {line["What"]: line for line in erasure.retention(ws).to_dict("records")}
    assert (again["Invoice"]["Rows"], again["Invoice"]["Before"]) == (0, 1)
    assert again["Newsletter subscription"]["Fault"]


# -- the commands ----------------------------------------------------------------------------------------


def test_the_commands_do_what_the_document_says(tmp_path, monkeypatch):
    monkeypatch.setenv("DSAR_NOW", "2026-11-23T10:00:00+00:00")
    ws = erasing.build(tmp_path)
    ruled(ws, ws.request("A-1"))
    run = CliRunner()

    def dsar(*words):
        return run.invoke(app, ["--workspace", str(tmp_path), *words])

    dry = dsar("erase", "A-1", "--dry-run")
    assert dry.exit_code == 0, dry.output
    assert "A-1 shop: 8 done" in dry.output
    assert "Everything was undone" in dry.output
    statements = dsar("erase", "A-1", "--source", "shop", "--sql")
    assert statements.output.count("DELETE FROM") == 8
    assert dsar("verify", "A-1").exit_code == 1
    assert dsar("erase", "A-1", "--execute").exception.where == "--by"
    assert dsar("erase", "A-1", "--execute", "--by", "A. Nalyst").exit_code == 0
    looked = dsar("verify", "--all")
    assert looked.exit_code == 0, looked.output
    assert looked.output.startswith("A-1: 13 gone, 2 kept as planned, 5 pending event\n")
    assert dsar("suppress", "add", "A-1", "--purpose", "newsletter").exit_code == 0
    (tmp_path / "import.csv").write_text("email\nann@x.org\n")
    refused = dsar("suppress", "check", str(tmp_path / "import.csv"), "--purpose", "newsletter")
    assert (refused.exit_code, "1 of 1 lines must not be imported" in refused.output) == (1, True)
    assert dsar("retention").exit_code == 0
    assert list((tmp_path / "cases/A-1/certificates").iterdir())
    with closing(sqlite3.connect(tmp_path / "news.db")) as connection:
        assert connection.execute("SELECT count(*) FROM members").fetchone() == (1,)


@pytest.mark.parametrize("name", ["plan", "verified", "reported", "suppression"])
def test_a_system_may_have_any_name(tmp_path, monkeypatch, name):
    monkeypatch.setattr(erasing, "MAP", erasing.MAP.replace("[sources.shop", f"[sources.{name}"))
    ws = erasing.build(tmp_path)
    request = ws.request("A-1")
    ruled(ws, request)
    assert all(o.done for o in erasure.dry_run(ws, [request]))
    assert all(o.done for o in erasure.execute(ws, [request], by="A. Nalyst"))
    assert erasure.verify(ws, [request])["A-1"].passed


def test_where_only_the_administrator_may_write_the_changes_come_out_as_statements(tmp_path, monkeypatch):
    monkeypatch.setenv("DSAR_NOW", "2026-11-23T10:00:00+00:00")
    ws = erasing.build(tmp_path)
    ruled(ws, ws.request("A-1"))
    map_ = (tmp_path / "dsar.toml").read_text(encoding="utf-8")
    (tmp_path / "dsar.toml").write_text(map_.replace('write_url = "sqlite:///${WORKSPACE}/shop.db"\n', ""), encoding="utf-8")
    run = CliRunner()

    def dsar(*words):
        return run.invoke(app, ["--workspace", str(tmp_path), *words])

    none = dsar("erase", "A-1", "--sql")
    assert (type(none.exception), none.exception.where, none.output) == (NotOffered, "A-1", "")  # nothing is planned yet
    dry = dsar("erase", "A-1", "--dry-run")
    assert (dry.exit_code, "A-1 shop: nothing (sources.shop: the map names no address" in dry.output) == (1, True)
    for words in (("--source", "shop", "--sql"), ("--sql",)):
        shop = dsar("erase", "A-1", *words).output.partition("A-1 in news")[0]
        assert Counter(re.findall(r"(?m)^DELETE FROM (\w+)", shop)) == {"notes": 1, "invoices": 1, "lines": 3, "orders": 2, "addresses": 1}
    assert isinstance(dsar("erase", "A-1", "--source", "web", "--sql").exception, NotOffered)  # no statement changes a file
    done = dsar("erase", "A-1", "--execute", "--by", "A. Nalyst")
    assert (done.exit_code, "A-1 shop: nothing (sources.shop: the map names no address" in done.output) == (1, True)
    (tmp_path / "shop.db").rename(tmp_path / "away.db")
    assert isinstance(dsar("erase", "A-1", "--sql").exception, SourceBroken)  # what is missing is told, never left out


def test_the_audit_says_how_many_keys_it_does_not_name_and_where_they_stand(tmp_path, monkeypatch):
    erasing.build(tmp_path)
    ws = erasing.opened(tmp_path)
    address = next(iter(ws.datamap.tables()))[0]
    findings = [Finding(address, f"promise {n}", n, tuple(f"[{k}]" for k in range(min(n, KEYS)))) for n in (0, 5, 7, KEYS + 1)]
    monkeypatch.setattr(promises, "_audited", lambda _: findings)
    five = "[0] [1] [2] [3] [4]"
    assert list(erasure.retention(ws)["Keys"]) == [
        "",
        five,
        f"{five} and 2 more: the workbooks of `dsar.erasure.audit_lists` name them, in worklists/",
        f"{five} and 996 more: the workbooks of `dsar.erasure.audit_lists` name them up to the first 1,000, in worklists/",
    ]
