"""What lies beside the case folders and is about several requests: searches by hand, what came back, checklists, copies of notebooks.

When a request is purged, its part goes out of them; what another request still needs stays.
"""

import json
import os
import shutil
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import cast

import openpyxl

from dsar import files
from dsar.answer import searches
from dsar.answer.stranger import Needle, Needles, search, searchable
from dsar.errors import DsarError
from dsar.find import counted
from dsar.find.widening import borne
from dsar.keep import vault
from dsar.keep.ledger import CONFIRMED
from dsar.keep.purge import remove
from dsar.request.case import Case
from dsar.run import erasure
from dsar.source import Asker, Match, Search, Want
from dsar.unpacked import filled
from dsar.workspace import INTAKE, Workspace

_CHECKPOINTS = ".ipynb_checkpoints"


def needles(workspace: Workspace, case: Case) -> list[Needle]:
    """Return what a request's person is known by: what they gave, and what stands in their snapshot where identifiers and names stand."""
    found = {i.value: Needle(f"{i.kind} of {case.request.id}", i.kind, i.value) for i in case.request.identifiers}
    for address, row in counted.rows(workspace.root / "cases" / case.request.id / "dossier"):
        source, _, name = address.partition(".")
        table = workspace.datamap.sources[source].tables.get(name) if source in workspace.datamap.sources else None
        if table is None or row["dsar_standing"] != "found":
            continue
        for kind in ("email", "phone"):
            for value in (row.get(c) for c in table.match_columns(kind, source)):
                if value is not None:
                    found.setdefault(str(value), Needle(f"{kind} in a record of {case.request.id}", kind, str(value)))
        if name_ := table.name_in(row):
            found.setdefault(name_, Needle(f"name in a record of {case.request.id}", "name", name_))
    return [n for n in found.values() if searchable(n)]


def clear(workspace: Workspace, gone: Iterable[Case], kept: Collection[Case]) -> None:
    """Take what is about `gone` requests alone out of the workspace's own folders; raises `OSError` where a file is held."""
    gone = list(gone)
    ids = searched(workspace, gone) - searched(workspace, kept)
    _answers(workspace.root, ids)
    _worklists(workspace, ids, kept)
    notebooks(workspace.root, {case.request.id for case in gone}, Needles([n for case in gone for n in needles(workspace, case)]))


def searched(workspace: Workspace, cases: Collection[Case]) -> set[str]:
    """Return the ids of the searches by hand that these requests have led to: folders of the inbox are called by them."""
    return {s.id for s in _searches(workspace, cases)}


def _searches(workspace: Workspace, cases: Collection[Case]) -> list[Search]:
    """Return every search by hand that these requests have led to, answered or not; nobody is asked anything."""
    wanted = {(i.kind, i.value) for case in cases for i in case.request.identifiers}
    for case in cases:
        for address, row in counted.rows(workspace.root / "cases" / case.request.id / "dossier"):
            source, _, name = address.partition(".")
            table = workspace.datamap.sources[source].tables.get(name) if source in workspace.datamap.sources else None
            for kind, reveal in table.reveals_of(source).items() if table else ():
                if (value := borne(row, kind, reveal, workspace.datamap.controller.region)) is not None:
                    wanted.add((kind, value))
    found: dict[str, Search] = {}
    for name, source_ in workspace.sources().items():
        if isinstance(source_, DsarError) or not source_.can.asks_people:
            continue
        for searched in workspace.datamap.sources[name].tables:
            try:
                list(source_.read(Match(searched, tuple(Want(str(n), kind, value) for n, (kind, value) in enumerate(sorted(wanted))))))
            except DsarError:
                continue  # a damaged answer is still an answer to the search it lies in
        found |= {s.id: s for s in cast("Asker", source_).searches()}
    return list(found.values())


def _answers(root: Path, ids: Collection[str]) -> None:
    """Take what people sent back out of the inbox: the folders of these searches, and their lines in returned worklists."""
    inbox = root / "inbox"
    for name in ids:
        shutil.rmtree(inbox / name, ignore_errors=False) if (inbox / name).is_dir() else None
    for path in sorted(inbox.glob("*.xlsx")):
        _without_lines(path, ids)


def _without_lines(path: Path, ids: Collection[str]) -> None:
    try:
        mine = {number for _, number, row in filled(path, path.name, "Searches") if any(str(value).strip() in ids for value in row)}
        left = any(str(value).startswith("S-") for _, number, row in filled(path, path.name, "Searches") for value in row if number not in mine)
        book = openpyxl.load_workbook(path) if mine and left else None
    except Exception:  # noqa: BLE001 - no worklist of ours: the sweep looks into it
        return
    if mine and not left:
        path.unlink()
    elif book:
        for number in sorted(mine, reverse=True):
            book["Searches"].delete_rows(number)
        fresh = path.with_name(f"{files.WRITING}{os.getpid()}.xlsx")
        book.save(fresh)
        files.publish(fresh, path)


def _worklists(workspace: Workspace, ids: Collection[str], kept: Collection[Case]) -> None:
    """Write the lists of searches and of deletions anew without what is gone; older versions of them go."""
    root = workspace.root
    out = searches.Open(root / "worklists")
    if any(s.id in ids for s in out.load()):
        searches.write(root, [s._replace(back=True) for s in out.load() if s.id in ids], workspace.datamap.controller)
    if any((root / "worklists").glob("erasure_owner-*.xlsx")):
        still = {case.request.id for case in kept if not case.closed}
        erasure.checklists(workspace, [r for r in erasure.planned_requests(workspace) if r.id in still])
    for old in (root / "superseded").glob("*"):
        remove(old)


def intake(workspace: Workspace, *, dry_run: bool) -> dict[str, bool]:
    """Take the sheets of proposals that are older than working copies are kept, and return them: whether each was confirmed.

    One that was not, or has a question left, stays: a letter that nobody registered must not be forgotten.
    """
    oldest = workspace.clock().timestamp() - workspace.datamap.purge.working_copies * 86_400
    old = [p for p in files.lying(workspace.root / INTAKE) if p.is_file() and p.stat().st_mtime < oldest]
    confirmed = (
        {e["details"]["sheet"] for e in workspace.ledger.lines() if e["what"] == CONFIRMED and not e["details"]["questions"]} if old else set()
    )
    told = {p.name: files.sha256(p) in confirmed for p in old}
    for path in (p for p in old if told[p.name] and not dry_run):
        remove(path)
    return told


def notebooks(root: Path, requests: Collection[str], known: Needles) -> None:
    """Empty the copies of notebooks that an analyst ran on these requests, and take what Jupyter put aside of them."""
    for folder in sorted(vault.each(root, lambda top: top.rglob(_CHECKPOINTS))):
        shutil.rmtree(folder)
    for path in sorted((root / "notebooks").rglob("*.ipynb")):
        if (text := _notebook(path)) is None:
            continue  # `broken` tells it
        if any(f'"{name}"' in text.replace('\\"', '"') for name in requests) or search([path], known):
            files.write_atomic(path, json.dumps(_emptied(json.loads(text)), indent=1, ensure_ascii=False) + "\n")


def broken(root: Path) -> list[str]:
    """Return the notebooks of a workspace that nobody can read as such, by place: what a run left in them cannot be taken out."""
    return [p.relative_to(root).as_posix() for p in sorted((root / "notebooks").rglob("*.ipynb")) if p.is_file() and _notebook(p) is None]


def _notebook(path: Path) -> str | None:
    """Return the text of a notebook; None where it is cut, in another coding, or no notebook."""
    try:
        text = path.read_bytes().decode("utf-8")
        read = json.loads(text)
    except (OSError, ValueError, RecursionError):
        return None
    cells = read.get("cells") if isinstance(read, dict) else None
    whole = isinstance(cells, list) and all(isinstance(c, dict) and "cell_type" in c for c in cells)
    return text if whole and isinstance(read.get("metadata", {}), dict) else None


def _emptied(notebook: dict[str, object]) -> dict[str, object]:
    for cell in cast("list[dict[str, object]]", notebook["cells"]):
        if cell["cell_type"] == "code":
            cell |= {"outputs": [], "execution_count": None}
    kept = cast("dict[str, object]", notebook.get("metadata", {}))
    notebook["metadata"] = {k: v for k, v in kept.items() if k in {"kernelspec", "language_info"}}
    return notebook
