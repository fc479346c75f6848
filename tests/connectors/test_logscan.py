"""What is seen of a block at once is what is seen of each line alone, and a file in pieces is the file."""

import gzip
import ipaddress
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors import logblocks, logfiles, logline, logscan
from connectors.logblocks import BACK, FRONT, Piece
from connectors.logmatch import Matcher
from connectors.logscan import Scan
from dsar import kinds
from tests.connectors.test_logs import line

V4 = st.ip_addresses(v=4).map(str)
V6 = st.ip_addresses(v=6)
SPELLED = st.one_of(
    V6.map(str), V6.map(lambda a: a.exploded), V6.map(lambda a: a.exploded.upper()), V6.map(lambda a: f"::ffff:{ipaddress.IPv4Address(int(a) >> 96)}")
)
# What is nearly an address: a number too large, a group too many, one sign more or less.
NEARLY = st.one_of(
    st.from_regex(r"[0-9]{1,4}(\.[0-9]{0,4}){2,4}", fullmatch=True),
    st.from_regex(r"[0-9a-fA-F:]{2,42}", fullmatch=True),
    st.from_regex(r"(::)?([0-9a-f]{1,5}:){0,8}:?[0-9a-f]{0,5}(::)?", fullmatch=True),
    st.from_regex(r"[0-9a-z.:%\[\]-]{0,50}", fullmatch=True),
)
CLIENT = st.one_of(V4, SPELLED, NEARLY)
WHOLE = st.builds(
    line,
    CLIENT,
    user=st.sampled_from(["-", "-", "ann", "ann.lee@x.org", "ann b", "- - ["]),
    at=st.sampled_from(["12/Nov/2026:10:20:30 +0000", "1]/Nov/2026:10:20:30 +0000", "x"]),
)
ODD = st.one_of(
    CLIENT, st.builds("{} - - [12/Nov/2026:10:20:30 +0000] {}".format, CLIENT, st.sampled_from(['"', '""', '"GET', 'GET / HTTP/1.1"', '"\r']))
)
LINES = st.lists(
    st.one_of(
        WHOLE,
        WHOLE.map(lambda text: text + "\r"),
        WHOLE.map(lambda text: text.replace("[", "(")),
        ODD,
        st.text(max_size=20).map(lambda text: text.replace("\n", "")),
    ),
    min_size=1,
    max_size=30,
)


@pytest.mark.parametrize("places", [1, 14])  # with two places, nearly every line is put where another one was
@settings(deadline=None)
@given(LINES, st.lists(st.one_of(V4, V6.map(str)), max_size=3), st.data())
def test_all_lines_at_once_are_seen_as_each_alone(places, lines, others, data):
    raw = [text.encode("utf-8", "surrogatepass") for text in lines]
    there = sorted({form for text in raw if (form := logline.normal(logline.client_of(text)))})
    wanted = {*(kinds.normal("ip", a) for a in others), *data.draw(st.lists(st.sampled_from(there or ["192.0.2.1"]), max_size=3))}
    block = b"".join(text + b"\n" for text in raw)
    buffer = bytearray(b"\0" * FRONT + block + b"\0" * BACK)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logscan, "_PLACE_BITS", places)
        seen = Scan(wanted).look(buffer, FRONT, FRONT + len(block))
    assert [bytes(buffer[s:e]) for s, e in zip(seen.starts, seen.ends, strict=True)] == raw
    for n, text in enumerate(raw):
        assert seen.doubtful[n] or logline.is_log_line(text + b"\n"), text  # what is certain is a log line
        if logline.normal(logline.client_of(text)) in wanted:
            assert seen.possible[n] or seen.doubtful[n], text


def test_ordinary_lines_need_no_second_look():
    """Without this the property above would hold for a look that is sure of nothing."""
    addresses = ["192.0.2.7", "255.255.255.255", "1.20.249.3", "2001:db8::7", "::1", "2a02:8109:1:2:3:4:5:6", "fe80::a:b", "1:2:3:4:5:6:7::"]
    block = "".join(line(a, user=user) + ending for a in addresses for user in ("-", "ann") for ending in ("\n", "\r\n")).encode()
    seen = Scan(["198.51.100.1"]).look(bytearray(b"\0" * FRONT + block + b"\0" * BACK), FRONT, FRONT + len(block))
    assert (len(seen.starts), seen.doubtful.sum(), seen.possible.sum()) == (32, 0, 0)
    wrong = [
        "256.1.1.1",
        "1.1.1",
        "1.1.1.1.1",
        "1..1.1",
        ".1.1.1",
        "001.2.3.4",
        "1:2:3",
        "1:2:3:4:5:6:7:8:9",
        "::1::",
        ":1:2:3:4:5:6:7",
        "12345::",
        ":::",
    ]
    block = "".join(line(a) + "\n" for a in wrong).encode()
    assert Scan([]).look(bytearray(b"\0" * FRONT + block + b"\0" * BACK), FRONT, FRONT + len(block)).doubtful.all()


@settings(deadline=None)
@given(st.lists(st.integers(0, 60), max_size=40), st.integers(1, 400), st.integers(3, 200), st.booleans())
def test_a_file_in_pieces_is_the_file(tmp_path_factory, lengths, piece, block, ended):
    folder = tmp_path_factory.mktemp("pieces")
    raw = b"\n".join(bytes([97 + n % 26]) * length for n, length in enumerate(lengths)) + (b"\n" if ended else b"")
    (folder / "log").write_bytes(raw)
    expected = re.findall(rb"[^\n]*\n|[^\n]+\Z", raw)
    with pytest.MonkeyPatch.context() as patch, logfiles.snapshot(folder, "log") as (file,):
        patch.setattr(logblocks, "BLOCK", block)
        patch.setattr(logblocks, "PIECE", piece)
        parts = [[bytes(buffer[start:stop]) for buffer, start, stop, _ in logblocks.blocks(one)] for one in logblocks.pieces(file)]
        assert b"".join(part for one in parts for part in one) == b"".join(expected) + (b"" if not raw or raw.endswith(b"\n") else b"\n")
        assert all(part.endswith(b"\n") for one in parts for part in one)
        assert [text.rstrip(b"\n") for text in logblocks.lines(file)] == [text.rstrip(b"\n") for text in expected]


def test_the_order_of_files_and_pieces_does_not_depend_on_who_is_done_first(tmp_path, monkeypatch):
    monkeypatch.setattr(logblocks, "ALONE", 0)
    monkeypatch.setattr(logblocks, "PIECE", 500)
    names = ["a", "b.gz", "c"]
    for n, name in enumerate(names):
        text = "".join(
            line(f"192.0.2.{k % 5}", request=f"GET /{name}/{k} HTTP/1.1") + "\n" + ("broken\n" if k % 7 == n else "") for k in range(60 - 20 * n)
        ).encode()
        (tmp_path / name).write_bytes(gzip.compress(text) if name.endswith("gz") else text)
    with logfiles.snapshot(tmp_path, "*") as files:
        every = [piece for file in files for piece in logblocks.pieces(file)]
        found = list(logblocks.spread(Matcher(["192.0.2.3"]), every))
        assert len(every) > 10
        assert [hit.text.split(b'"')[1].decode() for one in found for hit in one.lines] == [
            f"GET /{name}/{k} HTTP/1.1" for n, name in enumerate(names) for k in range(60 - 20 * n) if k % 5 == 3
        ]
        assert (sum(one.read for one in found), sum(one.unreadable for one in found)) == (60 + 40 + 20 + 9 + 6 + 3, 18)


def test_threads_end_when_the_reader_stops(tmp_path, monkeypatch):
    monkeypatch.setattr(logblocks, "ALONE", 0)
    for n in range(5):
        (tmp_path / f"log{n}").write_text(line() + "\n")
    with logfiles.snapshot(tmp_path, "log*") as files:
        begun = logblocks.spread(Matcher(["192.0.2.7"]), [Piece(file, 0, file.size) for file in files])
        assert len(next(begun).lines) == 1
        begun.close()
