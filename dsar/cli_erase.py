"""The commands of erasure: try it, do it, look again, and check addresses against the list of those who are not written to."""

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

import dsar
from dsar.erase.verify import Verification
from dsar.errors import NotOffered
from dsar.run import erasure
from dsar.terminal import Terminal

out = Terminal()
suppress_app = typer.Typer(no_args_is_help=True, help="The list of those who are not written to, by keyed hashes.")


def erase(
    context: typer.Context,
    request: Annotated[list[str], typer.Argument(help="Requests to erase for.")],
    source: Annotated[str | None, typer.Option(help="One system of the map. [default: all that can be written to]")] = None,
    execute: Annotated[bool, typer.Option("--execute/--dry-run", help="Make the changes that a dry run has shown, or show them.")] = False,
    by: Annotated[str, typer.Option(help="Who does it; needed with --execute.")] = "",
    sql: Annotated[bool, typer.Option("--sql", help="Print the changes as statements for the database's administrator instead.")] = False,
) -> None:
    """Try every change and undo it, or make the changes that were tried; exit status 1 where something was not, or could not be done."""
    workspace = dsar.open(context.find_root().obj)
    requests = [workspace.request(i) for i in request]
    if sql:
        print(erasure.statements(workspace, requests, source), end="")  # noqa: T201 - a file, not a message
        return
    if execute and not by.strip():
        raise NotOffered("who does it is part of the record", where="--by", remedy="name yourself: --by 'A. Nalyst'")
    outcomes = erasure.execute(workspace, requests, source, by=by.strip()) if execute else erasure.dry_run(workspace, requests, source)
    for outcome in outcomes:
        counts = Counter(r.state for r in (outcome.results or {}).values())
        what = ", ".join(f"{n} {state}" for state, n in counts.items())
        out.print(f"{outcome.request} {outcome.source}: {what or 'nothing'}{f' ({outcome.error})' if outcome.error else ''}", markup=False)
        for step, result in (outcome.results or {}).items():
            if result.why:
                out.print(f"  {step}: {result.state}: {result.why}", markup=False)
    for request_ in requests if not execute else ():
        _show(f"{request_.id}: what is planned", erasure.plan_listing(workspace, request_).to_dict("records"))
    if not outcomes:
        out.print("nothing to do: every step waits, stays, or is done by hand" if not execute else "nothing was tried before: --dry-run first")
    elif not execute:
        out.print("Everything was undone. What you saw is what --execute will be held to.")
    raise typer.Exit(0 if all(o.done for o in outcomes) else 1)


def _show(title: str, plan: Sequence[Mapping[Any, Any]]) -> None:
    """Print a plan by groups: what becomes of how many records of a kind, until when, and why."""
    out.print(title, markup=False)
    if not plan:
        out.print("  nothing of theirs was found")
    groups = Counter((s["Action"], s["What"], s["System"], s["Until"], s["Why"], s["Article"]) for s in plan)
    for (action, what, system, until, why, article), rows in groups.items():
        out.print(f"  {action}: {rows} {what} ({system}){f', until {until}' if until else ''}: {why} Article {article}", markup=False)


def _show_pending(workspace: dsar.Workspace, found: Verification) -> None:
    """Print what is still to come, by groups."""
    groups = Counter((v.address, v.detail) for v in found.verdicts if v.state == "pending event" and not v.fault)
    for (address, until), rows in groups.items():
        out.print(f"  pending: {rows} {workspace.datamap.table(address).label}: {until}", markup=False)


def verify(
    context: typer.Context,
    request: Annotated[list[str] | None, typer.Argument(help="Requests to look at again.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every request that anything was erased for.")] = False,
) -> None:
    """Ask the systems again what became of each step: by row key, by identity, by text; exit status 1 where somebody has to act."""
    workspace = dsar.open(context.find_root().obj)
    if not request and not everything:
        raise NotOffered("no request was named", remedy="name one, or write --all")
    found = erasure.verify_all(workspace) if everything else erasure.verify(workspace, [workspace.request(i) for i in request or ()])
    for name, verification in found.items():
        counts = Counter(v.state for v in verification.verdicts)
        out.print(f"{name}: {', '.join(f'{n} {state}' for state, n in counts.items())}", markup=False)
        for v in verification.verdicts:
            if v.fault:
                out.print(f"  {v.address} {v.key}: {v.state}{f': {v.detail}' if v.detail else ''} {v.step}", markup=False)
        _show_pending(workspace, verification)
        for table in verification.unsearched:
            out.print(f"  {table}: its text could not be searched", markup=False)
        for file in erasure.certificates(workspace, name):
            out.print(f"  {file}", markup=False)
    raise typer.Exit(0 if all(v.passed for v in found.values()) else 1)


def retention(context: typer.Context) -> None:
    """Hold the controller's own promises against everyone's rows; exit status 1 where one is not kept, or could not be looked at."""
    workspace = dsar.open(context.find_root().obj)
    found = erasure.retention(workspace).to_dict("records")
    for line in found:
        trend = f" (before: {line['Before']})" if line["Before"] != "–" else ""
        left = f", {line['Left out']} left out for the open requests {line['For']}" if line["Left out"] else ""
        out.print(f"{line['System']}, {line['What']}: {line['Rows']} {line['Promise']}{trend}{left}", markup=False)
        for more in (line["Keys"], line["Fault"]):
            if more:
                out.print(f"  {more}", markup=False)
    raise typer.Exit(1 if any(line["Rows"] or line["Fault"] for line in found) else 0)


checklists_app = typer.Typer(no_args_is_help=True, help="Deletion checklists, one per owner over all requests: out, and back.")


@checklists_app.command("write")
def write_lists(
    context: typer.Context,
    request: Annotated[list[str] | None, typer.Argument(help="Requests; all that are planned when left out.")] = None,
) -> None:
    """Write one workbook per owner from what the dry runs planned."""
    workspace = dsar.open(context.find_root().obj)
    chosen = [workspace.request(i) for i in request or ()] or erasure.planned_requests(workspace)
    for file in erasure.checklists(workspace, chosen).files:
        out.print(f"  {file}")


@checklists_app.command("read")
def read_lists(context: typer.Context, file: Annotated[Path, typer.Argument(help="A workbook that came back.")]) -> None:
    """Take over what an owner filled in, all or nothing; it is noted, and `dsar verify` looks for itself."""
    workspace = dsar.open(context.find_root().obj)
    found = erasure.take_back(workspace, file)
    for request, reports in found.reports.items():
        out.print(f"{request}: {', '.join(f'{n} {status}' for status, n in Counter(r.status for r in reports).items())}", markup=False)
    for remark in found.remarks:
        out.print(f"  no step of ours: {remark}", markup=False)


@suppress_app.command()
def add(
    context: typer.Context,
    request: Annotated[str, typer.Argument(help="The request of the person who is not to be written to.")],
    purpose: Annotated[str, typer.Option(help="An activity of the map that is advertising.")],
) -> None:
    """Put the verified addresses of a request on the list, for one purpose; service mail may go on."""
    from dsar.erase import suppress

    workspace = dsar.open(context.find_root().obj)
    added = suppress.add(workspace.root, workspace.datamap, workspace.request(request), purpose, workspace.clock())
    out.print(f"{added} addresses added for {purpose}")


@suppress_app.command()
def decline(
    context: typer.Context,
    request: Annotated[str, typer.Argument(help="The request of the person who does not want to be on the list.")],
    purpose: Annotated[str, typer.Option(help="An activity of the map that is advertising.")],
    by: Annotated[str, typer.Option(help="Who records it.")],
) -> None:
    """Record that a person declined the list: erased for good, and nothing keeps an import from bringing them back."""
    workspace = dsar.open(context.find_root().obj)
    erasure.decline_suppression(workspace, workspace.request(request), purpose, by=by)
    out.print(f"noted: {request} does not want to be on the list for {purpose}")


@suppress_app.command()
def check(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A CSV file that is to be imported.")],
    purpose: Annotated[str, typer.Option(help="What the import is for: an activity of the map.")],
    column: Annotated[str, typer.Option(help="The column with the addresses.")] = "email",
) -> None:
    """Say which lines of an import must not be imported; exit status 1 where there are such."""
    from dsar.erase import suppress

    workspace = dsar.open(context.find_root().obj)
    lines = suppress.check(workspace.root, workspace.datamap, file, purpose, column)
    for line in lines:
        out.print(f"{file.name} line {line}: not to be written to for {purpose}", markup=False)
    out.print(f"{len(lines)} of {_rows(file)} lines must not be imported")
    raise typer.Exit(1 if lines else 0)


def _rows(file: Path) -> int:
    with file.open(encoding="utf-8-sig", newline="") as stream:
        return sum(1 for _ in csv.reader(stream)) - 1
