"""The list of those who are not written to: per purpose, by keyed hash, so that an import cannot bring anybody back.

An entry is HMAC-SHA256 of purpose and address in normal form, under a key kept apart (`dsar.keys`): whoever has the list alone
learns no address from it, not even by trying them. It serves no other end (ICO: a suppression list instead of deleting).
"""

import csv
import io
import json
from datetime import datetime
from pathlib import Path

from dsar import files, keys, kinds
from dsar.datamap import DataMap
from dsar.errors import BadMap, BadRequests
from dsar.request.request import Request

NAME, _DECLINED = "suppressed.csv", "suppression.json"
_HEADER = ("purpose", "entry", "since", "case")


def add(root: Path, datamap: DataMap, request: Request, purpose: str, at: datetime) -> int:
    """Put the proved e-mail addresses of a request on the list, and return how many are new; raises `BadMap`, `IdentityNotVerified`."""
    require_advertising(datamap, purpose)
    request.require_identity()
    secret = keys.key(root, "suppression", make=not (root / NAME).exists())
    entries = read(root)
    fresh = {
        entry: (purpose, entry, at.date().isoformat(), request.id)
        for i in request.identifiers
        if i.kind == "email" and i.standing == "verified" and (entry := _entry(secret, purpose, i.value)) not in {e for _, e, *_ in entries}
    }
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([_HEADER, *entries, *fresh.values()])  # a purpose may hold a comma
    files.write_atomic(root / NAME, text.getvalue())
    return len(fresh)


def decline(case: Path, purpose: str, by: str, at: datetime) -> None:
    """Record that a person does not want to be on the list for a purpose: nobody then keeps an import from bringing them back."""
    known = declined(case)
    known[purpose] = {"by": by, "on": at.date().isoformat()}
    files.write_atomic(files.private_dir(case / "erasure") / _DECLINED, json.dumps(known, indent=1))


def declined(case: Path) -> dict[str, dict[str, str]]:
    """Return for which purposes a person declined to be listed, and who recorded that when."""
    path = case / "erasure" / _DECLINED
    found: dict[str, dict[str, str]] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return found


def chosen(root: Path, case: Path, request: Request, purpose: str) -> str:
    """Return what a person chose for a purpose, in words; '' where it is open."""
    if refusal := declined(case).get(purpose):
        return f"the person declined the list on {refusal['on']}"
    mine = [i.value for i in request.identifiers if i.kind == "email" and i.standing == "verified"]
    listed = Listed(root, purpose)
    return "the address is on the list" if mine and all(address in listed for address in mine) else ""


def read(root: Path) -> list[tuple[str, ...]]:
    """Return the entries: purpose, keyed hash, since, case."""
    path = root / NAME
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return [tuple(row) for row in csv.reader(file)][1:]


class Listed:
    """The addresses that are on the list for a purpose: `address in listed`, in any spelling."""

    def __init__(self, root: Path, purpose: str) -> None:
        self.known = {entry for listed, entry, *_ in read(root) if listed == purpose}
        self.secret = keys.key(root, "suppression", make=False) if self.known else b""
        self.purpose = purpose

    def __contains__(self, address: str) -> bool:
        normal = kinds.normal("email", address)
        return bool(self.known) and normal is not None and bool({_entry(self.secret, self.purpose, form) for form in _forms(normal)} & self.known)


def check(root: Path, datamap: DataMap, file: Path, purpose: str, column: str) -> list[int]:
    """Return the lines of an import, as a spreadsheet counts them, that must not be imported; raises `BadMap`, `BadRequests`."""
    require_advertising(datamap, purpose)
    listed = Listed(root, purpose)
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream)  # which yields empty lines too: a spreadsheet counts them
            header = next(reader, [])
            if column not in header:
                raise BadRequests(f"there is no column '{column}'", where=file.name, remedy=f"name one of {', '.join(header)}")
            place = header.index(column)
            return [number for number, row in enumerate(reader, 2) if place < len(row) and row[place] in listed]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadRequests("cannot be read as a CSV file in UTF-8", where=file.name, remedy="save it anew as CSV UTF-8") from error


def _forms(normal: str) -> set[str]:
    # ann+news@ may be ann@: whom we wrongly leave out loses a newsletter, whom we wrongly write to had objected.
    return {normal, kinds.mailbox(normal)}


def _entry(secret: bytes, purpose: str, address: str) -> str:
    return keys.keyed(secret, purpose, address)


def require_advertising(datamap: DataMap, purpose: str) -> None:
    """Raise `BadMap` unless an activity of the map is advertising."""
    known = [name for name, activity in datamap.activities.items() if activity.marketing]
    if purpose not in known:
        raise BadMap(
            f"'{purpose}' is no advertising", where="activities", remedy=f"name one of {', '.join(known) or 'none is marked marketing = true'}"
        )
