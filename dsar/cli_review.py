"""The commands of the reviewer: what waits, what was ruled, why a row is here, and a trial on oneself."""

from pathlib import Path
from typing import Annotated

import typer

import dsar
from dsar.cli_options import key_of
from dsar.desk.review import Review, unseen_in_words
from dsar.find.trial import trial
from dsar.listing import Listing
from dsar.terminal import Terminal

out = Terminal()


def review(
    context: typer.Context,
    group: Annotated[str | None, typer.Argument(help="A group of the list, to rule on.")] = None,
    choice: Annotated[
        str | None,
        typer.Argument(help="theirs, not theirs, withheld, cannot tell; text: mask, keep, leave out; document: send, send redacted copy, withhold."),
    ] = None,
    key: Annotated[
        str | None, typer.Option(help="Rule on the rows of this key only; -: asked for, or read from stdin. [default: the whole group]")
    ] = None,
    by: Annotated[str, typer.Option(help="Who rules.")] = "",
    reason: Annotated[str, typer.Option(help="What shows it; needed for 'theirs' and 'keep'.")] = "",
    copy: Annotated[Path | None, typer.Option(help="The redacted copy of a document, for 'send redacted copy'.")] = None,
    to_xlsx: Annotated[Path | None, typer.Option(help="Write the list as a workbook to fill in.")] = None,
    from_xlsx: Annotated[Path | None, typer.Option(help="Take the rulings of a filled-in workbook, all or none.")] = None,
) -> None:
    """List what waits for a person over all requests or in one group, rule on it, or send the list out and read it back.

    Exit status 1 where the list leaves out an open request, since it has no snapshot that fits: collect first.
    """
    workspace = dsar.open(context.find_root().obj)
    waiting = workspace.review
    if group and not choice:
        _show(waiting.rows(group))
    elif group and choice:
        _ruled(waiting.rule(group, choice, by=by, reason=reason, key=None if key is None else key_of(key), copy=copy))
    elif from_xlsx:
        _ruled(waiting.read(from_xlsx))
    elif to_xlsx:
        out.print(f"{waiting.write(to_xlsx)}: fill in Ruling, then `dsar review --from-xlsx {to_xlsx}`", markup=False)
        _unseen(waiting)
    else:
        _list(waiting.overview)
        _unseen(waiting)


def _list(waiting: Listing) -> None:
    """Print one group after the other: a table would cut what has to be read."""
    for row in waiting.to_dict("records"):
        what = f"{row['What']}, {row['Column']}" if row["Column"] else row["What"]
        out.print(f"{row['Group']}  {what}: {row['Rows']} in {row['Requests']}, such as {row['Key of one']}", markup=False)
        out.print(f"          {row['Why']}\n          it may be: {row['Choices']}", markup=False)
    if len(waiting):
        out.print(f"{len(waiting)} to rule on: dsar review GROUP CHOICE --by NAME --reason …", markup=False)
    elif not waiting.attrs["above"]:
        out.print(waiting.attrs["empty"], markup=False)


def _unseen(waiting: Review) -> None:
    """Name the open requests that the list leaves out, and end with status 1 where there are such."""
    if waiting.unseen:
        out.print(unseen_in_words(waiting.unseen), markup=False)
        raise typer.Exit(1)


def _ruled(items: int) -> None:
    out.print(f"{items} ruled on; `dsar collect` asks the sources again, and then it counts")


def why(
    context: typer.Context,
    request: Annotated[str, typer.Argument()],
    table: Annotated[str, typer.Argument(help="source.table")],
    key: Annotated[
        str | None,
        typer.Argument(help='The key as `dsar records` prints it, such as ["A-1", 2]; 17 will do for [17]. [default: asked for; -: read from stdin]'),
    ] = None,
) -> None:
    """Say why a row is a request's, back to what the requester gave."""
    workspace = dsar.open(context.find_root().obj)
    _show(workspace.why(workspace.request(request), table, key_of(key)))


def try_(
    context: typer.Context,
    volunteers: Annotated[Path, typer.Argument(help="A file, one volunteer a line: email=…; phone=…")],
) -> None:
    """Count what the systems hold on volunteers from the team, side by side; nothing is written."""
    workspace = dsar.open(context.find_root().obj)
    _show(trial(volunteers, workspace.datamap, workspace.sources(), workspace.clock))


def _show(listed: Listing) -> None:
    if listed.empty:
        out.print(listed.attrs["empty"])
        return
    out.table(list(map(str, listed.columns)), list(listed.itertuples(index=False)))
