"""What goes into the ledger: each of the register's events, and what was done with a request's data.

The events are copied by their number, so that one a killed run left out comes with the next; what was said of a person, and what
the register holds of a request besides, stands in them as keyed hashes, which show a later change and nothing else (`dsar.keep.tally`).
"""

import getpass
import hashlib
import hmac
import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from dsar import files
from dsar.find.dossier import Dossier
from dsar.find.review import Item, Ruling
from dsar.keep.ledger import Entry, Ledger
from dsar.request.events import Event
from dsar.request.identity import Identifier
from dsar.request.register import Register
from dsar.request.state import State


def user() -> str:
    """Return who works here, as they say themselves: `$DSAR_USER`, else the name they logged in with."""
    return os.environ.get("DSAR_USER") or getpass.getuser()


def follow(ledger: Ledger, register: Register) -> None:
    """Write the register's events into the ledger that are not in it yet, and with each request's last what the register holds of it."""
    with ledger.lock:
        told = register.events(after=ledger.head.event)
        if not told:
            return
        last = {request: number for number, request, _ in told}
        # Read after the events: whatever is newer comes with an event of its own, which is told next.
        states, secret = register.states(list(last)), register.secret
        entries = []
        for number, request, event in told:
            state = states.get(request) if last[request] == number else None
            entries.append(told_of(number, request, event, secret, hashed(request, state, secret) if state else {}))
        ledger.add(entries)


def told_of(number: int, request: str, event: Event, secret: str, state: Mapping[str, str] | None = None) -> Entry:
    """Return the ledger's entry of an event; `state` is what the register holds of its request once nothing newer is to be told."""
    said = json.dumps(dict(event.details), sort_keys=True, default=str)
    details: dict[str, Any] = {"on": event.on.isoformat(), "said": _keyed(secret, said)} | ({"right": event.right} if event.right else {})
    return Entry(event.kind, request, event.by, details | ({"state": dict(state)} if state else {}), number)


def hashed(request: str, state: State, secret: str) -> dict[str, str]:
    """Return a keyed hash of each part of what the register holds; that of two requests which hold the same differs."""
    return {part: _keyed(secret, f"{request}|{part}|{json.dumps(values)}")[:16] for part, values in state.items()}


def collected(dossiers: Iterable[Dossier], secret: str) -> list[Entry]:
    """Return an entry per dossier: whom it is about, and for each table its state, rows found and rows held; failures too."""
    return [
        Entry(
            "collected",
            d.request.id,
            user(),
            {
                "subjects": [pseudonym(secret, i) for i in d.request.identifiers],
                "tables": {str(a): [f.outcome.state, f.outcome.rows, f.outcome.held] for a, f in d.tables.items()},
            },
        )
        for d in dossiers
    ]


def ruled(made: Iterable[tuple[Item, Ruling]]) -> list[Entry]:
    """Return an entry per request, table, reason of the hold and choice, with the number of items."""
    alike = Counter((item.request, str(item.address), item.code, one.choice, one.second or one.by) for item, one in made)
    return [Entry("ruled", r, by, {"table": t, "held_as": code, "choice": choice, "items": n}) for (r, t, code, choice, by), n in alike.items()]


def written(what: str, request: str, paths: Iterable[Path]) -> Entry:
    """Return the entry of files that were written: their names and hashes."""
    return Entry(what, request, user(), {"files": {p.name: files.sha256(p) for p in paths}})


def pseudonym(secret: str, identifier: Identifier) -> str:
    """Return a keyed hash of an identifier: who has the register's key can find a person's lines again, nobody else."""
    return _keyed(secret, f"{identifier.kind}|{identifier.value}")


def _keyed(secret: str, text: str) -> str:
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()[:32]
