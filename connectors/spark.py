"""Tables on Spark, through Ibis: the engine for what outgrows one machine.

`url` is a Spark master (`local[2]`, `spark://host:7077`) or a Spark Connect address (`sc://host`);
tables are those of its catalogue, or the folders and files that the map names (`file.path`:
parquet, csv, JSON lines; any file system that the cluster reads). A session takes seconds to start
and is kept. What the cluster tells apart only by its own types is read as text unless the map
declares a `type`: csv and JSON lines have none.
"""

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from connectors import transport
from connectors.engine import Engine
from dsar import datamap
from dsar.errors import SourceBroken, SourceUnreachable

_SETTINGS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
    "spark.sql.execution.arrow.maxRecordsPerBatch": "10000",
    "spark.sql.parquet.int96RebaseModeInRead": "CORRECTED",
    "spark.sql.parquet.datetimeRebaseModeInRead": "CORRECTED",
    "spark.sql.ansi.enabled": "true",  # what does not fit is an error, never NULL
    "spark.ui.enabled": "false",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
}
_LOCAL = {*(k for k in _SETTINGS if k.startswith(("spark.ui", "spark.driver")))}
_ENDINGS = {".parquet": "parquet", ".csv": "csv", ".tsv": "csv", ".jsonl": "json", ".ndjson": "json", ".json": "json"}
_sessions: dict[str, Any] = {}
_one_at_a_time = threading.Lock()


class Spark(Engine):
    """The tables of a Spark cluster, or files read by it."""

    def connect(self) -> Any:
        """Return an Ibis backend on a session that is kept."""
        url = self.settings.expand(self.settings.declared.url)
        transport.of_spark(self.settings, url)
        with _one_at_a_time:
            if url not in _sessions:
                _sessions[url] = _session(url, self.settings.name)
        return _sessions[url]

    def names(self, backend: Any) -> Sequence[str]:
        """Return the mapped files, and the tables of the catalogue where the map names none."""
        mapped = [name for name, table in self.settings.declared.tables.items() if table.file]
        listed = [row.tableName for row in backend._session.sql("SHOW TABLES").collect() if not row.isTemporary] if not mapped else []  # noqa: SLF001 - Ibis lists temporary views too
        return [*mapped, *listed]

    def table(self, backend: Any, name: str) -> Any:
        """Return a table as an Ibis expression; raises `SourceUnreachable` where its files are not there."""
        mapped = self.settings.declared.tables.get(name)
        if mapped is None or mapped.file is None:
            return backend.table(name)
        frame = _files(backend._session, self._path(mapped.file.path), mapped.file, f"{self.settings.name}.{name}")  # noqa: SLF001 - Ibis reads csv in its lenient mode
        view = f"dsar_{self.settings.name}_{name}".replace("`", "")
        frame.createOrReplaceTempView(f"`{view}`")
        return backend.table(view)

    def chunks(self, backend: Any, expression: Any) -> Iterator[pa.Table]:
        """Yield the rows of an expression; Ibis's own way would go through pandas, and round."""
        found = backend._session.sql(backend.compile(expression)).toArrow()  # noqa: SLF001
        if len(found):
            yield found

    def _path(self, text: str) -> str:
        expanded = self.settings.expand(text)
        return expanded if "://" in expanded else str((self.settings.root / expanded).absolute())


def _session(url: str, source: str) -> Any:
    try:
        import ibis
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise SourceUnreachable("Spark is not installed", where=f"sources.{source}", remedy="pip install 'dsar[spark]'; it needs Java 17") from error
    connect = url.startswith("sc://")
    builder = SparkSession.builder.remote(url) if connect else SparkSession.builder.master(url)
    for key, value in _SETTINGS.items():
        if not connect or key not in _LOCAL:
            builder = builder.config(key, value)
    return ibis.pyspark.connect(builder.getOrCreate())


def _files(session: Any, path: str, file: datamap.File, at: str) -> Any:
    form = _form(path)
    if form is None:
        raise SourceBroken("its files are none of parquet, csv and JSON lines", where=at, remedy="name them with their ending: events/*.parquet")
    options: dict[str, Any] = {"mode": "FAILFAST"}  # a row that is cut short is an error, never half a row
    if form == "csv":
        options |= {
            "header": True,
            "inferSchema": False,
            "multiLine": True,
            "escape": '"',
            "encoding": file.encoding or "utf-8",
            "sep": file.delimiter or ",",
        }
        options |= {"enforceSchema": False, "maxCharsPerColumn": 2**24}
    if form == "json":
        options |= {"primitivesAsString": True}
    try:
        return session.read.options(**options).format(form).load(path)
    except Exception as error:
        if "PATH_NOT_FOUND" in str(error):
            raise SourceUnreachable("its files are not there", where=at, remedy="put the exported files there") from error
        raise


def _form(path: str) -> str | None:
    """Return how the files of a folder, of a pattern, or one file are written."""
    known = _ENDINGS.get(Path(path.removesuffix(".gz")).suffix.lower())
    local = Path(path)
    if known or not local.is_dir():
        return known
    inside = {
        _ENDINGS.get(Path(p.name.removesuffix(".gz")).suffix.lower()) for p in local.rglob("*") if p.is_file() and not p.name.startswith((".", "_"))
    }
    return inside.pop() if len(inside) == 1 else None
