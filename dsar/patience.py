"""Whoever waits for more than two seconds is told what for: a bar that comes late and goes when it is done, in a notebook and a terminal alike.

Where nobody looks on (a batch's kernels, a pipe, a log) nothing is shown.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from html import escape
from threading import Event, Thread
from time import monotonic
from typing import Any, ParamSpec, Protocol, TypeVar

PLAIN = "DSAR_PLAIN"  # set where nobody looks on
AFTER, EVERY = 2.0, 0.5  # seconds until a bar is shown, and between two looks at it
_P = ParamSpec("_P")
_R = TypeVar("_R")


class Shown(Protocol):
    """A bar on a screen."""

    def tell(self, what: str, seconds: float, part: float | None) -> None:
        """Show what is being done, for how long by now, and which part of it is done where that is known."""

    def end(self) -> None:
        """Take it away."""


class Waiting:
    """What somebody waits for; called with what is being done now, and how many of how many such there are."""

    def __init__(self, what: str) -> None:
        self.what, self.part, self.began, self._over = what, None, monotonic(), Event()  # type: tuple[str, float | None, float, Event]

    def __call__(self, what: str, done: int = 0, total: int = 0) -> None:
        """Say what is being done from now on."""
        self.what, self.part = what, (done / total if total else None)

    def watch(self, show: Callable[[], Shown]) -> None:
        """Show it from the second second on, until it is over."""
        if self._over.wait(AFTER):
            return
        bar = show()
        while True:
            bar.tell(self.what, monotonic() - self.began, self.part)
            if self._over.wait(EVERY):
                break
        bar.end()

    def over(self) -> None:
        """End the watch."""
        self._over.set()


_now: list[Waiting] = []  # one bar at a time: what is begun within a wait is told by its bar


@contextmanager
def patience(what: str) -> Iterator[Waiting]:
    """Tell of a wait, if it gets long; yields what to call with each step."""
    show = _screen()
    if _now or show is None:
        yield _now[0] if _now else Waiting(what)
        return
    waiting = Waiting(what)
    _now.append(waiting)
    watch = Thread(target=waiting.watch, args=(show,), daemon=True)
    watch.start()
    try:
        yield waiting
    finally:
        _now.clear()
        waiting.over()
        watch.join()


def patiently(what: str) -> Callable[[Callable[_P, _R]], Callable[_P, _R]]:
    """Tell of a wait for this function, if it gets long."""

    def decorated(function: Callable[_P, _R]) -> Callable[_P, _R]:
        @wraps(function)
        def waited(*args: _P.args, **kwargs: _P.kwargs) -> _R:
            with patience(what):
                return function(*args, **kwargs)

        return waited

    return decorated


def _screen() -> Callable[[], Shown] | None:
    """Return what shows a bar here, or None where nobody looks on."""
    if os.environ.get(PLAIN):
        return None
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    if shell is not None and hasattr(shell, "kernel"):
        return _Notebook
    return _Terminal if sys.stderr.isatty() else None


class _Notebook:
    """A bar in the output of a cell: no widget, so that JupyterLab, VS Code and an executed notebook show the same."""

    def __init__(self) -> None:
        from IPython.display import display

        self.handle: Any = display({"text/plain": ""}, raw=True, display_id=True)  # type: ignore[no-untyped-call]

    def tell(self, what: str, seconds: float, part: float | None) -> None:
        value = "" if part is None else f' value="{part:.3f}"'
        html = f'<progress{value} aria-label="in progress"></progress> {escape(what)} … {seconds:.0f} s'
        self.handle.update({"text/html": html, "text/plain": f"{what} … {seconds:.0f} s"}, raw=True)

    def end(self) -> None:
        self.handle.update({"text/plain": ""}, raw=True)


class _Terminal:
    """A bar in a terminal."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        self.bar = Progress(TextColumn("{task.description}", markup=False), BarColumn(), console=Console(stderr=True), transient=True)
        self.task = self.bar.add_task("", total=None)
        self.bar.start()

    def tell(self, what: str, seconds: float, part: float | None) -> None:
        self.bar.update(self.task, description=f"{what} … {seconds:.0f} s", total=None if part is None else 1.0, completed=part or 0.0)

    def end(self) -> None:
        self.bar.stop()
