"""A source in a package of its own (`helpdesk/`): installed as anybody would, found by its entry point, held to every promise."""

import json
import subprocess
import sys
import tomllib
from contextlib import contextmanager
from pathlib import Path

import pytest

from dsar import datamap, plugins, values
from dsar.snapshots import connector
from tests.source_suite import SourceSuite

PACKAGE = Path(__file__).parent / "helpdesk"
MODULE = PACKAGE / "src/dsar_helpdesk/__init__.py"
GUIDE = Path(__file__).parents[2] / "docs/how-to/new-source.md"


@pytest.fixture(scope="module", autouse=True)
def installed(tmp_path_factory):
    """Install a copy (building leaves files behind) with pip, without the network, where Python looks."""
    folder = tmp_path_factory.mktemp("plugin")
    for path in (p for p in PACKAGE.rglob("*") if p.suffix in {".py", ".toml"}):
        copy = folder / "source" / path.relative_to(PACKAGE)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    quietly = ["--quiet", "--disable-pip-version-check", "--no-deps", "--no-index", "--no-build-isolation"]
    subprocess.run([sys.executable, "-m", "pip", "install", *quietly, "--target", folder / "site", folder / "source"], check=True)
    sys.path.insert(0, str(folder / "site"))
    looked_up_again()
    yield
    sys.path.remove(str(folder / "site"))
    looked_up_again()


def looked_up_again():
    plugins.sources.cache_clear()
    plugins._brought.cache_clear()


class TestHelpdesk(SourceSuite):
    needs_types = True
    many_rows = 300

    def load(self, folder, tables):
        for name, grid in tables.items():
            (folder / "export" / name).mkdir(parents=True, exist_ok=True)
            for n, row in enumerate(grid.rows):
                ticket = {c: v if isinstance(v, str | int | None) else values.as_text(v) for c, v in zip(grid.columns, row, strict=True)}
                (folder / "export" / name / f"{n:06}.json").write_text(json.dumps(ticket), encoding="utf-8")

    def connect(self, settings):
        return connector("helpdesk")(settings)

    def url(self, _):
        return "export"

    def break_off(self, folder, table):
        path = max((folder / "export" / table).iterdir())
        path.write_text(path.read_text(encoding="utf-8")[:-5], encoding="utf-8")

    def drop(self, folder, table):
        for path in (folder / "export" / table).iterdir():
            path.unlink()
        (folder / "export" / table).rmdir()

    def take_down(self, folder):
        (folder / "export").rename(folder / f"gone{len(list(folder.iterdir()))}")

    @contextmanager
    def counting(self, table):
        seen, read = [], Path.glob

        def glob(self, pattern):
            seen.append(self.name)
            return read(self, pattern)

        Path.glob = glob
        try:
            yield lambda: seen.count(table)
        finally:
            Path.glob = read


def test_its_class_comes_from_the_installed_package():
    assert connector("helpdesk").__module__ == "dsar_helpdesk"
    assert Path(sys.modules["dsar_helpdesk"].__file__).parent.parent.name == "site"


def test_its_ready_map_is_found_and_is_a_map():
    template = (Path(__file__).parents[2] / "dsar/templates/dsar.toml").read_text(encoding="utf-8")
    whole = tomllib.loads(template + plugins.maps()["helpdesk"].read_text(encoding="utf-8"))
    assert datamap.parse(whole, Path("dsar.toml")).sources["helpdesk"].connector == "helpdesk"


def test_the_guide_shows_this_very_code():
    guide = GUIDE.read_text(encoding="utf-8")
    assert f"```python\n{MODULE.read_text(encoding='utf-8')}```" in guide
    assert f"```toml\n{(PACKAGE / 'pyproject.toml').read_text(encoding='utf-8')}```" in guide
    assert len(MODULE.read_text(encoding="utf-8").splitlines()) < 40
