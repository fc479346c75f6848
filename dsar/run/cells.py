"""Cells run by ipykernel's own kernel without its sockets and threads: requests and answers are lines of JSON over one socket.

The kernel is made before the fork, so a fork has nothing left to do but run cells. What it sends are the messages of Jupyter's
protocol; only what is printed travels bare, for nothing is lost then when a cell hangs.
"""

import asyncio
import atexit
import base64
import io
import json
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from ipykernel.ipkernel import IPythonKernel
from jupyter_client.jsonutil import json_default
from jupyter_client.session import Session
from tornado.ioloop import IOLoop
from traitlets.config import Config

from dsar.run.warm import INLINE, Order, adopt

CONFIG = Config({"HistoryManager": {"enabled": False}})  # what was typed is kept in the notebook and nowhere else


class Line(Session):  # type: ignore[misc]
    """What ipykernel takes for its connection."""

    def __init__(self, **traits: Any) -> None:
        super().__init__(**traits)
        self.socket: socket.socket | None = None
        self._lock = threading.RLock()
        self._writing = self._interrupted = False

    def send(
        self,
        stream: Any,
        msg_or_type: Any,
        content: Any = None,
        parent: Any = None,
        ident: Any = None,
        buffers: Any = None,
        track: bool = False,
        header: Any = None,
        metadata: Any = None,
    ) -> Any:
        """Send a message, or one of this type; return it."""
        del stream, ident, track  # there is one socket
        message = msg_or_type if isinstance(msg_or_type, dict) else self.msg(msg_or_type, content, parent, header, metadata)
        message["buffers"] = [base64.b64encode(buffer).decode() for buffer in buffers or message.get("buffers", ())]
        self.tell(message)
        return message

    def tell(self, message: dict[str, Any]) -> None:
        """Send a line whole, whatever interrupts."""
        if self.socket is None:  # before the fork, nobody listens
            return
        line = json.dumps(message, default=json_default).encode() + b"\n"
        with self._lock:
            self._writing = True
            self.socket.sendall(line)
            self._writing = False
        if self._interrupted and threading.current_thread() is threading.main_thread():
            self._interrupted = False
            raise KeyboardInterrupt

    def interrupt(self, *_: object) -> None:
        """Interrupt a cell, but no line."""
        if self._writing:
            self._interrupted = True
        else:
            raise KeyboardInterrupt


class Printed(io.TextIOBase):
    """What is printed, sent at once: where a cell hangs, the last it printed says where."""

    encoding = "UTF-8"

    def __init__(self, line: Line, name: str, fd: int) -> None:
        self._line, self.name, self._fd, self._owner = line, name, fd, os.getpid()

    def write(self, text: str, /) -> int:
        """Send a text; a process that a cell forked has no line of its own, and its texts go where those of programs go."""
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text)}")
        if text and os.getpid() == self._owner:
            self._line.tell({"name": self.name, "text": text})
        elif text:
            os.write(self._fd, text.encode(errors="replace"))
        return len(text)

    def fileno(self) -> int:
        """What other programs may write to."""
        return self._fd

    def writable(self) -> bool:
        """It is."""
        return True


class Kernel(IPythonKernel):
    """ipykernel's kernel, asked over one socket."""

    def pre_handler_hook(self) -> None:
        """Let a cell be interrupted."""
        line: Any = self.session
        self.saved_sigint_handler = signal.signal(signal.SIGINT, line.interrupt)

    def _abort_queues(self, _: str | None = None) -> None:
        """Drop nothing: whoever asks waits for each answer."""

    @property
    def _supports_kernel_subshells(self) -> bool:
        return False


async def _answer(kernel: Any, request: dict[str, Any]) -> None:
    """Do what a message asks for."""
    kernel.set_parent([], request)
    kernel._publish_status("busy", "shell")  # noqa: SLF001 - ipykernel means its methods for its own kernels
    kernel.pre_handler_hook()
    try:
        if (result := kernel.shell_handlers[request["header"]["msg_type"]](None, [], request)) is not None:
            await result
    except KeyboardInterrupt:  # it came after the cell
        pass
    finally:
        kernel.post_handler_hook()
    kernel._publish_status("idle", "shell")  # noqa: SLF001


def prepare() -> None:
    """Make the kernel, and run some cells, since whatever is done for the first time costs most; take over what forks leave running."""
    adopt()
    sys.argv = ["ipykernel_launcher"]
    kernel: Any = Kernel.instance(session=Line(), config=CONFIG, log=logging.getLogger("ipykernel"))
    kernel.shell_channel_thread = SimpleNamespace(parent_thread=threading.main_thread())
    kernel.shell.extension_manager.load_extension("storemagic")
    asyncio.run(_rehearse(kernel))
    kernel.shell.reset(new_session=True)
    atexit.unregister(kernel.shell.atexit_operations)  # it is for whoever ran cells


async def _rehearse(kernel: Any) -> None:
    kernel.io_loop = IOLoop.current()
    for code in ("import pandas\npandas.DataFrame({'a': [1]})", "import matplotlib_inline.backend_inline", "1 / 0"):
        content: dict[str, Any] = {"code": code, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False}
        await _answer(kernel, kernel.session.msg("execute_request", content))


def run(_: Order, fds: Sequence[int]) -> None:
    """Answer each request that comes over a socket, until it is closed."""
    adopt()  # what is still its own when it ends is so told from what another fork started
    kernel: Any = Kernel.instance()
    with socket.socket(fileno=fds[0]) as channel:
        kernel.session.socket = channel
        sys.stdout, sys.stderr = Printed(kernel.session, "stdout", 1), Printed(kernel.session, "stderr", 2)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # between cells there is nothing to interrupt
        atexit.register(kernel.shell.atexit_operations)
        kernel.shell.init_environment()
        os.environ["MPLBACKEND"] = os.environ.get("MPLBACKEND") or INLINE
        try:
            asyncio.run(_serve(kernel, channel))
        finally:
            sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__  # for what is registered to run at exit


async def _serve(kernel: Any, channel: socket.socket) -> None:
    kernel.io_loop = IOLoop.current()
    with channel.makefile("rb") as requests:
        for request in requests:
            await _answer(kernel, {"buffers": [], **json.loads(request)})
            await asyncio.sleep(0)  # what a cell left to be done goes on
