"""Sheets of xlsx workbooks, row by row; a formula counts by its stored result."""

import warnings
from collections.abc import Generator, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO
from zipfile import ZipFile

import openpyxl

from connectors.files import Empty, header
from dsar.errors import SourceBroken
from dsar.unpacked import bounded, require_modest

_AT_ONCE = 1_000
_CELLS = 1 << 27  # walked through, empty ones counted: 128 columns of all rows that a sheet can have

_Row = tuple[Any, ...]  # of cells


def xlsx_rows(path: Path, sheet: str | None) -> Generator[Sequence[object], None, None]:
    """Yield the header and the rows of a sheet (the first where none is named), values as cells hold them.

    A formula counts by its stored result. Raises `OSError` where the file cannot be opened,
    `SourceBroken` where a row or a formula's result is not there.
    """
    require_modest(path, path.name)
    with path.open("rb") as raw, path.open("rb") as again:
        rows = _sheet(raw, path.name, sheet, results=True)
        if _has_formulas(path):
            rows = _complete(rows, _sheet(again, path.name, sheet, results=False), path.name)
        columns = None
        for line, row in enumerate(rows, 1):
            cells = [None if cell.value == "" else cell.value for cell in row]
            while cells and cells[-1] is None:
                cells.pop()
            if not cells:
                continue
            if columns is None:
                columns = header(["" if v is None else str(v) for v in cells], f"{path.name}, line {line}")
                yield columns
            elif len(cells) > len(columns):
                raise SourceBroken(f"{len(cells)} fields instead of {len(columns)}", where=f"{path.name}, line {line}", remedy="name every column")
            else:
                yield cells + [None] * (len(columns) - len(cells))
        if columns is None:
            raise Empty("is empty: there is no header line", where=path.name, remedy="name the sheet in dsar.toml, or export the file again")


def sheet_names(path: Path) -> list[str]:
    """Return the names of a workbook's sheets, hidden ones too."""
    require_modest(path, path.name)
    with path.open("rb") as raw, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return [s.title for s in openpyxl.load_workbook(raw, read_only=True, keep_links=False).worksheets]


def _sheet(raw: BinaryIO, name: str, sheet: str | None, *, results: bool) -> Iterator[_Row]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # styles and validations, which are not read
        book = openpyxl.load_workbook(raw, read_only=True, data_only=results, keep_links=False)
    found = next((s for s in book.worksheets if sheet in {None, s.title}), None)
    if found is None:
        raise SourceBroken("the workbook has no such sheet", where=name, remedy="mend `sheet` in dsar.toml")
    found.reset_dimensions()  # some programs write wrong ones, and rows beyond them would be left out
    rows = (row for *_, row in bounded((("", number, row) for number, row in enumerate(found.iter_rows(), 1)), name, _CELLS))
    while some := _quietly(rows):
        yield from some


def _quietly(rows: Iterator[_Row]) -> list[_Row]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        # openpyxl would replace the value of such a cell by an error text.
        warnings.filterwarnings("error", ".*marked as a date.*", UserWarning)
        return list(islice(rows, _AT_ONCE))


def _has_formulas(path: Path) -> bool:
    with path.open("rb") as raw, ZipFile(raw) as book:
        for part in book.namelist():
            if part.startswith("xl/worksheets/"):
                with book.open(part) as xml:
                    before = b""
                    while block := xml.read(2**20):
                        if b"<f>" in (text := before + block) or b"<f " in text or b"<f/" in text:
                            return True
                        before = block[-3:]
    return False


def _complete(results: Iterable[_Row], formulas: Iterable[_Row], name: str) -> Iterator[_Row]:
    """Yield the rows of results; raises `SourceBroken` where a formula has none stored."""
    for line, (row, written) in enumerate(zip(results, formulas, strict=True), 1):
        for cell, formula in zip(row, written, strict=True):
            # An empty text as result is stored as type 'str' without a value.
            if cell.value is None and formula.data_type == "f" and cell.data_type != "str":
                raise SourceBroken(
                    "a formula has no stored result", where=f"{name}, line {line}", remedy="open the workbook, save it, and collect again"
                )
        yield row
