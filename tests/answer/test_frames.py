# ruff: noqa: DTZ001 - times without a zone are among what is tested
"""Frames with the nastiest cells: written, read again by others, equal. `make fuzz` makes ten thousand of them."""

import csv
import json
import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from hypothesis import HealthCheck, given, settings

from dsar import values
from dsar.answer import package
from dsar.answer.workbook import Table
from tests.answer.frames import NASTY, frames
from tests.answer.reading import calamine, grid, same, soffice, stored_length, visible, write
from tests.answer.rfc4180 import parse
from tests.examples import examples
from tests.needs import needs


def hold(frame, read, folder):
    """Assert that the rows a reader saw are the frame's."""
    header, *rows = read
    assert [re.sub(r" \(.*", "", h) for h in header] == ["No.", *frame.columns]
    assert [row[0] for row in rows] == list(range(1, len(frame) + 1))
    fine = [v for c in ("naive", "zoned") for v in values.pylist(frame[c]) if v and v.microsecond % 1000]
    for number, record in enumerate(values.rows(frame)):
        for (name, value), seen in zip(record.items(), rows[number][1:], strict=True):
            assert same(value, seen, folder, fine), (name, value, seen)


@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(frames())
def test_every_cell_is_the_value_for_every_reader(tmp_path, frame):
    paths = write(tmp_path / "out.xlsx", Table("Orders", frame, {}))
    for read in (grid, calamine):
        hold(frame, read(paths[0], "Orders"), tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(p.name for p in paths)
    header, *rows = parse(package.to_csv(frame))
    assert [header, *rows] == [list(frame.columns), *([values.as_text(v) for v in row.values()] for row in values.rows(frame))]
    read = json.loads(package.to_json(frame), parse_float=str)
    assert [[v if v is None or isinstance(v, bool) else str(v) for v in row.values()] for row in read] == [
        [v if isinstance(v, bool) else values.as_text(v) for v in row.values()] for row in values.rows(frame)
    ]


def sample():
    """A frame with every nasty text, and the ends of every other kind of cell."""
    texts = [t for t in NASTY if stored_length(t) <= 32_767]

    def column(*found):
        return [*found, *[None] * (len(texts) - len(found))]

    moments = [datetime(1850, 1, 1), datetime(1900, 2, 28, 23), datetime(1900, 3, 1), datetime(1901, 1, 1, 1, 2, 3), datetime(2024, 3, 31, 1, 30)]
    late = [datetime(2036, 12, 31, 23, 59, 59), datetime(2037, 7, 1), datetime(9989, 12, 31, 23, 59, 59)]
    return values.frame(
        {
            "text": texts,
            "integer": column(0, -1, 10**15 - 1, 10**15, -(10**15), 2**63 - 1, -(2**63)),
            "huge": column(10**19),
            "decimal": column(*map(Decimal, ("0.00", "-0.01", "9999999999999.99", "10000000000000.00", "-9999999999999.99"))),
            "float": column(0.1, -0.0, 1e300, 5e-324, 1.0, float("nan"), float("-inf"), 0.1 + 0.2),
            "date": column(date(1, 1, 1), date(1900, 2, 28), date(1900, 3, 1), date(9999, 12, 31)),
            "naive": column(*moments, *late),
            "day": column(datetime(1899, 12, 31), datetime(1900, 3, 1), datetime(2024, 2, 29)),
            "thousandths": column(*(m + timedelta(milliseconds=1) for m in moments)),
            "zoned": column(*(m.replace(tzinfo=UTC) for m in (*moments, *late))),
            "boolean": column(True, False),
            "time": column(datetime(2024, 1, 1, 12, 0, 1).time()),
            "bytes": column(b"", b"\x00\xff"),
        }
    )


def test_the_ends_of_every_kind_are_the_value_for_every_reader(tmp_path):
    path, *_ = write(tmp_path / "out.xlsx", Table("Orders", sample(), {}))
    for read in (grid, calamine):
        hold(sample(), read(path, "Orders"), tmp_path)


@needs("soffice")
def test_libreoffice_reads_and_saves_the_same_cells(tmp_path):
    numbers, texts = sample().drop(columns="text"), sample()[["text"]].iloc[1:]  # a line of nothing is no row of a CSV
    sheet = write(tmp_path / "out.xlsx", Table("Orders", numbers, {}))[0]
    (tmp_path / "saved").mkdir()
    hold(numbers, grid(soffice(sheet, tmp_path / "saved", "xlsx"), "Orders"), tmp_path)
    words = write(tmp_path / "words.xlsx", Table("Words", texts, {}, numbered=False), prefix="words")[0]
    with soffice(words, tmp_path, "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,false").open(encoding="utf-8", newline="") as file:
        seen = [row[0] for row in csv.reader(file) if row]
    assert seen[-len(texts) :] == [visible(t) for t in values.pylist(texts["text"])]
