"""How long a newcomer waits: a fresh clone, `make demo`, the first workbook; with an empty package cache, then with a filled one.

Needs nothing but Python and git, as a newcomer has. What is committed is cloned. Of an environment it counts the packages and the bytes on
disk, JupyterLab included. A full run writes docs/newcomer.md; WARM=1 takes the cache of this account, runs once and writes nothing.
"""

import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "newcomer.md"
MOST_PACKAGES = 159
OURS = ("DSAR_", "PYTHON", "VIRTUAL_ENV", "MAKE", "MFLAGS")  # what a newcomer's shell does not have


class Waited(NamedTuple):
    """Seconds from the command, and what the environment then holds."""

    environment: float
    workbook: float
    end: float
    packages: int
    megabytes: float
    workbooks: int


def main() -> int:
    """Measure, print, write, and return the exit status: 1 where a goal is missed."""
    with tempfile.TemporaryDirectory(prefix="newcomer-") as name:
        folder = Path(name)
        if os.environ.get("WARM") == "1":
            runs = {"warm": measure(folder / "warm", None)}
        else:
            runs = {cache: measure(folder / cache, folder / "cache") for cache in ("cold", "warm")}
    lines = list(table(runs))
    print("\n".join(lines))
    if len(runs) > 1:
        text = PAGE.read_text(encoding="utf-8")
        PAGE.write_text(
            re.sub(r"(<!-- newcomer:.*? -->\n).*?(?=<!-- end -->)", lambda m: m[1] + "\n".join(lines) + "\n", text, flags=re.DOTALL), "utf-8"
        )
    return int(any(run.packages > MOST_PACKAGES or not run.workbooks for run in runs.values()))


def measure(folder: Path, cache: Path | None) -> Waited:
    """Clone into a folder and run `make demo` there with a package cache, this account's where none is named."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(OURS)} | ({"PIP_CACHE_DIR": str(cache)} if cache else {})
    subprocess.run(["git", "clone", "--quiet", ROOT, folder], check=True)  # noqa: S607
    began = time.monotonic()
    command = {"args": ["make", "demo"], "cwd": folder, "env": env}
    with (folder / "demo.log").open("w") as log, subprocess.Popen(**command, stdout=log, stderr=log) as made:
        environment = waited(made, began, (folder / ".venv/demo").exists)
        workbook = waited(made, began, lambda: any(folder.glob("demo/cases/*/outbox/*.xlsx")))
        made.wait()
    end = time.monotonic() - began
    if made.returncode:
        sys.exit((folder / "demo.log").read_text(encoding="utf-8")[-3000:])
    python = folder / ".venv/bin/python"
    listed = json.loads(subprocess.run([python, "-m", "pip", "list", "--format=json"], env=env, check=True, capture_output=True).stdout)
    assert {"jupyterlab", "dsar"} <= {package["name"] for package in listed}
    size = sum(path.lstat().st_size for path in (folder / ".venv").rglob("*") if path.is_file() and not path.is_symlink())
    return Waited(environment, workbook, end, len(listed), size / 1e6, len(list(folder.glob("demo/cases/*/*/*.xlsx"))))


def waited(made: subprocess.Popen, began: float, there) -> float:
    """Return after how many seconds something was there."""
    while made.poll() is None and not there():
        time.sleep(0.1)
    return time.monotonic() - began


def table(runs: dict[str, Waited]):
    """Yield the lines of the page."""
    machine = f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}"
    yield f"{time.strftime('%Y-%m-%d')}, {machine}, load {os.getloadavg()[2]:.1f}."
    yield ""
    yield "| `make demo` in a fresh clone, seconds until | " + " | ".join(f"{name} package cache" for name in runs) + " |"
    yield "|---" * (len(runs) + 1) + "|"
    for what, field in (
        ("the environment is there", "environment"),
        ("the first workbook lies in an outbox", "workbook"),
        ("all requests are answered", "end"),
    ):
        yield f"| {what} | " + " | ".join(f"{getattr(run, field):.0f}" for run in runs.values()) + " |"
    last = list(runs.values())[-1]
    yield ""
    yield (
        f"The environment holds {last.packages} packages, JupyterLab and pip among them (goal: at most {MOST_PACKAGES}),"
        f" and {last.megabytes:,.0f} MB; the demo made {last.workbooks} workbooks."
    )


if __name__ == "__main__":
    sys.exit(main())
