# ruff: noqa: DTZ001 - times without a zone are among what is tested
"""Frames with the nastiest cells, made by hypothesis."""

from datetime import UTC, date, datetime
from decimal import Decimal

from hypothesis import strategies as st

from dsar import values

NASTY = [
    "", " ", "=1+1", '=HYPERLINK("https://example.org")', "+44 20 7946 0018", "-5", "@SUM(A1)", "\t=1", "\r=1", "#N/A", "#REF!", "TRUE",
    "0044207", "12345678901234567890", "1e5", "2024-01-01", "_x000D_", "a_x0041_b", "_x005F_x000D_", "_x000d_x000D_", "\x00\x07\x1b\x7f\x85",
    "\ufffe\uffff", "line\nbreak",
    "dos\r\nbreak", "lone\rreturn", " led and trailed ", "مرحبا بالعالم", "\u202eoverride", "日本語のお客様", "👩‍👩‍👧 family",
    'quote " and, comma', "<b>&amp;</b>", "'apostrophe", "x" * 40_000, "👩" * 17_000, "_x000D_" * 5_000,
]  # fmt: skip

texts = st.one_of(st.sampled_from(NASTY), st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
decimals = st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=Decimal("-1e18"), max_value=Decimal("1e18"))
moments = st.datetimes(datetime(1850, 1, 1), datetime(9990, 1, 1))
CELLS = {
    "text": texts,
    "integer": st.one_of(st.integers(-(2**63), 2**63 - 1), st.integers(-99, 99)),
    "huge": st.integers(10**19, 10**20 - 1),
    "decimal": decimals,
    "float": st.floats(allow_nan=False, allow_infinity=False),
    "date": st.dates(date(1800, 1, 1)),
    "naive": moments,
    "day": moments.map(lambda m: m.replace(hour=0, minute=0, second=0, microsecond=0)),
    "thousandths": moments.map(lambda m: m.replace(microsecond=m.microsecond // 1000 * 1000)),
    "zoned": st.datetimes(datetime(1850, 1, 1), datetime(9990, 1, 1), timezones=st.just(UTC)),
    "boolean": st.booleans(),
    "time": st.times(),
    "bytes": st.binary(max_size=5),
}


@st.composite
def frames(draw):
    """A frame of up to eight rows, with a column for each kind of cell."""
    rows = draw(st.integers(1, 8))
    return values.frame({kind: draw(st.lists(st.none() | cell, min_size=rows, max_size=rows)) for kind, cell in CELLS.items()})
