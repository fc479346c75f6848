"""The reading page: the same content as the workbook, safe, and good to read for everybody."""

import http.server
import re
import shutil
import threading
from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from zipfile import ZipFile
from zoneinfo import ZoneInfo

import axe_playwright_python
import openpyxl
import pytest
from playwright.sync_api import sync_playwright

from dsar import values
from dsar.answer import page
from dsar.answer.layout import Facts, Page, Paragraph, Table, Worklist
from dsar.texts import texts
from tests.answer.frames import NASTY
from tests.answer.world import DATA, exported
from tests.needs import needs

LONDON = ZoneInfo("Europe/London")
AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def made(*sheets, language="en"):
    return page.page(sheets, title="Your data", workbook="w.xlsx", zone=LONDON, say=texts(language), attach=lambda _: "beside.txt").decode()


def cells(html):
    return [unescape(c) for c in re.findall(r"<(?:td|th|dd|dt|p|h[123])\b[^>]*>([^<]*)</", html)]


@pytest.fixture(scope="module", params=["en", "de"])
def package(request, tmp_path_factory):
    """An unpacked package."""
    case = tmp_path_factory.mktemp(request.param) / "A-1"
    exported(case, request.param)
    with ZipFile(next((case / "outbox").glob("*.zip"))) as archive:
        archive.extractall(case / "out")
    return case / "out"


def test_it_holds_what_the_workbook_holds(package):
    html = (package / "index.html").read_text(encoding="utf-8")
    seen = set(cells(html))
    book = openpyxl.load_workbook(next(package.glob("*.xlsx")))
    for sheet in book:
        for value in (c.value for row in sheet.iter_rows() for c in row if c.value is not None):
            text = f"{value:%Y-%m-%d %H:%M:%S}" if isinstance(value, datetime) else str(value)
            assert {text, text.removesuffix(" 00:00:00"), f"{text}0", f"{value:.2f}" if isinstance(value, float) else text} & seen, text


def test_it_is_in_the_language_and_names_the_parts(package):
    html = (package / "index.html").read_text(encoding="utf-8")
    language, title = re.search(r'<html lang="(\w+)">', html)[1], re.search(r"<h2 [^>]*>([^<]*)", html)[1]
    assert (language, title) in {("en", "Read me first"), ("de", "Bitte zuerst lesen")}
    links, ids = re.findall(r'href="#([^"]+)"', html), re.findall(r' id="([^"]+)"', html)
    assert set(links) == set(ids)
    assert len(ids) == len(set(ids))


def test_nothing_in_it_is_markup_but_ours_and_nothing_comes_from_elsewhere():
    texts_ = [*NASTY, "<script>alert(1)</script>", "{{ 7 * 7 }}", "{% raw %}", "</style><img src=x onerror=y>", "javascript:x"]
    frame = values.frame({"<b>a</b>": texts_, "b": [b"\x00"] * len(texts_)})
    html = made(Table("<i>T</i>", frame, {}), Page("&P", (Paragraph("<u>"), Facts({"<s>": "=1"}))))
    outline = "html head meta title style body a header h1 h2 h3 p nav ul li main section dl div dt dd"
    allowed = {*outline.split(), *["table", "thead", "tbody", "tr", "th", "td", "figure", "figcaption", "svg", "rect", "text"]}
    assert set(re.findall(r"<([a-z0-9]+)", html)) <= allowed
    assert re.findall(r"\b(?:src|on\w+)=|url\(|@import|https?://", re.sub(r">[^<]*<", "><", html)) == []
    seen = cells(html)
    assert [t for t in ("<script>alert(1)</script>", "{{ 7 * 7 }}", "=1+1", "0044207", "␀␇␛␡‹U+0085›", "<u>") if t not in seen] == []
    assert "too long for a cell: see the file beside.txt" in seen
    assert "default-src 'none'" in html


def test_right_to_left_text_is_marked():
    html = made(Table("T", values.frame({"a": ["مرحبا", "hello مرحبا", "שלום (x)"]}), {}))
    assert re.findall(r"<td([^>]*)>", html) == [' dir="rtl"', "", ' dir="rtl"']


def test_a_chart_counts_rows_per_month_where_there_are_dates():
    moments = [datetime(2024, 1, 31, 23, 30, tzinfo=UTC), datetime(2024, 3, 31, 23, 30, tzinfo=UTC), datetime(2024, 4, 2, tzinfo=UTC), None]
    html = made(Table("Visits", values.frame({"at": moments}), {"at": "Visited at"}))
    assert 'aria-label="Visits per month, by Visited at: 2024-01: 1, 2024-04: 2"' in html  # British Summer Time has begun
    assert html.count("<rect") == 4
    years = [datetime(1999, 1, 1, tzinfo=UTC), datetime(2024, 1, 1, tzinfo=UTC)]
    assert "Visits per year, by at: 1999: 1, 2024: 1" in made(Table("Visits", values.frame({"at": years}), {}))
    for none in ([moments[0]], [None, None]):
        assert "<svg" not in made(Table("Visits", values.frame({"at": none}, {"at": "datetime"}), {}))
    assert "<svg" not in made(Table("Visits", values.frame({"at": moments}), {}, masked={"at": "left out"}))


def test_a_long_table_says_where_the_rest_is(monkeypatch):
    monkeypatch.setattr(page, "ROWS", 3)
    html = made(Table("T", values.frame({"a": list(range(9))}), {}))
    assert [c for c in cells(html) if c.isdigit()] == ["1", "0", "2", "1", "3", "2"]
    assert "These are the first 3 of 9 rows. All of them are on the sheet of the same name in w.xlsx, and in the folder data." in cells(html)
    assert "There are no rows." in made(Table("T", values.frame({"a": []}), {}))
    with pytest.raises(TypeError, match="worklist"):
        made(Worklist("W", ("A",), ()))


@pytest.fixture(scope="module")
def chromium():
    """The system's browser."""
    with sync_playwright() as playwright:
        switches = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=switches)
        yield browser
        browser.close()


@needs("chromium")
def test_axe_finds_nothing(chromium, package):
    context = chromium.new_context(bypass_csp=True)  # for axe's own script; the page has none
    tab = context.new_page()
    tab.goto((package / "index.html").as_uri())
    for width, height in ((1280, 900), (320, 640)):
        tab.set_viewport_size({"width": width, "height": height})
        found = tab.evaluate(AXE + ";axe.run(document, {runOnly: {type: 'tag', values: " + str(TAGS) + "}})")
        assert [(v["id"], [n["html"] for n in v["nodes"]]) for v in found["violations"]] == []
        assert len(found["passes"]) > 20
    context.close()


@pytest.fixture
def served(package):
    """The package behind a local server; its address, and what is asked of it."""
    asked = []

    class Counting(http.server.SimpleHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            super().do_GET()

        def log_message(self, *_):
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), lambda *a: Counting(*a, directory=str(package)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/index.html", asked
    server.shutdown()
    thread.join()
    server.server_close()


@needs("chromium")
def test_no_request_leaves_the_page_and_no_rule_of_it_is_broken(chromium, served):
    tab, (address, served_paths) = chromium.new_page(), served
    asked, told = [], []
    tab.on("request", lambda r: asked.append(r.url))
    tab.on("console", lambda m: told.append(m.text))
    tab.goto(address, wait_until="networkidle")
    for link in tab.locator("nav a").all():
        link.click()
    assert asked == [address]
    assert [p for p in served_paths if p != "/favicon.ico"] == ["/index.html"]
    assert [t for t in told if "favicon" not in t and "404" not in t] == []
    tab.close()


@needs("chromium")
def test_it_works_without_scripts_on_a_phone_and_on_paper(chromium, package):
    context = chromium.new_context(java_script_enabled=False, viewport={"width": 320, "height": 640}, is_mobile=True)
    tab = context.new_page()
    tab.goto((package / "index.html").as_uri())
    tab.locator("nav a").nth(3).click()
    assert tab.url.endswith("#s-order")
    assert tab.locator("#s-order").is_visible()
    assert tab.evaluate("document.documentElement.scrollWidth") == 320  # what is wider scrolls within its own box
    paper = tab.pdf(prefer_css_page_size=True)
    assert paper.startswith(b"%PDF")
    context.close()
    assert len(DATA["shop.orders"]) > 10
