"""Derived ids: a key, a kind and a sequence number in, `dec_…` out. Nothing is drawn by chance (LANGUAGE.md I3).

DESIGN.md section 4: id = kind + `_` + 26 characters of base32(SHA-256(key, kind, sequence)), lower case. The parts are
joined with NUL, which no identifier may hold, so that different parts never give the same text.
"""

from __future__ import annotations

import re
from hashlib import sha256
from struct import Struct

_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
_from_bytes = int.from_bytes
_words = Struct(">QQB").unpack_from
_PAIRS = [a + b for a in _ALPHABET for b in _ALPHABET]
_SIX = 2**30 - 1
"""Six characters' bits: with no more than these in a number Python shifts and masks it in one go."""
_BASE_32 = dict(zip(_ALPHABET.encode(), b"0123456789abcdefghijklmnopqrstuv", strict=True))
_DIGITS = bytes([_BASE_32.get(byte, 0) for byte in range(256)])
"""Byte of an id → the digit that `int` reads in base 32, none for what no id has."""
_is_derived = re.compile("[a-z]{1,8}_[a-z2-7]{26}").fullmatch


def key_text(*parts: str) -> str:
    """The parts of a key, tenant first, as the one text that ids are derived from."""
    return "\0".join(parts)


def derived_id(key: str, kind: str, sequence: int = 0) -> str:
    """`derived_id(key, "dec")` → `dec_` and 26 characters: the first 130 bits of the digest."""
    first, second, third = _words(sha256(f"{key}\0{kind}\0{sequence or '0'}".encode()).digest())
    a, b, c, d = first >> 34, first >> 4 & _SIX, (first & 15) << 26 | second >> 38, second >> 8 & _SIX
    pairs = _PAIRS
    return (
        f"{kind}_{pairs[a >> 20]}{pairs[a >> 10 & 1023]}{pairs[a & 1023]}{pairs[b >> 20]}{pairs[b >> 10 & 1023]}"
        f"{pairs[b & 1023]}{pairs[c >> 20]}{pairs[c >> 10 & 1023]}{pairs[c & 1023]}{pairs[d >> 20]}"
        f"{pairs[d >> 10 & 1023]}{pairs[d & 1023]}{pairs[(second & 255) << 2 | third >> 6]}"
    )


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
