"""Grants and attributes: what operators change, as effects on one account and an answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from overspill.account.effects import Effect, SetAttribute, SetDebt, SetLot
from overspill.account.state import Account
from overspill.decide.effects import lot_with
from overspill.plan.plan import AccountKind, Input, Instant, Plan, Pool, state_key
from overspill.plan.shapes import CATEGORIES, LOT_LEFT, Lot, Scalar
from overspill.step.accounts import Change, one_account
from overspill.step.commands import Grant, SetAttributes, Value
from overspill.step.keys import Identified
from overspill.step.resets import settled_resets
from overspill.words.amounts import STEPS_MAX, UNLIMITED, AmountError, steps_from_text, text_from_steps
from overspill.words.codec import json_bytes
from overspill.words.diagnostics import did_you_mean
from overspill.words.failures import Failure
from overspill.words.instants import NEVER, InstantError, instant_from_text, instant_text, instant_text_micros
from overspill.words.lengths import instant_after
from overspill.words.names import is_identifier

PRIORITY_MAX = 10**6


def grant(plan: Plan, command: Grant, account_of: Callable[[str], Account], now: int, identified: Identified) -> Change:
    """A new lot in a pool (LANGUAGE.md G1). Raises Failure for an unknown pool, a bad amount, or an end before now."""
    pool = plan.pools.get(command.pool)
    if pool is None:
        help = did_you_mean(command.pool, plan.pools) or f"pools: {', '.join(sorted(plan.pools))}"
        raise Failure("unknown_pool", f"the policy has no pool `{command.pool[:64]}`", help=help, pointer="/pool")
    kind, id = one_account(plan, command.account)
    if kind.name != plan.kinds[pool.kind].name:
        owner = plan.kinds[pool.kind].name
        raise Failure(
            "wrong_account",
            f"pool `{pool.name}` is kept per {owner}, not per {kind.name}",
            help=f"name a `{owner}`",
            pointer="/account",
        )
    lot = _lot(pool, command, now)
    key = f"{command.tenant}/{kind.name}/{id}"
    pool_key = state_key(pool.name, _per(pool, command.per or {}))
    account = account_of(key)
    owed = account.debts.get(pool_key, 0)
    repaid = min(owed, lot[LOT_LEFT])
    amount = text_from_steps(lot[LOT_LEFT], pool.unit.scale)
    if repaid:
        lot = lot_with(lot, lot[LOT_LEFT] - repaid)
    balance = sum(other[LOT_LEFT] for other in account.pools.get(pool_key, ())) + lot[LOT_LEFT] - (owed - repaid)
    answer = {
        "grant": identified.id,
        "at": instant_text_micros(now),
        "account": f"{kind.name}/{id}",
        "pool": pool_key,
        "lot": command.id,
        "amount": amount,
        "unit": pool.unit.name,
        **({"repaid": text_from_steps(repaid, pool.unit.scale)} if repaid else {}),
        "balance": text_from_steps(balance, pool.unit.scale),
        "priority": command.priority,
        "category": command.category,
        "expires_at": None if lot[3] == NEVER else instant_text(lot[3]),
        "actor": command.actor,
    }
    effects: tuple[Effect, ...] = (SetLot(pool_key, lot),)
    if repaid:
        effects = (SetDebt(pool_key, owed - repaid), *effects)
    return Change(key, effects, json_bytes(answer))


def _lot(pool: Pool, command: Grant, now: int) -> Lot:
    try:
        amount = steps_from_text(command.amount, pool.unit)
    except AmountError as error:
        raise Failure(
            "invalid_amount", str(error), help=f"give {pool.unit.name} as decimal text", pointer="/amount"
        ) from None
    if amount <= 0:
        raise Failure(
            "invalid_amount", "a grant is more than nothing", help="give a positive amount", pointer="/amount"
        )
    if command.category not in CATEGORIES:
        raise Failure(
            "invalid_category",
            f"`{command.category[:40]}` is no category",
            help=f"use {' or '.join(CATEGORIES)}",
            pointer="/category",
        )
    if not 0 <= command.priority <= PRIORITY_MAX:
        raise Failure("invalid_priority", "a priority is 0 to 1000000", help="low is drawn first", pointer="/priority")
    expires_at = command.expires_at
    if expires_at is None:
        expires_at = NEVER if pool.lots_expire_after is None else instant_after(now, pool.lots_expire_after)
    if expires_at <= now:
        raise Failure(
            "already_expired",
            f"the lot would have expired at {instant_text(expires_at)}",
            help="give an end after now, or none",
            pointer="/expires_at",
        )
    return (command.id, amount, now, expires_at, command.priority, CATEGORIES.index(command.category), amount)


def _per(pool: Pool, values: Mapping[str, str]) -> tuple[str, ...]:
    if set(values) != set(pool.per):
        wanted = ", ".join(f"`{name}`" for name in pool.per) or "nothing further"
        raise Failure("wrong_per", f"pool `{pool.name}` is kept per {wanted} beside its account", pointer="/per")
    return tuple(values[name] for name in pool.per)


def attributes(
    plan: Plan, command: SetAttributes, account_of: Callable[[str], Account], identified: Identified, now: int
) -> Change:
    """Attributes of one account, as its declaration types them, and the accounts that it is a member of. Raises Failure
    for unknown names and wrong types.

    A reset's condition asks for the attributes at its instant: those in force are settled in the windows before these
    attributes are no more (LANGUAGE.md W6)."""
    kind, id = one_account(plan, command.account)
    key = f"{command.tenant}/{kind.name}/{id}"
    memberships = {many.name for many in plan.many if many.of == kind.name}
    changed = [
        SetAttribute(name, _members(name, value) if name in memberships else _attribute(kind, name, value))
        for name, value in command.attributes.items()
    ]
    answer = {
        "set": identified.id,
        "at": instant_text_micros(now),
        "account": f"{kind.name}/{id}",
        "attributes": dict(command.attributes),
        "actor": command.actor,
    }
    account = account_of(key)
    effects = (*settled_resets(plan, kind.name, account, now), *changed)
    return Change(key, effects, json_bytes(answer))


def _members(name: str, value: Value | None) -> tuple[str, ...] | None:
    """Ids in their order, each once."""
    if value is None:
        return None
    if not isinstance(value, tuple | list) or not all(map(is_identifier, value)):
        help = "send a list of ids"
        raise Failure("invalid_attribute", f"`{name}` are accounts", help=help, pointer=f"/attributes/{name}")
    return tuple(sorted(set(value)))


def _attribute(kind: AccountKind, name: str, value: Value | None) -> Scalar | None:
    declared = kind.attributes.get(name)
    pointer = f"/attributes/{name}"
    if declared is None:
        help = did_you_mean(name, kind.attributes) or f"declared: {', '.join(sorted(kind.attributes))}"
        raise Failure(
            "unknown_attribute", f"account `{kind.name}` declares no `{name[:64]}`", help=help, pointer=pointer
        )
    if value is None:
        return None
    if isinstance(value, tuple | list):
        raise Failure("invalid_attribute", f"`{name}` is one value", help="send it as declared", pointer=pointer)
    if declared.unit is not None:
        return _amount(declared, value, pointer)
    if declared.type is Instant:
        return _instant(declared, value, pointer)
    wrong = type(value) is not declared.type
    if wrong or (isinstance(value, str) and not (len(value) <= 256 and value.isprintable())) or value_overflows(value):
        raise Failure(
            "invalid_attribute",
            f"`{name}` is {ascii(value)[:60]}, which is no {declared.type.__name__}",
            help="send it as the policy declares it",
            pointer=pointer,
        )
    return value


def _instant(declared: Input, value: Scalar, pointer: str) -> int:
    try:
        return instant_from_text(str(value))
    except InstantError as error:
        raise Failure("invalid_attribute", f"`{declared.name}`: {error}", pointer=pointer) from None


def value_overflows(value: Scalar) -> bool:
    return isinstance(value, int) and not -STEPS_MAX <= value <= STEPS_MAX


def _amount(declared: Input, value: Scalar, pointer: str) -> int:
    assert declared.unit is not None
    if not isinstance(value, str):
        raise Failure("invalid_attribute", f"`{declared.name}` is an amount", help="send decimal text", pointer=pointer)
    if value == "unlimited":
        return UNLIMITED
    try:
        return steps_from_text(value, declared.unit)
    except AmountError as error:
        raise Failure("invalid_attribute", str(error), help="send decimal text", pointer=pointer) from None
