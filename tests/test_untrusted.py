"""What a stranger writes into a form field stays text: in notebooks, pages, terminals, parameters and paths; and files from outside have limits."""

import io
import os
import shutil
import zipfile
from datetime import date

import nbformat
import openpyxl
import pytest
from nbconvert import HTMLExporter
from playwright.sync_api import sync_playwright

import dsar
from connectors.files import sheet_names, xlsx_rows
from dsar.desk import lines
from dsar.errors import BadRequests, DsarError, SourceBroken
from dsar.listing import listing
from dsar.run.jobs import NOTEBOOKS, Job
from dsar.run.pool import run_all
from dsar.terminal import Terminal
from dsar.workspace import maps
from tests.needs import needs
from tests.run import erasing

HOSTILE = (
    '<img src=x onerror="window.pwned=1">',
    "<script>window.pwned=2</script>",
    "[click](javascript:window.pwned=3)",
    "![x](https://evil.example/p.png)",
    "$\\href{javascript:window.pwned=4}{x}$ \\(y\\)",
    "\x1b[31mred\x1b]0;title\x07",
    "\"'); DROP TABLE customers;--",
    '=HYPERLINK("https://evil.example")',
    '";open("pwned","w").write("x")#',
    "{{ 7*7 }}{% raw %}",
)  # fmt: skip


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """A person whose every value is hostile, as the account's name, a note and a delivery address; and her answered request."""
    folder = tmp_path_factory.mktemp("hostile")
    ws = erasing.build(folder, rights="access; portability")
    for n, value in enumerate(HOSTILE, 100):
        erasing.sql(folder, "shop.db", "UPDATE customers SET name = '" + HOSTILE[0] + HOSTILE[1] + "' WHERE id = 1")
        import sqlite3
        from contextlib import closing

        with closing(sqlite3.connect(folder / "shop.db")) as database:
            database.execute("INSERT INTO notes VALUES (?, 1, ?)", (n, value))
            database.commit()
    request = ws.request("A-1")
    ws.collect(request)
    for group in list(ws.review.waiting):
        ws.review.rule(group, "not theirs", by="R. Eader", reason="a delivery address that two people share")
    ws.collect(request)
    return ws, request


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield started
        started.close()


def looked_at(browser, html, tmp_path):
    """Open a page as a reader does, and return what came of it: what was asked for, what ran, and the text in sight."""
    path = tmp_path / "page.html"
    path.write_text(html, encoding="utf-8")
    tab, asked = browser.new_page(), []
    tab.on("request", lambda request: asked.append(request.url))
    tab.on("dialog", lambda dialog: asked.append(dialog.message))
    tab.goto(path.as_uri())
    tab.wait_for_timeout(300)
    seen = {
        "asked": [url for url in asked if "evil" in url or url.endswith("/x")],
        "pwned": tab.evaluate("window.pwned"),
        "images": tab.evaluate("[...document.images].filter(i => i.hasAttribute('onerror') || i.src.includes('evil')).length"),
        "links": tab.evaluate("[...document.links].filter(a => /javascript|evil/.test(a.href)).length"),
        "text": tab.evaluate("document.body.textContent"),
        # A formula begins and ends in one stretch of text, outside of what says that it holds none.
        "formulas": tab.evaluate(
            """() => { const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT); let found = 0;
                while (walk.nextNode()) { const node = walk.currentNode, inside = node.parentElement.closest('.tex2jax_ignore, script, style');
                  if (!inside && /[$][^$]+[$]|\\\\[(]/.test(node.data)) found++; } return found; }"""
        ),
    }
    tab.close()
    return seen


HARMLESS = {"asked": [], "pwned": None, "images": 0, "links": 0, "formulas": 0}


@needs("chromium")
def test_in_a_notebook_every_value_is_text(desk, browser, tmp_path):
    ws, request = desk
    cells = [
        "import dsar",
        f"ws = dsar.open({str(ws.root)!r}); request = ws.request({request.id!r})",
        "ws.collect(request)['shop.notes']",
        "ws.collect(request)['shop.customers']",
        "from dsar.listing import listing; listing(('What', 'Said'), ws.collect(request)['shop.notes'][['id', 'body']].values.tolist(), empty='')",
    ]
    folder = tmp_path / "notebooks"
    folder.mkdir()
    head = nbformat.v4.new_code_cell('request_id = ""\nworkspace = ""', metadata={"tags": ["parameters"]})
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    nbformat.write(
        nbformat.v4.new_notebook(cells=[head, *map(nbformat.v4.new_code_cell, cells)], metadata=kernel), folder / "portability_export.ipynb"
    )
    (result,) = run_all([Job(request.id, "portability", ws.root, "2026-11-23T09:00:00+00:00", 60, folder)], 1)
    assert result.state == "done", result
    executed = nbformat.read(ws.root / "cases" / request.id / "notebooks" / "portability_export.ipynb", as_version=4)
    html, _ = HTMLExporter(template_name="basic").from_notebook_node(executed)  # which, unlike JupyterLab, cleans nothing up
    seen = looked_at(browser, f"<!doctype html><meta charset=utf-8>{html}", tmp_path)
    assert {k: seen[k] for k in HARMLESS} == HARMLESS
    for value in (*HOSTILE[:5], *HOSTILE[6:]):
        assert value in seen["text"], value


@needs("chromium")
def test_a_page_that_does_not_escape_would_be_seen(browser, tmp_path):
    seen = looked_at(browser, "<!doctype html><body>" + "".join(HOSTILE) + '<a href="javascript:1">x</a>', tmp_path)
    assert {k: bool(seen[k]) for k in HARMLESS} == dict.fromkeys(HARMLESS, True)


@needs("chromium")
def test_in_the_page_for_the_requester_every_value_is_text(desk, browser, tmp_path):
    ws, request = desk
    written = ws.export(request)
    package = next(p for p in written.files if p.suffix == ".zip")
    with zipfile.ZipFile(package) as archive:
        html = archive.read(next(n for n in archive.namelist() if n.endswith("index.html"))).decode()
    seen = looked_at(browser, html, tmp_path)
    assert {k: seen[k] for k in ("asked", "pwned", "images", "links")} == {k: HARMLESS[k] for k in ("asked", "pwned", "images", "links")}
    for value in (HOSTILE[0] + HOSTILE[1],):
        assert value in seen["text"], value


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
    """Write a workbook whose sheet unpacks to gigabytes, whose XML multiplies itself, or that bears a macro."""
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
                    for _ in range(1_100):
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
    assert path.stat().st_size < 3 << 20
    for read in (lambda: list(xlsx_rows(path, None)), lambda: sheet_names(path)):
        with pytest.raises(SourceBroken, match=r"unpacks to 1,1\d\d MB"):
            read()
    with pytest.raises(BadRequests, match="cannot be read"):
        lines.read(path, ["id"])


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

        batch(ws, [request], workers=1)
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
