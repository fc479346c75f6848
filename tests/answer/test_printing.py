"""Every workbook of the demo, and a nasty one, as people see them: nothing cut, no ###, no empty boxes, sound for other programs."""

import json
import re
import subprocess
import sys
import zipfile
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import openpyxl
import pytest

from dsar import values
from dsar.answer.check import check_workbook
from dsar.answer.workbook import Table
from tests import demo
from tests.answer.frames import NASTY
from tests.answer.reading import frictionless, write
from tests.answer.world import exported
from tests.needs import needs

NODE = Path(sys.prefix) / "node" / "node_modules" / ".bin"


@pytest.fixture(scope="module")
def leaving(tmp_path_factory):
    """What leaves the demo company."""
    made = demo.build(tmp_path_factory.mktemp("demo"))
    assert {path.parent.name for path in made} == {"outbox", "review", "worklists"}  # of a kind that is lacking, nothing would be looked at
    return made


@pytest.fixture(scope="module")
def workbooks(leaving, tmp_path_factory):
    """Every kind of workbook that is written, with names that tell them apart."""
    folder = tmp_path_factory.mktemp("books")
    made = [p for p in leaving if p.suffix == ".xlsx"]
    exported(tmp_path_factory.mktemp("world") / "de", "de")
    made += tmp_path_factory.getbasetemp().glob("world*/de/outbox/*.xlsx")
    texts = [t for t in NASTY if "\u202e" not in t]
    frame = values.frame(
        {
            "text": texts,
            "wide": [f"{t[:200]} and more" for t in texts],
            "amount": [Decimal("-123456789012.45")] * len(texts),
            "day": [date(2024, 12, 28)] * len(texts),
            "moment": [datetime(2024, 12, 28, 23, 59, 59, tzinfo=UTC)] * len(texts),
        }
    )
    made.append(write(folder / "nasty.xlsx", Table("Nasty", frame, {}))[0])
    copies = []
    for number, path in enumerate(made):
        copies.append(folder / f"{number:03}.xlsx")
        copies[-1].write_bytes(path.read_bytes())
    return copies


def shown(path):
    """Every text of a workbook, and every other value."""
    book = openpyxl.load_workbook(path)
    return [c.value for sheet in book for row in sheet.iter_rows() for c in row if c.value is not None and c.data_type != "f"]


@needs("soffice")
@needs("pdftotext")
def test_libreoffice_prints_every_word_and_no_hashes(workbooks):
    folder = workbooks[0].parent
    run = ["soffice", "--headless", f"-env:UserInstallation=file://{folder}/lo", "--convert-to", "pdf", "--outdir", folder, *workbooks]
    subprocess.run(run, check=True, capture_output=True, timeout=300)
    for path in workbooks:
        text = subprocess.run(["pdftotext", "-raw", path.with_suffix(".pdf"), "-"], check=True, capture_output=True, text=True).stdout
        assert "##" not in text, path.name
        printed = re.sub(r"\W", "", text)
        words = {w for value in shown(path) if isinstance(value, str) and len(value) < 1000 for w in re.findall(r"[A-Za-z0-9]{2,24}", value)}
        assert {w for w in words if w not in printed} == set(), path.name


@needs("soffice")
def test_no_row_is_too_low_for_its_text(workbooks):
    run = ["/usr/bin/python3", Path(__file__).with_name("uno_open.py"), "heights", *workbooks]
    told = subprocess.run(run, check=True, capture_output=True, text=True, timeout=300).stdout
    assert told.splitlines() == ["no row is too low"]


@needs("fc-list")
def test_a_font_has_every_character(workbooks):
    characters = {c for path in workbooks for value in shown(path) if isinstance(value, str) for c in value if c.isalnum() and ord(c) > 0x7F}
    lacking = [c for c in characters if not subprocess.run(["fc-list", f":charset={ord(c):x}"], check=True, capture_output=True).stdout]
    assert lacking == []


@needs(NODE / "ooxml-validator")
def test_the_standards_own_validator_finds_nothing(workbooks):
    for path in workbooks:
        done = subprocess.run([NODE / "ooxml-validator", path], check=False, capture_output=True, text=True, timeout=120)
        assert json.loads(done.stdout)["errors"] == [], path.name


def test_the_check_passes_what_the_demo_wrote(workbooks):
    for path in workbooks:
        formulas = {c.value for sheet in openpyxl.load_workbook(path) for row in sheet.iter_rows() for c in row if c.data_type == "f"}
        assert all(re.fullmatch(r"=COUNTIF\('?Steps[^!]*!\$[A-Z]+\$5:\$[A-Z]+\$\d+,\"[A-Za-z ]+\"\)", f) for f in formulas)
        check_workbook(path, formulas)
        with zipfile.ZipFile(path) as archive:
            assert archive.testzip() is None


def test_frictionless_accepts_every_package(leaving, tmp_path):
    folders = []
    for path in (p for p in leaving if p.suffix == ".zip"):
        folders.append(tmp_path / path.stem)
        with zipfile.ZipFile(path) as archive:
            archive.extractall(folders[-1])
        subprocess.run(["sha256sum", "--check", "--strict", "checksums.sha256"], cwd=folders[-1], check=True, capture_output=True)
    assert len(folders) > 1
    assert frictionless(*folders) == [[]] * len(folders)
