"""What a second pair of eyes looks at before an answer leaves: the recipient, the files, and three values."""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from dsar import files, values
from dsar.answer import workbook
from dsar.answer.layout import Facts, Grid, Heading, Page, Paragraph, Value, Worklist
from dsar.datamap import Address
from dsar.find.dossier import Dossier

VALUES = 3
_WHOSE = ("user.name", "user.contact", "user.unique_id", "user.account", "user.device.ip_address", "user.payment")  # tell one person from another
HEADER = ("System", "Record", "Key", "Column", "In our answer", "In the system too?", "Checked by", "Remark")
TICK, BY = HEADER[5:7]
_HOW = (
    "Read the address letter by letter, against the request. Open each file. Then look the three values up in the systems themselves: "
    "the sheet Three values says where. If one of them is not there, or is another person's, stop: nothing is sent."
)

_BY_HAND = "nobody by mail: a link behind a login, or post"


def name(request_id: str) -> str:
    """Return the name of the sheet's file."""
    return f"{request_id}_second-reader.xlsx"


def write(dossier: Dossier, folder: Path, to: str, prepared: Sequence[Path]) -> Path:
    """Write the sheet and return its path; it holds a person's data, so it stays in the case."""
    controller = dossier.datamap.controller
    grid = tuple((path.name, path.stat().st_size, files.sha256(path)) for path in prepared)
    cover = Page(
        "Before this is sent",
        (
            Paragraph(_HOW),
            Facts(
                {
                    "Request": dossier.request.id,
                    "Goes to": to or _BY_HAND,
                    "Received on": dossier.request.received,
                    "From": controller.name,
                }
            ),
            Heading("Files"),
            Grid(("File", "Bytes", "SHA-256"), grid),
        ),
    )
    rows = tuple((*line, "", "", "") for line in _three(dossier))
    steps = Worklist("Three values", HEADER, rows, {TICK: ("yes", "no")}, HEADER[5:], every=True)
    path = folder / name(dossier.request.id)
    return workbook.write(path, [cover, steps], controller=controller.name, zone=controller.zone, attachments_prefix=path.stem)[0]


def _three(dossier: Dossier) -> Iterator[tuple[Value, ...]]:
    """Yield values to look up, each of another table while there are such, those that tell whose they are before others.

    Which ones is fixed by the request, not chosen.
    """
    found = {line: whose for address in dossier.tables for line, whose in _values(dossier, address)}
    order = sorted(found, key=lambda line: (not found[line], sha256(f"{dossier.request.id} {line[1]} {line[2]} {line[3]}".encode()).digest()))
    first = {line[1]: line for line in reversed(order)}
    yield from [*first.values(), *(line for line in order if line not in first.values())][:VALUES]


def _values(dossier: Dossier, address: Address) -> Iterator[tuple[tuple[Value, ...], bool]]:
    """Yield the values of a table's first rows, and whether each tells whose it is."""
    table, source = dossier.datamap.table(address), dossier.datamap.sources[address.source]
    shown = [c for c, column in table.columns.items() if not (column.other_person or column.free_text or c in table.key)]
    for row in values.rows(dossier.rows(address).head(50)):
        key = ", ".join(map(str, json.loads(str(row["dsar_key"]))))
        for column in shown:
            value = row.get(column)
            text = values.as_text(value)
            if text and isinstance(value, datetime) and value.tzinfo is None:
                text += f" ({source.timezone or 'time zone not recorded'})"
            if text and len(text) < 200:
                yield (source.label, table.label, key, table.label_of(column), text), table.columns[column].category.startswith(_WHOSE)
