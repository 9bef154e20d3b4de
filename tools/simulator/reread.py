"""The journal once more from the disk, when a seed is over: it must be what it was when each batch of it was audited."""

from __future__ import annotations

from collections.abc import Sequence

from overspill.records.journal import GENESIS, FormOf, Segment, records_of, segment_hash
from simulator.auditor import Auditor
from simulator.book import Finding


def read_again(auditor: Auditor, segments: Sequence[Segment], form_of: FormOf) -> None:
    """By its chain, whose hashes are of all its bytes, and by the answers that are made of these. Raises Finding."""
    answers = {record.id: bytes(record.answer) for record in records_of(segments, form_of)}
    _same(auditor, _chained(segments), answers)


def audit_again(auditor: Auditor, segments: Sequence[Segment], form_of: FormOf) -> None:
    """By another audit from its first record on. Raises Finding."""
    again = Auditor(auditor.caps, auditor.finish_started)
    again.read(segments, form_of)
    _same(auditor, again.hash, again.answers)


def _chained(segments: Sequence[Segment]) -> bytes:
    """The last hash of the chain, every one made anew."""
    found = GENESIS
    for segment in segments:
        before, found = found, segment_hash(found, segment.body)
        if (segment.previous_hash, segment.hash) != (before, found):
            raise Finding(f"the chain breaks at record {segment.first_seq}")
    return found


def _same(auditor: Auditor, found: bytes, answers: dict[str, bytes]) -> None:
    if found != auditor.hash or answers != auditor.answers:
        raise Finding("the journal is another than it was when it was written")
