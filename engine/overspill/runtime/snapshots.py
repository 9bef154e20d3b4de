"""Snapshots: the states that have changed and the ids that are new go into the store now and then, so that the next start folds
less, and a part at a time beside what is decided, in the same transactions, so that nobody waits for all of them and no commit
is made for them.

They change what things cost, never what they mean: the journal has everything, and a part that is lost is written again.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from overspill.ports.store import Store
from overspill.runtime.states import States
from overspill.words.codec import Struct
from overspill.words.failures import StoreFailure

SNAPSHOT_EVERY = 32_768
"""Ids. A start after a crash folds that many records, in some 0.6 s, and those that came while they were written; the fewer, the
more of the index's pages each part of them touches."""
PART, ALL = 128, 2**63
"""Ids of a part; they are neighbours in the index."""
REST = 128
"""So many batches have no part behind one that failed with its part."""


class Part(Struct, frozen=True):
    """States by key, and ids by number, as they were taken in order from a pass; with its last one the snapshot reaches `through`."""

    keys: Sequence[str]
    numbers: Sequence[int]
    through: int | None


class _Pass(Struct):
    """What is under way: the accounts that had changed up to the record `through`, and the ids, of which so many stand in the store
    already."""

    through: int
    keys: Sequence[str]
    numbers: Sequence[int]
    keys_put: int = 0
    numbers_put: int = 0

    def part(self, most: int) -> Part:
        """The next one, of so many ids at most, and as large a share of the accounts."""
        numbers = self.numbers[self.numbers_put : self.numbers_put + most]
        left = len(self.numbers) - self.numbers_put
        if left <= most:
            return Part(self.keys[self.keys_put :], numbers, self.through)
        share = (len(self.keys) - self.keys_put) * most // left
        return Part(self.keys[self.keys_put : self.keys_put + share], numbers, None)

    def done(self, part: Part) -> None:
        """It stands in the store, and is not the last one."""
        self.keys_put += len(part.keys)
        self.numbers_put += len(part.numbers)


class Snapshots:
    """Of the states of one process, for whoever holds its writer's place."""

    def __init__(self, store: Store, states: States) -> None:
        self._store, self._states = store, states
        self._pass: _Pass | None = None
        self._resting = 0

    def put_part(self) -> Part | None:
        """Writes the next part, if there is one, into the transaction that is open, whose states are known and have not advanced;
        for `done`, when that is committed. Raises StoreFailure."""
        if self._resting:
            self._resting -= 1
        elif self._pass is not None or len(self._states.ids) >= SNAPSHOT_EVERY:
            return self._put(PART)
        return None

    def rest(self) -> bool:
        """The transaction with the part that was put last has failed: there is none in the next ones. Whether there was one."""
        was_put = self._pass is not None and not self._resting
        if was_put:
            self._resting = REST
        return was_put

    def write_all(self) -> None:
        """All that has changed, for who comes next, in a transaction of its own. A failure is no matter."""
        with suppress(StoreFailure):
            while self._pass is not None or self._states.ids:
                self._states.catch_up()  # whoever is far behind: all other processes wait for who has the place
                self._store.begin()
                try:
                    self._states.catch_up()
                    part = self._put(ALL)
                    self._store.commit()
                except BaseException:
                    self._store.rollback()
                    raise
                self.done(part)

    def _put(self, most: int) -> Part:
        states = self._states
        if self._pass is None:
            self._pass = _Pass(states.head.seq, sorted(states.changed), states.ids.leave())
        part = self._pass.part(most)
        topped_up = () if part.through is None else states.topped_up
        ids = states.ids.leaving(part.numbers)
        self._store.write_snapshots(map(states.snapshot, part.keys), ids, topped_up, part.through)
        return part

    def done(self, part: Part) -> None:
        """It stands in the store."""
        assert self._pass is not None
        self._states.snapshotted(part.keys)
        if part.through is None:
            self._pass.done(part)
        else:
            self._pass = None
            self._states.ids.indexed()
