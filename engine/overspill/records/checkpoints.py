"""Checkpoints: how far a journal was at some instant, as a text to be signed and kept elsewhere.

The text has the lines of https://c2sp.org/tlog-checkpoint: whose journal it is, how many records it has, and a hash, then the
instant. The hash is that of the journal's chain at its last record (`records/journal.py`), not the root of a Merkle tree: who
has the journal can check it, and nobody can prove from two checkpoints alone that one continues the other.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode

from overspill.words.codec import Struct
from overspill.words.failures import Failure
from overspill.words.instants import InstantError, instant_from_text, instant_text

HASH_BYTES = 32
_LINES = re.compile(r"([^\n]+)\n(0|[1-9][0-9]{0,18})\n([A-Za-z0-9+/]{43}=)\nat ([^\n]+)\n")


class Checkpoint(Struct, frozen=True, kw_only=True):
    """The journal of `origin` had `size` records at the instant `at`, and this `hash` at the last of them."""

    origin: str
    size: int
    hash: bytes
    at: int


def text_of(checkpoint: Checkpoint) -> str:
    hash = b64encode(checkpoint.hash).decode("ascii")
    return f"{checkpoint.origin}\n{checkpoint.size}\n{hash}\nat {instant_text(checkpoint.at)}\n"


def checkpoint_in(text: str) -> Checkpoint:
    """Raises Failure `not_a_checkpoint`."""
    match = _LINES.fullmatch(text)
    try:
        if match is not None:
            hash, at = b64decode(match[3], validate=True), instant_from_text(match[4])
            return Checkpoint(origin=match[1], size=int(match[2]), hash=hash, at=at)
    except InstantError:
        pass
    what = "the note is signed, and is no checkpoint: whose journal, its records, its hash, and when, a line each"
    raise Failure("not_a_checkpoint", what, help="name a file that `overspill checkpoint sign` wrote")
