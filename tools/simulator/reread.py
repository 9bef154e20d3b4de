"""The journal once more from the disk, when a seed is over: it must be what it was when each batch of it was audited. The
same bytes need no other audit: they would be read by the same program in the same order."""

from __future__ import annotations

from collections.abc import Sequence

from overspill.records.journal import GENESIS, FormOf, Segment, records_of, segment_hash
from simulator.auditor import Auditor
from simulator.book import Finding


def read_again(auditor: Auditor, segments: Sequence[Segment], form_of: FormOf) -> None:
    """By its chain, whose hashes are of all its bytes, and by the answers that are made of these. Raises Finding."""
    answers = {record.id: bytes(record.answer) for record in records_of(segments, form_of)}
    if _chained(segments) != auditor.hash or answers != auditor.answers:
        raise Finding("the journal is another than it was when it was written")


def _chained(segments: Sequence[Segment]) -> bytes:
    """The last hash of the chain, every one made anew."""
    found = GENESIS
    for segment in segments:
        before, found = found, segment_hash(found, segment.body)
        if (segment.previous_hash, segment.hash) != (before, found):
            raise Finding(f"the chain breaks at record {segment.first_seq}")
    return found
