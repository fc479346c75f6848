"""Mailman 3: addresses, users, memberships, held posts, open requests and bans, through its REST interface.

Unsubscribing leaves the address, the user with the display name, and bans: `addresses` and `users`
find them. Held posts, requests and bans can only be read list by list, once per read however many ask.
Archives (HyperKitty) are another system.
"""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from connectors.http import Absent, Service, service
from connectors.rest import Rest, flat
from dsar.errors import SourceBroken
from dsar.source import Schema, Want

_PAGE = 100
_PER_LIST = {"held": "held", "requests": "requests", "bans": "bans"}
TABLES = ("addresses", "users", "members", *_PER_LIST)


class Mailman(Rest):
    """The subscribers and posts of a Mailman installation; `url` ends in the interface's version, such as /3.1."""

    def schema(self) -> Mapping[str, Schema]:
        """Return all tables, the mapped ones as declared; raises where the service does not answer."""
        with service(self.settings, "") as client:
            _get(client, "/system/versions")
        mapped = self.settings.declared.tables
        return {name: Schema(dict.fromkeys(mapped[name].columns), mapped[name].key) if name in mapped else Schema({}) for name in TABLES}

    def searchable(self, table: str, want: Want) -> bool:  # noqa: ARG002
        """Whether Mailman can be asked by this kind of identifier: by address only."""
        return want.kind == "email"

    def fuzzy(self, table: str, want: Want) -> bool:  # noqa: ARG002
        """Whether a table can only be read whole."""
        return table in _PER_LIST

    def fetch(self, client: Service, table: str, want: Want) -> list[dict[str, object]]:
        """Return the records of one subscriber, or all of a table that is kept per list."""
        columns = tuple(self.settings.declared.tables[table].columns)
        return [flat(_plain(record), columns) for record in self._records(client, table, want)]

    def _records(self, client: Service, table: str, want: Want) -> list[dict[str, Any]]:
        value = quote(want.value, safe="")
        match table:
            case "addresses":
                return _one(client, f"/addresses/{value}")
            case "users":
                return [{**user, "email": want.value, "addresses": _of_user(client, user)} for user in _one(client, f"/addresses/{value}/user")]
            case "members":
                return list(_entries(client, "/members/find", {"subscriber": want.value}))
            case "held" | "requests" | "bans":
                return _kept_per_list(client, table)
        raise SourceBroken("Mailman has no such table", where=client.at, remedy=f"it has {', '.join(TABLES)}")


def _kept_per_list(client: Service, table: str) -> list[dict[str, Any]]:
    """Return all records of all lists; read once for all who ask in one read."""
    known: dict[str, list[dict[str, Any]]] = client.memory
    if table not in known:
        lists = [str(found["list_id"]) for found in _entries(client, "/lists")]
        found = [{**record, "list_id": name} for name in lists for record in _entries(client, f"/lists/{quote(name, safe='')}/{_PER_LIST[table]}")]
        known[table] = found + ([{**record, "list_id": ""} for record in _entries(client, "/bans")] if table == "bans" else [])
    return known[table]


def _of_user(client: Service, user: Mapping[str, Any]) -> list[str]:
    return [str(found["email"]) for found in _entries(client, f"/users/{user['user_id']}/addresses")]


def _one(client: Service, path: str) -> list[dict[str, Any]]:
    try:
        return [_get(client, path)]
    except Absent:
        # The service itself answered at the start of the collect; so that a wrong address cannot pass for "nothing", ask it again.
        try:
            _get(client, "/system/versions")
        except Absent as error:
            raise SourceBroken("Mailman's interface is not at this address (status 404)", where=client.at, remedy="mend `url`: …/3.1") from error
        return []


def _entries(client: Service, path: str, query: Mapping[str, str] | None = None) -> Iterator[dict[str, Any]]:
    """Yield all entries of a collection, page by page; raises `SourceBroken` where fewer come than it says."""
    came, page = 0, 1
    while True:
        try:
            answer = _get(client, path, {**(query or {}), "count": str(_PAGE), "page": str(page)})
        except Absent as error:
            raise SourceBroken("there is nothing at this address (status 404)", where=client.at, remedy="mend `url`: …/3.1") from error
        entries = answer.get("entries", [])
        yield from entries
        came, page = came + len(entries), page + 1
        total = answer.get("total_size")
        if not isinstance(total, int) or (not entries and came < total):
            raise SourceBroken("a page is missing", where=client.at, remedy="collect again")
        if came >= total:
            return


def _get(client: Service, path: str, query: Mapping[str, str] | None = None) -> dict[str, Any]:
    answer, _ = client.ask("GET", path, query=query)
    if not isinstance(answer, dict):
        raise SourceBroken("the answer is not Mailman's", where=client.at, remedy="mend `url`: …/3.1")
    return answer


def _plain(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record without the interface's own addresses and tags."""
    return {name: value for name, value in record.items() if name not in {"self_link", "http_etag"}}
