"""What a machine without POSIX meets: our own code does without what Windows lacks, or says what cannot be done there.

Simulated on Linux, and so no proof of Windows: modules and functions that it lacks are taken away, nothing of what it has is put there.
"""

import ast
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from connectors import swap
from dsar.errors import ErasureRefused
from dsar.request.listed import HEADER

ROOT = Path(__file__).parent.parent
LACKING = {"fcntl", "resource", "pwd", "grp", "termios"}
ONLY_POSIX = {
    "os": {"fork", "getuid", "geteuid", "chown", "fchmod", "killpg", "setsid", "wait4", "pidfd_open", "mkfifo"},
    "signal": {"SIGKILL", "SIGHUP", "SIGALRM", "alarm"},
    "socket": {"AF_UNIX", "send_fds", "recv_fds"},
    "select": {"poll"},
    "time": {"tzset"},
}
ASKED_FIRST = {  # where they are met only after it was asked whether they are there
    "dsar/run/warm.py": "started by dsar/run/forks.py alone, where FORKS says so",
    "dsar/run/forks.py": "FORKS",
    "dsar/run/line.py": "FORKS, asked by dsar/run/engine.py",
    "dsar/run/casefile.py": "behind `hasattr`",
    "dsar/keep/vault.py": "behind `fcntl is None`",
    "dsar/keep/memory.py": "where there is a folder in memory: Linux",
    "dsar/cli_seal.py": "after the workspace was opened, which needs one",
    "dsar/files.py": "behind `fcntl is None`",
    "connectors/swap.py": "behind `sys.platform`; geteuid where /proc was read",
}
WITHOUT = f"""
import builtins, os
real = builtins.__import__
def without(name, globals=None, *more, **named):
    asker = (globals or {{}}).get("__name__", "").split(".")[0]
    if name in {sorted(LACKING)} and asker in ("dsar", "connectors", "fixtures"):
        raise ImportError(name + " is not on Windows")
    return real(name, globals, *more, **named)
builtins.__import__ = without
del os.fork
"""


def test_what_only_posix_has_is_met_behind_a_question():
    met = set()
    for path in (p for package in ("dsar", "connectors", "fixtures") for p in (ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.attr in ONLY_POSIX.get(node.value.id, ()):
                met.add(str(path.relative_to(ROOT)))
            names = {alias.name for alias in node.names} if isinstance(node, ast.Import | ast.ImportFrom) else set()
            if LACKING & names or (isinstance(node, ast.ImportFrom) and ONLY_POSIX.get(node.module or "", set()) & names):
                met.add(str(path.relative_to(ROOT)))
    assert met == ASKED_FIRST.keys()


def test_a_log_is_left_alone_where_files_cannot_be_exchanged(tmp_path, monkeypatch):
    log = tmp_path / "access.log"
    log.write_bytes(b"a line\n")
    monkeypatch.setattr(sys, "platform", "win32")
    with log.open("rb") as old, pytest.raises(ErasureRefused, match="only Linux exchanges two files"):
        swap.rewrite(log, old, lambda stream: stream.write(b""), lambda stream: None)
    assert (log.read_bytes(), [p.name for p in tmp_path.iterdir()]) == (b"a line\n", ["access.log"])


BATCH = """
import importlib, pkgutil, sys, dsar, connectors
for package in (dsar, connectors):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not module.name.endswith(("migrations.env", "__main__")):
            importlib.import_module(module.name)
assert not (sys.modules.get("dsar.run.forks") or sys.modules["dsar.run.kernels"]).FORKS
sys.argv = ["dsar", "--workspace", "desk", "batch"]
sys.modules["dsar.cli"].main()
"""


def test_every_module_loads_and_a_batch_runs_without_what_windows_lacks(tmp_path):
    for folder in ("site", "desk"):
        (tmp_path / folder).mkdir()
    (tmp_path / "site/sitecustomize.py").write_text(WITHOUT, encoding="utf-8")
    (tmp_path / "desk/dsar.toml").write_bytes((ROOT / "dsar/templates/dsar.toml").read_bytes())
    (tmp_path / "desk/contacts.csv").write_text("id,email,name\n1,ann@example.org,Ann\n", encoding="utf-8")
    line = "R-1,2026-11-23,erasure,email=ann@example.org,2026-11-23,\n"
    (tmp_path / "desk/requests.csv").write_text(",".join(HEADER) + "\n" + line, encoding="utf-8")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env = {**os.environ, "PYTHONPATH": str(tmp_path / "site"), "PATH": path}
    done = subprocess.run([sys.executable, "-c", BATCH], cwd=tmp_path, capture_output=True, text=True, check=False, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 to do: 1 done" in done.stdout


def test_a_draft_is_utf8_whatever_the_code_page(tmp_path):
    (tmp_path / "people.csv").write_text("id,email,Żółć\n1,ann@example.org,x\n", encoding="utf-8")
    env = {**os.environ, "PYTHONIOENCODING": "cp1252"}
    done = subprocess.run([sys.executable, "-m", "dsar", "map", "people.csv"], cwd=tmp_path, capture_output=True, check=False, env=env)
    assert (done.returncode, done.stderr) == (0, b"")
    assert "Żółć" in tomllib.loads(done.stdout.decode("utf-8"))["sources"]["source"]["tables"]["people"]["columns"]
