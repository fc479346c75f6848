"""The inbox of systems that a person searches: worklists that came back, and in a folder per search what was found.

Other people's e-mail addresses are masked in mails, exact duplicates are folded and counted. A file that cannot be
read fails the table; one of a kind nobody expects is told.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from connectors import exact, mails
from connectors.csvrows import csv_rows
from connectors.jsonrows import as_json, json_rows, parsed
from connectors.xlsxrows import xlsx_rows
from dsar import datamap, recognise, values
from dsar.errors import DsarError, SourceBroken, SourceUnreachable
from dsar.source import Settings
from dsar.unpacked import filled

NOTHING, FILES, IMPOSSIBLE = "Nothing found", "Files in inbox", "Not possible"
_RECORDS, _MAILS = (".csv", ".tsv", ".xlsx", ".json", ".jsonl", ".ndjson"), (".eml", ".mbox", ".msg")
_DOCUMENTS = (".pdf", ".png", ".jpg", ".jpeg", ".gif", ".tif", ".tiff", ".webp", ".heic")
ENDINGS = {"records": _RECORDS, "mails": _MAILS, "documents": (*_DOCUMENTS, *_MAILS)}
COLUMNS = {
    "records": ("item", "file", "data", "copies"),
    "mails": ("item", "file", "sent_at", "sender", "recipients", "subject", "text", "attachments", "copies"),
    "documents": ("item", "file", "sha256", "bytes", "content", "copies"),
}
_EVERY = {ending for some in ENDINGS.values() for ending in some}


class Answer(NamedTuple):
    """What an owner wrote about a search in the worklist."""

    result: str
    remark: str


class Inbox:
    """What came back for the tables of one source."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def form(self, table: datamap.Table) -> str:
        """Return what comes back for a table: `records`, `mails` or `documents`; raises where the map does not say."""
        form = table.file.path if table.file else ""
        if form not in COLUMNS:
            raise SourceBroken(
                "the map does not say what comes back",
                where=f"sources.{self.settings.name}",
                remedy='file = { path = "records" }, "mails" or "documents"',
            )
        return form

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return self.settings.root / (self.settings.expand(self.settings.declared.url) or "inbox")

    def answers(self) -> dict[str, Answer]:
        """Return, by search id, what the returned worklists say; the last one counts. Raises where one cannot be read."""
        found: dict[str, Answer] = {}
        inbox = self.folder
        if not inbox.is_dir():
            return found
        books = sorted(p for p in inbox.iterdir() if p.suffix.lower() == ".xlsx" and not p.name.startswith("~$"))
        for path in sorted(books, key=lambda p: p.stat().st_mtime):
            # By its place and not by its name, which somebody outside has given it.
            for row in _sheet(path, f"{self.settings.name}: inbox, workbook {books.index(path) + 1} by name"):
                if (result := str(row.get("Result") or "").strip()) in {NOTHING, FILES, IMPOSSIBLE}:
                    found[str(row["Search ID"]).strip()] = Answer(result, str(row.get("Remark") or ""))
        return found

    def searches(self) -> list[str]:
        """Return the ids of the searches that a folder came back for."""
        return sorted(p.name for p in self.folder.iterdir() if p.is_dir() and p.name.startswith("S-")) if self.folder.is_dir() else []

    def found(self, table: str, search: str, own: set[str]) -> list[dict[str, object]]:
        """Return what lies in a search's folder, each thing once with the number of its further copies, others' addresses masked."""
        form, at = self.form(exact.mapped(self.settings, table)), f"{self.settings.name}.{table}"
        found: dict[str, dict[str, object]] = {}
        copies: Counter[str] = Counter()
        for number, path in enumerate(self._files(search, at), 1):
            if path.suffix.lower() in ENDINGS[form]:
                for row in self._rows(path, form, f"{at}: {search}, file {number} by name ({path.suffix})"):
                    # The same mail of two people is two rows: each is masked for its own reader.
                    item = f"{row['item']}-{search.removeprefix('S-')}"
                    copies[item] += 1
                    found.setdefault(item, {**_masked(row, own), "item": item})
        return [{**row, "copies": copies[item] - 1} for item, row in found.items()]

    def _files(self, search: str, at: str) -> list[Path]:
        folder = self.folder / search
        if not folder.is_dir():
            return []
        files = sorted(p for p in folder.rglob("*") if p.is_file() and not p.name.startswith((".", "~$")))
        odd = [p for p in files if p.suffix.lower() not in _EVERY]
        if odd:
            ending = odd[0].suffix or "no ending"
            raise SourceBroken(
                f"{search} holds a file of a kind that cannot be taken in ({ending})", where=at, remedy="save it as pdf, csv, xlsx or eml"
            )
        return files

    def _rows(self, path: Path, form: str, at: str) -> Iterator[dict[str, object]]:
        place = f"{path.parent.name}/{path.name}"
        try:
            if form == "documents":
                inside = mails.attached(path) if path.suffix.lower() in _MAILS else [("", path.read_bytes())]
                for name, raw in inside:
                    digest = hashlib.sha256(raw).hexdigest()
                    at_ = f"{place}: {name}" if name else place
                    yield {"item": digest[:32], "file": at_, "sha256": digest, "bytes": len(raw), "content": raw}
            elif form == "mails":
                for mail in mails.read(path):
                    self._require_place_for(mail)
                    yield {"item": mail.digest, "file": place, **mail.columns()}
            else:
                for row in _records(path):
                    yield {"item": _digest(row), "file": place, "data": as_json(row)}
        except DsarError as error:
            raise SourceBroken(error.what, where=at, remedy=error.remedy) from error
        except OSError as error:
            raise SourceUnreachable(f"cannot be opened ({type(error).__name__})", where=at, remedy="put it there again") from error
        except Exception as error:
            raise SourceBroken(f"is damaged or not what its ending says ({type(error).__name__})", where=at, remedy="save it again") from error

    def _require_place_for(self, mail: mails.Mail) -> None:
        """Raise where a mail has attachments and no table of the source takes them: they would be left out unsaid."""
        if mail.attachments and not any(self.form(table) == "documents" for table in self.settings.declared.tables.values()):
            remedy = 'add a table with file = { path = "documents" } and documents = true'
            raise SourceBroken("a mail has attachments, and no table of this source takes them", remedy=remedy)


_ADDRESS = re.compile(r"[^\s@<>,;:\"'()\[\]]+@[\w.-]+\.\w+")


def _masked(row: Mapping[str, object], own: set[str]) -> dict[str, object]:
    """Return a mail in which other people's e-mail addresses are masked."""
    if "sender" not in row:
        return dict(row)

    def mask(text: str) -> str:
        found = list(recognise.emails(text))
        mine = [m for m in found if m.value in own]
        others = [m for m in found if m.value not in own]
        # What only looks like an address is masked as well: its host may be one that only exists inside a company.
        alike = [recognise.Mention(*m.span(), "email", "") for m in _ADDRESS.finditer(text)]
        others += [m for m in alike if not any(one.start <= m.start and m.end <= one.end for one in mine)]
        return recognise.mask(text, others, "[address of another person]")

    said = ("sender", "recipients", "subject", "text")
    return {name: mask(value) if isinstance(value, str) and name in said else value for name, value in row.items()}


def _records(path: Path) -> Iterator[dict[str, object]]:
    file = datamap.File(path=path.name)
    if path.suffix.lower() == ".json":
        content = parsed(path.read_text(encoding="utf-8-sig"))
        yield from content if isinstance(content, list) else [content]
        return
    cells = (
        xlsx_rows(path, None)
        if path.suffix.lower() == ".xlsx"
        else json_rows(path, file)
        if path.suffix.lower() in {".jsonl", ".ndjson"}
        else csv_rows(path, file)
    )
    names = [str(c) for c in next(cells)]
    for row in cells:
        yield {name: value if isinstance(value, str | int | bool | None) else values.as_text(value) for name, value in zip(names, row, strict=True)}


def _sheet(path: Path, source: str) -> Iterator[Mapping[str, object]]:
    """Yield the lines of a returned worklist, wherever its header stands by now; another workbook has none."""
    try:
        rows = [row for _, _, row in filled(path, source, "Searches")]
    except DsarError:
        raise
    except Exception as error:
        raise SourceBroken(f"cannot be read ({type(error).__name__})", where=source, remedy="save the worklist again") from error
    header: Sequence[object] = []
    for row in rows:
        if "Search ID" in row:
            header = row
        elif header:
            line = {str(name): value for name, value in zip(header, row, strict=False) if name}
            if str(line.get("Search ID") or "").startswith("S-"):
                yield line


def _digest(row: Mapping[str, object]) -> str:
    return hashlib.sha256(as_json(dict(row)).encode()).hexdigest()[:32]
