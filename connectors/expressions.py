"""Coarse conditions in Ibis: what an engine may rule out before values are compared exactly.

The counterpart of `connectors.coarse` for the engines that Ibis reaches: every condition lets
through at least each row whose value has a wanted normal form, or may hold it among others.
"""

import re
from collections.abc import Callable, Sequence
from functools import reduce
from operator import and_, or_
from typing import Any

import ibis

from connectors.exact import EMAIL_UNUSUAL, PHONE_DIGITS, PHONE_PUNCTUATION, PHONE_TAIL, Look, phone_tails, plain, plain_keys
from dsar.datamap import Table


def possible(table: Any, looks: Sequence[Look], mapped: Table, *, every: bool) -> Any:
    """Return the condition of the rows that fulfil one of the looks (or every one), and perhaps some more."""
    conditions = [condition(table[look.column], look, mapped) for look in looks]
    return reduce(and_ if every else or_, conditions) if conditions else ibis.literal(every)


def counted(table: Any, look: Look, mapped: Table, beside: Sequence[str] = ()) -> Any:
    """Return a column's values that may have one of the forms, as `value`, each with its number of `rows`, apart by the columns `beside`."""
    some = table.filter(condition(table[look.column], look, mapped))
    by = {"value": some[look.column], **{name: some[name] for name in beside}}
    return some.group_by(**by).aggregate(rows=some.count())


def condition(column: Any, look: Look, table: Table) -> Any:
    """Return a condition that lets through at least each value with one of the forms, and each that may hold it among others."""
    mapped = table.columns.get(look.column)
    declared = mapped.type if mapped else None
    kind = column.type()
    if kind.is_string() and declared in {None, "text"}:
        return _TEXT.get(look.kind, _key)(column, look.forms)
    if kind.is_integer() and look.kind not in _TEXT and declared in {None, "text", "integer"}:
        low, high = kind.bounds
        numbers = [int(f) for f in look.forms if re.fullmatch(r"-?[0-9]{1,20}", f)]
        return column.isin([n for n in numbers if low <= n <= high])
    return _known(column)


def _known(column: Any) -> Any:
    return column.notnull()


def _email(column: Any, forms: Sequence[str]) -> Any:
    trimmed = column.strip()
    return trimmed.lower().isin(plain(forms)) | trimmed.re_search(rf"{EMAIL_UNUSUAL}|@.*@|\.$")


def _phone(column: Any, forms: Sequence[str]) -> Any:
    tails = phone_tails(forms)
    if tails is None:
        return _known(column)
    digits = reduce(lambda text, sign: text.replace(sign, ""), PHONE_PUNCTUATION, column)
    return digits.right(PHONE_TAIL).isin(tails) | digits.re_search("[^0-9]") | (digits.length() > PHONE_DIGITS)


def _mailbox(column: Any, forms: Sequence[str]) -> Any:
    bare = column.strip().lower().replace(".", "")
    return bare.isin([form.replace(".", "") for form in plain(forms)]) | column.re_search(r"\+.*@") | _email(column, ())


def _any(column: Any, _forms: Sequence[str]) -> Any:
    # Order, accents and punctuation are set aside: no engine compares so.
    return _known(column)


def _ip(column: Any, forms: Sequence[str]) -> Any:
    # An IPv6 address has many spellings: what holds a colon, or something odd, is compared in any case.
    return column.strip().isin(list(forms)) | column.re_search("[^0-9. ]")


def _key(column: Any, forms: Sequence[str]) -> Any:
    return column.strip().isin(plain_keys(forms)) | column.re_search("[^ -~]")


_TEXT: dict[str, Callable[[Any, Sequence[str]], Any]] = {
    "email": _email,
    "mailbox": _mailbox,
    "phone": _phone,
    "ip": _ip,
    **dict.fromkeys(("name", "postal", "born", "handle"), _any),
}
