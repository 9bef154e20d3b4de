"""What changes a hold or an account, in both clients: a call for each of it, and what it is for, once.

A method here says what is sent, and its client how: for threads it gives a Receipt, for asyncio something to await that gives
one. All of it raises Failure for what cannot be sent, at once, and ServiceFailure for what the service does not do. Whatever
takes an `id` has it as its key: the same again changes nothing more and answers the same.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar

from overspill.client import calls
from overspill.client.calls import Account, Call

R = TypeVar("R")
"""What a client gives for a receipt."""


class Changes(ABC, Generic[R]):
    """The part of a client whose answers are receipts."""

    @abstractmethod
    def _changed(self, call: Call) -> R:
        """Asks it."""

    # ---- what follows a decision

    def capture(self, hold: str, meters: Mapping[str, int], *, id: str | None = None, final: bool = True) -> R:
        """Books the actual usage of a hold and ends it; with `final=False` a part. `id` is your key within the hold; a
        hold that is captured at once needs none."""
        return self._changed(calls.capture(hold, meters, id, final))

    def extend(self, hold: str, *, id: str) -> R:
        """Lets an open hold last as long again from now as one that is made now."""
        return self._changed(calls.extend(hold, id))

    def release(self, hold: str, *, id: str = calls.ONLY) -> R:
        """Gives everything back that a hold still holds."""
        return self._changed(calls.release(hold, id))

    def reverse(self, of: str, *, id: str) -> R:
        """Undoes a finished request, whole. `of` is the id of its decision or of its hold."""
        return self._changed(calls.posted("/v1/reversals", {"of": of}, id))

    # ---- accounts

    def set_attributes(self, account: Account, attributes: Mapping[str, Any], *, id: str) -> R:
        """Sets attributes of an account; None makes one absent."""
        return self._changed(calls.of_account(account, "attributes", {"attributes": attributes}, id))

    def grant(
        self,
        account: Account,
        pool: str,
        amount: str,
        *,
        id: str,
        expires_at: str | None = None,
        effective_at: str | None = None,
        priority: int = 0,
        category: str = "paid",
        per: Account | None = None,
        cost: str | None = None,
    ) -> R:
        """Puts a lot named `id` of `amount` (decimal text in the pool's unit) into an account's pool. `effective_at` and
        `expires_at` are RFC 3339 in UTC; `cost` is what was paid for it (`9.99 usd`)."""
        body = {
            "pool": pool,
            "amount": amount,
            "expires_at": expires_at,
            "effective_at": effective_at,
            "priority": priority,
            "category": category,
            "per": per,
            "cost": cost,
        }
        return self._changed(calls.of_account(account, "grants", body, id))

    def set_top_up(
        self,
        account: Account,
        pool: str,
        *,
        id: str,
        enabled: bool,
        minimum: str,
        target: str,
        agreed_by: str,
        monthly_maximum: str | None = None,
        per: Account | None = None,
    ) -> R:
        """Sets what an account agrees to for a pool that is topped up, as a whole: whether anything is bought by itself, below
        which minimum, up to which target, how much in a calendar month. `agreed_by` is who says so."""
        body = {
            "pool": pool,
            "enabled": enabled,
            "minimum": minimum,
            "target": target,
            "agreed_by": agreed_by,
            "monthly_maximum": monthly_maximum,
            "per": per,
        }
        return self._changed(calls.of_account(account, "consent", body, id))

    def reset(
        self, account: Account, limit: str, *, id: str, of: Sequence[str] | None = None, anchor: str | None = None
    ) -> R:
        """Lets windows of `limit` begin anew: those named `of`, else all. `keep_anchor`, which stands for None, keeps when they
        end; `restart_anchor` opens windows of first use now."""
        body = {"account": account, "limit": limit, "of": of, "anchor": anchor}
        return self._changed(calls.posted("/v1/resets", body, id))

    def grant_reset(self, account: Account, limit: str, *, id: str) -> R:
        """Lets an account reset the windows of `limit` once, within the length that the policy states."""
        return self._changed(calls.of_account(account, "resets", {"limit": limit}, id))

    def redeem(self, account: Account, limit: str, *, id: str) -> R:
        """Redeems the account's reset of `limit` that expires first: its windows begin anew."""
        return self._changed(calls.of_account(account, "redemptions", {"limit": limit}, id))

    # ---- lots, and what is bought

    def transfer(
        self,
        account: Account,
        pool: str,
        lot: str,
        to: Account,
        *,
        id: str,
        amount: str | None = None,
        per: Account | None = None,
    ) -> R:
        """Makes a lot, or `amount` of it, a lot of the account `to`: in the same pool, with the same end."""
        body = {"account": account, "pool": pool, "lot": lot, "to": to, "amount": amount, "per": per}
        return self._changed(calls.posted("/v1/transfers", body, id))

    def void(self, account: Account, pool: str, lot: str, *, id: str, per: Account | None = None) -> R:
        """Takes away what is left of a lot."""
        return self._changed(calls.of_lot(lot, "void", {"account": account, "pool": pool, "per": per}, id))

    def refund(self, account: Account, pool: str, lot: str, *, id: str, per: Account | None = None) -> R:
        """Takes away what is left of a lot that was paid for; `money` of the receipt is what is due back."""
        return self._changed(calls.of_lot(lot, "refund", {"account": account, "pool": pool, "per": per}, id))

    def resolve_purchase(self, purchase: str, outcome: str, *, receipt: str = "", detail: str = "") -> R:
        """Records what became of a purchase: `succeeded` with the provider's `receipt`, `declined`, `pending` or `abandoned`. It
        is its own key: the same again changes nothing."""
        return self._changed(calls.resolve(purchase, {"outcome": outcome, "receipt": receipt, "detail": detail}))
