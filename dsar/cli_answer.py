"""The commands that answer requests: collect, run the notebooks, show what was found, deliver; and answers for a second reader."""

import json
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dsar.answer.delivery import Way
from dsar.cli_options import By, opened
from dsar.desk import fastlane
from dsar.find.spelling import key_of
from dsar.request.request import Request
from dsar.terminal import Terminal
from dsar.workspace import Workspace

if TYPE_CHECKING:
    from dsar.run.jobs import Result

out, err = Terminal(), Terminal(stderr=True)
_OFTEN = 10.0  # seconds


def collect(
    context: typer.Context,
    request: Annotated[list[str] | None, typer.Argument(help="Requests; all that are open when left out.")] = None,
    again: Annotated[bool, typer.Option("--again", help="Ask the sources again although there is a snapshot.")] = False,
) -> None:
    """Ask all sources once for all requests, and show one outcome per table; exit status 1 if a source failed."""
    workspace = opened(context)
    failed = False
    progress = None if err.is_terminal else now_and_then()  # a terminal has a bar
    for dossier in workspace.collect_all(_chosen(workspace, request), again=again, progress=progress).values():
        columns = ("What", "Table", "Result")
        out.print(dossier.request.id, style="italic", markup=False)
        out.table(columns, dossier.found[list(columns)].to_numpy().tolist())
        failed = failed or any(found.outcome.state == "failed" for found in dossier.tables.values())
    raise typer.Exit(int(failed))


def now_and_then() -> Callable[[str], None]:
    """Return what tells the table that is being read, at most every ten seconds: a log is read by people."""
    told = -_OFTEN

    def tell(table: str) -> None:
        nonlocal told
        if (now := monotonic()) - told >= _OFTEN:
            told = now
            err.print(f"reading {table}", markup=False)

    return tell


def batch(
    context: typer.Context,
    request: Annotated[list[str] | None, typer.Argument(help="Requests; all that are open when left out.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Notebooks that run at the same time, at most.")] = 2,
    timeout: Annotated[int, typer.Option(min=1, help="Seconds a notebook cell may take.")] = 600,
    memory: Annotated[int, typer.Option(min=0, help="Megabytes of its own a notebook's process may take; 0: any.")] = 2048,
    cluster: Annotated[str | None, typer.Option(metavar="tcp://…", help="A Dask scheduler whose workers run the notebooks.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done; no source is asked, no answer made.")] = False,
) -> None:
    """Collect once for all, run the notebooks each request asks for; exit status 1 if any failed."""
    from dsar.run import copies, pool
    from dsar.run.batch import preview
    from dsar.run.jobs import NOTEBOOKS

    workspace = opened(context)
    chosen = _chosen(workspace, request)
    if edited := copies.edited(NOTEBOOKS, workspace.root / "notebooks"):
        names = ", ".join(edited)
        err.print(f"A batch runs the toolkit's own notebooks. Edited in this workspace, and not used: {names}", markup=False)
    if dry_run:
        raise typer.Exit(_told(workspace, preview(workspace, chosen)))
    with pool.cluster(cluster) if cluster else nullcontext() as executor:
        raise typer.Exit(run_batch(workspace, chosen, workers=workers, executor=executor, timeout=timeout, memory=memory << 20))


def run_batch(workspace: Workspace, requests: list[Request], **options: Any) -> int:
    """Run what the requests ask for, print what became of each right, and return the exit status."""
    from dsar.run.batch import batch as run
    from dsar.run.progress import watched

    with watched(err) as shown:
        results = run(workspace, requests, collecting=shown.collecting, planned=shown.planned, finished=shown.finished, **options)
    return _told(workspace, results)


def _told(workspace: Workspace, results: "list[Result]") -> int:
    """Print what became of each right and return the exit status; CPU and memory are the kernel's."""
    from dsar.run.batch import worst

    lines, styles = [], []
    for result in results:
        took = (f"{result.seconds:.1f}", f"{result.cpu:.1f}", f"{result.peak >> 20}") if result.seconds else ("", "", "")
        lines.append((result.request, result.right, result.state, *took, result.why))
        styles.append({"failed": "red", "waiting": "yellow", "closed meanwhile": "yellow"}.get(result.state))
    out.table(("Request", "Right", "State", "Seconds", "CPU s", "MB", "Why"), lines, styles=styles)
    states = Counter[str](r.state for r in results)
    shown = ("would run", "done", "already done", "waiting", "closed meanwhile", "failed")
    counts = [f"{states[state]} {state}" for state in shown if state not in {"would run", "closed meanwhile"} or states[state]]
    out.print(f"{len(results)} to do: {', '.join(counts)}. Files lie in {workspace.root / 'cases'}")
    return worst(results)


def deliver(
    context: typer.Context,
    request: Annotated[str, typer.Argument()],
    to: Annotated[bool, typer.Option("--to", help="Ask for the address, where the request has several verified ones.")] = False,
    way: Annotated[Way, typer.Option(help="workbook: with a password; zip: AES-256; by hand: a link or post.")] = "workbook",
) -> None:
    """Prepare a finished answer for sending: locked files, a draft mail, what a second reader checks. Nothing is sent."""
    workspace = opened(context)
    made = workspace.deliver(workspace.request(request), to=typer.prompt("Address") if to else None, way=way)
    out.print("For a second pair of eyes, first: " + str(made.review))
    for path in (*made.drafts, *made.files):
        out.print(f"  {path}")
    if made.secret:
        out.print(f"The passphrase lies in {made.secret}. Tell it another way than by e-mail.")


def records(
    context: typer.Context,
    request: Annotated[str, typer.Argument()],
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Show which rows were found for a request, and why: keys only."""
    workspace = opened(context)
    listed = workspace.collect(workspace.request(request)).records()
    if as_json:
        print(json.dumps(listed, indent=1, ensure_ascii=False))  # noqa: T201 - exactly this text, for programs
        return
    lines = []
    for table, entry in listed.items():
        rows = [(key_of(row), row["matched_on"], row["standing"]) for row in entry["rows"]]
        lines += [(table, entry["outcome"], *row) for row in rows or [("", "", "")]]
    out.table(("Table", "Outcome", "Key", "Matched on", "Standing"), lines)


def case_file(context: typer.Context, request: Annotated[str, typer.Argument()]) -> None:
    """Write the notebooks of a request, as a batch ran them, as one page and a PDF into its case folder: for the file, not for sending."""
    from dsar.run.casefile import case_file

    workspace = opened(context)
    made = case_file(workspace, workspace.request(request)).files
    for path in made:
        out.print(f"  {path}")
    if len(made) == 1:
        out.print("No PDF: that takes a Chromium. Open the page in any browser and print it.")


def _chosen(workspace: Workspace, ids: list[str] | None) -> list[Request]:
    # What a closed case delivered stays as it was delivered, unless the case is named.
    return [workspace.request(i) for i in ids] if ids else [case.request for case in workspace.register.cases().values() if not case.closed]


fastlane_app = typer.Typer(no_args_is_help=True, help="Answers that are ready, for the second reader.")


@fastlane_app.command("write")
def fastlane_write(context: typer.Context, file: Path) -> None:
    """Write the sheet of the answers that are ready."""
    workspace = opened(context)
    found = workspace.ready()
    out.print(f"{fastlane.write(found, file, workspace.datamap.controller)}: {len(found)} to read", markup=False)


@fastlane_app.command("take")
def fastlane_take(context: typer.Context, file: Path, by: By) -> None:
    """Record what the second reader ticked in the sheet."""
    workspace = opened(context)
    taken = fastlane.take(workspace.register, file, lambda c: workspace.root / "cases" / c.request.id, by=by)
    out.print(f"{len(taken)} read: {', '.join(taken) or 'none'}", markup=False)
