"""Snapshots as they are stored: a state with its seal, so that nobody decides on one whose bytes are not those that were written.

Before the packed state stand a byte that begins no state, and a hash of all that the row says. What was written before
there were seals has none: it begins as a state does, and is taken as it is.
"""

from __future__ import annotations

from hashlib import blake2b

from overspill.ports.store import Snapshot
from overspill.words.failures import StoreFailure

MARK = 0xC1
"""Never used in MessagePack."""
HASH_BYTES = 16
BARE = 0x9D
"""What a state began with when there were no seals: a list of 13."""

Row = tuple[str, int, bytes, int]
"""(key, record that it is behind, sealed state, when something of it next ends by itself)."""


def sealed(one: Snapshot) -> Row:
    return one.key, one.seq, bytes([MARK]) + _hash(one) + one.state, one.due_at


def unsealed(name: str, row: Row) -> Snapshot:
    """A row of the database `name`. Raises StoreFailure `corrupt` for one that was damaged."""
    key, seq, stored, due_at = row
    if stored[:1] == bytes([MARK]):
        one = Snapshot(key, seq, stored[1 + HASH_BYTES :], due_at)
        if stored[1 : 1 + HASH_BYTES] == _hash(one):
            return one
    elif stored[:1] == bytes([BARE]):
        return Snapshot(key, seq, stored, due_at)
    what = f"{name} is damaged: the state of {key} is not the one that was written"
    raise StoreFailure("corrupt", what, help="restore it from a backup; nothing is decided on it")


def _hash(one: Snapshot) -> bytes:
    row = f"{one.key}\0{one.seq}\0{one.due_at}\0".encode()
    return blake2b(row + one.state, digest_size=HASH_BYTES).digest()
