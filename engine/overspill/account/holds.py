"""What a hold gives back: changes of the counters and lots that its legs were drawn from (LANGUAGE.md S1, S4).

Recorded draws are unwound, never today's order: a counter gets its amount back only in the generation it was counted
in, a lot gets back what was taken from it, the last drawn first. What would go back to a lot that has expired is for
the caller to say (LANGUAGE.md G5).
"""

from __future__ import annotations

from overspill.account.draft import Draft
from overspill.account.kernel import freed, still_counted
from overspill.account.state import Hold, Leg
from overspill.plan.counting import given_back
from overspill.plan.shapes import LOT_EXPIRES_AT, LOT_ID, LOT_LEFT, Lot
from overspill.words.codec import Struct, replace


class Kept(Struct, frozen=True):
    """What is used of a leg, in base steps and in the layer's steps."""

    leg: Leg
    base: int
    amount: int


class Homeless(Struct, frozen=True):
    """What would have gone back to a lot that has expired."""

    layer: str
    account: str
    pool: str
    lot: Lot
    amount: int


def give_back(draft: Draft, hold: Hold, kept: Kept, at: int) -> list[Homeless]:
    """All of the leg but `kept` goes back, at the instant `at`, to where it came from; what cannot."""
    leg = kept.leg
    if leg.amount == kept.amount:
        return []
    for count in leg.counts:
        account = hold.accounts[count.kind]
        if account is None:  # a cap of an account that the request did not name counts nothing
            continue
        back = count.amount - still_counted(count.amount, leg.amount, kept.amount)
        uncount(draft, account, count.key, count.generation, back)
    return _lots_back(draft, hold, kept, at)


def uncount(draft: Draft, account: str, key: str, generation: int, amount: int) -> None:
    """`amount` is counted no more in this generation of a counter. Of one that is over nobody gets it back but what other
    holds may still count in it."""
    state = draft.window(account, key)
    if amount and state is not None:
        changed = given_back(state, generation, amount)
        if changed is not state:
            draft.set_window(account, key, changed)
        elif (closed := draft.closed(account, key, generation)) is not None:
            draft.set_closed(account, key, given_back(closed, generation, amount))


def _lots_back(draft: Draft, hold: Hold, kept: Kept, at: int) -> list[Homeless]:
    account = hold.accounts[kept.leg.kind]
    assert account is not None
    keep, homeless = kept.amount, []
    for pool, lot, part in kept.leg.lots:
        used, back = freed(part, keep)
        keep -= used
        if back and lot[LOT_EXPIRES_AT] <= at:
            homeless.append(Homeless(kept.leg.layer, account, pool, lot, back))
        elif back:
            lot_back(draft, account, pool, lot, back)
    return homeless


def lot_back(draft: Draft, account: str, pool: str, lot: Lot, amount: int) -> None:
    """`amount` is free again in the lot, which may have left the state with nothing in it."""
    now = draft.lot(account, pool, lot[LOT_ID])
    draft.set_lot(account, pool, (lot[LOT_ID], (0 if now is None else now[LOT_LEFT]) + amount, *lot[2:]))


def trimmed(kept: Kept) -> Leg:
    """The leg with only what is kept of it, all of it used."""
    return replace(held_only(kept), used_base=kept.base, used=kept.amount)


def held_only(kept: Kept) -> Leg:
    """The leg with only what is kept of it."""
    leg = kept.leg
    counts = [replace(count, amount=still_counted(count.amount, leg.amount, kept.amount)) for count in leg.counts]
    left = tuple([count for count in counts if count.amount])
    return replace(leg, base=kept.base, amount=kept.amount, counts=left, lots=tuple(lots_used(kept)))


def booked(leg: Leg) -> Kept:
    """What captures have booked of the leg so far."""
    return Kept(leg, leg.used_base, leg.used)


def lots_used(kept: Kept) -> list[tuple[str, Lot, int]]:
    """(pool key, lot, amount) for each lot of the leg that is used, in the order drawn."""
    keep, found = kept.amount, []
    for pool, lot, part in kept.leg.lots:
        used, _ = freed(part, keep)
        keep -= used
        if used:
            found.append((pool, lot, used))
    return found
