"""Where the lines of an address lie in a part of a kept store: an index, so that only what is wanted is unpacked.

    STORE/rows/day=2026-11-12/ENTRY-0.rows    of STORE/day=2026-11-12/ENTRY-0.parquet: a seal, then an address each: hash, first row, row behind

Whatever reads Parquet needs no index, and a part without one is searched by its addresses. The seal is a hash of the part's end, where
Parquet says what is in it: an index of a part that was written anew, or brought back from a backup, counts for nothing.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from dsar import files

_ROWS = np.dtype([("hash", "<u4"), ("first", "<u4"), ("behind", "<u4")])
_SEAL, _END = 16, 4096  # bytes

Hashes = NDArray[np.uint32]
Spans = NDArray[np.int64]


def hashes(addresses: Iterable[str | None]) -> Hashes:
    """Return a number for each address; two may share one, so what is found by it has to be compared."""
    return np.array([int.from_bytes(hashlib.blake2b((address or "").encode(), digest_size=4).digest(), "little") for address in addresses], np.uint32)


def write(store: Path, part: str) -> None:
    """Write the index of a part that lies in the store."""
    runs = pc.run_end_encode(pq.read_table(store / part, columns=["address"], partitioning=None)["address"].combine_chunks())
    behind = runs.run_ends.to_numpy()
    rows = np.empty(len(behind), _ROWS)
    rows["hash"], rows["first"], rows["behind"] = hashes(runs.values.to_pylist()), np.concatenate(([0], behind[:-1]))[: len(behind)], behind
    path = _path(store, part)
    files.private_dir(path.parent)
    with pa.OSFile(str(store / part)) as opened:
        files.write_atomic(path, _seal(opened) + np.sort(rows, order="hash").tobytes())


def drop(store: Path, part: str) -> None:
    """Remove the index of a part."""
    _path(store, part).unlink(missing_ok=True)


def spans(store: Path, part: str, opened: pa.NativeFile, wanted: Hashes) -> Spans | None:
    """Return, as pairs of first row and row behind, where lines of these hashes are; None where no index speaks for the part that is open."""
    try:
        content = _path(store, part).read_bytes()
    except FileNotFoundError:
        return None
    if content[:_SEAL] != _seal(opened):
        return None
    rows = np.frombuffer(content, _ROWS, offset=_SEAL)
    first, behind = (np.searchsorted(rows["hash"], wanted, side) for side in ("left", "right"))
    found = [rows[first[n] : behind[n]] for n in np.flatnonzero(first < behind)]
    return np.array([(row["first"], row["behind"]) for some in found for row in some], np.int64).reshape(-1, 2)


def _path(store: Path, part: str) -> Path:
    return (store / "rows" / part).with_suffix(".rows")


def _seal(opened: pa.NativeFile) -> bytes:
    size = opened.size()
    end = opened.read_at(min(size, _END), max(0, size - _END))
    return hashlib.blake2b(b"%d " % size + end, digest_size=_SEAL).digest()
