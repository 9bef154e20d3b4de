"""The store: durable segments, the index of ids that leads to records, account snapshots, policies.

All writes happen between `begin` and `commit`; a commit that returned is durable. `StoreFailure` says why something
could not be done, and then nothing of the transaction has happened.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

from overspill.records.build import Build
from overspill.records.journal import Record, Segment
from overspill.records.written import Form
from overspill.words.codec import Struct

if TYPE_CHECKING:
    from overspill.ports.ledger import Ledger  # whoever decides settles nothing


class Head(Struct, frozen=True):
    """The journal's end: the last record's number (0: empty) and the last segment's hash."""

    seq: int
    hash: bytes


class Snapshot(Struct, frozen=True):
    """An account's packed state as of the record `seq`."""

    key: str
    seq: int
    state: bytes
    due_at: int
    """When something of it next ends by itself."""


class StoredPolicy(Struct, frozen=True):
    digest: str
    name: str
    version: int
    sources: Mapping[str, bytes]
    """File name → exact bytes, enough to compile the plan again."""


class Restored(Struct, frozen=True):
    """That a database was put back: where its journal ended, when (microseconds), from what; `known` is its end as it was
    known before, where that is known."""

    head: Head
    at: int
    source: str
    known: Head | None = None


class Restores(Protocol):
    """What was put back. Whoever decides asks `pending` first."""

    def pending(self) -> Restored | None:
        """The last time that the database was put back, as long as nobody has accepted that."""
        ...

    def note(self, restored: Restored) -> None:
        """From now on the database is one that was put back; inside a transaction."""

    def accept(self, missing: str, at: int, actor: str) -> None:
        """Somebody has accepted it: `missing` says which records are lost; inside a transaction."""


class Store(Protocol):
    is_at_hand: bool
    """Whether it is read without asking a server."""

    @property
    def name(self) -> str:
        """The database for people."""
        ...

    @property
    def ledger(self) -> Ledger: ...

    def begin(self, at: Head | None = None) -> None:
        """Takes the writer's place; waits a bounded time for another process.

        With `at` whoever begins knows the journal to end there, and can begin again if it does not: a store that is far
        away may take the place with the commit only, and say `overtaken` then, or at the first thing that is written, if
        another process has written meanwhile.
        """

    def begin_at_once(self) -> bool:
        """Takes the writer's place where that waits for nobody, for no other process and no server. Whether it is taken."""
        ...

    def commit(self) -> None: ...

    def rollback(self) -> None: ...

    def reading(self) -> AbstractContextManager[None]:
        """What is read inside is as of one moment, whatever is committed meanwhile; nothing is written there."""
        ...

    def head(self) -> Head: ...

    def hash_at(self, seq: int) -> bytes | None:
        """The hash of the segment that ends with the record `seq`; None where none does."""
        ...

    def segments(self, after: int) -> Iterator[Segment]:
        """Whole segments that hold records with a number above `after`, in order."""
        ...

    def use_build(self, build: Build) -> None:
        """Segments that are appended from now on were made by this program; it is kept once."""

    def append(self, segment: Segment, *, has_events: bool) -> None:
        """Adds a segment behind the journal's end, and an outbox row where it has something to settle. Raises StoreFailure
        `head_moved` for one that does not continue it."""

    def outbox(self, after: int) -> Iterator[tuple[int, int]]:
        """(first, last) record of each segment that has something to settle, from the record behind `after` on."""
        ...

    def drop_outbox(self, through: int, most: int) -> int:
        """Forgets the first `most` rows of the outbox up to the record `through`: how many there were. Their segments stay."""
        ...

    def find(self, numbers: Sequence[int]) -> Sequence[tuple[int, int]]:
        """(number, record's number) for those of the ids' numbers (`words.ids.id_number`) that a snapshot has indexed."""
        ...

    def numbers(self, after: int, most: int) -> Sequence[int]:
        """The first `most` of the indexed numbers above `after`, ascending."""
        ...

    def record(self, seq: int) -> Record:
        """One record, with the exact bytes of its answer."""
        ...

    def put_form(self, form: Form) -> None:
        """Keeps a form for ever; one that is there already stays as it is."""

    def form(self, id: str) -> Form: ...

    def snapshot(self, key: str) -> Snapshot | None: ...

    def snapshots(self, keys: Sequence[str]) -> Iterable[Snapshot]:
        """Those of the accounts that have one, in any order."""
        ...

    def due(self, now: int, most: int) -> Sequence[str]:
        """Keys of up to `most` accounts by whose snapshots something has ended at `now`, the earliest first."""
        ...

    def topped_up(self) -> Sequence[str]:
        """The accounts that buy by themselves, as far as a snapshot knows them."""
        ...

    def write_snapshots(
        self,
        snapshots: Iterable[Snapshot],
        ids: Sequence[tuple[int, int]],
        topped_up: Iterable[str],
        through: int | None,
    ) -> None:
        """Stores states, the numbers of ids with those of their records, best in order, and which accounts buy by themselves; what is
        there already is no matter. Where this is the last part of a snapshot, what all of them leave out stands in the journal after
        `through`, or after what was said before, where that is later."""

    def snapshots_through(self) -> int: ...

    def put_policy(self, policy: StoredPolicy) -> None: ...

    def fix(self, facts: Mapping[str, str]) -> Mapping[str, str]:
        """Keeps these facts for ever, each by its name; gives back those that are kept otherwise already, as they are."""
        ...

    def policy(self, digest: str) -> StoredPolicy | None: ...

    def policies(self) -> Iterable[StoredPolicy]:
        """All that were published, by digest."""
        ...

    def clock(self) -> int | None:
        """Microseconds since 1970 by the wall clock of a server; None where no machine but this one is asked."""
        ...

    # ---- what is known of the journal elsewhere

    def anchored(self) -> Head | None:
        """The journal's end as the anchor outside of the database knows it; to be asked before `head`."""
        ...

    def anchor(self) -> None:
        """The anchor knows no more than the journal, from now on."""

    @property
    def restores(self) -> Restores: ...

    def close(self) -> None: ...
