"""nginx goes on writing and rotating while lines are taken out of its logs: nobody else's line is lost or changed."""

import os
import random
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from connectors import loganonymous, logfiles
from dsar import values
from dsar.errors import ErasureRefused
from dsar.source import Change, Match, Rows, Want
from tests.connectors.test_logs_nginx import nginx, source  # noqa: F401 - the fixture

ANN, BOB = "192.0.2.7", "192.0.2.70"
NEW = {"at": date(2026, 3, 1), "request": "GET", "status": 200}


def visit(server, client, n):
    server.send(f"PROXY TCP4 {client} 127.0.0.1 1 2\r\nGET /{n} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode(), port=server.proxy)


def lines(server):
    with logfiles.snapshot(server.folder, "access.log*") as files:
        return [line for file in files for line in loganonymous.lines_of(file)]


def erase(reading):
    """Erase all of Ann's lines that stand in files at rest; return how many, and how many were refused."""
    parts = reading.read(Match("visits", (Want("A", "ip", ANN),)))
    rows = [row for part in parts if isinstance(part, Rows) for row in values.rows(part.frame)]
    planned = [Change((str(n),), "visits", (row["file"], row["line"], row["copy"]), values.row_hash(row), NEW) for n, row in enumerate(rows)]
    try:
        with reading.eraser().begin(planned, commit=True) as made:
            states = [made.apply(change).state for change in planned]
    except ErasureRefused:
        return 0, len(planned)  # it rotated in that very moment: nothing was done, and it is tried again
    return states.count("done"), states.count("refused")


@contextmanager
def strangers(server):
    """Let Bob visit all the while; yields how often he did."""
    sent, stop = {"bob": 0}, threading.Event()

    def visits():
        while not stop.is_set():
            visit(server, BOB, sent["bob"])
            sent["bob"] += 1

    writer = threading.Thread(target=visits)
    writer.start()
    try:
        yield sent
    finally:
        stop.set()
        writer.join()


def require_whole(server, found, anns, sent):
    """Ann's lines are there and nobody's, each of Bob's is there once, and nothing lies about."""
    assert sum(line.startswith(f"{ANN} ".encode()) for line in found) == 0
    assert sum(line.startswith(b"0.0.0.0 ") for line in found) == anns
    of_bob = [line.split(b'"')[1] for line in found if line.startswith(f"{BOB} ".encode())]
    assert sorted(of_bob) == sorted(f"GET /{n} HTTP/1.1".encode() for n in range(sent["bob"]))
    assert not [p for p in server.folder.iterdir() if p.name.startswith(logfiles.BESIDE)]


def test_nothing_of_anybody_else_is_lost_while_nginx_writes_and_rotates(nginx):  # noqa: F811
    reading, anns, refused = source(nginx.folder, "access.log*"), 0, 0
    with strangers(nginx) as sent:
        for turn in range(12):
            for n in range(5):
                visit(nginx, ANN, n)
                anns += 1
            refused += erase(reading)[1]  # what stands in the file that nginx writes to is left
            nginx.rotate(packed=turn % 2 == 0)
            erase(reading)
    nginx.rotate()
    time.sleep(0.2)
    erase(reading)
    assert refused > 0
    assert sent["bob"] > 50
    require_whole(nginx, lines(nginx), anns, sent)


CHILD = """
import sys
from pathlib import Path
from tests.connectors import test_logerase_nginx as here
reading = here.source(Path(sys.argv[1]), "access.log*")
print("ready", flush=True)
here.erase(reading)
print("done", flush=True)
"""


def test_no_line_is_lost_where_runs_are_killed_while_nginx_writes(nginx):  # noqa: F811
    chance, anns, interrupted, away = random.Random(11), 0, 0, []
    with strangers(nginx) as sent:
        for turn in range(int(os.environ.get("DSAR_KILLS", "3"))):
            for n in range(5):
                visit(nginx, ANN, n)
                anns += 1
            for path in nginx.folder.glob("access.log.19*"):  # before logrotate would delete it
                with logfiles.snapshot(nginx.folder, path.name) as files:
                    away += loganonymous.lines_of(files[0])
                path.unlink()
            nginx.rotate(packed=turn % 2 == 0)
            started = [sys.executable, "-c", CHILD, str(nginx.folder)]
            with subprocess.Popen(started, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]) as child:
                assert child.stdout.readline() == "ready\n"
                time.sleep(chance.random() * 0.06)
                child.kill()
                interrupted += child.stdout.read() != "done\n"
            erase(source(nginx.folder, "access.log*"))
    nginx.rotate()
    time.sleep(0.2)
    erase(source(nginx.folder, "access.log*"))
    assert interrupted
    require_whole(nginx, away + lines(nginx), anns, sent)
