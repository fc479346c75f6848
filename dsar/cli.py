"""The `dsar` command: one clear line for an error and exit status 2; a traceback only with --debug."""

import io
import os
import sys
import traceback
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from dsar import (
    cli_answer,
    cli_case,
    cli_erase,
    cli_identity,
    cli_keep,
    cli_logs,
    cli_map,
    cli_register,
    cli_review,
    cli_seal,
    cli_workspace,
    faults,
)
from dsar.errors import DsarError
from dsar.terminal import Terminal

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False, rich_markup_mode=None)
out, err = Terminal(), Terminal(stderr=True)
app.add_typer(cli_register.register_app, name="register")
app.add_typer(cli_identity.identity_app, name="identity")
app.add_typer(cli_answer.fastlane_app, name="fastlane")
app.add_typer(cli_keep.ledger_app, name="ledger")
app.command()(cli_keep.purge)
app.command()(cli_keep.audit)
app.command()(cli_seal.seal)
app.command("open")(cli_seal.open_)
app.add_typer(cli_logs.logs_app, name="logs")
for _command in (cli_case.status, cli_case.begin, cli_case.record, cli_case.letters, cli_case.delivered):
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
app.command()(cli_workspace.demo)
app.command()(cli_workspace.init)
app.command()(cli_workspace.notebooks)
app.command()(cli_workspace.check)
app.command()(cli_answer.collect)
app.command()(cli_answer.batch)
app.command()(cli_answer.deliver)
app.command()(cli_answer.records)
app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(cli_workspace.lab)
app.command("case-file")(cli_answer.case_file)


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
