"""Derived ids: a key, a kind and a sequence number in, `dec_…` out. Nothing is drawn by chance (LANGUAGE.md I3).

DESIGN.md section 4: id = kind + `_` + 26 characters of base32(SHA-256(key, kind, sequence)), lower case. The parts are
joined with NUL, which no identifier may hold, so that different parts never give the same text.
"""

from __future__ import annotations

import re
from hashlib import sha256

_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
_from_bytes = int.from_bytes
_COPIES = sum(1 << (139 * copy + 2) for copy in range(8))
"""A character is five bits, a byte eight: of eight copies of a number, each three bits further than the length of the one
before, each character begins a byte in one. Its neighbour does so 18 bytes on, all around a ring of the 139 bytes."""
_CHARACTERS = bytes([ord(_ALPHABET[byte & 31]) for byte in range(256)])
"""A byte → the character that its last five bits are."""
_BASE_32 = dict(zip(_ALPHABET.encode(), b"0123456789abcdefghijklmnopqrstuv", strict=True))
_DIGITS = bytes([_BASE_32.get(byte, 0) for byte in range(256)])
"""Byte of an id → the digit that `int` reads in base 32, none for what no id has."""
_is_derived = re.compile("[a-z]{1,8}_[a-z2-7]{26}").fullmatch


def key_text(*parts: str) -> str:
    """The parts of a key, tenant first, as the one text that ids are derived from."""
    return "\0".join(parts)


def derived_id(key: str, kind: str, sequence: int = 0) -> str:
    """`derived_id(key, "dec")` → `dec_` and 26 characters: the first 130 bits of the digest."""
    number = _from_bytes(sha256(f"{key}\0{kind}\0{sequence or '0'}".encode()).digest()[:17])
    ring = (number * _COPIES).to_bytes(139, "little") * 4
    return f"{kind}_{ring[451::-18].translate(_CHARACTERS).decode()}"


def is_id_of(id: str, key: str, kind: str, sequence: int = 0) -> bool:
    """Whether `id` is `derived_id(key, kind, sequence)`, as numbers of 130 bits: an id is sooner read than written."""
    name, _, text = id.partition("_")
    if name != kind or len(text) != 26:
        return False
    try:
        number = int(text.encode().translate(_DIGITS), 32)
    except ValueError:
        return False
    return number == _from_bytes(sha256(f"{key}\0{kind}\0{sequence}".encode()).digest()[:17]) >> 6


def id_number(id: str) -> int:
    """An id's last eight characters, 40 bits of its digest, as a number: what an index finds it by. Two ids may have one."""
    return _from_bytes(id.encode()[-8:])


def is_derived(id: object) -> bool:
    """Whether it is a text of the form that `derived_id` makes."""
    return isinstance(id, str) and _is_derived(id) is not None
