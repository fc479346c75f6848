"""The commands of the register: what comes in, who asks, what happened since."""

from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Column
from rich.table import Table as Lines

import dsar
from dsar import files
from dsar.desk import fastlane, identity, imports, intake, overview
from dsar.errors import BadEvent, BadRequests, DsarError
from dsar.keep.ledger import CONFIRMED, Entry
from dsar.request.entry import COLUMNS, entry
from dsar.request.events import KINDS
from dsar.request.identity import METHODS
from dsar.terminal import Terminal
from dsar.workspace import Workspace

out = Terminal()
register_app = typer.Typer(no_args_is_help=True, help="Requests and their history: add, import, take in mails, show.")
identity_app = typer.Typer(no_args_is_help=True, help="Who asks: ask for proof, record what was seen.")
By = Annotated[str, typer.Option("--by", help="Who records this.")]
On = Annotated[datetime | None, typer.Option("--on", formats=["%Y-%m-%d"], help="The day it happened. [default: today]")]


Identifiers = Annotated[
    Path | None, typer.Option(help="A file with a kind=value per line, and reply_to=… of whoever acts for the person. [default: asked for]")
]


def _identifiers(file: Path | None) -> list[str]:
    """Return identifiers from a file, or as they are typed: an argument would stand in the shell's history and in the list of processes."""
    if file is None:
        asked: str = typer.prompt("Identifiers, as kind=value; kind=value")
        return [part.strip() for part in asked.split(";") if part.strip()]
    try:
        return [line.strip() for line in file.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError):
        raise BadRequests("cannot be read as UTF-8 text", where="--identifiers", remedy="write a kind=value per line") from None


def _open(context: typer.Context) -> Workspace:
    return dsar.open(context.find_root().obj)


def _day(on: datetime | None) -> date | None:
    return on.date() if on else None


@register_app.command()
def add(
    context: typer.Context,
    by: By,
    right: Annotated[list[str], typer.Option(help="A right the letter invokes; may be repeated.")],
    received: Annotated[str, typer.Option(help="The local day it reached us, like 2026-11-23.")],
    request: Annotated[str, typer.Option("--id", help="Your own number. [default: the next one]")] = "",
    channel: Annotated[str, typer.Option(help="How it came.")] = "other",
    requester: Annotated[str, typer.Option(help="person, agent, parent or child.")] = "person",
    language: Annotated[str, typer.Option(help="Of the letters. [default: the controller's]")] = "",
    identifiers: Identifiers = None,
) -> None:
    """Register one request; what the person is known by is asked for, or read from a file, and so in no shell's history."""
    workspace = _open(context)
    known = _identifiers(identifiers)
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
    workspace = _open(context)
    for case in imports.import_file(workspace.register, file, workspace.datamap, by=by).values():
        _registered(case.request.id, case.duplicates)


@register_app.command()
def template(context: typer.Context, file: Path) -> None:
    """Write an empty table to fill in and import."""
    out.print(f"{imports.write_template(file, _open(context).datamap)}: fill it in, then `dsar register import`", markup=False)


@register_app.command()
def export(context: typer.Context, file: Path) -> None:
    """Write the register as a table for accountability: one line per request, nobody named."""
    workspace = _open(context)
    cases = workspace.register.cases().values()
    out.print(f"{overview.write(cases, file, workspace.datamap.controller)}: {len(cases)} requests", markup=False)


@register_app.command("intake")
def intake_(context: typer.Context, folder: Path) -> None:
    """Propose what the mails (.eml, .msg) of a folder ask for, in one sheet to confirm."""
    workspace = _open(context)
    if not folder.is_dir():
        raise BadRequests("is no folder", where=str(folder), remedy="name a folder of mails")
    target = files.private_dir(workspace.root / "intake") / f"{folder.resolve().name}_proposals.xlsx"
    path, found = intake.write_proposals(workspace.register, folder, target, workspace.datamap)
    out.print(f"{len(found)} files: confirm them in {path}, then `dsar register confirm`", markup=False)


@register_app.command()
def confirm(context: typer.Context, sheet: Path, by: By) -> None:
    """Register what a sheet of proposals was decided to be, all of it or nothing."""
    workspace = _open(context)
    done = intake.confirm(workspace.register, sheet, workspace.datamap, by=by)
    for case in workspace.register.cases(done.registered).values():
        _registered(case.request.id, case.duplicates)
    details = {"sheet": files.sha256(sheet), "registered": len(done.registered), "questions": done.questions}
    workspace.ledger.add([Entry(CONFIRMED, "", by, details)])  # without it `dsar purge` leaves the sheet alone
    out.print(f"{len(done.registered)} registered, {done.questions} still a question")


@register_app.command()
def show(context: typer.Context, request: str) -> None:
    """Show a request's clock and history."""
    case = _open(context).register.case(request)
    out.print(f"[bold]{case.request.id}[/]: {case.state}; version {case.version}")
    for right, deadline in case.deadlines.items():
        out.print(f"  {right}: due {deadline.due or f'not yet ({deadline.cautious})'}. {deadline.reasoning}", markup=False)
    lines = Lines("On", "By", "What", "Right", "Details")
    for event in case.events:
        lines.add_row(str(event.on), event.by, event.kind, event.right, "; ".join(f"{k}: {v}" for k, v in event.details.items()))
    out.print(lines)


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
    register = _open(context).register
    case = register.record(register.case(request), event, by=by, on=_day(on), right=right, **_details(event, detail or []))
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


@identity_app.command()
def ask(
    context: typer.Context,
    request: str,
    by: By,
    doubt: Annotated[str, typer.Option(help="What the reasonable doubt is, in a few words (Art. 12(6)).")],
    method: Annotated[str | None, typer.Option(help=f"One of {', '.join(METHODS)}. [default: the least that will do]")] = None,
) -> None:
    """Record that proof of identity is asked for, by the least method that will do."""
    register = _open(context).register
    _, note = identity.ask(register, register.case(request), by=by, doubt=doubt, method=method)
    out.print(f"{request}: {note}", markup=False)


@identity_app.command()
def answered(context: typer.Context, request: str, mail: Path, by: By) -> None:
    """Verify a mailbox from the mail (.eml, .msg) that brought its code back."""
    register = _open(context).register
    case = identity.answered(register, register.case(request), mail, by=by)
    out.print(f"{request}: identity confirmed; now {case.state}", markup=False)


@identity_app.command("confirm")
def confirm_identity(
    context: typer.Context,
    request: str,
    method: Annotated[str, typer.Argument(help=f"One of {', '.join(METHODS)}.")],
    by: By,
    on: On = None,
    document: Annotated[str | None, typer.Option(help="The kind of document seen; never a copy or a number.")] = None,
) -> None:
    """Record a check of identity that you made."""
    register = _open(context).register
    case = identity.confirm(register, register.case(request), by=by, method=method, on=_day(on), document=document)
    out.print(f"{request}: identity confirmed; now {case.state}", markup=False)


@identity_app.command()
def claim(context: typer.Context, request: str, by: By, identifiers: Identifiers = None) -> None:
    """Add identifiers that came later, asked for or from a file; each is a new check."""
    workspace = _open(context)
    try:
        identity.claim(workspace.register, workspace.register.case(request), ";".join(_identifiers(identifiers)), workspace.datamap, by=by)
    except ValueError as error:
        raise BadRequests(str(error), remedy="nothing was added") from None
    out.print(f"{request}: added, as claimed", markup=False)


def status(context: typer.Context, ics: Annotated[Path | None, typer.Option("--ics", help="Write the dates as a calendar file.")] = None) -> None:
    """Show the open cases: by days left, what waits on whom, what to do next."""
    workspace = _open(context)
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
    workspace = _open(context)
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
    workspace = _open(context)
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
    workspace = _open(context)
    if not sent.is_file():
        raise BadRequests("is not there", where=str(sent), remedy="save the sent mail as .eml")
    case = workspace.delivered(workspace.request(request), sent, by=by)
    out.print(f"{request}: delivered; now {case.state}", markup=False)


fastlane_app = typer.Typer(no_args_is_help=True, help="Answers that are ready, for the second reader.")


@fastlane_app.command("write")
def fastlane_write(context: typer.Context, file: Path) -> None:
    """Write the sheet of the answers that are ready."""
    workspace = _open(context)
    found = workspace.ready()
    out.print(f"{fastlane.write(found, file, workspace.datamap.controller)}: {len(found)} to read", markup=False)


@fastlane_app.command("take")
def fastlane_take(context: typer.Context, file: Path, by: By) -> None:
    """Record what the second reader ticked in the sheet."""
    workspace = _open(context)
    taken = fastlane.take(workspace.register, file, lambda c: workspace.root / "cases" / c.request.id, by=by)
    out.print(f"{len(taken)} read: {', '.join(taken) or 'none'}", markup=False)
