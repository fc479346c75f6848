"""Documents that can fail: what README and Makefile say is run."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.docs.blocks import blocks

ROOT = Path(__file__).parents[1]
MADE = {f"{up}{page}" for up in ("", "../", "reference/", "../reference/") for page in ("command.md", "errors.md", "changes.md")}  # by `make docs`


def test_make_help_lists_every_target_and_no_other():
    listed = subprocess.run(["make", "--no-print-directory", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    phony = re.search(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)[1].split()
    assert [line.split()[0] for line in listed.splitlines()] == phony


def test_a_distribution_that_cannot_be_built_says_why(tmp_path):
    for name in ("requirements-test.lock", "pyproject.toml", "bin/python", ".venv/test"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("#!/bin/sh\necho no such backend >&2\nexit 3\n", encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    run = subprocess.run(["make", "-f", ROOT / "Makefile", "dist", "BIN=bin"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode != 0
    assert "no such backend" in run.stderr


def test_the_ten_minutes_of_the_readme_work(tmp_path):
    [block] = [b for b in blocks("README.md") if not b.reason]
    commands = block.commands
    assert commands.pop(0) == ". .venv/bin/activate"
    assert commands.pop().startswith("dsar lab")  # opens a browser and stays
    (tmp_path / "contacts.csv").write_text("id,email,name\n1,Ann@Example.org,Ann\n2,ben@example.org,Ben\n", encoding="utf-8")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    script = "\n".join(["set -eu", *commands])
    run = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False, env={**os.environ, "PATH": path})
    assert run.returncode == 0, run.stdout + run.stderr
    assert "1 sources, 1 tables, 0 requests: all as the map says" in run.stdout
    assert "2 to do: 2 done" in run.stdout
    assert sorted(p.name for p in (tmp_path / "desk/cases/R-1/outbox").iterdir()) == [
        "Example-Ltd_R-1_portability.xlsx",
        "Example-Ltd_R-1_portability.zip",
    ]
    assert [p.name for p in (tmp_path / "desk/cases/R-1/worklists").iterdir()] == ["R-1_crm_worklist.xlsx"]


def test_links_in_the_documents_lead_somewhere():
    for document in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("fixtures/**/*.md")]:
        for target in re.findall(r"\]\(([^)#\s]+)\)", document.read_text(encoding="utf-8")):
            assert target.startswith("http") or target in MADE or (document.parent / target).exists(), (document.name, target)


def test_the_lock_names_no_index_and_pins_every_file():
    for lock in ("requirements.lock", "requirements-test.lock"):
        text = (ROOT / lock).read_text(encoding="utf-8")
        assert "://" not in text
        assert "--index" not in text
        pins = re.findall(r"^[a-z0-9._-]+(?:\[[^]]+\])?==.*?(?=^\S|\Z)", text, re.MULTILINE | re.DOTALL)
        assert len(pins) > 100
        assert all("--hash=sha256:" in pin for pin in pins)
