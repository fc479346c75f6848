"""Possible duplicates against the FEBRL data sets 1 and 2, in which every record's double is known."""

from pathlib import Path

import pandas as pd

from dsar.find.similar import similar

SETS = Path(__file__).parent.parent / "tests" / "data" / "febrl"


def febrl() -> dict[str, float]:
    """Return recall and precision of both sets, as shares of pairs."""
    return {f"FEBRL {number}, {name}": share for number in (1, 2) for name, share in _shares(number).items()}


def records(number: int) -> pd.DataFrame:
    """The records of a set, in the fields of `similar`, with `key`."""
    raw = pd.read_csv(SETS / f"dataset{number}.csv.gz", skipinitialspace=True, dtype=str, keep_default_na=False)
    return pd.DataFrame(
        {
            "key": raw["rec_id"],
            "first": raw["given_name"],
            "last": raw["surname"],
            "street": raw["street_number"] + " " + raw["address_1"],
            "postcode": raw["postcode"],
            "city": raw["suburb"],
            "birth": raw["date_of_birth"],
            "national": raw["soc_sec_id"],
        }
    )


def _shares(number: int) -> dict[str, float]:
    frame = records(number)
    found = similar(frame.rename(columns={"key": "subject"}), frame, linked=set(zip(frame["key"], frame["key"], strict=True)))
    said = {frozenset(pair) for pair in zip(found["subject"], found["key"], strict=True)}
    original = frame["key"].str.extract(r"rec-(\d+)-")[0]
    true = {frozenset(pair) for _, group in frame["key"].groupby(original) for pair in ((a, b) for a in group for b in group if a < b)}
    return {"recall": len(said & true) / len(true), "precision": len(said & true) / len(said)}
