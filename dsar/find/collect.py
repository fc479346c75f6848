"""Collect for many requests at once: each table is read once, whoever asks and however many.

Identifiers the requester gave, and keys the sources issue for rows already theirs, pull rows in.
What could be somebody else's is held (`dsar.find.hold`) and, but for claims, leads no further.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from dsar.datamap import DataMap
from dsar.errors import DsarError
from dsar.find.collection import Clock, Collection, Progress
from dsar.find.dossier import Dossier
from dsar.find.reading import read_all
from dsar.find.recall import recall
from dsar.find.remembered import Remembered
from dsar.find.result import dossiers
from dsar.find.retreat import take_back
from dsar.find.review import Rulings
from dsar.request.request import Request
from dsar.source import Source

__all__ = ["Clock", "Progress", "collect"]


def collect(
    requests: Sequence[Request],
    datamap: DataMap,
    sources: Mapping[str, Source | DsarError],
    clock: Clock,
    progress: Progress = lambda _: None,
    rulings: Mapping[str, Rulings] = MappingProxyType({}),
    remembered: Mapping[str, Sequence[Remembered]] = MappingProxyType({}),
) -> dict[str, Dossier]:
    """Return one dossier per request id; `rulings` are what people ruled on what was held, and `remembered` rows of earlier plans, by request.

    `sources` holds, per source of the map, the source or the error that kept it from being opened.
    A source that fails makes its tables failed; the others are collected all the same.
    """
    collection = Collection(requests, datamap, sources, clock, rulings)
    read_all(collection, progress)
    take_back(collection)
    if recall(collection, remembered):
        read_all(collection, progress)
        take_back(collection)
    return dossiers(collection)
