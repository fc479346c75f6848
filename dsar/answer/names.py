"""Names of sheets and of files in a package: no two alike; those of files are plain letters that every system can hold."""

import re
import unicodedata
from collections.abc import Sequence

_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)  # names that Windows keeps for itself
_SPELLED = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L"})


def file_stem(title: str) -> str:
    """Return a title as the stem of a file's name: 'Website visits' is website-visits."""
    plain = unicodedata.normalize("NFKD", title.translate(_SPELLED)).encode("ascii", "ignore").decode()
    stem = re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")[:60].rstrip("-") or "records"
    return f"{stem}-records" if _DEVICES.match(stem) else stem


def unique(names: Sequence[str]) -> list[str]:
    """Return the names with a number after those that differ in case at most from one before."""
    found: list[str] = []
    taken: set[str] = set()
    for name in names:
        tried, number = name, 1
        while tried.casefold() in taken:
            number += 1
            tried = f"{name}-{number}"
        taken.add(tried.casefold())
        found.append(tried)
    return found
