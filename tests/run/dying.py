"""Jobs of which one kills the worker that runs it; without notebooks, for which each new worker would start a warm process too."""

import os
import shutil
import signal

from dsar.run import execute


def run(job):
    """Run a job as a batch does, but for its cells."""
    execute._attempt = _die if job.request == "killer" else _succeed
    return execute.run_notebook(job)


def _die(*_):
    os.kill(os.getpid(), signal.SIGKILL)


def _succeed(job, partial):
    shutil.copy(job.notebooks / job.executed.name, partial)
    return "done", ""
