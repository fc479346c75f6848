"""A small service on loopback: routes are functions of a request; faults are put in between."""

import contextlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit


class Asked:
    def __init__(self, method, path, query, headers, body):
        self.method, self.path, self.query, self.headers, self.body = method, path, query, headers, body


class Server:
    """`routes` maps a beginning of a path to a function that returns (status, answer[, headers]) or bytes."""

    def __init__(self, routes):
        self.routes, self.asked, self.faults = routes, [], []

    def answer(self, asked):
        self.asked.append(asked)
        if self.faults:
            fault = self.faults.pop(0)
            if fault is not None:
                return fault
        route = max((r for r in self.routes if asked.path.startswith(r)), key=len, default=None)
        return self.routes[route](asked) if route else (404, {"message": "not found"})


@contextlib.contextmanager
def serving(routes):
    server = Server(routes)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _do(self):
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length)
            parts = urlsplit(self.path)
            query = {k: v[-1] for k, v in parse_qs(parts.query, keep_blank_values=True).items()}
            answer = server.answer(Asked(self.command, unquote(parts.path), query, self.headers, json.loads(body) if body else None))
            status, content, *more = answer
            raw = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", "Content-Length": str(len(raw)), **(more[0] if more else {})}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(raw)
            self.wfile.flush()
            if more and "Content-Length" in more[0]:
                self.close_connection = True

        do_GET = do_POST = do_DELETE = _do  # noqa: N815 - the library's names

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever, args=(0.05,))
        thread.start()
        server.url = f"http://127.0.0.1:{http.server_port}"
        try:
            yield server
        finally:
            http.shutdown()
            thread.join()
