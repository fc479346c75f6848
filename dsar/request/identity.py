"""Identifiers and their standing: what a person proved, what they claim, what a source issued."""

from dataclasses import dataclass
from typing import Literal

Standing = Literal["verified", "claimed", "derived"]


@dataclass(frozen=True)
class Identifier:
    """One identifier in normal form (`dsar.kinds`); `kind` is global or `source.kind`."""

    kind: str
    value: str
    standing: Standing
