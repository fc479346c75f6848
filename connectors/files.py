"""csv, xlsx and JSON-lines files, row by row: constant memory, and a file that is not whole is an error.

Each reader yields the column names first, then one list per row with None for an empty cell.
Errors name file and line, never what stands there.
"""

import codecs
import csv
import gzip
import json
import warnings
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from decimal import Decimal
from io import TextIOWrapper
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO, cast
from zipfile import ZipFile

import openpyxl

from dsar.datamap import File
from dsar.errors import SourceBroken
from dsar.unpacked import require_modest

_FIELD_LIMIT = 2**24  # characters: a long note is not an error, a whole file in one field is
_AT_ONCE = 1_000

_Row = tuple[Any, ...]  # of cells


class Empty(SourceBroken):
    """A file or sheet without even a header line."""


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open a file for reading; one that ends in .gz is unpacked on the way."""
    with path.open("rb") as raw:
        if path.suffix.lower() == ".gz":
            with gzip.open(raw) as unpacked:
                yield cast("BinaryIO", unpacked)
        else:
            yield cast("BinaryIO", raw)


def json_rows(path: Path, file: File) -> Generator[Sequence[object], None, None]:  # noqa: ARG001 - called as `csv_rows` is
    """Yield the column names and the rows of a file of JSON lines; a number keeps its digits, what is nested stays JSON.

    The columns are the keys of all lines: the file is read twice. Raises `OSError`, `SourceBroken`.
    """
    columns = list(dict.fromkeys(key for record in _json_lines(path) for key in record))
    if not columns:
        raise Empty("is empty: there is no line", where=path.name, remedy="export the file again")
    yield columns
    for record in _json_lines(path):
        yield [_flat(record.get(c)) for c in columns]


def csv_rows(path: Path, file: File) -> Generator[Sequence[object], None, None]:
    """Yield the header and the rows of a csv file.

    What the map does not say is found out: encoding (a BOM, UTF-8, else cp1252) and delimiter (the
    header's). Raises `OSError` where it cannot be opened, `SourceBroken` where it is damaged.
    """
    csv.field_size_limit(_FIELD_LIMIT)
    with closing(_lines(path, file.encoding)) as lines:
        head = next(lines, "").removeprefix("\ufeff")
        reader = csv.reader(chain([head], lines), delimiter=file.delimiter or _delimiter(head), strict=True)
        columns = None
        for line, row in _records(reader, path.name):
            if columns is None:
                columns = _header(row, f"{path.name}, line {line}")
                yield columns
            elif len(row) != len(columns):
                raise SourceBroken(f"{len(row)} fields instead of {len(columns)}", where=f"{path.name}, line {line}", remedy="export the file again")
            else:
                yield [v or None for v in row]
        if columns is None:
            raise Empty("is empty: there is no header line", where=path.name, remedy="export the file again")


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
                columns = _header(["" if v is None else str(v) for v in cells], f"{path.name}, line {line}")
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


# -- JSON lines -------------------------------------------------------------------------------------


def _json_lines(path: Path) -> Iterator[dict[str, Any]]:
    with opened(path) as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                record = json.loads(line.removeprefix(codecs.BOM_UTF8), parse_float=Decimal, parse_constant=_refuse)
            except ValueError as error:
                raise SourceBroken("is no whole JSON", where=f"{path.name}, line {number}", remedy="export the file again") from error
            if not isinstance(record, dict):
                raise SourceBroken("is no JSON object", where=f"{path.name}, line {number}", remedy="write one object per line")
            yield record


def _refuse(_: str) -> None:
    raise ValueError


def _flat(value: object) -> object:
    return as_json(value) if isinstance(value, dict | list) else value


def as_json(value: object) -> str:
    """Return JSON in which a Decimal keeps its digits."""
    # Python's own way would write a Decimal as text, or round it.
    match value:
        case dict():
            return f"{{{', '.join(f'{json.dumps(k, ensure_ascii=False)}: {as_json(v)}' for k, v in value.items())}}}"
        case list():
            return f"[{', '.join(map(as_json, value))}]"
        case Decimal():
            return str(value)
    return json.dumps(value, ensure_ascii=False)


# -- csv --------------------------------------------------------------------------------------------


def _lines(path: Path, encoding: str | None) -> Generator[str, None, None]:
    with opened(path) as raw:
        start = raw.read(3)
        raw.seek(0)
        if encoding is None and not start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            yield from _guessed(raw, "utf-8" if start.startswith(codecs.BOM_UTF8) else None, path.name)
            return
    try:
        with opened(path) as raw, TextIOWrapper(raw, encoding=encoding or "utf-16", newline="") as text:
            yield from text
    except (UnicodeError, LookupError) as error:
        raise _not_in(encoding or "utf-16", path.name) from error


def _guessed(raw: Iterable[bytes], encoding: str | None, name: str) -> Iterator[str]:
    # Up to the first line beyond ASCII both encodings read alike, so one pass is enough to tell them apart.
    for number, line in enumerate(raw, 1):
        if encoding is None and not line.isascii():
            encoding = "utf-8" if _is_utf8(line) else "cp1252"
        try:
            yield line.decode(encoding or "ascii")
        except UnicodeDecodeError as error:
            raise _not_in(encoding or "ascii", f"{name}, line {number}") from error


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _not_in(encoding: str, where: str) -> SourceBroken:
    return SourceBroken(f"is not written in {encoding}", where=where, remedy="name the file's `encoding` in dsar.toml")


def _delimiter(head: str) -> str:
    return max(",;\t", key=lambda d: len(next(csv.reader(head.splitlines()[:1], delimiter=d), [])))


def _records(reader: Any, name: str) -> Iterator[tuple[int, list[str]]]:
    while True:
        line = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise SourceBroken(
                "a quote, a line end or an overlong field is not as csv demands", where=f"{name}, line {line}", remedy="export the file again"
            ) from error
        if row:
            yield line, row


def _header(cells: Sequence[str], where: str) -> list[str]:
    names = [c.strip().removeprefix("\ufeff").strip() for c in cells]
    # By number, not by name: where the header is missing, these are a person's data.
    for n, name in enumerate(names, 1):
        if not name:
            raise SourceBroken(f"column {n} has no name", where=where, remedy="give every column a name")
        if name in names[: n - 1]:
            raise SourceBroken(f"columns {names.index(name) + 1} and {n} have the same name", where=where, remedy="give every column its own name")
    return names


# -- xlsx -------------------------------------------------------------------------------------------


def _sheet(raw: BinaryIO, name: str, sheet: str | None, *, results: bool) -> Iterator[_Row]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # styles and validations, which are not read
        book = openpyxl.load_workbook(raw, read_only=True, data_only=results, keep_links=False)
    found = next((s for s in book.worksheets if sheet in {None, s.title}), None)
    if found is None:
        raise SourceBroken("the workbook has no such sheet", where=name, remedy="mend `sheet` in dsar.toml")
    found.reset_dimensions()  # some programs write wrong ones, and rows beyond them would be left out
    rows = found.iter_rows()
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
