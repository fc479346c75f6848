"""Possible duplicates: what is said about two records, and that it depends on these two alone."""

import subprocess
import sys

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.febrl import febrl
from dsar.find.evidence import FIELDS, THRESHOLD
from dsar.find.similar import COLUMNS, similar
from tests.examples import examples

ANN = {
    "first": "Ann",
    "last": "Lee",
    "email": "ann.lee@mail.example.org",
    "phone": "+44 20 7946 0018",
    "street": "12 High Street",
    "postcode": "AB1 2CD",
    "city": "Aberdeen",
    "birth": "1980-03-04",
}
STRANGER = {
    "first": "Zoe",
    "last": "Quill",
    "email": "zq@other.example.org",
    "phone": "+44 161 496 0999",
    "street": "4 Mill Lane",
    "postcode": "M1 1AA",
    "city": "Manchester",
    "birth": "1991-11-30",
}


KEYS = ("subject", "key")


def only(record, *fields, **others):
    return {field: record[field] for field in fields} | others


ONE_PERSON = [
    (ANN, ANN, 50.7, "same first name, last name, e-mail address, phone number, street, postcode, city and date of birth"),
    (
        ANN,
        {"first": "Anne", "last": "Lee", "postcode": "ab12cd", "email": "x@y.example"},
        1.6,
        "same last name and postcode, first name alike, other e-mail address",
    ),
    (only(ANN, "email", "phone"), {"email": "ann.le@mail.example.org", "phone": "020 7946 0018"}, 4.3, "same phone number, e-mail address alike"),
    (
        only(ANN, "first", "last", "postcode", "birth"),
        only(ANN, "first", "postcode", last="Leee", birth="4/3/1980"),
        16.4,
        "same first name, postcode and date of birth, last name alike",
    ),
    (
        ANN,
        only(ANN, "first", "phone", last="Lees", email="x@y.example"),
        5.5,
        "same first name and phone number, last name alike, other e-mail address",
    ),
    (only(ANN, "email"), {"email": "annlee+news@mail.example.org"}, 1.3, "same e-mail address but for dots or what follows a plus"),
    (ANN, {"name": "Lee, Ann", "birth": "19800304"}, 10.4, "same first name, last name and date of birth"),
    (ANN, {"name": "A. Lee", "street": "High Street 12", "postcode": "AB1 2CD"}, 3.6, "same last name, street and postcode, same first initial"),
    ({"name": "José O'Brien", "postcode": "1010"}, {"name": "OBRIEN, JOSE", "postcode": "1010"}, 5.6, "same first name, last name and postcode"),
    ({"name": "Lee Ann", "birth": "1980-03-04"}, only(ANN, "first", "last", "birth"), 4.4, "same date of birth, first and last name swapped"),
    (
        ANN,
        ANN | {"last": "Smithson", "email": "x@y.example"},
        11.6,
        "same first name, phone number, street, postcode, city and date of birth, other last name and e-mail address",
    ),
    ({"national": "QQ 12 34 56 C"}, {"national": "qq123456c"}, 6.5, "same national number"),
    ({"name": "R'); DROP TABLE x;--", "postcode": "1'1"}, {"name": "R'); DROP TABLE x;--", "postcode": "1'1"}, 5.6, None),
]
TWO_PEOPLE = [
    (ANN, STRANGER),
    (ANN, STRANGER | only(ANN, "first", "last")),  # namesakes
    (only(ANN, "first", "last"), only(ANN, "first", "last")),
    (ANN, only(ANN, "first", "last", "city")),
    (ANN, only(ANN, "first", "last", email="ann.lee@elsewhere.example")),
    (ANN, ANN | {"first": "Robert", "email": "rob@x.example", "birth": "1975-07-09"}),  # a family
    (only(ANN, "first", "last", "phone", "street", "postcode", "city"), only(ANN, "last", "phone", "street", "postcode", "city", first="Robert")),
    (ANN | {"company": "Lee & Co"}, only(ANN, "last", "phone", "street", "postcode", "city", first="Robert", company="Lee & Co")),
    (ANN | {"company": "Acme"}, only(STRANGER, "first", "last") | only(ANN, "phone", "street", "postcode", "city", company="Acme")),  # colleagues
    ({"email": "customer-1@mail.example.org"}, {"email": "customer-2@mail.example.org"}),
    ({"email": "customer-1@mail.example.org", "phone": ANN["phone"]}, {"email": "customer-2@mail.example.org", "phone": ANN["phone"]}),
    ({"email": "info@firm.example"}, {"email": "info@firm.example"}),
    (only(ANN, "phone"), only(ANN, "phone")),
    (only(ANN, "first", "last", birth="1900-01-01"), only(ANN, "first", "last", birth="1900-01-01")),
    ({"national": "000000000"}, {"national": "000000000"}),
    ({"phone": "unknown", "email": "none", "last": "-"}, {"phone": "unknown", "email": "none", "last": "-"}),
    ({"last": None}, {"last": None}),
]


@pytest.fixture(scope="module")
def paired():
    """What is said about each of these pairs, by its place: looked at together, which says the same as one by one, as is tested below."""
    pairs = [record[:2] for record in (*ONE_PERSON, *TWO_PEOPLE)]
    subjects, candidates = (pd.DataFrame([{name: str(n), **p[which]} for n, p in enumerate(pairs)], dtype=object) for which, name in enumerate(KEYS))
    found = similar(subjects, candidates, region="GB", threshold=THRESHOLD).to_dict("records")
    return {int(row["key"]): (row["weight"], row["why"]) for row in found if row["subject"] == row["key"]}


@pytest.mark.parametrize("n", range(len(ONE_PERSON)), ids=[why or "what looks like SQL" for *_, why in ONE_PERSON])
def test_may_be_one_person(paired, n):
    _, _, weight, why = ONE_PERSON[n]
    assert paired[n] == (weight, why or paired[n][1])


@pytest.mark.parametrize("n", range(len(TWO_PEOPLE)))
def test_are_two_people_until_more_is_known(paired, n):
    assert len(ONE_PERSON) + n not in paired


def test_one_row_per_subject_and_key_the_weightiest_without_what_is_linked():
    subjects = pd.DataFrame([{"subject": "R-1", **ANN}, {"subject": "R-1", **only(ANN, "first", "last", "birth")}, {"subject": "R-2", **STRANGER}])
    candidates = pd.DataFrame([{"key": "7", **ANN}, {"key": "8", **only(ANN, "email")}, {"key": "9", **STRANGER}])
    found = similar(subjects, candidates, {("R-2", "9")}, region="GB")
    assert found.to_dict("list") == {
        "subject": ["R-1", "R-1"],
        "key": ["7", "8"],
        "weight": [50.7, 5.3],
        "why": ["same first name, last name, e-mail address, phone number, street, postcode, city and date of birth", "same e-mail address"],
    }
    assert set(similar(subjects, candidates, region="GB")["subject"]) == {"R-1", "R-2"}


def test_nothing_to_compare():
    nobody = similar(pd.DataFrame({"subject": []}), pd.DataFrame([{"key": "7", **ANN}]))
    assert (list(nobody.columns), len(nobody)) == (["subject", "key", "weight", "why"], 0)
    assert similar(pd.DataFrame({"subject": ["R-1"]}), pd.DataFrame({"key": ["7"]})).empty


@pytest.mark.parametrize(
    ("frame", "error", "text"),
    [
        ({"subject": ["R-1"], "shoe size": ["9"]}, ValueError, "not a field to compare: shoe size; known are name, first, last"),
        ({"last": ["Lee"]}, ValueError, "a column 'subject' is needed"),
        ({"subject": ["R-1"], "postcode": [4711]}, TypeError, "column 'postcode' holds values that are no text"),
    ],
)
def test_says_what_it_cannot_compare(frame, error, text):
    with pytest.raises(error, match=text):
        similar(pd.DataFrame(frame), pd.DataFrame([{"key": "7", **ANN}]))


def test_the_tables_are_shares():
    for name, field in FIELDS.items():
        for level in (*field.levels, field.other):
            assert 0 < min(level.m, level.u) <= max(level.m, level.u) < 1, name
        assert field.other.m < field.other.u, name  # other values never speak for one person


@pytest.fixture(scope="module")
def figures():
    return febrl()


@pytest.mark.parametrize("figure", [f"FEBRL {number}, {name}" for number in (1, 2) for name in ("recall", "precision")])
def test_known_doubles(figures, figure):
    assert 0.95 <= figures[figure] <= 1


VALUES = {
    "first": ["Ann", "Anne", "Bob", "Lee"],
    "last": ["Lee", "Leigh", "Ann"],
    "email": ["ann.lee@mail.example.org", "annlee@mail.example.org", "ann.lee@post.example.org", "bob@x.example"],
    "phone": ["+442079460018", "+442079460019", "+441614960999"],
    "postcode": ["AB1 2CD", "AB1 2CE", "M1 1AA"],
    "birth": ["1980-03-04", "1980-04-03", "1991-11-30"],
}
RECORDS = st.lists(st.fixed_dictionaries({field: st.none() | st.sampled_from(some) for field, some in VALUES.items()}), min_size=1, max_size=4)


def framed(records, key, start=0):
    return pd.DataFrame([{key: f"{key}-{n}", **record} for n, record in enumerate(records, start)], dtype=object)


@settings(max_examples=examples(5), deadline=None)
@given(RECORDS, RECORDS)
def test_two_records_say_the_same_alone_and_in_company(mine, theirs):
    subjects, candidates = framed(mine, "subject"), framed(theirs, "key")
    together = similar(subjects, candidates)
    assert together.equals(similar(subjects[::-1], candidates[::-1]))
    one_by_one = [similar(subjects[n : n + 1], candidates) for n in range(len(subjects))]
    assert together.to_dict("records") == [row for alone in one_by_one for row in alone.to_dict("records")]
    batches = pd.concat([similar(subjects, candidates[:1]), similar(subjects, candidates[1:])])
    assert together.to_dict("records") == batches.sort_values(["subject", "weight", "key"], ascending=[True, False, True]).to_dict("records")
    turned = similar(candidates.rename(columns={"key": "subject"}), subjects.rename(columns={"subject": "key"}))
    assert {tuple(row) for row in turned[["key", "subject", "weight", "why"]].to_numpy()} == {tuple(row) for row in together.to_numpy()}


def test_draws_no_charting_library_in_and_nothing_until_it_is_used():
    code = (
        "import sys, pandas as pd; from dsar.find.similar import similar; assert 'splink' not in sys.modules;"
        "similar(pd.DataFrame({'subject': ['a'], 'last': ['Lee']}), pd.DataFrame({'key': ['b'], 'last': ['Lee']}));"
        "assert 'splink' in sys.modules; print(sorted({'altair', 'matplotlib', 'igraph', 'IPython'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_every_column_counts():
    assert set(COLUMNS) == {"name", *FIELDS}
