"""Derived ids: a key, a kind and a sequence number in, `dec_…` out. Nothing is drawn by chance (LANGUAGE.md I3).

DESIGN.md section 4: id = kind + `_` + 26 characters of base32(SHA-256(key, kind, sequence)), lower case. The parts are
joined with NUL, which no identifier may hold, so that different parts never give the same text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from hashlib import sha256

_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
_from_bytes = int.from_bytes
_COPIES = sum(1 << (139 * copy + 2) for copy in range(8))
"""A character is five bits, a byte eight: of eight copies of a number, each three bits further than the length of the one
before, each character begins a byte in one. Its neighbour does so 18 bytes on, all around a ring of the 139 bytes."""
_CHARACTERS = bytes([ord(_ALPHABET[byte & 31]) for byte in range(256)])
"""A byte → the character that its last five bits are."""
_OF_DIGIT = bytes([byte - 128 if byte >> 7 else ord(_ALPHABET[byte & 31]) for byte in range(256)])
"""A byte → the character of the digit that it is; of one with its highest bit set, which is no digit, what it is without."""
_PLACE = 32
"""So many characters stand one behind the other for each id: 26 of its own, then the beginning of the next."""
_FIRST = ((2**80 - 1 << 176, 48), (2**80 - 1 << 96, 96))
"""A digest's first and next 80 bits, and how far each goes down to stand at the end of half of its 32 bytes. Then parts of
8, 4, 2 and 1 digits go up in theirs, until each of the 32 has a byte of its own."""
TOGETHER, ROUND, AT_ONCE = 4, 16, 256
"""From so many on ids are made together, and then in multiples of so many, and no more at once: what is kept for a number of
them (`_parts_of`) is kept for few numbers, none of them great."""
_is_derived = re.compile("[a-z]{1,8}_[a-z2-7]{26}").fullmatch


def key_text(*parts: str) -> str:
    """The parts of a key, tenant first, as the one text that ids are derived from."""
    return "\0".join(parts)


def derived_id(key: str, kind: str, sequence: int = 0) -> str:
    """`derived_id(key, "dec")` → `dec_` and 26 characters: the first 130 bits of the digest."""
    number = _from_bytes(sha256(f"{key}\0{kind}\0{sequence or '0'}".encode()).digest()[:17])
    ring = (number * _COPIES).to_bytes(139, "little") * 4
    return f"{kind}_{ring[451::-18].translate(_CHARACTERS).decode()}"


def derived_ids(keys: Sequence[str], kind: str) -> list[str]:
    """`derived_id(key, kind)` of each key. Made together they cost half as much: their digests are one number, in which all
    digits take their places at once."""
    if len(keys) < TOGETHER:
        return [derived_id(key, kind) for key in keys]
    if len(keys) > AT_ONCE:
        shares = (keys[start : start + AT_ONCE] for start in range(0, len(keys), AT_ONCE))
        return [id for share in shares for id in derived_ids(share, kind)]
    ending = f"\0{kind}\0000"
    digests = b"".join([sha256((key + ending).encode()).digest() for key in keys])
    count = -(-len(keys) // ROUND) * ROUND
    number = _digits_of(digests.ljust(32 * count, b"\0"), count)
    text = number.to_bytes(32 * count, "big").translate(_OF_DIGIT).decode()
    return [f"{kind}_{text[at : at + 26]}" for at in range(0, len(digests), 32)]


def ids_of(*kinds: str) -> Callable[[Sequence[str]], list[list[str]]]:
    """Keys → `derived_id(key, kind)` of each kind, key by key, made together as above."""
    endings = [f"\0{kind}\0000".encode() for kind in kinds]
    few = len(kinds)

    def ids(keys: Sequence[str]) -> list[list[str]]:
        digests = [sha256(key + ending).digest() for key in map(str.encode, keys) for ending in endings]
        digits, begins, places = _begun(kinds, len(keys))
        number = _digits_of(b"".join(digests), len(digests)) & digits | begins
        text = number.to_bytes(_PLACE * len(digests) + 6, "big").translate(_OF_DIGIT).decode()
        found = [*map(text.__getitem__, places)]
        return [found[own : own + few] for own in range(0, len(found), few)]

    return ids


@lru_cache(maxsize=256)
def _begun(kinds: Sequence[str], count: int) -> tuple[int, int, list[slice]]:
    """Of `count` ids of each kind: where their digits are; the kinds in front of them, each byte with its highest bit set; and
    where both stand in the text."""
    names = [f"{kind}_" for kind in kinds] * count
    begins = b"".join([b"\0" * (_PLACE - len(name)) + bytes([ord(one) | 128 for one in name]) for name in names])
    starts = range(6, _PLACE * len(names), _PLACE)
    return (
        _in_each(2 ** (8 * 26) - 1 << 48, 8 * _PLACE, len(names)),
        _from_bytes(begins, "big") << 8 * _PLACE,
        [slice(start - len(name), start + 26) for start, name in zip(starts, names, strict=True)],
    )


def _digits_of(digests: bytes, count: int) -> int:
    """Digests → their first 32 digits each, one a byte."""
    number = _from_bytes(digests, "big")
    (first, first_down), (second, second_down), *parts = _parts_of(count)
    number = (number & first) >> first_down | (number & second) >> second_down
    for part, up in parts:
        number += (number & part) * up  # a part is there again further up, and no more where it was
    return number


@lru_cache(maxsize=256)
def _parts_of(count: int) -> list[tuple[int, int]]:
    """What of `count` digests goes down, and how far; then what of them goes up, and by which factor."""
    halves = [(2 ** (5 * half) - 1 << 5 * half, half) for half in (8, 4, 2, 1)]
    return [(_in_each(part, 256, count), down) for part, down in _FIRST] + [
        (_in_each(part, 16 * half, 16 * count // half), 2 ** (3 * half) - 1) for part, half in halves
    ]


def _in_each(part: int, width: int, count: int) -> int:
    """`part` in each of `count` places of `width` bits."""
    return _from_bytes(part.to_bytes(width // 8, "big") * count, "big")


def id_number(id: str) -> int:
    """An id's last eight characters, 40 bits of its digest, as a number: what an index finds it by. Two ids may have one."""
    return _from_bytes(id.encode()[-8:])


def is_derived(id: object) -> bool:
    """Whether it is a text of the form that `derived_id` makes."""
    return isinstance(id, str) and _is_derived(id) is not None
