"""A system that holds personal data, and how a table in it is named elsewhere."""

from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator, Field

from dsar import restmap
from dsar.datamap.table import Table
from dsar.datamap.words import Model, form, zone_name


class Backup(Model):
    """A set of backups: how long one stays until it is overwritten, and what to do after a restore."""

    label: str = Field(min_length=1)
    days: int = Field(gt=0)
    restored: str = "erase again what the replay list names"


class Source(Model):
    """A system, its owner, and the tables in it that hold personal data."""

    connector: Annotated[str, form(r"[\w.]+(:\w+)?", "must be a registered name, such as sql, or module:Class")]
    label: str = Field(min_length=1)
    owner: str = Field(min_length=1)
    role: Literal["controller", "joint", "processor"] = "controller"
    timezone: Annotated[str, AfterValidator(zone_name)] | None = None  # of times stored without one; the controller's unless said
    url: str = ""
    write_url: str = ""
    ca: str = ""  # file of the certificate authorities to trust, where they are the controller's own
    without_tls: str = ""  # why the connection needs no verified TLS: a tunnel that ends on this machine
    rest: restmap.Service = restmap.Service()
    backups: tuple[Backup, ...] = ()
    timeout: int = Field(default=600, gt=0)  # seconds that one statement or call may take
    ignored: dict[str, str] = {}
    tables: dict[str, Table] = Field(min_length=1)


class Address(NamedTuple):
    """The name of a table everywhere outside its source: `source.table`."""

    source: str
    table: str

    def __str__(self) -> str:
        return f"{self.source}.{self.table}"
