"""The commands of accountability: the ledger, and what it proves."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

import dsar
from dsar.desk import sheet
from dsar.errors import LedgerBroken
from dsar.keep import record
from dsar.keep.ledger import Entry

out = Console(highlight=False, soft_wrap=True)
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
        end = workspace.ledger.head
        out.print(f"{end.n} lines, all as they were written; the last is {end}")
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
