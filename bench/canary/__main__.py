"""The whole flow with marked values, and then a search for them in all that was written where they do not belong.

`make test-canary`: every command as its own process, JupyterLab as well, and then once more on a workspace whose case folders are sealed;
QUICK=1: the same commands in one process, no JupyterLab, nothing sealed. A person's values are marked by words that stand nowhere else. What is
allowed to hold them is named in `bench/canary/search.py`; of notebooks, the outputs of their cells; of a sealed workspace, the register and what
the analyst put there. All else — messages, progress, tracebacks, file names, ledger, summaries, metadata, logs, temporary
folders, home and what shells and Jupyter put there — is read in every coding and searched. Then one canary is planted per coding
in a folder of the workspace, to see that this very search finds them.
"""

import os
import shutil
import sys
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path
from typing import NamedTuple

from bench.canary.flow import Flow, forget, lab, run
from bench.canary.search import SEALED, plant, search
from bench.canary.world import build


def sought(folder, root):
    """Plant a canary per coding where none belongs; return all, and those that the search finds."""
    folder.mkdir(exist_ok=True)
    codings = set(plant(folder))
    hits, _ = search(root)
    return codings, {name for name in codings if any(hit.endswith(f"/{folder.name}/{name}") for hit in hits)}


class Told(NamedTuple):
    """What one run found: places where a value stands and none belongs, files read, canaries planted and those that were seen."""

    how: str
    commands: int
    hits: list
    read: int
    after: list
    read_after: int
    unnamed: list
    planted: set
    seen: set

    @property
    def faults(self):
        """Each in a line."""
        yield from (f"{self.how}: a value of the person stands in {hit}" for hit in self.hits)
        yield from (f"{self.how}: after purge, a value of the person stands in {hit}" for hit in self.after)
        yield from (f"{self.how}: purge does not name what the analyst left lying: {name}" for name in self.unnamed)
        yield from (f"{self.how}: a planted canary was not found: {coding}" for coding in sorted(self.planted - self.seen))

    def __str__(self):
        return (
            f"{self.how}: {self.commands} commands, {self.read} files read: {len(self.hits)} hits. After purge, {self.read_after} files: "
            f"{len(self.after)} hits. Planted canaries found: {len(self.seen)} of {len(self.planted)} codings."
        )


def run_all(how, *, processes, sealed=False):
    """Run the flow from intake to purge, search after each, and return what was found."""
    root = Path(tempfile.mkdtemp(prefix="canary-"))
    try:
        flow = Flow(root, processes=processes)
        build(flow.ws)
        with flow.sealed() if sealed else nullcontext():
            run(flow)
            if processes:
                lab(flow)
        hits, read = search(root, *(SEALED if sealed else ()))
        with flow.opened() if sealed else nullcontext():
            told = forget(flow)
        # What the analyst put there and where the systems lie is not the toolkit's to take; it names these files.
        after, read_after = search(root, ("shop.db", "logs", "ask.txt", "mails"), (), set())
        unnamed = [name for name in ("ask.txt", "mails/1.eml") if f"{name} still holds a value" not in told]
        return Told(how, flow.count, hits, read, after, read_after, unnamed, *sought(flow.ws / "audits", root))
    finally:
        if not os.environ.get("KEEP"):
            shutil.rmtree(root)
        else:
            print(root)


def main():
    began = time.monotonic()
    if os.environ.get("QUICK"):
        told = [run_all("in one process", processes=False)]
    else:
        told = [run_all("each a process, and JupyterLab", processes=True), run_all("sealed, in one process", processes=False, sealed=True)]
    faults = [fault for one in told for fault in one.faults]
    for line in (*faults, *told):
        print(line)
    print(f"{time.monotonic() - began:.0f} s")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
