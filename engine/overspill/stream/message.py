"""A record of the journal ↔ the message that tells of it: subject, id and body.

The subject ends in the shard of the record's own account, so that whoever consumes one shard meets an account's records in
order. The id is the record's: however often a record is told of, it is the same message.
"""

from __future__ import annotations

from hashlib import sha256

from overspill.records.journal import Record
from overspill.words.codec import JsonFault, Light, Raw, json_bytes, json_decoder
from overspill.words.ids import is_derived

SHARDS = 64
SEQ_MAX = 2**63 - 1


class Message(Light, frozen=True, kw_only=True):
    """The record `seq` of the journal, `id` and `kind` its own, and the accounts (`default/user/ana`) of which it tells.
    `record` is its line as the journal has it, or null where that is more than the server takes."""

    seq: int
    id: str
    kind: str
    accounts: tuple[str, ...]
    record: Raw


class Told(Light, frozen=True):
    """What a settler asks a message for."""

    seq: int
    id: str


_decode = json_decoder(Told).decode
_NULL = Raw(b"null")


def body_of(record: Record, line: bytes, most: int) -> bytes:
    """The body of the message; above `most` bytes without the line."""
    accounts = tuple(sorted({owner_key(record), *record.effects}))
    message = Message(seq=record.seq, id=record.id, kind=record.key[2], accounts=accounts, record=Raw(line))
    body = json_bytes(message)
    return (
        body
        if len(body) <= most
        else json_bytes(Message(seq=record.seq, id=record.id, kind=record.key[2], accounts=accounts, record=_NULL))
    )


def told(body: bytes) -> Told | None:
    """What a message tells of; None: it tells of no record."""
    try:
        found = _decode(body)
    except JsonFault:
        return None
    return found if 1 <= found.seq <= SEQ_MAX and is_derived(found.id) else None


def owner_key(record: Record) -> str:
    """`default/user/ana`."""
    return f"{record.key[0]}/{record.key[1]}"


def shard_of(account: str) -> int:
    """Which of the shards an account is in, for ever: the first eight bytes of its key's SHA-256."""
    return int.from_bytes(sha256(account.encode()).digest()[:8]) % SHARDS


def subject_of(stream: str, record: Record) -> str:
    """`overspill.default.17`. A tenant is one token, whatever it is called."""
    tenant = record.key[0].replace(".", "%2E")
    return f"{stream}.{tenant}.{shard_of(owner_key(record))}"
