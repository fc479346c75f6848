"""A shell for the commands of the documents: `dsar` runs in this process, since starting it anew costs two seconds each time; all else is bash."""

import contextlib
import io
import os
import shlex
import subprocess
import sys
from pathlib import Path

from dsar import cli, cli_answer

STATUS_ONE = "exit status 1"  # what a comment says of a command that finds something


class Shell:
    def __init__(self, folder, monkeypatch):
        self.folder, self.patch = folder, monkeypatch
        monkeypatch.chdir(folder)
        monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
        monkeypatch.setenv("COLUMNS", "200")
        monkeypatch.setattr(cli_answer.out, "width", 200)  # it was made before
        for name in ("DSAR_WORKSPACE", "DSAR_NOW", "DSAR_USER"):
            monkeypatch.delenv(name, raising=False)
        self.printed = ""

    def run(self, line):
        """Run a line, and return what it printed; its exit status is 0, or the one that its comment names."""
        words = [os.path.expandvars(word) for word in shlex.split(line, comments=True)]
        allowed = {0, 1} if STATUS_ONE in line else {0}
        if words[0] == "export":
            name, _, value = words[1].partition("=")
            self.patch.setenv(name, value)
            return ""
        if words[0] == "cd":
            self.patch.chdir(words[1])
            return ""
        status, printed = self._dsar(words[1:]) if words[0] == "dsar" and not {"|", "&&"} & set(words) else self._bash(line)
        assert status in allowed, f"{line}\nended with {status}\n{printed}"
        self.printed += printed
        return printed

    def _dsar(self, words):
        target, mode = None, "w"
        if len(words) > 1 and words[-2] in {">", ">>"}:
            target, mode, words = Path(words[-1]), {">": "w", ">>": "a"}[words[-2]], words[:-2]
        out, err = io.StringIO(), io.StringIO()
        self.patch.setattr(sys, "argv", ["dsar", *words])
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                cli.main()
                status = 0
            except SystemExit as ended:
                status = ended.code or 0
        if target:
            with target.open(mode, encoding="utf-8") as stream:
                stream.write(out.getvalue())
        return status, ("" if target else out.getvalue()) + err.getvalue()

    def _bash(self, line):
        done = subprocess.run(["bash", "-euc", line], capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr
