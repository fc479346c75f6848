"""A program that is killed at a moment of its work, and the moments at which to kill it."""

import itertools
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]


def killed(program, folder, after):
    """Run a program on a folder, kill it so many seconds after its first line, and return whether it was cut short."""
    with subprocess.Popen([sys.executable, "-c", program, str(folder)], stdout=subprocess.PIPE, cwd=ROOT) as child:
        child.stdout.readline()
        time.sleep(after)
        child.send_signal(signal.SIGKILL)
        return child.wait() != 0


def moments(steps, most):
    """Return the first step and the last, and between them one drawn from each of `most` - 2 stretches (`DSAR_KILLS`: another number)."""
    most = max(3, int(os.environ.get("DSAR_KILLS", most)))
    if most >= steps:
        return list(range(1, steps + 1))
    ends = [2 + (steps - 2) * n // (most - 2) for n in range(most - 1)]
    return [1, *(random.randrange(low, high) for low, high in itertools.pairwise(ends)), steps]
