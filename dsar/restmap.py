"""How a service with a REST interface is asked, as the data map says it; `connectors.rest` does it."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Auth(_Model):
    """One way to prove who asks; secrets are named as `${NAME}`."""

    bearer: str = ""
    basic: str = ""  # user:password
    header: str = ""  # its name; the value stands in `value`
    value: str = ""


class Service(_Model):
    """What holds for every call to a service."""

    auth: Auth = Auth()
    headers: dict[str, str] = {}
    per_second: float = Field(default=5, gt=0)  # calls
    calls: int = Field(default=20_000, gt=0)  # a read that needs more is broken off


class Pages(_Model):
    """How the next page is asked for, and how a page says that there is one.

    `cursor`: the value at `next` is sent as `parameter`. `last`: the last record's `key`, while `more`
    is true. `offset`: how many records came so far, until there are `total`. `link`: the address at
    `next`, or in the Link header. Dotted names lead into the answer.
    """

    by: Literal["cursor", "last", "offset", "link"]
    parameter: str = ""
    next: str = ""
    key: str = "id"
    more: str = ""
    total: str = ""


class LookUp(_Model):
    """How records are asked for by one kind of identifier.

    `{value}` stands for the identifier; `{value:md5}` for its hash, `{value:quoted}` with backslashes
    before quotes. In a body, `{columns:PREFIX}` is the list of the map's columns of that beginning.
    """

    path: str
    method: Literal["GET", "POST"] = "GET"
    query: dict[str, str] = {}
    body: dict[str, object] = {}
    records: str = ""  # where the list stands in the answer; the answer itself, one record or a list, unless said
    pages: Pages | None = None
    absent: bool = False  # 404 says that there is no such record; then `probe` must be there
    fuzzy: bool = False  # answers with similar ones too
    bears: str = ""  # a column that takes the identifier, where the records do not repeat it


class Listed(_Model):
    """Where a service lists what its records may hold: then a column that the map does not know is told."""

    path: str
    records: str = ""
    name: str = "name"
    prefix: str = ""  # what stands before the names in a record


class Removal(_Model):
    """The call that a service documents for deleting one record for good; `{value}` stands for its key."""

    path: str
    method: Literal["DELETE", "POST"] = "DELETE"
    body: dict[str, object] = {}


class Records(_Model):
    """How the records of one table are asked for: per kind of identifier of its `match`."""

    look_up: dict[str, LookUp] = Field(min_length=1)
    listed: Listed | None = None
    delete: Removal | None = None  # without it the table is erased from by hand
    probe: str = ""  # a path that must answer, lest a wrong address pass for "nothing"
