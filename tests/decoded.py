"""Read outgoing files as a stranger would: unpack everything, to the text inside."""

import html
import io
import zipfile


def decoded(path):
    """Yield (name, text) for a file and, where it is a zip or a workbook, for everything inside."""
    yield from _decode(path.name, path.read_bytes())


def _decode(name, data):
    if data[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for inside in archive.namelist():
                yield from _decode(f"{name}/{inside}", archive.read(inside))
    else:
        yield name, html.unescape(data.decode("utf-8", errors="replace"))
