"""The store of one process on the simulated disk, with a hazard at every place where something can go wrong."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from overspill.ports.store import Head, Snapshot, StoredPolicy
from overspill.records.build import Build
from overspill.records.journal import GENESIS, Record, Segment, record_of
from overspill.records.written import Form
from overspill.runtime.outage import COMMIT_UNKNOWN
from overspill.words.codec import replace
from overspill.words.failures import StoreFailure
from overspill.words.instants import NEVER
from simulator.disk import Disk, Transaction


class Crash(BaseException):
    """The process is no more; no `except Exception` of it may see that."""


Hazard = Callable[[str], "str | None"]
"""A place → the fault that strikes there, if any. Raises Crash."""


class SimulatedStore:
    """`ports.store.Store` on a disk that several processes share. `dead` after an error of the disk, as SQLite's is."""

    is_at_hand = True

    def __init__(self, disk: Disk, hazard: Hazard) -> None:
        self._disk, self._hazard = disk, hazard
        self._open: Transaction | None = None
        self.dead = False
        self._build: Build | None = None

    # ---- transactions

    def begin(self, at: Head | None = None) -> None:
        if self.dead:
            raise StoreFailure("store_stopped", "the disk had an error", help="open it again")
        if self._hazard("begin") == "busy":
            raise StoreFailure("busy", "another process has it locked")
        self._open = Transaction()

    def begin_at_once(self) -> bool:
        try:
            self.begin()
        except StoreFailure:
            return False
        return True

    def commit(self) -> None:
        """Written, then synced; between these and behind them the process or the power may go."""
        done, self._open = self._open, None
        assert done is not None
        fault = self._hazard("commit")
        if self._disk.full and done.segments:
            raise StoreFailure("disk_full", "the disk is full")
        self._disk.write(done)
        self._hazard("written")
        if fault is not None and fault.startswith("io_error"):
            self.dead = True
            if fault == "io_error_lost":
                self._disk.forget_last()
            self.sync()
            raise StoreFailure("disk_error", "the disk had an error")
        self.sync()
        self._hazard("synced")
        if fault == "commit_unknown":
            raise StoreFailure(COMMIT_UNKNOWN, "the connection was lost")

    def sync(self) -> None:
        self._disk.sync()

    def rollback(self) -> None:
        self._open = None

    def _writing(self) -> Transaction:
        assert self._open is not None, "writes happen between begin and commit"
        return self._open

    # ---- the journal

    def head(self) -> Head:
        last = self._disk.segments[-1:]
        return Head(last[0].last_seq, last[0].hash) if last else Head(0, GENESIS)

    def segments(self, after: int) -> Iterator[Segment]:
        return iter(self._disk.segments[self._disk.segment_at(after + 1) :])

    def append(self, segment: Segment, *, has_events: bool) -> None:
        self._hazard("append")
        if segment.first_seq <= self.head().seq:
            raise StoreFailure("store_error", f"there is a record {segment.first_seq} already")
        self._writing().segments = [replace(segment, build=self._build)]
        self._writing().has_events = has_events

    def use_build(self, build: Build) -> None:
        self._build = build

    def outbox(self, after: int) -> Iterator[tuple[int, int]]:
        return iter([row for row in self._disk.outbox if row[1] > after])

    def find(self, numbers: Sequence[int]) -> Sequence[tuple[int, int]]:
        ids = self._disk.ids
        return [(number, seq) for number in numbers for seq in ids.get(number, ())]

    def numbers(self, after: int, most: int) -> Sequence[int]:
        place = bisect_right(self._disk.numbers, after)
        return self._disk.numbers[place : place + most]

    def record(self, seq: int) -> Record:
        return record_of(self._disk.segments[self._disk.segment_at(seq)], seq, self.form)

    def put_form(self, form: Form) -> None:
        self._writing().forms = [*self._writing().forms, form]

    def form(self, id: str) -> Form:
        return self._disk.forms[id]

    # ---- snapshots and policies

    def snapshot(self, key: str) -> Snapshot | None:
        return self._disk.accounts.get(key)

    def snapshots(self, keys: Sequence[str]) -> Iterable[Snapshot]:
        return [self._disk.accounts[key] for key in keys if key in self._disk.accounts]

    def due(self, now: int, most: int) -> Sequence[str]:
        found = [state for state in self._disk.accounts.values() if state.due_at <= now and state.due_at != NEVER]
        return [state.key for state in sorted(found, key=lambda state: (state.due_at, state.key))[:most]]

    def topped_up(self) -> Sequence[str]:
        return sorted(self._disk.topped_up)

    def write_snapshots(
        self,
        snapshots: Iterable[Snapshot],
        ids: Sequence[tuple[int, int]],
        topped_up: Iterable[str],
        through: int | None,
    ) -> None:
        self._hazard("append")
        self._writing().snapshots = (list(snapshots), list(ids), sorted(topped_up), through)

    def snapshots_through(self) -> int:
        return self._disk.through

    def put_policy(self, policy: StoredPolicy) -> None:
        self._writing().policies = [policy]

    def fix(self, facts: Mapping[str, str]) -> Mapping[str, str]:
        raise AssertionError("nobody publishes through the engine here")

    def policy(self, digest: str) -> StoredPolicy | None:
        return self._disk.policies.get(digest)

    def close(self) -> None:
        self._open = None
