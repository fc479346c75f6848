"""Which lines of a block of log are worth a closer look: found without taking any line apart.

A line begins with the client field. For all lines of a block at once it is told whether the field may be a wanted address, and whether
the line is surely a log line: a valid address, ` - - [`, a stamp of 26 bytes, `] "`, and a quotation mark at its end. Whatever
is not certain (an unusual spelling, a broken line) is handed on, to be looked at one by one: what is settled here is never wrong.

Visitors ask for many things at a time: of the lines of a block that begin alike only one is looked at. Eight bytes are compared at a
time, as one number (SWAR): `_equal` and `_from` answer by the high bit of each byte, `_joined` makes a number of these bits.
"""

import ipaddress
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]
Flags = NDArray[np.bool_]
Places = NDArray[np.intp]

_U = np.uint64
_EACH = {chr(sign): np.uint64(sign * 0x0101010101010101) for sign in range(128)}  # a sign eight times
_SEVEN, _HIGH = _U(0x7F7F7F7F7F7F7F7F), _U(0x8080808080808080)
_GATHER = _U(0x0102040810204080)  # carries the high bit of byte n to bit 56 + n
_ONE, _BYTE = _U(1), _U(8)
_ANONYMOUS, _SIX_BYTES = _U(int.from_bytes(b" - - [", "little")), _U(2**48 - 1)
_NAMED, _CLOSING, _THREE_BYTES = _U(int.from_bytes(b" - ", "little")), _U(int.from_bytes(b'] "', "little")), _U(2**24 - 1)
_STAMP = 26
_QUOTE, _RETURN, _BRACKET = map(ord, '"\r[')
_HASH_BITS, _PLACE_BITS = 20, 14
_MIX = (_U(0x9E3779B97F4A7C15), _U(0xC2B2AE3D27D4EB4F))
_HEX = np.zeros(256, np.uint16)
_HEX[np.frombuffer(b"0123456789", np.uint8)] = np.arange(10)
_HEX[np.frombuffer(b"abcdef", np.uint8)] = _HEX[np.frombuffer(b"ABCDEF", np.uint8)] = np.arange(10, 16)
_FOUR_WORDS = 3  # 24 bytes: the longest IPv4 address and ` - - [`
_SIX_WORDS = 6  # 48 bytes: the same of IPv6 without dots
_EARLY = _U(0x8080808080)  # the first five bytes: where an IPv6 address has a colon, and an IPv4 address a dot


class Seen(NamedTuple):
    """The lines of a block: where each begins and ends (its line feed), and which are to be looked at."""

    starts: Places
    ends: Places
    possible: Flags  # may be of a wanted address
    doubtful: Flags  # not surely a log line


class Scan:
    """A look at blocks of lines for a set of addresses in normal form."""

    def __init__(self, addresses: Iterable[str]) -> None:
        self._wanted_fours = np.zeros(1 << _HASH_BITS, np.bool_)
        self._wanted_tails = np.zeros(1 << 16, np.bool_)  # the last 16 bits of an address, however it is spelled
        for address in addresses:
            known = ipaddress.ip_address(address)
            self._wanted_tails[int(known) & 0xFFFF] = True
            if known.version == 4:
                word = np.frombuffer(address.encode().ljust(16, b"\0"), "<u8")
                self._wanted_fours[_mixed([word[:1], word[1:]]) >> _U(64 - _HASH_BITS)] = True

    def look(self, buffer: bytearray, start: int, stop: int) -> Seen:
        """Return what is seen in `buffer[start:stop]`, as `logblocks` yields it."""
        data = np.frombuffer(buffer, np.uint8)
        words = np.ndarray(len(data) - 7, "<u8", data, strides=(1,))
        ends = _line_feeds(data[start:stop]) + start
        starts = np.concatenate((np.array([start], np.intp), ends[:-1] + 1))[: len(ends)]
        length, possible = np.zeros(len(starts), np.intp), np.zeros(len(starts), np.bool_)
        anonymous = possible.copy()
        colon = _coloned_early(words[starts])
        for of, size, fields in ((~colon, _FOUR_WORDS, self._fours), (colon, _SIX_WORDS, self._sixes)):
            lines = np.flatnonzero(of)
            begun = [words[starts[lines] + 8 * n] for n in range(size)]
            few, alike = _alike(begun)
            found, wanted = fields([piece[few] for piece in begun])
            bare = (words[starts[lines[few]] + found] & _SIX_BYTES) == _ANONYMOUS
            length[lines], possible[lines], anonymous[lines] = found.take(alike), wanted.take(alike), bare.take(alike)
        return Seen(starts, ends, possible, ~((length > 0) & _like_combined(words, data, starts + length, ends, anonymous)))

    def _fours(self, begun: Sequence[Words]) -> tuple[Places, Flags]:
        """Return how long the IPv4 address is that a line begins with (0: there is none), and whether it may be wanted."""
        length, first = _to_blank(*begun[:2])
        size = length.astype(np.uint64) * _BYTE
        low, high = _first_bytes(begun[0], size), _first_bytes(begun[1], np.maximum(size, _U(64)) - _U(64))
        length[~_dotted(low, high, first)] = 0
        return length, self._wanted_fours[_mixed([low, high]) >> _U(64 - _HASH_BITS)]

    def _sixes(self, begun: Sequence[Words]) -> tuple[Places, Flags]:
        """Return the same of IPv6 addresses."""
        blanks, colons, digits = (_joined(list(of)) for of in zip(*map(_signs, begun), strict=True))
        first = _lowest(blanks)
        inside = first - _ONE
        length = np.where(_coloned(colons & inside, digits & inside, first), np.bitwise_count(inside), 0).astype(np.intp)
        return length, self._wanted_tails[_last_group(begun, length)]


def _alike(begun: Sequence[Words]) -> tuple[Places, Places]:
    """Return a few lines, and for each line which of these begins as it does, to the byte; two may be alike, if chance puts others between."""
    lines = np.arange(len(begun[0]))
    place = (_mixed(begun) >> _U(64 - _PLACE_BITS)).view(np.intp)
    last = np.empty(1 << _PLACE_BITS, np.intp)
    last[place] = lines
    like = last.take(place)
    same = np.ones(len(lines), np.bool_)
    for piece in begun:
        same &= piece.take(like) == piece
    like = np.where(same, like, lines)
    first = like == lines
    return np.flatnonzero(first), (np.cumsum(first) - 1).take(like)


def _line_feeds(data: NDArray[np.uint8]) -> Places:
    """Return where the line feeds stand: 64 bytes are looked at as the bits of one word."""
    bits = np.packbits(data == 10, bitorder="little")
    words = np.zeros(-(-len(bits) // 8), np.uint64)
    words.view(np.uint8)[: len(bits)] = bits
    at = np.flatnonzero(words != 0)
    left, many = words[at], np.bitwise_count(words[at])
    if len(at) < many.sum():
        at, left = np.repeat(at, many), np.repeat(left, many)
        before = np.arange(len(at)) - np.repeat(np.cumsum(many, dtype=np.intp) - many, many)  # line feeds of the same word
        while len(later := np.flatnonzero(before)):
            left[later] &= left[later] - _ONE
            before[later] -= 1
    found: Places = at * 64 + np.bitwise_count(_lowest(left) - _ONE)
    return found


def _coloned_early(words: Words) -> Flags:
    """Whether there is a colon among the first five bytes."""
    other = words ^ _EACH[":"]
    found: Flags = ((other - _EACH["\1"]) & ~other & _EARLY) != 0
    return found


def _equal(words: Words, sign: str) -> Words:
    """Return the high bit of each byte that is the sign."""
    other = words ^ _EACH[sign]
    return ~(((other & _SEVEN) + _SEVEN) | other) & _HIGH


def _from(words: Words, sign: str) -> Words:
    """Return the high bit of each byte that is the sign or a later one of ASCII."""
    return ((words | _HIGH) - _EACH[sign]) & ~words & _HIGH


def _signs(words: Words) -> tuple[Words, Words, Words]:
    """Return the high bits of the bytes that are blanks, colons, hexadecimal digits."""
    ascii_, high = ~words & _HIGH, words | _HIGH
    colon, lower = high - _EACH[":"], high | _EACH[" "]  # capitals become small letters
    digits = (high - _EACH["0"] & ~colon) | (lower - _EACH["a"] & ~(lower - _EACH["g"]))
    return (high - _EACH[" "]) & ~(high - _EACH["!"]) & ascii_, colon & ~(high - _EACH[";"]) & ascii_, digits & ascii_


def _joined(flags: Sequence[Words]) -> Words:
    """Return, for the high bits of the bytes of several words side by side, one number of a bit each."""
    found = np.zeros_like(flags[0])
    for n, word in enumerate(flags):
        found |= ((word >> _U(7)) * _GATHER) >> _U(56) << _U(8 * n)
    return found


def _lowest(bits: Words) -> Words:
    return bits & (~bits + _ONE)


def _first_bytes(words: Words, bits: Words) -> Words:
    """Return the words with only their first bits left."""
    return np.where(bits >= _U(64), words, words & ((_ONE << np.minimum(bits, _U(63))) - _ONE))


def _mixed(pieces: Sequence[Words]) -> Words:
    mixed = pieces[0] * _MIX[0]
    for piece in pieces[1:]:
        mixed = (mixed ^ piece * _MIX[1]) * _MIX[0]
    return mixed


def _to_blank(low: Words, high: Words) -> tuple[Places, Words]:
    """Return how many bytes stand before the first blank (0: there is none in sixteen), and the bit of that blank."""
    first = _lowest(_joined([_equal(low, " "), _equal(high, " ")]))
    return np.where(first == 0, 0, np.bitwise_count(first - _ONE)).astype(np.intp), first


def _dotted(low: Words, high: Words, first: Words) -> Flags:
    """Whether a field is four numbers of at most 255; `first` is the bit of the blank behind it."""
    both = np.stack((low, high))
    zero, one, two, three, five, six, behind = (_from(both, sign) for sign in "012356:")

    def sixteen(flags: Words) -> Words:
        return _joined([flags[0], flags[1]])

    dots, digits = sixteen(_equal(both, ".")), sixteen(zero & ~behind)
    threes = digits & digits >> _ONE & digits >> _U(2)
    to_four, to_five = sixteen(zero & ~five), sixteen(zero & ~six)
    fits = sixteen(one & ~two) | sixteen(two & ~three) & (to_four | (to_five & ~to_four) & to_five >> _ONE) >> _ONE  # 1xx, 20x to 24x, 250 to 255
    found: Flags = (
        ((dots | digits) == first - _ONE)
        & (np.bitwise_count(dots) == 3)
        & ((dots & (dots >> _ONE | _ONE | first >> _ONE)) == 0)
        & ((threes & digits >> _U(3)) == 0)
        & ((threes & ~fits) == 0)
    )
    return found


def _coloned(colons: Words, digits: Words, first: Words) -> Flags:
    """Whether a field is an IPv6 address without dots: RFC 4291, 2.2."""
    double = colons & colons >> _ONE
    groups = np.bitwise_count(digits & ~(digits << _ONE))
    doubles = np.bitwise_count(double)
    last = first >> _ONE
    found: Flags = (
        (first != 0)
        & ((colons | digits) == first - _ONE)
        & ((digits & digits >> _ONE & digits >> _U(2) & digits >> _U(3) & digits >> _U(4)) == 0)
        & np.where(doubles == 0, groups == 8, (doubles == 1) & (groups <= 7))
        & ((colons & _ONE & ~double) == 0)  # a colon at the beginning or the end is one of two
        & ((colons & last & ~(double << _ONE)) == 0)
    )
    return found


def _last_group(pieces: Sequence[Words], length: Places) -> NDArray[np.uint16]:
    """Return the last group of IPv6 addresses of these lengths."""
    signs = np.stack(pieces, axis=1).view(np.uint8).reshape(len(length), 8 * len(pieces))
    lines, value, open_ = np.arange(len(length)), np.zeros(len(length), np.uint16), np.ones(len(length), np.bool_)
    for n in range(4):
        sign = signs[lines, np.maximum(length - 1 - n, 0)]
        open_ &= sign != ord(":")
        value |= np.where(open_, _HEX[sign], 0).astype(np.uint16) << np.uint16(4 * n)
    return value


def _like_combined(words: Words, data: NDArray[np.uint8], blanks: Places, ends: Places, anonymous: Flags) -> Flags:
    """Whether, from the blank behind the client, lines are as the combined format has them; `anonymous` begin with ` - - [` there."""
    name, found = np.ones(len(blanks), np.intp), anonymous.copy()
    named = np.flatnonzero(~anonymous)
    named = named[(words[blanks[named]] & _THREE_BYTES) == _NAMED]
    name[named] = _to_blank(words[blanks[named] + 3], words[blanks[named] + 11])[0]
    found[named] = (name[named] > 0) & (data.take(blanks[named] + name[named] + 4) == _BRACKET)
    quote = blanks + name + (len(" -  [") + _STAMP + len("] "))  # where the request begins
    last = ends - 1
    returned = np.flatnonzero(data.take(last) == _RETURN)
    last[returned] -= 1
    found &= (words[np.minimum(quote - 2, len(words) - 1)] & _THREE_BYTES) == _CLOSING
    found &= (data.take(last) == _QUOTE) & (last > quote)
    return found
