"""The command of the data map: a draft of a source's section, and the map as a workbook, out and back."""

import os
import re
from pathlib import Path
from typing import Annotated

import typer

import dsar
from dsar import datamap as maps
from dsar import plugins
from dsar.errors import BadMap, WorkspaceMissing
from dsar.terminal import Terminal
from dsar.workspace import located

out = Terminal()
_FILES = {".csv", ".tsv", ".xlsx", ".parquet", ".jsonl", ".ndjson"}


def map_(
    context: typer.Context,
    address: Annotated[str | None, typer.Argument(metavar="URL|FILE|FOLDER", help="A database's URL, a file, or a folder of files.")] = None,
    name: Annotated[str, typer.Option(help="What the source is called in the map.")] = "source",
    no_sample: Annotated[bool, typer.Option("--no-sample", help="Read no row: guess from names and types alone.")] = False,
    ready: Annotated[str | None, typer.Option(metavar="NAME", help="Print a ready map, such as hubspot; a wrong name lists what there is.")] = None,
    to_xlsx: Annotated[Path | None, typer.Option(help="Write the workspace's map as a workbook to fill in.")] = None,
    from_xlsx: Annotated[Path | None, typer.Option(help="Take over what was changed in a workbook that came back, all or nothing.")] = None,
) -> None:
    """Draft a source's section of the map from its schema and some rows, or print a ready one; or send the whole map out as a workbook, and back."""
    if ready:
        print(_ready(ready))  # noqa: T201 - TOML for a file, not for a screen
        return
    if to_xlsx or from_xlsx:
        _workbook(context, to_xlsx, from_xlsx)
        return
    if address is None:
        raise BadMap("nothing is named", remedy="dsar map URL, or dsar map FOLDER; dsar map --ready NAME; dsar map --to-xlsx FILE")
    print(_draft(context, address, name, read=not no_sample))  # noqa: T201 - TOML for a file, not for a screen


def _ready(name: str) -> str:
    found = plugins.maps()
    if name not in found:
        raise BadMap(f"there is no ready map '{name}'", where="--ready", remedy=f"there are {', '.join(sorted(found))}")
    return found[name].read_text(encoding="utf-8")


def _draft(context: typer.Context, address: str, name: str, *, read: bool) -> str:
    from dsar.guess import sample
    from dsar.guess.draft import draft
    from dsar.snapshots import connector
    from dsar.source import Settings

    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", name):
        raise BadMap(f"'{name}' is no name of a source", remedy="letters, digits, - and _, beginning with a letter")
    path = Path(address)
    is_file = path.suffix.lower() in _FILES and not path.is_dir()
    scheme = address.partition(":")[0] if "://" in address else ""
    kind = {"": "lake", "s3": "lake", "duckdb": "duckdb"}.get(scheme, "sql")
    if kind == "lake" and not is_file and not path.is_dir() and "://" not in address:
        raise BadMap("this is neither a database's URL nor a file or folder of tables", remedy="write sqlite:///shop.db, postgresql://…, or a name")
    region = _region(context)
    declared = maps.Source.model_construct(connector=kind, label=name, owner="", url=address, tables={}, ignored={})
    source = connector(kind)(Settings(name, declared, Path.cwd(), region))
    known = source.schema()
    provisional = connector(kind)(Settings(name, sample.provisional(declared, known), Path.cwd(), region))
    values = sample.of(provisional, known) if read else {}
    kept = _kept(_from_workspace(context, address), name)
    file = Path(_from_workspace(context, address)) if is_file else None
    return draft(name, provisional, sample=values, connector=kind, url=kept, file=file, region=region)


def _workbook(context: typer.Context, to_xlsx: Path | None, from_xlsx: Path | None) -> None:
    from dsar.desk import mapbook

    workspace = dsar.open(context.find_root().obj)
    if to_xlsx:
        written = mapbook.write(to_xlsx, workspace.root, workspace.datamap)
        out.print(f"{written}: change what is shaded, then `dsar map --from-xlsx {written}`", markup=False)
    if from_xlsx:
        changed = mapbook.read(from_xlsx, workspace.root, workspace.datamap)
        for key in changed:
            out.print(f"  {key}", markup=False)
        out.print(f"{len(changed)} changed in dsar.toml" if changed else "nothing was changed in it")


def _from_workspace(context: typer.Context, address: str) -> str:
    """Return an address as the map has to say it: what is relative there begins at the workspace, here at the current folder."""
    scheme, path = re.match(r"((?:sqlite|duckdb):///)?(.*)", address, re.DOTALL).groups(default="")  # type: ignore[union-attr]
    if "://" in path or not path or Path(path).is_absolute():
        return address
    try:
        root = located(context.find_root().obj)
    except WorkspaceMissing:
        return address  # nobody knows yet which map it is for
    return scheme + os.path.relpath(Path.cwd() / path, root).replace(os.sep, "/")


def _region(context: typer.Context) -> str | None:
    """Return whose rules read a phone number, where there is a map that says so."""
    try:
        return dsar.open(context.find_root().obj).datamap.controller.region
    except (WorkspaceMissing, BadMap):
        return None


def _kept(address: str, name: str) -> str:
    """Return the address as it may stand in the map: one that can hold a password comes from the environment."""
    if "://" not in address or re.match(r"(sqlite|duckdb|s3):", address):
        return address
    return f"${{{re.sub('[^A-Z0-9]', '_', name.upper())}_URL}}"
