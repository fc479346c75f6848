"""The commands of identity: ask for proof, record what was seen, add what somebody is known by."""

from pathlib import Path
from typing import Annotated

import typer

from dsar.cli_options import By, Identifiers, On, day, identified, opened
from dsar.desk import identity, status
from dsar.errors import BadRequests
from dsar.request.identity import METHODS
from dsar.terminal import Terminal

out = Terminal()
identity_app = typer.Typer(no_args_is_help=True, help="Who asks: ask for proof, record what was seen.")


@identity_app.command()
def ask(
    context: typer.Context,
    request: str,
    by: By,
    doubt: Annotated[str, typer.Option(help="What the reasonable doubt is, in a few words (Art. 12(6)).")],
    method: Annotated[str | None, typer.Option(help=f"One of {', '.join(METHODS)}. [default: the least that will do]")] = None,
) -> None:
    """Record that proof of identity is asked for, by the least method that will do."""
    register = opened(context).register
    _, note = identity.ask(register, register.case(request), by=by, doubt=doubt, method=method)
    out.print(f"{request}: {note}", markup=False)


@identity_app.command()
def answered(context: typer.Context, request: str, mail: Path, by: By) -> None:
    """Verify a mailbox from the mail (.eml, .msg) that brought its code back."""
    register = opened(context).register
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
    register = opened(context).register
    case = identity.confirm(register, register.case(request), by=by, method=method, on=day(on), document=document)
    asked = case.last("identity asked")
    other = f" by another way than was asked for ({asked.details['method']})" if asked and asked.details["method"] != method else ""
    out.print(f"{request}: identity confirmed{other}; now {case.state}", markup=False)
    for said in status.warnings(case, register.today):
        out.print(f"Mind: {said}", markup=False)


@identity_app.command()
def claim(context: typer.Context, request: str, by: By, identifiers: Identifiers = None) -> None:
    """Add identifiers that came later, asked for or from a file; each is a new check."""
    workspace = opened(context)
    try:
        identity.claim(workspace.register, workspace.register.case(request), ";".join(identified(identifiers)), workspace.datamap, by=by)
    except ValueError as error:
        raise BadRequests(str(error), remedy="nothing was added") from None
    out.print(f"{request}: added, as claimed", markup=False)
