"""One line of a log made nobody's, and the files that are gone through and written for it."""

import gzip
import io
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any, BinaryIO, cast

from connectors import logformat, logline
from connectors.logfiles import LogFile
from dsar.source import Change

NOBODY = "0.0.0.0"  # noqa: S104 - stands for an address that was taken out; log readers stumble over anything else

Planned = Mapping[str, Sequence[Change]]  # by what a line is known → the changes of as many such lines


def changing(written: str, planned: Planned) -> Callable[[bytes], bytes | None]:
    """Return what says of one line of a file after the other what it becomes; None: it stays. Of equal lines the first are changed."""
    left = {line: list(changes) for line, changes in planned.items()}

    def becomes(text: bytes) -> bytes | None:
        waiting = left.get(logline.digest(text))
        return anonymous(written, text, waiting.pop(0).new or {}) if waiting else None

    return becomes


def lines_of(file: LogFile) -> Iterator[bytes]:
    """Yield all lines of an open file from its beginning, unpacked, each to the byte as it stands there."""
    # A reader of packed files closes what it reads from, so each has a handle of its own.
    with os.fdopen(os.dup(file.stream.fileno()), "rb") as stream:
        stream.seek(0)
        if file.packed == "gzip":
            yield from gzip.GzipFile(fileobj=stream)
        elif file.packed:
            import pyarrow as pa

            with pa.CompressedInputStream(pa.PythonFile(stream, mode="r"), file.packed) as unpacked, io.BufferedReader(unpacked) as buffered:
                yield from buffered
        else:
            yield from stream


def anonymous(written: str, text: bytes, new: Mapping[str, object]) -> bytes:
    """Return a line with new values, its ending as it was; where it is not as the format says, nothing of it stays."""
    bare = text.rstrip(b"\r\n")
    made = logformat.rewritten(written, bare, _variables(new))
    return (made if made is not None else f"{NOBODY} -".encode()) + text[len(bare) :]


def _variables(new: Mapping[str, object]) -> Mapping[str, str]:
    day = new.get("at")
    known: dict[str, Any] = {
        "remote_addr": new.get("client") or NOBODY,
        "request": new.get("request"),
        "request_uri": new.get("request"),
        "status": new.get("status"),
        "http_referer": new.get("referrer"),
        "http_user_agent": new.get("browser"),
    }
    if isinstance(day, date):
        known["time_local"] = f"{day.day:02}/{logline.MONTHS[day.month - 1]}/{day.year:04}:00:00:00 +0000"
        known["time_iso8601"] = f"{day.isoformat()}T00:00:00+00:00"
    return {name: str(value) for name, value in known.items() if value is not None}


@contextmanager
def packing(path: Path, to: BinaryIO) -> Iterator[BinaryIO]:
    """Yield a stream that packs what is written as the file's name says."""
    if path.suffix == ".gz":
        with gzip.GzipFile(filename="", fileobj=to, mode="wb", mtime=0) as stream:
            yield cast("BinaryIO", stream)
    elif path.suffix in {".zst", ".zstd"}:
        import pyarrow as pa

        with (
            os.fdopen(os.dup(to.fileno()), "wb") as own,
            pa.CompressedOutputStream(pa.PythonFile(own, mode="w"), "zstd") as packed,
            io.BufferedWriter(packed) as buffered,
        ):
            yield cast("BinaryIO", buffered)
    else:
        yield to
