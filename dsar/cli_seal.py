"""The commands of sealed case folders: seal them, and have them open for other programs."""

import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

import dsar
from dsar import workspace as workspaces
from dsar.errors import NotOffered
from dsar.keep import memory, shelf, vault
from dsar.keep.ledger import Entry
from dsar.keep.record import user
from dsar.terminal import Terminal

out, err = Terminal(), Terminal(stderr=True)


def seal(
    context: typer.Context,
    new_key: Annotated[bool, typer.Option("--new-key", help="Seal all anew for a new key; the old one still opens old backups.")] = False,
) -> None:
    """Seal the case folders with age, so that the disk holds nothing of them in the clear; given again, it completes what was interrupted."""
    root = workspaces.located(context.find_root().obj)
    before = vault.sealed(root)
    made = vault.renew(root) if new_key else vault.establish(root)
    if new_key or not before:
        dsar.open(root).ledger.add([Entry("case folders sealed", "", user(), {"for": made.recipient})])
        out.print(f"The key is kept in {_where()}, for {made.recipient}.", markup=False)
        out.print("Keep a copy of it apart from this machine: without it nobody can open these folders, ever. How: docs/security.md", markup=False)
    out.print(f"{', '.join(shelf.FOLDERS)} lie sealed in {root / shelf.STORE}", markup=False)
    if memory.swapped():
        err.print("This machine writes memory to a disk that is not encrypted (swap): what is open may end up there. Turn it off, or encrypt it.")


def open_(context: typer.Context) -> None:
    """Have sealed case folders open for office programs until you press Ctrl-C; what changes is sealed every few seconds."""
    workspace = dsar.open(context.find_root().obj)
    if not vault.sealed(workspace.root):
        raise NotOffered("the case folders are not sealed, so they are open as they lie", where=str(workspace.root), remedy="`dsar seal` seals them")
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: ended.set())
    out.print(f"Open in {workspace.root}: cases, inbox, worklists … Press Ctrl-C to close it, before you log out.", markup=False)
    sys.stdout.flush()
    while not ended.wait(vault.SEALED_EVERY):
        vault.seal(workspace.root)
    if not _closed():
        err.print("Another program has it open still; the last to leave closes it.")


def then_closed(command: Callable[[], object]) -> None:
    """Run a command, then seal and close what it opened; what cannot be sealed is an error of the command."""
    try:
        command()
    except SystemExit:
        if _closed():
            err.print("The case folders are closed again; `dsar open` has them open for other programs.")
        raise
    finally:
        _closed()


def _closed() -> list[Path]:
    return vault.leave()


def _where() -> str:
    import os

    from dsar.keep.agekey import COMMAND

    return f"what {COMMAND} runs" if os.environ.get(COMMAND) else "the keyring of this account"
