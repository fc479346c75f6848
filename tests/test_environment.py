import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_conda_gets_what_pip_gets():
    environment = (ROOT / "environment.yml").read_text(encoding="utf-8")
    head, pip = environment.split("  - pip:\n")
    assert re.findall(r"^      - (.+)$", pip, re.MULTILINE) == PROJECT["dependencies"]
    assert re.findall(r"^  - (.+)$", head.split("dependencies:\n")[1], re.MULTILINE) == [f"python {PROJECT['requires-python']}", "pip"]


def test_the_licence_is_the_one_named():
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert PROJECT["license"] == "MIT"
    assert PROJECT["license-files"] == ["LICENSE"]
    assert text.startswith("MIT License\n\nCopyright (c) 2026 The dsar authors\n")
