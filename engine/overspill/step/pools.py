"""Which pool a command means, whose it is, and how much of its unit. Each raises Failure for what cannot be meant."""

from __future__ import annotations

from collections.abc import Mapping

from overspill.plan.plan import Plan, Pool
from overspill.step.accounts import one_account
from overspill.words.amounts import AmountError, steps_from_text
from overspill.words.diagnostics import did_you_mean
from overspill.words.failures import Failure


def pool_named(plan: Plan, name: str) -> Pool:
    """The pool of that name."""
    pool = plan.pools.get(name)
    if pool is None:
        help = did_you_mean(name, plan.pools) or f"pools: {', '.join(sorted(plan.pools))}"
        raise Failure("unknown_pool", f"the policy has no pool `{name[:64]}`", help=help, pointer="/pool")
    return pool


def pool_owner(plan: Plan, pool: Pool, tenant: str, account: Mapping[str, str], pointer: str) -> str:
    """The key of the account whose pool is meant."""
    kind, id = one_account(plan, account)
    owner = plan.kinds[pool.kind].name
    if kind.name != owner:
        message = f"pool `{pool.name}` is kept per {owner}, not per {kind.name}"
        raise Failure("wrong_account", message, help=f"name a `{owner}`", pointer=pointer)
    return f"{tenant}/{kind.name}/{id}"


def per_values(pool: Pool, values: Mapping[str, str]) -> tuple[str, ...]:
    """What the pool is kept per beside its account, in its order."""
    if set(values) != set(pool.per):
        wanted = ", ".join(f"`{name}`" for name in pool.per) or "nothing further"
        message = f"pool `{pool.name}` is kept per {wanted} beside its account"
        raise Failure("wrong_per", message, help="give exactly these under `per`", pointer="/per")
    return tuple(values[name] for name in pool.per)


def amount_of(text: str, pool: Pool, pointer: str, *, least: int = 0, what: str = "it") -> int:
    """Decimal text in the pool's unit → steps, at least so many; `what` it is of, for the failure."""
    help = f"give {pool.unit.name} as decimal text"
    try:
        amount = steps_from_text(text, pool.unit)
    except AmountError as error:
        raise Failure("invalid_amount", str(error), help=help, pointer=pointer) from None
    if amount < least:
        bound = "more than nothing" if least else "nothing at least"
        help = "give a positive amount" if least else "give no negative amount"
        raise Failure("invalid_amount", f"{what} is {bound}", help=help, pointer=pointer)
    return amount
