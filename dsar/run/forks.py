"""Processes that cost little and share nothing: each is forked from a warm one (`dsar.run.warm`)."""

import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Lock
from typing import Any

from dsar.run.warm import SINGLE, Duty, Order

FORKS = sys.platform == "linux" and hasattr(os, "fork")  # Windows has no fork, and on macOS the system's libraries do not survive one
PATIENCE = 60  # seconds for the warm process to import everything


class WarmProcess:
    """A warm process of this one, whose forks all have one duty: started when first needed, and again when it died."""

    def __init__(self, duty: Duty) -> None:
        self._duty = duty
        self._lock = Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: socket.socket | None = None
        self._owner = 0
        self.map: Path | None = None  # the data map it reads beforehand
        self.ended: deque[Forked] = deque(maxlen=100)  # what its forks took, for whoever asks
        atexit.register(self.stop)

    @property
    def pid(self) -> int | None:
        """Its process id, while it lives."""
        alive = self._process is not None and self._owner == os.getpid() and self._process.poll() is None
        return self._process.pid if self._process and alive else None

    def fork(self, order: Order, stdout: int, stderr: int, *more: int) -> "Forked":
        """Return a new process that has these descriptors; raises `OSError` where none can be had."""
        with self._lock:
            for last in (False, True):
                try:
                    return self._order(order, [stdout, stderr, *more])
                except OSError:
                    self.stop()  # it died: a new one is tried once
                    if last:
                        raise
        raise AssertionError

    def _order(self, order: Order, fds: Sequence[int]) -> "Forked":
        if self.pid is None:
            self._start()
        assert self._channel is not None
        report, theirs = os.pipe()
        try:
            data = json.dumps(order._asdict()).encode()
            socket.send_fds(self._channel, [data], [theirs, *fds])
        except OSError:
            os.close(report)
            raise
        finally:
            os.close(theirs)
        return Forked(report, self.ended.append)

    def _start(self) -> None:
        self.stop()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            command = [sys.executable, "-P", "-m", "dsar.run.warm", self._duty, str(theirs.fileno()), *([str(self.map)] if self.map else [])]
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                command, env={**os.environ, **SINGLE}, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()], start_new_session=True
            )
        self._channel, self._owner = ours, os.getpid()

    def stop(self) -> None:
        """End the warm process and all that it forked."""
        if self._channel is not None:
            self._channel.close()
        if self._process is not None and self._owner == os.getpid():
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._process = self._channel = None


class Forked:
    """A forked process, as far as jupyter_client looks at a `Popen`. Raises `OSError` where it was never forked."""

    stdin = stdout = stderr = None

    def __init__(self, report: int, ended: "Callable[[Forked], None]" = lambda _: None) -> None:
        self._report, self._told, self._ended = report, b"", ended
        self.returncode: int | None = None
        self.lost = False  # whether it went with its warm process
        self.cpu, self.peak = 0.0, 0  # seconds, and bytes at most, once it has ended
        first = self._line(PATIENCE)
        if first is None:
            os.close(report)
            raise OSError("the warm process died or does not answer")
        self.pid: int = first["pid"]

    def fileno(self) -> int:
        """What becomes readable when it has ended, or its warm process."""
        return self._report

    def _line(self, timeout: float) -> dict[str, Any] | None:
        while b"\n" not in self._told:
            if not select.select([self._report], [], [], timeout)[0]:
                return None
            more = os.read(self._report, 4096)
            if not more:
                self._told = b""
                return None
            self._told += more
        line, _, self._told = self._told.partition(b"\n")
        return json.loads(line)  # type: ignore[no-any-return]

    def poll(self) -> int | None:
        """Return how it ended, None while it runs, and -9 where its warm process died and took it along."""
        return self.wait(0) if self.returncode is None else self.returncode

    def wait(self, timeout: float | None = None) -> int | None:
        """Return how it ended once it has; None after `timeout` seconds."""
        if self.returncode is None and select.select([self._report], [], [], timeout)[0]:
            told = self._line(0)
            self.lost = told is None
            told = told or {"status": -signal.SIGKILL, "cpu": 0.0, "peak": 0}
            self.returncode, self.cpu, self.peak = told["status"], told["cpu"], told["peak"]
            os.close(self._report)
            self._ended(self)
        return self.returncode

    def send_signal(self, signum: int) -> None:
        """Signal it."""
        if self.poll() is None:
            os.kill(self.pid, signum)

    def kill(self) -> None:
        """Kill it."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)


CELLS = WarmProcess("cells")  # what the batch runs on
