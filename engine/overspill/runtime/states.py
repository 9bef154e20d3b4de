"""Account states of one process: packed bytes by key, kept equal to the fold of the journal."""

from __future__ import annotations

from overspill.account.effects import Effect, apply
from overspill.account.state import EMPTY, Account, pack, unpack
from overspill.ports.store import Head, Snapshot, Store
from overspill.records.journal import Record, Segment, records_of, segment_hash
from overspill.words.codec import json_decoder
from overspill.words.failures import StoreFailure

_effects = json_decoder(list[Effect]).decode
KEPT_MAX = 200_000


class States:
    """The states as of `head`; `changed` are those whose snapshot in the store is older."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._packed: dict[str, bytes] = {}
        self.changed: dict[str, int] = {}
        through = store.snapshots_through()
        self.head = Head(through, b"")
        self.last_at = 0
        self.catch_up()

    def catch_up(self) -> Head:
        """Folds what another process, or this one before a crash, has added to the journal."""
        head = self._store.head()
        if head.seq != self.head.seq:
            for segment in self._store.segments(self.head.seq):
                self._verify(segment)
                for record in records_of([segment]):
                    self._fold(record)
                self.head = Head(segment.last_seq, segment.hash)
        elif not self.head.hash:
            self.head = head
        return self.head

    def _verify(self, segment: Segment) -> None:
        broken = bool(self.head.hash) and segment.previous_hash != self.head.hash
        if broken or segment_hash(segment.previous_hash, segment.body) != segment.hash:
            raise StoreFailure(
                "chain_broken",
                f"the journal's hash chain breaks at record {segment.first_seq}",
                help="restore the file from a backup; nothing has been decided on it",
            )

    def _fold(self, record: Record) -> None:
        self.last_at = max(self.last_at, record.at)
        for key, raw in record.effects.items():
            snapshot = None if key in self._packed else self._store.snapshot(key)
            if snapshot is not None and snapshot.seq >= record.seq:
                continue
            self.put(key, apply(self.of(key), _effects(raw), record.at), record.seq)

    def of(self, key: str) -> Account:
        """The account's state; EMPTY for one never met."""
        packed = self._packed.get(key)
        if packed is None:
            snapshot = self._store.snapshot(key)
            if snapshot is None:
                return EMPTY
            packed = self._packed[key] = snapshot.state
        return unpack(packed)

    def put(self, key: str, account: Account, seq: int) -> None:
        self._packed[key] = pack(account)
        self.changed[key] = seq

    def snapshots(self) -> list[Snapshot]:
        return [Snapshot(key, self.head.seq, self._packed[key]) for key in self.changed]

    def snapshotted(self) -> None:
        """The store now has all that changed; what is kept beyond the bound can go."""
        self.changed.clear()
        if len(self._packed) > KEPT_MAX:
            self._packed.clear()
