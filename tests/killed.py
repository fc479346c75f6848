"""A program that is killed at a moment of its work."""

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
