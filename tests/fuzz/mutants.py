"""Files that were right once: bytes changed, cut, doubled, put in; zips whose parts are. `make fuzz` makes thousands."""

import io
import zipfile

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from tests.examples import examples

SLOWLY = settings(max_examples=examples(25), deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)
NASTY = [
    b"", b"\0", b"\xff\xfe", b"\r\n", b"\n\n", b'"', b"'''", b"=cmd|' /C calc'!A0", b"{{ 7*7 }}", b"{% raise %}", b"../../x", b"%s%n", b"\x1b[2J",
    b"<!ENTITY x SYSTEM 'file:///etc/passwd'>", "\u202e".encode(), b"9" * 400, b"[" * 200, b"a = 1\n" * 3, b"1e999", b"nan", b"inf", b"0000-00-00",
    b"2026-02-30",
]  # fmt: skip


@st.composite
def mutated(draw, whole: bytes) -> bytes:
    """Some bytes near those that were right."""
    found = bytearray(whole)
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, max(0, len(found) - 1)))
        end = min(len(found), start + draw(st.integers(0, 40)))
        match draw(st.sampled_from(["change", "cut", "put in", "double", "end", "flip"])):
            case "change":
                found[start:end] = draw(st.binary(max_size=20))
            case "cut":
                del found[start:end]
            case "put in":
                found[start:start] = draw(st.sampled_from(NASTY))
            case "double":
                found[start:start] = found[start:end]
            case "end":
                del found[start:]
            case "flip" if found:
                found[start] ^= 1 << draw(st.integers(0, 7))
    return bytes(found)


@st.composite
def rezipped(draw, whole: bytes) -> bytes:
    """A zip one part of which is mutated, or the zip's own bytes."""
    if draw(st.booleans()):
        return draw(mutated(whole))
    with zipfile.ZipFile(io.BytesIO(whole)) as source:
        parts = {name: source.read(name) for name in source.namelist()}
    hit = draw(st.sampled_from(sorted(parts)))
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as made:
        for name, data in parts.items():
            made.writestr(name, draw(mutated(data)) if name == hit else data)
    return target.getvalue()
