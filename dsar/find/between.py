"""Rows that the requests of two people reach: whoever is asked first or last, neither has them before a person ruled."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from dsar.find.dossier import Dossier
from dsar.request.request import Request


def same_subject(one: Request, other: Request) -> bool:
    """Return whether two requests are one person's: what one of them proved, the other proved too."""
    mine, theirs = ({(i.kind, i.value) for i in r.identifiers if i.standing == "verified"} for r in (one, other))
    return bool(mine and theirs) and (mine <= theirs or theirs <= mine)


def contested(found_by: Mapping[int, Iterable[Request]]) -> dict[str, set[int]]:
    """Return per request the rows, by position, that are found for another request, of somebody else, as well."""
    held: dict[str, set[int]] = defaultdict(set)
    for position, requests in found_by.items():
        for one in requests:
            if any(not same_subject(one, other) for other in requests if other is not one):
                held[one.id].add(position)
    return held


def earlier(fresh: Mapping[str, Dossier], snapshots: Iterable[Dossier]) -> list[Request]:
    """Return the requests of other people whose snapshot, taken before, found a row that is found now."""
    bearers: dict[str, list[Request]] = defaultdict(list)
    for dossier in fresh.values():
        for name in dossier.names:
            bearers[name].append(dossier.request)
    return [
        before.request
        for before in snapshots
        if any(not same_subject(before.request, request) for name in before.names & bearers.keys() for request in bearers[name])
    ]
