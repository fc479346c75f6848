"""What may stand in a case summary: values of known lists, and names of files as this toolkit gives them. All else is replaced.

The desk types file names and words, and a person's name is easily among them; what it typed is replaced by its kind and a keyed hash,
`[file 3f0c….docx]`, so that the same is told from another and nobody reads it.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from dsar import keys, kinds
from dsar.answer.export import plain
from dsar.law.deadlines import EXTENSION_REASONS, RIGHTS
from dsar.request import letters
from dsar.request.case import Case
from dsar.request.events import OUTCOMES, REFUSALS
from dsar.request.identity import AUTHORITIES, DOCUMENTS, METHODS
from dsar.workspace import Workspace

_WAYS = ("e-mail", "post", "by hand", "workbook", "zip", "portal")
_FIELDS = ("identifiers", "rights", "received", "verified_on", "due", "reply_to", "regime", "calendar", "language", "channel", "requester", "handler")
_ENDINGS = ("csv", "docx", "eml", "html", "ics", "jpg", "json", "md", "msg", "odt", "pdf", "png", "txt", "xlsx", "zip")
_PARTS = ("certificate", "worklist", "first-steps", "your-data", "mail", "newer", "marked", "audit", "second-reader", "case-file")
_NUMBERS = r"\d{1,4}(?:-of-\d{1,4})?|part-\d+-of-\d+|(?:text|file)-\d{3,}"
_REPLACED = re.compile(r"\[(?:text|file) [0-9a-f]{12}(?:\.[a-z]+)?\]")
_ID = re.compile(r"(?=[^\d]*\d)[A-Za-z0-9_-]{1,64}")  # of another request
_HASH = re.compile(r"(?:[0-9a-f]{2}){1,64}")


class Impersonal:
    """Lets pass what names nobody, for one case."""

    def __init__(self, workspace: Workspace, case: Case) -> None:
        self.secret, self.case = workspace.register.secret.encode(), case
        sources = workspace.datamap.sources
        tables = {f"{name}.{table}" for name, source in sources.items() for table in source.tables}
        self.letters = frozenset(letters.names())
        parts = [*_PARTS, *self.letters, *(f"letter-{n.replace('_', '-')}" for n in self.letters), *sources, *RIGHTS]
        words = "|".join([_NUMBERS, *map(re.escape, sorted(parts, key=len, reverse=True))])
        who = re.escape(plain(case.controller.name))
        self.own = re.compile(rf"(?:{who}_)?{re.escape(case.request.id)}(?:_(?:{words}))+\.(?:{'|'.join(_ENDINGS)})")
        listed: dict[str, Iterable[str]] = {
            "kinds": {*kinds.GLOBAL, *(i.kind for i in case.request.identifiers)}, "method": {*METHODS, *_WAYS}, "authority": AUTHORITIES,
            "document": DOCUMENTS, "reason": {r.code for r in EXTENSION_REASONS}, "outcome": OUTCOMES, "grounds": REFUSALS, "tables": tables,
            "failed": {*tables, *sources}, "systems": {*sources, *(s.label for s in sources.values())}, "fields": _FIELDS,
            "handler": {e.by for e in case.events}, "after": (), "reviewed": (), "person_first": (),
        }  # fmt: skip
        self.checks: dict[str, Callable[[str], bool]] = {name: frozenset(values).__contains__ for name, values in listed.items()}
        self.checks |= {"duplicates": lambda value: bool(_ID.fullmatch(value)), "linked": lambda value: bool(_ID.fullmatch(value))}
        self.checks["letter"] = lambda value: re.sub(r"_\d+$", "", value) in self.letters

    def details(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return what may stay of an event's details; what it is called that is not listed here is left out."""
        files = {name: self.files(given[name]) for name in ("file", "files") if name in given}
        return {name: self.value(name, value) for name, value in given.items() if name in self.checks} | files

    def value(self, name: str, value: Any) -> Any:
        """Return a value of this name with whatever is on no list replaced."""
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, Mapping):
            return {self.value(name, key): self.value(name, below) for key, below in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(name, below) for below in value]
        known = isinstance(value, str) and (not value or self.checks[name](value) or _REPLACED.fullmatch(value))
        return value if known else self._hidden("text", str(value))

    def files(self, value: Any) -> Any:
        """Return names of files, or names with their hashes, with those that are not ours replaced."""
        if isinstance(value, Mapping):
            return {self.files(name): told if _HASH.fullmatch(str(told)) else self._hidden("text", str(told)) for name, told in value.items()}
        name = str(value)
        if self.own.fullmatch(name) or _REPLACED.fullmatch(name):
            return name
        ending = name.rpartition(".")[2].lower()
        return self._hidden("file", name, f".{ending}" if ending in _ENDINGS else "")

    def _hidden(self, kind: str, value: str, ending: str = "") -> str:
        return f"[{kind} {keys.keyed(self.secret, 'summary', kind, value)[:12]}{ending}]"
