"""What operators and owners of accounts ask of an engine, each once under an id of theirs."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence

from overspill.records.answers import Receipt
from overspill.step.commands import (
    Command,
    Grant,
    GrantReset,
    Redeem,
    Refund,
    Reset,
    SetAttributes,
    SetTopUp,
    Transfer,
    Value,
    Void,
)
from overspill.words.anchors import KEEP_ANCHOR
from overspill.words.failures import Failure
from overspill.words.instants import InstantError, instant_from_text
from overspill.words.typed import expect


class Operations:
    """The part of `Engine` that changes accounts otherwise than by requests. All of it raises Failure."""

    _tenant: str

    @abstractmethod
    def _receipt(self, command: Command) -> Receipt:
        """Runs a command."""

    def grant(
        self,
        account: Mapping[str, str],
        pool: str,
        amount: str,
        *,
        id: str,
        expires_at: str | None = None,
        priority: int = 0,
        category: str = "paid",
        per: Mapping[str, str] | None = None,
        effective_at: str | None = None,
        cost: str | None = None,
        actor: str = "operator",
    ) -> Receipt:
        """Puts a lot of `amount` (decimal text in the pool's unit) into an account's pool; `id` names the lot.

        `effective_at` and `expires_at` are RFC 3339 in UTC; None: from now on; after the pool's own length, or never. `cost`
        is what was paid for it (`"9.99 usd"`), which a refund goes by.
        """
        command = Grant(
            tenant=self._tenant,
            account=account,
            pool=pool,
            id=id,
            amount=amount,
            expires_at=None if expires_at is None else _instant(expires_at, "/expires_at"),
            priority=priority,
            category=category,
            per=per,
            effective_at=None if effective_at is None else _instant(effective_at, "/effective_at"),
            cost=cost,
            actor=actor,
        )
        return self._receipt(command)

    def set_attributes(
        self, account: Mapping[str, str], attributes: Mapping[str, Value | None], *, id: str, actor: str = "operator"
    ) -> Receipt:
        """Sets attributes of one account (`plan`, `suspended` …); None makes one absent again."""
        command = SetAttributes(tenant=self._tenant, account=account, id=id, attributes=attributes, actor=actor)
        return self._receipt(command)

    def void(
        self,
        account: Mapping[str, str],
        pool: str,
        lot: str,
        *,
        id: str,
        per: Mapping[str, str] | None = None,
        actor: str = "operator",
    ) -> Receipt:
        """Takes away what is left of a lot."""
        command = Void(tenant=self._tenant, account=account, pool=pool, lot=lot, id=id, per=per, actor=actor)
        return self._receipt(command)

    def refund(
        self,
        account: Mapping[str, str],
        pool: str,
        lot: str,
        *,
        id: str,
        per: Mapping[str, str] | None = None,
        actor: str = "operator",
    ) -> Receipt:
        """Takes away what is left of a lot that was paid for; `money` of the receipt is what is due back."""
        command = Refund(tenant=self._tenant, account=account, pool=pool, lot=lot, id=id, per=per, actor=actor)
        return self._receipt(command)

    def transfer(
        self,
        account: Mapping[str, str],
        pool: str,
        lot: str,
        to: Mapping[str, str],
        *,
        id: str,
        amount: str | None = None,
        per: Mapping[str, str] | None = None,
        actor: str = "operator",
    ) -> Receipt:
        """Makes a lot, or `amount` of it, a lot of the account `to`: in the same pool, with the same end."""
        command = Transfer(
            tenant=self._tenant,
            account=account,
            pool=pool,
            lot=lot,
            to=to,
            id=id,
            amount=amount,
            per=per,
            actor=actor,
        )
        return self._receipt(command)

    def reset(
        self,
        account: Mapping[str, str],
        limit: str,
        *,
        id: str,
        of: Sequence[str] | None = None,
        anchor: str = KEEP_ANCHOR,
        actor: str = "operator",
    ) -> Receipt:
        """Lets windows of `limit` begin anew for one account: those named `of`, else all of them. `keep_anchor` keeps when
        they end, `restart_anchor` opens windows of first use now."""
        command = Reset(
            tenant=self._tenant,
            account=account,
            limit=limit,
            id=id,
            of=of,
            anchor=anchor,
            actor=actor,
        )
        return self._receipt(command)

    def grant_reset(self, account: Mapping[str, str], limit: str, *, id: str, actor: str = "operator") -> Receipt:
        """Lets an account reset the windows of `limit` once, within the length that the policy states."""
        return self._receipt(GrantReset(tenant=self._tenant, account=account, limit=limit, id=id, actor=actor))

    def redeem(self, account: Mapping[str, str], limit: str, *, id: str, actor: str = "user") -> Receipt:
        """Redeems the account's reset of `limit` that expires first: its windows begin anew."""
        return self._receipt(Redeem(tenant=self._tenant, account=account, limit=limit, id=id, actor=actor))

    def set_top_up(
        self,
        account: Mapping[str, str],
        pool: str,
        *,
        id: str,
        enabled: bool,
        minimum: str,
        target: str,
        monthly_maximum: str | None = None,
        per: Mapping[str, str] | None = None,
        actor: str,
    ) -> Receipt:
        """Sets what an account agrees to for a pool that is topped up, as a whole: whether anything is bought by itself,
        below which minimum, up to which target, how much a calendar month. `actor` is who agrees."""
        command = SetTopUp(
            tenant=self._tenant,
            account=account,
            pool=pool,
            id=id,
            enabled=enabled,
            minimum=minimum,
            target=target,
            monthly_maximum=monthly_maximum,
            per=per,
            actor=actor,
        )
        return self._receipt(command)


def _instant(text: str, pointer: str) -> int:
    expect(text, str, pointer)
    try:
        return instant_from_text(text)
    except InstantError as error:
        raise Failure("invalid_instant", str(error), help="write it in UTC", pointer=pointer) from None
