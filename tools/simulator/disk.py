"""A disk: transactions in the order written, those behind the last sync lost or torn when the power goes.

What a process that ends has written, the system writes out behind it. Whoever opens the disk reads it up to the first
transaction that is not whole, as SQLite reads its log up to the first frame whose checksum is wrong.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

import msgspec

from overspill.ports.store import Snapshot, StoredPolicy
from overspill.records.journal import Segment
from overspill.records.written import Form
from simulator.chance import Chance


class Transaction(msgspec.Struct):
    """What one commit writes."""

    segments: list[Segment] = []
    forms: list[Form] = []
    policies: list[StoredPolicy] = []
    has_events: bool = False
    snapshots: tuple[Sequence[Snapshot], Sequence[tuple[int, int]], Sequence[str], int | None] | None = None
    """(states, ids with their records' numbers, who buys by himself, the last record that they hold)."""
    whole: bool = True


class Disk:
    """`log` is all that was written, `synced` how much of it no loss of power can take; the tables are its sum."""

    checks_frames = True

    def __init__(self) -> None:
        self.log: list[Transaction] = []
        self.synced = 0
        self.full = False
        self._empty()

    def _empty(self) -> None:
        self.segments: list[Segment] = []
        self.last_seqs: list[int] = []
        self.forms: dict[str, Form] = {}
        self.policies: dict[str, StoredPolicy] = {}
        self.accounts: dict[str, Snapshot] = {}
        self.ids: dict[int, list[int]] = {}
        self._numbers: list[int] = []
        self.topped_up: set[str] = set()
        self.outbox: list[tuple[int, int]] = []
        self.through = 0

    # ---- writing

    def write(self, transaction: Transaction) -> None:
        """The transaction is there for every process, and not yet safe."""
        self.log.append(transaction)
        self._apply(transaction)

    def sync(self) -> None:
        self.synced = len(self.log)

    def _apply(self, transaction: Transaction) -> None:
        for segment in transaction.segments:
            self.segments.append(segment)
            self.last_seqs.append(segment.last_seq)
            if transaction.has_events:
                self.outbox.append((segment.first_seq, segment.last_seq))
        for form in transaction.forms:
            self.forms.setdefault(form.id, form)
        for policy in transaction.policies:
            self.policies.setdefault(policy.digest, policy)
        if transaction.snapshots is not None:
            states, ids, topped_up, through = transaction.snapshots
            self.through = max(self.through, through or 0)
            self.accounts.update((state.key, state) for state in states)
            for number, seq in ids:
                seqs = self.ids.setdefault(number, [])
                if seq not in seqs:
                    seqs.append(seq)
            self.topped_up.update(topped_up)

    # ---- reading

    @property
    def numbers(self) -> list[int]:
        """Those of `ids`, ascending; put in order when somebody asks, since ids are only ever added."""
        if len(self._numbers) != len(self.ids):
            self._numbers = sorted(self.ids)
        return self._numbers

    def segment_at(self, seq: int) -> int:
        """The place of the segment that holds the record `seq`."""
        return bisect_left(self.last_seqs, seq)

    # ---- losing

    def forget_last(self) -> None:
        """What was written last did not reach the disk."""
        self._cut(len(self.log) - 1)

    def lose_power(self, chance: Chance) -> str | None:
        """Keeps what was synced and, by chance, a part of the rest; says what became of the rest."""
        behind = len(self.log) - self.synced
        if not behind:
            return None
        kept = self.synced + chance.randrange(behind + 1)
        if kept == len(self.log):
            self.synced = kept
            return "kept"
        fate = "lost"
        if chance.random() < 0.5 and self.log[kept].segments:
            self.log[kept] = torn(self.log[kept], chance)
            kept, fate = kept + 1, "torn"
        self._cut(kept)
        return fate

    def _cut(self, count: int) -> None:
        count = next((at for at in range(count) if self.checks_frames and not self.log[at].whole), count)
        self.log = self.log[:count]
        self.synced = count
        self._empty()
        for transaction in self.log:
            self._apply(transaction)

    def damage(self, place: int, chance: Chance) -> Segment:
        """Flips a digit of a segment at rest; gives back what stood there."""
        segment = self.segments[place]
        self.segments[place] = damaged(segment, chance)
        return segment


def torn(transaction: Transaction, chance: Chance) -> Transaction:
    """The transaction as a disk has it that was writing when the power went."""
    return msgspec.structs.replace(
        transaction, segments=[damaged(one, chance) for one in transaction.segments], whole=False
    )


def damaged(segment: Segment, chance: Chance) -> Segment:
    """The segment with one digit otherwise, which every reader still takes for a number."""
    body = bytearray(segment.body)
    digits = [at for at, byte in enumerate(body) if 0x31 <= byte <= 0x38 and 0x30 <= body[at - 1] <= 0x39]
    at = chance.choice(digits)
    body[at] += 1
    return msgspec.structs.replace(segment, body=bytes(body))
