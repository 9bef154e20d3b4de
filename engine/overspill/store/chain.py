"""Segments → that they are one chain, and where it ends."""

from __future__ import annotations

from collections.abc import Iterable

from overspill.ports.store import Head
from overspill.records.journal import GENESIS, Segment, segment_hash
from overspill.words.codec import Struct
from overspill.words.failures import StoreFailure


class Chain(Struct, frozen=True):
    """`segments` of them, without a gap from the first record on; `head` is their end."""

    segments: int
    head: Head


def chain_of(name: str, segments: Iterable[Segment], head: Head | None = None) -> Chain:
    """The chain of all segments of the database `name`, which ends at `head`. Raises StoreFailure `chain_broken`."""
    end, count = Head(0, GENESIS), 0
    for segment in segments:
        follows = (segment.first_seq, segment.previous_hash) == (end.seq + 1, end.hash)
        if not follows or segment_hash(segment.previous_hash, segment.body) != segment.hash:
            raise _broken(f"the journal's hash chain in {name} breaks at record {segment.first_seq}")
        end, count = Head(segment.last_seq, segment.hash), count + 1
    if head is not None and head != end:
        raise _broken(f"the journal of {name} ends at record {end.seq}, and is said to end at record {head.seq}")
    return Chain(count, end)


def _broken(what: str) -> StoreFailure:
    return StoreFailure("chain_broken", what, help="restore it from a backup whose chain is whole")
