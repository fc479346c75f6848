"""The warm process: it has imported what notebooks need, holds nobody's data, and forks itself whenever it is asked to.

It is started by `dsar.run.forks` and ends with the process that started it. It has one thread, for only that one goes on
in a fork, and opens no file, connection or engine that two forks could share.
"""

import atexit
import contextlib
import ctypes
import gc
import importlib
import json
import os
import random
import select
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, NoReturn

with contextlib.suppress(ImportError):  # Windows has none, and forks nothing
    import resource

# What notebooks import, and what that imports when it is first used. A test names what is lacking here. Left out are duckdb,
# which starts a thread, and matplotlib_inline, which ties itself to the kernel that imports it: plots would vanish.
MODULES = (
    "ipykernel.kernelapp", "ipykernel.debugger", "ipykernel.zmqshell", "ipykernel.subshell_manager",
    "IPython.core.completer", "IPython.core.magics", "IPython.extensions.storemagic", "IPython.core.pylabtools",
    "psutil", "tornado.platform.asyncio", "tornado.queues", "zmq.utils.monitor",
    "dsar.workspace", "dsar.find.chart", "fideslang.default_taxonomy", "fideslang.gvl",
    "holidays.countries", "holidays.groups", "phonenumbers.data", "pydantic.networks", "pydantic.type_adapter",
    "matplotlib.backends.backend_agg", "matplotlib.pyplot", "mpl_toolkits.mplot3d", "PIL.PngImagePlugin",
    "numpy.random", "openpyxl.packaging.extended", "pandas.io.formats.format", "pandas.io.formats.html",
    "pyarrow.dataset", "pyarrow.parquet", "pyarrow.pandas_compat", "ibis",
    "sqlalchemy.dialects.sqlite", "sqlite3", "tzdata",
)  # fmt: skip
LARGEST = 1 << 20  # bytes of one order: a command, a folder and an environment
_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG, see prctl(2)
_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER
INLINE = "module://matplotlib_inline.backend_inline"
SINGLE = {  # what keeps libraries from starting threads or plots from vanishing when they are imported
    "MPLBACKEND": INLINE,
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    "ARROW_DEFAULT_MEMORY_POOL": "system",  # the others reserve a gigabyte
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",
}


Duty = Literal["kernel", "cells"]  # what forks are for: a kernel with its sockets, or cells that come over one descriptor


class Order(NamedTuple):
    """One process to be forked."""

    argv: Sequence[str]  # of a kernel, without the interpreter
    cwd: str
    env: Mapping[str, str]
    memory: int  # bytes it may take for itself; 0: as many as there are


class _Fork(NamedTuple):
    pid: int
    report: int  # a pipe to whoever ordered it


def main(duty: Duty, channel: int, map_: str = "") -> None:
    """Import, then fork once per order that comes over the socket `channel`, until its other end is closed.

    `map_` is the data map that will be read most.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the business of who started this
    for name in MODULES:
        importlib.import_module(name)
    try:
        importlib.import_module("dsar.run.rehearsal").rehearse(Path(map_) if map_ else None)
    except Exception as error:  # noqa: BLE001 - without it kernels are slower, and that is all
        print(f"no answer could be rehearsed ({type(error).__name__}), so kernels are slower", file=sys.stderr)  # noqa: T201
    work: Callable[[Order, Sequence[int]], None] = _kernel
    if duty == "cells":
        cells = importlib.import_module("dsar.run.cells")
        cells.prepare()
        work = cells.run
    threads = len(list(Path("/proc/self/task").iterdir()))
    if threads != 1:
        sys.exit(f"the warm process has {threads} threads, so its forks would not be sound")
    gc.collect()
    gc.freeze()  # else the first collection in each fork would copy every page
    _serve(socket.socket(fileno=channel), work)


def _serve(channel: socket.socket, work: Callable[[Order, Sequence[int]], None]) -> None:
    forked: dict[int, _Fork] = {}  # by pidfd
    poll = select.poll()
    poll.register(channel, select.POLLIN)
    libc = ctypes.CDLL(None)
    while True:
        for ready, _ in poll.poll():
            if ready != channel.fileno():
                poll.unregister(ready)
                _buried(forked.pop(ready), ready, {one.pid for one in forked.values()})
            elif (taken := _take(channel)) is None:
                for one in forked.values():
                    with contextlib.suppress(ProcessLookupError):
                        os.killpg(one.pid, signal.SIGKILL)
                    os.waitpid(one.pid, 0)
                _end_orphans(set())
                return
            else:
                order, fds = taken
                if (pid := os.fork()) == 0:
                    channel.close()
                    for fd in (*forked, *(one.report for one in forked.values())):
                        os.close(fd)
                    _become(work, order, fds, libc)
                report, *theirs = fds
                for fd in theirs:
                    os.close(fd)
                os.write(report, json.dumps({"pid": pid}).encode() + b"\n")
                watched = os.pidfd_open(pid)
                forked[watched] = _Fork(pid, report)
                poll.register(watched, select.POLLIN)


def _take(channel: socket.socket) -> tuple[Order, list[int]] | None:
    data, fds, _, _ = socket.recv_fds(channel, LARGEST, 4)
    return (Order(**json.loads(data)), fds) if data else None


def adopt() -> None:
    """Let what a process below this one leaves running become this one's own child, whatever session it is of."""
    ctypes.CDLL(None).prctl(_SUBREAPER, 1)


def _end_orphans(living: Collection[int]) -> None:
    """Kill what ended forks left running; only who adopts has such children."""
    spared = set(living)
    while orphans := _children() - spared:
        for pid in orphans:
            try:
                os.kill(pid, signal.SIGKILL)
            except PermissionError:  # it became somebody else's, as with sudo
                spared.add(pid)
            else:
                os.waitpid(pid, 0)


def _children() -> set[int]:
    with contextlib.suppress(FileNotFoundError):  # some kernels are built without it
        return {int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="ascii").split()}
    return set()


def _buried(ended: _Fork, watched: int, living: Collection[int]) -> None:
    """Tell how a process ended and what it took, once all that it left running has ended too; no zombie stays."""
    _, status, usage = os.wait4(ended.pid, 0)
    os.close(watched)
    _end_orphans(living)
    told = {"status": os.waitstatus_to_exitcode(status), "cpu": usage.ru_utime + usage.ru_stime, "peak": usage.ru_maxrss * 1024}
    with contextlib.suppress(BrokenPipeError):
        os.write(ended.report, json.dumps(told).encode() + b"\n")
    os.close(ended.report)


def _become(work: Callable[[Order, Sequence[int]], None], order: Order, fds: Sequence[int], libc: Any) -> NoReturn:
    """Do in this fork what was ordered, and leave without tearing the interpreter down, which would copy every page."""
    status = 1
    try:
        libc.prctl(_DIE_WITH_PARENT, signal.SIGKILL)
        os.setsid()
        report, stdout, stderr, *more = fds
        os.close(report)
        for fd, standard in ((stdout, 1), (stderr, 2)):
            os.dup2(fd, standard)
            os.close(fd)
        _fresh(order)
        work(order, more)
        status = 0
    except SystemExit as left:
        status = left.code if isinstance(left.code, int) else int(left.code is not None)
    except BaseException:  # noqa: BLE001 - else nobody would learn why it did not start
        traceback.print_exc(file=sys.__stderr__)
    finally:
        threading._shutdown()  # type: ignore[attr-defined]  # noqa: SLF001 - what the interpreter does before it tears down
        atexit._run_exitfuncs()  # noqa: SLF001
        for stream in (sys.__stdout__, sys.__stderr__):
            with contextlib.suppress(Exception):
                stream.flush()  # type: ignore[union-attr]
        os._exit(status)


def _fresh(order: Order) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(order.cwd)
    os.environ.clear()
    os.environ.update(order.env)
    time.tzset()
    if order.memory:
        most = _data() + order.memory
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    random.seed()
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed()


def _data() -> int:
    """Return the bytes this process has for itself, or reserved to write to."""
    with open("/proc/self/statm", encoding="ascii") as told:  # noqa: PTH123 - a fork's first steps, so no more than needed
        return int(told.read().split()[5]) * resource.getpagesize()


def _kernel(order: Order, _: Sequence[int]) -> None:
    from ipykernel.kernelapp import IPKernelApp

    sys.argv = ["ipykernel_launcher", *order.argv]
    app = IPKernelApp.instance()
    # It dies with its parent already, so it need not poll for that; 1 says so, and keeps it from greeting.
    app.initialize([*order.argv, "--IPKernelApp.parent_handle=1"])  # type: ignore[no-untyped-call]
    app.start()  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    main("cells" if sys.argv[1] == "cells" else "kernel", int(sys.argv[2]), *sys.argv[3:])
