"""What goes into the ledger: each of the register's events, and what was done with a request's data.

The events are copied by their number, so that one a killed run left out comes with the next; what was said of a
person stands in them as a keyed hash, which shows a later change in the register and nothing else.
"""

import getpass
import hashlib
import hmac
import json
import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from dsar import files
from dsar.find.dossier import Dossier
from dsar.find.review import Item, Ruling
from dsar.keep.ledger import Entry, Fault, Ledger
from dsar.request.events import Event
from dsar.request.identity import Identifier
from dsar.request.store import Register


def user() -> str:
    """Return who works here, as they say themselves: `$DSAR_USER`, else the name they logged in with."""
    return os.environ.get("DSAR_USER") or getpass.getuser()


def follow(ledger: Ledger, register: Register) -> None:
    """Write the register's events into the ledger that are not in it yet."""
    with ledger.lock:
        told = register.events(after=ledger.head.event)
        ledger.add([_entry(number, request, event, register.secret) for number, request, event in told])


def differences(ledger: Ledger, register: Register) -> list[Fault]:
    """Return the lines of the ledger whose event was changed in the register since, or is there no more."""
    there = {number: _entry(number, request, event, register.secret) for number, request, event in register.events()}
    purged = {line["request"] for line in ledger.lines() if line["what"] == "register line purged"}
    found = []
    for line in ledger.lines():
        if not line["event"] or line["request"] in purged:
            continue
        entry = there.get(line["event"])
        if entry is None or (entry.what, entry.request, entry.who, entry.details) != (line["what"], line["request"], line["who"], line["details"]):
            found.append(Fault(line["n"], f"what the register says of {line['request']} was {'changed' if entry else 'taken out'} since"))
    return found


def _entry(number: int, request: str, event: Event, secret: str) -> Entry:
    said = json.dumps(dict(event.details), sort_keys=True, default=str)
    details = {"on": event.on.isoformat(), "said": _keyed(secret, said)} | ({"right": event.right} if event.right else {})
    return Entry(event.kind, request, event.by, details, number)


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
