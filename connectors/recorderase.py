"""Changes in services, record by record, by the call that the service documents for it.

A service keeps no transaction: each record is read by its key and compared just before its call, and read once more after it,
since an answer that says "deleted" is no proof. What a service refuses stays as it is and is told.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Protocol

from connectors import exact
from connectors.sqltable import is_done
from dsar import values
from dsar.errors import NotOffered, SourceBroken, SourceUnreachable
from dsar.source import Change, Keys, Result, Rows, Settings, Source

Delete = Callable[[str, tuple[object, ...]], None]


class Calls(Protocol):
    """How one service deletes or changes a record; each raises `SourceBroken` where the service refuses."""

    def delete(self, table: str, key: tuple[object, ...]) -> None:
        """Delete a record for good."""
        ...

    def write(self, table: str, key: tuple[object, ...], new: Mapping[str, object]) -> None:
        """Change columns of a record; raises `NotOffered` where the service cannot."""
        ...

    def anonymise(self, table: str, key: tuple[object, ...], new: Mapping[str, object]) -> None:
        """Change columns so that nothing of its person stays in a record, by the way the service has for that, if it has one."""
        ...


class RecordEraser:
    """The records of one service, to be changed through `calls`; `source` reads them."""

    def __init__(self, settings: Settings, source: Source, calls: Calls) -> None:
        self.settings, self.source, self.calls = settings, source, calls

    @contextmanager
    def begin(self, changes: Sequence[Change], *, commit: bool) -> Iterator["RecordSession"]:
        """Yield a session that makes each change at once; without `commit` it only looks whether it could."""
        yield RecordSession(self.source, self.settings, self.calls, commit=commit and bool(changes))


class RecordSession:
    """Changes made one by one."""

    def __init__(self, source: Source, settings: Settings, calls: Calls, *, commit: bool) -> None:
        self.source, self.settings, self.calls, self.commit = source, settings, calls, commit

    def apply(self, change: Change) -> Result:
        """Compare the record as it is now, make the change, and look whether it was made."""
        row = self._row(change)
        if row is None:
            return Result("already") if change.new is None else Result("changed since", "the record is gone")
        table = exact.mapped(self.settings, change.table)
        if table.own_hash(row) != change.seen:
            done = change.new is not None and is_done(table, row, change)
            return Result("already") if done else Result("changed since", "the record is not what it was when its erasure was planned")
        if not self.commit:
            return Result("done")
        try:
            if change.new is None:
                self.calls.delete(change.table, change.key)
            else:
                write = self.calls.anonymise if change.whole else self.calls.write
                write(change.table, change.key, change.new)
        except (SourceBroken, NotOffered) as error:
            return Result("refused", error.what)
        after = self._row(change)
        made = after is None if change.new is None else after is not None and is_done(table, after, change)
        return Result("done") if made else Result("refused", "the service says that it is done, and the record is as it was")

    def _row(self, change: Change) -> dict[str, object] | None:
        key = exact.mapped(self.settings, change.table).key
        found = [row for part in self.source.read(Keys(change.table, (change.key,))) if isinstance(part, Rows) for row in values.rows(part.frame)]
        if len(found) > 1:
            raise SourceBroken(f"{len(found)} records bear one {'/'.join(key)}", where=f"{self.settings.name}.{change.table}", remedy="look at them")
        return found[0] if found else None


def writing(settings: Settings) -> Settings:
    """Return the settings under which a service is written to; raises `SourceUnreachable` where the map names no address."""
    if not settings.declared.write_url:
        raise SourceUnreachable(
            "the map names no address under which records may be changed",
            where=f"sources.{settings.name}",
            remedy="set `write_url` in dsar.toml, or work off the checklist",
        )
    return replace(settings, declared=settings.declared.model_copy(update={"url": settings.declared.write_url}))
