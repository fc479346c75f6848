"""How well rows are told apart: what is found and held for everyone, against the reference company's truth.

`make bench-matching` asks for 1,000 people at once, over a million log lines; QUICK=1 for 200 over 100,000.
The figures come last; exit status 1 where a goal is missed.
"""

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from dsar import workspace
from dsar.find.collect import collect
from fixtures import generate


def main() -> int:
    """Build the world, ask for everybody, compare."""
    parser = argparse.ArgumentParser(prog="bench/matching.py", description=__doc__)
    parser.add_argument("--subjects", type=int)
    parser.add_argument("--log-lines", type=int)
    chosen = parser.parse_args()
    quick = os.environ.get("QUICK") == "1"
    subjects, lines = chosen.subjects or (200 if quick else 1_000), chosen.log_lines or (100_000 if quick else 1_000_000)
    with tempfile.TemporaryDirectory(prefix="matching-") as folder:
        began = time.monotonic()
        truth = generate.build(Path(folder), subjects=subjects, log_lines=lines)
        built = time.monotonic()
        ws = workspace.open_workspace(folder)
        dossiers = collect(list(ws.requests.values()), ws.datamap, ws.sources(), ws.clock)
        done = time.monotonic()
    got = {
        (request, str(address), key): standing
        for request, dossier in dossiers.items()
        for address, found in dossier.tables.items()
        for key, standing in zip(found.table["dsar_key"].to_pylist(), found.table["dsar_standing"].to_pylist(), strict=True)
        if standing != "company"
    }
    wanted = {(t.subject, t.table, t.key): t.expected for t in truth}
    never = {row for row, expected in wanted.items() if expected == "never"}
    missed = sum(got.get(row) is None for row in wanted.keys() - never)
    differ = sum(row in got and got[row] != expected for row, expected in wanted.items() if expected != "never")
    counts = Counter(got.values())
    figures = {
        "subjects": subjects,
        "log lines": lines,
        "seconds to invent the world": round(built - began, 1),
        "seconds to collect for all": round(done - built, 1),
        "rows found": counts["found"],
        "rows held": counts["held"],
        "rows of the truth missed": missed,
        "rows found that the truth holds, or the reverse": differ,
        "rows beyond the truth": len(got.keys() - wanted.keys()),
        "rows that must never be seen, seen": len(got.keys() & never),
    }
    for name, figure in figures.items():
        print(f"{name}: {figure:,}")
    return int(any(list(figures.values())[-4:]))


if __name__ == "__main__":
    sys.exit(main())
