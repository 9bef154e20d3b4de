"""Signed checkpoints → whether the journal still is the one that was signed.

Nothing that lies beside a database helps against whoever may change all of it; what was signed and kept elsewhere does. A
checkpoint says nothing of what came behind it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from overspill.audit.findings import Findings
from overspill.records.checkpoints import Checkpoint, checkpoint_in
from overspill.records.notes import PublicKey, text_by
from overspill.words.failures import Failure
from overspill.words.instants import instant_text


def verified(data: bytes, key: PublicKey) -> Checkpoint:
    """The checkpoint of a file. Raises Failure for what is none, and for one that the key has not signed for its own journal."""
    checkpoint = checkpoint_in(text_by(data, key))
    if checkpoint.origin != key.name:
        what = f"the checkpoint is of {checkpoint.origin[:80]}, and signed by {key.name}"
        raise Failure("other_origin", what, help="name the checkpoint and the public key of one journal")
    return checkpoint


def agreeing(
    checkpoints: Sequence[Checkpoint], last: int, hashes: Mapping[int, bytes], found: Findings
) -> tuple[Checkpoint, ...]:
    """Those that the journal agrees with; each other one is a finding. `last` is the journal's last record, `hashes` what its
    chain has at the ends of segments."""
    kept = []
    for one in checkpoints:
        signed = f"was signed {instant_text(one.at)} with"
        if one.size > last:
            what = f"{signed} {one.size} records, and the journal ends at record {last}: it is an older copy, or was cut off"
            found.add("chain", "SIGNED", one.origin, what, seq=last + 1)
        elif hashes.get(one.size) != one.hash:
            what = f"{signed} another hash at record {one.size}: what is before it was changed, or is another journal"
            found.add("chain", "SIGNED", one.origin, what, seq=one.size)
        else:
            kept.append(one)
    return tuple(kept)
