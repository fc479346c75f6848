"""All that is done with a request, from intake to purge, with faults among it: each command as an analyst gives it."""

import contextlib
import io
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import openpyxl

NOW = "2026-11-23T10:00:00+00:00"


class Flow:
    """Runs commands in a home of its own, and keeps what they say."""

    def __init__(self, root, *, processes):
        self.ws, self.home, self.said, self.processes = root / "ws", root / "home", root / "said", processes
        for folder in (self.ws, self.home, self.said, root / "tmp"):
            folder.mkdir()
        self.env = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("DSAR", "XDG", "JUPYTER", "IPYTHON"))},
            "HOME": str(self.home), "TMPDIR": str(root / "tmp"), "DSAR_NOW": NOW, "DSAR_USER": "A. Nalyst", "DSAR_WORKSPACE": str(self.ws),
            "PYTHONPATH": str(Path.cwd()), "HISTFILE": str(self.home / ".bash_history"), "COLUMNS": "200",
        }  # fmt: skip
        self.count = 0
        with (self.home / ".bash_history").open("w") as history:
            history.write("")

    def __call__(self, *words, typed="", any_status=False):
        """Run `dsar`, note the command as a shell's history would, and its output."""
        self.count += 1
        with (self.home / ".bash_history").open("a") as history:
            history.write(" ".join(("dsar", *map(str, words))) + "\n")
        if self.processes or words[0] == "batch" or typed:
            command = [sys.executable, "-m", "dsar", *map(str, words)]
            done = subprocess.run(command, env=self.env, cwd=self.ws, input=typed, capture_output=True, text=True, check=False)
            status, text = done.returncode, done.stdout + "\n--- stderr\n" + done.stderr
        else:
            status, text = self._within(words, typed)
        (self.said / f"{self.count:02}-{words[0]}.txt").write_text(text)
        if status not in {0, 1} and not any_status:
            raise SystemExit(f"dsar {' '.join(map(str, words))} ended with {status}: {text}")
        return text

    @contextlib.contextmanager
    def sealed(self):
        """Seal the workspace, have it open meanwhile, as `dsar open` does, and close it."""
        import pyrage

        (self.home / "key").write_text(f"{pyrage.x25519.Identity.generate()}\n")
        self.env["DSAR_KEY_COMMAND"] = f"cat {self.home / 'key'}"
        self("seal")
        with self.opened():
            yield

    @contextlib.contextmanager
    def opened(self):
        """Have the sealed workspace open meanwhile."""
        from dsar.keep import vault

        os.environ["DSAR_KEY_COMMAND"] = self.env["DSAR_KEY_COMMAND"]
        vault.leave()
        vault.opened(self.ws.resolve())
        try:
            yield
        finally:
            vault.leave()

    def _within(self, words, typed):
        from typer.testing import CliRunner

        from dsar import cli, cli_answer

        before = dict(os.environ)
        os.environ.clear()
        os.environ.update(self.env)
        tempfile.tempdir = self.env["TMPDIR"]
        err = io.StringIO()
        try:
            cli_answer.err.file = err
            result = CliRunner().invoke(cli.app, [str(w) for w in words], input=typed)
            error = result.exception if not isinstance(result.exception, SystemExit) else None
            return 2 if error else result.exit_code, f"{result.output}\n{err.getvalue()}{''.join(cli.frames(error)) if error else ''}"
        finally:
            cli_answer.err.file = None
            tempfile.tempdir = None
            os.environ.clear()
            os.environ.update(before)


def run(flow):
    """Intake to purge, errors among it."""
    ws = flow.ws
    flow("check")
    flow("register", "add", "--by", "A", "--received", "2026-11-02", "--right", "access", "--id", "R-2", "--identifiers", ws / "ask.txt")
    flow("register", "add", "--by", "A", "--received", "2026-11-02", "--right", "access", typed="email=zquinta at zqcanary\n", any_status=True)
    flow("register", "intake", ws / "mails")
    flow("register", "show", "R-1")
    flow("identity", "ask", "R-2", "--by", "A", "--doubt", "a sender line proves nothing")
    flow("letters", "R-2")
    flow("begin", "R-1", "--by", "A")
    flow("collect", "--again", "R-1", "R-2", "R-3")
    answered(ws, damaged=True)
    flow("collect", "--again", "R-1", "R-3")
    answered(ws)
    flow("collect", "--again", "R-1", "R-3")
    for group in groups(flow("review")):
        flow("review", group, "cannot tell", "--by", "A", "--reason", "nobody can say whose it is", any_status=True)
        flow("review", group, "mask", "--by", "A", any_status=True)
    flow("collect", "--again", "R-1", "R-3")
    decide(ws)
    flow("why", "R-1", "shop.customers", "1", any_status=True)
    flow("status")
    flow("batch", "R-1", "R-3", "--workers", "1", any_status=True)
    flow("batch", "R-1", "R-3", "--workers", "1", "--dry-run")
    flow("deliver", "R-1", "--way", "by hand", any_status=True)
    flow("letters", "R-1", any_status=True)
    register(ws, "R-1", "delivered", files={"a.xlsx": "00"}, method="post")
    register(ws, "R-2", "closed", outcome="withdrawn")
    for words in (
        ("erase", "R-1", "--dry-run"),
        ("checklists", "write"),
        ("erase", "R-1", "--execute", "--by", "A"),
        ("verify", "R-1"),
        ("retention",),
    ):
        flow(*words, any_status=True)
    (ws / "requests.csv").write_text((ws / "requests.csv").read_text().replace("R-3,2026-11-02", "R-3,zqcanary"))
    flow("check", any_status=True)
    flow("--debug", "check", any_status=True)
    (ws / "requests.csv").write_text((ws / "requests.csv").read_text().replace("R-3,zqcanary", "R-3,2026-11-02"))
    with contextlib.closing(sqlite3.connect(ws / "shop.db")) as shop:
        shop.executescript("ALTER TABLE customers RENAME COLUMN email TO mail")
    flow("collect", "--again", "R-3", any_status=True)
    flow("batch", "R-3", "--workers", "1", any_status=True)
    flow("ledger", "verify")
    flow("ledger", "sheet", ws / "november.docx")
    flow("register", "export", ws / "register.xlsx")
    flow("purge", "--dry-run")
    for sheet in (ws / "intake").glob("proposals_*.xlsx"):
        sheet.unlink()  # as its line says: none of its letters is a request that is not registered


def answered(ws, *, damaged=False):
    """Send the worklist back, with a mail per search, or with files that cannot be read whose names are marked."""
    lists = [*sorted((ws / "worklists").glob("*_searches*.xlsx")), ws / "inbox" / "returned.xlsx"]
    book = openpyxl.load_workbook(lists[0])
    for row in book["Searches"].iter_rows():
        if str(row[0].value).startswith("S-"):
            row[6].value = "Files in inbox"
            folder = ws / "inbox" / row[0].value
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            if damaged:
                (folder / "contract of zquinta zqcanary.msg").write_bytes(b"no mail of zquinta")
            else:
                hers = "zqcanary" in str(row[4].value)
                name, words = ("mail of zqcanary.eml", "zquinta") if hers else ("mail.eml", "quiet")
                (folder / name).write_text(f"From: {row[4].value}\nTo: desk@quill.example\nSubject: lamps\n\n{words}\n")
                (folder / "contract of zquinta zqcanary.msg").unlink(missing_ok=True)
    (ws / "inbox" / "zqcanary.xlsx").write_bytes(b"no workbook of zquinta")
    if not damaged:
        (ws / "inbox" / "zqcanary.xlsx").unlink()
    book.save(ws / "inbox" / "returned.xlsx")


def groups(text):
    return [
        line.split()[0]
        for line in text.splitlines()
        if line.split() and len(line.split()[0]) == 8 and set(line.split()[0]) <= set("0123456789abcdef")
    ]


def decide(ws):
    import dsar
    from dsar.errors import DsarError

    workspace = dsar.open(ws)
    for name in ("R-1", "R-3"):
        with contextlib.suppress(DsarError):
            workspace.decide(workspace.request(name), "part 1", by="A", rest_by=workspace.register.case(name).due)


def register(ws, name, kind, **details):
    import dsar

    workspace = dsar.open(ws)
    workspace.register.record(workspace.register.case(name), kind, by="A", **details)


def forget(flow):
    """Close the person's requests, and purge all of them three years later."""
    register(flow.ws, "R-1", "closed", outcome="withdrawn")
    flow.env["DSAR_NOW"] = "2029-12-31T10:00:00+00:00"
    return flow("purge", "R-1", "R-2", "--by", "A")


def lab(flow):
    """Open JupyterLab as an analyst does, save a notebook with outputs through it, and stop it."""
    if hasattr(os, "getuid") and os.getuid() == 0:  # a machine that tests as root
        (flow.home / ".jupyter").mkdir(exist_ok=True)
        (flow.home / ".jupyter" / "jupyter_server_config.py").write_text("c.ServerApp.allow_root = True\n")
    port = 18_000 + os.getpid() % 1_000
    env = {**flow.env, "JUPYTER_TOKEN": "t", "JUPYTER_PORT": str(port), "BROWSER": "true", "JUPYTER_PREFER_ENV_PATH": "1"}
    with (flow.said / "99-lab.txt").open("w") as out:
        server = subprocess.Popen([sys.executable, "-m", "dsar", "lab"], env=env, cwd=flow.ws, stdout=out, stderr=out, start_new_session=True)
        try:
            base = f"http://127.0.0.1:{port}/api/contents/mine.ipynb"
            cell = {"cell_type": "code", "id": "a", "metadata": {}, "execution_count": 1, "source": "found",
                    "outputs": [{"output_type": "stream", "name": "stdout", "text": "zquinta@zqcanary.example"}]}  # fmt: skip
            content = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
            for _ in range(60):
                time.sleep(1)
                with contextlib.suppress(OSError):
                    asked(base, "PUT", {"type": "notebook", "content": content})
                    break
            asked(f"{base}/checkpoints", "POST", {})
            kernel = json.loads(asked(f"http://127.0.0.1:{port}/api/kernels", "POST", {"name": "python3"}))
            time.sleep(4)
            if "over TCP" in (flow.said / "99-lab.txt").read_text():
                raise SystemExit("a kernel of JupyterLab talks over TCP, where others can listen")
            asked(f"http://127.0.0.1:{port}/api/kernels/{kernel['id']}", "DELETE", None)
        finally:
            os.killpg(server.pid, signal.SIGINT)
            time.sleep(1)
            os.killpg(server.pid, signal.SIGTERM)
            server.wait(20)


def asked(url, method, body):
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(url, method=method, data=data, headers={"Authorization": "token t"})  # noqa: S310 - our own server
    with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310 - our own server
        return answer.read()
