"""The command run in this process, where what is tested is not that it is one of its own: starting one costs two seconds."""

import io
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout

import pytest

from dsar import cli


def command(*words):
    """Run `dsar` with these words, and return what a process would have: status, standard output and standard error."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr(sys, "argv", ["dsar", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
    return subprocess.CompletedProcess(words, ended.value.code or 0, out.getvalue(), err.getvalue())
