"""JupyterLab on a workspace, so that it leaves nothing of a person beside the notebooks' outputs: no checkpoints, no history of what was typed."""

import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from jupyter_server.services.contents.checkpoints import AsyncCheckpoints
from tornado.web import HTTPError

from dsar import files
from dsar.run.jobs import NOTEBOOKS
from dsar.workspace import Workspace

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


def open_lab(workspace: Workspace) -> int:
    """Open JupyterLab with a copy of the notebooks in the workspace, and return its exit status once it is closed."""
    target = files.private_dir(workspace.root / "notebooks")
    for notebook in sorted(NOTEBOOKS.glob("*.ipynb")):
        if not (target / notebook.name).exists():
            files.write_atomic(target / notebook.name, notebook.read_bytes())
    with TemporaryDirectory(prefix="dsar-") as folder:
        _profile(Path(folder))
        env = {**os.environ, "DSAR_WORKSPACE": str(workspace.root), "IPYTHONDIR": folder}
        checkpoints = "--FileContentsManager.checkpoints_class=dsar.run.lab.NoCheckpoints"
        command = [sys.executable, "-m", "jupyter", "lab", "--notebook-dir", str(target), checkpoints]
        return subprocess.call(command, env=env, umask=0o077)  # noqa: S603 - our own command


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
