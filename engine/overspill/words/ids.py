"""Derived ids: a key, a kind and a sequence number in, `dec_…` out. Nothing is drawn by chance (LANGUAGE.md I3).

DESIGN.md section 4: id = kind + `_` + 26 characters of base32(SHA-256(key, kind, sequence)), lower case. The parts are
joined with NUL, which no identifier may hold, so that different parts never give the same text.
"""

from __future__ import annotations

import re
from hashlib import sha256

_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
_PAIRS = [a + b for a in _ALPHABET for b in _ALPHABET]
_is_derived = re.compile("[a-z]{1,8}_[a-z2-7]{26}").fullmatch


def key_text(*parts: str) -> str:
    """The parts of a key, tenant first, as the one text that ids are derived from."""
    return "\0".join(parts)


def derived_id(key: str, kind: str, sequence: int = 0) -> str:
    """`derived_id(key, "dec")` → `dec_` and 26 characters: the first 130 bits of the digest."""
    bits = int.from_bytes(sha256(f"{key}\0{kind}\0{sequence}".encode()).digest()[:17]) >> 6
    pairs = _PAIRS
    return (
        f"{kind}_{pairs[bits >> 120]}{pairs[bits >> 110 & 1023]}{pairs[bits >> 100 & 1023]}{pairs[bits >> 90 & 1023]}"
        f"{pairs[bits >> 80 & 1023]}{pairs[bits >> 70 & 1023]}{pairs[bits >> 60 & 1023]}{pairs[bits >> 50 & 1023]}"
        f"{pairs[bits >> 40 & 1023]}{pairs[bits >> 30 & 1023]}{pairs[bits >> 20 & 1023]}{pairs[bits >> 10 & 1023]}"
        f"{pairs[bits & 1023]}"
    )


def id_number(id: str) -> int:
    """An id's last eight characters, 40 bits of its digest, as a number: what an index finds it by. Two ids may have one."""
    return int.from_bytes(id[-8:].encode())


def is_derived(text: str) -> bool:
    """Whether a text has the form of an id that `derived_id` makes."""
    return _is_derived(text) is not None
