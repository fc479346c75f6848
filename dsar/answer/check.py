"""Opens a written workbook again and proves that it holds nothing but what is meant to be seen.

Everything is forbidden that is not named here: parts of the file, elements of each part, names.
So what some later version of a library or of Excel adds is refused until somebody has looked at it.
"""

import codecs
import re
import zlib
from collections.abc import Callable, Container, Iterator, Mapping
from pathlib import Path
from typing import IO
from xml.parsers import expat
from zipfile import BadZipFile, ZipFile

from python_calamine import CalamineError, CalamineWorkbook, SheetVisibleEnum

from dsar.answer import cells
from dsar.errors import UnsafeWorkbook

_ANY = frozenset({"*"})
_SHEET = """
    worksheet sheetPr outlinePr pageSetUpPr sheetViews sheetView pane selection sheetFormatPr cols col sheetData row c v f is t autoFilter
    mergeCells mergeCell dataValidations dataValidation formula1 printOptions pageMargins pageSetup headerFooter oddFooter
    oddHeader evenHeader evenFooter firstHeader firstFooter
"""
_STYLES = """
    styleSheet numFmts numFmt fonts font name family charset b i u sz color scheme fills fill patternFill fgColor bgColor borders border
    left right top bottom diagonal cellStyleXfs cellXfs xf alignment protection cellStyles cellStyle dxfs tableStyles colors
    indexedColors rgbColor
"""
_BOOK = "workbook workbookPr workbookProtection bookViews workbookView sheets sheet definedNames definedName calcPr"
_PARTS: Mapping[str, frozenset[str]] = {
    r"\[Content_Types\]\.xml": frozenset({"Types", "Default", "Override"}),
    r"_rels/\.rels|xl/_rels/workbook\.xml\.rels": frozenset({"Relationships", "Relationship"}),
    r"docProps/core\.xml": frozenset({"coreProperties", "creator"}),
    r"docProps/app\.xml": frozenset({"Properties"}),
    r"xl/workbook\.xml": frozenset(_BOOK.split()),
    r"xl/styles\.xml": frozenset(_STYLES.split()),
    r"xl/theme/theme1\.xml": _ANY,
    r"xl/sharedStrings\.xml": frozenset({"sst", "si", "t"}),
    r"xl/worksheets/sheet\d+\.xml": frozenset(_SHEET.split()),
}
_NAMES = {"_xlnm.Print_Titles", "_xlnm.Print_Area", "_xlnm._FilterDatabase"}
_EMPTY = {"oddHeader", "evenHeader", "evenFooter", "firstHeader", "firstFooter"}
_TRUE = {"1", "true"}

# A cell in which there is nothing but a text or a number: a million rows are mostly these, and a pattern sees it 30 times
# as fast as a parser that calls back for each element. What does not fit it to the letter is read element by element.
_TEXT = rb"[^<&\x00-\x08\x0b-\x1f]*"
_PLAIN = re.compile(
    rb'<c r="[A-Z]{1,3}\d{1,7}" s="\d{1,4}"'
    rb"(?:><v>-?\d[\dE.+-]*</v>"
    rb'| t="inlineStr"><is><t xml:space="preserve">' + _TEXT + rb"(?:&(?:amp|lt|gt);" + _TEXT + rb")*</t></is>|>)</c>"
)
_NO_CHARACTER = re.compile(b"\xef\xbf[\xbe\xbf]")
_CHUNK = 1 << 20
NAME = 31  # UTF-16 units of a sheet's name, as Excel counts


def check_workbook(path: Path, formulas: Container[str] = (), *, controller: str | None = None) -> None:
    """Raise `UnsafeWorkbook` if the file holds anything that must not leave; `formulas` are the only ones allowed.

    Forbidden are formulas, hyperlinks, comments, macros, links to other files, anything hidden,
    defined names but those of filter and print, and all metadata but the creator, who is `controller`
    where that is given. Sheets are named by number and cell, never by content.
    """
    try:
        with ZipFile(path) as archive:
            faults = list(_faults(archive, formulas, controller))
        if not faults:  # then another reader has to agree
            with CalamineWorkbook.from_path(str(path)) as book:
                faults = list(_sheet_faults(book))
    except (OSError, BadZipFile, LookupError, TypeError, ValueError, expat.ExpatError, zlib.error, CalamineError) as error:
        raise UnsafeWorkbook("does not open as a workbook", where=path.name, remedy="write it again") from error
    if faults:
        more = f" and {len(faults) - 3} more" if len(faults) > 3 else ""
        raise UnsafeWorkbook(
            f"{'; '.join(faults[:3])}{more}", where=path.name, remedy="nothing was released; take out what is named and write it again"
        )


def _faults(archive: ZipFile, formulas: Container[str], controller: str | None) -> Iterator[str]:
    if archive.comment or any(entry.comment or entry.extra for entry in archive.infolist()):
        yield "the zip itself carries remarks"
    names = archive.namelist()
    if len(names) != len(set(names)):
        yield "a part of the file is there twice"
    for name in names:
        allowed = next((elements for pattern, elements in _PARTS.items() if re.fullmatch(pattern, name)), None)
        if allowed is None:
            yield f"the file has a part that is not allowed: {name}"
            continue
        with archive.open(name) as stream:
            yield from _Part(name, allowed, formulas, controller).read(stream)


class _Part:
    """Reads one part of the file as a stream, however large, and keeps what it finds wrong."""

    def __init__(self, name: str, allowed: frozenset[str], formulas: Container[str], controller: str | None) -> None:
        self.name, self.allowed, self.formulas, self.controller = name, allowed, formulas, controller
        self.faults: list[str] = []
        self.at = self.text = ""
        self.attributes: dict[str, str] = {}
        self.opened: Mapping[str, Callable[[dict[str, str]], str]] = {
            "c": self._cell,
            "sheet": lambda a: "is hidden" if a.get("state", "visible") != "visible" else "",
            "workbookView": lambda a: "is hidden" if a.get("visibility", "visible") != "visible" else "",
            "row": lambda a: "is hidden" if _hidden(a, "ht") else "",
            "col": lambda a: "is hidden" if _hidden(a, "width") else "",
            "sheetFormatPr": lambda a: "hides all rows" if a.get("zeroHeight") in _TRUE else "",
            "definedName": _defined,
            "Relationship": lambda a: "leads outside the file" if a.get("TargetMode", "Internal") != "Internal" else "",
            "numFmt": lambda a: "hides what is in the cell" if "" in a.get("formatCode", "").split(";") else "",
        }

    def read(self, stream: IO[bytes]) -> list[str]:
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        parser.StartElementHandler, parser.EndElementHandler = self._start, self._end
        parser.CharacterDataHandler = self._data
        decoder = codecs.getincrementaldecoder("utf-8")()
        while chunk := stream.read(_CHUNK):
            decoder.decode(chunk)
            rest = _PLAIN.sub(b"", chunk) if "sheetData" in self.allowed and not _NO_CHARACTER.search(chunk) else chunk
            parser.Parse(rest)
        parser.Parse(decoder.decode(b"", final=True).encode(), True)
        return self.faults

    def _start(self, element: str, attributes: dict[str, str]) -> None:
        kind = element.rpartition(" ")[2]
        self.text, self.attributes = "", attributes
        if kind not in self.allowed and self.allowed is not _ANY:
            self._fault(f"holds the element '{kind}'")
        rule = self.opened.get(kind)
        if rule and (fault := rule(attributes)):
            self._fault(f"{kind} {fault}")

    def _data(self, text: str) -> None:
        self.text += text

    def _end(self, element: str) -> None:
        kind = element.rpartition(" ")[2]
        if kind == "f" and (self.attributes or f"={self.text}" not in self.formulas):
            self._fault("holds a formula")
        elif kind in _EMPTY and self.text:
            self._fault("has a header or footer that is not ours")
        elif kind == "sheetData":
            self.at = ""
        elif kind == "formula1" and not re.fullmatch(r'"[^"]*"', self.text) and f"={self.text}" not in self.formulas:
            self._fault("takes a drop-down from elsewhere")
        elif kind == "definedName" and ("[" in self.text or "(" in self.text.rpartition("!")[2]):
            self._fault("has a defined name that leads outside the file or computes")
        elif kind == "creator" and self.controller is not None and self.text != cells.visible(self.controller):
            self._fault("names another creator than the controller")

    def _cell(self, attributes: dict[str, str]) -> str:
        self.at = attributes.get("r", "")
        return "" if attributes.get("t", "n") in {"n", "s", "inlineStr"} else "is neither text nor number"

    def _fault(self, what: str) -> None:
        self.faults.append(f"{self.name}{' ' + self.at if self.at else ''} {what}")


def _sheet_faults(book: CalamineWorkbook) -> Iterator[str]:
    names = [sheet.name for sheet in book.sheets_metadata]
    for number, sheet in enumerate(book.sheets_metadata, start=1):
        if sheet.visible != SheetVisibleEnum.Visible:
            yield f"sheet {number} is hidden"
        if not 0 < len(sheet.name.encode("utf-16-le")) <= 2 * NAME or re.search(r"[\[\]:*?/\\\x00-\x1f]|^'|'$", sheet.name):
            yield f"sheet {number} has a name that Excel refuses"
    if len({name.casefold() for name in names}) < len(names):
        yield "two sheets have the same name"


def _hidden(attributes: Mapping[str, str], size: str) -> bool:
    return attributes.get("hidden") in _TRUE or float(attributes.get(size, "1")) <= 0


def _defined(attributes: Mapping[str, str]) -> str:
    name = attributes.get("name", "")
    if name not in _NAMES:
        return "is not one of the filter or print"
    return "is hidden" if attributes.get("hidden") in _TRUE and name != "_xlnm._FilterDatabase" else ""
