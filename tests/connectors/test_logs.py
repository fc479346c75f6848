"""Web-server logs: exact on the client field, every line once, and a file that is not whole fails its table."""

import gzip
import hashlib
import ipaddress
import os
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors import logblocks, logformat, logs
from connectors.logs import Logs
from dsar import datamap, values
from dsar.errors import NotOffered, SourceBroken, SourceUnreachable
from dsar.source import Done, Keys, Malformed, Match, Others, Rows, Settings, Text, Want

UA = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"


def line(
    client="192.0.2.7", *, user="-", at="12/Nov/2026:10:20:30 +0000", request="GET / HTTP/1.1", status=200, size="512", referrer="-", browser=UA
):
    return f'{client} - {user} [{at}] "{request}" {status} {size} "{referrer}" "{browser}"'


def source(folder, pattern="access*", url=""):
    columns = {c: {"category": "user"} for c in logs.COLUMNS}
    table = {
        "label": "Visit", "activity": "x", "key": logs.KEY, "match": {"ip": "client"}, "columns": columns,
        "attribute": {"at": "at", "browser": "browser"}, "file": {"path": pattern},
    }  # fmt: skip
    declared = {"connector": "logs", "label": "Web", "owner": "o", "url": url, "tables": {"visits": table}}
    return Logs(Settings("web", datamap.Source.model_validate(declared), folder))


def write(folder, name, *lines, ending="\n"):
    text = "".join(one + ending for one in lines).encode() if all(isinstance(one, str) for one in lines) else b"".join(one + b"\n" for one in lines)
    (folder / name).write_bytes(gzip.compress(text) if name.endswith(".gz") else text)


def ask(*addresses, limit=None):
    return Match("visits", tuple(Want(str(n), "ip", a) for n, a in enumerate(addresses)), limit)


def answer(found):
    parts = list(found)
    assert [type(p) for p in parts].count(Done) == 1
    assert isinstance(parts[-1], Done)
    rows = [row for p in parts if isinstance(p, Rows) for row in values.rows(p.frame)]
    assert parts[-1].rows == len(rows)
    asks = [(a.ask_id, row["client"]) for p in parts if isinstance(p, Rows) for a in p.asks for row in [values.rows(p.frame)[a.row]]]
    return rows, asks, [p for p in parts if isinstance(p, Malformed)], parts[-1].read


def test_a_line_is_read_whole_and_can_be_found_again(tmp_path):
    text = line(user="ann", at="25/Oct/2026:01:30:00 +0100", request=r"GET /a\x22b HTTP/1.1", status=404, referrer="https://x.example/?q=1")
    write(tmp_path, "access.log", text)
    rows = answer(source(tmp_path).read(ask("192.0.2.7")))[0]
    key = ("access.log", hashlib.sha256(text.encode()).hexdigest()[:32], 1)
    assert rows == [
        {
            "file": key[0], "line": key[1], "copy": 1, "client": "192.0.2.7", "user": "ann", "at": datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
            "request": r"GET /a\x22b HTTP/1.1", "status": 404, "bytes": 512, "referrer": "https://x.example/?q=1", "browser": UA,
        }
    ]  # fmt: skip
    assert answer(source(tmp_path).read(Keys("visits", (key,))))[0] == rows
    assert answer(source(tmp_path).read(Keys("visits", ((key[0], key[1], 2), ("other.log", key[1], 1)))))[0] == []


def test_only_the_client_field_counts_and_the_whole_of_it(tmp_path):
    strangers = [
        line("192.0.2.70"),
        line("1192.0.2.7"),
        line("198.51.100.1", referrer="http://192.0.2.7/"),
        line("198.51.100.1", request="GET /192.0.2.7 HTTP/1.1"),
        line("198.51.100.1", user="192.0.2.7"),
        line("198.51.100.1", browser="192.0.2.7"),
        "192.0.2.77 " + line()[10:],
        line("192x0.2.7"),
    ]
    write(tmp_path, "access.log", *strangers, line())
    rows, asks, _, read = answer(source(tmp_path).read(ask("192.0.2.7")))
    assert [(r["client"], r["browser"]) for r in rows] == [("192.0.2.7", UA)]
    assert asks == [("0", "192.0.2.7")]
    assert read == 9


def test_every_spelling_of_an_address_is_one_address(tmp_path):
    six = ["2001:db8::7", "2001:DB8:0:0:0:0:0:7", "2001:0db8::0007", "2001:db8::7%eth0", "[2001:db8::7]:443", "[2001:db8::7%eth0]:443"]
    four = ["::ffff:192.0.2.7", "192.0.2.7", "192.0.2.7:5123", "[::ffff:192.0.2.7]:80"]
    none = ["192.0.2.7:", "192.0.2.7:http", "192.0.2.7%eth0", "2001:db8::7/64", "[2001:db8::7]443"]
    write(tmp_path, "access.log", *map(line, [*six, "2001:db8::70", "2001:db8::7:443", *none, *four]))
    rows, asks, malformed, _ = answer(source(tmp_path).read(ask("2001:db8::7", "192.0.2.7")))
    assert [r["client"] for r in rows] == [*six, *four]
    assert [a for a, _ in asks] == ["0"] * len(six) + ["1"] * len(four)
    assert [m.count for m in malformed] == [len(none)]


def test_plain_and_gzipped_files_are_read_and_equal_lines_are_told_apart(tmp_path):
    write(tmp_path, "access.log", line(), line("198.51.100.1"), line())
    write(tmp_path, "access.log.1.gz", line())
    write(tmp_path, "error.log", line())
    rows = answer(source(tmp_path).read(ask("192.0.2.7")))[0]
    assert [(r["file"], r["copy"]) for r in rows] == [("access.log", 1), ("access.log", 2), ("access.log.1.gz", 1)]
    assert len({(r["file"], r["line"], r["copy"]) for r in rows}) == 3
    assert answer(source(tmp_path).read(Keys("visits", (("access.log", rows[0]["line"], 2),))))[0] == [rows[1]]


def test_what_is_no_log_line_is_counted_where_it_stands_and_a_wanted_one_is_kept(tmp_path):
    broken = ["192.0.2.7 is down", line()[:40], line(at="99/Nov/2026:10:20:30 +0000"), line(at="12/Abc/2026:10:20:30 +0000")]
    strange = ["", "garbage", "\x16\x03\x01", "198.51.100.1 - - [12/Nov", '- - - [x] "" 400 0 "-" "-"']
    write(tmp_path, "access.log", *broken, *strange, line(size="-", referrer="-", browser="-"))
    rows, _, malformed, read = answer(source(tmp_path).read(ask("192.0.2.7")))
    assert [(r["client"], r["request"], r["at"]) for r in rows[:2]] == [("192.0.2.7", "is down", None), ("192.0.2.7", line()[10:40].strip(), None)]
    assert [r["at"] for r in rows[2:4]] == [None, None]
    assert (rows[4]["bytes"], rows[4]["referrer"], rows[4]["browser"]) == (None, None, None)
    assert [(m.count, m.asks) for m in malformed] == [(5, ())]
    assert malformed[0].sample == "access.log line 5; access.log line 6; access.log line 7"
    assert read == 10


def test_bytes_that_are_no_text_do_not_stop_the_reading(tmp_path):
    write(tmp_path, "access.log", b"\xff\xfe\x00", line(request="GET /\xe9 HTTP/1.1").encode("latin-1"), line(request="GET /é HTTP/1.1").encode())
    rows = answer(source(tmp_path).read(ask("192.0.2.7")))[0]
    assert [r["request"] for r in rows] == [r"GET /\xe9 HTTP/1.1", "GET /é HTTP/1.1"]


def test_lines_that_end_as_on_windows_are_the_same_lines(tmp_path):
    write(tmp_path, "access.log", line(), ending="\r\n")
    assert answer(source(tmp_path).read(ask("192.0.2.7")))[0][0]["line"] == hashlib.sha256(line().encode()).hexdigest()[:32]


@pytest.mark.parametrize("damage", [lambda d: d[:-12], lambda d: d[: len(d) // 2], lambda d: d[:-4] + b"\0\0\0\0", lambda _: b"no gzip"])
def test_a_file_that_is_not_whole_fails_the_table(tmp_path, damage):
    write(tmp_path, "access.log.gz", *[line(f"192.0.2.{n}") for n in range(50)])
    (tmp_path / "access.log.gz").write_bytes(damage((tmp_path / "access.log.gz").read_bytes()))
    with pytest.raises(SourceBroken, match=r"web\.visits: access\.log\.gz is damaged or not whole"):
        list(source(tmp_path).read(ask("192.0.2.7")))


@pytest.mark.parametrize("name", ["access.log.1.gz", "access.log.1.zst"])
def test_an_empty_packed_file_is_damaged_and_an_empty_plain_one_is_not(tmp_path, name):
    write(tmp_path, "access.log", line())
    (tmp_path / "access.log.2").touch()
    (tmp_path / name).touch()
    with pytest.raises(SourceBroken, match=rf"web\.visits: {name} is damaged or not whole"):
        list(source(tmp_path).read(ask("192.0.2.7")))
    (tmp_path / name).unlink()
    assert len(answer(source(tmp_path).read(ask("192.0.2.7")))[0]) == 1


@pytest.mark.parametrize("left", [0, 200])
def test_a_log_that_is_cut_while_it_is_read_fails_the_table(tmp_path, monkeypatch, left):
    """As by logrotate's copytruncate: the copy came after the files were listed, so its lines would be nowhere."""
    write(tmp_path, "access.log", *[line(f"192.0.2.{n}") for n in range(50)])
    real = logblocks.pieces

    def cut(file):
        os.truncate(file.path, left)
        return real(file)

    monkeypatch.setattr(logblocks, "pieces", cut)
    with pytest.raises(SourceBroken, match=r"web\.visits: access\.log is damaged or not whole \(EOFError\)"):
        list(source(tmp_path).read(ask("192.0.2.7")))


@pytest.mark.parametrize("name", ["access.log", "access.log.gz", "access.log.zst"])
def test_lines_longer_than_a_block_and_nul_bytes_hide_nothing(tmp_path, name, monkeypatch):
    monkeypatch.setattr(logblocks, "BLOCK", 2**16)
    long = line(request=f"GET /{'a' * (2 * logblocks.BLOCK + 11)} HTTP/1.1")
    lines = [long, line(), line("192.0.2.8"), "\0\0\0", line(request="GET /\0 HTTP/1.1"), "\0" * logblocks.BLOCK, line("2001:DB8::7"), long, line()]
    text = "".join(one + "\n" for one in lines).encode()
    packed = {".gz": gzip.compress, ".zst": lambda data: pa.compress(data, "zstd", asbytes=True)}.get(Path(name).suffix, bytes)
    (tmp_path / name).write_bytes(packed(text))
    rows, _, malformed, read = answer(source(tmp_path).read(ask("192.0.2.7", "2001:db8::7")))
    assert [(len(row["request"]), row["client"], row["copy"]) for row in rows] == [
        (len(long) - len(line()) + 14, "192.0.2.7", 1), (14, "192.0.2.7", 1), (15, "192.0.2.7", 1), (14, "2001:DB8::7", 1),
        (len(long) - len(line()) + 14, "192.0.2.7", 2), (14, "192.0.2.7", 2),
    ]  # fmt: skip
    assert ([(part.count, part.sample) for part in malformed], read) == ([(2, f"{name} line 4; {name} line 6")], 9)


def test_no_file_and_no_folder_are_no_empty_answer(tmp_path):
    with pytest.raises(SourceUnreachable, match=r"web\.visits: no log file is there"):
        list(source(tmp_path).read(ask("192.0.2.7")))
    with pytest.raises(SourceUnreachable, match="no log file is there"):
        source(tmp_path).schema()
    write(tmp_path, "access.log", line())
    with pytest.raises(SourceUnreachable, match="there is no such folder"):
        source(tmp_path, url="elsewhere").schema()


@pytest.mark.parametrize("pattern", ["*/access.log", "**/access.log", "si?e/access*", "[s]ite/access*"])
def test_a_pattern_for_folders_is_refused_in_its_own_words(tmp_path, pattern):
    (tmp_path / "site").mkdir()
    write(tmp_path / "site", "access.log", line())
    with pytest.raises(SourceBroken, match=r"web\.visits: only the last part of `file\.path` can be a pattern"):
        list(source(tmp_path, pattern).read(ask("192.0.2.7")))


def test_a_log_that_is_moved_all_the_while_is_never_taken_for_missing(tmp_path):
    write(tmp_path, "access.log", line())
    done = threading.Event()

    def turn():
        # As a rotation does: for a moment no name fits, and a listing may meet a name that has just gone.
        names = ["access.log", "access.log.1", "rotating"]
        while not done.is_set():
            for old, new in zip(names, [*names[1:], names[0]], strict=True):
                (tmp_path / old).rename(tmp_path / new)
                time.sleep(0.01)

    turner = threading.Thread(target=turn)
    turner.start()
    try:
        for _ in range(40):
            assert source(tmp_path).schema().keys() == {"visits"}
            assert len(answer(source(tmp_path).read(ask("192.0.2.7")))[0]) == 1
    finally:
        done.set()
        turner.join()


def test_files_beside_the_mapped_ones_are_listed(tmp_path):
    for name in ("access.log", "access.log.1.gz", "error.log"):
        write(tmp_path, name, line())
    found = source(tmp_path, url=".").schema()
    assert found.keys() == {"visits", "error.log"}
    assert found["visits"].key == logs.KEY
    assert list(found["visits"].columns) == list(logs.COLUMNS)


def test_a_match_of_too_many_lines_is_an_error_before_any_is_handed_on(tmp_path):
    write(tmp_path, "access.log", *[line()] * 30)
    parts = []
    with pytest.raises(SourceBroken, match=r"web\.visits: more than 29 rows match by client"):
        parts.extend(source(tmp_path).read(ask("192.0.2.7", limit=29)))
    assert parts == []


def test_what_logs_cannot_answer_is_not_offered(tmp_path):
    write(tmp_path, "access.log", line())
    for other in (Others("visits", "client", ("x",)), Text("visits", ("request",), ("x",))):
        with pytest.raises(NotOffered):
            source(tmp_path).read(other)
    with pytest.raises(SourceBroken, match="logs are searched by client, user and query_email only"):
        list(by(tmp_path, "browser"))
    assert [type(part) for part in by(tmp_path, "user")] == [Done]


def by(folder, column):
    made = source(folder)
    tables = made.settings.declared.tables
    tables["visits"] = tables["visits"].model_copy(update={"match": {"ip": "client", "login": column}})
    return made.read(Match("visits", (Want("b", "web.login", "ann"),)))


FIELDS = st.text(st.characters(blacklist_characters='"\\\r\n', blacklist_categories=("Cs",)), max_size=12)


APACHE = '%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i"'
AS_NGINX = '$remote_addr $remote_ident $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"'


@given(FIELDS, FIELDS, st.sampled_from(["combined", "vhost", APACHE, "$status|$remote_addr|[$time_local]|$request"]))
def test_a_format_gives_back_what_was_written(request_text, browser, written):
    parts = {
        "host": "shop.example", "server_port": "443", "remote_addr": "192.0.2.7", "remote_user": "a b", "time_local": "12/Nov/2026:10:20:30 +0000",
        "request": request_text.replace("|", ""), "status": "200", "body_bytes_sent": "-", "http_referer": "-", "http_user_agent": browser,
        "remote_ident": "-",
    }  # fmt: skip
    template = logformat.NAMED.get(written) or {APACHE: AS_NGINX}.get(written, written)
    text = template
    for name in sorted(parts, key=len, reverse=True):
        text = text.replace(f"${name}", f"\0{name}\0")
    for name, value in parts.items():
        text = text.replace(f"\0{name}\0", value)
    if "\0" not in request_text + browser:
        found = logformat.parser(written)(text.encode())
        assert found == {name: parts[name] for name in found}
        assert {"remote_addr", "request", "status"} <= set(found)


@pytest.mark.parametrize(
    ("chain", "expected"),
    [
        ({"http_x_forwarded_for": "203.0.113.5"}, "203.0.113.5"),
        ({"http_x_forwarded_for": "203.0.113.5, 198.51.100.9:4711"}, "198.51.100.9"),
        ({"http_x_forwarded_for": "203.0.113.5, 10.0.0.2"}, "203.0.113.5"),
        ({"http_x_forwarded_for": "203.0.113.5, unknown"}, "10.0.0.1"),
        ({"http_x_forwarded_for": "evil; drop"}, "10.0.0.1"),
        ({"http_x_forwarded_for": "-", "http_forwarded": 'for="[2001:db8::7]:443";proto=https, for=10.0.0.9'}, "2001:db8::7"),
        ({"http_forwarded": "for=\\x22[2001:db8:0::7]\\x22"}, "2001:db8::7"),
        ({"http_forwarded": "for=_hidden"}, "10.0.0.1"),
        ({}, "10.0.0.1"),
    ],
)
def test_the_client_is_the_nearest_that_is_no_proxy_of_ours(chain, expected):
    trusted = [ipaddress.ip_network("10.0.0.0/8")]
    assert logformat.client_of({"remote_addr": "10.0.0.1", **chain}, trusted) == expected
    assert logformat.client_of({"remote_addr": "::ffff:10.0.0.1", **chain}, trusted) == expected.replace("10.0.0.1", "::ffff:10.0.0.1")
    assert logformat.client_of({"remote_addr": "192.0.2.1", **chain}, trusted) == "192.0.2.1"  # whoever is no proxy of ours may write anything


def test_zstd_and_a_packed_copy_beside_its_original(tmp_path):
    import pyarrow as pa

    first, second = line(request="GET /1 HTTP/1.1"), line(request="GET /2 HTTP/1.1")
    packed = pa.compress((first + "\n").encode(), "zstd", asbytes=True)
    (tmp_path / "access.log.3.zst").write_bytes(packed)
    write(tmp_path, "access.log.2", second)
    write(tmp_path, "access.log.2.gz", second)
    rows, _, malformed, _ = answer(source(tmp_path).read(ask("192.0.2.7")))
    assert [(r["file"], r["request"]) for r in rows] == [("access.log.2", "GET /2 HTTP/1.1"), ("access.log.3.zst", "GET /1 HTTP/1.1")]
    assert malformed == []
    for part in (0, 5, -3):  # it is being packed
        (tmp_path / "access.log.2.gz").write_bytes(gzip.compress((second + "\n").encode())[:part])
        (tmp_path / "access.log.2.zst").write_bytes(pa.compress((second + "\n").encode(), "zstd", asbytes=True)[:part])
        assert answer(source(tmp_path).read(ask("192.0.2.7")))[0] == rows
    (tmp_path / "access.log.2.zst").unlink()
    write(tmp_path, "access.log.2", second, second)
    write(tmp_path, "access.log.2.gz", second, first)
    found = [(r["file"], r["request"]) for r in answer(source(tmp_path).read(ask("192.0.2.7")))[0]]
    assert found[:4] == [(f"access.log.2{end}", f"GET /{n} HTTP/1.1") for end, n in (("", 2), ("", 2), (".gz", 2), (".gz", 1))]
    (tmp_path / "access.log.2.gz").write_bytes(b"no gzip" * 9)
    with pytest.raises(SourceBroken, match=r"access\.log\.2\.gz is damaged"):
        answer(source(tmp_path).read(ask("192.0.2.7")))
    (tmp_path / "access.log.2.gz").unlink()
    (tmp_path / "access.log.3.zst").write_bytes(packed[:-3])
    with pytest.raises(SourceBroken):
        answer(source(tmp_path).read(ask("192.0.2.7")))


@settings(deadline=None)  # on a busy machine a look may take longer than its library allows
@given(st.lists(st.tuples(st.sampled_from(["192.0.2.7", "192.0.2.8", "198.51.100.77"]), st.integers(0, 99)), max_size=40))
def test_every_request_of_an_address_is_found_exactly_once(tmp_path_factory, visits):
    folder = tmp_path_factory.mktemp("logs")
    write(folder, "access.log.gz", *[line(client, request=f"GET /{n} HTTP/1.1") for client, n in visits])
    rows = answer(source(folder).read(ask("192.0.2.7")))[0]
    assert [r["request"] for r in rows] == [f"GET /{n} HTTP/1.1" for client, n in visits if client == "192.0.2.7"]
