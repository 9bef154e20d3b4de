"""What a hold gives back: effects on the windows and lots that its legs were drawn from (LANGUAGE.md S1, S4).

Recorded draws are unwound, never today's order: a window gets its amount back only in the generation it was counted
in, a lot gets back what was taken from it, the last drawn first.
"""

from __future__ import annotations

from collections.abc import Sequence

from overspill.account.effects import Effect, SetLot, SetWindow
from overspill.account.kernel import counted, freed
from overspill.account.state import Account, Hold, Leg
from overspill.plan.shapes import GENERATION, LOT_ID, LOT_LEFT, Lot
from overspill.words.codec import Struct


class Kept(Struct, frozen=True):
    """What is used of a leg, in base steps and in the layer's steps."""

    leg: Leg
    base: int
    amount: int


def given_back(kept: Kept, account: Account) -> list[Effect]:
    """The effects on the leg's account when all but `kept` goes back; `account` is its state now."""
    back = kept.leg.amount - kept.amount
    if back == 0:
        return []
    return [*_windows_back(kept.leg, back, account), *_lots_back(kept, account)]


def _windows_back(leg: Leg, back: int, account: Account) -> list[Effect]:
    effects: list[Effect] = []
    for key, generation in leg.windows:
        state = account.windows.get(key)
        if state is not None and state[GENERATION] == generation:
            effects.append(SetWindow(key, (*state[:3], counted(state[3], back))))
    return effects


def _lots_back(kept: Kept, account: Account) -> list[Effect]:
    effects: list[Effect] = []
    keep = kept.amount
    for pool, lot, part in kept.leg.lots:
        used, back = freed(part, keep)
        keep -= used
        if back:
            left = _left(account.pools.get(pool, ()), lot)
            effects.append(SetLot(pool, (lot[0], left + back, *lot[2:])))
    return effects


def _left(lots: Sequence[Lot], lot: Lot) -> int:
    """What is free of the lot now; one that left the state has nothing."""
    return next((other[LOT_LEFT] for other in lots if other[LOT_ID] == lot[LOT_ID]), 0)


def lots_used(kept: Kept) -> list[tuple[str, Lot, int]]:
    """(pool key, lot, amount) for each lot of the leg that is used, in the order drawn."""
    keep, found = kept.amount, []
    for pool, lot, part in kept.leg.lots:
        used, _ = freed(part, keep)
        keep -= used
        if used:
            found.append((pool, lot, used))
    return found


def due(account: Account, now: int) -> list[Hold]:
    """The open holds that have timed out, the earliest first."""
    if not account.holds:
        return []
    found = [hold for hold in account.holds.values() if hold.open and hold.expires_at <= now]
    return sorted(found, key=lambda hold: (hold.expires_at, hold.id))
