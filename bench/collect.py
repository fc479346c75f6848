"""One scan for a batch: what collecting costs for 1,000 requests, for 1, and what one reading of the raw logs alone costs.

CPU seconds of a process each; medians of three. The invented company's databases and logs, with strangers' visits in the logs up
to 10 million lines. QUICK=1: 200 requests and a fifth of the lines, within 50 seconds; the databases' share of one request is then the
same beside a fifth of the reading, and its goal is for that size.
"""

import gzip
import importlib
import os
import random
import resource
import subprocess
import sys
import tempfile
from datetime import date, timedelta
from pathlib import Path

from bench.figures import Figure, finish, median, quick
from dsar import workspace
from dsar.find.collect import collect
from dsar.source import Done, Match, Want
from fixtures import generate

NOW = "2026-11-23T09:00:00+00:00"
LINES = 10_000_000  # for which the issue says what one request may cost
BLOCK = 100_000  # lines of strangers a file
IMPORTED_LATE = ("duckdb", "splink", "sqlglot.dialects.duckdb", "phonenumbers", "isal", "sqlalchemy.dialects.sqlite")  # by who needs them first


def main() -> int:
    """Build the company once, then measure each in a process of its own."""
    requests, blocks, rounds = (200, 20, 1) if quick() else (1_000, 100, 3)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        generate.build(Path(folder), subjects=round(requests * 1.3) + 20, log_lines=50 * requests, requests=requests)
        strangers(Path(folder) / "logs", blocks)
        took = {what: [measured(folder, what) for _ in range(of)] for what, of in (("scan", 3), ("1", 3), (str(requests), rounds))}
    scan, one, many = (median(cpu for cpu, _ in runs) for runs in took.values())
    lines = blocks * BLOCK + 50 * requests
    note = f"{many:.1f} s ÷ {one:.1f} s, CPU; {lines:,} log lines"
    return finish(
        "collect",
        [
            Figure(f"collecting for {requests:,} requests ÷ for 1", many / one, 3, note),
            Figure("collecting for 1 ÷ one reading of the raw logs", one / scan, 1 + 0.2 * max(1, LINES / lines), f"{one:.1f} s ÷ {scan:.1f} s, CPU"),
            Figure(f"memory of collecting for {requests:,}, GB", max(peak for _, peak in took[str(requests)]), 1.5),
        ],
    )


def strangers(folder: Path, blocks: int) -> None:
    """Write files of visits by nobody who asks: addresses from the range kept free for measurements (RFC 2544)."""
    draw = random.Random(7)  # noqa: S311 - nobody's secret
    pages = ("/", "/products", "/pricing", "/docs/rates", "/css/site.css", "/blog/iot-billing")
    day = date(2025, 6, 1)
    lines = (
        f"198.18.{draw.randrange(256)}.{draw.randrange(1, 255)} - - [{day:%d/%b/%Y}:{n // 4200:02}:{n // 70 % 60:02}:{n % 60:02} +0000] "
        f'"GET {draw.choice(pages)}?v={draw.randrange(10**6)} HTTP/1.1" 200 {draw.randrange(200, 90_000)} "-" '
        f'"Mozilla/5.0 (X11; Linux x86_64; rv:{100 + draw.randrange(40)}.0) Gecko/20100101 Firefox/{100 + draw.randrange(40)}.0"\n'
        for n in range(BLOCK)
    )
    packed = gzip.compress("".join(lines).encode(), 6)
    for n in range(blocks):
        (folder / f"access-{day - timedelta(days=1 + n):%Y%m%d}.log.gz").write_bytes(packed)


def measured(folder: str, what: str) -> tuple[float, float]:
    """Return CPU seconds and the most memory in GB, beyond what the imports took of either."""
    done = subprocess.run([sys.executable, "-m", "bench.collect", folder, what], check=True, capture_output=True, text=True)
    cpu, peak = map(float, done.stdout.split())
    return cpu, peak


def once(folder: Path, what: str) -> None:
    """Do one thing in this process and print its CPU seconds and peak memory."""
    os.environ["DSAR_NOW"] = NOW
    for module in IMPORTED_LATE:
        importlib.import_module(module)
    ws = workspace.open_workspace(folder)
    requests, sources = list(ws.requests.values()), ws.sources()
    before = _cpu()
    if what == "scan":
        source = sources["web"]
        assert not isinstance(source, Exception)
        assert any(isinstance(part, Done) for part in source.read(Match("visits", (Want("0", "ip", "203.0.113.250"),))))
    else:
        chosen = requests if int(what) >= len(requests) else [r for r in requests if r.identity_settled][: int(what)]
        found = collect(chosen, ws.datamap, sources, ws.clock)
        failed = sorted({str(a) for dossier in found.values() for a, f in dossier.tables.items() if f.outcome.state == "failed"})
        if failed or len(found) != len(chosen):
            sys.exit(f"not all was collected, so nothing is measured: {', '.join(failed)}")
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 2**20
    print(_cpu() - before, peak)


def _cpu() -> float:
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


if __name__ == "__main__":
    if len(sys.argv) == 3:
        once(Path(sys.argv[1]), sys.argv[2])
    else:
        sys.exit(main())
