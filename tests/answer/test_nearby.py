"""The index of identifiers leaves out no request that a text names, and is made anew when the register changed."""

import stat

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dsar.answer import nearby
from dsar.answer.nearby import Nearby
from dsar.answer.stranger import Needles
from dsar.request.identity import Identifier


def known(**values):
    return {request: tuple(Identifier(kind, value, "verified") for kind, value in given) for request, given in values.items()}


TWO = known(A=[("email", "ann@x.org"), ("phone", "+442079460018")], B=[("email", "bob.roe@mail.example"), ("handle", "b0b1")])
VALUES = st.one_of(
    st.tuples(st.just("email"), st.from_regex(r"[a-zäß]{1,6}(\.[a-z]{1,4})?@[a-c]{1,3}\.(org|example)", fullmatch=True)),
    st.tuples(st.just("phone"), st.from_regex(r"(\+44|0)20794600[0-9]{2}|0{6}7", fullmatch=True)),
    st.tuples(st.just("ip"), st.one_of(st.ip_addresses(v=4).map(str), st.ip_addresses(v=6).map(str))),
    st.tuples(st.just("handle"), st.text("ab01_ü漢", min_size=4, max_size=12)),
    st.tuples(st.just("customer"), st.text("0123456789-", min_size=8, max_size=12)),
    st.tuples(st.just("cookie"), st.sampled_from(["2026-11-23", "abcd"])),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.lists(VALUES, min_size=1, max_size=3), min_size=1, max_size=8), st.data())
@example([[("phone", "0000007")], [("handle", "漢漢漢漢")]], None)
def test_every_request_that_a_text_names_is_told(given_, data):
    identifiers = known(**{f"R{n}": values for n, values in enumerate(given_)})
    index = Nearby.of(identifiers, "GB")
    spelled = [value for values in given_ for _, value in values]
    pieces = st.one_of(st.sampled_from(spelled), st.sampled_from([" ", "\n", "-", ".", "call 020 7946 0018", "1.2.3.4", "x"]))
    text = "".join(data.draw(st.lists(pieces, max_size=12))) if data else " ".join(spelled)
    for way in (text, text.upper(), text.replace("@", " @ "), text.replace("7946", "7946-")):
        named = {hit for r, some in identifiers.items() if Needles(nearby.needles(r, some), "GB").in_text(way) for hit in [r]}
        assert named <= index.requests(way)


@pytest.mark.parametrize(
    ("text", "requests"),
    [("", set()), ("nobody at all", set()), ("write to ANN@x.org", {"A"}), ("t: 020-7946 00 18", {"A"}), ("b0b1, ann@x.org", {"A", "B"})],
)
def test_a_text_tells_whom_it_could_name(text, requests):
    assert Nearby.of(TWO, "GB").requests(text) == requests


def test_of_people_who_share_a_provider_only_the_one_who_is_named_is_told():
    many = known(**{f"R{n}": [("email", f"person{n}@mail.example"), ("ip", f"2001:db8:0:{n:x}::1")] for n in range(500)})
    index = Nearby.of(many, "GB")
    assert index.requests("person@mail.example, mail.example and 2001:db8::") == set()
    assert index.requests("person77@mail.example came from 2001:db8:0:4e::1") == {"R77", "R78"}


def test_no_request_at_all():
    assert Nearby.of({}, "GB").requests("ann@x.org") == set()


def test_it_is_kept_in_a_file_of_its_owner_until_the_register_changes(tmp_path):
    path, asked = tmp_path / "index", []

    def read(found=TWO):
        asked.append(found)
        return found

    assert Nearby.kept(path, "1", read, "GB").requests("ann@x.org") == {"A"}
    assert Nearby.kept(path, "1", read, "GB").requests("ann@x.org") == {"A"}
    assert (len(asked), stat.S_IMODE(path.stat().st_mode)) == (1, 0o600)
    more = {**TWO, **known(C=[("email", "cy@x.org")])}
    assert Nearby.kept(path, "2", lambda: read(more), "GB").requests("cy@x.org") == {"C"}
    assert Nearby.kept(path, "2", lambda: read(more), "DE").requests("cy@x.org") == {"C"}
    assert len(asked) == 3


@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda _: b"", lambda _: b"no index"])
def test_a_broken_file_is_made_anew(tmp_path, damage):
    path = tmp_path / "index"
    Nearby.kept(path, "1", lambda: TWO, "GB")
    path.write_bytes(damage(path.read_bytes()))
    assert Nearby.kept(path, "1", lambda: TWO, "GB").requests("ann@x.org") == {"A"}


def test_the_file_holds_no_identifier(tmp_path):
    Nearby.kept(tmp_path / "index", "1", lambda: TWO, "GB")
    content = (tmp_path / "index").read_bytes()
    assert not [i.value for some in TWO.values() for i in some if len(i.value) > 8 and i.value.encode() in content]
