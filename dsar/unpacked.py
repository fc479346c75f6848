"""A limit to what a file from outside unpacks to: a few kilobytes can hold gigabytes."""

import zipfile
from pathlib import Path

from dsar.errors import SourceBroken

LARGEST = 1 << 30  # bytes of all that is in it; a workbook of a million rows has a fifth of that
RATIO = 500  # times its packed size; sheets of one repeated word reach 200


def require_modest(path: Path, where: str) -> None:
    """Raise `SourceBroken` where a workbook, or another zip, unpacks to more than any that is meant to be read."""
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        size = sum(entry.file_size for entry in archive.infolist())
    if size > LARGEST or (size > 1 << 26 and size > RATIO * path.stat().st_size):
        raise SourceBroken(f"unpacks to {size >> 20:,} MB, which no file to be read does", where=where, remedy="look at where it came from")
