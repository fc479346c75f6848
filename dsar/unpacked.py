"""Limits to what a file from outside may cost: a few kilobytes unpack to gigabytes, two cells span a sheet, and a mail's head has no end."""

import io
import re
import zipfile
from collections.abc import Iterable, Iterator
from email import message_from_bytes
from email.policy import compat32
from pathlib import Path
from typing import Any

from dsar.errors import SourceBroken

LARGEST = 1 << 30  # bytes of all that is in it; a workbook of a million rows has a fifth of that
RATIO = 500  # times its packed size; sheets of one repeated word reach 200
LINES = 1 << 20  # of a sheet: no spreadsheet has more, and the number of a row is whatever the file says
FILLED, CELLS = 200_000, 3_000_000  # rows that hold something, and cells to walk through, of a workbook that people fill in

HEAD, SENDER = 1 << 16, 1 << 12  # signs of a line in a mail's head, and of its From line: reading one takes the square of its length
_READ = {"from", "to", "cc", "bcc", "date", "subject", "message-id", "received", "content-type", "content-disposition"}

_FILL_IN = "look at where it came from; if it is right, keep the rows that count, delete the columns and rows beside them, and save it"


def require_modest(path: Path, where: str) -> None:
    """Raise `SourceBroken` where a workbook, or another zip, unpacks to more than any that is meant to be read."""
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        size = sum(entry.file_size for entry in archive.infolist())
    if size > LARGEST or (size > 1 << 26 and size > RATIO * path.stat().st_size):
        raise SourceBroken(f"unpacks to {size >> 20:,} MB, which no file to be read does", where=where, remedy="look at where it came from")


def endless(raw: bytes) -> str:
    """Return what is wrong with a mail's head, in any part of it, where a line is too long to be read; else ''."""
    # By the policy that takes no line apart: the other one does so while it looks where a part ends.
    for part in message_from_bytes(raw, policy=compat32).walk():
        for name, value in part.items():
            if name.lower() in _READ and len(str(value)) > (SENDER if name.lower() == "from" else HEAD):
                return f"its {name} line is longer than any that is meant to be read ({len(str(value)):,} signs)"
    return ""


def filled(path: Path, where: str, only: str | None = None) -> Iterator[tuple[str, int, list[object]]]:
    """Yield sheet, number and values of each row that holds something, up to its last cell that does: of a workbook that people fill in.

    Rows are read one by one, whatever size the sheet says that it has. Raises `SourceBroken` beyond `FILLED`, `CELLS` and `LINES`.
    """
    import openpyxl  # takes longer to load than most commands run

    require_modest(path, where)
    found = 0
    with path.open("rb") as raw:  # openpyxl leaves a broken file open
        book: Any = openpyxl.load_workbook(raw, read_only=True, data_only=True, keep_links=False)
        sheets = [sheet for sheet in book.worksheets if only in {None, sheet.title}]
        for sheet in sheets:
            sheet.reset_dimensions()
        rows = ((sheet.title, number, row) for sheet in sheets for number, row in enumerate(sheet.iter_rows(values_only=True), 1))
        for title, number, row in bounded(rows, where, CELLS):
            cells = list(row)
            while cells and cells[-1] in {None, ""}:
                cells.pop()
            if cells:
                found += 1
                if found > FILLED:
                    raise SourceBroken(f"holds more than {FILLED:,} rows", where=where, remedy=_FILL_IN)
                yield title, number, cells


_PLACE = re.compile(rb"""\br=["']([A-Z]{0,3})([0-9]{1,10})["']""")


def grid(data: bytes) -> int:
    """Return how many cells lie between the first and the furthest of a workbook's widest sheet: some readers make them all."""
    largest = 0
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for name in archive.namelist():
            if name.startswith("xl/worksheets/") and name.endswith(".xml"):
                height, width = 0, b""
                for column, row in _PLACE.findall(archive.read(name)):
                    height = max(height, int(row))
                    width = max(width, column.rjust(3))
                number = 0
                for letter in width.strip():
                    number = number * 26 + letter - 64
                largest = max(largest, height * max(number, 1))
    return largest


def bounded(rows: Iterable[tuple[str, int, Any]], where: str, cells: int) -> Iterator[tuple[str, int, Any]]:
    """Yield rows with their sheet and number; raises `SourceBroken` past `LINES` of a sheet, or that many cells of all."""
    walked = 0
    for title, number, row in rows:
        walked += len(row)
        if number > LINES:
            raise SourceBroken(f"holds more than {LINES:,} rows, which no spreadsheet has", where=where, remedy=_FILL_IN)
        if walked > cells:
            raise SourceBroken(f"holds more than {cells:,} cells, empty ones counted", where=where, remedy=_FILL_IN)
        yield title, number, row
