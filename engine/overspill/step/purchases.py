"""What becomes of a purchase: a lot when it was paid, a back-off when it was not (LANGUAGE.md U1; ASSURANCE.md P9).

A payment is never turned away: it is a lot even where the purchase had been given up before it came. Its key is the
purchase's id, so that one purchase is one lot whatever is delivered twice.
"""

from __future__ import annotations

from collections.abc import Callable

from overspill.account import purchases
from overspill.account.effects import Effect, SetDebt, SetTopUp
from overspill.account.kernel import repaid
from overspill.account.purchases import ABANDONED, DECLINED, PENDING
from overspill.account.state import Account
from overspill.plan.plan import Plan
from overspill.plan.shapes import CATEGORIES, LOT_LEFT, PAID, Lot
from overspill.step.accounts import Change
from overspill.step.commands import Purchase, Unpaid
from overspill.step.keys import Identified
from overspill.step.lots import added
from overspill.step.plans import RecordOf
from overspill.words.amounts import steps_from_text, text_from_steps
from overspill.words.codec import json_bytes
from overspill.words.failures import Failure
from overspill.words.ids import derived_id, key_text
from overspill.words.instants import NEVER, instant_text, instant_text_micros
from overspill.words.lengths import instant_after
from overspill.words.names import IDENTIFIER_HELP, is_identifier

OUTCOMES = (PENDING, DECLINED, ABANDONED)
DETAIL_MAX = 200


def receipt_id(tenant: str, receipt: str) -> str:
    """What leads from a provider's receipt to the record of its purchase."""
    return derived_id(key_text(tenant, receipt), "rcpt")


def purchased(
    plan: Plan,
    command: Purchase,
    account_of: Callable[[str], Account],
    find: RecordOf,
    now: int,
    identified: Identified,
) -> Change:
    """The lot that was paid for, by the policy under which it was intended; what the pool owes is repaid first. Raises
    Failure `receipt_used` for a receipt that another purchase has."""
    if not is_identifier(command.receipt):
        message = f"`{ascii(command.receipt)[:60]}` is no receipt's id"
        raise Failure("invalid_id", message, help=IDENTIFIER_HELP, pointer="/receipt")
    other = find(receipt_id(command.tenant, command.receipt))
    if other is not None:  # the same purchase again is answered as it was, and does not come here
        message = f"receipt `{command.receipt}` paid for purchase `{other.key[-1]}`"
        raise Failure("receipt_used", message, help="ask the provider what it charged for", pointer="/receipt")
    pool = plan.pools[command.pool.split("|", 1)[0]]
    account = account_of(command.account)
    amount = steps_from_text(command.amount, pool.unit)
    repays, left, owed = repaid(account.debts.get(command.pool, 0), amount)
    expires_at = NEVER if pool.lots_expire_after is None else instant_after(now, pool.lots_expire_after)
    lot: Lot = (command.id, left, now, expires_at, 0, PAID, amount)
    effects: list[Effect] = [*added(pool, account, command.pool, lot)]
    if repays:
        effects.append(SetDebt(command.pool, owed))
    kept = account.top_ups.get(command.pool)
    if kept is not None:
        effects.append(SetTopUp(command.pool, purchases.succeeded(kept, command.id, amount, now)))
    scale = pool.unit.scale
    balance = sum(other[LOT_LEFT] for other in account.pools.get(command.pool, ())) + left - owed
    answer = {
        "purchase": identified.id,
        "at": instant_text_micros(now),
        "account": command.account.split("/", 1)[1],
        "pool": command.pool,
        "lot": command.id,
        "amount": text_from_steps(amount, scale),
        "unit": pool.unit.name,
        "cost": command.cost,
        "receipt": command.receipt,
        **({"repaid": text_from_steps(repays, scale)} if repays else {}),
        "balance": text_from_steps(balance, scale),
        "category": CATEGORIES[PAID],
        "expires_at": None if expires_at == NEVER else instant_text(expires_at),
    }
    ids = (receipt_id(command.tenant, command.receipt),)
    return Change({command.account: tuple(effects)}, json_bytes(answer), ids)


def unpaid(command: Unpaid, account_of: Callable[[str], Account], now: int, identified: Identified) -> Change:
    """The purchase is pending, or it is over and waits before it is tried again. Raises Failure `purchase_closed` for one
    that is over."""
    kept = account_of(command.account).top_ups.get(command.pool)
    purchase = None if kept is None else kept.open
    if kept is None or purchase is None or purchase.id != command.purchase:
        message = f"purchase `{command.purchase[:80]}` is over"
        raise Failure("purchase_closed", message, help="a later payment of it is still taken", pointer="/purchase")
    if command.outcome not in OUTCOMES:
        help = f"use one of {', '.join(OUTCOMES)}"
        raise Failure("invalid_outcome", f"`{command.outcome[:40]}` is no outcome", help=help, pointer="/outcome")
    if len(command.detail) > DETAIL_MAX or not command.detail.isprintable():
        message = f"a detail is at most {DETAIL_MAX} printable characters"
        raise Failure("invalid_detail", message, help="say it shorter", pointer="/detail")
    if command.outcome == PENDING:
        after = purchases.asked(kept, purchase)
    else:
        after = purchases.failed(kept, purchase, command.outcome, now)
    answer = {
        "unpaid": identified.id,
        "at": instant_text_micros(now),
        "account": command.account.split("/", 1)[1],
        "pool": command.pool,
        "purchase": purchase.id,
        "outcome": command.outcome,
        **({"detail": command.detail} if command.detail else {}),
        **({} if command.outcome == PENDING else {"next_at": instant_text_micros(after.next_at)}),
        "actor": command.actor,
    }
    return Change({command.account: (SetTopUp(command.pool, after),)}, json_bytes(answer))
