import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsar import kinds
from dsar.recognise import MARK, Mention, mask, recognise


def found(text, region="GB"):
    mentions = recognise(text, region)
    assert all(0 <= m.start < m.end <= len(text) for m in mentions)
    return [(text[m.start : m.end], m.kind, m.value) for m in mentions]


def only(written, kind, value):
    return [(written, kind, value)]


@pytest.mark.parametrize(
    ("text", "written", "value"),
    [
        ("write to Ann.Lee@Example.org.", "Ann.Lee@Example.org", "ann.lee@example.org"),
        ("'ann@x.org'", "ann@x.org", "ann@x.org"),
        ("o'brien@x.org", "o'brien@x.org", "o'brien@x.org"),
        ("Ann <ann+shop@x.co.uk>,", "ann+shop@x.co.uk", "ann+shop@x.co.uk"),
        ("mailto:ann@x.org?subject=1", "ann@x.org", "ann@x.org"),
        ("/in?to=ann%40x.org&n=1", "ann%40x.org", "ann@x.org"),
        ("to=ann@x.org&n=1", "ann@x.org", "ann@x.org"),
        ("jörg@müller.de!", "jörg@müller.de", "jörg@xn--mller-kva.de"),
        ("Jose\u0301@x.org", "Jose\u0301@x.org", "josé@x.org"),
        ("用户@例子.广告", "用户@例子.广告", "用户@xn--fsqu00a.xn--4rr70v"),
        ("連絡先ann@x.orgです", "ann@x.org", "ann@x.org"),
        ("כתבו לann@x.org מחר", "ann@x.org", "ann@x.org"),
        ("\u202eann@x.org\u202c", "\u202eann@x.org\u202c", "ann@x.org"),
        ("\x00ann@x.org\x07", "ann@x.org", "ann@x.org"),
        ("ann＠x.org", "ann＠x.org", "ann@x.org"),
    ],
)
def test_email_addresses_as_people_write_them(text, written, value):
    assert found(text) == only(written, "email", value)


def test_neighbours_are_two_addresses():
    assert [m[2] for m in found("ann@x.org,bob@y.org;eve@z.org")] == ["ann@x.org", "bob@y.org", "eve@z.org"]


@pytest.mark.parametrize("text", ["@ann", "ann@", "meet me @ home.", "user@localhost", "a@@b.org", "", "@", "…@…"])
def test_what_is_no_address(text):
    assert found(text) == []


@pytest.mark.parametrize(
    ("text", "written", "value"),
    [
        ("call 020 7946 0018 now", "020 7946 0018", "+442079460018"),
        ("+44 (0)20-7946.0018 x12", "+44 (0)20-7946.0018 x12", "+442079460018;ext=12"),
        ("0033 1 42 68 53 00", "0033 1 42 68 53 00", "+33142685300"),
        ("+33 1 42 68 53 00 2024-03-01", "+33 1 42 68 53 00", "+33142685300"),
    ],
)
def test_telephone_numbers(text, written, value):
    assert (written, "phone", value) in found(text)


def test_two_numbers_with_only_a_space_between_are_both_found():
    assert [m[2] for m in found("tel 020 7946 0018 020 7946 0019")] == ["+442079460018", "+442079460019"]


def test_a_number_in_no_plan_is_only_possible():
    assert found("or 07700 900123") == only("07700 900123", "possible phone", "+447700900123")
    assert found("20 pieces of 17, 2024-03-01 12:30:45") == []


@pytest.mark.parametrize(
    ("text", "written", "value"),
    [
        ("from 192.0.2.7:443.", "192.0.2.7", "192.0.2.7"),
        ("[2001:DB8::7]:443", "2001:DB8::7", "2001:db8::7"),
        ("fe80::1%eth0", "fe80::1", "fe80::1"),
        ("2001:db8:0:0:0:0:0:7,", "2001:db8:0:0:0:0:0:7", "2001:db8::7"),
    ],
)
def test_ip_addresses(text, written, value):
    assert found(text) == only(written, "ip", value)


def test_an_address_inside_another_is_found_too():
    assert found("::ffff:192.0.2.7") == [("::ffff:192.0.2.7", "ip", "192.0.2.7"), ("192.0.2.7", "ip", "192.0.2.7")]


@pytest.mark.parametrize("text", ["12:30:45", "std::string", "::", "300.1.1.1", "1.2.3.4.5", "00:1b:44:11:3a:b7"])
def test_what_is_no_ip_address(text):
    assert "ip" not in {kind for _, kind, _ in found(text)}


@pytest.mark.parametrize(
    ("text", "written", "kind", "value"),
    [
        ("card 4111 1111 1111 1111 12/27", "4111 1111 1111 1111", "card", "4111111111111111"),
        ("3782-822463-10005.", "3782-822463-10005", "card", "378282246310005"),
        ("4111\u00a01111\u00a01111\u00a01111", "4111\u00a01111\u00a01111\u00a01111", "card", "4111111111111111"),
        ("IBAN GB82 WEST 1234 5698 7654 32 or", "GB82 WEST 1234 5698 7654 32", "iban", "GB82WEST12345698765432"),
        ("de89370400440532013000", "de89370400440532013000", "iban", "DE89370400440532013000"),
    ],
)
def test_cards_and_accounts(text, written, kind, value):
    assert (written, kind, value) in found(text)


@pytest.mark.parametrize("text", ["4111 1111 1111 1112", "GB83 WEST 1234 5698 7654 32", "12.4111111111111111", "41111111111111110000"])
def test_a_wrong_check_digit_or_length_is_neither(text):
    assert not {"card", "iban"} & {kind for _, kind, _ in found(text)}


LOCAL = st.from_regex(r"[a-z0-9](?:[a-z0-9.+_-]{0,20}[a-z0-9])?", fullmatch=True).filter(lambda s: ".." not in s)
HOST = st.from_regex(r"[a-z0-9]{1,12}(?:-[a-z0-9]{1,8})?\.(?:org|co\.uk|example)", fullmatch=True)
AROUND = st.text(st.sampled_from(" \n\t,;:()<>[]\"'\x00\u202e。、"), min_size=1, max_size=4)


@given(LOCAL, HOST, AROUND, AROUND, st.text(max_size=60))
def test_any_address_is_found_wherever_it_stands(local, host, before, after, tail):
    text = f"{tail}{before}{local}@{host}{after}{tail}"
    at = len(tail) + len(before)
    assert any(m.kind == "email" and m.start <= at and m.end >= at + len(local) + 1 + len(host) for m in recognise(text, "GB"))


@given(st.text(st.one_of(st.characters(), st.sampled_from("@.:+-%40 GB\x00\u202e१２")), max_size=300))
def test_any_text_is_read_and_masked(text):
    mentions = recognise(text, "GB")
    assert list(mentions) == sorted(mentions)
    for m in mentions:
        assert 0 <= m.start < m.end <= len(text)
        if m.kind in kinds.GLOBAL:
            assert kinds.normal(m.kind, m.value, "GB") == m.value
    shown = mask(text, mentions)
    outside = [c for n, c in enumerate(text) if not any(m.start <= n < m.end for m in mentions)]
    assert len(shown.replace(MARK, "")) <= len(outside)


def test_a_mask_tells_neither_length_nor_what_overlapped():
    text = "ann@x.org or a.very.long.name@x.org"
    assert mask(text, recognise(text, "GB")) == "[withheld] or [withheld]"
    assert mask("abcdef", [Mention(0, 4, "name", ""), Mention(2, 5, "name", "")]) == "[withheld]f"
    assert mask("Jose\u0301!", [Mention(0, 4, "name", "")]) == "[withheld]!"


@pytest.mark.parametrize(("start", "end"), [(0, 7), (7, 0), (2, 2), (-1, 3)])
def test_a_mention_of_another_text_is_not_masked(start, end):
    with pytest.raises(ValueError, match="inside the text"):
        mask("abcdef", [Mention(start, end, "name", "")])


HOSTILE = ["a@", '"@', "a%40", "4 ", "1", "GB82 ", "1:", "1.1.1.1 ", "12345 ", "(1", "a."]


def test_forty_thousand_characters_of_anything_are_read():
    # No text here may take the reader minutes: a hang ends in the time limit of the process.
    program = "import sys\nfrom dsar.recognise import recognise\nfor piece in sys.argv[1:]: recognise((piece * 40_000)[:40_000], 'GB')\n"
    subprocess.run([sys.executable, "-c", program, *HOSTILE], check=True, timeout=300, cwd=Path(__file__).parents[1])
