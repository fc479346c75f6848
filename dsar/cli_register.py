"""The commands of the register: requests come in, one by one, as a table or as mails, and are shown."""

import itertools
from pathlib import Path
from typing import Annotated

import typer

from dsar import files
from dsar.cli_options import By, Identifiers, identified, opened
from dsar.desk import imports, intake, overview, status
from dsar.errors import BadRequests, DsarError
from dsar.keep.ledger import CONFIRMED, Entry
from dsar.request.entry import COLUMNS, entry
from dsar.request.identity import CHANNELS
from dsar.terminal import Terminal

out = Terminal()
register_app = typer.Typer(no_args_is_help=True, help="Requests and their history: add, import, take in mails, show.")


@register_app.command()
def add(
    context: typer.Context,
    by: By,
    right: Annotated[list[str], typer.Option(help="A right the letter invokes; may be repeated.")],
    received: Annotated[str, typer.Option(help="The local day it reached us, like 2026-11-23.")],
    request: Annotated[str, typer.Option("--id", help="Your own number. [default: the next one]")] = "",
    channel: Annotated[str, typer.Option(help=f"How it came: {', '.join(CHANNELS)}.")] = "other",
    requester: Annotated[str, typer.Option(help="person, agent, parent or child.")] = "person",
    language: Annotated[str, typer.Option(help="Of the letters. [default: the controller's]")] = "",
    identifiers: Identifiers = None,
) -> None:
    """Register one request; what the person is known by is asked for, or read from a file, and so in no shell's history."""
    workspace = opened(context)
    known = identified(identifiers)
    reply_to = next((i.partition("=")[2] for i in known if i.startswith("reply_to=")), "")
    if requester in {"agent", "parent"} and identifiers is None:
        reply_to = typer.prompt("Their own address", default="")
    named = ";".join(i for i in known if not i.startswith("reply_to="))
    cells = dict(zip(COLUMNS, (request, received, ";".join(right), named, "", "", channel, requester, reply_to, language), strict=True))
    try:
        made = entry(cells, workspace.datamap, workspace.today)
    except (ValueError, DsarError) as error:
        raise BadRequests(str(error), remedy="nothing was registered") from None
    for case in workspace.register.add([made], by=by).values():
        _registered(case.request.id, case.duplicates)


def _registered(request: str, duplicates: tuple[str, ...]) -> None:
    again = f": the same person, it seems, as {', '.join(duplicates)}" if duplicates else ""
    out.print(f"{request} registered{again}", markup=False)


@register_app.command("import")
def import_(context: typer.Context, file: Path, by: By) -> None:
    """Register every line of a csv or xlsx file, or none: bad lines come back marked."""
    workspace = opened(context)
    for case in imports.import_file(workspace.register, file, workspace.datamap, by=by).values():
        _registered(case.request.id, case.duplicates)


@register_app.command()
def template(context: typer.Context, file: Path) -> None:
    """Write an empty table to fill in and import."""
    out.print(f"{imports.write_template(file, opened(context).datamap)}: fill it in, then `dsar register import`", markup=False)


@register_app.command()
def export(context: typer.Context, file: Path) -> None:
    """Write the register as a table for accountability: one line per request, nobody named."""
    workspace = opened(context)
    cases = workspace.register.cases().values()
    out.print(f"{overview.write(cases, file, workspace.datamap.controller)}: {len(cases)} requests", markup=False)


@register_app.command("intake")
def intake_(context: typer.Context, folder: Path) -> None:
    """Propose what the mails (.eml, .msg) of a folder ask for, in one sheet to confirm."""
    workspace = opened(context)
    if not folder.is_dir():
        raise BadRequests("is no folder", where=str(folder), remedy="name a folder of mails")
    into = files.private_dir(workspace.root / "intake")
    # By day and number: a folder may be called by a person's name, and the names of files are seen by many.
    target = next(path for n in itertools.count(1) if not (path := into / f"proposals_{workspace.today}_{n}.xlsx").exists())
    path, found = intake.write_proposals(workspace.register, folder, target, workspace.datamap)
    out.print(f"{len(found)} files: confirm them in {path}, then `dsar register confirm`", markup=False)


@register_app.command()
def confirm(context: typer.Context, sheet: Path, by: By) -> None:
    """Register what a sheet of proposals was decided to be, all of it or nothing."""
    workspace = opened(context)
    done = intake.confirm(workspace.register, sheet, workspace.datamap, by=by)
    for case in workspace.register.cases(done.registered).values():
        _registered(case.request.id, case.duplicates)
    details = {"sheet": files.sha256(sheet), "registered": len(done.registered), "questions": done.questions}
    workspace.ledger.add([Entry(CONFIRMED, "", by, details)])  # without it `dsar purge` leaves the sheet alone
    out.print(f"{len(done.registered)} registered, {done.questions} still a question")


@register_app.command()
def show(context: typer.Context, request: str) -> None:
    """Show a request's clock, what to do next, what to mind, and its history."""
    workspace = opened(context)
    case = workspace.register.case(request)
    out.print(f"{case.request.id}: {case.state}; version {case.version}")
    for right, deadline in case.deadlines.items():
        out.print(f"  {right}: due {deadline.due or f'not yet ({deadline.cautious})'}. {deadline.reasoning}", markup=False)
    for name in ("Next", "Waits for", "Mind", "Handler"):
        for said in filter(None, (c[name] for c in workspace.status().to_dict("records") if c["Request"] == request)):
            out.print(f"  {name}: {said}", markup=False)
    lines = [(e.on, e.by, e.kind, e.right, status.spelled(e.details)) for e in case.events]
    out.table(("On", "By", "What", "Right", "Details"), lines)
