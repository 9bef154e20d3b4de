"""Lots: granted, voided, transferred. Each is an entry of its own, with who did it (LANGUAGE.md G1 to G4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from overspill.account.draft import Draft
from overspill.account.effects import Effect, SetDebt, SetLot, SetOrder
from overspill.account.kernel import repaid
from overspill.account.state import Account
from overspill.decide.effects import lot_with
from overspill.plan.arithmetic import round_quotient
from overspill.plan.plan import Plan, Pool, state_key
from overspill.plan.shapes import CATEGORIES, LOT_GRANTED_AT, LOT_ID, LOT_LEFT, PAID, Lot
from overspill.records.journal import Record
from overspill.step.accounts import Change
from overspill.step.commands import Grant, Refund, Transfer, Void
from overspill.step.keys import Identified
from overspill.step.pools import amount_of, per_values, pool_named, pool_owner
from overspill.words.amounts import AmountError, steps_from_text, text_from_steps
from overspill.words.codec import json_bytes, json_decoder
from overspill.words.diagnostics import did_you_mean
from overspill.words.failures import Failure
from overspill.words.ids import derived_id, is_derived, key_text
from overspill.words.instants import NEVER, instant_text, instant_text_micros
from overspill.words.lengths import instant_after

PRIORITY_MAX = 10**6


Find = Callable[[str], Record | None]
_decode = json_decoder(dict[str, Any]).decode


def account_key(account: str) -> tuple[str, str]:
    """(tenant, owner) of an account's key."""
    tenant, owner = account.split("/", 1)
    return tenant, owner


def end_id(account: str, pool: str, lot: str) -> str:
    """What leads to the record that took a lot away."""
    return derived_id(key_text(account, pool, lot), "end")


def added(pool: Pool, account: Account, key: str, lot: Lot) -> tuple[Effect, ...]:
    """A new lot; and the pool's declared order, where the account does not keep its lots in it yet."""
    kept = account.ordered.get(key, ((), ()))[0]
    return (SetLot(key, lot),) if kept == pool.order else (SetOrder(key, pool.order), SetLot(key, lot))


def grant(plan: Plan, command: Grant, account_of: Callable[[str], Account], now: int, identified: Identified) -> Change:
    """A new lot in a pool (LANGUAGE.md G1). Raises Failure for an unknown pool, a bad amount, or an end before now."""
    pool = pool_named(plan, command.pool)
    key = pool_owner(plan, pool, command.tenant, command.account, "/account")
    lot = _lot(pool, command, now)
    pool_key = state_key(pool.name, per_values(pool, command.per or {}))
    account = account_of(key)
    amount = text_from_steps(lot[LOT_LEFT], pool.unit.scale)
    repays, left, owed = repaid(account.debts.get(pool_key, 0), lot[LOT_LEFT])
    if repays:
        lot = lot_with(lot, left)
    balance = sum(other[LOT_LEFT] for other in account.pools.get(pool_key, ())) + left - owed
    answer = {
        "grant": identified.id,
        "at": instant_text_micros(now),
        "account": key.split("/", 1)[1],
        "pool": pool_key,
        "lot": command.id,
        "amount": amount,
        "unit": pool.unit.name,
        **({"repaid": text_from_steps(repays, pool.unit.scale)} if repays else {}),
        **({} if command.cost is None else {"cost": _paid(pool, command.cost)}),
        "balance": text_from_steps(balance, pool.unit.scale),
        "priority": command.priority,
        "category": command.category,
        **({} if command.effective_at is None else {"effective_at": instant_text(lot[LOT_GRANTED_AT])}),
        "expires_at": None if lot[3] == NEVER else instant_text(lot[3]),
        "actor": command.actor,
    }
    effects = added(pool, account, pool_key, lot)
    if repays:
        effects = (SetDebt(pool_key, owed), *effects)
    return Change({key: effects}, json_bytes(answer))


def _lot(pool: Pool, command: Grant, now: int) -> Lot:
    amount = amount_of(command.amount, pool, "/amount", least=1, what="a grant")
    if is_derived(command.id):  # the account may have a lot of that name, which this one would take the place of
        message = f"`{command.id}` has the form of an id that the engine gives: purchases and transfers name lots so"
        raise Failure("invalid_id", message, help="use an id of your own", pointer="/id")
    if command.category not in CATEGORIES:
        raise Failure(
            "invalid_category",
            f"`{command.category[:40]}` is no category",
            help=f"use {' or '.join(CATEGORIES)}",
            pointer="/category",
        )
    if not 0 <= command.priority <= PRIORITY_MAX:
        raise Failure("invalid_priority", "a priority is 0 to 1000000", help="low is drawn first", pointer="/priority")
    granted_at = now if command.effective_at is None else max(now, command.effective_at)
    expires_at = command.expires_at
    if expires_at is None:
        expires_at = NEVER if pool.lots_expire_after is None else instant_after(granted_at, pool.lots_expire_after)
    if expires_at <= granted_at:
        raise Failure(
            "already_expired",
            f"the lot would have expired at {instant_text(expires_at)}",
            help="give an end after now, and after it takes effect, or none",
            pointer="/expires_at",
        )
    return (command.id, amount, granted_at, expires_at, command.priority, CATEGORIES.index(command.category), amount)


def _paid(pool: Pool, cost: str) -> str:
    """`9.99 usd`, in the money of the pool's price."""
    if pool.price is None:
        message = f"pool `{pool.name}` states no price, so nothing can have been paid for its lots"
        raise Failure("no_price", message, help="leave the cost out, or give the pool a price", pointer="/cost")
    money = pool.price[1]
    number, _, unit = cost.partition(" ")
    try:
        steps = steps_from_text(number, money)
    except AmountError as error:
        raise Failure("invalid_amount", str(error), help=f"such as `9 {money.name}`", pointer="/cost") from None
    if unit != money.name or steps < 0:
        message = f"`{cost[:40]}` is no amount of {money.name}"
        raise Failure("invalid_amount", message, help=f"such as `9 {money.name}`", pointer="/cost")
    return f"{text_from_steps(steps, money.scale)} {money.name}"


def paid_back(plan: Plan, draft: Draft, account: str, key: str, amount: int, id: str, now: int) -> dict[str, object]:
    """What purchases have repaid of a debt that is none any more is a paid lot again."""
    pool = plan.pools[key.split("|", 1)[0]]
    expires_at = NEVER if pool.lots_expire_after is None else instant_after(now, pool.lots_expire_after)
    draft.set_lot(account, key, (id, amount, now, expires_at, 0, PAID, amount))
    return {
        "account": account.split("/", 1)[1],
        "pool": key,
        "lot": id,
        "amount": text_from_steps(amount, pool.unit.scale),
        "unit": pool.unit.name,
        "expires_at": None if expires_at == NEVER else instant_text(expires_at),
    }


# ---- voided and transferred


def void(
    plan: Plan,
    command: Void | Refund,
    account_of: Callable[[str], Account],
    now: int,
    identified: Identified,
    find: Find,
) -> Change:
    """What is left of a lot is no more; of one that is refunded, its part of what was paid is due back. Raises Failure
    `unknown_lot` for one that has nothing left, `lot_held` for one that an open hold would give something back to,
    `not_paid` for a refund of one that cost nothing."""
    pool = pool_named(plan, command.pool)
    key = pool_owner(plan, pool, command.tenant, command.account, "/account")
    pool_key = state_key(pool.name, per_values(pool, command.per or {}))
    account = account_of(key)
    lot = _kept(account, pool_key, command.lot)
    for hold in account.holds.values():
        if any((held, one[LOT_ID]) == (pool_key, command.lot) for leg in hold.legs for held, one, _ in leg.lots):
            message = f"hold `{hold.id}` holds a part of lot `{command.lot}`"
            raise Failure("lot_held", message, help="capture or release it first", pointer="/lot")
    kind = "void" if isinstance(command, Void) else "refund"
    answer = {
        kind: identified.id,
        "at": instant_text_micros(now),
        "account": key.split("/", 1)[1],
        "pool": pool_key,
        "lot": command.lot,
        "amount": text_from_steps(lot[LOT_LEFT], pool.unit.scale),
        "unit": pool.unit.name,
        **({} if kind == "void" else {"money": _paid_back(pool, key, lot, find)}),
        "actor": command.actor,
    }
    effects = {key: (SetLot(pool_key, lot_with(lot, 0)),)}
    return Change(effects, json_bytes(answer), (end_id(key, pool_key, command.lot),))


def _paid_back(pool: Pool, account: str, lot: Lot, find: Find) -> dict[str, str]:
    """What is left of a lot by the price that was paid for it, rounded once, half_even."""
    cost, granted = _cost(account, lot[LOT_ID], find)
    if pool.price is None or not cost:
        message = f"nothing was paid for lot `{lot[LOT_ID]}`"
        raise Failure("not_paid", message, help="void it", pointer="/lot")
    money = pool.price[1]
    paid = steps_from_text(cost.split(" ")[0], money) * lot[LOT_LEFT]
    back = round_quotient(paid, steps_from_text(granted, pool.unit), "half_even")
    return {money.name: text_from_steps(back, money.scale)}


def _cost(account: str, lot: str, find: Find) -> tuple[str | None, str]:
    """(what was paid, for how much) of the grant or purchase that a lot stems from; a transferred one is named after its transfer."""
    record = find(lot) if lot.startswith("trf_") else None
    for kind, prefix in (("purchase", "paid"), ("grant", "grt")):
        record = record or find(derived_id(key_text(*account_key(account), kind, lot), prefix))
    if record is None:
        return None, "0"
    answer = _decode(bytes(record.answer))
    if "transfer" in answer:
        return _cost(f"{record.key[0]}/{answer['account']}", answer["lot"], find)
    return answer.get("cost"), answer["amount"]


def transfer(
    plan: Plan, command: Transfer, account_of: Callable[[str], Account], now: int, identified: Identified
) -> Change:
    """A lot, or part of it, becomes a lot of another account: of the same priority, category and expiry, named after the
    transfer. Raises Failure when there is not so much of it, and when it has expired."""
    pool = pool_named(plan, command.pool)
    source = pool_owner(plan, pool, command.tenant, command.account, "/account")
    target = pool_owner(plan, pool, command.tenant, command.to, "/to")
    if source == target:
        raise Failure("same_account", "the account is its own target", help="name another one", pointer="/to")
    pool_key = state_key(pool.name, per_values(pool, command.per or {}))
    lot = _kept(account_of(source), pool_key, command.lot)
    amount = lot[LOT_LEFT] if command.amount is None else amount_of(command.amount, pool, "/amount", least=1)
    if amount > lot[LOT_LEFT]:
        left = text_from_steps(lot[LOT_LEFT], pool.unit.scale)
        message = f"lot `{command.lot}` has {left} {pool.unit.name} left"
        raise Failure("not_enough", message, help="transfer that or less", pointer="/amount")
    new: Lot = (identified.id, amount, max(now, lot[LOT_GRANTED_AT]), *lot[3:6], amount)
    repays, rest, owed = repaid(account_of(target).debts.get(pool_key, 0), amount)
    effects = added(pool, account_of(target), pool_key, lot_with(new, rest))
    if repays:
        effects = (SetDebt(pool_key, owed), *effects)
    answer = {
        "transfer": identified.id,
        "at": instant_text_micros(now),
        "account": source.split("/", 1)[1],
        "pool": pool_key,
        "lot": command.lot,
        "to": target.split("/", 1)[1],
        "to_lot": identified.id,
        "amount": text_from_steps(amount, pool.unit.scale),
        "unit": pool.unit.name,
        **({"repaid": text_from_steps(repays, pool.unit.scale)} if repays else {}),
        "actor": command.actor,
    }
    changed = {source: (SetLot(pool_key, lot_with(lot, lot[LOT_LEFT] - amount)),), target: effects}
    return Change(changed, json_bytes(answer))


def _kept(account: Account, pool_key: str, id: str) -> Lot:
    lots = account.pools.get(pool_key, ())
    lot = next((lot for lot in lots if lot[LOT_ID] == id), None)
    if lot is None:
        help = did_you_mean(id, [other[LOT_ID] for other in lots]) or "name one that has something left"
        raise Failure("unknown_lot", f"pool `{pool_key}` has no lot `{id[:64]}`", help=help, pointer="/lot")
    return lot
