"""Readers of written workbooks, and whether what they see is the value: written from the rules, not from the code."""

import json
import re
import subprocess
import sys
from datetime import date, datetime, time
from decimal import Decimal
from zoneinfo import ZoneInfo

import openpyxl
from python_calamine import CalamineWorkbook

from dsar import values
from dsar.answer import workbook

LONDON = ZoneInfo("Europe/London")


def write(path, *sheets, prefix="out"):
    return workbook.write(path, sheets, controller="Northwind & Sons", zone=LONDON, attachments_prefix=prefix)


def unescaped(text):
    """A text as Excel and LibreOffice read it from the file."""
    return re.sub(r"_x([0-9A-Fa-f]{4})_", lambda m: chr(int(m[1], 16)), text) if isinstance(text, str) else text


def grid(path, sheet):
    """The cells of a table below its header, as openpyxl reads them; the header stands below the first empty row."""
    rows = list(openpyxl.load_workbook(path)[sheet].iter_rows())
    assert not [c.coordinate for row in rows for c in row if c.data_type == "f" or c.hyperlink or c.comment]
    return _below([[unescaped(c.value) for c in row] for row in rows])


def calamine(path, sheet):
    """The same as python-calamine reads them."""
    rows = CalamineWorkbook.from_path(str(path)).get_sheet_by_name(sheet).to_python(skip_empty_area=False)
    return _below([[None if v == "" else v for v in row] for row in rows])


def _below(rows):
    blank = next(n for n, row in enumerate(rows) if n and not any(v is not None for v in row))
    header = [v for v in rows[blank + 1] if v is not None]
    return [header, *(row[: len(header)] for row in rows[blank + 2 :])]


def soffice(source, folder, target, *options):
    """Convert a file with LibreOffice; return the new file."""
    run = ["soffice", "--headless", f"-env:UserInstallation=file://{folder}/lo", *options, "--convert-to", target, "--outdir", folder, source]
    subprocess.run(run, check=True, capture_output=True, timeout=120)
    return folder / f"{source.stem}.{target.partition(':')[0]}"


def visible(text):
    text = text.replace("\r\n", "\n")
    return "".join(
        c
        if c == "\n"
        else chr(0x2400 + ord(c))
        if ord(c) < 32
        else "␡"
        if c == "\x7f"
        else f"‹U+{ord(c):04X}›"
        if 0x80 <= ord(c) < 0xA0 or 0xD800 <= ord(c) < 0xE000 or c in "\ufffe\uffff"
        else c
        for c in text
    )


def stored_length(text):
    escaped = re.sub(r"_(?=x[0-9A-Fa-f]{4}_)", "_x005F_", visible(text))
    return len(escaped.encode("utf-16-le")) // 2


def same(value, seen, folder, naive):
    """Whether a cell shows the value; `naive` says that the column holds times finer than a spreadsheet shows."""
    if isinstance(seen, date) and not isinstance(seen, datetime):
        seen = datetime.combine(seen, time())  # calamine tells a day from a moment by the format
    match value:
        case None:
            return seen == "not recorded"
        case "" | b"":
            return seen is None
        case bool():
            return seen == ("yes" if value else "no")
        case str() if stored_length(value) > 32_767:
            return (folder / seen.rpartition(" ")[2]).read_bytes().decode() == value
        case str():
            return seen == visible(value)
        case bytes():
            return (folder / seen.rpartition(" ")[2]).read_bytes() == value
        case int():
            return seen == (value if abs(value) < 10**15 else str(value))
        case Decimal() | float():
            text = values.as_text(value)
            return seen == text if isinstance(seen, str) else float(value) == seen and len(re.sub(r"\D", "", text).strip("0")) <= 15
        case datetime():
            local = value.astimezone(LONDON).replace(tzinfo=None) if value.tzinfo else value
            return seen == local if isinstance(seen, datetime) else datetime.fromisoformat(seen) == local and (naive or local.year < 1901)
        case date():
            return seen.date() == value if isinstance(seen, datetime) else seen == value.isoformat() and value < date(1900, 3, 1)
    return seen == value.isoformat()


VALIDATE = """
import json, os, sys
from frictionless import validate
for folder in sys.argv[1:]:
    os.chdir(folder)
    report = validate("datapackage.json")
    print(json.dumps([e.message for e in report.errors] + [e.message for t in report.tasks for e in t.errors]))
"""


def frictionless(*folders):
    """What the Frictionless framework finds wrong in each package."""
    run = [sys.executable, "-W", "ignore", "-c", VALIDATE, *folders]
    done = subprocess.run(run, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]
