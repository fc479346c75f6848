"""Coarse conditions: what a database may rule out before values are compared exactly.

Every condition lets through at least each row whose value has a wanted normal form, or may hold it
among others; where a database cannot promise that, it lets through every row that has a value. Text is told apart by
plain ASCII spelling; whatever holds another character is let through and compared in Python.
"""

import json
import re
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from connectors.exact import EMAIL_UNUSUAL, PHONE_DIGITS, PHONE_PUNCTUATION, PHONE_TAIL, phone_tails, plain, plain_keys

Condition = sa.ColumnElement[bool]

_MYSQL = {"mysql", "mariadb"}
_REGEX = {"postgresql", *_MYSQL}  # databases whose regular expressions compare by code point
_NUMBER = re.compile(r"-?\d+(\.\d+)?", re.ASCII)
_FLOAT = re.compile(rf"{_NUMBER.pattern}(e[+-]?\d+)?|-?inf", re.ASCII)


@dataclass(frozen=True)
class Told:
    """How a column's rows are told apart: an expression that has one of the values, or a spelling that must be read."""

    by: sa.ColumnElement[Any]
    among: Sequence[Any]
    unusual: Condition | None = None

    def condition(self, dialect: str) -> Condition:
        """Return what a row must fulfil to be compared at all."""
        found = _one_of(self.by, self.among, dialect)
        return found if self.unusual is None else found | self.unusual


def condition(column: sa.Column[Any], kind: str, forms: Sequence[str], dialect: str, declared: str | None) -> Condition:
    """Return what a row must fulfil to be compared at all: its column may have one of the normal forms."""
    told = tell(column, kind, forms, dialect, declared)
    return column.is_not(None) if told is None else told.condition(dialect)


def tell(column: sa.Column[Any], kind: str, forms: Sequence[str], dialect: str, declared: str | None) -> Told | None:
    """Return how rows are told apart by the normal forms, or None where each must be read.

    `declared` is the type the map gives the column: a value that is read as something else than
    it is stored as cannot be compared by the database.
    """
    is_text = isinstance(column.type, sa.String) or (dialect == "sqlite" and isinstance(column.type, sa.types.NullType))
    is_number = isinstance(column.type, sa.Integer | sa.Numeric) and not isinstance(column.type, sa.Float)
    if is_text and declared in {None, "text"} and (dialect == "sqlite" or dialect in _REGEX):
        return _TEXT.get(kind, _key)(column, forms, dialect)
    if is_number and kind not in _TEXT and (declared in {None, "text", "integer"} or str(declared).startswith("decimal")):
        return _number(column, forms, dialect)
    if isinstance(column.type, sa.Uuid) and kind not in _TEXT and declared in {None, "text"}:
        return Told(column, [uuid.UUID(f) for f in forms if re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", f)])
    return None


def _email(column: sa.Column[Any], forms: Sequence[str], dialect: str) -> Told:
    trimmed = sa.func.trim(_comparable(column, dialect))
    unusual = _holds(trimmed, (EMAIL_UNUSUAL, "*@*@*", "*."), rf"{EMAIL_UNUSUAL}|@.*@|\.$", dialect)
    return Told(sa.func.lower(trimmed), plain(forms), _or_no_text(unusual, column, dialect))


def _mailbox(column: sa.Column[Any], forms: Sequence[str], dialect: str) -> Told:
    trimmed = sa.func.trim(_comparable(column, dialect))
    bare = sa.func.replace(sa.func.lower(trimmed), _literal("."), _literal(""))
    globs = (EMAIL_UNUSUAL, "*@*@*", "*.", "*+*@*")
    unusual = _holds(trimmed, globs, rf"{EMAIL_UNUSUAL}|@.*@|\.$|\+.*@", dialect)
    return Told(bare, [form.replace(".", "") for form in plain(forms)], _or_no_text(unusual, column, dialect))


def _any(_column: sa.Column[Any], _forms: Sequence[str], _dialect: str) -> None:
    # Order, accents and punctuation are set aside: no database compares so.
    return None


def _phone(column: sa.Column[Any], forms: Sequence[str], dialect: str) -> Told | None:
    tails = phone_tails(forms)
    if tails is None:
        return None
    digits: sa.ColumnElement[Any] = _comparable(column, dialect)
    for sign in PHONE_PUNCTUATION:
        digits = sa.func.replace(digits, _literal(sign), _literal(""))
    tail = sa.func.substr(digits, _literal(-PHONE_TAIL)) if dialect == "sqlite" else sa.func.right(digits, _literal(PHONE_TAIL))
    unusual = _holds(digits, ("[^0-9]", "?" * (PHONE_DIGITS + 1)), f"[^0-9]|.{{{PHONE_DIGITS + 1}}}", dialect)
    return Told(tail, tails, _or_no_text(unusual, column, dialect))


def _key(column: sa.Column[Any], forms: Sequence[str], dialect: str) -> Told:
    text = _comparable(column, dialect)
    return Told(sa.func.trim(text), plain_keys(forms), _or_no_text(_holds(text, ("[^ -~]",), "[^ -~]", dialect), column, dialect))


def _ip(column: sa.Column[Any], forms: Sequence[str], dialect: str) -> Told:
    # An IPv6 address has many spellings: what holds a colon, or something odd, is compared in any case.
    text = _comparable(column, dialect)
    return Told(sa.func.trim(text), list(forms), _or_no_text(_holds(text, ("[^0-9. ]",), "[^0-9. ]", dialect), column, dialect))


def _number(column: sa.Column[Any], forms: Sequence[str], dialect: str) -> Told:
    numbers = [Decimal(f) for f in forms if (_FLOAT if dialect == "sqlite" else _NUMBER).fullmatch(f)]
    if dialect == "sqlite":
        # Any text is greater than any number: this finds '5' stored as text, and still uses an index.
        bare = sa.type_coerce(column, sa.types.NullType())
        return Told(bare, [int(n) if _is_int64(n) else float(n) for n in numbers], bare >= "")
    if isinstance(column.type, sa.Integer):
        return Told(column, [int(n) for n in numbers if _is_int64(n)])
    return Told(column, numbers)


def _is_int64(number: Decimal) -> bool:
    return number == number.to_integral_value() and -(2**63) <= number < 2**63


def _one_of(by: sa.ColumnElement[Any], among: Sequence[Any], dialect: str) -> Condition:
    """Return "is one of these": however many there are, they travel as one parameter where the database can unfold it."""
    if dialect == "postgresql" and not isinstance(by.type, sa.Uuid):
        kind = sa.Numeric() if among and isinstance(among[0], Decimal) else sa.BigInteger() if isinstance(by.type, sa.Integer) else sa.Text()
        return by == sa.any_(sa.bindparam(None, list(among), type_=sa.ARRAY(kind), unique=True))
    if dialect == "sqlite" and all(isinstance(v, str | int) for v in among):
        each = sa.func.json_each(sa.bindparam(None, json.dumps(list(among)), unique=True)).table_valued("value")
        return by.in_(sa.select(sa.type_coerce(each.c.value, sa.types.NullType())))
    return by.in_(among)


def _comparable(column: sa.Column[Any], dialect: str) -> sa.ColumnElement[Any]:
    """Return the text so that a locale neither folds nor misses a plain letter."""
    if dialect == "postgresql":
        # Under a Turkish locale PostgreSQL's lower('I') is not 'i'.
        return (sa.cast(column, sa.Text()) if isinstance(column.type, sa.Enum) else column).collate("C")
    if dialect in _MYSQL:
        text = sa.func.convert(column.op("USING")(sa.literal_column("utf8mb4")), type_=sa.Text())
        return text.collate("utf8mb4_bin")
    return column


def _or_no_text(unusual: Condition, column: sa.Column[Any], dialect: str) -> Condition:
    # SQLite keeps what it is given: a number or bytes in a text column are not text to its functions.
    return unusual | sa.func.typeof(column).not_in([_literal("text"), _literal("null")]) if dialect == "sqlite" else unusual


def _holds(text: sa.ColumnElement[Any], globs: Sequence[str], regex: str, dialect: str) -> Condition:
    """Return whether a text holds one of some spellings, said once for SQLite and once for the others."""
    if dialect == "sqlite":
        return sa.or_(*(text.op("GLOB", is_comparison=True)(_literal(glob if "*" in glob else f"*{glob}*")) for glob in globs))
    found = text.regexp_match(_literal(regex))
    # PostgreSQL keeps statistics on such an expression where it is indexed, but looks them up for a test, not for an operator.
    return sa.type_coerce(found, sa.Boolean()).is_(sa.true()) if dialect == "postgresql" else found


def _literal(value: str | int) -> sa.ColumnElement[Any]:
    # Written out, not bound: only so does a database see that an index's condition is this one.
    return sa.bindparam(None, value, literal_execute=True, unique=True)


_TEXT: dict[str, Callable[[sa.Column[Any], Sequence[str], str], Told | None]] = {
    "email": _email,
    "mailbox": _mailbox,
    "phone": _phone,
    "ip": _ip,
    **dict.fromkeys(("name", "postal", "born", "handle"), _any),
}
