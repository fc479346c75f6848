"""Two people on a real JupyterHub, configured as docs/how-to/jupyterhub.md says: `dsar lab` is each one's server.

Slow: `make real` installs JupyterHub and its proxy; `.ci/run` does, elsewhere they are skipped.
"""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from tests.browser.lab import Lab, chromium, faults
from tests.needs import needs
from tests.run import erasing

ROOT = Path(__file__).parents[1]
PROXY = ROOT / ".venv/node/node_modules/.bin/configurable-http-proxy"
HUB = Path(sys.executable).with_name("jupyterhub")
PEOPLE = ("m.aker", "..s.econd")
pytestmark = [pytest.mark.slow, needs("chromium"), needs(PROXY), needs(HUB)]
TRIAL = """
c.JupyterHub.authenticator_class = "dummy"
c.DummyAuthenticator.password = "{password}"
c.Authenticator.allowed_users = {people!r}
c.JupyterHub.bind_url = "http://127.0.0.1:{ports[0]}"
c.JupyterHub.hub_port = {ports[1]}
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{ports[2]}"
c.ConfigurableHTTPProxy.command = ["{proxy}"]
c.Spawner.env_keep = ["PATH", "DSAR_NOW", "DSAR_USER"]
c.Spawner.args = ["--allow-root", "--LabApp.expose_app_in_browser=True"]
"""


def free_ports(count):
    with contextlib.ExitStack() as stack:
        made = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in made:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in made]


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    folder = tmp_path_factory.mktemp("desk")
    erasing.build(folder)
    return erasing.opened(folder)


@pytest.fixture(scope="module")
def hub(desk, tmp_path_factory):
    """Run the hub on the page's own configuration and yield its address, the homes, and what it said."""
    folder, ports = tmp_path_factory.mktemp("hub"), free_ports(3)
    page = (ROOT / "docs/how-to/jupyterhub.md").read_text(encoding="utf-8")
    config = re.search(r"```python title=\"jupyterhub_config.py\"\n(.*?)```", page, re.DOTALL)[1]
    places = {"/srv/dsar/desk": desk.root, "/srv/dsar/homes": folder / "homes", "/srv/dsar/venv/bin/dsar": Path(sys.executable).with_name("dsar")}
    for place, here in places.items():
        assert place in config
        config = config.replace(place, str(here))
    trial = TRIAL.format(password="trial", people=set(PEOPLE), ports=ports, proxy=PROXY)
    (folder / "jupyterhub_config.py").write_text(config + trial)
    (folder / "homes").mkdir()
    env = {**os.environ, "PATH": f"{HUB.parent}{os.pathsep}{os.environ['PATH']}", "DSAR_NOW": erasing.NOW.isoformat()}
    env["DSAR_USER"] = "the hub itself"  # which nobody's server takes over
    with (folder / "said.txt").open("w") as said:
        running = subprocess.Popen([str(HUB), "-f", "jupyterhub_config.py"], cwd=folder, env=env, stdout=said, stderr=said, stdin=subprocess.DEVNULL)
        try:
            address = f"http://127.0.0.1:{ports[0]}"
            wait(f"{address}/hub/health", running, folder / "said.txt")
            yield address, folder / "homes", folder / "said.txt"
        finally:
            running.send_signal(signal.SIGINT)
            running.wait(60)
    assert "Killed" not in (folder / "said.txt").read_text()


def wait(url, running, said):
    for _ in range(600):
        if running.poll() is not None:
            break
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5):
            return
        time.sleep(0.1)
    raise RuntimeError(said.read_text())


def logged_in(browser, address, person):
    """Return the JupyterLab of somebody who logged in, as it opens by itself."""
    lab = Lab(browser, address)
    lab.page.goto(f"{address}/hub/login")
    lab.page.fill("#username_input", person)
    lab.page.fill("#password_input", "trial")
    lab.page.click("#login_submit")
    lab.page.wait_for_function("window.jupyterapp && window.jupyterapp.shell.currentWidget?.context?.isReady", timeout=120_000)
    return lab


def test_each_person_has_a_desk_of_their_own_and_their_name_in_the_ledger(desk, hub):
    address, homes, _ = hub
    with chromium() as browser:
        labs = [logged_in(browser, address, person) for person in PEOPLE]
        for number, lab in enumerate(labs):
            assert lab.page.evaluate("window.jupyterapp.shell.currentWidget.context.path") == "start.ipynb"
            lab.write("letter.ipynb", ["import dsar\nws = dsar.open()", f"'written.by.{number}@x.org'", "ws.collect(ws.request('A-1'), again=True)"])
            assert faults(lab.run("letter")) == faults(lab.run("desk")) == []
            assert lab.elsewhere == []
    assert [e["who"] for e in desk.ledger.lines() if e["what"] == "collected"] == list(PEOPLE)
    assert sorted(p.name for p in (desk.root / "notebooks").iterdir()) == ["%2E%2Es%2Eecond", "m.aker"]
    assert all((folder / "desk.ipynb").is_file() for folder in (desk.root / "notebooks").iterdir())
    assert not list(desk.root.rglob(".ipynb_checkpoints"))
    for path in [p for p in homes.rglob("*") if p.is_file()]:
        assert b"written.by" not in path.read_bytes(), path
