"""The commands of open cases: where they stand, the first steps, what happened, letters, what was delivered."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Column
from rich.table import Table as Lines

from dsar import files
from dsar.answer import second_reader
from dsar.cli_options import By, On, day, opened
from dsar.desk import delivered as desk
from dsar.errors import BadEvent, BadRequests
from dsar.request.events import KINDS
from dsar.terminal import Terminal

out = Terminal()


def status(context: typer.Context, ics: Annotated[Path | None, typer.Option("--ics", help="Write the dates as a calendar file.")] = None) -> None:
    """Show the open cases: by days left, what waits on whom, what to do next."""
    workspace = opened(context)
    shown = workspace.status()
    told = [c for c in shown.columns if c in _NARROW or any(shown[c].astype(str))]  # at 80 columns there is no place for what says nothing
    lines = Lines(*(Column(str(c), no_wrap=c in _NARROW, overflow="fold") for c in told))
    for days, row in zip(shown["Days left"], shown[told].itertuples(index=False), strict=True):
        lines.add_row(*map(str, row), style="red" if int(days) < 0 else "yellow" if int(days) <= _SOON else None)
    out.print(lines)
    if ics:
        files.write_atomic(ics, workspace.calendar())
        out.print(f"{ics}: the dates of {len(shown)} cases", markup=False)


_SOON = 7
_NARROW = ("Request", "Due", "Days left")  # what a person copies, or looks for


def begin(context: typer.Context, request: str, by: By) -> None:
    """Take a request's snapshot, and list for owners what to leave alone and what to stop at once."""
    workspace = opened(context)
    for path in workspace.first_steps(workspace.request(request), by=by).files:
        out.print(f"  {path}", markup=False)
    out.print(f"{request}: {workspace.register.case(request).state}", markup=False)


def letters(
    context: typer.Context,
    request: str,
    name: Annotated[list[str] | None, typer.Argument(help="Letters to draft. [default: those the case needs now]")] = None,
    right: Annotated[str, typer.Option(help="The right a refusal or an extension is about.")] = "",
    finish: Annotated[bool, typer.Option("--finish", help="Make the PDFs to send from the drafts as you left them.")] = False,
) -> None:
    """Draft a request's letters; your edits of an earlier draft stay."""
    workspace = opened(context)
    if finish:
        for one in name or []:
            out.print(f"  {workspace.finish(workspace.request(request), one).files[0]}", markup=False)
        return
    lines = Lines("File", "Goes to", "What", "Legal text")
    for row in workspace.draft(workspace.request(request), *(name or []), right=right).itertuples(index=False):
        lines.add_row(str(row[0]), _masked(str(row[1])), *map(str, row[2:]))
    out.print(lines)
    out.print(f"They lie in {workspace.case(workspace.request(request)) / 'letters'}; nothing was sent.", markup=False)


def _masked(addresses: str) -> str:
    """Return addresses so that they can be told apart by whoever knows them: a terminal keeps what it shows."""
    parts = (part.partition("@") for part in addresses.split(", ") if part)
    return ", ".join(f"{local[:1]}…@{host[:1]}…" for local, _, host in parts)


def delivered(context: typer.Context, request: str, sent: Annotated[Path, typer.Argument(help="The mail that was sent, as .eml.")], by: By) -> None:
    """Record a delivery: recipient and files of the sent mail are compared with what was prepared."""
    workspace = opened(context)
    if not sent.is_file():
        raise BadRequests("is not there", where=str(sent), remedy="save the sent mail as .eml")
    asked = workspace.request(request)
    case = workspace.delivered(asked, sent, by=by)
    if desk.second_reader(case, workspace.case(asked)) is None:
        out.print(f"Nobody ticked the second reader's sheet, review/{second_reader.name(request)}: a wrong address or file is seen by nobody else")
    out.print(f"{request}: delivered; now {case.state}", markup=False)


def record(
    context: typer.Context,
    request: str,
    event: Annotated[str, typer.Argument(help=f"One of: {', '.join(KINDS)}.")],
    by: By,
    detail: Annotated[list[str] | None, typer.Argument(metavar="[NAME=VALUE]...", help="Its details; a list is written a,b.")] = None,
    on: On = None,
    right: Annotated[str, typer.Option(help="The right it is about.")] = "",
) -> None:
    """Record what happened to a request."""
    register = opened(context).register
    case = register.record(register.case(request), event, by=by, on=day(on), right=right, **_details(event, detail or []))
    out.print(f"{request}: {event}; now {case.state}", markup=False)


_LISTS = ("grounds", "systems", "owners", "recipients", "kinds", "fields", "failed", "duplicates", "linked")


def _details(event: str, given: list[str]) -> dict[str, Any]:
    details: dict[str, Any] = {}
    for pair in given:
        name, equals, value = (part.strip() for part in pair.partition("="))
        if not equals or name not in {n for kind in KINDS.values() for n in (*kind.needs, *kind.may)}:
            raise BadEvent("details are written name=value, with the names that the event has", where=event)
        details[name] = [v.strip() for v in value.split(",")] if name in _LISTS else int(value) if value.isdecimal() else value
    return details
