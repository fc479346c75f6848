"""A grammar that nobody asks for, left out: it takes as long to compile as all else that papermill imports."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

_GRAMMAR = "rfc3987_syntax"


@contextmanager
def left_out() -> Iterator[None]:
    """Let jsonschema be imported without its check of international web addresses, as where that is not installed.

    No notebook's schema has such an address. Where jsonschema or the grammar is imported already, nothing changes.
    """
    absent = _GRAMMAR not in sys.modules
    if absent:
        sys.modules[_GRAMMAR] = None  # type: ignore[assignment]  # what makes an import fail, see the reference of `sys.modules`
    try:
        yield
    finally:
        if absent:
            del sys.modules[_GRAMMAR]
