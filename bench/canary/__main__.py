"""The whole flow with marked values, and then a search for them in all that was written where they do not belong.

`make test-canary`: every command as its own process, JupyterLab as well; QUICK=1: the same commands in one process, no JupyterLab.
A person's values are marked by words that stand nowhere else. What is allowed to hold them is named in `bench/canary/search.py`; of notebooks,
the outputs of their cells. All else — messages, progress, tracebacks, file names, ledger, summaries, metadata, logs, temporary
folders, home and what shells and Jupyter put there — is read in every coding and searched. Then one canary is planted per coding
in a folder of the workspace, to see that this very search finds them.
"""

import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from bench.canary.flow import Flow, forget, lab, run
from bench.canary.search import plant, search
from bench.canary.world import build


def sought(folder, root):
    """Plant a canary per coding where none belongs; return all, and those that the search finds."""
    folder.mkdir(exist_ok=True)
    codings = set(plant(folder))
    hits, _ = search(root)
    return codings, {name for name in codings if any(hit.endswith(f"/{folder.name}/{name}") for hit in hits)}


def main():
    quick = bool(os.environ.get("QUICK"))
    began = time.monotonic()
    root = Path(tempfile.mkdtemp(prefix="canary-"))
    try:
        flow = Flow(root, processes=not quick)
        build(flow.ws)
        run(flow)
        if not quick:
            lab(flow)
        hits, read = search(root)
        told = forget(flow)
        # What the analyst put there and where the systems lie is not the toolkit's to take; it names these files.
        after, read_after = search(root, ("shop.db", "logs", "ask.txt", "mails"), (), set())
        unnamed = [name for name in ("ask.txt", "mails/1.eml") if f"{name} still holds a value" not in told]
        codings, seen = sought(flow.ws / "audits", root)
    finally:
        if not os.environ.get("KEEP"):
            shutil.rmtree(root)
        else:
            print(root)
    for hit in hits:
        print(f"a value of the person stands in {hit}")
    for hit in after:
        print(f"after purge, a value of the person stands in {hit}")
    for name in unnamed:
        print(f"purge does not name what the analyst left lying: {name}")
    missed = sorted(codings - seen)
    for coding in missed:
        print(f"a planted canary was not found: {coding}")
    how = "in one process" if quick else "each a process, and JupyterLab"
    took = f"{time.monotonic() - began:.0f} s"
    print(f"{flow.count} commands ({how}), {read} files read: {len(hits)} hits. After purge, {read_after} files: {len(after)} hits.")
    print(f"Planted canaries found: {len(seen)} of {len(codings)} codings. {took}")
    sys.exit(1 if hits or after or unnamed or missed else 0)


if __name__ == "__main__":
    main()
