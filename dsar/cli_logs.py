"""The command that keeps logs: raw files into the store, old lines anonymised."""

from collections import Counter

import typer

import dsar
from dsar.run import logs
from dsar.terminal import Terminal

logs_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Keep web-server logs in a store that answers at once.")
out, err = Terminal(), Terminal(stderr=True)


@logs_app.command()
def compact(context: typer.Context) -> None:
    """Put finished log files into the store, checked to the byte, and anonymise lines on day 365 unless a request needs them."""
    workspace = dsar.open(context.find_root().obj)
    done = logs.compact(workspace)
    for table, states in _counted(done).items():
        out.print(f"{table}: {', '.join(f'{files} files {state} ({lines:,} lines)' for state, (files, lines) in states.items())}", markup=False)
    for address, day in done.expired:
        what = f"{day.anonymised:,} lines anonymised, {day.reduced:,} only reduced, {day.needed:,} kept since a request needs them"
        out.print(f"{address} {day.day}: {what}", markup=False)
    for name, kept in done.overdue:
        err.print(f"{name}.{kept.table}: {kept.file} still lies there, and all its lines have to be anonymised: delete it", markup=False)
    for name, kept in done.came_back:
        remedy = "`dsar verify` says whose; erase them again, or delete the file"
        err.print(f"{name}.{kept.table}: {kept.file} holds lines again that were erased from the store: {remedy}", markup=False)
    if done.unknown:
        err.print(f"nothing was anonymised: nobody knows yet which addresses {', '.join(done.unknown)} needs; run `dsar collect`", markup=False)
    if not any(table.file and table.file.store for _, table in workspace.datamap.tables()):
        out.print('no table has a store: set file = { path = …, store = "logs-kept" } in dsar.toml')
    raise typer.Exit(1 if done.unknown or done.overdue or done.came_back else 0)


def _counted(done: logs.Done) -> dict[str, dict[str, tuple[int, int]]]:
    found: dict[str, Counter[str]] = {}
    lines: Counter[tuple[str, str]] = Counter()
    for name, kept in done.kept:
        table = f"{name}.{kept.table}"
        found.setdefault(table, Counter())[kept.state] += 1
        lines[table, kept.state] += kept.lines
    return {table: {state: (files, lines[table, state]) for state, files in states.items()} for table, states in found.items()}
