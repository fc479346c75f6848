"""What the benches of title 7 share: figures with goals, results.json, and the table in docs/performance.md."""

import json
import os
import platform
import re
import statistics
import time
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
RESULTS = HERE / "results.json"
PAGE = HERE.parent / "docs" / "performance.md"
VERSIONS = ("papermill", "ipykernel", "jupyter_client", "pandas", "pyarrow", "duckdb")


class Figure(NamedTuple):
    """One measured value; where it has a goal, the value has to be at most that."""

    name: str
    value: float
    goal: float | None = None
    note: str = ""  # what was measured: peers and ours

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None where there is none."""
        return None if self.goal is None else self.value <= self.goal


def quick() -> bool:
    """Whether a run has to end within 50 seconds."""
    return os.environ.get("QUICK") == "1"


def median(values: Iterable[float]) -> float:
    """Return the median; a single run proves little, so full runs give three or more."""
    return statistics.median(values)


def finish(part: str, figures: list[Figure]) -> int:
    """Print the figures, write those of a full run down, and return the exit status: 1 where a goal is missed."""
    width = max(len(f.name) for f in figures)
    for f in figures:
        verdict = "" if f.met is None else "  met" if f.met else "  MISSED"
        goal = "" if f.goal is None else f"≤ {f.goal:.4g}"
        print(f"{f.name:{width}}  {f.value:>10,.4g}  {goal:9}{verdict:8}  {f.note}")
    if not quick():
        _write(part, figures)
    return int(any(f.met is False for f in figures))


def _write(part: str, figures: list[Figure]) -> None:
    known = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    machine = f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}, load {os.getloadavg()[2]:.1f}"
    versions = {name: version(name) for name in VERSIONS}
    known[part] = {"on": time.strftime("%Y-%m-%d"), "machine": machine, "versions": versions, "figures": [f._asdict() for f in figures]}
    RESULTS.write_text(json.dumps(known, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    text = PAGE.read_text(encoding="utf-8")
    table = "\n".join(_table(part, known[part]))
    PAGE.write_text(re.sub(rf"<!-- {part}:.*?<!-- end -->", lambda _: table, text, flags=re.DOTALL), encoding="utf-8")


def _table(part: str, measured: dict) -> Iterable[str]:
    yield f"<!-- {part}: written by `make bench-{part}` -->"
    yield f"{measured['on']}, {measured['machine']}; " + ", ".join(f"{n} {v}" for n, v in measured["versions"].items()) + "."
    yield ""
    yield "| measure | value | goal | how |"
    yield "|---|---|---|---|"
    for f in (Figure(**f) for f in measured["figures"]):
        goal = "" if f.goal is None else f"≤ {f.goal:.4g}" + ("" if f.met else ", **missed**")
        yield f"| {f.name} | {f.value:,.4g} | {goal} | {f.note} |"
    yield "<!-- end -->"
