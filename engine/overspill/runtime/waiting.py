"""A command from the queue to its answer, and a batch of them from its decision to its commit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from overspill.account.state import Account
from overspill.ports.store import Head
from overspill.records.journal import Record, Segment
from overspill.records.written import Form, Written
from overspill.runtime.snapshots import Part
from overspill.step.keys import Identified
from overspill.step.step import Batch
from overspill.words.codec import Struct
from overspill.words.failures import Failure


class Waiting(Struct, eq=False):
    """One command in the queue and, in the end, what became of it."""

    command: Identified
    lock: Any = None
    """The `threading.Lock` that a thread waits at, taken; nobody waits at one that has none."""
    expected: Written | Failure | None = None
    """What becomes of it unless the commit fails, while that is waited for."""
    written: Written | None = None
    replayed: bool = False
    """Whether the answer was given before."""
    failure: BaseException | None = None
    done: bool = False

    def wake(self) -> None:
        """Lets the caller look again; one that is awake already needs no second call."""
        if self.lock is not None:
            with suppress(RuntimeError):
                self.lock.release()

    def result(self) -> Written:
        """Raises its failure once, and lets go of it: the frames that it passes hold this."""
        failure, self.failure = self.failure, None
        if failure is not None:
            try:
                raise failure
            finally:
                del failure
        assert self.written is not None
        return self.written


def owners(batch: Sequence[Waiting]) -> Iterator[str]:
    """The keys of the accounts that the commands are of; a hold's account is not known from its key."""
    for waiting in batch:
        tenant, owner, _, _ = waiting.command.key
        if "/" in owner:
            yield f"{tenant}/{owner}"


class Appending(Struct, frozen=True):
    """What a batch adds to the journal: records, and the segment that they are."""

    records: Sequence[Record]
    segment: Segment


class Decided(Struct, eq=False):
    """A batch that is decided on the journal's end `head`, and not committed; `appending` is None where it stores nothing."""

    head: Head
    work: Batch
    answers: list[Written | Failure]
    appending: Appending | None


class WrittenBatch(Struct, eq=False):
    """A batch that is decided, and stands in an open transaction if it adds anything: the journal's end behind it, the forms that are
    new, and the part of a snapshot that goes with it."""

    decided: Decided
    head: Head
    forms: Mapping[str, Form]
    part: Part | None


class Committed(Struct, eq=False):
    """What a batch came to: the answers in its order, and what is new behind them."""

    answers: list[Written | Failure]
    head: Head
    records: Sequence[Record]
    accounts: Mapping[str, Account]
    forms: Mapping[str, Form]
