"""The month's sheet of the ledger, to print and sign: an anchor that nobody who works here can change."""

import re
from collections import Counter
from datetime import date
from pathlib import Path

import docx as word
from docx.shared import Pt

from dsar import files
from dsar.datamap import Controller
from dsar.desk import docx
from dsar.errors import BadEvent
from dsar.keep.ledger import Ledger


def month(text: str) -> str:
    """Return a month written as 2026-11; raises `BadEvent` for anything else."""
    if not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", text):
        raise BadEvent("this is no month", where="--month", remedy="write it as 2026-11")
    return text


def write(path: Path, ledger: Ledger, controller: Controller, chosen: str, on: date) -> Path:
    """Write the sheet of a month: lines of each kind, whether the whole chain holds, the head, and a line to sign on."""
    counted = Counter(line["what"] for line in ledger.lines() if line["at"].startswith(chosen))
    faults = ledger.verify()
    document = word.Document()
    docx.set_up(document, controller, on)
    document.add_heading(f"Ledger of data-subject requests, {chosen}", 1)
    document.add_paragraph(f"{controller.name}. Written on {on.isoformat()}; months and times are those of UTC.")
    _counts(document, counted)
    document.add_paragraph()
    holds = "Every line of the ledger is as it was written." if not faults else f"The ledger is NOT as it was written: {faults[0].what}."
    document.add_paragraph(holds).runs[0].bold = True
    head = ledger.head
    document.add_paragraph(f"It ends with line {head.n}. To compare later: dsar ledger verify --head {head}")
    document.add_paragraph("Keep this sheet signed where nobody who works with the ledger can change it.")
    for line in ("Name", "Date", "Signature"):
        document.add_paragraph(f"{line}: {'_' * 40}").paragraph_format.space_before = Pt(18)
    files.write_atomic(path, docx.settled(document))
    return path


def _counts(document: "word.document.Document", counted: Counter[str]) -> None:
    table = document.add_table(rows=1, cols=2, style="Light Grid Accent 1")
    lines = [("What was done", "Lines"), *((what, str(n)) for what, n in sorted(counted.items())), ("Together", str(counted.total()))]
    for number, (what, n) in enumerate(lines):
        cells = table.rows[0].cells if number == 0 else table.add_row().cells
        cells[0].text, cells[1].text = what, n
