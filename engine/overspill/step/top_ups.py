"""Top-up: when an account's balance is below what it has set, and what is bought then (LANGUAGE.md U1, U2).

The test is a record of its own, in the same commit as the change that it follows, under the account's version as its
key. It is written where it says something new: an attempt, another reason for none, or that the balance is no longer
below. So each version of a balance below the minimum has its attempt, or the reason that was recorded last.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import count

from overspill.account import purchases
from overspill.account.effects import Effect, SetAttribute, SetDebt, SetLot, SetTopUp
from overspill.account.purchases import INTENDED, Purchase, Settings, TopUp, bought_in, month_after, month_of
from overspill.account.state import Account
from overspill.plan.arithmetic import round_quotient
from overspill.plan.evaluate import test
from overspill.plan.plan import Plan, Pool, state_key
from overspill.plan.shapes import LOT_EXPIRES_AT, LOT_LEFT
from overspill.step import commands
from overspill.step.accounts import Change
from overspill.step.facts import own_facts
from overspill.step.keys import Identified
from overspill.step.pools import amount_of, per_values, pool_named, pool_owner
from overspill.words.amounts import STEPS_MAX, text_from_steps
from overspill.words.codec import Struct, json_bytes, replace
from overspill.words.failures import Failure
from overspill.words.instants import NEVER, instant_text, instant_text_micros

NOT_APPLICABLE = "not_applicable"
NO_CONSENT = "no_consent"
IN_FLIGHT = "in_flight"
BACK_OFF = "back_off"
MONTHLY_MAXIMUM = "monthly_maximum"
REASONS = (NOT_APPLICABLE, NO_CONSENT, IN_FLIGHT, BACK_OFF, MONTHLY_MAXIMUM)
"""Why nothing is bought for a balance below the minimum."""


ACTOR_MAX = 200


class Tested(Struct, frozen=True, kw_only=True):
    """One pool's test: an attempt to buy `amount` for `money`, in steps; else the `reason` for none, empty where the
    balance is not below the minimum."""

    key: str
    pool: Pool | None
    balance: int
    reason: str = ""
    amount: int = 0
    money: int = 0


# ---- the test


def moves(effects: Sequence[Effect]) -> bool:
    """Whether a record's effects change what a pool has, or what its condition reads."""
    return any(isinstance(effect, SetLot | SetDebt | SetAttribute) for effect in effects)


def news(plan: Plan, owner: str, account: Account, now: int) -> list[Tested]:
    """The tests of the pools of the account with this key that say something which is not recorded yet."""
    found = [(account.top_ups[key], tested(plan, owner, account, key, now)) for key in sorted(account.top_ups)]
    return [one for kept, one in found if one.amount or one.reason != kept.reason or kept.test_at <= now]


def overdue(plan: Plan, owner: str, account: Account, now: int) -> bool:
    """Whether a test says something new although no balance has changed."""
    return any(one.reason != IN_FLIGHT for one in news(plan, owner, account, now))


def balance(account: Account, key: str, now: int) -> int:
    """Settled less pending less held: what is free in lots that have not expired, usable yet or not, less what is owed."""
    left = sum(lot[LOT_LEFT] for lot in account.pools.get(key, ()) if now < lot[LOT_EXPIRES_AT])
    return left - account.debts.get(key, 0)


def tested(plan: Plan, owner: str, account: Account, key: str, now: int) -> Tested:
    """One pool's test: strictly below the minimum, target less what there is, as far as the month lets."""
    top_up = account.top_ups[key]
    settings, left = top_up.settings, balance(account, key, now)
    pool = plan.pools.get(key.split("|", 1)[0])
    if left >= settings.minimum:
        return Tested(key=key, pool=pool, balance=left)
    reason = _hindered(pool, owner, account, top_up, now)
    if reason:
        return Tested(key=key, pool=pool, balance=left, reason=reason)
    assert pool is not None and pool.top_up is not None and pool.price is not None
    wanted = amount = settings.target - left
    if settings.monthly_maximum is not None:
        room = max(settings.monthly_maximum - bought_in(top_up, month_of(now)), 0)
        if amount > room:
            amount = room if pool.top_up.partial else 0
    price, _, per = pool.price
    money = round_quotient(amount * price, per, "half_even")
    if not 0 < money <= STEPS_MAX or amount > STEPS_MAX:  # nothing is given away for a payment of nothing
        reason = MONTHLY_MAXIMUM if amount < wanted else NOT_APPLICABLE
        return Tested(key=key, pool=pool, balance=left, reason=reason)
    return Tested(key=key, pool=pool, balance=left, amount=amount, money=money)


def _hindered(pool: Pool | None, owner: str, account: Account, top_up: TopUp, now: int) -> str:
    """The first reason against an attempt of whatever size; empty for none."""
    if pool is None or pool.top_up is None:
        return NOT_APPLICABLE
    if not top_up.settings.enabled:
        return NO_CONSENT
    when = pool.top_up.when
    if when is not None and test(when, own_facts(pool.top_up.slots, pool.kind, owner, account)) is not True:
        return NOT_APPLICABLE
    if top_up.open is not None:
        return IN_FLIGHT
    return BACK_OFF if now < top_up.next_at else ""


def top_up(
    plan: Plan, command: commands.TopUp, account_of: Callable[[str], Account], now: int, identified: Identified
) -> Change:
    """What the tests of all the account's pools say that is new. Raises Failure `nothing_new` where nothing is."""
    account = account_of(command.account)
    found = news(plan, command.account, account, now)
    if not found:
        raise Failure("nothing_new", "the balances' tests say what is recorded already", pointer="/account")
    effects: list[Effect] = []
    shown, ids = [], []
    number = count()
    for one in found:
        kept = account.top_ups[one.key]
        row = _shown(one, kept)
        if one.amount:
            assert one.pool is not None and one.pool.price is not None
            unit = one.pool.price[1]
            id = identified.derived("pur", next(number))
            money = text_from_steps(one.money, unit.scale)
            purchase = Purchase(id, one.amount, money, unit.name, now, plan.digest)
            kept = purchases.attempted(kept, purchase)
            ids.append(id)
            amount = text_from_steps(one.amount, one.pool.unit.scale)
            row["purchase"] = {"id": id, "amount": amount, "money": money, "currency": unit.name}
        else:
            kept = replace(kept, reason=one.reason, test_at=_test_at(one.reason, kept, now))
            row["reason"] = one.reason or None
        effects.append(SetTopUp(one.key, kept))
        shown.append(row)
    answer = {
        "top_up": identified.id,
        "at": instant_text_micros(now),
        "account": command.account.split("/", 1)[1],
        "account_version": account.version,
        "pools": shown,
        "policy": {"digest": plan.digest},
    }
    return Change({command.account: tuple(effects)}, json_bytes(answer), tuple(ids))


def _test_at(reason: str, kept: TopUp, now: int) -> int:
    """When time alone changes the reason."""
    return {BACK_OFF: kept.next_at, MONTHLY_MAXIMUM: month_after(now)}.get(reason, NEVER)


def _shown(one: Tested, kept: TopUp) -> dict[str, object]:
    """Amounts of a pool that the policy no longer has are shown in steps."""
    scale, unit = (0, "steps") if one.pool is None else (one.pool.unit.scale, one.pool.unit.name)
    return {
        "pool": one.key,
        "balance": text_from_steps(one.balance, scale),
        "minimum": text_from_steps(kept.settings.minimum, scale),
        "unit": unit,
        "settings_version": kept.settings.version,
    }


# ---- settings


def set_up(
    plan: Plan,
    command: commands.SetTopUp,
    account_of: Callable[[str], Account],
    now: int,
    identified: Identified,
) -> Change:
    """What is agreed to takes the place of what was before. Whoever takes the consent back is not charged for what the
    provider has not been asked for yet. Raises Failure for a pool that is not topped up, and for amounts that make no
    sense."""
    pool = pool_named(plan, command.pool)
    if pool.top_up is None:
        names = [name for name, other in plan.pools.items() if other.top_up is not None]
        help = f"pools that are: {', '.join(sorted(names)) or 'none'}"
        raise Failure("no_top_up", f"pool `{pool.name}` states no `top_up`", help=help, pointer="/pool")
    if not command.actor or len(command.actor) > ACTOR_MAX or not command.actor.isprintable():
        message = f"whoever agrees is named in 1 to {ACTOR_MAX} printable characters"
        raise Failure("invalid_actor", message, help="such as `user/u_ana`", pointer="/actor")
    key = pool_owner(plan, pool, command.tenant, command.account, "/account")
    pool_key = state_key(pool.name, per_values(pool, command.per or {}))
    before = account_of(key).top_ups.get(pool_key)
    settings = Settings(
        version=1 if before is None else before.settings.version + 1,
        enabled=command.enabled,
        minimum=amount_of(command.minimum, pool, "/minimum"),
        target=amount_of(command.target, pool, "/target"),
        monthly_maximum=None
        if command.monthly_maximum is None
        else amount_of(command.monthly_maximum, pool, "/monthly_maximum"),
        actor=command.actor,
        at=now,
    )
    if not settings.target or settings.target < settings.minimum:
        message = "what is bought up to is more than nothing, and no less than the minimum"
        raise Failure("invalid_target", message, help="raise the target, or lower the minimum", pointer="/target")
    after = TopUp(settings) if before is None else replace(before, settings=settings)
    answer: dict[str, object] = {
        "set_top_up": identified.id,
        "at": instant_text_micros(now),
        "account": key.split("/", 1)[1],
        "pool": pool_key,
        "settings": settings_shown(settings, pool.unit.scale),
        "unit": pool.unit.name,
    }
    if not settings.enabled and after.open is not None and after.open.state == INTENDED:
        answer["abandoned"] = after.open.id
        after = purchases.withdrawn(after, after.open)
    return Change({key: (SetTopUp(pool_key, after),)}, json_bytes(answer))


def settings_shown(settings: Settings, scale: int) -> Mapping[str, object]:
    """The settings as JSON, amounts as decimal text."""
    most = settings.monthly_maximum
    return {
        "version": settings.version,
        "enabled": settings.enabled,
        "minimum": text_from_steps(settings.minimum, scale),
        "target": text_from_steps(settings.target, scale),
        "monthly_maximum": None if most is None else text_from_steps(most, scale),
        "actor": settings.actor,
        "at": instant_text(settings.at),
    }
