"""The commands of open cases: where they stand, the first steps, what happened, letters, what was delivered."""

import textwrap
from pathlib import Path
from typing import Annotated, Any

import typer

from dsar import files
from dsar.answer import second_reader
from dsar.cli_options import By, On, day, opened
from dsar.desk import delivered as desk
from dsar.errors import BadRequests, NotOffered
from dsar.listing import Listing
from dsar.request.events import KINDS, typed
from dsar.terminal import Terminal

out = Terminal()


def status(context: typer.Context, ics: Annotated[Path | None, typer.Option("--ics", help="Write the dates as a calendar file.")] = None) -> None:
    """Show the open cases: by days left, and what to do next; in a pipe or file with rights, dates, handler and what to mind."""
    workspace = opened(context)
    shown = workspace.status()
    styles = ["red" if int(days) < 0 else "yellow" if int(days) <= _SOON else None for days in shown["Days left"]]
    if shown.empty:
        out.print(shown.attrs["empty"])
    elif out.room is None:
        told = [c for c in shown.columns if any(shown[c].astype(str))]
        out.table(told, list(shown[told].itertuples(index=False)), styles=styles)
    else:
        out.table(("Request", "Days left", "State", "Next"), _brief(shown, out.room), styles=styles)
        out.print("The whole, and what to mind where ! stands: dsar register show REQUEST")
    if ics:
        files.write_atomic(ics, workspace.calendar())
        out.print(f"{ics}: the dates of {len(shown)} cases", markup=False)


_SOON = 7


def _brief(shown: Listing, room: int) -> list[tuple[str, str, str, str]]:
    """Return the cases on two lines each: of what is to do, the first steps that fit, and how many more there are."""
    cases = shown.to_dict("records")
    left = room - 13 - 9 - max(len(c["Request"]) for c in cases) - max(len(c["State"]) for c in cases)  # borders, and the days
    lines = []
    for case in cases:
        steps = [*filter(None, case["Next"].split("; ")), *(f"waits for {w}" for w in case["Waits for"].split("; ") if w)]
        said = [_first(steps, count) for count in range(len(steps), 0, -1)]
        fits = (text for text in said if len(textwrap.wrap(text, max(left, 1), break_on_hyphens=False)) <= 2)
        days = f"{case['Days left']} !" if case["Mind"] else str(case["Days left"])
        lines.append((case["Request"], days, case["State"], next(fits, said[-1] if said else "")))
    return lines


def _first(steps: list[str], count: int) -> str:
    rest = [f"{len(steps) - count} more"] if len(steps) > count else []
    return "; ".join((*steps[:count], *rest))


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
        if not name:
            raise NotOffered("no letter was named, so nothing was made", where="--finish", remedy=f"name one: dsar letters {request} NAME --finish")
        for one in name:
            out.print(f"  {workspace.finish(workspace.request(request), one).files[0]}", markup=False)
        return
    drafts = workspace.draft(workspace.request(request), *(name or []), right=right).itertuples(index=False)
    out.table(("File", "Goes to", "What", "Legal text"), [(row[0], _masked(str(row[1])), *row[2:]) for row in drafts])
    out.print(f"They lie in {workspace.case(workspace.request(request)) / 'letters'}; nothing was sent.", markup=False)


def _masked(addresses: str) -> str:
    """Return addresses so that they can be told apart by whoever knows them: a terminal keeps what it shows."""
    parts = (part.partition("@") for part in addresses.split(", ") if part)
    return ", ".join(f"{local[:1]}…@{host[:1]}…" for local, _, host in parts)


def delivered(
    context: typer.Context,
    request: str,
    sent: Annotated[list[Path], typer.Argument(help="The mail that was sent, as .eml; all of them where an answer went in several.")],
    by: By,
) -> None:
    """Record a delivery: recipients and files of the sent mail are compared with what was prepared."""
    workspace = opened(context)
    for path in sent:
        if not path.is_file():
            raise BadRequests("is not there", where=str(path), remedy="save the sent mail as .eml")
    asked = workspace.request(request)
    case = workspace.delivered(asked, *sent, by=by)
    if not desk.second_readers(case, workspace.case(asked)):
        out.print(
            f"No second reader is on record, in review/{second_reader.name(request)} or the fast lane: a wrong address or file is seen by nobody else"
        )
    out.print(f"{request}: delivered; now {case.state}", markup=False)


def record(
    context: typer.Context,
    request: str,
    event: Annotated[str, typer.Argument(help=f"One of: {', '.join(KINDS)}.")],
    by: By,
    detail: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME=VALUE]...", help="Its details; a list is written a,b, a mapping a:x;b:y, a flag yes or no.")
    ] = None,
    on: On = None,
    right: Annotated[str, typer.Option(help="The right it is about.")] = "",
) -> None:
    """Record what happened to a request."""
    register = opened(context).register
    case = register.record(register.case(request), event, by=by, on=day(on), right=right, **_details(event, detail or []))
    out.print(f"{request}: {event}; now {case.state}", markup=False)


def _details(event: str, given: list[str]) -> dict[str, Any]:
    details: dict[str, Any] = {}
    for pair in given:
        name, equals, value = (part.strip() for part in pair.partition("="))
        details[name] = typed(event, name if equals else "", value)
    return details
