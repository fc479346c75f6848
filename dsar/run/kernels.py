"""Kernels for JupyterLab, nbclient and Airflow that are forked from a warm process.

A provisioner for jupyter_client: it is used where `JUPYTER_DEFAULT_PROVISIONER_NAME` (or a kernelspec) names `dsar-warm`. Where a
process cannot be forked safely, or a kernel is not this interpreter's, it starts it as jupyter_client does. The batch itself runs
cells without a kernel's sockets (`dsar.run.engine`).
"""

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

from jupyter_client.provisioning import LocalProvisioner
from traitlets import Integer

from dsar.run import forks
from dsar.run.forks import Forked, WarmProcess
from dsar.run.warm import Order

LAUNCHER = "ipykernel_launcher"
WARM = WarmProcess("kernel")


class WarmProvisioner(LocalProvisioner):  # type: ignore[misc]
    """Forks kernels of this interpreter from the warm process; starts others as its parent class does."""

    memory = Integer(0, help="Bytes a kernel may take for itself; 0: as many as there are").tag(config=True)

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
        """Start a kernel: forked, where that can be."""
        if not forks.FORKS or cmd[0] != sys.executable or LAUNCHER not in cmd:
            return await super().launch_kernel(cmd, **kwargs)
        order = Order(cmd[cmd.index(LAUNCHER) + 1 :], str(kwargs.get("cwd") or Path.cwd()), dict(kwargs.get("env") or os.environ), self.memory)
        try:
            self.process = WARM.fork(order, _fd(kwargs.get("stdout"), 1), _fd(kwargs.get("stderr"), 2))
        except OSError as error:
            self.log.warning("%s: this kernel starts cold, and its memory is not limited", error)
            return await super().launch_kernel(cmd, **kwargs)
        self.pid = self.pgid = self.process.pid  # of a group of its own from its first moment, else an early kill would hit ours
        self.cwd = order.cwd
        return self.connection_info

    async def wait(self) -> int | None:
        """Return how the kernel ended, as soon as it has."""
        if not isinstance(self.process, Forked):
            return await super().wait()
        if self.process.poll() is None:
            ended = asyncio.Event()
            loop = asyncio.get_running_loop()
            loop.add_reader(self.process.fileno(), ended.set)
            try:
                await ended.wait()
            finally:
                loop.remove_reader(self.process.fileno())
        status = self.process.wait()
        self.process = None  # type: ignore[assignment]  # as the parent class does
        return status


def _fd(given: Any, standard: int) -> int:
    return standard if given is None else given if isinstance(given, int) else int(given.fileno())
