"""JupyterLab on a workspace: it leaves nothing of a person beside the outputs, and nobody else can listen to its kernels."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from jupyter_server.services.contents.checkpoints import AsyncCheckpoints
from jupyter_server.services.kernels.kernelmanager import ServerKernelManager
from tornado.web import HTTPError
from traitlets import default

from dsar import files
from dsar.keep import vault
from dsar.keep.vault import SEALED_EVERY
from dsar.run import copies
from dsar.run.jobs import NOTEBOOKS
from dsar.workspace import Workspace

_SOCKETS, _PROVISIONER = "DSAR_SOCKETS", "JUPYTER_DEFAULT_PROVISIONER_NAME"
_LONGEST = 80  # characters of a folder in which a socket's path still fits (107 in all)
START = "start.ipynb"
_QUIET = {"@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False}}  # it asks no other machine
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


def open_lab(workspace: Workspace, options: Sequence[str] = ()) -> int:
    """Open JupyterLab on the start page, with a copy of the notebooks in the workspace; return its exit status once it is closed.

    `options` are JupyterLab's own, such as `--no-browser`. Started by a JupyterHub it is the server of the person who logged in: with
    copies of their own, in `notebooks/NAME/`, and their name in the ledger.
    """
    person = os.environ.get("JUPYTERHUB_USER", "")
    target = files.private_dir(workspace.root / "notebooks")
    target = files.private_dir(target / _folder(person)) if person else target
    if START not in copies.bring(NOTEBOOKS, target):
        copies.fill(NOTEBOOKS / START, target / START, workspace.root)
    with TemporaryDirectory(prefix="dsar-") as folder:
        _profile(Path(folder))
        _settings(Path(folder))
        config = os.pathsep.join(filter(None, [folder, os.environ.get("JUPYTER_CONFIG_PATH")]))
        ours = {"DSAR_WORKSPACE": str(workspace.root), "IPYTHONDIR": folder, "JUPYTER_CONFIG_PATH": config, _SOCKETS: folder}
        env = {**os.environ, **ours, **({"DSAR_USER": person} if person else {}), _PROVISIONER: "dsar-warm"}
        own = ["--FileContentsManager.checkpoints_class=dsar.run.lab.NoCheckpoints"]
        if os.name == "posix" and len(folder) < _LONGEST:
            own.append("--AsyncMappingKernelManager.kernel_manager_class=dsar.run.lab.PrivateKernel")
        command = [sys.executable, "-m", *(_of_hub(target) if person else _alone(target)), *own, *options]
        return _watched(workspace.root, subprocess.Popen(command, env=env, umask=0o077))  # noqa: S603 - our own command


def _folder(person: str) -> str:
    return quote(person, safe="@ ").replace(".", "%2E") if person.startswith(".") else quote(person, safe="@ ")


def _alone(target: Path) -> list[str]:
    return ["jupyter", "lab", str(target / START), "--notebook-dir", str(target)]


def _of_hub(target: Path) -> list[str]:
    return ["jupyterhub.singleuser", f"--ServerApp.root_dir={target}", f"--ServerApp.default_url=/lab/tree/{START}"]


def _watched(root: Path, lab: "subprocess.Popen[bytes]") -> int:
    """Wait for JupyterLab to end, and meanwhile seal what notebooks are saved, where the workspace is sealed. Told to end, it ends JupyterLab."""
    signal.signal(signal.SIGTERM, lambda *_: lab.terminate())  # else it would go on serving with nobody beside it
    while True:
        try:
            return lab.wait(SEALED_EVERY)
        except subprocess.TimeoutExpired:
            vault.seal(root)
        except KeyboardInterrupt:
            if not sys.stdin.isatty():
                lab.terminate()
            continue  # at a terminal JupyterLab got it too, asks what is meant, and ends by itself


def _settings(folder: Path) -> None:
    """Set what JupyterLab does by itself, where an analyst has not set it."""
    target = files.private_dir(folder / "labconfig") / "default_setting_overrides.json"
    target.write_text(json.dumps(_QUIET), encoding="utf-8")


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
