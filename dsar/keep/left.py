"""What a purge left behind, remembered until it is gone, so that a look is asked again: by keyed hashes, since no value may stay.

`summaries/ID.left` is there from before the first file of a stage goes until a look has found nothing; where a run was killed between
the two, it is what tells the next to look. It outlives the register's line, and the summary too.
"""

import hashlib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from dsar import files, keys
from dsar.errors import WorkspaceMissing
from dsar.keep.summary import FOLDER

_ENDING = ".left"


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Left(_Shape):
    """A file that was named: keyed hashes of its place and its bytes, and which parts of the place held a value."""

    place: str
    content: str
    masked: tuple[int, ...]
    unread: bool  # it could not be looked into; else it held a value


class Note(_Shape):
    """What the last look after a purge of a request named; `looked` is None while one is owed."""

    form: Literal[1] = 1
    request: str
    looked: datetime | None = None
    files: tuple[Left, ...] = ()


def read(root: Path, request: str) -> Note | None:
    """Return what is remembered of a request, or None where its last look was clean; raises `WorkspaceMissing` for a damaged file."""
    target = _path(root, request)
    if not target.exists():
        return None
    try:
        return Note.model_validate_json(target.read_bytes())
    except (ValidationError, ValueError) as error:
        remedy = "what was left is not known any more: look through the workspace by hand, then delete this file"
        raise WorkspaceMissing("the note of what was left cannot be read", where=f"{FOLDER}/{target.name}", remedy=remedy) from error


def write(root: Path, note: Note) -> None:
    """Remember it, whole or not at all; what was looked for and not found is forgotten."""
    target = _path(root, note.request)
    if note.looked and not note.files:
        target.unlink(missing_ok=True)
    else:
        files.private_dir(target.parent)
        files.write_atomic(target, note.model_dump_json(indent=1) + "\n")


def requests(root: Path) -> Iterator[str]:
    """Yield the requests of which something is remembered."""
    yield from (path.stem for path in sorted((root / FOLDER).glob(f"*{_ENDING}")))


def keyed(secret: str, what: Literal["place", "content"], data: bytes) -> str:
    """Return a hash from which nobody without the register's key can tell what it was made of."""
    return keys.keyed(secret.encode(), "left", what, hashlib.sha256(data).hexdigest())


def _path(root: Path, request: str) -> Path:
    return root / FOLDER / f"{request}{_ENDING}"
