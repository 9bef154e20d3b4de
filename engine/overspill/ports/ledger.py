"""The ledger: what settlement keeps beside the journal, in the same store.

Postings are written once, each under the number of its record; balances and what the book knows beside them are the fold
of the journal up to `settled().through` and could be made from it again. All of it changes in one transaction, between
`begin_settling` and the store's `commit`: whoever settles holds the settler's place until then, any number of others
wait for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from overspill.records.postings import Parked
from overspill.words.codec import Struct


class Settled(Struct, frozen=True):
    """How far the journal is settled: through the record of this number."""

    through: int


class Waiting(Struct, frozen=True):
    """What is announced behind `through`: so many records, from the record `first` on (None: none), also those that are not
    given to a settler yet; and how many records are parked."""

    through: int
    records: int
    first: int | None
    parked: int


class Posting(Struct, frozen=True):
    """What the record `seq` came to, as JSON of `records.postings.Posted`; `owners` are the accounts (`default/user/ana`)
    of which it tells."""

    seq: int
    body: bytes
    owners: tuple[str, ...]


class Balance(Struct, frozen=True):
    """Of the account `account` (as the chart names it) in `asset`: credits less debits, in billionths. `owner` is whose it
    is: `default/user/ana`, or the tenant alone (`default`)."""

    owner: str
    account: str
    asset: str
    amount: int


class Kept(Struct, frozen=True):
    """One thing that the book knows beside balances: a lot, a window, a hold, as JSON (`book/keep.py`); None: it is gone."""

    owner: str
    kind: str
    key: str
    body: bytes | None


class ParkedRecord(Struct, frozen=True):
    """What could not be posted, since when (microseconds), and as it was delivered, where no journal has it."""

    parked: Parked
    seq: int
    at: int
    body: bytes = b""


class Relayed(Struct, frozen=True):
    """How far the outbox is relayed into a stream: through the record of this number, whose message, or a later one, stands
    at `position` there."""

    through: int = 0
    position: int = 0


class Ledger(Protocol):
    """Raises StoreFailure, as the store it is a part of does."""

    def begin_settling(self) -> Settled:
        """Takes the settler's place; waits a bounded time for another process. Ends with the store's commit or rollback."""
        ...

    def settled(self) -> Settled: ...

    def waiting(self) -> Waiting: ...

    def owned(self, owners: Sequence[str]) -> tuple[Sequence[Balance], Sequence[Kept]]:
        """All balances, and all that is kept, of these owners."""
        ...

    def settle(
        self,
        through: int,
        postings: Iterable[Posting],
        balances: Iterable[Balance],
        kept: Iterable[Kept],
        parked: Iterable[ParkedRecord],
    ) -> None:
        """Adds postings, of which none may be there yet, and changes the rest to what it is now; a balance of 0 is no more.
        Raises StoreFailure `posted_before` for a record that is posted already."""

    def postings(self, after: int) -> Iterator[tuple[int, bytes]]:
        """(record's number, JSON of its `Posted`) of all postings behind the record `after`, in order."""
        ...

    def postings_of(self, owner: str, after: int, until: int) -> Iterator[tuple[int, bytes]]:
        """The same of one account, of records up to `until`."""
        ...

    def balances(self) -> Iterator[Balance]:
        """All of them, by owner, account and asset."""
        ...

    def parked(self) -> Sequence[ParkedRecord]:
        """What waits for somebody to look, the earliest first."""
        ...

    def relayed(self, stream: str) -> Relayed: ...

    def relay(self, stream: str, before: Relayed, now: Relayed) -> bool:
        """Remembers, durably and outside of any transaction, how far a stream is; False, and nothing, where it is no longer as
        `before`: another relay went on."""
        ...
