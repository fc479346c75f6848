"""Tables that people fill in: a csv or xlsx file as lines of text under known headings.

A cell is read as what it shows: a date as 2026-11-23, a number without the `.0` a spreadsheet adds.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from pathlib import Path

from dsar.errors import BadRequests, DsarError
from dsar.unpacked import filled

Line = tuple[int, dict[str, str]]  # the row of the file, header included, and heading → text
_EMPTY = {"–", "not recorded"}  # what our own sheets show where there is nothing


def read(path: Path, needed: Sequence[str]) -> list[Line]:
    """Return the lines below the row that holds all headings `needed`, blank ones left out; raises `BadRequests`."""
    if path.suffix.lower() not in {".csv", ".xlsx"}:
        raise BadRequests("is neither csv nor xlsx", where=path.name, remedy="save it as one of the two")
    try:
        rows = list(_csv(path) if path.suffix.lower() == ".csv" else _xlsx(path))
    except OSError as error:
        raise BadRequests("is not there, or cannot be opened", where=path.name, remedy="correct the name") from error
    except DsarError as error:
        raise BadRequests(error.what, where=path.name, remedy=error.remedy) from None
    except Exception as error:  # noqa: BLE001 - openpyxl raises what it meets
        raise BadRequests(f"cannot be read ({type(error).__name__})", where=path.name, remedy="save it anew") from None
    for place, (sheet, _, cells) in enumerate(rows):
        if set(needed) <= set(cells):
            below = [(number, line) for other, number, line in rows[place + 1 :] if other == sheet and any(line)]
            # What stands beside the table of a workbook is a remark, no fault of it.
            beside = max((len(line) for _, line in below), default=0) - len(cells) if path.suffix.lower() == ".xlsx" else 0
            return [(number, _named([*cells, *[""] * beside], line, path.name, number)) for number, line in below]
    raise BadRequests("no row holds the headings", where=path.name, remedy=f"it needs {', '.join(needed)}")


def facts(path: Path, title: str) -> dict[str, str]:
    """Return what stands in the second column of a sheet, by the first; raises `BadRequests`."""
    try:
        return {line[0]: line[1] for sheet, _, line in _xlsx(path) if sheet == title and len(line) > 1}
    except DsarError as error:
        raise BadRequests(error.what, where=path.name, remedy=error.remedy) from None
    except Exception as error:  # noqa: BLE001 - openpyxl raises what it meets
        raise BadRequests(f"cannot be read ({type(error).__name__})", where=path.name, remedy="save it anew as xlsx") from None


def _named(header: Sequence[str], line: Sequence[str], file: str, number: int) -> dict[str, str]:
    if any(line[len(header) :]):
        raise BadRequests("holds more cells than there are headings", where=f"{file} row {number}", remedy="quote a text that holds the delimiter")
    return dict(zip(header, [*line, *[""] * (len(header) - len(line))], strict=False))


def _csv(path: Path) -> Iterator[tuple[str, int, list[str]]]:
    raw = path.read_bytes()
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("cp1252")
    first = text.split("\n", 1)[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=";" if first.count(";") > first.count(",") else ",", strict=True)
    for line in reader:
        yield "", reader.line_num, [cell.strip() for cell in line]


def _xlsx(path: Path) -> Iterator[tuple[str, int, list[str]]]:
    for sheet, number, row in filled(path, path.name):
        yield sheet, number, list(_texts(row))


def _texts(row: Iterable[object]) -> Iterator[str]:
    for value in row:
        if isinstance(value, datetime) and not (value.hour or value.minute):
            yield value.date().isoformat()
        elif isinstance(value, datetime | date):
            yield value.isoformat()
        elif isinstance(value, float) and value.is_integer():
            yield str(int(value))
        else:
            text = "" if value is None else str(value).strip()
            yield "" if text in _EMPTY else text
