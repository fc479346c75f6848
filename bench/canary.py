"""The whole flow with marked values, and then a search for them in all that was written where they do not belong.

`make test-canary`: every command as its own process, JupyterLab as well; QUICK=1: the same commands in one process, no JupyterLab.
A person's values are marked by words that stand nowhere else. What is allowed to hold them is named in `ALLOWED`; of notebooks,
the outputs of their cells. All else — messages, progress, tracebacks, file names, ledger, summaries, metadata, logs, temporary
folders, home and what shells and Jupyter put there — is read in every coding and searched. Then one canary is planted per coding, to see that
the search finds them.
"""

import base64
import contextlib
import gzip
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
import zipfile
from pathlib import Path
from urllib.parse import quote

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq

MARKS = ("zqcanary", "zquinta", "203.0.113.77")
NOW = "2026-11-23T10:00:00+00:00"
# Below the workspace: what holds personal values because that is what it is for, by its first folder, or its folder in a case.
SYSTEMS = ("shop.db", "logs", "requests.csv", "ask.txt", "mails", "inbox", "worklists", "superseded", "published", "intake")
CASE = ("dossier", "before", "outbox", "delivery", "letters", "review", "superseded", "worklists", "inbox", "redacted")
REGISTER = {("identifiers", "value"), ("requests", "reply_to"), ("requests", "no_reasonable_doubt"), ("events", "details")}
SHOP = """
CREATE TABLE customers (id INTEGER PRIMARY KEY, email TEXT, name TEXT, street TEXT);
CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customers (id), placed_at TEXT, ip TEXT, browser TEXT);
CREATE TABLE notes (id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customers (id), body TEXT);
INSERT INTO customers VALUES (1, 'Zquinta@zqcanary.example', 'Zquinta Zqcanary', '7 Zqcanary Lane'), (2, 'bob@quill.example', 'Bob Stone', '3 Lane'),
                             (3, 'zquinta.broken@zqcanary.example, other@zqcanary.example', 'Zquinta Zqcanary', '');
INSERT INTO orders VALUES (10, 1, '2026-11-20 09:00:00', '203.0.113.77', 'Zqcanary/1'), (11, 2, '2026-11-20 09:00:00', '192.0.2.9', 'Chrome/1');
INSERT INTO notes VALUES (1, 1, 'rang about zqcanary lamps, ask bob.zqcanary@quill.example or +44 20 7946 0018'), (2, 2, 'quiet');
"""
COLUMNS = {
    "customers": ("id", "email", "name", "street"), "notes": ("id", "customer_id", "body"),
    "orders": ("id", "customer_id", "placed_at", "ip", "browser"),
    "visits": ("file", "line", "copy", "client", "user", "at", "request", "status", "bytes", "referrer", "browser"),
    "mails": ("item", "file", "sent_at", "sender", "recipients", "subject", "text", "attachments", "copies", "by_email"),
}  # fmt: skip
CATEGORIES = {"email": "user.contact.email", "name": "user.name", "street": "user.contact.address", "body": "user.content", "text": "user.content"}
MAP = """
[controller]
name = "Quill & Co"
address = "1 Quill Street"
contact = "privacy@quill.example"
regime = "uk"
calendar = "GB-ENG"
timezone = "Europe/London"
region = "GB"
policy_version = "1"
supervisory_authority = "the ICO"
automated_decisions = { text = "None.", reviewed_by = "A", reviewed_on = 2026-01-01 }
[activities.orders]
purpose = "To sell and deliver"
basis = "6(1)(b)"
origin = "provided"
[activities.visits]
purpose = "To keep the website safe"
basis = "6(1)(f)"
origin = "observed"
[sources.shop]
connector = "sql"
url = "sqlite:///${WORKSPACE}/shop.db"
write_url = "sqlite:///${WORKSPACE}/shop.db"
label = "Shop"
owner = "shop@quill.example"
[sources.shop.tables.customers]
label = "Account"
activity = "orders"
key = ["id"]
match = { customer = "id", email = "email" }
reveals = { customer = "id" }
COLUMNS customers
[sources.shop.tables.orders]
label = "Order"
activity = "orders"
key = ["id"]
match = { customer = "customer_id" }
reveals = { ip = { column = "ip", at = "placed_at", browser = "browser" } }
COLUMNS orders
[sources.shop.tables.notes]
label = "Note"
activity = "orders"
key = ["id"]
match = { customer = "customer_id" }
COLUMNS notes
[sources.web]
connector = "logs"
label = "Website"
owner = "web@quill.example"
[sources.web.tables.visits]
label = "Visit"
activity = "visits"
key = ["file", "line", "copy"]
match = { ip = "client" }
attribute = { at = "at", browser = "browser" }
file = { path = "logs/access*" }
COLUMNS visits
[sources.desk]
connector = "manual"
label = "Support mailbox"
owner = "desk@quill.example"
[sources.desk.tables.mails]
label = "E-mail"
activity = "orders"
key = ["item"]
match = { email = "by_email" }
file = { path = "mails" }
COLUMNS mails
"""


def column(name):
    text = ", free_text = true" if name in {"body", "text"} else ""
    return f'{name} = {{ category = "{CATEGORIES.get(name, "user")}"{text} }}'


def build(ws):
    """Write the workspace, and three requests by one marked person: all rights, one by mail, one that cannot be read."""
    text = "\n".join(
        f"columns = {{ {', '.join(map(column, COLUMNS[line.split()[1]]))} }}" if line.startswith("COLUMNS") else line for line in MAP.split("\n")
    )
    (ws / "dsar.toml").write_text(text, encoding="utf-8")
    with contextlib.closing(sqlite3.connect(ws / "shop.db")) as shop:
        shop.executescript(SHOP)
    (ws / "logs").mkdir()
    line = '203.0.113.77 - zquinta [20/Nov/2026:09:01:00 +0000] "GET /zqcanary?q=zquinta HTTP/1.1" 200 5 "https://zqcanary.example/" "Zqcanary/1"\n'
    (ws / "logs" / "access.log.1").write_text(line * 3 + "203.0.113.77 zqcanary broken\n")
    os.utime(ws / "logs" / "access.log.1", (1_700_000_000, 1_700_000_000))
    who = "email=zquinta@zqcanary.example"
    lines = [f"R-1,2026-11-02,access; portability; erasure,{who},2026-11-03,", "R-3,2026-11-02,access,email=bob@quill.example,2026-11-03,"]
    (ws / "requests.csv").write_text("id,received,rights,identifiers,verified_on,no_reasonable_doubt\n" + "\n".join(lines) + "\n")
    (ws / "ask.txt").write_text("email=zquinta@zqcanary.example\nphone=+44 20 7946 0555\n")
    (ws / "mails").mkdir()
    (ws / "mails" / "1.eml").write_text(
        "From: Zquinta Zqcanary <zquinta@zqcanary.example>\nTo: privacy@quill.example\nDate: Mon, 02 Nov 2026 10:00:00 +0000\n"
        "Subject: Zqcanary\nMessage-ID: <1@zqcanary.example>\n\nPlease send me a copy of all my personal data. Zquinta\n"
    )


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

    def _within(self, words, typed):
        from typer.testing import CliRunner

        from dsar import cli

        before = dict(os.environ)
        os.environ.clear()
        os.environ.update(self.env)
        tempfile.tempdir = self.env["TMPDIR"]
        err = io.StringIO()
        try:
            cli.err.file = err
            result = CliRunner().invoke(cli.app, [str(w) for w in words], input=typed)
            error = result.exception if not isinstance(result.exception, SystemExit) else None
            return 2 if error else result.exit_code, f"{result.output}\n{err.getvalue()}{''.join(cli.frames(error)) if error else ''}"
        finally:
            cli.err.file = None
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


# -- the search ------------------------------------------------------------------------------------------


def found(text):
    folded = text.casefold()
    return any(mark in folded for mark in MARKS)


def search(root, systems=SYSTEMS, in_case=CASE, in_register=REGISTER):
    """Return the files, with the place in them, that hold a mark where none belongs, and how many files were read."""
    from dsar.keep import sweep

    hits, read = [], 0
    for path in sorted(p for p in root.rglob("*") if p.is_file() or p.is_symlink()):
        name = path.relative_to(root)
        parts = name.parts
        if parts[0] == "ws" and (parts[1] in systems or (parts[1] == "cases" and parts[3:4] and parts[3] in in_case)):
            continue
        read += 1
        if found(str(name)):
            hits.append(f"{name}: its name")
        if path.suffix == ".ipynb":
            hits += [str(name)] if found(path.read_text(encoding="utf-8") if not in_case else beside_outputs(path)) else []
        elif parts[:2] == ("ws", "register.db"):
            hits += [f"{name}: {place}" for place in register_places(path, in_register)]
        elif any(found(text) for text in sweep.texts(path)):
            hits.append(str(name))
    return hits, read


def beside_outputs(path):
    notebook = json.loads(path.read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        cell["outputs"] = []
    return json.dumps(notebook, ensure_ascii=False)


def register_places(path, allowed):
    with contextlib.closing(sqlite3.connect(path)) as database:
        for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            rows = database.execute(f'SELECT * FROM "{table}"')  # noqa: S608
            names = [d[0] for d in rows.description]
            for row in rows:
                yield from (f"{table}.{n}" for n, v in zip(names, row, strict=True) if found(str(v)) and (table, n) not in allowed)


def planted(folder):
    """Plant one canary per coding, and return the codings it was found in, and all."""
    from dsar.keep import sweep

    word = "zqcanary@example.org"
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("inner.txt.gz", gzip.compress(word.encode()))
    parquet = io.BytesIO()
    pq.write_table(pa.table({"c": [word]}), parquet)
    book = io.BytesIO()
    sheet = openpyxl.Workbook()
    sheet.active["A1"] = word
    sheet.save(book)
    codings = {
        "plain": word.encode(), "capitals": word.upper().encode(), "gz": gzip.compress(word.encode()), "gz in zip": zipped.getvalue(),
        "parquet": parquet.getvalue(), "xlsx": book.getvalue(), "base64": b"x " + base64.b64encode(f"to {word}".encode()) + b" y",
        "base64 in gz": gzip.compress(base64.b64encode(word.encode())), "percent": "".join(f"%{b:02X}" for b in word.encode()).encode(),
        "percent in json": json.dumps({"u": f"https://x/?q={quote(word)}"}).encode(), "utf-16": word.encode("utf-16"),
        "utf-16 without mark": word.encode("utf-16-le"), "utf-16 big": word.encode("utf-16-be"),
        "backslashes": json.dumps({"x": word}).encode().replace(b"q", b"\\u0071"),
        "entities": word.replace("z", "&#122;").encode(), "among bytes": b"\x00\xff\x01" + word.encode() + b"\xfe",
    }  # fmt: skip
    for name, data in codings.items():
        (folder / f"{name.replace(' ', '-')}.bin").write_bytes(data)
    with contextlib.closing(sqlite3.connect(folder / "SQLite.bin")) as database:
        database.executescript(f"CREATE TABLE t (c TEXT); INSERT INTO t VALUES ('{word}')")  # noqa: S608
    with contextlib.closing(sqlite3.connect(folder / "SQLite-freed.bin")) as database:
        database.executescript(f"PRAGMA secure_delete = OFF; CREATE TABLE t (c TEXT); INSERT INTO t VALUES ('{word}'); DELETE FROM t")  # noqa: S608
    everything = sorted(folder.iterdir())
    return [p.stem for p in everything if any(found(text) for text in sweep.texts(p))], [p.stem for p in everything]


def main():
    quick = bool(os.environ.get("QUICK"))
    began = time.monotonic()
    root = Path(tempfile.mkdtemp(prefix="canary-"))
    try:
        flow = Flow(root, processes=not quick)
        build(flow.ws)
        run(flow)
        if not quick:
            lab(flow)
        hits, read = search(root)
        told = forget(flow)
        # What the analyst put there and where the systems lie is not the toolkit's to take; it names these files.
        after, read_after = search(root, ("shop.db", "logs", "ask.txt", "mails"), (), set())
        unnamed = [name for name in ("ask.txt", "mails/1.eml") if f"{name} still holds a value" not in told]
        (root / "planted").mkdir()
        seen, codings = planted(root / "planted")
    finally:
        if not os.environ.get("KEEP"):
            shutil.rmtree(root)
        else:
            print(root)
    for hit in hits:
        print(f"a value of the person stands in {hit}")
    for hit in after:
        print(f"after purge, a value of the person stands in {hit}")
    for name in unnamed:
        print(f"purge does not name what the analyst left lying: {name}")
    missed = sorted(set(codings) - set(seen))
    for coding in missed:
        print(f"a planted canary was not found: {coding}")
    how = "in one process" if quick else "each a process, and JupyterLab"
    took = f"{time.monotonic() - began:.0f} s"
    print(f"{flow.count} commands ({how}), {read} files read: {len(hits)} hits. After purge, {read_after} files: {len(after)} hits.")
    print(f"Planted canaries found: {len(seen)} of {len(codings)} codings. {took}")
    sys.exit(1 if hits or after or unnamed or missed else 0)


if __name__ == "__main__":
    main()
