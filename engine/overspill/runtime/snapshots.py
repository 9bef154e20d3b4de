"""Snapshots: the states that have changed and the ids that are new go into the store now and then, so that the next start folds
less, and a part at a time, so that nobody waits for all of them.

They change what things cost, never what they mean: the journal has everything, and a part that is lost is written again.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TypeVar

from overspill.ports.store import Store
from overspill.runtime.states import States
from overspill.words.codec import Struct
from overspill.words.failures import StoreFailure

SNAPSHOT_EVERY = 16_384
"""Ids. A start after a crash folds that many records, in some 0.3 s, and those that came while they were written."""
PART, ALL = 128, 2**63
"""Ids of a part, which stalls its batch for little more than a commit takes; they are neighbours in the index."""
T = TypeVar("T")


class _Pass(Struct):
    """What is under way: parts of `ids`, in order, and of the accounts that had changed up to the record `through`."""

    through: int
    keys: list[str]
    ids: list[tuple[int, int]]
    parts: int
    done: int = 0

    @property
    def is_last(self) -> bool:
        return self.done + 1 == self.parts

    def part_of(self, all: list[T]) -> list[T]:
        """The part that is next."""
        return all[len(all) * self.done // self.parts : len(all) * (self.done + 1) // self.parts]


class Snapshots:
    """Of the states of one process, for whoever holds its writer's place."""

    def __init__(self, store: Store, states: States) -> None:
        self._store, self._states = store, states
        self._pass: _Pass | None = None

    def write_part(self) -> None:
        """A part, if there is one to write. It only saves time: a failure is no matter."""
        if self._pass is not None or len(self._states.ids) >= SNAPSHOT_EVERY:
            with suppress(StoreFailure):
                self._write(PART)

    def write_all(self) -> None:
        """All that has changed, for who comes next. A failure is no matter."""
        with suppress(StoreFailure):
            while self._pass is not None or self._states.ids:
                self._write(ALL)

    def _write(self, most: int) -> None:
        """The next part, in a transaction of its own; of a pass that begins each has so many ids at most. Raises StoreFailure."""
        store, states = self._store, self._states
        store.begin()
        try:
            head = states.catch_up()
            if self._pass is None:
                ids = states.ids.leave()
                self._pass = _Pass(head.seq, sorted(states.changed), ids, 1 + len(ids) // most)
            now = self._pass
            keys, ids, through = now.part_of(now.keys), now.part_of(now.ids), store.snapshots_through()
            through = max(through, now.through) if now.is_last else through
            store.write_snapshots(map(states.snapshot, keys), ids, states.topped_up if now.is_last else (), through)
            store.commit()
        except BaseException:
            store.rollback()
            raise
        states.snapshotted(keys)
        now.done += 1
        if now.done == now.parts:
            states.ids.indexed()
            self._pass = None
