"""nginx goes on writing and rotating while lines are taken out of its logs: nobody else's line is lost or changed."""

import threading
import time
from datetime import date

from connectors import logerase, logfiles
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
        return [line for file in files for line in logerase.lines_of(file)]


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


def test_nothing_of_anybody_else_is_lost_while_nginx_writes_and_rotates(nginx):  # noqa: F811
    sent = {"bob": 0}
    stop = threading.Event()

    def strangers():
        while not stop.is_set():
            visit(nginx, BOB, sent["bob"])
            sent["bob"] += 1

    writer = threading.Thread(target=strangers)
    writer.start()
    reading, anns, refused = source(nginx.folder, "access.log*"), 0, 0
    try:
        for turn in range(12):
            for n in range(5):
                visit(nginx, ANN, n)
                anns += 1
            refused += erase(reading)[1]  # what stands in the file that nginx writes to is left
            nginx.rotate(packed=turn % 2 == 0)
            erase(reading)
    finally:
        stop.set()
        writer.join()
    nginx.rotate()
    time.sleep(0.2)
    erase(reading)
    found = lines(nginx)
    assert refused > 0
    assert sum(line.startswith(f"{ANN} ".encode()) for line in found) == 0
    assert sum(line.startswith(b"0.0.0.0 ") for line in found) == anns
    of_bob = [line.split(b'"')[1] for line in found if line.startswith(f"{BOB} ".encode())]
    assert sorted(of_bob) == sorted(f"GET /{n} HTTP/1.1".encode() for n in range(sent["bob"]))
    assert sent["bob"] > 50
    assert not [p for p in nginx.folder.iterdir() if p.name.startswith(logfiles.BESIDE)]
