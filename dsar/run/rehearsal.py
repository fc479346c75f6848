"""A whole answer about an invented person, made before anybody's data are there.

What a program does for the first time costs it most: fonts are found, templates and patterns compiled, validators and statements
built. The warm process does it once, so that no kernel has to; of the invented person nothing else is left.
"""

import os
import warnings
from contextlib import suppress
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa

from dsar import datamap, workspace
from dsar.errors import DsarError
from dsar.find import dossier as dossiers
from dsar.find.dossier import PROVENANCE, Dossier, Found, as_key
from dsar.find.outcome import Outcome
from dsar.keep import asof
from dsar.patience import PLAIN
from dsar.request.request import Request

_MORE = """
born = { category = "user", label = "Born", type = "date" }
seen = { category = "user", label = "Seen", type = "datetime" }
owed = { category = "user", label = "Owed", type = "decimal(9,2)" }
"""
_REQUESTS = """id,received,rights,identifiers,verified_on,no_reasonable_doubt
R-0,2026-01-05,portability;erasure;access,email=ann@example.org,2026-01-05,
"""
_SEEN = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
_ROWS: dict[str, list[object]] = {
    "id": [1, 2],
    "email": ["ann@example.org", "ann@example.org"],
    "name": ["Ann Example", "آن & <Ann> Ünïcode 50% \\n /w8AAAAAAAAAAAA="],
    "born": [date(1990, 2, 3), None],
    "seen": [_SEEN, _SEEN.replace(month=3)],
    "owed": [Decimal("19.90"), Decimal("-1.00")],
}
_WHY = ("", "email", "found", None, "email", None, None)


def rehearse(map_: Path | None = None) -> None:
    """Make an answer and a worklist in a folder that is removed again; read a workspace's map, which holds nobody's data.

    Changes the environment, which each kernel gets anew.
    """
    os.environ.pop("DSAR_REGISTER", None)  # else the invented person would be registered there
    os.environ.pop("DSAR_KEYS", None)
    os.environ["DSAR_NOW"] = "2026-02-01T09:00:00+00:00"
    os.environ[PLAIN] = "1"  # nobody waits for it
    if map_ is not None:
        with suppress(DsarError):  # whoever opens the workspace is told
            datamap.read(map_)
    with TemporaryDirectory(prefix="dsar-") as folder, warnings.catch_warnings():  # what warns once still warns in each kernel
        _answer(Path(folder))
    dossiers.forget()


def _answer(folder: Path) -> None:
    template = Path(workspace.__file__).parent / "templates" / "dsar.toml"
    (folder / "dsar.toml").write_text(template.read_text(encoding="utf-8") + _MORE, encoding="utf-8")
    (folder / "requests.csv").write_text(_REQUESTS, encoding="utf-8")
    ws = workspace.open_workspace(folder)
    request = ws.request("R-0")
    _invented(ws, request).save(ws.case(request) / "dossier")
    asof.note(ws.root, [ws.case(request)])
    dossier = ws.collect(request)
    for shown in (
        ws.header(request),
        dossier,
        ws.portability(request),
        dossier.held,
        ws.open_points(request),
        ws.difference(request),
        ws.plan(request),
    ):
        shown._repr_html_()
    dossier.chart()
    for written in (ws.export(request), ws.checklist(request)):
        written._repr_html_()
    ws.register.engine.dispose()


def _invented(ws: workspace.Workspace, request: Request) -> Dossier:
    ((address, _),) = ws.datamap.tables()
    count = len(_ROWS["id"])
    why = {name: pa.array([value] * count, pa.string()) for name, value in zip(PROVENANCE, _WHY, strict=True)}
    why["dsar_key"] = pa.array([as_key(i) for i in _ROWS["id"]])
    table = pa.table({**_ROWS, **why})
    return Dossier(request, ws.datamap, ws.clock(), {address: Found(Outcome("found", count, searched_by=("email",)), table)}, {})
