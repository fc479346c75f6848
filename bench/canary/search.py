"""The search for marked values in all that was written where none belong, in every coding; and canaries to see that it finds them."""

import base64
import bz2
import contextlib
import gzip
import io
import json
import lzma
import sqlite3
import zipfile
from urllib.parse import quote

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq

MARKS = ("zqcanary", "zquinta", "203.0.113.77")
# Below the workspace: what holds personal values because that is what it is for, by its first folder, or its folder in a case.
SYSTEMS = ("shop.db", "logs", "requests.csv", "ask.txt", "mails", "inbox", "worklists", "superseded", "published", "intake")
CASE = ("dossier", "before", "outbox", "delivery", "letters", "review", "superseded", "worklists", "inbox", "redacted")
REGISTER = {("identifiers", "value"), ("requests", "reply_to"), ("requests", "no_reasonable_doubt"), ("events", "details")}
# The same of a workspace whose case folders are sealed, and closed.
SEALED = (("shop.db", "logs", "requests.csv", "ask.txt", "mails"), (), REGISTER)


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


def plant(folder):
    """Plant one canary per coding, in a file each, and return their names."""
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
        "bz2": bz2.compress(word.encode()), "xz": lzma.compress(word.encode() * 9), "hex": b"0x" + word.encode().hex().encode(),
        "entities": word.replace("z", "&#122;").encode(), "among bytes": b"\x00\xff\x01" + word.encode() + b"\xfe",
    }  # fmt: skip
    for name, data in codings.items():
        (folder / f"{name.replace(' ', '-')}.bin").write_bytes(data)
    with contextlib.closing(sqlite3.connect(folder / "SQLite.bin")) as database:
        database.executescript(f"CREATE TABLE t (c TEXT); INSERT INTO t VALUES ('{word}')")  # noqa: S608
    with contextlib.closing(sqlite3.connect(folder / "SQLite-freed.bin")) as database:
        database.executescript(f"PRAGMA secure_delete = OFF; CREATE TABLE t (c TEXT); INSERT INTO t VALUES ('{word}'); DELETE FROM t")  # noqa: S608
    return sorted(path.name for path in folder.iterdir())
