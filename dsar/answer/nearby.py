"""Which of all requests a text could name: an index over their identifiers, made once for a whole batch.

Of each way to spell an identifier its rarest eight bytes are kept, with the request it belongs to. Which of these stand in
a text is asked of all at once, so that an answer costs the same among ten thousand requests as among ten; the requests
told are then looked for exactly (`stranger.Needles`). None whose identifier stands in the text is ever left out.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dsar import files
from dsar.answer import stranger
from dsar.answer.stranger import Needle, Needles, searchable
from dsar.request.identity import Identifier

FILE = ".identifiers.arrow"  # in the folder of cases
Identifiers = Mapping[str, Iterable[Identifier]]  # request → what it is known by
LOOKED_FOR = ("email", "phone", "ip", "handle", "cookie")  # other values stand in other people's rows by chance
_LONG = 8  # characters from which on a key is nobody else's by chance
_WIDTHS = (8, 4, 0)  # bytes of a window; 0: the spelling is shorter than any, so each text could hold it
_SCATTER = np.uint64(0x9E3779B97F4A7C15)  # spreads windows over the filter (Knuth, The Art of Computer Programming, 6.4)
_SCHEMA = pa.schema([("view", pa.int8()), ("width", pa.int8()), ("window", pa.uint64()), ("request", pa.string())])


def needles(request: str, identifiers: Iterable[Identifier]) -> Iterator[Needle]:
    """Yield what is looked for of a request in the answers of others."""
    for identifier in identifiers:
        needle = Needle(f"an identifier ({identifier.kind}) of request {request}", identifier.kind, identifier.value)
        if (identifier.kind in LOOKED_FOR or len(identifier.value) >= _LONG) and searchable(needle):
            yield needle


class Nearby:
    """The index of so many requests; a table of it has columns view, width, window, request, in that order."""

    def __init__(self, table: pa.Table) -> None:
        self._groups = [group for view in range(len(stranger.VIEWS)) for width in _WIDTHS if (group := _group(table, view, width))]

    @classmethod
    def of(cls, identifiers: Identifiers, region: str | None) -> "Nearby":
        """Return an index that lies in memory."""
        return cls(_table(identifiers, region))

    @classmethod
    def kept(cls, path: Path, state: str, identifiers: Callable[[], Identifiers], region: str | None) -> "Nearby":
        """Return the index in a file, which is made where it is not that of `state`; the file is mapped, not read."""
        wanted = f"{state} {region} {files.sha256(Path(__file__))} {files.sha256(Path(stranger.__file__))}".encode()
        try:
            table = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
        except (OSError, pa.ArrowInvalid):
            table = None
        if table is None or (table.schema.metadata or {}).get(b"of") != wanted:
            table = _table(identifiers(), region).replace_schema_metadata({b"of": wanted})
            sink = pa.BufferOutputStream()
            with pa.ipc.new_file(sink, table.schema) as writer:
                writer.write_table(table)
            files.write_atomic(path, sink.getvalue().to_pybytes())
        return cls(table)

    def requests(self, text: str) -> set[str]:
        """Return the requests that have an identifier which could stand in the text; most texts have none."""
        views = [_bytes(view) for view in stranger.views(text)]
        return {request for group in self._groups for request in group.met(views[group.view])}


class _Group(NamedTuple):
    """The windows of one width in one view, in ascending order, and a filter that most windows of a text do not pass."""

    view: int
    width: int
    windows: npt.NDArray[np.uint64]
    requests: pa.ChunkedArray
    filter: npt.NDArray[np.bool_]
    shift: np.uint64

    def met(self, seen: bytes) -> Iterator[str]:
        if not self.width:
            yield from self.requests.to_pylist()
            return
        windows = _windows(seen, self.width)
        passed = windows[self.filter[(windows * _SCATTER) >> self.shift]]
        met = passed[self.windows[np.searchsorted(self.windows[:-1], passed)] == passed]
        for window in np.unique(met) if met.size else ():
            first, last = np.searchsorted(self.windows, window, "left"), np.searchsorted(self.windows, window, "right")
            yield from self.requests[int(first) : int(last)].to_pylist()


def _group(table: pa.Table, view: int, width: int) -> _Group | None:
    chosen = (np.asarray(table["view"]) == view) & (np.asarray(table["width"]) == width)
    count = int(chosen.sum())
    if not count:
        return None
    part = table.slice(int(chosen.argmax()), count)
    windows = np.asarray(part["window"])
    bits = max(12, count.bit_length() + 4)
    shift = np.uint64(64 - bits)
    filter_ = np.zeros(1 << bits, np.bool_)
    filter_[(windows * _SCATTER) >> shift] = True
    return _Group(view, width, windows, part["request"], filter_, shift)


def _table(identifiers: Identifiers, region: str | None) -> pa.Table:
    spelled = {
        (view, _bytes(pattern), request)
        for request, known in identifiers.items()
        for view, pattern in Needles(needles(request, known), region).patterns()
    }
    seen = Counter((view, window) for view, pattern, _ in spelled for window in _windows(pattern, _width(pattern)).tolist())
    rows = sorted({(view, -_width(pattern), _rarest(view, pattern, seen), request) for view, pattern, request in spelled})
    columns = zip(*rows, strict=True) if rows else ((), (), (), ())
    views, widths, windows, requests = columns
    return pa.table([pa.array(views), pa.array([-w for w in widths]), pa.array(windows, pa.uint64()), pa.array(requests)], schema=_SCHEMA)


def _rarest(view: int, pattern: bytes, seen: Mapping[tuple[int, int], int]) -> int:
    """Return the window of a spelling that fewest others have: not the beginning that half of a provider's addresses share."""
    return min(_windows(pattern, _width(pattern)).tolist(), key=lambda window: (seen[view, window], window), default=0)


def _width(pattern: bytes) -> int:
    return next(width for width in _WIDTHS if len(pattern) >= width)


def _windows(data: bytes, width: int) -> npt.NDArray[np.uint64]:
    """Return every `width` bytes that follow one another, as a number; none of width 0."""
    count = len(data) - width + 1 if width else 0
    return np.ndarray((max(0, count),), f"<u{width or 8}", data if count > 0 else b"", 0, (1,)).astype(np.uint64)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
