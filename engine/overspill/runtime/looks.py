"""What an engine shows of accounts, on the states that a decision would meet; nothing is recorded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from overspill.ports.store import Store
from overspill.records.journal import records_of
from overspill.records.request import Request
from overspill.runtime.combiner import Combiner
from overspill.runtime.policies import Policies
from overspill.step.keys import owner_of
from overspill.words.typed import expect

if TYPE_CHECKING:
    from decimal import Decimal

    from overspill.records.available import Available
    from overspill.records.statement import Statement
    from overspill.records.status import Status


class Looks:
    """The part of `Engine` that looks. All of it raises Failure."""

    policies: Policies
    _store: Store
    _combiner: Combiner
    _tenant: str

    def status(self, account: Mapping[str, str], request: Request | None = None) -> Status:
        """What an account's page shows: windows and whatever else counts, lots in the order they are drawn in, what is
        settled, pending, held and available, resets, holds, and what changes next; with `request` what it would get.

        All of it is what a decision would meet now, and nothing is recorded. `account` names one of each kind at most;
        bounds that other inputs decide are told by a request.
        """

        from overspill.records.status import Status  # for those who look
        from overspill.step.status import status

        expect(account, Mapping[str, str], "/account")
        expect(request, Request | None, "/request")

        def read() -> bytes:
            return status(self.policies, self._combiner.aside(), self._tenant, account, request, self._pending_of)

        return Status(self._combiner.exclusively(read))

    def available(self, request: Request) -> Available:
        """How much the request could be granted now, whatever it will measure: its meters may be left out. Nothing is recorded."""
        from overspill.step.available import available  # for those who look

        expect(request, Request, "/request")
        return self._combiner.exclusively(
            lambda: available(self.policies, self._combiner.aside(), self._tenant, request)
        )

    def statement(self, account: Mapping[str, str], *, since: str | None = None, as_of: str | None = None) -> Statement:
        """What the account's pools had at `since` (RFC 3339; None: the beginning), every entry with its decision, and what they
        have at `as_of` (None: behind all that is settled), which itself is not in it. Raises Failure `invalid_range`."""
        from overspill.runtime.statements import statement  # for those who look

        owner = owner_of(account)
        return self._combiner.exclusively(lambda: statement(self._store, self._tenant, owner, since, as_of))

    def behind(self, through: int) -> int:
        """How long the first record behind this one has been there, in microseconds; 0 where there is none."""

        def read() -> int:
            if self._store.head().seq <= through:
                return 0
            return max(self._combiner.now() - self._store.record(through + 1).at, 0)

        return self._combiner.exclusively(read)

    def _pending_of(self, key: str) -> Mapping[str, Decimal]:
        """What was captured from the account's pools and waits for its posting."""
        from overspill.book.pending import pending

        through = self._store.ledger.settled().through
        records = records_of(self._store.segments(through), self._store.form, naming=f'"{key}"')
        return pending(records, key.split("/", 1)[1])
