"""Possible duplicates: records so much like a person's own that they may be the same person's.

Nothing here finds a row for anybody. What it returns is to be held, with the reason in words, until a human decides.
Fellegi and Sunter's model, as Splink computes it on DuckDB, with the fixed tables of `dsar.find.evidence`.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from itertools import groupby

import pandas as pd
import pyarrow as pa

from dsar import kinds
from dsar.find.evidence import FIELDS, PLACE, PLACE_BITS, PRIOR, THRESHOLD

COLUMNS = ("name", *FIELDS)  # what a frame may hold beside its key
FOUND = ("subject", "key", "weight", "why")
_PARTS = ("local", "host", "mailbox")  # of an e-mail address
_PLACEHOLDERS = {"19000101", "19700101"}  # what systems write for a date of birth they were not given
# Pairs that agree on none of these are not looked at. Anything the tables put above the threshold agrees on one, but for values
# that are all misspelt.
_BLOCKS = (
    "l.email = r.email",
    "l.mailbox = r.mailbox",
    "l.phone = r.phone",
    "l.birth = r.birth",
    "l.national = r.national",
    "l.last = r.last",
    "l.first = r.last and l.last = r.first",
    "l.first = r.first and l.postcode = r.postcode",
    "l.first = r.first and l.city = r.city",
    "l.first = r.first and l.company = r.company",
    "l.street = r.street and l.postcode = r.postcode",
)


def similar(
    subjects: pd.DataFrame,
    candidates: pd.DataFrame,
    linked: Collection[tuple[str, str]] = (),
    *,
    region: str | None = None,
    threshold: float = THRESHOLD,
) -> pd.DataFrame:
    """Return the records that may be a subject's own: columns `subject`, `key`, `weight` in bits, and `why` in words.

    `subjects` has a column `subject` (who; several rows where several records are known to be theirs), `candidates` a column
    `key`, unique; both any of `COLUMNS`, as text or None. `name` is used where `first` and `last` are missing. Pairs of
    subject and key in `linked` are left out: rows that are found or held already. `region` reads phone numbers without a
    country code; what is no phone number or no e-mail address is not compared.

    One row per subject and key, the weightiest, sorted. It depends on the subject's rows and the candidate's alone, so that
    candidates can be handed over in batches, and subjects together or one by one. Raises `ValueError` for a column it does not
    know, `TypeError` for a value that is no text.
    """
    _require(subjects, "subject")
    _require(candidates, "key")
    if subjects.empty or candidates.empty:
        return pd.DataFrame(columns=list(FOUND))
    pairs = _weighed(_comparable(subjects, region), _comparable(candidates, region))
    pairs.insert(0, "subject", subjects["subject"].take(pairs.pop("subject_row").to_numpy()).array)
    pairs.insert(1, "key", candidates["key"].take(pairs.pop("candidate_row").to_numpy()).array)
    pairs["why"] = [_why(dict(zip(FIELDS, levels, strict=True))) for levels in pairs[list(FIELDS)].itertuples(index=False)]
    pairs = pairs[pairs["weight"] >= threshold].sort_values(["subject", "weight", "key", "why"], ascending=[True, False, True, True])
    known = set(linked)
    fresh = [pair not in known for pair in zip(pairs["subject"], pairs["key"], strict=True)]
    return pairs.loc[fresh, list(FOUND)].drop_duplicates(["subject", "key"]).reset_index(drop=True)


def _require(frame: pd.DataFrame, key: str) -> None:
    if unknown := set(frame.columns) - {key, *COLUMNS}:
        raise ValueError(f"not a field to compare: {', '.join(sorted(unknown))}; known are {', '.join(COLUMNS)}")
    if key not in frame.columns:
        raise ValueError(f"a column '{key}' is needed")
    for column in frame.columns:
        if not all(isinstance(value, str) or pd.isna(value) for value in frame[column]):
            raise TypeError(f"column '{column}' holds values that are no text: they would not be compared")


def _comparable(frame: pd.DataFrame, region: str | None) -> pa.Table:
    """The frame in normal forms, every field of the tables as text, with its row number."""
    records = [_record(dict(zip(frame.columns, row, strict=True)), region) for row in frame.itertuples(index=False)]
    columns = {name: pa.array([r.get(name) for r in records], pa.string()) for name in (*FIELDS, *_PARTS)}
    return pa.table({"row": pa.array(range(len(records)), pa.int64()), **columns})


def _record(row: Mapping[str, object], region: str | None) -> dict[str, str | None]:
    given = {field: value for field in COLUMNS if isinstance(value := row.get(field), str) and value.strip()}
    record = {field: _packed(given.get(field)) for field in ("first", "last", "postcode", "national")}
    record |= {field: kinds.normal("postal", given.get(field)) for field in ("street", "city", "company")}
    if not record["first"] and not record["last"]:
        record["first"], record["last"] = _split(given.get("name", ""))
    if len(set(record["national"] or "")) == 1:
        record["national"] = None  # 000000000 is nobody's
    record["birth"] = _day(given.get("birth"))
    record["phone"] = kinds.normal("phone", given.get("phone"), region)
    email = kinds.normal("email", given.get("email"))
    if email and not kinds.is_of_many(email):  # what several people read is nobody's
        local, _, host = email.rpartition("@")
        record |= {"email": email, "local": local, "host": host, "mailbox": kinds.mailbox(email)}
    return record


def _packed(text: str | None) -> str | None:
    """Its words without space between: O'Brien is OBrien, and SW1A 1AA is SW1A1AA."""
    return "".join(kinds.plain_words(text)) or None if text else None


def _split(name: str) -> tuple[str | None, str | None]:
    """First and last name; "Lee, Ann" is Ann Lee. What is taken for one may be the other: swapped names are compared too."""
    last, comma, first = name.partition(",")
    if not comma:
        first, _, last = name.strip().rpartition(" ")
    return _packed(first), _packed(last)


def _day(text: str | None) -> str | None:
    """A date as yyyymmdd; with the year last, the day is taken to come first (the reverse is alike)."""
    if not text:
        return None
    if dmy := re.match(r"\s*(\d{1,2})\D(\d{1,2})\D(\d{4})\b", text):
        day = f"{dmy[3]}{int(dmy[2]):02}{int(dmy[1]):02}"
    else:
        day = "".join(re.findall(r"\d", text))[:8]
    return None if day in _PLACEHOLDERS or len(day) < 8 else day


def _weighed(subjects: pa.Table, candidates: pa.Table) -> pd.DataFrame:
    """Row numbers of all pairs that agree on anything, the level of each field, and the weight to a tenth of a bit."""
    import duckdb
    from splink import DuckDBAPI, Linker

    with duckdb.connect(":memory:") as connection:
        connection.execute("set enable_progress_bar = false")
        engine = DuckDBAPI(connection)
        # Splink takes the table whose name comes first for the left side.
        tables = [engine.register(table, dataset_display_name=name) for name, table in (("a_subjects", subjects), ("b_candidates", candidates))]
        # The settings are always these: to check them each time costs half of it.
        predicted = Linker(tables, _settings(), log_level=None, validate_settings=False).inference.predict(warning_mode="never")
        columns = ", ".join(f"gamma_{field} as {field}" for field in FIELDS)
        weighed: pd.DataFrame = (
            predicted.as_duckdbpyrelation().project(f"row_l as subject_row, row_r as candidate_row, {columns}, {_weight()} as weight").df()
        )
        return weighed


def _weight() -> str:
    """Splink's sum of the prior and what each field is worth, but for the bounds of the place."""
    place = " + ".join(f"mw_{field}" for field in PLACE)
    least, most = PLACE_BITS
    terms = (
        f"log2({PRIOR} / (1 - {PRIOR}))",
        *(f"mw_{field}" for field in FIELDS if field not in PLACE),
        f"least(greatest({place}, {least}), {most})",
    )
    return f"round({' + '.join(terms)}, 1) + 0.0"  # -0.0 is 0.0


def _settings() -> dict[str, object]:
    return {
        "link_type": "link_only",
        "unique_id_column_name": "row",
        "probability_two_random_records_match": PRIOR,
        "retain_intermediate_calculation_columns": True,
        "retain_matching_columns": True,
        "blocking_rules_to_generate_predictions": [{"blocking_rule": rule} for rule in _BLOCKS],
        "comparisons": [{"output_column_name": name, "comparison_levels": list(_levels(name))} for name in FIELDS],
    }


def _levels(field: str) -> Iterator[dict[str, object]]:
    yield {"sql_condition": f"{field}_l is null or {field}_r is null", "label_for_charts": "missing", "is_null_level": True}
    for level in (*FIELDS[field].levels, FIELDS[field].other):
        yield {"sql_condition": level.sql, "label_for_charts": level.words, "m_probability": level.m, "u_probability": level.u}


def _why(levels: Mapping[str, int]) -> str:
    """For instance "same last name and postcode, first name alike, other e-mail address"."""
    told = []
    for field, level in levels.items():
        if level >= 0:  # Splink numbers the levels from 0, "other", upwards; -1 is missing
            kind = (*FIELDS[field].levels, FIELDS[field].other)[len(FIELDS[field].levels) - level]
            told.append((kind.words, FIELDS[field].label))
    order = {words: at for at, words in enumerate(("same {}", "{} alike"))} | {"other {}": 9}
    told.sort(key=lambda pair: order.get(pair[0], 2))
    return ", ".join(dict.fromkeys(words.format(_listed([label for _, label in group])) for words, group in groupby(told, key=lambda pair: pair[0])))


def _listed(labels: list[str]) -> str:
    return " and ".join(filter(None, (", ".join(labels[:-1]), labels[-1])))
