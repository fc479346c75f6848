"""The commands of accountability: the ledger, and what it proves."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import dsar
from dsar.desk import figures, sheet
from dsar.errors import LedgerBroken, NotOffered
from dsar.keep import record
from dsar.keep.ledger import Entry
from dsar.terminal import Terminal

if TYPE_CHECKING:
    from dsar.run.purge import Outcome

out = Terminal()
ledger_app = typer.Typer(no_args_is_help=True, help="What was done here, in a chain that shows what was changed in it since.")


@ledger_app.command("verify")
def verify(
    context: typer.Context,
    head: Annotated[str | None, typer.Option(help="What a letter's foot or a signed sheet says, as 812-4f2a…: is it still in the chain?")] = None,
) -> None:
    """Look through the ledger for lines that were changed, taken out, put in or moved; exit status 1 if there are any."""
    workspace = dsar.open(context.find_root().obj)
    found = workspace.ledger.verify()
    if not found:
        found = record.differences(workspace.ledger, workspace.register)
    for fault in found:
        out.print(f"line {fault.line}: {fault.what}", markup=False)
    if not found:
        end, first = workspace.ledger.head, next(workspace.ledger.lines(), None)
        since = f" since {first['at'][:10]}" if first else ""  # one that was removed whole is begun anew: the day shows it
        out.print(f"{end.n} lines{since}, all as they were written; the last is {end}")
        if workspace.ledger.unfinished:
            out.print("Behind it stand bytes that a killed run left, or somebody added. They count for nothing; the next line sets them aside.")
    if head:
        number, _, digest = head.partition("-")
        if not number.isdigit() or len(digest) < 16:
            raise LedgerBroken("this is no head of a ledger", where="--head", remedy="write it as the letter or the sheet has it: 812-4f2a…")
        there = workspace.ledger.holds(int(number), digest)
        out.print(f"line {number} {'is the one that left with it' if there else 'is NOT the one that left with it: the ledger was changed since'}")
        raise typer.Exit(1 if found or not there else 0)
    raise typer.Exit(1 if found else 0)


@ledger_app.command("sheet")
def sheet_(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="Where the sheet goes, a .docx.")],
    month: Annotated[str, typer.Option(help="As 2026-11. [default: this month]")] = "",
) -> None:
    """Write the month's sheet to print and sign: how many lines of each kind, whether all are as written, and the head."""
    workspace = dsar.open(context.find_root().obj)
    made = sheet.write(file, workspace.ledger, workspace.datamap.controller, sheet.month(month or workspace.today.isoformat()[:7]), workspace.today)
    out.print(f"{made}: print it, sign it, and keep it where nobody who works here can change it")


@ledger_app.command("restart")
def restart(
    context: typer.Context,
    by: Annotated[str, typer.Option(help="Who decides.")],
    why: Annotated[str, typer.Option(help="What happened; names nobody.")],
) -> None:
    """Go on with a new ledger where the old one cannot be mended; the old one stays beside it, and the new one names it."""
    workspace = dsar.open(context.find_root().obj)
    kept = workspace.ledger.restart(Entry("ledger restarted", "", by, {"why": why}))
    out.print(f"{kept} is what there was; a new ledger goes on from here")


def audit(
    context: typer.Context,
    first: Annotated[str, typer.Option("--from", help="First day, as 2026-01-01.")],
    last: Annotated[str, typer.Option("--to", help="Last day.")],
    file: Annotated[Path | None, typer.Option(help="Where the workbook goes. [default: audits/ in the workspace]")] = None,
) -> None:
    """Write the auditor's workbook of a period; the sources are asked for what we promise. Exit status 1 where something could not be looked at."""
    from dsar.run import audits

    workspace = dsar.open(context.find_root().obj)
    found = audits.audited(workspace, figures.period(first, last))
    out.print(f"{audits.write(workspace, found, file)}", markup=False)
    for line in found.unseen:
        out.print(f"could not be looked at: {line}", markup=False)
    for fault in found.faults:
        out.print(f"ledger, line {fault.line}: {fault.what}", markup=False)
    raise typer.Exit(1 if found.unseen or found.faults else 0)


def purge(
    context: typer.Context,
    request: Annotated[list[str] | None, typer.Argument(help="Requests; all when left out.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go, and touch nothing.")] = False,
    by: Annotated[str, typer.Option(help="Who does it; needed without --dry-run.")] = "",
) -> None:
    """Forget what is due by the map's [purge]; a case summary stays. Exit status 1 where something could not go, or was found left."""
    from dsar.run import purge as purging

    workspace = dsar.open(context.find_root().obj)
    if not dry_run and not by.strip():
        raise NotOffered("who does it is part of the record", where="--by", remedy="name yourself: --by 'A. Nalyst'")
    for name in request or ():
        workspace.request(name)
    outcomes = purging.purge(workspace, request, by=by.strip(), dry_run=dry_run)
    for outcome in outcomes:
        for line in _told(outcome, dry_run=dry_run):
            out.print(line, markup=False)
    there = workspace.register.cases()
    asked = [o for o in outcomes if o.gone or o.against or o.request in there]
    done = sum(bool(o.gone) and not o.error for o in outcomes)
    out.print(f"{done} of {len(asked)} requests {'would be' if dry_run else 'were'} purged of something", markup=False)
    raise typer.Exit(1 if any(o.error or o.left or o.unread or o.changed for o in outcomes) else 0)


def _told(outcome: "Outcome", *, dry_run: bool) -> list[str]:
    name = outcome.request
    lines = []
    if outcome.gone:
        what = ", ".join(outcome.gone)
        kept = "" if "/" in name else f"; summaries/{name}.json {'stays' if outcome.summary else 'goes too, its day has come'}"
        lines.append(f"{name}: would go: {what}" if dry_run else f"{name}: gone: {what} ({outcome.files} files){kept}")
    lines += [f"{name}: {told}: nothing will find them by this request any more" for told in outcome.stays]
    lines += [f"{name}: nothing goes: {reason}" for reason in outcome.against]
    lines += [f"{name}: {stage} from {day} on" for stage, day in outcome.waits if not outcome.against]
    lines += [f"{name}: not completed: {outcome.error}"] if outcome.error else []
    lines += [f"{name}: {file} still holds a value of this person: look whose it is, and delete it by hand" for file in outcome.left]
    lines += [f"{name}: {file} could not be looked into: look whether it is about this person, and mend or delete it" for file in outcome.unread]
    lines += [
        f"{name}: {file} was changed since it was named, and nothing is found by what is still known: look once more" for file in outcome.changed
    ]
    return lines
