"""What is installed is whole: sdist from the tree, wheel from the sdist, in an environment of its own, used far from the tree."""

import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
BUILD = "import sys; from setuptools import build_meta; print(getattr(build_meta, f'build_{sys.argv[1]}')(sys.argv[2]))"


def run(*command, cwd, **env):
    clean = {k: v for k, v in os.environ.items() if k not in {"PYTHONPATH", "DSAR_WORKSPACE"}}
    done = subprocess.run(list(map(str, command)), cwd=cwd, capture_output=True, text=True, check=False, env={**clean, **env})
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def built(kind, source, target):
    return target / run(sys.executable, "-W", "ignore", "-c", BUILD, kind, target, cwd=source).splitlines()[-1]


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A copy of what git knows: building leaves files behind, and takes up what it left before."""
    folder = tmp_path_factory.mktemp("tree")
    for name in run("git", "ls-files", "--cached", "--others", "--exclude-standard", cwd=ROOT).splitlines():
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes((ROOT / name).read_bytes())
    return folder


@pytest.fixture(scope="module")
def sdist(tree, tmp_path_factory):
    return built("sdist", tree, tmp_path_factory.mktemp("sdist"))


@pytest.fixture(scope="module")
def wheel(sdist, tmp_path_factory):
    unpacked = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(sdist) as archive:
        archive.extractall(unpacked, filter="data")
    return built("wheel", next(unpacked.iterdir()), tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """The commands of a fresh environment with the wheel; what it depends on is this environment's."""
    folder = tmp_path_factory.mktemp("venv")
    run(sys.executable, "-m", "venv", "--without-pip", folder, cwd=folder)
    site = next(folder.glob("lib*/python*/site-packages"))
    here = next(p for p in sys.path if p.endswith("site-packages"))
    # Named by a .pth file, its own .pth files are not followed, so the tree that is installed there stays unseen.
    (site / "dependencies.pth").write_text(here, encoding="utf-8")
    quietly = ["--quiet", "--disable-pip-version-check", "--no-deps", "--no-index", "--ignore-installed"]
    run(sys.executable, "-m", "pip", "--python", folder / "bin/python", "install", *quietly, wheel, cwd=folder)
    return folder / "bin"


def test_the_sdist_is_the_whole_source(tree, sdist):
    with tarfile.open(sdist) as archive:
        packed = {name.partition("/")[2] for name in archive.getnames()}
    kept = {str(p.relative_to(tree)) for p in tree.rglob("*") if p.is_file()} - {".gitignore"}
    assert sorted(name for name in kept - packed if not name.startswith((".github", ".gitea"))) == []


def test_the_wheel_holds_data_and_no_tests(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    tops = {name.partition("/")[0] for name in names}
    assert tops == {"dsar", "connectors", "fixtures", "notebooks", f"dsar-{version('dsar')}.dist-info"}
    tracked = run("git", "ls-files", "dsar", "connectors", "fixtures", "notebooks", cwd=ROOT).splitlines()
    assert sorted(set(tracked) - set(names)) == []


def test_it_works_outside_the_repository(installed, tmp_path):
    """Without make: the demo to its spreadsheets, notebooks to work on, a ready map, the version."""
    printed = run(installed / "python", "-m", "dsar", "demo", "demo", cwd=tmp_path, COLUMNS="200")
    shown = re.findall(r"demo/cases/\S+\.xlsx", printed)
    assert len(shown) > 20
    assert all((tmp_path / path).is_file() for path in shown)
    where = run(installed / "python", "-c", "import dsar, connectors, fixtures; print(dsar.__file__)", cwd=tmp_path).strip()
    assert Path(where).is_relative_to(installed.parent)
    run(installed / "dsar", "--workspace", "demo", "notebooks", "--copy", cwd=tmp_path)
    assert sorted(p.name for p in (tmp_path / "demo/notebooks").glob("*.ipynb")) == sorted(p.name for p in (ROOT / "notebooks").glob("*.ipynb"))
    assert (
        run(installed / "dsar", "map", "--ready", "cases", cwd=tmp_path) == (ROOT / "connectors/maps/cases.toml").read_text(encoding="utf-8") + "\n"
    )
    assert run(installed / "dsar", "--version", cwd=tmp_path) == f"dsar {version('dsar')}\n"


def test_the_version_has_one_home_and_the_changelog_a_section_of_it():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", project["version"])
    sections = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sections[0] == project["version"]
    code = [p for p in ROOT.glob("dsar/**/*.py") if re.search(rf"""["']{re.escape(project["version"])}["']""", p.read_text(encoding="utf-8"))]
    assert code == []
