"""Which rights to a copy the files of an outbox answer: a delivery counts for these, and for no other."""

from collections.abc import Collection
from pathlib import Path

from dsar.answer import access, export
from dsar.answer.publish import named

ENDINGS = {access.RIGHT: access.ENDING, export.RIGHT: export.ENDING}  # of the names of the files that are the copy


def copies(folder: Path, names: Collection[str]) -> set[str]:
    """Return the rights to a copy whose files in the outbox of a case are all among these names."""
    return {right for right, ending in ENDINGS.items() if (made := named(folder, "outbox", ending)) and made <= set(names)}
