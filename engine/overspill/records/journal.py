"""The journal: every record in order, each one line of JSON, in segments that carry their predecessor's hash.

A record is all that one command did: the command itself (so that replay can run it again), the exact bytes of its
answer, its effects on accounts (so that state is a fold), and the kinds of events that it is (so that settlement can
follow): an event says nothing that its record does not, `records/usage_events.py` reads it from there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any

import msgspec

from overspill.records.build import Build
from overspill.records.written import Fingerprint, Form, Value
from overspill.words.codec import Light, Raw, json_decoder, json_lines, replace
from overspill.words.failures import StoreFailure

NO_ANSWER = Raw()
GENESIS = bytes(32)
"""The hash before the first segment."""


class Record(Light, frozen=True, kw_only=True, omit_defaults=True):
    """What one command did.

    `seq` counts from 1 without a gap and is given by whoever appends. `id` is derived from the command's key and is
    what a repeated command is recognised by; `ids` are further ids that must lead here (holds). `effects` maps an
    account's key to its effects (shapes in `account.effects`).
    """

    seq: int
    at: int
    id: str
    ids: tuple[str, ...] = ()
    key: tuple[str, str, str, str]
    """(tenant, owner, kind of command, the caller's id)."""
    command: Raw
    """The command's canonical JSON."""
    answer: Raw = NO_ANSWER
    """Its exact bytes. In the journal's text many decisions have `form` and `values` in its place."""
    form: str = ""
    values: Sequence[Value] = ()
    """Those that the record does not have by itself (`records/written.py`)."""
    effects: Mapping[str, Sequence[object]] = {}
    events: tuple[str, ...] = ()
    """`usage` for an admitted request and for a capture."""
    away: Mapping[str, int] | None = None
    """Set where it was decided while the store was away: what the account had been granted in that outage before, in base
    steps by waterfall."""
    met: Mapping[str, object] = {}
    """With it the states that it was decided on, by account, as far as they are not those of the records before it
    (shape in `account.state`)."""
    policy: str = ""
    """The digest of the policy that was active, where the record before it was not made under the same; then all are, up to
    the next that names one."""
    drift: int = 0
    """Microseconds by which the wall clock stood ahead of the clock that `at` is by, where that was too much (LANGUAGE.md
    T3)."""
    build: Build | None = None
    """By which program it was made, for who reads it from a store; it stands beside the journal's text, not in it."""

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the command, in hex: tells a repetition from another payload under one key."""
        return sha256(self.command).hexdigest()

    @property
    def moves(self) -> bool:
        """Whether there may be something to settle; a denial has nothing."""
        return bool(self.effects) or self.key[2] == "reverse"  # what it gives back may be over


class Segment(msgspec.Struct, frozen=True):
    """The records of one durable commit: `first_seq` to `last_seq`, as lines of JSON; `build` is by which program they
    were made, as a store remembers it."""

    first_seq: int
    last_seq: int
    previous_hash: bytes
    hash: bytes
    body: bytes
    build: Build | None = None


FormOf = Callable[[str], Form]
"""The form of an id."""
decode_stored = json_decoder(Record).decode
"""One line of a segment's body → Record, its answer as it is stored."""
_decode_lines = json_decoder(Record).decode_lines


def naming(records: Sequence[Record], before: str, active: str) -> Sequence[Record]:
    """The records, of which each names its policy where the one before it has another. What an outage left names its own
    already; all else was made under the active one."""
    if not records[0].policy:
        return records if before == active else [replace(records[0], policy=active), *records[1:]]
    policies = [before, *(record.policy for record in records)]
    return [
        replace(record, policy="") if record.policy == earlier else record
        for record, earlier in zip(records, policies, strict=False)
    ]


def segment_of(records: Sequence[Record], previous_hash: bytes) -> Segment:
    """The segment that appends `records` (at least one, `seq` ascending by one) behind `previous_hash`."""
    body = json_lines(records)
    return Segment(records[0].seq, records[-1].seq, previous_hash, segment_hash(previous_hash, body), body)


def segment_hash(previous_hash: bytes, body: bytes) -> bytes:
    """ASSURANCE.md A1: SHA-256(previous hash ‖ body)."""
    digest = sha256(previous_hash)
    digest.update(body)
    return digest.digest()


def stored_records(segment: Segment) -> list[Record]:
    """The records of a segment, their answers as they are stored."""
    return _decode_lines(segment.body)


def records_of(segments: Iterable[Segment], form_of: FormOf, naming: str = "") -> Iterator[Record]:
    """The records of `segments`, in order, each with the exact bytes of its answer; those alone in whose text `naming`
    stands, which costs no reading of the others."""
    wanted = naming.encode()
    for segment in segments:
        if not wanted:
            for record in stored_records(segment):
                yield answered(record, form_of, segment.build)
        elif wanted in segment.body:
            for line in segment.body.splitlines():
                if wanted in line:
                    yield answered(decode_stored(line), form_of, segment.build)


def intact(segment: Segment) -> Segment:
    """The segment, whose hash is that of its bytes. Raises StoreFailure `chain_broken`."""
    if segment_hash(segment.previous_hash, segment.body) != segment.hash:
        what = (
            f"the journal's hash chain breaks at record {segment.first_seq}: its bytes are not those that were written"
        )
        raise StoreFailure("chain_broken", what, help="restore it from a backup whose chain is whole")
    return segment


def record_of(segment: Segment, seq: int, form_of: FormOf) -> Record:
    """The record numbered `seq` of the segment that holds it. Raises StoreFailure for one that was damaged."""
    at = seq - segment.first_seq
    return answered(decode_stored(intact(segment).body.split(b"\n", at + 1)[at]), form_of, segment.build)


def answered(record: Record, form_of: FormOf, build: Build | None = None) -> Record:
    """The record with the exact bytes of its answer, and the build that made it."""
    if not record.form:
        return record if build is None else replace(record, build=build)
    return replace(record, answer=Raw(answer_of(record, form_of)), form="", values=(), build=build)


def answer_of(record: Record, form_of: FormOf) -> Raw | bytes:
    """The exact bytes of a record's answer, by itself."""
    if not record.form:
        return record.answer
    command = str(record.command, "utf-8")
    own: tuple[Any, ...] = (record.id, record.key[-1], Fingerprint(bytes(record.command)), command, record.at)
    return form_of(record.form).json_of((*own, *record.values))
