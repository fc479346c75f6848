"""What a word of the map may be: legal bases, origins, categories, zones, regions."""

import difflib
import re
from functools import cache
from typing import Literal, TypeVar, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import phonenumbers
from pydantic import AfterValidator, BaseModel, ConfigDict

Basis = Literal["6(1)(a)", "6(1)(b)", "6(1)(c)", "6(1)(d)", "6(1)(e)", "6(1)(ea)", "6(1)(f)", "9(2)(a)", "undetermined"]
Origin = Literal["provided", "observed", "derived", "third party", "agent"]
BASES: tuple[Basis, ...] = get_args(Basis)
ORIGINS: tuple[Origin, ...] = get_args(Origin)
Word = TypeVar("Word", bound=str)


def known(word: str, allowed: tuple[Word, ...], otherwise: Word) -> Word:
    """Return `word` where it is one of those allowed, else `otherwise`."""
    return next((a for a in allowed if a == word), otherwise)


@cache
def categories() -> frozenset[str]:
    """Return the keys of the fideslang data categories."""
    from fideslang.default_taxonomy import DEFAULT_TAXONOMY

    return frozenset(str(c.fides_key) for c in DEFAULT_TAXONOMY.data_category)


def category(key: str) -> str:
    """Return `key` where it is a fideslang data category; raises `ValueError` with the nearest ones."""
    if key not in categories():
        near = difflib.get_close_matches(key, sorted(categories()), 3) or ["user.name", "user.contact.email", "user.payment"]
        raise ValueError(f"'{key}' is not a fideslang data category; such are {', '.join(near)}")
    return key


def form(pattern: str, allowed: str) -> AfterValidator:
    """Return a validator of texts that have a pattern; its error says what is `allowed`."""

    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(allowed)
        return text

    return AfterValidator(check)


def zone_name(name: str) -> str:
    """Return `name` where it is a time zone; raises `ValueError`."""
    try:
        ZoneInfo(name)  # listing all that there are takes longer than the rest of the map
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("must be an IANA time zone, such as Europe/London") from None
    return name


def region(code: str) -> str:
    """Return `code` where it is a country whose telephone numbers are known; raises `ValueError`."""
    if code not in phonenumbers.SUPPORTED_REGIONS:
        raise ValueError("must be a two-letter country code, such as GB")
    return code


class Model(BaseModel):
    """A part of the map: unknown keys are faults, and nothing changes once read."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)
