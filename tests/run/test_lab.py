"""What `dsar lab` makes of JupyterLab: no checkpoints, no history; seen on a running server in `make test-canary`."""

import asyncio
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

import nbformat
import pytest
from jupyter_client import AsyncKernelManager
from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager
from nbformat.sign import NotebookNotary
from tornado.web import HTTPError

from dsar.run import copies
from dsar.run.jobs import NOTEBOOKS
from dsar.run.lab import NoCheckpoints, PrivateKernel, _folder, _profile
from tests.run import erasing


def test_a_saved_notebook_leaves_no_copy(tmp_path):
    manager = AsyncLargeFileManager(root_dir=str(tmp_path), checkpoints_class=NoCheckpoints)
    notebook = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}

    async def saved():
        await manager.save({"type": "notebook", "content": notebook}, "a.ipynb")
        made = await manager.create_checkpoint("a.ipynb")
        with pytest.raises(HTTPError, match="no copies"):
            await manager.restore_checkpoint(made["id"], "a.ipynb")
        assert await manager.list_checkpoints("a.ipynb") == []
        await manager.rename("a.ipynb", "b.ipynb")
        assert sorted(p.name for p in tmp_path.iterdir()) == ["b.ipynb"]
        await manager.delete("b.ipynb")

    asyncio.run(saved())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("own", ["", "c = get_config()\nc.InteractiveShell.xmode = 'Plain'\n"])
def test_the_profile_keeps_no_history_and_an_analysts_settings(tmp_path, monkeypatch, own):
    home = tmp_path / "own" / "profile_default"
    home.mkdir(parents=True)
    if own:
        (home / "ipython_config.py").write_text(own)
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "own"))
    (tmp_path / "new").mkdir()
    _profile(tmp_path / "new")
    from traitlets.config.loader import PyFileConfigLoader

    config = PyFileConfigLoader("ipython_config.py", str(tmp_path / "new" / "profile_default")).load_config()
    assert config.HistoryManager.enabled is False
    assert ("InteractiveShell" in config) == bool(own)


def test_no_history_is_kept_of_a_workspace_in_whatever_program_it_is_open(tmp_path, monkeypatch):
    """As in VS Code: a plain kernel, with the profile of whoever works there."""
    (tmp_path / "desk").mkdir()
    erasing.build(tmp_path / "desk")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    opens = f"import dsar\nws = dsar.open({str(tmp_path / 'desk')!r})"
    cells = ["'typed before'", opens, "'ann@x.org asked'", "ws.status()"]

    async def run():
        kernel = AsyncKernelManager(kernel_name="python3")
        await kernel.start_kernel(cwd=str(tmp_path))
        try:
            for source in cells:
                await said(kernel, source)
        finally:
            await kernel.shutdown_kernel()

    asyncio.run(run())
    with closing(sqlite3.connect(tmp_path / "ipython/profile_default/history.sqlite")) as kept:
        assert {source for (source,) in kept.execute("SELECT source FROM history")} in ({cells[0]}, {*cells[:2]})  # it is written a little later


def test_whoever_a_hub_logged_in_has_a_folder_of_their_own_below():
    folders = {"m.aker": "m.aker", "..": "%2E%2E", "../..": "%2E%2E%2F%2E%2E", "a/b": "a%2Fb", "ann@x.org": "ann@x.org"}
    assert {person: _folder(person) for person in folders} == folders


def test_kernels_talk_over_sockets_of_their_own_and_never_meet(tmp_path, monkeypatch):
    with tempfile.TemporaryDirectory(prefix="dsar-") as folder:
        monkeypatch.setenv("DSAR_SOCKETS", folder)
        monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))

        async def answers():
            kernels = [PrivateKernel(kernel_name="python3") for _ in range(2)]
            for kernel in kernels:
                await kernel.start_kernel(cwd=str(tmp_path))
            try:
                return [await said(kernel, f"print({n})") for n, kernel in enumerate(kernels)], [k.transport for k in kernels]
            finally:
                for kernel in kernels:
                    await kernel.shutdown_kernel(now=True)

        assert asyncio.run(answers()) == (["0\n", "1\n"], ["ipc", "ipc"])
        assert list(Path.cwd().glob("kernel-ipc*")) == []


async def said(kernel, code):
    client = kernel.client()
    client.start_channels()
    heard = []
    try:
        await client.wait_for_ready(timeout=60)
        await client.execute_interactive(code, timeout=60, output_hook=lambda m: heard.append(m["content"].get("text", "")))
    finally:
        client.stop_channels()
    return "".join(heard)


def test_copies_are_renewed_unless_somebody_edited_them(tmp_path, capsys):
    shipped, target = tmp_path / "shipped", tmp_path / "copies"
    shipped.mkdir()
    target.mkdir()

    def ship(version):
        for name in ("a", "b", "c"):
            cells = [nbformat.v4.new_code_cell('request_id = ""', id="p", metadata={"tags": ["parameters"]})]
            nbformat.write(nbformat.v4.new_notebook(cells=[*cells, nbformat.v4.new_code_cell(f"'{version}'", id="c")]), shipped / f"{name}.ipynb")

    def change(name, cell, source):
        read = nbformat.read(target / name, as_version=4)
        read.cells[cell].source, read.cells[1].outputs = source, [nbformat.v4.new_output("stream", text="run")]
        nbformat.write(read, target / name)

    ship("one")
    assert copies.bring(shipped, target) == []
    change("b.ipynb", 0, 'request_id = "R-1"')  # run for somebody: that is no edit
    change("c.ipynb", 1, "'mine'")
    ship("two")
    assert copies.bring(shipped, target) == ["c.ipynb"]
    assert "c.ipynb" in capsys.readouterr().err
    assert [nbformat.read(target / f"{n}.ipynb", as_version=4).cells[1].source for n in "abc"] == ["'two'", "'two'", "'mine'"]
    assert copies.bring(shipped, target) == copies.edited(shipped, target) == ["c.ipynb"]
    (target / "m.aker").mkdir()  # on a hub
    copies.bring(shipped, target / "m.aker")
    change("m.aker/a.ipynb", 1, "'hers'")
    assert copies.edited(shipped, target) == ["c.ipynb", "m.aker/a.ipynb"]


def test_the_start_page_is_filled_and_trusted_and_only_ours_is_run(tmp_path, monkeypatch):
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))
    erasing.build(tmp_path)
    (tmp_path / "start.ipynb").write_text('{"cells": [{"cell_type": "code", "source": "boom"}]}')  # what lies there is not run
    copies.fill(NOTEBOOKS / "start.ipynb", tmp_path / "start.ipynb", tmp_path)
    read = nbformat.read(tmp_path / "start.ipynb", as_version=4)
    shown = [o.data for c in read.cells if c.cell_type == "code" for o in c.outputs]
    assert "deletion_checklist.ipynb" in shown[0]["text/html"]
    assert "image/png" in shown[1]
    assert NotebookNotary().check_signature(read)
    (tmp_path / "requests.csv").write_text("no,such,header\n")
    copies.fill(NOTEBOOKS / "start.ipynb", tmp_path / "start.ipynb", tmp_path)  # whoever runs it reads what is wrong
    assert [c.outputs for c in nbformat.read(tmp_path / "start.ipynb", as_version=4).cells if c.cell_type == "code"] == [[], [], []]
