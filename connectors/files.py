"""What reading csv, xlsx and JSON-lines files has in common; each kind is read by a module of its own.

They are read row by row: constant memory, and a file that is not whole is an error. Each reader yields the
column names first, then one list per row with None for an empty cell. Errors name file and line, never what stands there.
"""

import gzip
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from dsar.errors import SourceBroken


class Empty(SourceBroken):
    """A file or sheet without even a header line."""


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open a file for reading; one that ends in .gz is unpacked on the way."""
    with path.open("rb") as raw:
        if path.suffix.lower() == ".gz":
            with gzip.open(raw) as unpacked:
                yield cast("BinaryIO", unpacked)
        else:
            yield cast("BinaryIO", raw)


def header(cells: Sequence[str], where: str) -> list[str]:
    """Return the names in a header line; raises `SourceBroken` where one is missing or stands there twice."""
    names = [c.strip().removeprefix("\ufeff").strip() for c in cells]
    # By number, not by name: where the header is missing, these are a person's data.
    for n, name in enumerate(names, 1):
        if not name:
            raise SourceBroken(f"column {n} has no name", where=where, remedy="give every column a name")
        if name in names[: n - 1]:
            raise SourceBroken(f"columns {names.index(name) + 1} and {n} have the same name", where=where, remedy="give every column its own name")
    return names
