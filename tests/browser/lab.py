"""JupyterLab as `dsar lab` opens it, in the system's Chromium: what an analyst does in it, a line each."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import sync_playwright

WIDTH, HEIGHT = 1280, 800
_SETTINGS = {"notebook-extension/tracker": {"windowingMode": "none"}}  # so that all cells stand in the page, seen or not
_RUN = """async (path) => {
  const app = window.jupyterapp;
  const panel = await app.commands.execute('docmanager:open', { path, factory: 'Notebook' });
  await panel.context.ready; await panel.sessionContext.ready;
  const lacking = () => !panel.sessionContext.session?.kernel;
  for (let n = 0; lacking() && n < 300; n++) await new Promise(done => setTimeout(done, 100));
  await app.commands.execute('notebook:run-all-cells');
  const outputs = panel.content.widgets.filter(w => w.model.type === 'code').map(w => w.model.outputs.toJSON());
  panel.node.setAttribute('data-path', path);
  return outputs;
}"""


@contextmanager
def serve(workspace, home):
    """Run `dsar lab` on a workspace and yield its address; HOME lies in a folder of its own."""
    settings = home / "settings" / "@jupyterlab"
    for name, content in _SETTINGS.items():
        file = settings / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps(content))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = {**os.environ, "HOME": str(home), "JUPYTER_TOKEN": "t", "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"), "DSAR_USER": "M. Aker"}
    env |= {"JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"), "JUPYTER_CONFIG_DIR": str(home / "config"), "JUPYTER_PREFER_ENV_PATH": "1"}
    options = ["--no-browser", "--allow-root", f"--port={port}", "--ServerApp.port_retries=0", "--LabApp.expose_app_in_browser=True"]
    command = [sys.executable, "-m", "dsar", "--workspace", str(workspace), "lab", *options]
    with (home / "lab.txt").open("w") as said:
        server = subprocess.Popen(command, env=env, stdout=said, stderr=said, start_new_session=True)
        try:
            _wait(f"http://127.0.0.1:{port}/api/status?token=t", server, home / "lab.txt")
            yield f"http://127.0.0.1:{port}"
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGTERM)
            server.wait(20)


def _wait(url, server, said):
    for _ in range(600):
        if server.poll() is not None:
            break
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5):
            return
        time.sleep(0.1)
    raise RuntimeError(said.read_text())


@contextmanager
def chromium():
    """Start the system's Chromium."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"],
        )
        yield started
        started.close()


class Lab:
    """One tab with JupyterLab in it; notes what it asked any other machine for."""

    def __init__(self, browser, address):
        self.address, self.elsewhere, self.said = address, [], []
        self.page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        self.page.set_default_timeout(60_000)
        self.page.on("request", lambda r: None if r.url.startswith((address, "data:", "blob:", "ws://127.")) else self.elsewhere.append(r.url))
        self.page.on("dialog", lambda d: self.said.append(d.message))

    def open(self):
        """Open what `dsar lab` opens."""
        self.page.goto(f"{self.address}/lab/tree/start.ipynb?token=t")
        self.page.wait_for_function("window.jupyterapp && window.jupyterapp.shell.currentWidget?.context?.isReady")

    def run(self, name):
        """Open a notebook, run all of it, and return the outputs of its code cells."""
        return self.page.evaluate(_RUN, f"{name}.ipynb")

    def notebook(self, name):
        """Return the notebook's panel as it stands in the page."""
        return self.page.locator(f'[data-path="{name}.ipynb"]')

    def close(self, name):
        """Close a notebook and its kernel."""
        self.page.evaluate("""async (path) => { const app = window.jupyterapp;
            await app.commands.execute('docmanager:open', { path }); const panel = app.shell.currentWidget;
            await panel.sessionContext.shutdown(); panel.context.model.dirty = false; panel.dispose(); }""", f"{name}.ipynb")  # fmt: skip

    def write(self, name, cells):
        """Put a notebook into the folder that JupyterLab shows, by JupyterLab's own hand."""
        made = [
            {"cell_type": "code", "id": f"c{n}", "metadata": {}, "execution_count": None, "outputs": [], "source": c} for n, c in enumerate(cells)
        ]
        kernel = {"kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}}
        content = {"type": "notebook", "content": {"cells": made, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}}
        self.page.evaluate("([name, content]) => window.jupyterapp.serviceManager.contents.save(name, content)", [name, content])

    def whole(self, name, path):
        """Take a picture of a whole notebook, however long."""
        outer = self.notebook(name).locator(".jp-WindowedPanel-outer")
        height = outer.evaluate("box => { box.scrollTop = 0; return box.scrollHeight }")
        self.page.set_viewport_size({"width": WIDTH, "height": min(12_000, height + 120)})
        self.page.wait_for_timeout(400)
        self.page.screenshot(path=path)
        self.page.set_viewport_size({"width": WIDTH, "height": HEIGHT})


def faults(outputs):
    """Return the errors among some outputs."""
    return [f"{o['ename']}: {o['evalue']}" for cell in outputs for o in cell if o["output_type"] == "error"]


def html(outputs):
    """Return all HTML among some outputs."""
    return "".join("".join(o["data"]["text/html"]) for cell in outputs for o in cell if "text/html" in o.get("data", {}))


if __name__ == "__main__":  # python -m tests.browser.lab WORKSPACE FOLDER NOTEBOOK…: pictures of notebooks, to look at
    import tempfile

    with tempfile.TemporaryDirectory() as made, serve(Path(sys.argv[1]), Path(made)) as address, chromium() as browser:
        lab = Lab(browser, address)
        lab.open()
        lab.page.wait_for_timeout(1500)
        lab.page.screenshot(path=Path(sys.argv[2]) / "start-as-opened.png")
        for chosen in sys.argv[3:]:
            began = time.monotonic()
            print(chosen, faults(lab.run(chosen)), round(time.monotonic() - began, 1))
            lab.page.wait_for_timeout(500)
            lab.page.screenshot(path=Path(sys.argv[2]) / f"{chosen}.png")
            lab.whole(chosen, Path(sys.argv[2]) / f"{chosen}-whole.png")
            lab.close(chosen)
        print("elsewhere:", lab.elsewhere)
