"""csv files, row by row, in the encoding and with the delimiter that the map names or the file shows."""

import codecs
import csv
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from io import TextIOWrapper
from itertools import chain
from pathlib import Path
from typing import Any

from connectors.files import Empty, header, opened
from dsar.datamap import File
from dsar.errors import SourceBroken

_FIELD_LIMIT = 2**24  # characters: a long note is not an error, a whole file in one field is


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
                columns = header(row, f"{path.name}, line {line}")
                yield columns
            elif len(row) != len(columns):
                raise SourceBroken(f"{len(row)} fields instead of {len(columns)}", where=f"{path.name}, line {line}", remedy="export the file again")
            else:
                yield [v or None for v in row]
        if columns is None:
            raise Empty("is empty: there is no header line", where=path.name, remedy="export the file again")


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
