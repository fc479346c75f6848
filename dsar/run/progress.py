"""How far a batch is, and when it will end: the same bars in a terminal and in a notebook."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeElapsedColumn
from rich.text import Text

from dsar.run.jobs import Result


class _End(ProgressColumn):
    max_refresh = 1.0

    def render(self, task: Task) -> Text:
        """Return when the task will have ended, by this machine's clock."""
        if task.finished or task.time_remaining is None:
            return Text("")
        end = datetime.now().astimezone() + timedelta(seconds=task.time_remaining)
        return Text(f"ends about {end:%H:%M}")


class Watched(NamedTuple):
    """What a batch tells its progress to."""

    progress: Progress
    reading: Any
    running: Any

    def collecting(self, table: str) -> None:
        """Show which table is being read."""
        self.progress.update(self.reading, description=f"reading {table}")

    def planned(self, jobs: int) -> None:
        """Show how many notebooks there are."""
        self.progress.update(self.reading, description="read", total=1, completed=1)
        self.progress.update(self.running, total=jobs)

    def finished(self, _: Result) -> None:
        """Show that a notebook ended."""
        self.progress.advance(self.running)


@contextmanager
def watched(console: Console | None = None) -> Iterator[Watched]:
    """Show the progress of a batch while it runs; its methods are the callbacks of `batch`."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), _End())
    with Progress(*columns, console=console, speed_estimate_period=600) as progress:
        yield Watched(progress, progress.add_task("reading", total=None), progress.add_task("notebooks", total=None))
