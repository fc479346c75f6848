"""Every command and block of README and docs runs, or says above it why it cannot; a page is one reader's afternoon, in one folder."""

import tomllib
from copy import deepcopy
from pathlib import Path

import keyring
import pytest
from traitlets.config import Config

from dsar import datamap
from tests.docs.blocks import PAGES, ROOT, RUN, blocks, outside
from tests.docs.shell import Shell
from tests.docs.worlds import ENVIRONMENT, WORLDS, missing
from tests.keyrings import InFile

ELSEWHERE = {"README.md": "tests/test_docs.py runs it in a shell of its own, as a newcomer does"}
LINES_ELSEWHERE = {"dsar --workspace docs/examples/chinook batch": "tests/test_chinook.py runs it, and compares every answer"}
WITH_CODE = [page for page in PAGES if any(b.language in {"bash", "python"} and not b.reason for b in blocks(page)) and page not in ELSEWHERE]
WITH_MAPS = [page for page in PAGES if any(b.language == "toml" and not b.reason for b in blocks(page))]


@pytest.fixture
def ring(monkeypatch, tmp_path):
    """A keyring that answers, for the pages that need one."""
    before = keyring.get_keyring()
    monkeypatch.setenv("KEYRING_FILE", str(tmp_path / "keyring.json"))
    keyring.set_keyring(InFile())
    yield
    keyring.set_keyring(before)


@pytest.mark.parametrize("page", PAGES)
def test_every_block_is_run_or_says_why_not(page):
    assert outside(page) == []
    assert [(b.line, b.language) for b in blocks(page) if b.language not in RUN and not b.reason] == []
    assert all(len(b.reason.split()) > 3 for b in blocks(page) if b.reason), "a reason is a sentence"


@pytest.mark.usefixtures("ring")
@pytest.mark.parametrize("page", WITH_CODE)
def test_the_commands_of_a_page_work_one_after_the_other(page, tmp_path, monkeypatch):
    WORLDS.get(page, lambda folder: None)(tmp_path)
    shell = Shell(tmp_path, monkeypatch)
    for name, value in ENVIRONMENT.get(page, {}).items():
        monkeypatch.setenv(name, value)
    config = Config()
    for block in (b for b in blocks(page) if not b.reason):
        if block.title:
            Path(block.title).parent.mkdir(parents=True, exist_ok=True)
            Path(block.title).write_text(block.code, encoding="utf-8")
        if block.language == "bash":
            for line in (c for c in block.commands if c not in LINES_ELSEWHERE):
                shell.run(line)
        if block.language == "python":
            exec(compile(block.code, f"{page}:{block.line}", "exec"), {"__name__": "page", "get_config": lambda: config})
    assert missing(page, shell.printed) == []


@pytest.mark.parametrize("page", WITH_MAPS)
def test_what_a_page_shows_of_a_map_is_a_map(page):
    """The pieces of a page together, in a map that says what they leave out: no key may be unknown, no value of a wrong form."""
    template = tomllib.loads((ROOT / "dsar/templates/dsar.toml").read_text(encoding="utf-8"))
    whole = {"activities": template["activities"], "controller": template["controller"], "sources": {}}
    pieces = [tomllib.loads(b.code) for b in blocks(page) if b.language == "toml" and not b.reason]
    for piece in pieces:
        if "project" in piece:
            assert {"name", "version", "dependencies"} <= piece["project"].keys()
        else:
            merge(whole, piece if piece.keys() <= datamap.DataMap.model_fields.keys() else {"sources": {"some": {"tables": {"table": piece}}}})
    for source in whole["sources"].values():
        for key, usual in {"connector": "sql", "label": "System", "owner": "owner@example.org", "tables": {"table": {}}}.items():
            source.setdefault(key, deepcopy(usual))
        for table in source["tables"].values():
            complete(table, next(iter(whole["activities"])))
    if whole["sources"]:
        datamap.parse(whole, Path(page))


def merge(whole, piece):
    for key, value in piece.items():
        if isinstance(value, dict) and isinstance(whole.get(key), dict):
            merge(whole[key], value)
        else:
            whole[key] = deepcopy(value)


def complete(table, activity):
    for key, usual in {"label": "Rows", "activity": activity, "key": ["id"], "match": {"email": "email"}, "columns": {}}.items():
        table.setdefault(key, deepcopy(usual))
    named = [*table["key"], *table["match"].values(), *(r if isinstance(r, str) else r["column"] for r in table.get("reveals", {}).values())]
    named += [table[mark]["column"] for mark in ("restricted", "open_while") if mark in table]
    for name in (n for names in named for n in ([names] if isinstance(names, str) else names)):
        table["columns"].setdefault(name, {"category": "user"})
