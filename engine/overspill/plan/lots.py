"""The order of lots in a pool (LANGUAGE.md G2), and what is taken of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from overspill.plan.arithmetic import drawn_from
from overspill.plan.raw import Drawn
from overspill.plan.shapes import (
    LOT_CATEGORY,
    LOT_EXPIRES_AT,
    LOT_GRANTED_AT,
    LOT_ID,
    LOT_LEFT,
    LOT_ORDER,
    LOT_PRIORITY,
    AccountFacts,
    Lot,
)


def default_order(lot: Lot) -> tuple[int | str, ...]:
    """Priority, expires_at, category (promotional before paid), granted_at, id (ASCII, so text order is byte order)."""
    return (
        lot[LOT_PRIORITY],
        lot[LOT_EXPIRES_AT],
        lot[LOT_CATEGORY],
        lot[LOT_GRANTED_AT],
        lot[LOT_ID],
    )


def order_of(order: tuple[str, ...]) -> Callable[[Lot], tuple[int | str, ...]]:
    """A declared order as a sort key."""
    places = [LOT_ORDER[key] for key in order]
    return lambda lot: tuple([lot[place] for place in places])


def in_order(lots: tuple[Lot, ...], order: tuple[str, ...]) -> Sequence[Lot]:
    """The lots in a pool's declared order; an empty one is the default, in which the state keeps them."""
    return sorted(lots, key=order_of(order)) if order else lots


def lots_in(account: AccountFacts, pool: str, order: tuple[str, ...]) -> Sequence[Lot]:
    """The lots of a pool in its order: as the account keeps them, or sorted, when the policy has changed it since the
    last grant."""
    if not order:
        return account.pools.get(pool, ())
    kept = account.ordered.get(pool)
    return kept[1] if kept is not None and kept[0] == order else in_order(account.pools.get(pool, ()), order)


def take(lots: Sequence[Lot], wanted: int, now: int) -> tuple[Drawn, int]:
    """Up to `wanted` steps from the usable lots: (lots with the amount drawn from each, their sum)."""
    drawn: list[tuple[Lot, int]] = []
    found = 0
    for lot in lots:
        if found == wanted:
            break
        part = drawn_from(lot[LOT_LEFT], lot[LOT_GRANTED_AT], lot[LOT_EXPIRES_AT], wanted - found, now)
        if part:
            drawn.append((lot, part))
            found += part
    return tuple(drawn), found
