"""Account states of one process: packed bytes by key, kept equal to the fold of the journal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from overspill.account.effects import Effect, apply
from overspill.account.state import EMPTY, Account, pack, unpack
from overspill.ports.store import Head, Snapshot, Store
from overspill.records.journal import Record, Segment, segment_hash
from overspill.runtime.ids import Ids
from overspill.words.codec import Light, json_decoder
from overspill.words.failures import StoreFailure

KEPT_MAX = 200_000
LIVE_MAX = 2048
"""So many accounts, at most, stand unpacked."""


class Folded(Light, frozen=True):
    """What a fold reads of a record (`records.journal.Record`)."""

    seq: int
    at: int
    id: str
    ids: tuple[str, ...] = ()
    effects: Mapping[str, Sequence[Effect]] = {}
    policy: str = ""


_folded_in = json_decoder(Folded).decode_lines
"""A segment's body → what is to be folded of it."""


class States:
    """The states as of `head`; `changed` are those whose snapshot in the store is older, `ids` lead to all records."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._packed: dict[str, bytes] = {}
        self._live: dict[str, Account] = {}
        self.changed: set[str] = set()
        self.ids = Ids(store)
        self.topped_up: set[str] = set(store.topped_up())
        """Accounts that buy by themselves: time alone may give them something to do."""
        self.policy = ""
        """The policy that the last record was made under; empty where that is not known."""
        through = store.snapshots_through()
        self.head = Head(through, b"")
        self.last_at = 0
        self.catch_up()
        if not self.last_at:
            self.last_at = self._stamped_last()

    def _stamped_last(self) -> int:
        """The latest instant of the journal. What an outage left may stand behind what was stamped later by another
        process."""
        last_at = 0
        for seq in range(self.head.seq, 0, -1):
            record = self._store.record(seq)
            last_at = max(last_at, record.at)
            if record.away is None:
                break
        return last_at

    def catch_up(self, most: int | None = None) -> Head:
        """Folds what another process, or this one before a crash, has added to the journal; nothing of it, where that is more than
        `most` records. Where the journal ends then. Raises StoreFailure."""
        head = self._store.head()
        if head.seq != self.head.seq:
            if most is not None and head.seq - self.head.seq > most:
                return head
            for segment in self._store.segments(self.head.seq):
                self._verify(segment)
                records = _folded_in(segment.body)
                stored = self._stored({key for record in records for key in record.effects})
                for record in records:
                    self._fold(record, stored)
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

    def _stored(self, keys: Iterable[str]) -> Mapping[str, Snapshot]:
        """What the store knows of those accounts that are not here: one question, since the store may be far away."""
        missing = [key for key in keys if key not in self._live and key not in self._packed]
        return {one.key: one for one in self._store.snapshots(missing)} if missing else {}

    def _fold(self, record: Folded, stored: Mapping[str, Snapshot]) -> None:
        self.last_at = max(self.last_at, record.at)
        self.policy = record.policy or self.policy
        self.ids.note((record,))
        for key, effects in record.effects.items():
            account = self._live.get(key) or self._unpacked(key)
            if account is None:
                snapshot = stored.get(key)
                if snapshot is not None and snapshot.seq >= record.seq:
                    continue
                account = EMPTY if snapshot is None else unpack(snapshot.state)
            self.put({key: apply(account, effects, record.at)})

    def _unpacked(self, key: str) -> Account | None:
        packed = self._packed.get(key)
        return None if packed is None else unpack(packed)

    def of(self, key: str) -> Account:
        """The account's state; EMPTY for one never met."""
        account = self._live.get(key) or self._unpacked(key)
        if account is None:
            snapshot = self._store.snapshot(key)
            if snapshot is None:
                return EMPTY
            account = unpack(snapshot.state)
            if snapshot.seq <= self.head.seq:  # else another process is ahead: the fold of its tail comes first
                self._packed[key] = snapshot.state
        return account

    def together(self, keys: Iterable[str]) -> Callable[[str], Account]:
        """`of` for commands on these accounts: those of them that are not here are asked for in one question, as the store may be far
        away."""
        missing = {key for key in keys if key not in self._live and key not in self._packed}
        if len(missing) < 2:
            return self.of
        found = {one.key: one for one in self._store.snapshots(sorted(missing))}
        self._packed.update((key, one.state) for key, one in found.items() if one.seq <= self.head.seq)
        nowhere = missing - found.keys()
        return lambda key: EMPTY if key in nowhere else self.of(key)

    def put(self, accounts: Mapping[str, Account]) -> None:
        """Their states after the last record."""
        self._live.update(accounts)
        self.changed.update(accounts)
        self.topped_up.update([key for key, account in accounts.items() if account.top_ups])
        if len(self._live) >= LIVE_MAX:
            self._pack()

    def _pack(self) -> None:
        """Accounts at work are few and change again soon; all others are kept as bytes, which are a fifth of the size
        and nothing to the collector."""
        self._packed.update((key, pack(account)) for key, account in self._live.items())
        self._live.clear()

    def advance(self, head: Head, records: Sequence[Record], accounts: Mapping[str, Account]) -> None:
        """Takes over what was just committed. The end comes last: up to there a fold of the journal would bring the same."""
        if records:
            self.last_at = max(self.last_at, records[-1].at)
            self.ids.note(records)
            for record in records:
                self.policy = record.policy or self.policy
            self.put(accounts)
        self.head = head

    def due(self, now: int, most: int) -> list[str]:
        """Keys of up to `most` accounts on which something has ended by `now` and is not written down."""
        stale = len(self.changed)  # of which the store may still say that they are due
        stored = [key for key in self._store.due(now, most + stale) if key not in self.changed]
        return sorted([*stored, *[key for key in self.changed if self.of(key).due_at <= now]])[:most]

    def snapshot(self, key: str) -> Snapshot:
        """Of an account that has changed."""
        account = self.of(key)
        return Snapshot(key, self.head.seq, pack(account), account.due_at)

    def snapshotted(self, keys: Iterable[str]) -> None:
        """The store now has these as they are; what is kept beyond the bound can go."""
        self.changed.difference_update(keys)
        if len(self._packed) > KEPT_MAX:
            self._packed = {key: packed for key, packed in self._packed.items() if key in self.changed}
