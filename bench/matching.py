"""How well rows are told apart: what is found and held for everyone, against the reference company's truth.

`make bench-matching` asks for 10,000 people at once; QUICK=1 for 1,000, within 50 seconds. The figures come last, and a full
run writes them into docs/matching.md; exit status 1 where a goal is missed.
"""

import argparse
import os
import platform
import re
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import openpyxl

from bench.febrl import febrl
from dsar import workspace
from dsar.answer.export import export
from dsar.answer.stranger import Needle, Needles, search, searchable
from dsar.find.collect import collect
from dsar.find.decisions import Decisions
from dsar.find.dossier import Dossier
from dsar.source import Ask, Match, Source
from fixtures import generate
from fixtures.company.people import Person, people
from fixtures.company.world import Truth, subject

PAGE = Path(__file__).parent.parent / "docs" / "matching.md"
SEED = 7
SEARCHED = {"email": "email", "phone": "phone", "name": "name", "street": "address"}  # what of others must be in no answer, and its kind


class Figure(NamedTuple):
    """A figure, and whether it meets its goal (None where it has none)."""

    value: float
    goal: str = ""
    met: bool | None = None


class Reading(NamedTuple):
    """What a stranger found in the answers: values of others, planted ones, and the seconds it took."""

    needles: int
    leaks: int
    planted: int
    to_make_ready: float
    each: float


class Counting:
    """A source whose questions are counted."""

    def __init__(self, source: Source, asked: Counter[str]) -> None:
        self.source, self.asked, self.can = source, asked, source.can

    def __getattr__(self, name: str) -> Any:
        return getattr(self.source, name)

    def read(self, ask: Ask) -> Iterator[Any]:
        """Answer as the source does."""
        self.asked["search" if isinstance(ask, Match) else "check"] += 1
        return self.source.read(ask)


def main() -> int:
    """Build the world, ask for everybody, compare."""
    parser = argparse.ArgumentParser(prog="bench/matching.py", description=__doc__)
    for name in ("subjects", "log-lines", "answers"):
        parser.add_argument(f"--{name}", type=int)
    chosen = parser.parse_args()
    quick = os.environ.get("QUICK") == "1"
    subjects = chosen.subjects or (1_000 if quick else 10_000)
    figures = measure(subjects, chosen.log_lines or (100_000 if quick else 1_000_000), chosen.answers or (4 if quick else 100))
    width = max(map(len, figures))
    for name, figure in figures.items():
        verdict = "" if figure.met is None else "  met" if figure.met else "  MISSED"
        print(f"{name:{width}}  {figure.value:>12,.4g}  {figure.goal:12}{verdict}")
    if not quick and not any((chosen.subjects, chosen.log_lines, chosen.answers)):
        write(figures)
    return int(any(figure.met is False for figure in figures.values()))


def measure(subjects: int, lines: int, answers: int) -> dict[str, Figure]:
    """Return the figures of one run."""
    with tempfile.TemporaryDirectory(prefix="matching-") as folder:
        began = time.monotonic()
        truth = generate.build(Path(folder), subjects=subjects, log_lines=lines, seed=SEED)
        built = time.monotonic()
        ws = workspace.open_workspace(folder)
        asked: Counter[str] = Counter()
        sources = {name: source if isinstance(source, Exception) else Counting(source, asked) for name, source in ws.sources().items()}
        dossiers = collect(list(ws.requests.values()), ws.datamap, sources, ws.clock)  # type: ignore[arg-type]
        collected = time.monotonic()
        read = outputs(dossiers, people(subjects, SEED), Path(folder), answers)
    figures = {
        "people who ask": Figure(subjects),
        "log lines": Figure(lines),
        "seconds to invent the world": Figure(round(built - began, 1)),
        "seconds to collect for all": Figure(round(collected - built, 1)),
        **compared(truth, dossiers),
        "answers written and read like a stranger": Figure(answers),
        "values of others looked for": Figure(read.needles),
        "seconds to make them ready, once": Figure(round(read.to_make_ready, 2)),
        "seconds to read one answer": Figure(round(read.each, 3)),
        "values of others in them": Figure(read.leaks, "= 0", read.leaks == 0),
        "planted leaks found": Figure(read.planted, "= 1", read.planted == 1),
        "reads with the checks ÷ without": Figure(asked.total() / asked["search"], "≤ 2", asked.total() <= 2 * asked["search"]),
    }
    return figures | {name: Figure(share, "≥ 0.95", share >= 0.95) for name, share in febrl().items()}


def compared(truth: list[Truth], dossiers: dict[str, Dossier]) -> dict[str, Figure]:
    """Return how what was found and held compares with the truth, row by row."""
    got = {
        (request, str(address), key): standing
        for request, dossier in dossiers.items()
        for address, found in dossier.tables.items()
        for key, standing in zip(found.table["dsar_key"].to_pylist(), found.table["dsar_standing"].to_pylist(), strict=True)
        if standing != "company"
    }
    wanted = {(t.subject, t.table, t.key): t.expected for t in truth}
    never = {row for row, expected in wanted.items() if expected == "never"}
    counts = Counter(got.values())
    wrong = {
        "missed": wanted.keys() - never - got.keys(),
        "held where the truth finds, or the reverse": {row for row, e in wanted.items() if e != "never" and got.get(row, e) != e},
        "found or held beyond the truth": got.keys() - (wanted.keys() - never),
        "never to be seen, seen": got.keys() & never,
    }
    for name, rows in wrong.items():
        for row in sorted(rows)[:10]:
            print(f"{name}: {' '.join(row)}", file=sys.stderr)  # of an invented world: nobody's data
    share = counts["held"] / counts["found"]
    return {
        "rows found": Figure(counts["found"]),
        "rows held": Figure(counts["held"]),
        "held ÷ found": Figure(round(share, 4), "< 0.05", share < 0.05),
        **{f"rows {name}": Figure(len(rows), "= 0", not rows) for name, rows in wrong.items()},
    }


def outputs(dossiers: dict[str, Dossier], everybody: list[Person], folder: Path, answers: int) -> Reading:
    """Write the answers of some who ask, and read them like a stranger."""
    requests = {p.number: dossiers[subject(p.number)].request for p in everybody if p.asks}
    asking = [p for p in everybody if p.asks and requests[p.number].identity_settled and "portability" in requests[p.number].rights]
    step = max(1, len(asking) // answers)
    values, began = _needles(everybody), time.monotonic()
    needles = Needles(values, "GB")
    to_make_ready, spent, leaks = time.monotonic() - began, 0.0, 0
    for person in asking[::step][:answers]:
        mates = {person.number, *(n for group in person.mates.values() for n in group)}  # a family shares a number
        theirs = "\n".join(str(getattr(person, field)) for field in SEARCHED)
        inside = {needle for needle, _ in needles.in_text(theirs)}  # another's name or home can be a part of theirs by chance
        case = folder / "answers" / str(person.number)
        case.mkdir(parents=True)
        written = _answer(dossiers[subject(person.number)], case)
        began = time.monotonic()
        hits = search(written, needles)
        spent += time.monotonic() - began
        foreign = [h for h in hits if h.needle not in inside and not any(h.needle.startswith(f"{n} ") for n in mates)]
        leaks += len(foreign)
        for hit in foreign[:3]:
            print(f"another's value in an answer: {subject(person.number)} {hit}", file=sys.stderr)
    planted = any(hit.needle == "1 email" for hit in search([_planted(folder, everybody[0].email)], needles))
    return Reading(len(values), leaks, int(planted), to_make_ready, spent / answers)


def _needles(everybody: list[Person]) -> list[Needle]:
    """Return what only one of them has, but for families, who share a number and a home."""
    values = [(p, kind, getattr(p, field)) for p in everybody for field, kind in SEARCHED.items()]
    bearers = Counter((kind, value.casefold()) for _, kind, value in values)
    alone = (Needle(f"{p.number} {kind}", kind, value) for p, kind, value in values if bearers[kind, value.casefold()] == 1 or "family" in p)
    return [needle for needle in alone if searchable(needle)]


def _planted(folder: Path, value: str) -> Path:
    """Return a package with a workbook that says a value in the middle of a cell."""
    book = openpyxl.Workbook()
    book.active.append(["note", f"write to <{value}>"])  # type: ignore[union-attr]
    book.save(folder / "planted.xlsx")
    with zipfile.ZipFile(folder / "planted.zip", "w", zipfile.ZIP_DEFLATED) as package:
        package.write(folder / "planted.xlsx", "data/planted.xlsx")
    return folder / "planted.zip"


def _answer(dossier: Dossier, case: Path) -> list[Path]:
    decisions = Decisions(case / "decisions.json", dossier.collected_at)
    day = dossier.collected_at.date()
    decisions.add("part 1", "the bench", dossier.collected_at, day + timedelta(days=1))
    return list(export(dossier, case, decisions, day).files)


def write(figures: dict[str, Figure]) -> None:
    """Put the figures into docs/matching.md."""
    lines = [f"| {name} | {figure.value:,.4g} | {figure.goal} |" for name, figure in figures.items()]
    made = f"Python {platform.python_version()}, {os.cpu_count()} cores, {time.strftime('%Y-%m-%d')}"
    head = ["<!-- figures: written by `make bench-matching` -->", f"{made}.", "", "| figure | value | goal |", "|---|---|---|"]
    table = "\n".join([*head, *lines, "<!-- end -->"])
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(re.sub(r"<!-- figures.*?<!-- end -->", lambda _: table, text, flags=re.DOTALL), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
