"""What people are asked to look for: one workbook per owner over all requests, out until every search is answered."""

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from dsar import files
from dsar.answer import workbook
from dsar.answer.layout import Facts, Heading, Page, Paragraph, Progress, Worklist
from dsar.answer.publish import Written, publish
from dsar.datamap import Controller
from dsar.source import Search

RESULTS = ("To do", "Nothing found", "Files in inbox", "Not possible")
HEADER = ("Search ID", "System", "What", "Kind", "Look for", "Put what you find into", "Result", "Remark")
_HOW = (
    "Search the system named for each line on the sheet Searches. Put what you find into the folder named in the line, as it is: tables as "
    "csv, xlsx or json, mails as eml, msg or mbox, anything else as pdf or picture. Then choose the result. Not possible needs a "
    "remark. Leave the Search ID as it is, and put this file into the inbox when nothing is left To do; you may do so in between, too."
)


@dataclass(frozen=True)
class Open:
    """The searches that are out, as they stand in `worklists/searches.json`."""

    folder: Path

    def update(self, searches: Iterable[Search]) -> list[Search]:
        """Note what was asked now, take out what is answered, and return what is out, by owner and id."""
        known = {s.id: s for s in self.load()} | {s.id: s for s in searches}
        still = sorted((s for s in known.values() if not s.back), key=lambda s: (s.owner, s.system, s.id))
        files.private_dir(self.folder)
        files.write_atomic(self.folder / "searches.json", json.dumps([s._asdict() for s in still], indent=1, ensure_ascii=False))
        return still

    def load(self) -> list[Search]:
        """Return what is out."""
        path = self.folder / "searches.json"
        found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
        return [Search(**{**entry, "what": tuple(entry["what"])}) for entry in found]


def write(root: Path, searches: Iterable[Search], controller: Controller) -> Written:
    """Write one workbook per owner into `worklists/` of the workspace, and note what is out.

    Called after every collect: a search that is answered leaves the list, one of another request stays on it.
    """
    before = {s.owner for s in Open(root / "worklists").load()}
    out = Open(root / "worklists").update(searches)
    by_owner = {owner: [s for s in out if s.owner == owner] for owner in sorted(before | {s.owner for s in out})}
    written = (
        publish(root, "worklists", f"{_file_name(owner)}_searches", partial(_build, owner, mine, controller)) for owner, mine in by_owner.items()
    )
    return Written(tuple(path for some in written for path in some))


def _file_name(owner: str) -> str:
    """Return what an owner's file is called: two whose names are alike in plain letters, or have none, are told apart by a hash."""
    told = hashlib.sha256(owner.encode()).hexdigest()[:8]
    return f"{re.sub(r'[^A-Za-z0-9]+', '-', owner).strip('-')}-{told}".lstrip("-")


def _build(owner: str, searches: list[Search], controller: Controller, stem: str, into: Path) -> list[Path]:
    if not searches:
        return []
    facts = Facts({"Owner": owner, "Searches": len(searches), "Questions to": controller.contact})
    cover = Page(
        "Start here",
        (
            Heading("What to look for"),
            facts,
            Heading("How to work with it"),
            Paragraph(_HOW),
            Heading("Progress"),
            Progress("Searches", "Result", RESULTS),
        ),
    )
    rows = tuple((s.id, s.system, ", ".join(s.what), s.kind, s.value, f"inbox/{s.id}", "To do", s.remark) for s in searches)
    sheet = Worklist("Searches", HEADER, rows, choices={"Result": RESULTS}, editable=("Result", "Remark"))
    return workbook.write(into / f"{stem}.xlsx", [cover, sheet], controller=controller.name, zone=controller.zone, attachments_prefix=stem)
