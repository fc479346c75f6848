"""How fast and how large: our workbook, checked, against pandas with openpyxl on the same rows, each in a process of its own.

`QUICK=1` gives the peer fewer rows; its rate does not depend on their number, its memory does.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dsar import files, values
from dsar.answer import workbook

ROWS, PEER, PEER_QUICK = 1_000_000, 100_000, 10_000
FIGURES = Path(__file__).parent.parent / "docs" / "figures" / "workbook.md"


def frame(rows):
    """Orders as a shop has them: 12 columns, six of text, and nothing too tidy in them."""
    draw = np.random.default_rng(7)

    def pick(*words):
        return pa.array(words).take(pa.array(draw.integers(0, len(words), rows)))

    def text(before, numbers, after=""):
        return pc.binary_join_element_wise(before, pc.cast(pa.array(numbers), pa.string()), after, "")

    cents = pa.array(draw.integers(100, 9_999_999, rows)).cast(pa.decimal128(19, 0))
    return values.to_frame(
        pa.table(
            {
                "order": text("000", np.arange(rows)),
                "email": text("person-", np.arange(rows) % 90_000, "@example.org"),
                "name": pick("Zoë Müller", "O'Brien & Sons", "Ann Lee", "李小龍", "José Álvarez"),
                "phone": text("+44 20 7946 ", 1_000 + np.arange(rows) % 9_000),
                "street": text("Flat ", draw.integers(1, 400, rows), ", Long Lane"),
                "city": pick("London", "Leeds", "Hull"),
                "status": pick("new", "paid", "sent"),
                "items": pa.array(draw.integers(1, 99, rows)),
                "total": pc.multiply(cents, pa.scalar(Decimal("0.01"))),
                "placed": pa.array(draw.integers(1_500_000_000, 1_700_000_000, rows)).cast(pa.timestamp("s", "UTC")),
                "invoiced": pa.array(draw.integers(17_000, 19_900, rows).astype("int32")).cast(pa.date32()),
                "note": pick(None, "", "=not a formula", "Please leave it with the neighbour at number 12, behind the green door"),
            }
        )
    )


def ours(data, path):
    """Write and check, as every export does."""
    sheet = workbook.Table("Orders", data, {})
    workbook.write(path, [sheet], controller="Northwind", zone=ZoneInfo("Europe/London"), attachments_prefix="out")


def pandas(data, path):
    """Write as pandas does; it refuses times with a zone, so they lose theirs first."""
    data.assign(placed=data["placed"].dt.tz_localize(None)).to_excel(path, engine="openpyxl", index=False)


def measure(which, rows):
    """Return rows a second, seconds, and the most memory in MB, beside the memory of the frame and the libraries."""
    done = subprocess.run([sys.executable, __file__, which, str(rows)], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def once(which, rows):
    """Measure in this process."""
    data = frame(rows)
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        {"ours": ours, "pandas": pandas}[which](data, Path(folder) / "out.xlsx")
        seconds = time.perf_counter() - start
    return {"rows": rows, "seconds": seconds, "rate": rows / seconds, "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}


def main():
    """Run both, print, and write the figures down."""
    quick = bool(os.environ.get("QUICK"))
    found = {"pandas": measure("pandas", PEER_QUICK if quick else PEER), "ours": measure("ours", ROWS)}
    lines = [f"| {n} | {f['rows']:,} | {f['seconds']:.1f} | {f['rate']:,.0f} | {f['memory']:,} |" for n, f in found.items()]
    ratio = found["ours"]["rate"] / found["pandas"]["rate"]
    text = "\n".join(
        [
            "# A workbook of a million rows",
            "",
            "Written by `make bench-workbook`: 12 columns, two processes one after the other; ours includes `check_workbook`. Read the ratio:",
            "seconds are this machine's. Memory is the whole process, libraries and the frame included.",
            "",
            "| writer | rows | seconds | rows a second | memory, MB |",
            "|---|---|---|---|---|",
            *lines,
            "",
            f"**Ours is {ratio:.1f} times as fast as pandas' `to_excel` with openpyxl.**",
            "",
        ]
    )
    if not quick:
        FIGURES.parent.mkdir(exist_ok=True)
        files.write_atomic(FIGURES, text)
        FIGURES.chmod(0o644)
    print(text)
    print(f"ratio {ratio:.1f} (3 asked, 5 wanted); memory {found['ours']['memory']} MB (1024 allowed)")


if __name__ == "__main__":
    if len(sys.argv) == 3:
        print(json.dumps(once(sys.argv[1], int(sys.argv[2]))))
    else:
        main()
