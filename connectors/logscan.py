"""Which lines of a block of log are worth a closer look: found without taking any line apart.

A line begins with the client field. For all lines of a block at once it is told whether the field may be a wanted address, and whether
the line is surely a log line: a valid address, ` - - [`, a stamp of 26 bytes, `] "`, and a quotation mark at its end. Whatever
is not certain (a signed-in user, an unusual spelling) is handed on, to be looked at one by one: what is settled here is never wrong.

Eight bytes are compared at a time, as one number (SWAR): `_equal` and `_from` answer by the
high bit of each byte, `_joined` makes a number of these bits.
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
_OPENING, _SIX_BYTES = _U(int.from_bytes(b" - - [", "little")), _U(2**48 - 1)
_CLOSING, _THREE_BYTES = _U(int.from_bytes(b'] "', "little")), _U(2**24 - 1)
_STAMP = 26
_QUOTE, _RETURN = ord('"'), int.from_bytes(b'"\r', "little")
_HASH_BITS, _KNOWN_BITS = 20, 16
_MIX = (_U(0x9E3779B97F4A7C15), _U(0xC2B2AE3D27D4EB4F))
_HEX = np.zeros(256, np.uint16)
_HEX[np.frombuffer(b"0123456789", np.uint8)] = np.arange(10)
_HEX[np.frombuffer(b"abcdef", np.uint8)] = _HEX[np.frombuffer(b"ABCDEF", np.uint8)] = np.arange(10, 16)
_SIX_WORDS = 5  # 40 bytes: the longest IPv6 address without dots, and the blank


class Seen(NamedTuple):
    """The lines of a block: where each begins and ends (its line feed), and which are to be looked at."""

    starts: Places
    ends: Places
    possible: Flags  # may be of a wanted address
    doubtful: Flags  # not surely a log line


class Scan:
    """A look at blocks of lines for a set of addresses in normal form."""

    def __init__(self, addresses: Iterable[str]) -> None:
        self._fours = np.zeros(1 << _HASH_BITS, np.bool_)
        # Mixed fields that were valid, as visitors come again: chance may at most make a broken line go uncounted, never an address unseen.
        self._known = np.zeros(1 << _KNOWN_BITS, np.uint64)
        self._tails = np.zeros(1 << 16, np.bool_)  # the last 16 bits of an address, however it is spelled
        for address in addresses:
            known = ipaddress.ip_address(address.partition("%")[0])
            self._tails[int(known) & 0xFFFF] = True
            if known.version == 4:
                word = np.frombuffer(address.encode().ljust(16, b"\0"), "<u8")
                self._fours[_mixed(word[:1], word[1:]) >> _U(64 - _HASH_BITS)] = True

    def look(self, buffer: bytearray, start: int, stop: int) -> Seen:
        """Return what is seen in `buffer[start:stop]`, as `logblocks` yields it."""
        data = np.frombuffer(buffer, np.uint8)
        ends = np.flatnonzero(data[start:stop] == 10) + start
        starts = np.concatenate((np.array([start], np.intp), ends[:-1] + 1))[: len(ends)]
        words = np.ndarray(len(data) - 7, "<u8", data, strides=(1,))
        head = words[starts], words[starts + 8]
        possible, valid, blank = self._fours_of(*head)
        sixes = np.flatnonzero(_equal(head[0], ":") | _equal(head[1], ":") & -(blank > 8).astype(np.uint64))
        if len(sixes):
            possible[sixes], valid[sixes], blank[sixes] = self._sixes_of(words, starts[sixes], head[0][sixes])
        return Seen(starts, ends, possible, ~(valid & _like_combined(words, data, starts + blank, ends)))

    def _fours_of(self, low: Words, high: Words) -> tuple[Flags, Flags, Places]:
        """Return for fields of an IPv4 address: may it be wanted, is it one, and where its blank stands (0 where it has none)."""
        blanks = _joined([_equal(low, " "), _equal(high, " ")])
        first = _lowest(blanks)
        length = np.bitwise_count(first - _ONE).astype(np.intp)
        odd = first == 0
        length[odd] = 0
        size = length.astype(np.uint64) * _BYTE
        low, high = _first_bytes(low, size), _first_bytes(high, np.maximum(size, _U(64)) - _U(64))
        mixed = _mixed(low, high)
        place = mixed >> _U(64 - _KNOWN_BITS)
        valid = (self._known[place] == mixed) & (length > 0)
        new = np.flatnonzero(~valid)
        new = new[_dotted(low[new], high[new], first[new])]
        valid[new], self._known[place[new]] = True, mixed[new]
        return self._fours[mixed >> _U(64 - _HASH_BITS)] | ~valid, valid, length

    def _sixes_of(self, words: Words, starts: Places, low: Words) -> tuple[Flags, Flags, Places]:
        """Return the same for fields with a colon."""
        pieces = [low, *(words[starts + 8 * n] for n in range(1, _SIX_WORDS))]
        blanks, colons, digits = (_joined(list(of)) for of in zip(*map(_signs, pieces), strict=True))
        first = _lowest(blanks)
        inside = first - _ONE
        valid = _coloned(colons & inside, digits & inside, first)
        length = np.where(valid, np.bitwise_count(inside), 0).astype(np.intp)
        return ~valid | self._tails[_last_group(words[starts + length - 8])], valid, length


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


def _mixed(low: Words, high: Words) -> Words:
    return ((low * _MIX[0]) ^ (high * _MIX[1])) * _MIX[0]


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


def _last_group(tails: Words) -> NDArray[np.uint16]:
    """Return the last group of IPv6 addresses that end with these eight bytes."""
    value = np.zeros(len(tails), np.uint16)
    open_ = np.ones(len(tails), np.bool_)
    for n in range(4):
        sign = (tails >> _U(56 - 8 * n)).astype(np.uint8)
        open_ &= sign != ord(":")
        value |= np.where(open_, _HEX[sign], 0).astype(np.uint16) << np.uint16(4 * n)
    return value


def _like_combined(words: Words, data: NDArray[np.uint8], blanks: Places, ends: Places) -> Flags:
    """Whether, from the blank behind the client, lines are as the combined format has them for visitors without a name."""
    quote = blanks + len(" - - [") + _STAMP + len("] ")  # where the request begins
    last = data[ends - 1]
    returned = (last == 13) & (data[ends - 2] == _QUOTE)
    found: Flags = (
        ((words[blanks] & _SIX_BYTES) == _OPENING)
        & ((words[np.minimum(quote - 2, len(words) - 1)] & _THREE_BYTES) == _CLOSING)
        & ((last == _QUOTE) | returned)
        & (ends - 1 - returned > quote)
    )
    return found
