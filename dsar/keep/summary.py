"""The case summary: what explains a request once its files are purged. No value of the person stands in it.

Days, codes, counts, hashes and the names of those who decided: that much shows how a request was answered (Art. 5(2)). Free text
of the desk is left out or replaced, names of files that are not ours too (`dsar.run.impersonal`), since somebody may have written a name
into them; the ledger holds a keyed hash. The same shape is
reckoned for a case that is still there, so that whoever reads summaries reads one thing (`dsar.run.summaries`).
"""

from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from dsar import files
from dsar.errors import WorkspaceMissing

FOLDER = "summaries"
Stage = Literal["working copies", "delivered", "register"]
STAGES: tuple[Stage, ...] = ("working copies", "delivered", "register")  # in the order in which they are purged


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Happened(_Shape):
    """One event of the register; `details` holds codes, counts and hashes alone."""

    on: date
    at: datetime  # when it was recorded, UTC
    kind: str
    right: str  # empty: about the request as a whole
    by: str
    details: dict[str, Any]


class Clock(_Shape):
    """Until when one right had to be answered, why, and what became of it; `outcome` is '' while nothing is decided."""

    right: str
    state: str
    start: date | None
    due: date | None
    cautious: date
    target: date | None
    notify_extension_by: date | None
    excluded_days: int
    reasoning: str
    extended_because: str  # complexity or number; '' where it was not extended
    outcome: str
    decided_on: date | None
    decided_by: str
    grounds: tuple[str, ...]  # of a refusal, whole or in part


class Searched(_Shape):
    """What one table gave; `holds` counts rows by the code of `dsar.find.hold` they are held or left out by."""

    table: str
    system: str
    label: str
    state: str
    why: str
    rows: int
    held: int
    company: int
    withheld: int
    others: int
    cells: int
    malformed: int
    unreadable: int
    searched_by: tuple[str, ...]
    clients: int  # for how many clients rows were held as a processor
    collected_at: datetime | None
    holds: dict[str, int]


class Ruled(_Shape):
    """How many rows or cells of a table one person ruled alike on; `held_as` is a code of `dsar.find.hold`."""

    table: str
    held_as: str
    choice: str
    by: str
    second: str
    items: int


class Decided(_Shape):
    """A decision on a snapshot, such as part 1."""

    code: str
    by: str
    on: datetime
    rest_by: date | None


class Stays(_Shape):
    """What an erasure did or left: rows of a table by action and article; `until` is the last day of them, or an event in words."""

    table: str
    action: str
    why: str
    article: str
    until: str
    rows: int


class Put(_Shape):
    """A file that was written to leave, by its folder in the case, name and SHA-256."""

    folder: str
    name: str
    sha256: str


class CaseSummary(_Shape):
    """One request from receipt to purge; `purged` says what is gone since when, and is empty while nothing is."""

    form: Literal[1] = 1
    request: str
    received: date
    channel: str
    requester: str
    regime: str
    calendar: str
    language: str
    rights: tuple[str, ...]
    kinds: tuple[str, ...]  # of identifiers that were given
    handler: str
    closed: bool
    no_reasonable_doubt: bool  # no proof was asked, and the reason was on record (Art. 12(6))
    linked: tuple[str, ...]  # earlier requests of, as it seemed, the same person
    events: tuple[Happened, ...]
    clocks: tuple[Clock, ...]
    collected_at: datetime | None
    searched: tuple[Searched, ...]
    rulings: tuple[Ruled, ...]
    decisions: tuple[Decided, ...]
    erasure: tuple[Stays, ...]
    verified_at: datetime | None
    verified: dict[str, int]  # what was seen of the steps of an erasure: state → steps
    files: tuple[Put, ...]
    tool: str  # version; with the next three, as of the last collect
    map_sha256: str  # with the next two, a file that `dsar.keep.asof` finds
    rights_sha256: str
    templates_sha256: str
    purged: dict[Stage, datetime] = {}

    @property
    def last_on(self) -> date | None:
        """The day the answer left: the last delivery or letter; None where none did."""
        return max((e.on for e in self.events if e.kind in {"delivered", "letter sent"}), default=None)


def path(root: Path, request: str) -> Path:
    """Return where the summary of a request lies once anything of it is purged."""
    return root / FOLDER / f"{request}.json"


def write(root: Path, summary: CaseSummary) -> Path:
    """Write a summary, whole or not at all."""
    files.private_dir(root / FOLDER)
    target = path(root, summary.request)
    files.write_atomic(target, as_written(summary))
    return target


def read(root: Path, request: str) -> CaseSummary | None:
    """Return the summary that was written of a request, or None; raises `WorkspaceMissing` where it is not as it was written."""
    target = path(root, request)
    if not target.exists():
        return None
    try:
        return CaseSummary.model_validate_json(target.read_bytes())
    except (ValidationError, ValueError) as error:
        remedy = "bring it back from a backup: nothing else explains this request"
        raise WorkspaceMissing("the case summary cannot be read", where=f"{FOLDER}/{target.name}", remedy=remedy) from error


def as_written(summary: CaseSummary) -> bytes:
    """Return a summary as its file holds it."""
    return (summary.model_dump_json(indent=1) + "\n").encode()


def written(root: Path) -> Iterator[CaseSummary]:
    """Yield the summaries that were written, by request id; raises what `read` raises."""
    for target in sorted((root / FOLDER).glob("*.json")):
        if found := read(root, target.stem):
            yield found
