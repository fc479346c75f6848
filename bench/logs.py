"""Look-ups in web-server logs against `rg` with anchored patterns: raw, packed, kept; in the same run, as ratios.

Each of our steps runs in a process of its own, so that its memory is its own; its time is that of the step, without Python's imports.
Every step has to find the lines that `rg` finds. QUICK=1 takes a tenth of the lines: what a store saves for one address is then a tenth
as well, and for 1,000 addresses half, since asking for each of them costs the same; the goals are for that size, and each step runs twice.
"""

import gc
import importlib
import json
import os
import platform
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from bench import weblog

LINES, DAYS, ADDRESSES, WANTED = 10_000_000, 30, 1_000_000, 1_000
ROUNDS = 3
MEMORY = 1_500  # MB
ROOT = Path(__file__).parent.parent
PAGE, RESULTS = ROOT / "docs" / "performance.md", ROOT / "bench" / "results.json"


class Figure(NamedTuple):
    """What was measured: a value that may be at most the goal."""

    value: float
    goal: float
    note: str = ""

    @property
    def met(self):
        """Whether the goal is met."""
        return self.value <= self.goal


class Run(NamedTuple):
    """One run: seconds of wall, CPU seconds, MB at most, lines found (kept, for what finds none)."""

    wall: float
    cpu: float
    memory: float
    found: int


def source(folder, pattern, store=""):
    """Return the logs of a folder as a source."""
    from connectors import logs
    from dsar import datamap
    from dsar.source import Settings

    columns = {c: {"category": "user"} for c in logs.COLUMNS}
    table = {
        "label": "Visits", "activity": "visits", "key": logs.KEY, "match": {"ip": "client"}, "columns": columns,
        "attribute": {"at": "at", "browser": "browser"}, "file": {"path": pattern, "store": store},
    }  # fmt: skip
    declared = {"connector": "logs", "label": "Web", "owner": "bench", "tables": {"visits": table}}
    return logs.Logs(Settings("web", datamap.Source.model_validate(declared), folder))


def look_up(folder, pattern, store, wanted):
    """Return how many lines are found, and how long it took until they lay in a frame."""
    import pandas as pd

    from dsar.source import Done, Match, Rows, Want

    ask = Match("visits", tuple(Want(str(n), "ip", address) for n, address in enumerate(wanted)))
    parts = list(source(folder, pattern, store).read(ask))
    frames = [part.frame for part in parts if isinstance(part, Rows)]
    assert isinstance(parts[-1], Done)
    return len(pd.concat(frames)) if frames else 0


def compact(folder):
    """Return how many lines are in the store afterwards."""
    return sum(kept.lines for kept in source(folder, "packed/*", "kept").compact(datetime.now(UTC)))


def expire(folder):
    """Anonymise the first day; return how many lines that were."""
    from dsar.run.logs import Rules

    first = min(path.name for path in (folder / "kept").glob("day=*"))[4:]
    shutil.copytree(folder / "kept" / f"day={first}", folder / "copy" / f"day={first}")
    shutil.copytree(folder / "kept" / "files", folder / "copy" / "files")
    for path in (folder / "copy" / "files").iterdir():
        entry = json.loads(path.read_text())
        if not any(part["day"] == first for part in entry["parts"]):
            path.unlink()
    done = [day for _, day in source(folder, "packed/*", "copy").expire(lambda _, day: str(day) == first, weblog.LAST, {}, Rules)]
    return sum(day.anonymised + day.reduced for day in done)


STEPS = {
    "plain": lambda folder, wanted: look_up(folder, "plain/*", "", wanted),
    "packed": lambda folder, wanted: look_up(folder, "packed/*", "", wanted),
    "kept": lambda folder, wanted: look_up(folder, "packed/*", "kept", wanted),
    "compact": lambda folder, _: compact(folder),
    "expire": lambda folder, _: expire(folder),
}


def step(name, folder, wanted):
    """Run a step here, after what it imports; print what it took."""
    for module in (
        "connectors.logs",
        "concurrent.futures.thread",
        "fideslang",
        "pandas",
        "pyarrow.parquet",
        "pyarrow.vendored.version",
        "dsar.run.logs",
    ):
        importlib.import_module(module)  # not what is measured
    gc.collect()  # what the imports left, for the same reason
    wall, cpu = time.perf_counter(), time.process_time()
    found = STEPS[name](folder, wanted)
    taken = Run(time.perf_counter() - wall, time.process_time() - cpu, _most_memory(), found)
    print(json.dumps(taken))


def _most_memory():
    """Return MB; of this program only, where `ru_maxrss` would also tell of the one that started it."""
    return int(re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[1]) / 1024


def ours(name, folder, wanted=()):
    """Run a step of ours in a process of its own."""
    ran = subprocess.run(
        [sys.executable, "-m", "bench.logs", name, str(folder)], input="\n".join(wanted), capture_output=True, text=True, check=True, cwd=ROOT
    )
    return Run(*json.loads(ran.stdout.splitlines()[-1]))


def peer(folder, wanted, files, *options):
    """Search with `rg`, as text (-a): at the first NUL byte it would otherwise stop looking, without an error."""
    patterns = folder / "patterns"
    patterns.write_text("".join(f"^{re.escape(address)} \n" for address in wanted))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    wall = time.perf_counter()
    command = [shutil.which("rg"), "-a", "-N", "-I", *options, "-f", patterns, *sorted((folder / files).iterdir())]
    ran = subprocess.run(command, capture_output=True, check=False)
    wall = time.perf_counter() - wall
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Run(wall, cpu, 0, len(ran.stdout.splitlines()))


def measure(folder, lines, *, full):
    """Return the figures, and every run by name."""
    wanted = weblog.write(folder, lines, max(1, lines * DAYS // LINES), ADDRESSES)[:: ADDRESSES // WANTED][:WANTED]
    one = [next(address for address in wanted[WANTED // 2 :] if peer(folder, [address], "plain").found)]  # a visitor; the first of all are robots
    runs = {"compact": [ours("compact", folder)]}
    asked = {
        "rg, plain files, 1,000 addresses": lambda: peer(folder, wanted, "plain"),
        "ours, plain files, 1,000 addresses": lambda: ours("plain", folder, wanted),
        "rg -z, gz files, 1,000 addresses": lambda: peer(folder, wanted, "packed", "-z"),
        "ours, gz files, 1,000 addresses": lambda: ours("packed", folder, wanted),
        "ours, store, 1,000 addresses": lambda: ours("kept", folder, wanted),
        "rg -z, gz files, 1 address": lambda: peer(folder, one, "packed", "-z"),
        "ours, store, 1 address": lambda: ours("kept", folder, one),
    }
    for _ in range(ROUNDS if full else 2):  # one after the other, so that whatever else the machine does meets all of them
        for name, run in asked.items():
            runs.setdefault(name, []).append(run())
    if full:
        runs["anonymise a day"] = [ours("expire", folder)]
    return figures(folder, runs, LINES / lines), runs


def figures(folder, runs, smaller):
    """Return the figures of the runs; `smaller` is how many times fewer lines there are than the goals are for."""
    wall = {name: statistics.median(run.wall for run in found) for name, found in runs.items()}
    sizes = [sum(path.stat().st_size for path in (folder / of).rglob("*") if path.is_file()) for of in ("kept", "packed")]
    return {
        "raw scan for 1,000 addresses into a frame ÷ rg -f": _ratio(
            wall, "ours, plain files, 1,000 addresses", "rg, plain files, 1,000 addresses", 1 / 1.5
        ),
        "the same over gz ÷ rg -z -f": _ratio(wall, "ours, gz files, 1,000 addresses", "rg -z, gz files, 1,000 addresses", 1 / 2.5),
        "store look-up, 1 address ÷ rg -z": _ratio(wall, "ours, store, 1 address", "rg -z, gz files, 1 address", smaller / 100),
        "store look-up, 1,000 addresses ÷ rg -z -f": _ratio(
            wall, "ours, store, 1,000 addresses", "rg -z, gz files, 1,000 addresses", 1 / 10 if smaller == 1 else 1 / 5
        ),
        "store size ÷ gz size": Figure(sizes[0] / sizes[1], 0.75),
        "most memory of any step, MB": Figure(max(run.memory for found in runs.values() for run in found), MEMORY),
        "steps that found other lines than rg": Figure(_differing(runs), 0),
    }


def _ratio(wall, mine, other, goal):
    return Figure(wall[mine] / wall[other], goal, f"{wall[mine]:.3g} s, {wall[other]:.3g} s")


def _differing(runs):
    """Return how many runs found another number of lines than `rg` over plain files did; over gz, for a single address."""
    expected = {"1,000 addresses": "rg, plain files, 1,000 addresses", "1 address": "rg -z, gz files, 1 address"}
    return sum(
        run.found != runs[name][0].found for ends, name in expected.items() for other, found in runs.items() if other.endswith(ends) for run in found
    )


def lines_of(found, runs):
    """Return the figures and the runs as tables."""
    goals = [f"| {name} | {f.value:.3g}{_part(f)} | ≤ {f.goal:.3g} | {f.note} |" for name, f in found.items()]
    middle = {name: Run(*map(statistics.median, zip(*taken, strict=True))) for name, taken in runs.items()}
    steps = [
        f"| {name} | {run.wall:.3g} | {run.cpu:.3g} | {run.memory:,.0f} |" if run.memory else f"| {name} | {run.wall:.3g} | {run.cpu:.3g} | |"
        for name, run in middle.items()
    ]
    return ["| figure | value | goal | |", "|---|---|---|---|", *goals, "", "| step | wall s | CPU s | MB |", "|---|---|---|---|", *steps]


def _part(figure):
    return f" (1/{1 / figure.value:.3g})" if 0 < figure.value < 0.67 and figure.note else ""


def write(found, runs, lines):
    """Put the figures into docs/performance.md and bench/results.json, each under its own heading."""
    rg = subprocess.run(["rg", "--version"], capture_output=True, text=True, check=True).stdout.split("\n")[0]  # noqa: S607
    ran = f"{os.cpu_count()} cores, load {os.getloadavg()[2]:.1f}, {time.strftime('%Y-%m-%d')}, medians of {ROUNDS}"
    machine = f"{lines:,} lines, Python {platform.python_version()}, {rg}, {ran}."
    table = "\n".join(["<!-- logs: written by `make bench-logs` -->", machine, "", *lines_of(found, runs), "<!-- end of logs -->"])
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(re.sub(r"<!-- logs.*?<!-- end of logs -->", lambda _: table, text, flags=re.DOTALL), encoding="utf-8")
    results = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    results["logs"] = {
        "machine": machine,
        "figures": {n: f._asdict() for n, f in found.items()},
        "runs": {n: [r._asdict() for r in t] for n, t in runs.items()},
    }
    RESULTS.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def main():
    """Measure, write the figures down, print them; return 1 where a goal is missed."""
    if not shutil.which("rg"):
        sys.exit("bench-logs compares with ripgrep: apt-get install ripgrep")
    quick = bool(os.environ.get("QUICK"))
    lines = LINES // 10 if quick else LINES
    with tempfile.TemporaryDirectory(prefix="bench-logs-") as folder:
        found, runs = measure(Path(folder), lines, full=not quick)
    if not quick:
        write(found, runs, lines)
    print("\n".join(lines_of(found, runs)[2:]))
    if quick:
        print(f"a tenth of the lines ({lines:,}): goals of store look-ups are for that size, the full run judges 1/100 and 1/10")
    missed = [name for name, figure in found.items() if not figure.met]
    print(f"missed: {'; '.join(missed)}" if missed else "all goals met")
    return 1 if missed else 0


if __name__ == "__main__":
    if len(sys.argv) == 3:
        step(sys.argv[1], Path(sys.argv[2]), sys.stdin.read().split())
    else:
        sys.exit(main())
