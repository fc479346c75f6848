"""A thousand people erased on PostgreSQL, MariaDB, SQLite and log files, and everything compared before and after.

`make test-erasure-world` (QUICK=1: a hundred on SQLite and log files). What each person's rows are is told by the invented
world, which knows nothing of how the toolkit searches. All tables are dumped before and after, and every line of every log is read:
what is not in somebody's plan has to be the same, byte for byte. Figures come last; exit status 1 where one misses its goal.
"""

import argparse
import csv
import json
import os
import platform
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import sqlalchemy as sa
import tomlkit
from dateutil.relativedelta import relativedelta
from sqlalchemy.pool import NullPool

from bench.figures import Figure
from dsar import values, workspace
from dsar.erase.step import Step
from dsar.erase.verify import Verdict, Verification
from dsar.request.request import Request
from dsar.run import erasure
from dsar.workspace import Workspace
from fixtures import generate
from fixtures.company import schema
from fixtures.company.world import Truth

PAGE = Path(__file__).parents[1] / "docs" / "figures" / "erasure.md"
SEED = 17
PLACES = {"crm": "postgresql", "orders": "mariadb"}  # the others on SQLite


@dataclass
class Dump:
    """All rows of all tables as the databases hold them, and all lines of all logs."""

    rows: dict[tuple[str, str], dict[str, tuple[object, ...]]] = field(default_factory=dict)  # source, table → key → row
    lines: dict[str, list[bytes]] = field(default_factory=dict)


def main() -> int:
    """Build the world, erase, compare."""
    parser = argparse.ArgumentParser(prog="python -m bench.erasure", description=__doc__)
    for name in ("requests", "log-lines"):
        parser.add_argument(f"--{name}", type=int)
    chosen = parser.parse_args()
    quick = os.environ.get("QUICK") == "1"
    figures = measure(chosen.requests or (100 if quick else 1_000), chosen.log_lines or (10_000 if quick else 200_000), servers=not quick)
    width = max(len(figure.name) for figure in figures)
    for figure in figures:
        verdict = "" if figure.met is None else "= 0  met" if figure.met else "= 0  MISSED"
        print(f"{figure.name:{width}}  {figure.value:>12,.10g}  {verdict}")
    if not quick and not chosen.requests and not chosen.log_lines:
        write(figures)
    return int(any(figure.met is False for figure in figures))


def write(figures: Iterable[Figure]) -> None:
    """Write the figures of a full run down, for docs/erasure.md to point at."""
    machine = f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}"
    lines = [
        "# A thousand people erased",
        "",
        f"Written by `make test-erasure-world` on {time.strftime('%Y-%m-%d')}: {machine}. PostgreSQL, MariaDB, SQLite and log files;",
        "all tables and all lines were dumped before and after. Seconds are of a machine that did other things as well.",
        "",
        "| measure | value | goal |",
        "|---|---|---|",
        *(f"| {f.name} | {f.value:,.10g} | {'' if f.met is None else '0' if f.met else '0, **missed**'} |" for f in figures),
        "",
    ]
    PAGE.write_text("\n".join(lines), encoding="utf-8")


def measure(requests: int, lines: int, *, servers: bool) -> list[Figure]:
    """Return the figures of one run."""
    with tempfile.TemporaryDirectory(prefix="erasure-") as name:
        folder = Path(name)
        began = time.monotonic()
        truth = build(folder, requests, lines, servers=servers)
        ws = workspace.open_workspace(folder)
        people = list(ws.requests.values())
        built = time.monotonic()
        before = dump(ws)
        dumped = time.monotonic()
        dossiers = ws.collect_all(people, again=True)
        for request in people:
            if dossiers[request.id].open_points:
                ws.decide(request, "part 1", by="bench", rest_by=ws.today + timedelta(days=1))
        tried = erasure.dry_run(ws, people)
        planned = time.monotonic()
        made = erasure.execute(ws, people, by="bench")
        of_hand = [r for r in people if any(s.address.source == "social" for s in erasure.load_plan(ws, r))]
        by_hand(ws, of_hand)
        erasure.verify(ws, of_hand)
        again = {(o.request, o.source): o for o in erasure.execute(ws, of_hand, by="bench")}
        made = [again.get((o.request, o.source), o) for o in made]
        executed = time.monotonic()
        seen = erasure.verify(ws, people)
        verified = time.monotonic()
        after = dump(ws)
        figures = [
            Figure("people erased", len(people)),
            Figure("seconds to invent the world", round(built - began, 1)),
            Figure("seconds to collect, plan and try", round(planned - dumped, 1)),
            Figure("seconds to execute", round(executed - planned, 1)),
            Figure("seconds to verify", round(verified - executed, 1)),
            Figure("changes that could not be tried", sum(not o.done and o.source != "social" for o in tried), 0),
            Figure("changes that could not be made", sum(not o.done for o in made), 0),
            *compared(ws, truth, before, after, seen),
        ]
        for outcome in [*tried, *made]:
            if not outcome.done and outcome.source != "social":
                print(outcome.request, outcome.source, outcome.error, Counter(r for r in (outcome.results or {}).values()), file=sys.stderr)
        return figures


def by_hand(ws: Workspace, people: Iterable[Request]) -> None:
    """Do what the owner of the social networks' export is asked to do: it has no writing part."""
    gone = {json.loads(s.key)[0] for r in people for s in erasure.load_plan(ws, r) if s.address.source == "social" and s.action == "erase"}
    path = ws.root / "exports" / "social.csv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\r\n")
        writer.writeheader()
        writer.writerows(row for row in rows if row["id"] not in gone)


def build(folder: Path, requests: int, lines: int, *, servers: bool) -> list[Truth]:
    """Write the world; every request asks for erasure, and the sources may be written to."""
    spare = requests // 20 + 5  # some of those who ask have proved nothing
    truth = generate.build(folder, subjects=2 * requests, log_lines=lines, seed=SEED, days=60, requests=requests + spare)
    path = folder / "requests.csv"
    with path.open(encoding="utf-8", newline="") as file:
        listed = [row for row in csv.DictReader(file) if row["verified_on"] or row["no_reasonable_doubt"]]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(listed[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows({**row, "rights": "erasure", "received": "2026-11-20", "verified_on": "2026-11-20"} for row in listed[:requests])
    for log in (folder / "logs").iterdir():
        os.utime(log, (1_700_000_000, 1_700_000_000))
    moved = {source: _moved(folder, source, PLACES[source]) for source in schema.DATABASES if servers and source in PLACES}
    written = tomlkit.parse((folder / "dsar.toml").read_text(encoding="utf-8"))
    for source in schema.DATABASES:
        url = moved.get(source, f"sqlite:///${{WORKSPACE}}/data/{source}.sqlite")
        written["sources"][source]["url"] = written["sources"][source]["write_url"] = url
    (folder / "dsar.toml").write_text(tomlkit.dumps(written), encoding="utf-8")
    return truth


def _moved(folder: Path, source: str, engine: str) -> str:
    """Copy a database to a server, and return its address there."""
    from tests import servers

    root = servers.postgresql() if engine == "postgresql" else servers.mariadb()
    name = f"erasure_{source}"
    servers.execute(root, f"DROP DATABASE IF EXISTS {name}", f"CREATE DATABASE {name}" + (" CHARACTER SET utf8mb4" if engine == "mariadb" else ""))
    url = root.set(database=name)
    old = sa.create_engine(f"sqlite:///{folder}/data/{source}.sqlite")
    new = sa.create_engine(url, poolclass=NullPool)
    metadata = schema.DATABASES[source]
    metadata.create_all(new)
    with old.connect() as reading, new.begin() as writing:
        for table in metadata.sorted_tables:
            rows = [dict(row) for row in reading.execute(sa.select(table)).mappings()]
            for start in range(0, len(rows), 5_000):
                writing.execute(table.insert(), rows[start : start + 5_000])
    old.dispose()
    (folder / "data" / f"{source}.sqlite").unlink()
    return url.render_as_string(hide_password=False)


def dump(ws: Workspace) -> Dump:
    """Read everything there is, past the toolkit."""
    found = Dump()
    for source, metadata in schema.DATABASES.items():
        engine = sa.create_engine(ws.datamap.sources[source].url.replace("${WORKSPACE}", str(ws.root)), poolclass=NullPool)
        with engine.connect() as connection:
            for table in metadata.sorted_tables:
                key = next(c.name for c in table.primary_key.columns)
                place = list(table.c.keys()).index(key)
                rows = connection.exec_driver_sql(f"SELECT * FROM {table.name}").fetchall()  # noqa: S608 - our own names
                found.rows[source, table.name] = {json.dumps([row[place]]): tuple(row) for row in rows}
    for path in sorted((ws.root / "logs").iterdir()):
        from connectors import loganonymous, logfiles

        with path.open("rb") as stream:
            found.lines[path.name] = list(loganonymous.lines_of(logfiles.LogFile(path, stream, path.stat().st_size, 0)))
    return found


def compared(ws: Workspace, truth: Iterable[Truth], before: Dump, after: Dump, seen: dict[str, Verification]) -> list[Figure]:
    """Return what the dumps say of the plans, of the verifications, and of everybody else."""
    theirs = defaultdict(set)
    for one in truth:
        if one.expected == "found" and one.subject in seen:
            theirs[one.subject].add((one.table, one.key))
    counts: Counter[str] = Counter()
    touched: dict[tuple[str, str], dict[str, Step]] = defaultdict(dict)
    for request, verification in seen.items():
        plan = [s for s in erasure.load_plan(ws, ws.request(request)) if s.key != "[]"]
        mains = {(str(s.address), s.key): s for s in plan if not (s.new and s.action == "restrict")}
        organisation = {str(a) for a, t in ws.datamap.tables() if t.owner == "organisation"}
        counts["rows of theirs that are in no plan"] += len({p for p in theirs[request] if p[0] not in organisation} - mains.keys())
        counts["rows in a plan that are not theirs"] += len({p for p in mains if p[0] not in organisation} - theirs[request])
        copies = [v for v in verification.verdicts if not v.step and v.detail.startswith("an address of theirs")]
        counts["addresses of theirs in what others wrote, told"] += len(copies)
        counts["faults that the verifications found"] += sum(v.fault for v in verification.verdicts) - len(copies)
        for step in plan:
            counts[f"steps: {step.action}"] += 1
            counts["kept though nothing keeps them"] += _wrongly(ws, step, before)
            if step.action not in {"keep", "not due", "decide", "restrict"} or step.new:
                touched[_lies(ws, step)].setdefault(step.key, step)
        counts["verdicts that the dumps contradict"] += sum(_contradicted(ws, v, after) for v in verification.verdicts)
        for verdict in verification.verdicts:
            if verdict.fault and verdict not in copies:
                print(request, verdict, file=sys.stderr)
    _databases(before, after, touched, counts)
    _logs(before, after, {json.loads(key)[1]: step for key, step in touched.pop(("web", "visits"), {}).items()}, counts)
    zero = (
        "rows of theirs that are in no plan", "rows in a plan that are not theirs", "rows still there that were to go", "rows of others that changed",
        "rows of others that are gone", "columns that did not become what was planned", "lines of others that changed", "lines of theirs still there",
        "kept though nothing keeps them", "verdicts that the dumps contradict", "faults that the verifications found",
    )  # fmt: skip
    return [*(Figure(n, counts[n]) for n in sorted(counts) if n not in zero), *(Figure(n, counts[n], 0) for n in zero)]


def _lies(ws: Workspace, step: Step) -> tuple[str, str]:
    part = ws.datamap.table(step.address).part
    return step.address.source, part.of if part else step.address.table


def _wrongly(ws: Workspace, step: Step, before: Dump) -> bool:
    """Whether an invoice is kept too long or goes too early, or an open order goes, by the row itself."""
    if step.address.source != "orders" or step.address.table not in {"invoices", "orders"}:
        return False
    names = list(schema.DATABASES["orders"].tables[step.address.table].c.keys())
    row = dict(zip(names, before.rows["orders", step.address.table][step.key], strict=True))
    if step.address.table == "orders":
        return row["status"] == 1 and step.action == "erase"
    issued = row["issued_on"] if isinstance(row["issued_on"], date) else date.fromisoformat(str(row["issued_on"]))
    return (issued + relativedelta(years=6) >= ws.today) == (step.action == "erase")


def _contradicted(ws: Workspace, verdict: Verdict, after: Dump) -> bool:
    """Whether a verdict says other than what the dump shows."""
    if verdict.address == ("web", "visits") or not verdict.step or verdict.key == "[]" or verdict.address.source == "social":
        return False
    part = ws.datamap.table(verdict.address).part
    there = verdict.key in after.rows[verdict.address.source, part.of if part else verdict.address.table]
    return (verdict.state == "gone" and verdict.action == "erase" and there) or (verdict.state in {"kept as planned", "pending event"} and not there)


def _databases(before: Dump, after: Dump, touched: dict[tuple[str, str], dict[str, Step]], counts: Counter[str]) -> None:
    for place, rows in before.rows.items():
        names = list(schema.DATABASES[place[0]].tables[place[1]].c.keys())
        for key, row in rows.items():
            step, now = touched[place].get(key), after.rows[place].get(key)
            if step is None:
                counts["rows of others, and kept, compared"] += 1
                counts["rows of others that are gone"] += now is None
                counts["rows of others that changed"] += now is not None and now != row
            elif step.action == "erase":
                counts["rows still there that were to go"] += now is not None
            else:
                expected = tuple(step.new.get(name, value) if name in step.new else value for name, value in zip(names, row, strict=True))
                counts["columns that did not become what was planned"] += now is None or not all(map(values.same, now, expected))
        counts["rows of others that changed"] += len(after.rows[place].keys() - rows.keys())


def _logs(before: Dump, after: Dump, touched: dict[str, Step], counts: Counter[str]) -> None:
    from connectors.logline import digest

    for name, old in before.lines.items():
        counts["lines of others that changed"] += len(old) != len(after.lines[name])
        for was, now in zip(old, after.lines[name], strict=False):
            theirs = digest(was) in touched
            counts["lines compared"] += 1
            counts["lines of others that changed"] += not theirs and was != now
            counts["lines of theirs still there"] += theirs and was == now


if __name__ == "__main__":
    raise SystemExit(main())
