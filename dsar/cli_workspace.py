"""The commands of the workspace: a demo, a new one, its notebooks, whether its map is true, JupyterLab."""

import os
import shlex
import shutil
import sys
from importlib.resources import files as resources
from pathlib import Path
from typing import Annotated

import typer

import dsar
from dsar import files, forgotten
from dsar.cli_answer import run_batch
from dsar.cli_options import opened
from dsar.errors import BadMap
from dsar.find.survey import advice, survey
from dsar.law.gaps import gaps
from dsar.request.listed import HEADER
from dsar.terminal import Terminal
from dsar.workspace import MAP, REQUESTS

out = Terminal()
_IGNORED = (
    "# Nothing here but the map goes into version control: the rest is people's data, keys, and records that grow.\n*\n!.gitignore\n!dsar.toml\n"
)
_DEMO = ".dsar-demo"  # what `dsar demo` made, it may make anew


def demo(context: typer.Context, folder: Annotated[Path, typer.Argument(help="Where the demo workspace goes; made anew.")] = Path("demo")) -> None:
    """Invent the reference company, answer twenty of its requests, and say where the spreadsheets lie."""
    from fixtures import generate

    if context.obj is not None:
        raise BadMap("a demo has a folder of its own", where="--workspace", remedy="name its folder instead: `dsar demo FOLDER`")
    if folder.exists() and not (folder / _DEMO).exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BadMap("this is no demo workspace, so it is left alone", where=str(folder), remedy="name another folder")
    shutil.rmtree(folder, ignore_errors=True)
    before = os.umask(0o077)  # all that is in it is the owner's alone, as in a workspace of one's own
    try:
        generate.build(folder, subjects=120, log_lines=40_000, requests=20)
    finally:
        os.umask(before)
    files.private_dir(folder)
    (folder / _DEMO).touch(mode=0o600)
    out.print(f"The reference company with its systems lies in {folder}. Answering its requests:\n")
    workspace = dsar.open(folder)
    status = run_batch(workspace, list(workspace.requests.values()))
    made = sorted(p for p in folder.glob("cases/*/*/*.xlsx") if p.parent.name in {"outbox", "worklists"})
    out.print("\nFor the requesters and the system owners:", style="bold")
    for path in made:
        out.print(f"  {path}")
    out.print(f"\nTo look at the notebooks: {program()} --workspace {shlex.quote(str(folder))} lab", style="bold", markup=False)
    raise typer.Exit(status)


def program() -> str:
    """Return this program as it can be typed here: where it is not on the PATH, its own path."""
    began = Path(sys.argv[0])
    if began.stem != "dsar":
        return f"{shlex.quote(sys.executable)} -m dsar"
    found = shutil.which("dsar")
    return "dsar" if found and began.exists() and began.samefile(found) else shlex.quote(str(began))


def init(folder: Annotated[Path, typer.Argument(help="A new or empty folder.")]) -> None:
    """Make a workspace: a commented dsar.toml and an empty requests.csv."""
    if folder.exists() and not folder.is_dir():
        raise BadMap("this is a file", where=str(folder), remedy="name a folder")
    taken = [name for name in (MAP, REQUESTS) if (folder / name).exists()]
    if taken:
        raise BadMap(f"{' and '.join(taken)} is there already, so nothing was written", where=str(folder), remedy="name another folder")
    files.private_dir(folder)
    files.write_atomic(folder / MAP, resources("dsar").joinpath("templates", MAP).read_text(encoding="utf-8"))
    files.write_atomic(folder / REQUESTS, ",".join(HEADER) + "\n")
    files.write_atomic(folder / ".gitignore", _IGNORED)
    out.print(f"{folder / MAP}: describe your systems (`dsar map URL|FILE` helps), then `dsar --workspace {folder} check`")


def notebooks(
    context: typer.Context,
    folder: Annotated[Path | None, typer.Argument(help="Where copies go. [default: notebooks in the workspace]")] = None,
    copy: Annotated[bool, typer.Option("--copy", help="Copy them; one that somebody edited stays as it is.")] = False,
) -> None:
    """List the notebooks, or put copies where you work; `dsar lab` does that by itself."""
    from dsar.desk.notebooks import NOTEBOOKS as ORDER
    from dsar.run import copies
    from dsar.run.jobs import NOTEBOOKS

    if not copy:
        for notebook in ORDER:
            out.print(f"{notebook.name}: {notebook.title}", markup=False)
        return
    target = files.private_dir(folder or opened(context).root / "notebooks")
    copies.bring(NOTEBOOKS, target)
    out.print(f"They lie in {target}.", markup=False)


def check(context: typer.Context) -> None:
    """Compare the map with the sources as they are, and list the gaps in the privacy policy; exit status 1 if map and sources differ."""
    workspace = opened(context)
    sources = workspace.sources()
    found = survey(workspace.datamap, sources)
    requests = len(workspace.requests)
    for point in found:
        out.print(f"{point.table}: {point.what} — {point.remedy}")
    for point in advice(workspace.datamap, sources):
        out.print(f"{point.table}: advice: {point.what}", markup=False)
    tables = sum(1 for _ in workspace.datamap.tables())
    verdict = f"{len(found)} to mend" if found else "all as the map says"
    out.print(f"{len(workspace.datamap.sources)} sources, {tables} tables, {requests} requests: {verdict}")
    missing = gaps(workspace.datamap)
    if missing:
        out.print(f"\n{len(missing)} gaps in the privacy policy and in what the map says of it; none of this is ever sent:")
    for gap in missing:
        out.print(f"  {gap.what} — {gap.owner}: {gap.remedy}", markup=False)
    if open_ := forgotten.unanswered(workspace.datamap.systems):
        count = f"{len(open_)} of {len(forgotten.SYSTEMS)} systems one forgets are not answered for"
        out.print(f"\n{count}; say under [systems] what becomes of each:", markup=False)
    for name in open_:
        out.print(f"  {name}: {forgotten.SYSTEMS[name]}", markup=False)
    raise typer.Exit(1 if found else 0)


def lab(context: typer.Context) -> None:
    """Open JupyterLab on what waits today, with a copy of the notebooks in the workspace; further options are JupyterLab's (--no-browser …)."""
    from dsar.run.lab import open_lab

    raise typer.Exit(open_lab(opened(context), context.args))
