"""Two names are one person's only where each word of the shorter stands in the longer."""

import pytest

from dsar.find.names import one_person
from dsar.kinds import name_parts as parts


@pytest.mark.parametrize(
    "names",
    [
        ("Ann Lee",),
        ("Ann Lee", " ann  LEE "),
        ("José Ångström", "Jose Angstrom"),
        ("Lee, Ann", "Ann Lee"),
        ("A. Lee", "Ann Lee"),
        ("Anna Meier", "Anna Meier-Schulz", "A. Meier"),
        ("山田 太郎", "太郎 山田"),
        ("O'Brien Pat", "Pat O'Brien"),
        (),
    ],
)
def test_one_person(names):
    assert one_person([parts(name) for name in names])


@pytest.mark.parametrize(
    "names",
    [
        ("Ann Lee", "Bob Lee"),
        ("Ann Lee", "Ann Roe"),
        ("Ann Lee", "A. Roe"),
        ("A. Lee", "Bob Lee"),
        ("Ann Meier", "Anna Meier"),
        ("Ann Lee", "Ann Lee", "Cat"),
    ],
)
def test_two_people(names):
    assert not one_person([parts(name) for name in names])
