"""Records of people as they are compared, a person's own and everybody's, and rows by their keys."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pandas as pd

from dsar import values
from dsar.datamap import Address, Table
from dsar.errors import SourceBroken
from dsar.source import Done, Everyone, Keys, Rows, Source

# What a column is compared as, by its fideslang category.
_FIELDS = {
    "user.name.first": "first",
    "user.name.last": "last",
    "user.name": "name",
    "user.contact.email": "email",
    "user.contact.phone_number": "phone",
    "user.contact.address.street": "street",
    "user.contact.address.postal_code": "postcode",
    "user.contact.address.city": "city",
    "user.contact.organization": "company",
    "user.demographic.date_of_birth": "birth",
    "user.government_id": "national",
}


def fields(table: Table) -> dict[str, str]:
    """Return what is compared → the column, of those that are about the person; the first column of each."""
    found: dict[str, str] = {}
    for name, column in table.columns.items():
        field = _FIELDS.get(column.category)
        if field and not column.other_person:
            found.setdefault(field, name)
    return found


def record(row: Mapping[str, Any], table: Table) -> dict[str, str | None]:
    """Return a row as it is compared, as text."""
    return {field: values.as_text(row.get(column)) for field, column in fields(table).items()}


def everybody(source: Source, address: Address, table: Table) -> pd.DataFrame:
    """Return the records of a table of people as they are compared, with the `key` of each; raises `SourceBroken`.

    It is read once, however many ask, and kept in memory only while it is compared.
    """
    columns = tuple(dict.fromkeys((*table.key, *fields(table).values())))
    parts = list(source.read(Everyone(address.table, columns)))
    if not parts or not isinstance(parts[-1], Done):
        raise SourceBroken("the answer stopped before its end", where=str(address), remedy="collect again")
    rows = [row for part in parts if isinstance(part, Rows) for row in values.rows(part.frame)]
    keys = [json.dumps([row[c] for c in table.key], default=values.as_text) for row in rows]
    return _frame({"key": key, **record(row, table)} for key, row in zip(keys, rows, strict=True))


def known(records: Iterable[tuple[str, dict[str, str | None]]]) -> pd.DataFrame:
    """Return the records that are known to be somebody's, as they are compared."""
    return _frame({"subject": subject, **found} for subject, found in records)


def rows_of(source: Source, address: Address, keys: Iterable[str]) -> Iterator[Rows]:
    """Yield the rows with these keys (JSON, as `dsar_key`); raises `SourceBroken`."""
    parts = list(source.read(Keys(address.table, tuple(tuple(json.loads(key)) for key in keys))))
    if not parts or not isinstance(parts[-1], Done):
        raise SourceBroken("the answer stopped before its end", where=str(address), remedy="collect again")
    yield from (part for part in parts if isinstance(part, Rows))


def _frame(records: Iterable[Mapping[str, str | None]]) -> pd.DataFrame:
    return pd.DataFrame(list(records)).astype("object").where(lambda cell: cell.notna(), None)
