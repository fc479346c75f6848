"""What commands share: the workspace they are given, and the options that several take."""

import sys
from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer

import dsar
from dsar.errors import BadRequests
from dsar.workspace import Workspace

By = Annotated[str, typer.Option("--by", help="Who records this.")]
On = Annotated[datetime | None, typer.Option("--on", formats=["%Y-%m-%d"], help="The day it happened. [default: today]")]
Identifiers = Annotated[
    Path | None, typer.Option(help="A file with a kind=value per line, and reply_to=… of whoever acts for the person. [default: asked for]")
]


def identified(file: Path | None) -> list[str]:
    """Return identifiers from a file, or as they are typed: an argument would stand in the shell's history and in the list of processes."""
    if file is None:
        asked: str = typer.prompt("Identifiers, as kind=value; kind=value")
        return [part.strip() for part in asked.split(";") if part.strip()]
    try:
        return [line.strip() for line in file.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError):
        raise BadRequests("cannot be read as UTF-8 text", where="--identifiers", remedy="write a kind=value per line") from None


def key_of(given: str | None) -> str:
    """Return a row's key as given, read from stdin for '-', or typed: a system may have made it of an e-mail address."""
    if given is None or (given == "-" and sys.stdin.isatty()):
        typed: str = typer.prompt("Key")
        return typed
    return sys.stdin.readline().strip() if given == "-" else given


def opened(context: typer.Context) -> Workspace:
    """Return the workspace that `--workspace` names, or the folder the command is given in."""
    return dsar.open(context.find_root().obj)


def day(on: datetime | None) -> date | None:
    """Return the day of an option, or None for today."""
    return on.date() if on else None
