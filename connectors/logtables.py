"""Where the logs of each table of a source lie, raw and kept, what columns they have, and how their faults are told."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from connectors import exact, logblocks, logfiles
from connectors.logfiles import LogFile
from connectors.logline import COLUMNS, MORE
from dsar.errors import DsarError, SourceBroken, SourceUnreachable
from dsar.files import private_dir
from dsar.source import Settings

MOUNT = "correct `file.path` in dsar.toml, or mount the logs; where raw files are deleted once they are in the store, set `file.missing_ok = true`"


class LogTables:
    """The tables of a source of logs."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def plain(self, table: str) -> bool:
        """Whether the client field, as the line begins with it, tells all."""
        mapped = exact.mapped(self.settings, table)
        declared = mapped.file
        return declared is None or (declared.format == "combined" and not declared.trusted and set(mapped.match) == {"ip"})

    def columns(self, table: str) -> Mapping[str, str]:
        """Return the columns of a table, with their types."""
        return COLUMNS if self.plain(table) else {**COLUMNS, **MORE}

    @contextmanager
    def files(self, table: str) -> Iterator[list[LogFile]]:
        """Yield the files of a table as they stand now, open; there may be none where a store is and the map says so."""
        with self.faults(table, self.place(table)), self.opened(table) as found:
            yield found

    @contextmanager
    def opened(self, table: str) -> Iterator[list[LogFile]]:
        """Yield what `files` does; raises as `logfiles.snapshot`."""
        place = self.place(table)
        with ExitStack() as stack:
            try:
                found = stack.enter_context(logfiles.snapshot(place.parent, place.name))
            except FileNotFoundError:
                declared = exact.mapped(self.settings, table).file
                # An empty folder is also what a mount that failed leaves: the store alone would be an answer without the newest lines.
                if not (declared and declared.missing_ok and self.store(table) and place.parent.is_dir()):
                    raise
                found = []
            yield logblocks.without_copies(found)

    def store(self, table: str, *, made: bool = False) -> Path | None:
        """Return the folder of a table's kept store, where the map names one and there is one, or it is to be made."""
        declared = exact.mapped(self.settings, table).file
        if declared is None or not declared.store:
            return None
        if not self.plain(table):
            at, remedy = f"{self.settings.name}.{table}", "take `store` out of dsar.toml, or match by ip alone"
            raise SourceBroken("a kept store answers for addresses in the plain combined format only", where=at, remedy=remedy)
        folder = self.settings.root / self.settings.expand(declared.store)
        if made:
            private_dir(folder)
        return folder if made or (folder / "files").is_dir() else None

    @contextmanager
    def faults(self, table: str, path: Path) -> Iterator[None]:
        """Tell what reading raises as `SourceUnreachable` or `SourceBroken`."""
        at = f"{self.settings.name}.{table}"
        try:
            yield
        except DsarError:
            raise
        except FileNotFoundError as error:
            raise SourceUnreachable("no log file is there", where=at, remedy=MOUNT) from error
        except (PermissionError, IsADirectoryError) as error:
            raise SourceUnreachable(f"{path.name} cannot be opened ({type(error).__name__})", where=at, remedy="then collect again") from error
        except logblocks.DAMAGED as error:
            raise SourceBroken(f"{path.name} is damaged or not whole ({type(error).__name__})", where=at, remedy="bring it back whole") from error

    def paths(self, table: str) -> list[Path]:
        """Return the files of a table, in the order of their names; raises as `files`."""
        with self.files(table) as found:
            return [file.path for file in found]

    def place(self, table: str) -> Path:
        """Return the folder and the pattern of a table's files; raises `SourceBroken` where the folder is a pattern too."""
        file = exact.mapped(self.settings, table).file
        if file is None:
            remedy = 'set file = { path = "logs/access*" } in dsar.toml'
            raise SourceBroken("names no files", where=f"{self.settings.name}.{table}", remedy=remedy)
        place = self.settings.root / self.settings.expand(file.path)
        if not place.parent.is_dir() and any(sign in str(place.parent) for sign in "*?["):
            # A row is known by the name of its file, which says nothing of the folder.
            at, remedy = f"{self.settings.name}.{table}", "map the logs of each folder as a table of their own"
            raise SourceBroken("only the last part of `file.path` can be a pattern", where=at, remedy=remedy)
        return place

    def folder(self) -> Path:
        """Return the folder `url` in which all files have to be mapped; raises `SourceUnreachable`."""
        folder = self.settings.root / self.settings.expand(self.settings.declared.url)
        if not folder.is_dir():
            raise SourceUnreachable("there is no such folder", where=f"sources.{self.settings.name}.url", remedy="mount the logs")
        return folder
