"""The journal: every record in order, each one line of JSON, in segments that carry their predecessor's hash.

A record is all that one command did: the command itself (so that replay can run it again), the exact bytes of its
answer, its effects on accounts (so that state is a fold), and its events (so that settlement can follow).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256

import msgspec

from overspill.words.codec import Raw, json_bytes, json_decoder

GENESIS = bytes(32)
"""The hash before the first segment."""


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What one command did.

    `seq` counts from 1 without a gap and is given by whoever appends. `id` is derived from the command's key and is
    what a repeated command is recognised by; `ids` are further ids that must lead here (holds). `effects` maps an
    account's key to its effects as plain lists (shapes in `account.effects`).
    """

    seq: int
    at: int
    id: str
    ids: tuple[str, ...]
    key: tuple[str, ...]
    fingerprint: str
    """SHA-256 of the command's canonical JSON, in hex: tells a repetition from another payload under one key."""
    command: Raw
    answer: Raw
    effects: dict[str, Raw]
    events: tuple[Raw, ...]


class Segment(msgspec.Struct, frozen=True):
    """The records of one durable commit: `first_seq` to `last_seq`, as lines of JSON."""

    first_seq: int
    last_seq: int
    previous_hash: bytes
    hash: bytes
    body: bytes


decode_record = json_decoder(Record).decode
"""One line of a segment's body → Record; the answer keeps its exact bytes."""


def segment_of(records: Sequence[Record], previous_hash: bytes) -> Segment:
    """The segment that appends `records` (at least one, `seq` ascending by one) behind `previous_hash`."""
    body = b"\n".join([json_bytes(record) for record in records])
    return Segment(records[0].seq, records[-1].seq, previous_hash, segment_hash(previous_hash, body), body)


def segment_hash(previous_hash: bytes, body: bytes) -> bytes:
    """ASSURANCE.md A1: SHA-256(previous hash ‖ body)."""
    return sha256(previous_hash + body).digest()


def records_of(segments: Iterable[Segment]) -> Iterator[Record]:
    """The records of `segments`, in order."""
    for segment in segments:
        for line in segment.body.split(b"\n"):
            yield decode_record(line)
