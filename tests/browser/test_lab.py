"""A day at the desk in a real JupyterLab: `dsar lab`, Chromium, every notebook from top to bottom, on data that strangers planted markup in.

With `DSAR_PICTURES=FOLDER` the pictures of README and docs are taken on the way (`make pictures`).
"""

import io
import os
from pathlib import Path

import openpyxl
import pytest
from PIL import Image

from dsar.desk.notebooks import NOTEBOOKS
from dsar.run.jobs import TASKS
from tests.browser.lab import Lab, chromium, faults, html, serve
from tests.browser.planted import HARMLESS, HOSTILE, SEEN, build
from tests.needs import needs
from tests.run import erasing

pytestmark = needs("chromium")
LONG_TABLE = """
import dsar
from dsar.listing import Listing
Listing({"What": [f"Website visit {n}" for n in range(300)], "Said": ['<img src=x onerror="window.pwned=5">'] * 300})
"""


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """Return the workspace: one verified request for every right, and one of somebody who has proved nothing."""
    folder = tmp_path_factory.mktemp("desk")
    build(folder, "; ".join(TASKS))
    with (folder / "requests.csv").open("a", encoding="utf-8") as file:
        file.write("A-2,2026-11-16,access; objection,email=cleo@x.org,,\n")
    return erasing.opened(folder)


@pytest.fixture(scope="module")
def lab(desk, tmp_path_factory):
    before, os.environ["DSAR_NOW"] = os.environ.get("DSAR_NOW"), erasing.NOW.isoformat()
    try:
        with serve(desk.root, tmp_path_factory.mktemp("home")) as address, chromium() as browser:
            opened = Lab(browser, address)
            opened.open()
            yield opened
    finally:
        os.environ.pop("DSAR_NOW")
        if before:
            os.environ["DSAR_NOW"] = before


@pytest.fixture(scope="module")
def picked(lab):
    """The desk, with the request picked there that the other notebooks are about."""
    outputs = lab.run("desk")
    choice = lab.notebook("desk").locator(".widget-dropdown select")
    choice.select_option(label="A-2: 23 days left, identity to settle")
    lab.notebook("desk").get_by_text("nothing may leave", exact=True).wait_for()
    choice.select_option(label="A-1: 9 days left, in work")
    lab.notebook("desk").locator(".jp-OutputArea a", has_text="3 · Access report").first.wait_for()
    picture(lab, "desk", "Pick a request")
    return outputs


@pytest.fixture(scope="module")
def ruled(lab, desk, picked):
    """What the form of the review said, once the analyst ruled on what was held: theirs, with the reason."""
    request = desk.request("A-1")
    assert "AnswerIncomplete" in faults(lab.run("portability_export"))[0]  # it waits for this ruling
    lab.close("portability_export")
    outputs = lab.run("review")
    assert faults(outputs) == []
    form = lab.notebook("review").locator(".widget-vbox").first
    form.get_by_placeholder("your name").fill("R. Eader")
    waiting = list(desk.review.waiting)
    assert waiting
    for n in range(len(waiting)):
        form.locator("select").nth(n).select_option(label="theirs")
        form.get_by_placeholder("what shows it").nth(n).fill("her own order of 2019 went there")
    picture(lab, "review", "Rule")
    form.get_by_role("button", name="Record the rulings").click()
    lab.notebook("review").get_by_text("recorded. Ask the sources again").first.wait_for()
    assert erasing.opened(desk.root).review.waiting == {}
    assert request.id == "A-1"
    return outputs


def picture(lab, name, at=None):
    """Take the picture that README and docs show of a notebook, from its top or from a heading on; small."""
    if folder := os.environ.get("DSAR_PICTURES"):
        outer = lab.notebook(name).locator(".jp-WindowedPanel-outer")
        outer.evaluate("box => { box.scrollTop = 0 }")
        if at:
            outer.get_by_role("heading", name=at, exact=True).evaluate("heading => heading.scrollIntoView()")
        lab.page.wait_for_timeout(400)
        small(Path(folder) / f"lab-{name}.png", lab.page.screenshot())


def small(path, shot):
    Image.open(io.BytesIO(shot)).convert("RGB").quantize(64).save(path, optimize=True)


def test_it_opens_on_what_waits_without_a_cell_being_run(lab):
    page = lab.page.locator(".jp-Notebook").first
    page.get_by_role("link", name="2 · Review").first.wait_for()
    assert "Find out who asks: until then nothing may leave" in page.inner_text()
    assert lab.page.locator(".jp-Notebook img").first.is_visible()  # the chart
    assert not lab.page.get_by_text("Jupyter news").is_visible()  # nor does JupyterLab want to ask other machines for anything
    if folder := os.environ.get("DSAR_PICTURES"):
        small(Path(folder) / "lab-start.png", lab.page.screenshot())
    page.get_by_role("link", name="1 · The desk").first.click()
    lab.page.wait_for_function("window.jupyterapp.shell.currentWidget?.context?.path === 'desk.ipynb'")


def test_the_desk_hands_a_request_on(picked, lab, desk):
    assert faults(picked) == []
    lab.notebook("desk").locator(".jp-OutputArea a", has_text="3 · Access report").first.click()
    lab.page.wait_for_function("window.jupyterapp.shell.currentWidget?.context?.path === 'access_report.ipynb'")
    assert [p.read_text() for p in (desk.root / "cases").glob(".picked-*")] == ["A-1"]
    lab.close("access_report")
    lab.close("desk")


def test_a_ruling_made_in_the_form_is_in_the_export(ruled, lab, desk):
    shown = lab.run("portability_export")
    assert faults(shown) == []
    assert "_portability.xlsx" in html(shown)
    picture(lab, "portability_export")
    (written,) = (desk.root / "cases" / "A-1" / "outbox").glob("*_portability.xlsx")
    cells = {str(c) for sheet in openpyxl.load_workbook(written) for row in sheet.iter_rows(values_only=True) for c in row}
    assert "2 Shared Yard" in cells
    lab.close("portability_export")
    lab.close("review")


@pytest.mark.parametrize("name", [n.name for n in NOTEBOOKS if n.name not in {"desk", "review", "portability_export"}])
def test_it_runs_through(ruled, lab, name):
    shown = lab.run(name)
    assert faults(shown) == []
    gone = {"text/plain": ""}  # a bar that came because the machine was slow, and went
    assert {o["output_type"] for cell in shown for o in cell if o.get("data") != gone} == {"execute_result"}
    if name != "retention_audit":
        assert all(part in html(shown) for part in ("A-1", "in work", "9 days left", "Waits for"))
        assert any("image/png" in o["data"] for cell in shown for o in cell)
    lab.close(name)


def test_what_was_planted_is_text_and_a_long_table_is_whole(ruled, lab, desk):
    cells = [LONG_TABLE, "ws = dsar.open(); dossier = ws.collect(ws.request('A-1'))\ndossier['shop.notes']", "dossier['shop.customers']"]
    lab.write("planted.ipynb", cells)
    assert faults(lab.run("planted")) == []
    lab.notebook("planted").locator(".dt-search input").wait_for()
    seen = lab.page.evaluate(SEEN) | {"asked": lab.said}
    assert {k: seen[k] for k in HARMLESS} == HARMLESS
    for value in (*HOSTILE[:5], *HOSTILE[6:]):
        assert value in seen["text"], value
    table = lab.notebook("planted").locator(".listing-box").first
    assert table.locator("tbody tr").count() == 300
    assert table.get_by_role("columnheader", name="What").is_visible()
    lab.notebook("planted").locator(".jp-WindowedPanel-outer").evaluate("box => { box.scrollTop = 0 }")
    first, last = (table.get_by_text(f"Website visit {n}", exact=True) for n in (0, 299))
    assert first.is_visible()
    last.scroll_into_view_if_needed()
    assert last.is_visible()
    table.locator("input").fill("visit 299")
    assert table.locator("tbody tr").count() == 1
    assert "1 rows of 300" in table.inner_text()
    lab.close("planted")


def test_a_misspelt_request_is_told_in_one_line(lab, desk):
    lab.write("misspelt.ipynb", ["import dsar\nws = dsar.open()\nws.request('A-l')"])
    (fault,) = faults(lab.run("misspelt"))
    assert fault.startswith("UnknownRequest: ")
    assert len(fault.splitlines()) == 1
    lab.close("misspelt")


def test_a_kernel_keeps_no_history_and_can_be_interrupted_and_restarted(lab):
    lab.write("stuck.ipynb", ["import dsar, time\nprint(get_ipython().history_manager.enabled, 'dsar' in dir())", "print('stuck')\ntime.sleep(50)"])
    running = lab.page.evaluate("""async () => {
        const app = window.jupyterapp, panel = await app.commands.execute('docmanager:open', { path: 'stuck.ipynb' });
        await panel.context.ready; await panel.sessionContext.ready;
        const run = app.commands.execute('notebook:run-all-cells');
        const outputs = () => panel.content.widgets.map(w => w.model.outputs.toJSON());
        const until = async test => { for (let n = 0; n < 600 && !test(); n++) await new Promise(done => setTimeout(done, 50)); };
        await until(() => outputs()[1].length);  // between two cells there is nothing to interrupt
        await panel.sessionContext.session.kernel.interrupt(); await run;
        const first = outputs(); await panel.sessionContext.restartKernel();
        panel.content.widgets[1].model.sharedModel.setSource("'again'");
        await app.commands.execute('notebook:run-all-cells');
        return [first, outputs()];
    }""")
    assert [o["text"] for o in running[0][0]] == ["False True\n"]
    assert [o.get("ename", o.get("text")) for o in running[0][1]] == ["stuck\n", "KeyboardInterrupt"]
    assert [o["data"]["text/plain"] for o in running[1][1]] == ["'again'"]
    lab.close("stuck")


def test_nothing_was_asked_of_any_other_machine(lab):
    assert lab.elsewhere == []
