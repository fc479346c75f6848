"""Killed at random moments, then run again: the end has to be that of a run nobody disturbed.

`python -m tests.faults.kills` kills 200 times (`QUICK=1`: 20) while sources are collected, a batch runs, an answer is
written in a notebook's own process, and rows and log lines are erased; half of those killed once are killed again in the
run that mends it. It writes its table into docs/reliability.md. Exit status 1 where anything differs.

What must hold: right after the kill no file that can be seen in an outbox or worklist is half-written; after the next run
every file of the workspace, every row and every log line is that of the undisturbed run, nothing lies about unfinished, the
register tells the same events, and the ledger is whole.
"""

import contextlib
import hashlib
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from dsar import files
from dsar.run import erasure
from dsar.run.batch import batch
from tests.run import erasing

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
# What tells of a run (of how often the sources were asked, too) rather than of its result; register and databases are compared by what they hold.
APART = re.compile(
    r"(^|/)(register\.db.*|ledger\..*|\.running-.*|\.collecting|.*\.lock|notebooks/.*|shop\.db|news\.db|secrets/.*|stubs/.*|difference\.json)$"
)
ERASED = re.compile(r"^cases/A-1/dossier/")  # of whom was erased: as it was when the sources were last asked, and so as often
VISIBLE = ("outbox", "worklists")


class Step(NamedTuple):
    """Something that is run, killed and run again; `before` brings a workspace to where it starts."""

    name: str
    share: float  # of the kills
    before: Callable[[Path], object]
    run: Callable[[Path], object]


def collect(folder):
    ws = erasing.opened(folder)
    return ws.collect_all(ws.requests.values())


def answered(folder):
    ws = erasing.opened(folder)
    return batch(ws, [ws.request("A-2"), ws.request("A-3")], workers=2)


def written(folder):
    ws = erasing.opened(folder)
    return [ws.export(ws.request("A-3")), ws.access_report(ws.request("A-3"))]


def erased(folder):
    ws = erasing.opened(folder)
    outcomes = erasure.execute(ws, [ws.request("A-1")], by="A. Nalyst")
    assert all(o.done for o in outcomes), [str(o.error) for o in outcomes]
    return erasure.verify(ws, [ws.request("A-1")])


def tried(folder):
    ws = erasing.opened(folder)
    erasure.dry_run(ws, [ws.request("A-1")])


STEPS = (
    Step("collect", 0.3, lambda _: None, collect),
    Step("batch", 0.15, collect, answered),
    Step("export", 0.25, collect, written),
    Step("erase", 0.3, tried, erased),
)


def world(folder: Path) -> None:
    """Three people: one to be erased, two who want their data; what is held between them was ruled on."""
    erasing.build(folder, people=("ann@x.org",))
    with (folder / "requests.csv").open("a") as file:
        file.writelines(f"A-{n},2026-11-02,access;portability,email={who},2026-11-03,\n" for n, who in ((2, "bob@x.org"), (3, "cyn@x.org")))
    erasing.sql(
        folder,
        "shop.db",
        "INSERT INTO addresses VALUES (5, '5 Cyn Road')",
        "INSERT INTO customers VALUES (3, 'cyn@x.org', 'Cyn Lake', NULL, 5, 0)",
        "INSERT INTO orders VALUES (20, 3, 'sent', 5, '2026-02-01 09:00:00', '192.0.2.50', 'Safari/1')",
        "INSERT INTO lines VALUES (200, 20, 'z')",
    )
    ws = erasing.opened(folder)
    collect(folder)
    for group in list(ws.review.waiting):
        ws.review.rule(group, "not theirs", by="R. Eader", reason="two people share it")
    for name in ("dossier", "before"):  # every point begins without a snapshot
        for case in (folder / "cases").iterdir():
            shutil.rmtree(case / name, ignore_errors=True)


def state(folder: Path) -> dict[str, object]:
    """Everything that a run leaves: hash of each file, all rows, log lines, and what the register tells."""
    found: dict[str, object] = {}
    erased = (folder / "stubs").is_dir()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        name = path.relative_to(folder).as_posix()
        if not APART.search(name) and not (erased and ERASED.search(name)):
            found[name] = hashlib.sha256(_told(path)).hexdigest()
    found |= erasing.everything(folder)
    ws = erasing.opened(folder)
    found["register"] = sorted((case.request.id, e.kind, e.right or "") for case in ws.register.cases().values() for e in case.events)
    found["ledger"] = ws.ledger.verify()
    found["snapshots"] = {i: ws.snapshot(r) is not None for i, r in ws.requests.items()}
    return found


def _told(path: Path) -> bytes:
    """A file's bytes; a step that the killed run made and had no time to note is `already` done to the next, which is as good."""
    return path.read_bytes().replace(b'"already"', b'"done"') if path.parent.name == "jobs" else path.read_bytes()


def visible(folder: Path) -> dict[str, str]:
    """The files an analyst may send or hand on, by their hash."""
    places = [p for name in VISIBLE for p in folder.glob(f"**/{name}/*") if p.is_file() and not p.name.startswith(".")]
    return {p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in places}


def killed(run: Callable[[Path], object], folder: Path, after: float) -> bool:
    """Run it in a process of its own, killed with all it started after so many seconds; return whether it was cut short."""
    child = os.fork()
    if child == 0:
        os.setsid()
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1), os.dup2(quiet, 2)
        try:
            run(folder)
        except BaseException:  # noqa: BLE001 - told by the status
            os._exit(3)
        os._exit(0)
    end = time.monotonic() + after
    while time.monotonic() < end:
        if (ended := os.waitpid(child, os.WNOHANG))[0]:
            assert ended[1] == 0, f"the run failed by itself: {ended[1]}"
            return False
        time.sleep(0.0005)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return True


def whole(run: Callable[[Path], object], folder: Path) -> float:
    """Run it in a process of its own to its end, and return how many seconds it took."""
    begun = time.monotonic()
    assert not killed(run, folder, 300), "it did not end"
    return time.monotonic() - begun


def aged(folder: Path) -> None:
    """Let an hour pass for what lies there, since what was just begun is left alone."""
    for path in (*folder.rglob(files.WRITING + "*"), *Path(tempfile.gettempdir()).glob(files.SCRATCH + "*")):
        with contextlib.suppress(OSError):
            os.utime(path, (1, 1))


def differences(wanted: Mapping[str, object], found: Mapping[str, object]) -> list[str]:
    return [name for name in sorted({*wanted, *found}) if wanted.get(name) != found.get(name)]


def fresh(start: Path, folder: Path) -> Path:
    shutil.copytree(start, folder)
    for path in (folder / "logs").iterdir():
        os.utime(path, (1_700_000_000, 1_700_000_000))
    return folder


class Told(NamedTuple):
    """What became of one step's kills."""

    step: str
    kills: int
    runs: int
    seconds: float
    faults: tuple[str, ...]


class Calm(NamedTuple):
    """A cheaper run that ends as the step's own does, for where nothing is killed, and the seconds within which that one is."""

    run: Callable[[Path], object]
    seconds: float


def try_step(step: Step, runs: int, work: Path, chance: random.Random, calm: Calm | None = None) -> Told:
    """Kill a step so many times, each in a copy of the same workspace."""
    start = work / step.name
    start.mkdir()
    world(start)
    step.before(start)
    undisturbed = fresh(start, work / f"{step.name}-undisturbed")
    took = calm.seconds if calm else whole(step.run, undisturbed)
    if calm:
        calm.run(undisturbed)
    wanted, sent = state(undisturbed), visible(undisturbed)
    kills, faults = 0, []
    for n in range(runs):
        folder = fresh(start, work / "run")
        for _ in range(1 + chance.randrange(2)):
            kills += killed(step.run, folder, chance.random() * took)
            if half := [name for name, digest in visible(folder).items() if sent.get(name) != digest]:
                faults.append(f"{step.name} {n}: half-written {', '.join(half)}")
            aged(folder)
        calm.run(folder) if calm else whole(step.run, folder)
        faults += [f"{step.name} {n}: differs in {name}" for name in differences(wanted, state(folder))]
        faults += [f"{step.name} {n}: left {path.name}" for path in folder.rglob(files.WRITING + "*")]
        shutil.rmtree(folder)
    return Told(step.name, kills, runs, took, tuple(faults))


def run(points: int, seed: int) -> list[Told]:
    chance = random.Random(seed)
    os.environ["DSAR_NOW"] = erasing.NOW.isoformat()  # notebooks have the same clock
    with tempfile.TemporaryDirectory(prefix="faults-") as work:
        return [try_step(step, max(1, round(points * step.share)), Path(work), chance) for step in STEPS]


def main() -> int:
    quick = os.environ.get("QUICK") == "1"
    seed = int(os.environ.get("DSAR_SEED", "1"))
    begun = time.monotonic()
    told = run(20 if quick else 200, seed)
    for line in told:
        print(f"{line.step}: {line.runs} runs, {line.kills} kills, {len(line.faults)} that ended otherwise than undisturbed")
        for fault in line.faults:
            print(f"  {fault}")
    print(f"seed {seed}, {time.monotonic() - begun:.0f} seconds")
    if not quick:
        _write(told, seed)
    return int(any(line.faults for line in told))


def _write(told: list[Told], seed: int) -> None:
    lines = [
        f"{time.strftime('%Y-%m-%d')}, seed {seed}; an undisturbed run took as many seconds.",
        "",
        "| step | seconds | runs | kills | ended otherwise |",
    ]
    lines += ["|---|---|---|---|---|", *(f"| {t.step} | {t.seconds:.1f} | {t.runs} | {t.kills} | {len(t.faults)} |" for t in told)]
    text = PAGE.read_text(encoding="utf-8")
    table = "\n".join(["<!-- kills: written by `make test-faults` -->", *lines, "<!-- end -->"])
    PAGE.write_text(re.sub(r"<!-- kills:.*?<!-- end -->", lambda _: table, text, flags=re.DOTALL), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
