"""What a stranger writes into a form field stays text, in a real browser: in executed notebooks, in case files, in the page for the requester."""

import stat
import subprocess
import zipfile
from pathlib import Path

import axe_playwright_python
import nbformat
import pytest
from nbconvert import HTMLExporter

from dsar.run.casefile import case_file
from dsar.run.jobs import Job
from dsar.run.pool import run_all
from tests.browser.lab import chromium
from tests.browser.planted import HARMLESS, HOSTILE, build, looked_at
from tests.needs import needs

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
pytestmark = needs("chromium")


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """Her answered request."""
    ws = build(tmp_path_factory.mktemp("hostile"), "access; portability")
    request = ws.request("A-1")
    ws.collect(request)
    for group in list(ws.review.waiting):
        ws.review.rule(group, "not theirs", by="R. Eader", reason="a delivery address that two people share")
    ws.collect(request)
    return ws, request


@pytest.fixture(scope="module")
def browser():
    with chromium() as started:
        yield started


def test_in_a_notebook_every_value_is_text(desk, browser, tmp_path):
    ws, request = desk
    cells = [
        "import dsar",
        f"ws = dsar.open({str(ws.root)!r}); request = ws.request({request.id!r})",
        "ws.collect(request)['shop.notes']",
        "ws.collect(request)['shop.customers']",
        "notes = ws.collect(request)['shop.notes'][['id', 'body']]",
        "from dsar.listing import listing; listing(('What', 'Said'), notes.values.tolist() * 9, empty='')",
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


def test_the_case_file_is_text_whole_and_needs_nothing_else(desk, browser, tmp_path):
    ws, request = desk  # with the notebook that the test above ran, a long table in it
    page, pdf = case_file(ws, request).files
    seen = looked_at(browser, page.read_text(encoding="utf-8"), tmp_path)
    assert {k: seen[k] for k in HARMLESS} == HARMLESS
    for value in (*HOSTILE[:5], *HOSTILE[6:]):
        assert value in seen["text"], value
    context = browser.new_context(bypass_csp=True)  # for axe's own script
    tab, asked = context.new_page(), []
    tab.on("request", lambda asking: asked.append(asking.url))
    tab.goto(page.as_uri())
    search = tab.locator(".dt-search input")
    search.wait_for()
    assert [url for url in asked if not url.startswith(("file:", "blob:", "data:"))] == []
    rows = tab.locator(".listing-box tbody tr")
    assert rows.count() == 9 * (len(HOSTILE) + 1)
    search.fill("rang about")
    assert rows.count() == 9
    tab.evaluate(AXE)
    assert [(v["id"], [n["html"][:200] for n in v["nodes"]]) for v in tab.evaluate("axe.run()")["violations"]] == []
    context.close()
    printed = subprocess.run(["pdftotext", "-layout", pdf, "-"], check=True, capture_output=True, text=True).stdout
    assert printed.count("rang about lamps") == 9 + 1  # a box that scrolls is printed whole
    assert stat.S_IMODE(pdf.stat().st_mode) == 0o600


def test_a_page_that_does_not_escape_would_be_seen(browser, tmp_path):
    seen = looked_at(browser, "<!doctype html><body>" + "".join(HOSTILE) + '<a href="javascript:1">x</a>', tmp_path)
    assert {k: bool(seen[k]) for k in HARMLESS} == dict.fromkeys(HARMLESS, True)


def test_in_the_page_for_the_requester_every_value_is_text(desk, browser, tmp_path):
    ws, request = desk
    written = ws.export(request)
    package = next(p for p in written.files if p.suffix == ".zip")
    with zipfile.ZipFile(package) as archive:
        html = archive.read(next(n for n in archive.namelist() if n.endswith("index.html"))).decode()
    seen = looked_at(browser, html, tmp_path)
    assert {k: seen[k] for k in ("asked", "pwned", "images", "links")} == {k: HARMLESS[k] for k in ("asked", "pwned", "images", "links")}
    assert HOSTILE[0] + HOSTILE[1] in seen["text"]
