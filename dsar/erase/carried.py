"""What of a request was seen carried out, by asking the sources again: of nothing else are recipients told (Art. 19)."""

import json
from pathlib import Path

from dsar import files
from dsar.erase import record
from dsar.listing import Listing

_DONE = {"rectification": {"changed", "gone"}, "restriction": {"changed"}}  # what is gone was not restricted, but erased


def note(case: Path, right: str, seen: Listing) -> None:
    """Write down whether every row on a right's lists was seen changed; `seen` is what `measures.verified` returns."""
    whole = not seen.empty and set(seen["Now"]) <= _DONE.get(right, set())
    files.private_dir(case / "before")
    files.write_atomic(_path(case, right), json.dumps({"whole": whole, "rows": len(seen)}))


def forget(case: Path, right: str) -> None:
    """Forget what was seen of a right: there are new lists."""
    _path(case, right).unlink(missing_ok=True)


def carried_out(case: Path) -> tuple[str, ...]:
    """Return the rights that were seen carried out: nothing of an erasure is left, every row on another's lists is changed."""
    verified = record.load_verified(case)
    erased = verified is not None and verified.passed and any(v.state == "gone" for v in verified.verdicts)
    others = (right for right in _DONE if _whole(_path(case, right)))
    return (*(("erasure",) if erased else ()), *others)


def _whole(path: Path) -> bool:
    return path.exists() and bool(json.loads(path.read_text(encoding="utf-8"))["whole"])


def _path(case: Path, right: str) -> Path:
    return case / "before" / f"{right}.seen.json"
