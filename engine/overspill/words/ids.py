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
_OF_DIGIT = _ALPHABET.encode() * 8
"""Byte → the character of the digit that it is."""
_FIRST = ((2**80 - 1 << 176, 48), (2**80 - 1 << 96, 96))
"""A digest's first and next 80 bits, and how far each goes down to stand at the end of half of its 32 bytes. Then parts of
8, 4, 2 and 1 digits go up in theirs, until each of the 32 has a byte of its own."""
_is_derived = re.compile("[a-z]{1,8}_[a-z2-7]{26}").fullmatch


def key_text(*parts: str) -> str:
    """The parts of a key, tenant first, as the one text that ids are derived from."""
    return "\0".join(parts)


def derived_id(key: str, kind: str, sequence: int = 0) -> str:
    """`derived_id(key, "dec")` → `dec_` and 26 characters: the first 130 bits of the digest."""
    number = _from_bytes(sha256(f"{key}\0{kind}\0{sequence or '0'}".encode()).digest()[:17])
    ring = (number * _COPIES).to_bytes(139, "little") * 4
    return f"{kind}_{ring[451::-18].translate(_CHARACTERS).decode()}"


def ids_of(*kinds: str) -> Callable[[Sequence[str]], list[list[str]]]:
    """Keys → `derived_id(key, kind)` of each kind, key by key. Made together they cost half as much: their digests are one
    number, in which all digits take their places at once."""
    endings = [f"\0{kind}\0000".encode() for kind in kinds]
    starts = [(kind, 32 * number) for number, kind in enumerate(kinds)]

    def ids(keys: Sequence[str]) -> list[list[str]]:
        digests = [sha256(key + ending).digest() for key in map(str.encode, keys) for ending in endings]
        text = _digits_of(b"".join(digests), len(digests))
        at = range(0, len(text), 32 * len(kinds))
        return [[f"{kind}_{text[own + start : own + start + 26]}" for kind, start in starts] for own in at]

    return ids


def _digits_of(digests: bytes, count: int) -> str:
    """Digests → their first 32 digits each."""
    number = _from_bytes(digests, "big")
    (first, first_down), (second, second_down), *parts = _parts_of(count)
    number = (number & first) >> first_down | (number & second) >> second_down
    for part, up in parts:
        number += (number & part) * up  # a part is there again further up, and no more where it was
    return number.to_bytes(32 * count, "big").translate(_OF_DIGIT).decode()


@lru_cache(maxsize=256)
def _parts_of(count: int) -> list[tuple[int, int]]:
    """What of `count` digests goes down, and how far; then what of them goes up, and by which factor."""
    halves = [(2 ** (5 * half) - 1 << 5 * half, half) for half in (8, 4, 2, 1)]
    return [(_in_each(part, 256, count), down) for part, down in _FIRST] + [
        (_in_each(part, 16 * half, 16 * count // half), 2 ** (3 * half) - 1) for part, half in halves
    ]


def _in_each(part: int, width: int, count: int) -> int:
    """`part` in each of `count` places of `width` bits."""
    return sum([part << width * place for place in range(count)])


def id_number(id: str) -> int:
    """An id's last eight characters, 40 bits of its digest, as a number: what an index finds it by. Two ids may have one."""
    return _from_bytes(id.encode()[-8:])


def is_derived(id: object) -> bool:
    """Whether it is a text of the form that `derived_id` makes."""
    return isinstance(id, str) and _is_derived(id) is not None
