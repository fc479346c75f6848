"""The one place that writes xlsx: others hand over frames and a layout.

A workbook is built fresh, made free of clocks and program names, opened again and checked, and
only then gets its name. The same content is the same bytes.
"""

import hashlib
import io
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from xml.sax.saxutils import escape
from zipfile import ZIP_DEFLATED, ZipFile
from zoneinfo import ZoneInfo

from openpyxl import Workbook

from dsar import files
from dsar.answer import cells, draw, look
from dsar.answer.bulk import Bulk
from dsar.answer.cells import Manner
from dsar.answer.check import check_workbook
from dsar.answer.layout import Block, Content, Facts, Grid, Heading, Page, Paragraph, Progress, Table, Worklist, sheet_names
from dsar.texts import ENGLISH, Texts

__all__ = [
    "Block",
    "Content",
    "Facts",
    "Grid",
    "Heading",
    "Page",
    "Paragraph",
    "Progress",
    "Table",
    "Worklist",
    "check_workbook",
    "sheet_names",
    "write",
]

ROWS = 1_048_576  # rows a sheet can have
_CORE = (
    '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
    '<cp:coreProperties xmlns:cp="http://schemas.openxmlformats.org/package/2006/metadata/core-properties"'
    ' xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:creator>{}</dc:creator></cp:coreProperties>'
)
_FONT = b"b i strike condense extend outline shadow u vertAlign sz color name family charset scheme".split()
_APP = (
    '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
    '<Properties xmlns="http://schemas.openxmlformats.org/officeDocument/2006/extended-properties"/>'
)


def write(path: Path, sheets: Sequence[Content], *, controller: str, zone: ZoneInfo, attachments_prefix: str, say: Texts = ENGLISH) -> list[Path]:
    """Write a workbook, and beside it a file for each value that no cell can hold; return all paths, the workbook first.

    Times with a zone are shown in `zone`. `attachments_prefix` begins the names of the attached
    files (`<prefix>_text-001.txt`, `<prefix>_file-001.bin`) and must be this workbook's own: those
    an earlier run left are removed. Raises `UnsafeWorkbook`, and then leaves everything as it was.
    """
    with files.scratch(path.parent) as folder, files.temporary_files_in(folder):  # openpyxl writes sheets there
        attachments = _Attachments(folder, attachments_prefix)
        book, formulas, bulks = _draw(sheets, Manner(zone, attachments, say))
        book.save(folder / "drawn")
        finished = folder / "finished.xlsx"
        _repack(folder / "drawn", finished, controller, bulks)
        check_workbook(finished, formulas, controller=controller)
        beside = [path.parent / name for name in attachments.names]
        for name, target in zip(attachments.names, beside, strict=True):
            files.publish(folder / name, target)
        files.publish(finished, path)
    for old in path.parent.iterdir():
        if old not in beside and attachments.owns(old.name):
            old.unlink()
    return [path, *beside]


_ENDINGS = {  # by which a program knows what to open it with
    b"%PDF": "pdf",
    b"\x89PNG": "png",
    b"\xff\xd8\xff": "jpg",
    b"GIF8": "gif",
    b"II*\x00": "tif",
    b"MM\x00*": "tif",
    b"PK\x03\x04": "zip",
}


def _ending(value: bytes) -> str:
    return next((ending for magic, ending in _ENDINGS.items() if value.startswith(magic)), "bin")


def content(value: str | bytes) -> bytes:
    """Return what a file holds that stands for a value no cell can hold."""
    return value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value


class _Attachments:
    """The files of values too long for a cell, numbered in the order the cells name them; equal values share one."""

    def __init__(self, folder: Path, prefix: str) -> None:
        self.folder, self.prefix = folder, prefix
        self.names: list[str] = []
        self.counts: Counter[str] = Counter()
        self.known: dict[tuple[str, str], str] = {}

    def __call__(self, value: str | bytes) -> str:
        kind, ending = ("text", "txt") if isinstance(value, str) else ("file", _ending(value))
        key = (kind, hashlib.sha256(content(value)).hexdigest())
        if key not in self.known:
            self.counts[kind] += 1
            self.known[key] = f"{self.prefix}_{kind}-{self.counts[kind]:03}.{ending}"
            files.write_atomic(self.folder / self.known[key], content(value))
            self.names.append(self.known[key])
        return self.known[key]

    def owns(self, name: str) -> bool:
        return bool(re.fullmatch(rf"{re.escape(self.prefix)}_(text-\d{{3,}}\.txt|file-\d{{3,}}\.\w+)", name))


@dataclass(frozen=True)
class _Part:
    """What stands on one sheet: all of a content, or these rows of a table."""

    content: Content
    title: str
    rows: range = range(0)


def _parts(content: Content) -> Iterator[_Part]:
    if not isinstance(content, Table):
        yield _Part(content, content.title)
        return
    count = len(content.frame)
    capacity = ROWS - len(content.intro) - 5  # title, blank line, header; one line on where it continues, one on long texts
    for number, start in enumerate(range(0, max(count, 1), capacity), start=1):
        title = content.title if number == 1 else f"{content.title} ({number})"
        yield _Part(content, title, range(start, min(count, start + capacity)))


def _draw(sheets: Sequence[Content], manner: Manner) -> tuple[Workbook, frozenset[str], dict[str, Bulk]]:
    long_ones = list(dict.fromkeys(c for s in sheets if isinstance(s, Worklist) for c in s.choices.values() if not draw.fits(c)))
    if long_ones:
        sheets = [*sheets, _words(sheets, long_ones)]
    parts = [part for content in sheets for part in _parts(content)]
    names = sheet_names([part.title for part in parts])
    worklists = {p.content.title: (name, p.content) for p, name in zip(parts, names, strict=True) if isinstance(p.content, Worklist)}
    blocks = [b for content in sheets if isinstance(content, Page) for b in content.blocks if isinstance(b, Progress)]
    formulas = {block: draw.progress(block, *worklists[block.worklist]) for block in blocks}
    elsewhere = draw.words(names[-1], long_ones)
    book = Workbook(write_only=True)
    look.styles(book)
    bulks: dict[str, Bulk] = {}
    try:
        for number, (part, name) in enumerate(zip(parts, names, strict=True), start=1):
            match part.content:
                case Table() as content:
                    siblings = [n for p, n in zip(parts, names, strict=True) if p.content is content]
                    intro = _intro(content, part.rows, [n for n in siblings if n != name], manner)
                    bulks[f"xl/worksheets/sheet{number}.xml"] = draw.table(book, name, content, part.rows, intro, manner)
                case Page() as content:
                    draw.page(book, name, content, formulas, manner)
                case Worklist() as content:
                    draw.worklist(book, name, content, manner, elsewhere)
    except BaseException:
        with suppress(Exception):
            book.save(io.BytesIO())  # openpyxl then lets go of the rows it keeps in temporary files
        raise
    return book, frozenset([*(f for found in formulas.values() for f in found), *(f"={place}" for place in elsewhere.values())]), bulks


def _words(sheets: Sequence[Content], choices: Sequence[tuple[str, ...]]) -> Worklist:
    """Return the sheet with the words of drop-downs that are too long to hold their own; in sight, as all sheets are."""
    headers = {allowed: label for s in sheets if isinstance(s, Worklist) for label, allowed in s.choices.items()}
    return Worklist("Words to choose from", tuple(headers[c] for c in choices), tuple(zip_longest(*choices)))


def _intro(content: Table, rows: range, others: Sequence[str], manner: Manner) -> list[str]:
    if not others:
        return list(content.intro)
    where = {"first": rows.start + 1, "last": rows.stop, "count": len(content.frame), "sheets": ", ".join(others)}
    return [*content.intro, manner.say("Rows {first} to {last} of {count}; the others are on: {sheets}.", **where)]


def _repack(drawn: Path, finished: Path, controller: str, bulks: Mapping[str, Bulk]) -> None:
    # openpyxl writes the clock and its own idea of a program into the file, and the clock into every zip entry.
    ours = {"docProps/core.xml": _CORE.format(escape(cells.visible(controller))).encode(), "docProps/app.xml": _APP.encode()}
    # An entry named by a text, as here, tells no time; the lightest compression is three times as fast and a fifth larger.
    with ZipFile(drawn) as source, ZipFile(finished, "w", ZIP_DEFLATED, compresslevel=1) as target:
        for name in source.namelist():
            bulk = bulks.get(name)
            with target.open(name, "w", force_zip64=bulk is not None and bulk.large) as out:
                xml = ours.get(name) or source.read(name)
                head, end, tail = (_fonts(xml) if name == "xl/styles.xml" else xml).partition(b"</sheetData>")
                out.write(head)
                for chunk in bulk.chunks() if bulk else ():
                    out.write(chunk)
                out.write(end + tail)


def _fonts(styles: bytes) -> bytes:
    """Put what a font is made of into the order of the standard's schema, which openpyxl does not keep."""

    def sort(font: re.Match[bytes]) -> bytes:
        made_of = re.findall(rb"<(\w+)[^>]*/>", font[1])
        spelled = dict(zip(made_of, re.findall(rb"<\w+[^>]*/>", font[1]), strict=True))
        return b"<font>" + b"".join(spelled[name] for name in sorted(made_of, key=_FONT.index)) + b"</font>"

    return re.sub(rb"<font>(.*?)</font>", sort, styles)
