"""JupyterLab on a workspace: it leaves nothing of a person beside the outputs, and nobody else can listen to its kernels."""

import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

from jupyter_server.services.contents.checkpoints import AsyncCheckpoints
from jupyter_server.services.kernels.kernelmanager import ServerKernelManager
from tornado.web import HTTPError
from traitlets import default

from dsar import files
from dsar.keep import vault
from dsar.keep.vault import SEALED_EVERY
from dsar.run.jobs import NOTEBOOKS
from dsar.workspace import Workspace

_SOCKETS = "DSAR_SOCKETS"
_LONGEST = 80  # characters of a folder in which a socket's path still fits (107 in all)
_NO_HISTORY = "c.HistoryManager.enabled = False\n"


class NoCheckpoints(AsyncCheckpoints):  # type: ignore[misc]
    """Keeps no copy of a notebook when it is saved: the copy would hold its outputs, and nobody would look for it."""

    async def create_checkpoint(self, contents_mgr: Any, path: str) -> dict[str, Any]:  # noqa: ARG002 - Jupyter's signature
        """Say that there is one, as saving needs, and write none."""
        return {"id": "none", "last_modified": datetime.now(UTC)}

    async def list_checkpoints(self, path: str) -> list[dict[str, Any]]:  # noqa: ARG002
        """Return none."""
        return []

    async def restore_checkpoint(self, contents_mgr: Any, checkpoint_id: str, path: str) -> None:  # noqa: ARG002
        """Raise: there is none to go back to."""
        raise HTTPError(404, "no copies of notebooks are kept")

    async def rename_checkpoint(self, checkpoint_id: str, old_path: str, new_path: str) -> None:
        """Do nothing."""

    async def delete_checkpoint(self, checkpoint_id: str, path: str) -> None:
        """Do nothing."""


class PrivateKernel(ServerKernelManager):  # type: ignore[misc]
    """Talks to its kernel over sockets in a folder of the owner's: over TCP, everybody on the machine could read what cells print."""

    @default("transport")
    def _over_sockets(self) -> str:
        return "ipc"

    @default("ip")
    def _in_its_own_place(self) -> str:
        # Named for each: left to itself, jupyter_client gives all kernels the same sockets.
        return f"{os.environ[_SOCKETS]}/{uuid4().hex[:8]}"


def open_lab(workspace: Workspace) -> int:
    """Open JupyterLab with a copy of the notebooks in the workspace, and return its exit status once it is closed."""
    target = files.private_dir(workspace.root / "notebooks")
    for notebook in sorted(NOTEBOOKS.glob("*.ipynb")):
        if not (target / notebook.name).exists():
            files.write_atomic(target / notebook.name, notebook.read_bytes())
    with TemporaryDirectory(prefix="dsar-") as folder:
        _profile(Path(folder))
        env = {**os.environ, "DSAR_WORKSPACE": str(workspace.root), "IPYTHONDIR": folder, _SOCKETS: folder}
        own = ["--FileContentsManager.checkpoints_class=dsar.run.lab.NoCheckpoints"]
        if os.name == "posix" and len(folder) < _LONGEST:
            own.append("--AsyncMappingKernelManager.kernel_manager_class=dsar.run.lab.PrivateKernel")
        command = [sys.executable, "-m", "jupyter", "lab", "--notebook-dir", str(target), *own]
        return _watched(workspace.root, subprocess.Popen(command, env=env, umask=0o077))  # noqa: S603 - our own command


def _watched(root: Path, lab: "subprocess.Popen[bytes]") -> int:
    """Wait for JupyterLab to end, and meanwhile seal what notebooks are saved, where the workspace is sealed."""
    while True:
        try:
            return lab.wait(SEALED_EVERY)
        except subprocess.TimeoutExpired:
            vault.seal(root)
        except KeyboardInterrupt:
            continue  # JupyterLab got it too, asks what is meant, and ends by itself


def _profile(folder: Path) -> None:
    """Make a profile of IPython that keeps no history; an analyst's own settings are taken along."""
    own = Path(os.environ.get("IPYTHONDIR") or Path.home() / ".ipython") / "profile_default"
    profile = folder / "profile_default"
    if (own / "ipython_config.py").is_file():
        profile.mkdir()
        shutil.copy(own / "ipython_config.py", profile / "ipython_config.py")
    profile.mkdir(exist_ok=True)
    with (profile / "ipython_config.py").open("a", encoding="utf-8") as config:
        config.write("\n" + ("" if config.tell() > 1 else "c = get_config()\n") + _NO_HISTORY)
