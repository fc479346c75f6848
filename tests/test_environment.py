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


def test_everything_is_pinned_by_hash_from_no_named_index():
    for lock in ROOT.glob("requirements*.lock"):
        text = lock.read_text(encoding="utf-8")
        assert len(re.findall(r"^\S+==\S+.* \\$", text, re.MULTILINE)) == len(re.findall(r"^[a-z]", text, re.MULTILINE)) > 50
        assert "://" not in text


def test_the_licences_are_those_of_what_is_pinned():
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    pinned = {(name.lower().replace("_", "-"), version) for name, version in re.findall(r"^([\w.-]+)==(\S+)", lock, re.MULTILINE)}
    rows = [[cell.strip() for cell in line.split("|")[1:4]] for line in (ROOT / "docs/licences.md").read_text(encoding="utf-8").splitlines()[2:]]
    assert {(name.lower().replace("_", "-"), version) for name, version, _ in rows} <= pinned, "run `make audit`"
    assert len(rows) > 0.9 * len({name for name, _ in pinned}), "what only other systems need is not installed here; the rest must be listed"
    assert not [name for name, _, licence in rows if licence in {"", "UNKNOWN"}]
