"""What a step asks of the world around it: programs by policy, states by account, records by id."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from overspill.account.state import Account
from overspill.plan.program import Program
from overspill.records.journal import Record

RecordOf = Callable[[str], Record | None]
"""The record that an id leads to, with the exact bytes of its answer; None for an id that leads to none."""
AccountOf = Callable[[str], Account]
"""The state of an account by its key, `tenant/kind/id`; one never met is `account.state.EMPTY`."""


def no_record(_: str) -> None:
    """The history of a journal that is empty."""


class Plans(Protocol):
    """The programs that a step may need."""

    def active(self) -> Program:
        """The one that new requests are decided by."""
        ...

    def of(self, digest: str) -> Program:
        """The one of a published digest, which a hold carries."""
        ...
