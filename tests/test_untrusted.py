"""What a stranger writes stays text in terminals, parameters and paths (in browsers: tests/browser); and files from outside have limits."""

import io
import os
import zipfile
from collections import deque
from datetime import date
from time import perf_counter

import nbformat
import openpyxl
import pytest
from typer.testing import CliRunner

import dsar
from connectors import mails
from connectors.inbox import Inbox
from connectors.xlsxrows import sheet_names, xlsx_rows
from dsar import datamap, unpacked
from dsar.answer import decode
from dsar.cli import app
from dsar.desk import lines
from dsar.errors import BadMail, BadRequests, DsarError, SourceBroken
from dsar.listing import listing
from dsar.request import mail
from dsar.run.jobs import NOTEBOOKS, Job
from dsar.run.pool import run_all
from dsar.run.shared import _without_lines
from dsar.source import Settings
from dsar.terminal import Terminal
from dsar.workspace import maps
from tests.browser.planted import HOSTILE
from tests.run import erasing


def test_in_a_listing_no_formula_begins(tmp_path):
    html = listing(("A",), [[HOSTILE[4]], ["costs $5 and $7"]], empty="").to_display()
    assert "<span>$</span>5 and <span>$</span>7" in html
    assert "<span>\\</span>href" in html


def test_a_terminal_shows_control_characters_and_obeys_none(capsys):
    from rich.table import Table

    out = Terminal()
    out.print(f"key {HOSTILE[5]}", markup=False)
    table = Table("Key")
    table.add_row(HOSTILE[5])
    out.print(table)
    shown = capsys.readouterr().out
    assert "\x1b]0" not in shown
    assert "\x1b[31m" not in shown
    assert "\x07" not in shown
    assert shown.count("red") == 2


def test_parameters_never_become_code(tmp_path):
    folder = tmp_path / 'a";open("pwned","w").write("x")#\'\\ é\n$(touch pwned)'
    folder.mkdir()
    erasing.build(folder, rights="portability")
    source = nbformat.read(NOTEBOOKS / "portability_export.ipynb", as_version=4)
    (tmp_path / "nb").mkdir()
    source.cells = [c for c in source.cells if "parameters" in c.metadata.get("tags", [])]
    source.cells.append(nbformat.v4.new_code_cell("print(ascii(workspace)); print(ascii(request_id))"))
    nbformat.write(source, tmp_path / "nb" / "portability_export.ipynb")
    (result,) = run_all([Job("A-1", "portability", folder, "2026-11-23T09:00:00+00:00", 60, tmp_path / "nb")], 1)
    assert result.state == "done", result
    executed = nbformat.read(folder / "cases" / "A-1" / "notebooks" / "portability_export.ipynb", as_version=4)
    assert executed.cells[-1].outputs[0].text == f"{str(folder)!a}\n'A-1'\n"
    assert not list(tmp_path.rglob("pwned"))


@pytest.mark.parametrize("name", ["../A-1", "a/b", "a\\b", "..", ".hidden", "a b", "A-1\n", "é", "a" * 41, "-x", "A;B", "$(x)", "a'b", "con:"])
def test_no_request_id_leaves_its_folder(tmp_path, name):
    erasing.build(tmp_path)
    text = (tmp_path / "requests.csv").read_text()
    (tmp_path / "requests.csv").write_text(text.replace("A-1,", f'"{name}",'))
    ws = dsar.Workspace(tmp_path, maps.read(tmp_path / "dsar.toml"), lambda: erasing.NOW)
    if name == "A-1\n":  # white space around it is none of it
        assert list(ws.requests) == ["A-1"]
        return
    with pytest.raises(DsarError, match="id may hold letters"):
        ws.requests  # noqa: B018
    assert not (tmp_path / "cases").exists() or not any((tmp_path / "cases").iterdir())


def workbook(path, *, bomb=False, entities=False, macro=False):
    """Write a workbook whose sheet unpacks to a thousand times its size, whose XML multiplies itself, or that bears a macro."""
    sound = io.BytesIO()
    book = openpyxl.Workbook()
    book.active.append(["id", "email"])
    book.active.append(["1", "ann@x.org"])
    book.save(sound)
    with zipfile.ZipFile(sound) as before, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as after:
        for name in before.namelist():
            data = before.read(name)
            if bomb and name.startswith("xl/worksheets/"):
                with after.open(name, "w", force_zip64=True) as sheet:
                    for _ in range(100):
                        sheet.write(b" " * (1 << 20))
                continue
            if entities and name == "xl/workbook.xml":
                bodies = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
                data = f'<!DOCTYPE x [<!ENTITY e0 "lol"><!ENTITY f SYSTEM "file:///etc/passwd">{bodies}]>'.encode() + data.replace(
                    b"Sheet", b"&e11;&f;"
                )
            after.writestr(name, data)
        if macro:
            after.writestr("xl/vbaProject.bin", b"Sub Auto_Open()")
    return path


def test_a_workbook_that_unpacks_to_gigabytes_is_not_opened(tmp_path):
    path = workbook(tmp_path / "bomb.xlsx", bomb=True)
    assert path.stat().st_size < 3 << 17
    for read in (lambda: list(xlsx_rows(path, None)), lambda: sheet_names(path)):
        with pytest.raises(SourceBroken, match="unpacks to 100 MB"):
            read()
    with pytest.raises(BadRequests, match=r"bomb\.xlsx: unpacks to 100 MB"):
        lines.read(path, ["id"])


def test_a_workbook_that_is_larger_than_any_is_not_opened_however_little_it_is_packed(tmp_path, monkeypatch):
    assert unpacked.LARGEST == 1 << 30
    path = grid(tmp_path / "large.xlsx", [(1, {"A": "id"})])
    monkeypatch.setattr(unpacked, "LARGEST", 9_000)  # as if it held a gigabyte, which takes seconds to write
    with pytest.raises(SourceBroken, match=r"large\.xlsx: unpacks to 0 MB, which no file to be read does"):
        list(xlsx_rows(path, None))


def grid(path, rows, sheet="Searches"):
    """Write a workbook of one sheet, row by row as XML: number of the row → cells by column."""
    book = openpyxl.Workbook()
    book.active.title = sheet
    sound = io.BytesIO()
    book.save(sound)
    with zipfile.ZipFile(sound) as before, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as after:
        for name in before.namelist():
            if not name.startswith("xl/worksheets/"):
                after.writestr(name, before.read(name))
                continue
            with after.open(name, "w") as xml:
                xml.write(b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><dimension ref="A1:XFD1048576"/><sheetData>')
                for number, cells in rows:
                    told = "".join(f'<c r="{column}{number}" t="inlineStr"><is><t>{text}</t></is></c>' for column, text in cells.items())
                    xml.write(f'<row r="{number}">{told}</row>'.encode())
                xml.write(b"</sheetData></worksheet>")
    return path


SEARCHES = {"A": "Search ID", "B": "Result", "C": "Remark"}


def searched(path):
    (path.parent / "inbox").mkdir(exist_ok=True)
    (path.parent / "inbox" / path.name).write_bytes(path.read_bytes())
    table = {"label": "T", "activity": "a", "key": ["item"], "match": {"customer": "item"}, "columns": {"item": {"category": "user"}}}
    declared = datamap.Source.model_validate({"connector": "manual", "label": "S", "owner": "o", "tables": {"t": table}})
    return Inbox(Settings("desk", declared, path.parent, "GB")).answers()


def test_a_cell_at_the_far_end_of_a_sheet_costs_nothing(tmp_path):
    rows = [(1, SEARCHES), (2, {"A": "S-1", "B": "Nothing found"}), (1_048_576, {"XFD": "stray"})]
    path = grid(tmp_path / "far.xlsx", rows)
    assert path.stat().st_size < 8_000
    start = perf_counter()
    assert searched(path) == {"S-1": ("Nothing found", "")}
    assert lines.facts(path, "Searches") == {"Search ID": "Result", "S-1": "Nothing found", "": ""}
    (number, line), (last, stray) = lines.read(path, ["Search ID"])
    assert (number, line["Search ID"], last, stray["Search ID"], stray[""]) == (2, "S-1", 1_048_576, "", "stray")
    with pytest.raises(SourceBroken, match="16384 fields instead of 3"):
        list(xlsx_rows(path, None))
    _without_lines(tmp_path / "inbox" / "far.xlsx", {"S-1"})
    assert not (tmp_path / "inbox" / "far.xlsx").exists()
    assert perf_counter() - start < 20, "it took 200 s and 1.3 GB for one of these"


def test_the_look_for_what_is_left_does_not_end_on_it(tmp_path):
    path = grid(tmp_path / "far.xlsx", [(1, {"A": "ann@x.org"}), (1_048_576, {"XFD": "stray"})])
    found = list(decode.pieces(path))
    assert "its cells lie too far apart" in [piece.unread for piece in found]
    assert any("ann@x.org" in piece.text for piece in found), "what stands in the XML is read all the same"


TOO_MUCH = {
    "rows": ([(1, SEARCHES)] + [(n, {"A": "x"}) for n in range(2, 10_200)], "holds more than 10,000 rows"),
    "a row that no spreadsheet has": ([(1, SEARCHES), (2_000_000_000, {"A": "S-1"})], "holds more than 1,048,576 rows"),
    "width": ([(n, {"A": "Search ID", "XFD": "x"}) for n in range(1, 1_000)], "holds more than 3,000,000 cells"),
}


@pytest.mark.parametrize("what", TOO_MUCH)
def test_a_workbook_of_more_than_anybody_fills_in_is_refused_early_in_one_line(tmp_path, what, monkeypatch):
    assert unpacked.FILLED == 200_000
    monkeypatch.setattr(unpacked, "FILLED", 10_000)  # reading so many rows four times takes half a minute
    rows, said = TOO_MUCH[what]
    path = grid(tmp_path / "much.xlsx", rows)
    start = perf_counter()
    for read in (lambda: lines.read(path, ["Search ID"]), lambda: lines.facts(path, "Searches")):
        with pytest.raises(BadRequests, match=rf"^much\.xlsx: {said}"):
            read()
    with pytest.raises(SourceBroken, match=f"^desk: inbox, workbook 1 by name: {said}"):
        searched(path)
    _without_lines(tmp_path / "inbox" / "much.xlsx", {"S-1"})
    assert (tmp_path / "inbox" / "much.xlsx").exists(), "the sweep afterwards names it"
    assert perf_counter() - start < 120


def test_a_source_has_no_more_rows_than_a_sheet_and_cells_without_end_are_not_walked(tmp_path, monkeypatch):
    with pytest.raises(SourceBroken, match=r"^long\.xlsx: holds more than 1,048,576 rows"):
        deque(xlsx_rows(grid(tmp_path / "long.xlsx", [(1, {"A": "id"}), (2_000_000_000, {"A": "1"})]), None), 0)
    monkeypatch.setattr("connectors.xlsxrows._CELLS", 1 << 20)
    wide = grid(tmp_path / "wide.xlsx", [(1, {"A": "id"}), *((n, {"A": "1", "XFD": ""}) for n in range(2, 100))])
    with pytest.raises(SourceBroken, match=r"^wide\.xlsx: holds more than 1,048,576 cells"):
        deque(xlsx_rows(wide, None), 0)


def test_entities_are_not_multiplied_and_read_no_file(tmp_path):
    path = workbook(tmp_path / "entities.xlsx", entities=True)
    for read in (lambda: list(xlsx_rows(path, None)), lambda: sheet_names(path), lambda: lines.read(path, ["id"])):
        try:
            shown = str(read())
        except Exception as error:  # noqa: BLE001 - refused is as good
            shown = str(error)
        assert "root:" not in shown
        assert len(shown) < 10_000


def test_a_macro_is_neither_run_nor_handed_on(tmp_path):
    path = workbook(tmp_path / "macro.xlsx", macro=True)
    assert list(xlsx_rows(path, None)) == [["id", "email"], ["1", "ann@x.org"]]


def test_all_that_is_written_is_the_owners_alone(tmp_path):
    before = os.umask(0o022)
    try:
        erasing.build(tmp_path, rights="access; portability; erasure")
        with (tmp_path / "requests.csv").open("a") as file:
            file.write("A-2,2026-11-02,portability,email=bob@x.org,2026-11-03,\n")
        given = set(tmp_path.rglob("*"))
        ws = erasing.opened(tmp_path)
        request = ws.request("A-1")
        ws.collect(request)
        for group in list(ws.review.waiting):
            ws.review.rule(group, "not theirs", by="R. Eader", reason="a delivery address that two people share")
        ws.collect(request)
        ws.first_steps(request, by="A")
        ws.export(request)
        ws.access_report(request)
        ws.deliver(request)
        ws.draft(request)
        ws.checklist(request)
        from dsar.run import erasure, purge
        from dsar.run.batch import batch

        batch(ws, [ws.request("A-2")], workers=1)
        erasure.dry_run(ws, [request])
        erasure.checklists(ws, [request])
        erasure.retention(ws)
        erasure.verify(ws, [request])
        erasure.certify(ws, request)
        ws.register.record(ws.register.case("A-1"), "closed", by="A", outcome="withdrawn")
        purge.purge(ws, by="A", dry_run=True)
        assert ws.today == date(2026, 11, 23)
    finally:
        os.umask(before)
    open_to_others = {}
    for path in sorted(set(tmp_path.rglob("*")) - given):
        wanted = 0o700 if path.is_dir() else 0o600
        if (mode := path.stat().st_mode & 0o777) != wanted:
            open_to_others[str(path.relative_to(tmp_path))] = oct(mode)
    assert open_to_others == {}
    assert len(set(tmp_path.rglob("*")) - given) > 60


@pytest.mark.parametrize("name", ["From", "To", "Subject", "Content-Type"])
def test_a_mail_whose_head_has_no_end_is_told_in_one_line(tmp_path, name):
    path = tmp_path / "long.eml"
    sender = "" if name == "From" else "From: a@x.org\n"
    path.write_text(f"{name}: {', '.join(f'p{n}@x.org' for n in range(200_000))}\n{sender}\nSend me my data.\n")
    said = rf"^long\.eml: its {name} line is longer than any that is meant to be read .* — "
    with pytest.raises(BadMail, match=said + "register it by hand"):
        mail.read(path)
    with pytest.raises(SourceBroken, match=said + "take it out"):
        list(mails.read(path))


def test_the_demo_is_the_owners_alone_whatever_the_umask(tmp_path, monkeypatch):
    monkeypatch.setattr("dsar.cli_workspace.run_batch", lambda *_: 0)
    folder, before = tmp_path / "demo", os.umask(0o022)
    try:
        assert CliRunner().invoke(app, ["demo", str(folder)]).exit_code == 0
        assert os.umask(0o022) == 0o022, "the mask is the user's again"
    finally:
        os.umask(before)
    modes = {path: path.stat().st_mode & 0o777 for path in (folder, *folder.rglob("*"))}
    assert modes[folder] == 0o700
    assert modes[folder / "requests.csv"] == 0o600
    assert {path for path, mode in modes.items() if mode & 0o077} == set()
