"""The runner's end of the line to a process that runs cells: requests go out, messages and what was printed come in."""

import base64
import json
import os
import select
import signal
import socket
from codecs import getincrementaldecoder
from collections.abc import Iterator
from contextlib import suppress
from time import monotonic
from typing import Any, NamedTuple

from jupyter_client.jsonutil import extract_dates, json_default
from nbclient.exceptions import DeadKernelError

from dsar.run.forks import CELLS, Forked
from dsar.run.warm import Order

_CHUNK = 1 << 16

Message = dict[str, Any]  # of Jupyter's protocol


class Printed(NamedTuple):
    """A text that a cell, or a program it ran, wrote to a stream."""

    name: str
    text: str


class Cells:
    """A process that runs cells. Raises `OSError` where there can be none."""

    def __init__(self, memory: int) -> None:
        self._line, theirs = socket.socketpair()
        pipes = {name: os.pipe() for name in ("stdout", "stderr")}  # for what is written below Python
        self._below = {fd: (name, getincrementaldecoder("utf-8")("replace")) for name, (fd, _) in pipes.items()}
        self._open = {self._line.fileno(), *self._below}
        self._unread = b""
        order = Order([], os.getcwd(), dict(os.environ), memory)  # noqa: PTH109 - it travels as text
        try:
            self.process: Forked = CELLS.fork(order, *(end for _, end in pipes.values()), theirs.fileno())
        except OSError:
            self._close()
            raise
        finally:
            theirs.close()
            for _, end in pipes.values():
                os.close(end)

    def send(self, message: Message) -> None:
        """Send a request; whether anybody is there to take it shows when answers are read."""
        with suppress(OSError):
            self._line.sendall(json.dumps(message, default=json_default).encode() + b"\n")

    def messages(self, deadline: float | None) -> Iterator[Message | Printed]:
        """Yield what comes until the deadline; raises nbclient's `DeadKernelError` once the process has ended and all it said was read."""
        while True:
            left = None if deadline is None else deadline - monotonic()
            if left is not None and left <= 0:  # also where it never stops printing
                return
            ended = self.process.fileno()
            ready = set(select.select([*self._open, ended], [], [], left)[0])
            yield from self._read(ready & self._open)
            if ended in ready:
                while left_behind := self._ready(self._open):
                    yield from self._read(left_behind)
                raise DeadKernelError("Kernel died")

    @staticmethod
    def _ready(fds: set[int]) -> set[int]:
        return set(select.select([*fds], [], [], 0)[0])

    def _read(self, ready: set[int]) -> Iterator[Message | Printed]:
        said = self._take(self._line.fileno()) if self._line.fileno() in ready else b""
        # A look after the line was read: what a cell printed before it said that it has ended is there by now.
        for fd in self._ready(self._open & set(self._below)):
            name, decoder = self._below[fd]
            yield Printed(name, decoder.decode(self._take(fd)))
        *lines, self._unread = (self._unread + said).split(b"\n")
        yield from map(_message, lines)

    def _take(self, fd: int) -> bytes:
        data = b""
        with suppress(ConnectionError):
            data = os.read(fd, _CHUNK)
        if not data:
            self._open.discard(fd)
        return data

    def end(self, patience: float) -> None:
        """Let it leave, and kill it where it has not after so many seconds.

        What it left running may hold somebody's data: by the time this returns the warm process has ended that too, whatever session it is of.
        """
        self._line.shutdown(socket.SHUT_WR)
        with suppress(DeadKernelError):
            for _ in self.messages(monotonic() + patience):
                pass
        self._close()
        self.process.kill()
        self.process.wait()
        with suppress(ProcessLookupError):  # for where the warm process is gone
            os.killpg(self.process.pid, signal.SIGKILL)

    def _close(self) -> None:
        self._line.close()
        for fd in self._below:
            os.close(fd)


def _message(line: bytes) -> Message | Printed:
    told = json.loads(line)
    if "msg_type" not in told:
        return Printed(**told)
    return {**told, "header": extract_dates(told["header"]), "buffers": [base64.b64decode(buffer) for buffer in told["buffers"]]}
