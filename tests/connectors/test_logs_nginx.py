"""Real nginx under odd requests: each is found by its client exactly once, and as many as nginx counts; also while it writes and rotates."""

import contextlib
import gzip
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from connectors import logs
from connectors.logs import Logs
from dsar import datamap, values
from dsar.source import Done, Malformed, Match, Rows, Settings, Want
from tests import servers

CUSTOM = (
    '[$time_iso8601] $host $request_time $remote_addr "$http_x_forwarded_for" "$remote_user" "$request" $status $body_bytes_sent "$http_user_agent"'
)
CONFIG = """
pid {folder}/nginx.pid; error_log {folder}/error.log; daemon off; worker_processes 1;
events {{ worker_connections 256; }}
http {{
  client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3; uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  log_format mine '{custom}';
  log_format as_json escape=json '{{"time_iso8601":"$time_iso8601","remote_addr":"$remote_addr","request":"$request","status":$status,"http_user_agent":"$http_user_agent"}}';
  access_log {folder}/access.log combined;
  access_log {folder}/mine.log mine;
  access_log {folder}/lines.json as_json;
  server {{ listen 127.0.0.1:{plain}; listen [::1]:{plain}; location = /status {{ access_log off; stub_status; }} location / {{ return 200 "ok"; }} }}
  server {{ listen 127.0.0.1:{proxy} proxy_protocol; set_real_ip_from 127.0.0.1; real_ip_header proxy_protocol; location / {{ return 200 "ok"; }} }}
}}
"""  # noqa: E501 - nginx's own lines


class Nginx:
    def __init__(self, folder):
        self.folder, self.plain, self.proxy = folder, servers.free_port(), servers.free_port()
        (folder / "nginx.conf").write_text(CONFIG.format(folder=folder, plain=self.plain, proxy=self.proxy, custom=CUSTOM), encoding="utf-8")
        user = ["-g", "user root;"] if os.getuid() == 0 else []
        self.process = servers.spawn(["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf"), *user], folder / "out")
        servers.wait_for(self.answers, what="nginx")

    def answers(self):
        with contextlib.suppress(OSError):
            return bool(self.status())
        return False

    def send(self, raw, *, port=None, host="127.0.0.1"):
        """Send bytes over a connection of their own, and read what comes back."""
        with socket.create_connection((host, port or self.plain), timeout=10) as connection:
            connection.sendall(raw)
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(65536):
                    pass

    def get(self, path="/", headers=(), **where):
        lines = [f"GET {path} HTTP/1.1".encode(), b"Host: shop.example", b"Connection: close", *headers]
        self.send(b"\r\n".join(lines) + b"\r\n\r\n", **where)

    def status(self):
        with socket.create_connection(("127.0.0.1", self.plain), timeout=5) as connection:
            connection.sendall(b"GET /status HTTP/1.0\r\n\r\n")
            text = b"".join(iter(lambda: connection.recv(4096), b"")).decode()
        return [int(n) for n in text.split("server accepts handled requests")[1].split()[:3]] if "requests" in text else None

    def rotate(self, packed=False):
        """As logrotate does: rename, tell nginx to open anew, and perhaps pack the one before."""
        for n in range(20, 0, -1):
            for ending in ("", ".gz"):
                path = self.folder / f"access.log.{n}{ending}"
                if path.exists():
                    path.rename(self.folder / f"access.log.{n + 1}{ending}")
        (self.folder / "access.log").rename(self.folder / "access.log.1")
        self.process.send_signal(signal.SIGUSR1)
        time.sleep(0.05)
        older = self.folder / "access.log.2"
        if packed and older.exists():
            target = older.with_name("access.log.2.gz")
            with older.open("rb") as raw, gzip.open(target, "wb") as out:
                shutil.copyfileobj(raw, out)
            older.unlink()


@pytest.fixture
def nginx():
    if not shutil.which("nginx"):
        pytest.skip("nginx is not installed: apt-get install nginx-light")
    folder = servers.short_folder()
    server = Nginx(folder)
    yield server
    servers.stop(server.process)
    shutil.rmtree(folder, ignore_errors=True)


def source(folder, pattern, match=None, **file):
    columns = {c: {"category": "user"} for c in (*logs.COLUMNS, *logs.MORE)}
    table = {
        "label": "Visit", "activity": "x", "key": logs.KEY, "match": match or {"ip": "client"}, "columns": columns,
        "attribute": {"at": "at", "browser": "browser"}, "file": {"path": str(folder / pattern), **file},
    }  # fmt: skip
    declared = {"connector": "logs", "label": "Web", "owner": "o", "tables": {"visits": table}}
    return Logs(Settings("web", datamap.Source.model_validate(declared), Path()))


def found(logs_of, *wants):
    parts = list(logs_of.read(Match("visits", tuple(Want(str(n), kind, value) for n, (kind, value) in enumerate(wants)))))
    assert isinstance(parts[-1], Done)
    rows = [row for p in parts if isinstance(p, Rows) for row in values.rows(p.frame)]
    return rows, [p for p in parts if isinstance(p, Malformed)], parts[-1].read


def odd_requests(nginx):
    """Send everything odd; return how many requests each client made."""
    for n in range(20):
        nginx.get(f"/shop/{n}")
        nginx.get("/v6", host="::1")
        nginx.send(
            f"PROXY TCP4 203.0.113.{n % 4} 127.0.0.1 4000 80\r\nGET /behind HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode(),
            port=nginx.proxy,
        )
        nginx.send(b"PROXY TCP6 2001:db8::7 ::1 4000 80\r\nGET /behind6 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", port=nginx.proxy)
    local = 20
    odd = [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x8f" * 200 + b"\r\n\r\n",  # TLS on the plain port
        b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",  # an address longer than its buffer
        b"GET /old\r\n",  # HTTP/0.9
        b"GET / HTTP/1.1\r\nHost: x\r\nUser-Agent: \xff\xfe\xc3\x28 broken\r\nConnection: close\r\n\r\n",
        b'GET / HTTP/1.1\r\nHost: x\r\nUser-Agent: "quoted" \\ back\r\nConnection: close\r\n\r\n',
        "GET /caf\u00e9?q=\u2603 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode(),
        b'GET / HTTP/1.1\r\nHost: x\r\nUser-Agent: 203.0.113.1 - - "\r\nConnection: close\r\n\r\n',  # another's address, as text
        b"GET /?e=203.0.113.1 HTTP/1.1\r\nHost: x\r\nReferer: http://203.0.113.1/\r\nConnection: close\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
    ]
    for raw in odd:
        nginx.send(raw)
    return Counter({"127.0.0.1": local + len(odd), "::1": 20, "2001:db8::7": 20, **{f"203.0.113.{n}": 5 for n in range(4)}})


def test_every_request_is_found_by_its_client_exactly_once(nginx):
    before = nginx.status()[2]
    expected = odd_requests(nginx)
    asked_status = 1  # the second question itself
    assert nginx.status()[2] - before - asked_status == expected.total()  # what nginx itself counts
    time.sleep(0.2)
    lines = (nginx.folder / "access.log").read_bytes().splitlines()
    assert len(lines) == expected.total()
    wants = [("ip", client) for client in expected]
    rows, malformed, read = found(source(nginx.folder, "access.log"), *wants)
    assert (Counter(row["client"] for row in rows), malformed, read) == (expected, [], expected.total())
    assert len({(row["line"], row["copy"]) for row in rows}) == expected.total()
    for format_, pattern in ((CUSTOM, "mine.log"), ("json", "lines.json")):
        rows, malformed, read = found(source(nginx.folder, pattern, format=format_), *wants)
        assert (Counter(row["client"] for row in rows), malformed, read) == (expected, [], expected.total()), pattern
    # nginx's own escapes stay, so that nothing is lost
    browsers = {row["browser"] for row in found(source(nginx.folder, "access.log"), ("ip", "127.0.0.1"))[0]}
    assert {r"\xFF\xFE\xC3( broken", r"\x22quoted\x22 \x5C back"} <= browsers


def test_names_queries_and_proxies(nginx):
    nginx.get("/login?email=Ada%40Example.org&x=1")
    nginx.get("/login?email=bob%40example.org")
    nginx.get("/me", [b"Authorization: Basic YWRhQGV4YW1wbGUub3JnOng="])
    nginx.get("/hop", [b"X-Forwarded-For: 198.51.100.9, unknown"])
    nginx.get("/hop", [b"X-Forwarded-For: 203.0.113.5, 198.51.100.9, 10.1.2.3"])
    time.sleep(0.2)
    match = {"ip": "client", "email": ["user", "query_email"]}
    rows, _, _ = found(source(nginx.folder, "access.log", match), ("email", "ada@example.org"))
    assert [(r["request"], r["user"], r["query_email"]) for r in rows] == [
        ("GET /login?email=Ada%40Example.org&x=1 HTTP/1.1", None, "Ada@Example.org"),
        ("GET /me HTTP/1.1", "ada@example.org", None),
    ]
    behind = source(nginx.folder, "mine.log", format=CUSTOM, trusted=["127.0.0.0/8", "10.0.0.0/8"])
    rows, _, _ = found(behind, ("ip", "198.51.100.9"), ("ip", "203.0.113.5"))
    assert [(r["client"], r["request"]) for r in rows] == [("198.51.100.9", "GET /hop HTTP/1.1")]
    # What a proxy does not know stays the proxy's: nobody's for certain.
    assert len(found(behind, ("ip", "127.0.0.1"))[0]) == 4


def test_while_nginx_writes_and_rotates_no_line_is_lost_or_doubled(nginx):
    sent, done = Counter(), threading.Event()

    def visit(n):
        while not done.is_set():
            nginx.get(f"/v/{n}/{sent[n]}")
            sent[n] += 1

    visitors = [threading.Thread(target=visit, args=(n,)) for n in range(3)]
    for visitor in visitors:
        visitor.start()
    reader = source(nginx.folder, "access.log*")
    seen = []
    try:
        for n in range(12):
            turner = threading.Thread(target=nginx.rotate, args=(n % 3 == 2,))
            before = dict(sent)
            turner.start()
            rows, malformed, _ = found(reader, ("ip", "127.0.0.1"))
            turner.join()
            requests = Counter(row["request"] for row in rows)
            assert not malformed
            assert max(requests.values(), default=1) == 1, "doubled"
            seen.append((before, requests))
    finally:
        done.set()
        for visitor in visitors:
            visitor.join()
    time.sleep(0.2)
    for before, requests in seen:
        for n in range(3):
            read = {f"GET /v/{n}/{m} HTTP/1.1" for m in range(sum(r.startswith(f"GET /v/{n}/") for r in requests))}
            # No gap, up to what had been answered before the read began; nginx writes a request's line just after its answer.
            assert read <= requests.keys()
            assert len(read) >= before.get(n, 0) - 1
    rows, malformed, _ = found(reader, ("ip", "127.0.0.1"))
    requests = Counter(row["request"] for row in rows)
    assert (set(requests.values()), malformed) == ({1}, [])
    assert requests.total() == sum(sent.values())
    assert subprocess.run(["nginx", "-v"], check=True, capture_output=True).stderr.startswith(b"nginx")
