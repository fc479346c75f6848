"""Coarse conditions: what a database may rule out before values are compared exactly.

Every condition lets through at least each row whose value has a wanted normal form, or may hold it
among others; where a database cannot promise that, it lets through every row that has a value. Text is told apart by
plain ASCII spelling; whatever holds another character is let through and compared in Python.
"""

import re
import uuid
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from connectors.exact import EMAIL_UNUSUAL, PHONE_DIGITS, PHONE_PUNCTUATION, PHONE_TAIL, phone_tails, plain, plain_keys

Condition = sa.ColumnElement[bool]

_REGEX = {"postgresql", "mysql", "mariadb"}  # databases whose regular expressions compare by code point
_NUMBER = re.compile(r"-?\d+(\.\d+)?", re.ASCII)
_FLOAT = re.compile(rf"{_NUMBER.pattern}(e[+-]?\d+)?|-?inf", re.ASCII)


def condition(column: sa.Column[Any], kind: str, forms: Sequence[str], dialect: str, declared: str | None) -> Condition:
    """Return what a row must fulfil to be compared at all: its column may have one of the normal forms.

    `declared` is the type the map gives the column: a value that is read as something else than
    it is stored as cannot be compared by the database.
    """
    is_text = isinstance(column.type, sa.String) or (dialect == "sqlite" and isinstance(column.type, sa.types.NullType))
    is_number = isinstance(column.type, sa.Integer | sa.Numeric) and not isinstance(column.type, sa.Float)
    if is_text and declared in {None, "text"} and (dialect == "sqlite" or dialect in _REGEX):
        told: Condition = _TEXT.get(kind, _key)(column, forms, dialect)
        # SQLite keeps what it is given: a number or bytes in a text column are not text to its functions.
        return told | sa.func.typeof(column).not_in(["text", "null"]) if dialect == "sqlite" else told
    if is_number and kind not in _TEXT and (declared in {None, "text", "integer"} or str(declared).startswith("decimal")):
        return _number(column, forms, dialect)
    if isinstance(column.type, sa.Uuid) and kind not in _TEXT and declared in {None, "text"}:
        return column.in_([uuid.UUID(f) for f in forms if re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", f)])
    return column.is_not(None)


def _email(column: sa.Column[Any], forms: Sequence[str], dialect: str) -> Condition:
    trimmed = sa.func.trim(column)
    # Under a Turkish locale PostgreSQL's lower('I') is not 'i'.
    bare = trimmed.collate("C") if dialect == "postgresql" else trimmed
    return sa.func.lower(bare).in_(plain(forms)) | _holds(trimmed, EMAIL_UNUSUAL, dialect) | trimmed.like("%@%@%") | trimmed.like("%.")


def _mailbox(column: sa.Column[Any], forms: Sequence[str], dialect: str) -> Condition:
    bare = sa.func.replace(sa.func.lower(sa.func.trim(column)), ".", "")
    return bare.in_([form.replace(".", "") for form in plain(forms)]) | column.like("%+%@%") | _email(column, (), dialect)


def _any(column: sa.Column[Any], _forms: Sequence[str], _dialect: str) -> Condition:
    # Order, accents and punctuation are set aside: no database compares so.
    return column.is_not(None)


def _phone(column: sa.Column[Any], forms: Sequence[str], dialect: str) -> Condition:
    tails = phone_tails(forms)
    if tails is None:
        return column.is_not(None)
    digits: sa.ColumnElement[Any] = column
    for sign in PHONE_PUNCTUATION:
        digits = sa.func.replace(digits, sign, "")
    tail = sa.func.substr(digits, -PHONE_TAIL) if dialect == "sqlite" else sa.func.right(digits, PHONE_TAIL)
    return tail.in_(tails) | _holds(digits, "[^0-9]", dialect) | (sa.func.length(digits) > PHONE_DIGITS)


def _key(column: sa.Column[Any], forms: Sequence[str], dialect: str) -> Condition:
    return sa.func.trim(column).in_(plain_keys(forms)) | _holds(column, "[^ -~]", dialect)


def _ip(column: sa.Column[Any], forms: Sequence[str], dialect: str) -> Condition:
    # An IPv6 address has many spellings: what holds a colon, or something odd, is compared in any case.
    return sa.func.trim(column).in_(forms) | _holds(column, "[^0-9. ]", dialect)


def _number(column: sa.Column[Any], forms: Sequence[str], dialect: str) -> Condition:
    numbers = [Decimal(f) for f in forms if (_FLOAT if dialect == "sqlite" else _NUMBER).fullmatch(f)]
    if dialect == "sqlite":
        # Any text is greater than any number: this finds '5' stored as text, and still uses an index.
        bare = sa.type_coerce(column, sa.types.NullType())
        return bare.in_([int(n) if _is_int64(n) else float(n) for n in numbers]) | (bare >= "")
    if isinstance(column.type, sa.Integer):
        return column.in_([int(n) for n in numbers if _is_int64(n)])
    return column.in_(numbers)


def _is_int64(number: Decimal) -> bool:
    return number == number.to_integral_value() and -(2**63) <= number < 2**63


def _holds(text: sa.ColumnElement[Any], characters: str, dialect: str) -> Condition:
    if dialect == "sqlite":
        return text.op("GLOB", is_comparison=True)(f"*{characters}*")
    return text.regexp_match(characters)


_TEXT: dict[str, Callable[[sa.Column[Any], Sequence[str], str], Condition]] = {
    "email": _email,
    "mailbox": _mailbox,
    "phone": _phone,
    "ip": _ip,
    **dict.fromkeys(("name", "postal", "born", "handle"), _any),
}
