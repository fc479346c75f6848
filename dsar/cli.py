"""The `dsar` command: one clear line for an error and exit status 2; a traceback only with --debug."""

import io
import json
import os
import shutil
import sys
import traceback
from collections import Counter
from contextlib import nullcontext
from importlib.metadata import version
from importlib.resources import files as resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Column
from rich.table import Table as Lines

import dsar
from dsar import cli_erase, cli_keep, cli_logs, cli_map, cli_register, cli_review, cli_seal, faults, files, forgotten
from dsar.answer.delivery import Way
from dsar.errors import BadMap, DsarError
from dsar.find.survey import advice, survey
from dsar.law.gaps import gaps
from dsar.request.register import HEADER, Request
from dsar.terminal import Terminal
from dsar.workspace import MAP, REQUESTS, Workspace

if TYPE_CHECKING:
    from dsar.run.jobs import Result

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False, rich_markup_mode=None)
out, err = Terminal(), Terminal(stderr=True)
app.add_typer(cli_register.register_app, name="register")
app.add_typer(cli_register.identity_app, name="identity")
app.add_typer(cli_register.fastlane_app, name="fastlane")
app.add_typer(cli_keep.ledger_app, name="ledger")
app.command()(cli_keep.purge)
app.command()(cli_keep.audit)
app.command()(cli_seal.seal)
app.command("open")(cli_seal.open_)
app.add_typer(cli_logs.logs_app, name="logs")
for _command in (cli_register.status, cli_register.begin, cli_register.record, cli_register.letters, cli_register.delivered):
    app.command()(_command)
app.command("map")(cli_map.map_)
app.command()(cli_review.review)
app.command()(cli_review.why)
app.command("try")(cli_review.try_)
app.command()(cli_erase.erase)
app.command()(cli_erase.verify)
app.command()(cli_erase.retention)
app.add_typer(cli_erase.checklists_app, name="checklists")
app.add_typer(cli_erase.suppress_app, name="suppress")
_IGNORED = (
    "# Nothing here but the map goes into version control: the rest is people's data, keys, and records that grow.\n*\n!.gitignore\n!dsar.toml\n"
)
_DEMO = ".dsar-demo"  # what `dsar demo` made, it may make anew


def _version(asked: bool) -> None:
    if asked:
        out.print(f"dsar {version('dsar')}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    workspace: Annotated[Path | None, typer.Option(help="Folder with dsar.toml. [default: $DSAR_WORKSPACE, else the current folder]")] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[bool, typer.Option("--version", is_eager=True, callback=_version, help="Show the version.")] = False,  # noqa: ARG001 - said by its callback
) -> None:
    """Fulfil data-subject requests: collect, export, erase."""
    context.obj = workspace
    os.environ["DSAR_DEBUG"] = "1" if debug else ""


def _open(context: typer.Context) -> Workspace:
    return dsar.open(context.obj)


@app.command()
def demo(context: typer.Context, folder: Annotated[Path, typer.Argument(help="Where the demo workspace goes; made anew.")] = Path("demo")) -> None:
    """Invent the reference company, answer twenty of its requests, and say where the spreadsheets lie."""
    from fixtures import generate

    if context.obj is not None:
        raise BadMap("a demo has a folder of its own", where="--workspace", remedy="name its folder instead: `dsar demo FOLDER`")
    if folder.exists() and not (folder / _DEMO).exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BadMap("this is no demo workspace, so it is left alone", where=str(folder), remedy="name another folder")
    shutil.rmtree(folder, ignore_errors=True)
    generate.build(folder, subjects=120, log_lines=40_000, requests=20)
    (folder / _DEMO).touch()
    out.print(f"The reference company with its systems lies in [bold]{folder}[/]. Answering its requests:\n")
    workspace = dsar.open(folder)
    status = _batch(workspace, list(workspace.requests.values()))
    made = sorted(p for p in folder.glob("cases/*/*/*.xlsx") if p.parent.name in {"outbox", "worklists"})
    out.print("\n[bold]For the requesters and the system owners:[/]")
    for path in made:
        out.print(f"  {path}")
    out.print(f"\nTo look at the notebooks: [bold]dsar --workspace {folder} lab[/]")
    raise typer.Exit(status)


@app.command()
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


@app.command()
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
    target = files.private_dir(folder or _open(context).root / "notebooks")
    copies.bring(NOTEBOOKS, target)
    out.print(f"They lie in {target}.", markup=False)


@app.command()
def check(context: typer.Context) -> None:
    """Compare the map with the sources as they are, and list the gaps in the privacy policy; exit status 1 if map and sources differ."""
    workspace = _open(context)
    sources = workspace.sources()
    found = survey(workspace.datamap, sources)
    requests = len(workspace.requests)
    for point in found:
        out.print(f"[bold]{point.table}[/]: {point.what} — {point.remedy}", markup=True)
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


@app.command()
def collect(
    context: typer.Context,
    request: Annotated[list[str] | None, typer.Argument(help="Requests; all when left out.")] = None,
    again: Annotated[bool, typer.Option("--again", help="Ask the sources again although there is a snapshot.")] = False,
) -> None:
    """Ask all sources once for all requests, and show one outcome per table; exit status 1 if a source failed."""
    workspace = _open(context)
    failed = False
    progress = None if err.is_terminal else lambda table: err.print(f"reading {table}")  # a terminal has a bar
    for dossier in workspace.collect_all(_chosen(workspace, request), again=again, progress=progress).values():
        lines = Lines("What", "Table", "Result", title=dossier.request.id, title_justify="left")
        for row in dossier.found.itertuples(index=False):
            lines.add_row(str(row.What), str(row.Table), str(row.Result))
        out.print(lines)
        failed = failed or any(found.outcome.state == "failed" for found in dossier.tables.values())
    raise typer.Exit(int(failed))


@app.command()
def batch(
    context: typer.Context,
    request: Annotated[list[str] | None, typer.Argument(help="Requests; all when left out.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Notebooks that run at the same time, at most.")] = 2,
    timeout: Annotated[int, typer.Option(min=1, help="Seconds a notebook cell may take.")] = 600,
    memory: Annotated[int, typer.Option(min=0, help="Megabytes a notebook may take; 0: as many as there are.")] = 2048,
    cluster: Annotated[str | None, typer.Option(metavar="tcp://…", help="A Dask scheduler whose workers run the notebooks.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
) -> None:
    """Collect once for all, run the notebooks each request asks for; exit status 1 if any failed."""
    from dsar.run import copies, pool
    from dsar.run.batch import preview
    from dsar.run.jobs import NOTEBOOKS

    workspace = _open(context)
    chosen = _chosen(workspace, request)
    if edited := copies.edited(NOTEBOOKS, workspace.root / "notebooks"):
        names = ", ".join(edited)
        err.print(f"A batch runs the toolkit's own notebooks. Edited in this workspace, and not used: {names}", markup=False)
    if dry_run:
        raise typer.Exit(_told(workspace, preview(workspace, chosen)))
    with pool.cluster(cluster) if cluster else nullcontext() as executor:
        raise typer.Exit(_batch(workspace, chosen, workers=workers, executor=executor, timeout=timeout, memory=memory << 20))


def _batch(workspace: Workspace, requests: list[Request], **options: Any) -> int:
    from dsar.run.batch import batch as run
    from dsar.run.progress import watched

    with watched(err) as shown:
        results = run(workspace, requests, collecting=shown.collecting, planned=shown.planned, finished=shown.finished, **options)
    return _told(workspace, results)


def _told(workspace: Workspace, results: "list[Result]") -> int:
    """Print what became of each right and return the exit status; CPU and memory are the kernel's."""
    from dsar.run.batch import worst

    lines = Lines("Request", "Right", "State", "Seconds", "CPU s", "MB", Column("Why", overflow="fold"))  # no word of it is cut
    for result in results:
        style = {"failed": "red", "waiting": "yellow"}.get(result.state)
        took = (f"{result.seconds:.1f}", f"{result.cpu:.1f}", f"{result.peak >> 20}") if result.seconds else ("", "", "")
        lines.add_row(result.request, result.right, result.state, *took, result.why, style=style)
    out.print(lines)
    states = Counter(r.state for r in results)
    counts = [
        f"{states[state]} {state}" for state in ("would run", "done", "already done", "waiting", "failed") if state != "would run" or states[state]
    ]
    out.print(f"{len(results)} to do: {', '.join(counts)}. Files lie in {workspace.root / 'cases'}")
    return worst(results)


@app.command()
def deliver(
    context: typer.Context,
    request: Annotated[str, typer.Argument()],
    to: Annotated[bool, typer.Option("--to", help="Ask for the address, where the request has several verified ones.")] = False,
    way: Annotated[Way, typer.Option(help="workbook: with a password; zip: AES-256; by hand: a link or post.")] = "workbook",
) -> None:
    """Prepare a finished answer for sending: locked files, a draft mail, what a second reader checks. Nothing is sent."""
    workspace = _open(context)
    made = workspace.deliver(workspace.request(request), to=typer.prompt("Address") if to else None, way=way)
    out.print("For a second pair of eyes, first: " + str(made.review))
    for path in (*made.drafts, *made.files):
        out.print(f"  {path}")
    if made.secret:
        out.print(f"The passphrase lies in {made.secret}. Tell it another way than by e-mail.")


@app.command()
def records(
    context: typer.Context,
    request: Annotated[str, typer.Argument()],
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Show which rows were found for a request, and why: keys only."""
    workspace = _open(context)
    listed = workspace.collect(workspace.request(request)).records()
    if as_json:
        print(json.dumps(listed, indent=1, ensure_ascii=False))  # noqa: T201 - exactly this text, for programs
        return
    lines = Lines("Table", "Outcome", "Key", "Matched on", "Standing")
    for table, entry in listed.items():
        for row in entry["rows"] or [{}]:
            lines.add_row(table, entry["outcome"], str(row.get("key", "")), row.get("matched_on", ""), row.get("standing", ""))
    out.print(lines)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def lab(context: typer.Context) -> None:
    """Open JupyterLab on what waits today, with a copy of the notebooks in the workspace; further options are JupyterLab's (--no-browser …)."""
    from dsar.run.lab import open_lab

    raise typer.Exit(open_lab(_open(context), context.args))


@app.command("case-file")
def case_file(context: typer.Context, request: Annotated[str, typer.Argument()]) -> None:
    """Write the notebooks of a request, as they were run, as one page and a PDF into its case folder: for the file, not for sending."""
    from dsar.run.casefile import case_file

    workspace = _open(context)
    made = case_file(workspace, workspace.request(request)).files
    for path in made:
        out.print(f"  {path}")
    if len(made) == 1:
        out.print("No PDF: that takes a Chromium. Open the page in any browser and print it.")


def _chosen(workspace: Workspace, ids: list[str] | None) -> list[Request]:
    return [workspace.request(i) for i in ids] if ids else [r for r in workspace.requests.values() if not workspace.purged(r)]


def _in_words(error: Exception) -> str:
    if isinstance(error, DsarError):
        return str(error)
    # A foreign exception's text may quote a person's data, so only its class is shown.
    return str(faults.of_machine(error) or f"{type(error).__name__}: a fault in this toolkit — run again with --debug and report it")


def frames(error: BaseException) -> list[str]:
    """Return where an error came from, and what it came of, as Python tells it but for the words of foreign errors: they may quote a value."""
    before = error.__cause__ or error.__context__
    words = str(error) if isinstance(error, DsarError) else "its words are left out: they may quote a person's data"
    return [*(frames(before) if before else []), *traceback.format_tb(error.__traceback__), f"{type(error).__name__}: {words}\n"]


def _in_utf8() -> None:
    """Write UTF-8 into files and pipes: Windows would take its own code page there, and a map is UTF-8."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.encoding.lower() != "utf-8":
            stream.reconfigure(encoding="utf-8", errors=stream.errors)


def main() -> None:
    """Run the command."""
    _in_utf8()
    try:
        cli_seal.then_closed(app)
    except Exception as error:  # noqa: BLE001 - what nobody foresaw is told as well, and by its class alone
        if os.environ.get("DSAR_DEBUG"):
            err.print("".join(frames(error)), markup=False)
        err.print(f"dsar: {_in_words(error)}", style="red", markup=False)
        sys.exit(2)
