"""What three people receive, sheet by sheet, as text: one plain, one contact of a company, one of whom nothing is held.

`GOLDEN=write pytest tests/test_golden.py` writes the files anew; read the difference as the person who gets it.
"""

import os
import shutil
from datetime import UTC, date, datetime
from pathlib import Path

import openpyxl
import pytest

from dsar import workspace
from dsar.errors import AnswerIncomplete
from fixtures import generate
from tests.company import built

GOLDEN = Path(__file__).parent / "golden"
NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)


def plain(person):
    return person.asks and person.number % 3 != 2 and not set(person.mates) - {"other case"}


CASES = {
    "plain": plain,
    "company_contact": lambda p: "company contact" in p and p.number % 3 != 2 and "guest order" in p,
    "nothing_held": lambda p: "no records" in p and p.number % 3 != 2,
}


@pytest.fixture(scope="module")
def ws(tmp_path_factory):
    folder = tmp_path_factory.mktemp("golden")
    shutil.copytree(built()[0], folder, dirs_exist_ok=True)
    opened = workspace.open_workspace(folder)
    return workspace.Workspace(opened.root, opened.datamap, lambda: NOW)


def number_of(case, ws):
    """Return the request of the first person who fits and has the most kinds of records."""
    people = [p for p in generate.people(100, 7) if CASES[case](p)]
    dossiers = ws.collect_all([ws.request(generate.subject(p.number)) for p in people])
    return max(dossiers, key=lambda r: (len(list(dossiers[r])), r))


def text(path):
    """Return a workbook as text: a heading per sheet, a line per row, cells as the reader sees them."""
    lines = []
    for sheet in openpyxl.load_workbook(path).worksheets:
        lines.append(f"=== {sheet.title} ===")
        for row in sheet.iter_rows():
            cells = [shown(cell).replace("\n", "⏎") for cell in row if cell.value is not None]
            lines += [" | ".join(cells)] if cells else []
    return "\n".join(lines) + "\n"


def shown(cell):
    """Return a cell as its format shows it."""
    if isinstance(cell.value, datetime):
        return f"{cell.value:%Y-%m-%d}" if cell.number_format == "yyyy-mm-dd" else str(cell.value)
    if isinstance(cell.value, int | float) and "." in cell.number_format:
        return f"{cell.value:.{len(cell.number_format.partition('.')[2])}f}"
    return str(cell.value)


@pytest.mark.parametrize("case", CASES)
def test_the_workbook_reads_as_it_did_when_a_person_last_looked(case, ws):
    request = ws.request(number_of(case, ws))
    try:
        written = ws.export(request)
    except AnswerIncomplete:  # held rows, or text that speaks of others: so this is part 1
        ws.decide(request, "part 1", by="I. Farr", rest_by=date(2026, 12, 1))
        written = ws.export(request)
    found = text(written.files[0])
    golden = GOLDEN / f"{case}.txt"
    if os.environ.get("GOLDEN") == "write":
        golden.write_text(found, encoding="utf-8")
    assert found == golden.read_text(encoding="utf-8")
