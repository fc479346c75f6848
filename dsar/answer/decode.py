"""Takes an outgoing file apart as a stranger with its passphrase could: to the text inside, in every reading of it.

Archives, workbooks, documents, mails and pages are opened, however deep they lie in each other. What cannot be opened is
told as such and never passed over.
"""

import base64
import binascii
import bz2
import email
import email.policy
import gzip
import html
import io
import json
import lzma
import re
import shutil
import sqlite3
import subprocess
import tarfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from email.message import EmailMessage
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple
from urllib.parse import unquote

import msoffcrypto
import pyarrow.parquet as pq
import python_calamine
import pyzipper

from dsar import files

_DEEPEST, _LARGEST, _READINGS = 8, 1 << 29, 12  # nesting, bytes of one unpacked file, readings of one text
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_EXACT = {".csv", ".json"}  # our own files for machines, which hold every character as it was stored
_BLOCK = re.compile(
    r"</?(?:\w+:)?(?:p|br|cr|tab|hr|t[rdhc]|div|li|h\d|dt|dd|title|option|si|is|c|v|row|comment|text|definedName|line-break)\b[^<>]*>",
    re.IGNORECASE,
)
_TAG = re.compile(r"<!--|-->|<[^<>]*>")
_HEADER = re.compile(r"&amp;(?:[A-Z]|&quot;[^&]*&quot;|\d{1,3})")  # ECMA-376 18.3.1.46: where and how a sheet's header stands
_ESCAPE = re.compile(r'(?:\\x[0-9A-Fa-f]{2})+|\\u[0-9A-Fa-f]{4}|\\[nrt"/\\]')
_BASE64 = re.compile(r"(?<![\w+/-])[\w+/-]{12,}={0,2}", re.ASCII)
_PICTURE = re.compile(r"data:(?:image|audio|video|font|application/(?:pdf|zip))[^,]{0,80},", re.IGNORECASE)
_TOOLS = ("pdftotext", "pdfinfo", "pdfdetach")


class Piece(NamedTuple):
    """A text and the way to it: `path` from the file inwards; or `unread`, why there is none. `unit` is what its lines are called."""

    path: tuple[str, ...]
    text: str = ""
    unread: str = ""
    unit: str = "line"


def pieces(path: Path, passphrase: str = "") -> Iterator[Piece]:
    """Yield all texts of a file, and the names of all that lies in it; whatever raises nothing else is `unread`."""
    try:
        data = path.read_bytes()
    except OSError:
        yield Piece((path.name,), unread="it does not open")
        return
    yield from _named((path.name,), path.name)
    yield from _opened((path.name,), data, passphrase)


def opened(name: str, data: bytes) -> Iterator[Piece]:
    """Yield all texts of a file that is not on a disk."""
    yield from _opened((name,), data, "")


def readings(text: str) -> list[str]:
    """Return the text, and what it reads as with its encodings undone: entities, percent, backslashes, Base64, JSON."""
    found = [text]
    for reading in found:  # grows meanwhile: an encoding may lie in another
        for undo in _UNDO:
            undone = undo(reading)
            if undone not in found:
                found.append(undone)
        if len(found) >= _READINGS:
            break
    return found


def _named(path: tuple[str, ...], name: str) -> Iterator[Piece]:
    yield Piece((*path, "its name"), f"{name}\n{re.sub('[_-]', ' ', name)}")


def _opened(path: tuple[str, ...], data: bytes, phrase: str) -> Iterator[Piece]:
    if len(path) > _DEEPEST or len(data) > _LARGEST:
        yield Piece(path, unread="it lies too deep, or is too large")
        return
    opener = next((way for magic, way in _OPENERS.items() if data.startswith(magic)), _tar if data[257:262] == b"ustar" else _text)
    try:
        yield from opener(path, data, phrase)
    except Exception:  # noqa: BLE001 - whatever a strange file does to its reader, it was not read
        yield Piece(path, unread="it does not open")


def _zip(path: tuple[str, ...], data: bytes, phrase: str) -> Iterator[Piece]:
    with pyzipper.AESZipFile(io.BytesIO(data)) as archive:
        archive.setpassword(phrase.encode() or None)
        yield Piece((*path, "remark of the archive"), archive.comment.decode("utf-8", "replace"))
        for entry in archive.infolist():
            inside = (*path, entry.filename)
            yield from _named(inside, entry.filename)
            yield Piece((*inside, "remark of the archive"), entry.comment.decode("utf-8", "replace"))
            if not entry.is_dir():
                yield from _entry(archive, entry, inside, phrase)
        if any(name.startswith("xl/") for name in archive.namelist()):
            yield from _sheets(path, data)


def _entry(archive: Any, entry: Any, path: tuple[str, ...], phrase: str) -> Iterator[Piece]:
    if entry.file_size > _LARGEST:
        yield Piece(path, unread="it lies too deep, or is too large")
        return
    try:
        content = archive.read(entry)
    except (RuntimeError, NotImplementedError, zipfile.BadZipFile, pyzipper.BadZipFile, EOFError, OSError, ValueError):
        yield Piece(path, unread="it is locked or broken")
        return
    yield from _opened(path, content, phrase)


def _sheets(path: tuple[str, ...], data: bytes) -> Iterator[Piece]:
    """Yield each sheet as rows of what its cells show, a number as its digits and a date as in ISO 8601."""
    with python_calamine.load_workbook(io.BytesIO(data)) as book:
        for name in book.sheet_names:
            sheet = book.get_sheet_by_name(name)
            rows = sheet.to_python(skip_empty_area=False)
            yield Piece((*path, name), "\n".join("\t".join(map(_shown, row)) for row in rows), unit="row")


def _shown(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return " ".join(str(value).split())


def _office(path: tuple[str, ...], data: bytes, phrase: str) -> Iterator[Piece]:
    file, out = msoffcrypto.OfficeFile(io.BytesIO(data)), io.BytesIO()
    if not phrase or not file.is_encrypted():
        yield Piece(path, unread="it is locked, or in an old format of Office")
        return
    file.load_key(password=phrase)
    file.decrypt(out)
    yield from _opened((*path, "unlocked"), out.getvalue(), phrase)


def _packed(opens: Callable[[io.BytesIO], Any]) -> Callable[[tuple[str, ...], bytes, str], Iterator[Piece]]:
    def unpacked(path: tuple[str, ...], data: bytes, phrase: str) -> Iterator[Piece]:
        with opens(io.BytesIO(data)) as stream:
            content = stream.read(_LARGEST + 1)
        yield from _opened((*path, "unpacked"), content, phrase)

    return unpacked


def _tar(path: tuple[str, ...], data: bytes, phrase: str) -> Iterator[Piece]:
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
        for entry in archive:
            inside = (*path, entry.name)
            yield from _named(inside, entry.name)
            yield Piece((*inside, "head"), "\n".join([entry.linkname, entry.uname, entry.gname, *map(str, entry.pax_headers.values())]))
            if entry.isfile() and entry.size > _LARGEST:
                yield Piece(inside, unread="it lies too deep, or is too large")
            elif (file := archive.extractfile(entry) if entry.isfile() else None) is not None:
                yield from _opened(inside, file.read(), phrase)


def _parquet(path: tuple[str, ...], data: bytes, phrase: str) -> Iterator[Piece]:
    file = pq.ParquetFile(io.BytesIO(data))
    yield Piece((*path, "properties"), str(file.schema_arrow.metadata) + str(file.metadata.metadata))
    yield from _rows(
        path, ((batch.schema.names, row) for batch in file.iter_batches() for row in zip(*batch.to_pydict().values(), strict=True)), phrase
    )


def _sqlite(path: tuple[str, ...], data: bytes, phrase: str) -> Iterator[Piece]:
    with closing(sqlite3.connect(":memory:")) as database:
        database.deserialize(data)
        database.text_factory = lambda raw: raw.decode("utf-8", "replace")
        database.execute("PRAGMA writable_schema = ON")  # so that no name is refused
        names = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        yield Piece((*path, "schema"), "\n".join(str(sql) for (sql,) in database.execute("SELECT sql FROM sqlite_master")))
        for name in names:
            rows = database.execute('SELECT * FROM "{}"'.format(name.replace('"', '""')))  # noqa: S608 - a name from the file itself, quoted
            yield from _rows((*path, name), (([d[0] for d in rows.description], row) for row in rows), phrase)


def _rows(path: tuple[str, ...], rows: Iterable[tuple[Sequence[str], Sequence[object]]], phrase: str) -> Iterator[Piece]:
    """Yield rows as lines of what their cells show; what a cell holds in bytes is opened like a file."""
    lines: list[str] = []
    for columns, row in rows:
        lines.append("\t".join(_shown(cell) for cell in row if cell is not None and not isinstance(cell, bytes)))
        for column, cell in zip(columns, row, strict=True):
            if isinstance(cell, bytes):
                yield from _opened((*path, column), cell, phrase)
    yield Piece(path, "\n".join(lines), unit="row")


def _pdf(path: tuple[str, ...], data: bytes, phrase: str) -> Iterator[Piece]:
    if not all(map(shutil.which, _TOOLS)):
        yield Piece(path, unread="pdftotext (poppler-utils) is not installed")
        return
    with files.scratch() as folder:  # the tools want a file
        file, attached = folder / "file.pdf", folder / "attached"
        file.write_bytes(data)
        attached.mkdir()
        for pages in (_run("pdftotext", file, "-"), _run("pdftotext", "-raw", file, "-")):
            for number, page in enumerate(pages.removesuffix("\f").split("\f"), start=1):
                yield from _page((*path, f"page {number}"), page)
        yield Piece((*path, "properties"), _run("pdfinfo", file) + _run("pdfinfo", "-meta", file))
        _run("pdfdetach", "-saveall", "-o", attached, file)
        for inside in sorted(attached.rglob("*")):
            yield from _named((*path, inside.name), inside.name)
            if inside.is_file():
                yield from _opened((*path, inside.name), inside.read_bytes(), phrase)


def _page(path: tuple[str, ...], text: str) -> Iterator[Piece]:
    if not text.strip():
        yield Piece(path, unread="the page has no text: empty, or a picture")
    yield Piece(path, text)
    lines = [line.removesuffix("-") for line in text.split("\n")]
    for many in (2, 3):  # a long word is broken where its column ends
        yield Piece(path, "\n".join("".join(lines[at : at + many]) for at in range(len(lines) - many + 1)))


def _run(tool: str, *arguments: str | Path) -> str:
    done = subprocess.run([tool, *arguments], capture_output=True, timeout=120, check=True)  # noqa: S603 - a fixed name
    return done.stdout.decode("utf-8", "replace")


def _text(path: tuple[str, ...], data: bytes, phrase: str) -> Iterator[Piece]:
    text = _decoded(data, controls=PurePosixPath(path[-1]).suffix.lower() in _EXACT)
    if text is None:
        yield Piece(path, unread="it is neither text nor a known format")
    elif PurePosixPath(path[-1]).suffix.lower() in {".eml", ".mht"} or re.match(r"(?i)(?:[\w-]+:.*\n){0,60}mime-version:", text):
        yield from _mail(path, email.message_from_bytes(data, policy=email.policy.default), phrase)
    else:
        if _PICTURE.search(text):
            yield Piece(path, unread="it has a picture or file inside")
        yield Piece(path, text)
        if text.lstrip().startswith("<") or PurePosixPath(path[-1]).suffix.lower() in {".htm", ".html", ".xml", ".svg"}:
            yield Piece(path, _TAG.sub("", _BLOCK.sub("\n", text)))
            yield Piece(path, _TAG.sub(" ", _HEADER.sub(" ", text)))


def _decoded(data: bytes, *, controls: bool) -> str | None:
    """Return the text, or None where it is none; `controls` says that control characters may stand in it."""
    bom = next((c for mark, c in ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"\xef\xbb\xbf", "utf-8-sig")) if data.startswith(mark)), None)
    wide = next((c for c, at in (("utf-16-le", 1), ("utf-16-be", 0)) if data[at:200:2].count(0) > len(data[:200]) / 3), None)
    for encoding in (bom,) if bom else (wide,) if wide else ("utf-8", "cp1252"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        return None if _CONTROL.search(text) and not controls else text
    return None


def _mail(path: tuple[str, ...], message: EmailMessage, phrase: str) -> Iterator[Piece]:
    for number, part in enumerate(message.walk()):
        inside = (*path, f"part {number}")
        yield Piece((*inside, "head"), "\n".join(f"{name}: {value}" for name, value in part.items()))
        if name := part.get_filename():
            yield from _named(inside, name)
        if part.is_multipart():
            if part.preamble or part.epilogue:
                yield Piece(inside, f"{part.preamble}\n{part.epilogue}")
            continue
        content = part.get_payload(decode=True)
        if not isinstance(content, bytes):
            yield Piece(inside, unread="it does not open")
        elif part.get_content_maintype() == "text":
            content = content.decode(part.get_content_charset("utf-8")).encode()
            yield from _opened((*inside, name or f"text.{part.get_content_subtype()}"), content, phrase)
        else:
            yield from _opened((*inside, name or "attachment"), content, phrase)


def _backslashes(text: str) -> str:
    def plain(match: re.Match[str]) -> str:
        found = match[0]
        if found[1] == "x":
            return bytes.fromhex(found.replace("\\x", "")).decode("utf-8", "replace")
        return chr(int(f"0x{found[2:]}", 0)) if found[1] == "u" else {"n": "\n", "r": "\r", "t": "\t"}.get(found[1], found[1])

    # Characters beyond the first 65,536 are written as two.
    return _ESCAPE.sub(plain, text).encode("utf-16", "surrogatepass").decode("utf-16", "replace") if "\\" in text else text


def _base64(text: str) -> str:
    def plain(match: re.Match[str]) -> str:
        token = match[0].rstrip("=")
        try:
            content = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_" if re.search("[-_]", token) else None).decode("utf-8")
        except (binascii.Error, UnicodeDecodeError):
            return match[0]
        return f" {content} " if content.isprintable() or not _CONTROL.search(content) else match[0]

    return _BASE64.sub(plain, text)


def _json(text: str) -> str:
    """Return the values alone, as a table shows them, so that a name in two fields stands together."""
    if not text.lstrip().startswith(("{", "[")):
        return text
    try:
        return "\n".join(_values(json.loads(text)))
    except (ValueError, RecursionError):
        return text


def _values(content: object) -> Iterator[str]:
    if isinstance(content, dict):
        # Names of fields may come from data too.
        yield "\t".join(str(v) for v in content.values() if not isinstance(v, dict | list))
        yield from map(str, content)
        content = [v for v in content.values() if isinstance(v, dict | list)]
    if isinstance(content, list):
        for item in content:
            yield from _values(item)
    elif not isinstance(content, dict):
        yield str(content)


_UNDO: tuple[Callable[[str], str], ...] = (
    lambda text: html.unescape(text) if "&" in text else text,
    lambda text: unquote(text) if "%" in text else text,
    _backslashes,
    _base64,
    _json,
)
_OPENERS: dict[bytes, Callable[[tuple[str, ...], bytes, str], Iterator[Piece]]] = {
    b"PK\x03\x04": _zip,
    b"PK\x05\x06": _zip,  # empty
    b"\xd0\xcf\x11\xe0": _office,
    b"\x1f\x8b": _packed(gzip.open),
    **{f"BZh{level}1AY&SY".encode(): _packed(bz2.open) for level in range(1, 10)},
    b"\xfd7zXZ\0": _packed(lzma.open),
    b"%PDF": _pdf,
    b"PAR1": _parquet,
    b"SQLite format 3\0": _sqlite,
}
