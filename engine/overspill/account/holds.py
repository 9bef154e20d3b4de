"""What a hold gives back: changes of the counters and lots that its legs were drawn from (LANGUAGE.md S1, S4).

Recorded draws are unwound, never today's order: a counter gets its amount back only in the generation it was counted
in, a lot gets back what was taken from it, the last drawn first.
"""

from __future__ import annotations

from overspill.account.draft import Draft
from overspill.account.kernel import freed, still_counted
from overspill.account.state import Account, Count, Hold, Leg
from overspill.plan.counting import given_back
from overspill.plan.shapes import LOT_LEFT, Lot
from overspill.words.codec import Struct


class Kept(Struct, frozen=True):
    """What is used of a leg, in base steps and in the layer's steps."""

    leg: Leg
    base: int
    amount: int


def give_back(draft: Draft, hold: Hold, kept: Kept) -> None:
    """All of the leg but `kept` goes back to where it came from."""
    leg = kept.leg
    if leg.amount == kept.amount:
        return
    for count in leg.counts:
        account = hold.accounts[count.kind]
        if account is None:  # a cap of an account that the request did not name counts nothing
            continue
        back = count.amount - still_counted(count.amount, leg.amount, kept.amount)
        state = draft.window(account, count.key)
        if back and state is not None:
            changed = given_back(state, count.generation, back)
            if changed is not state:
                draft.set_window(account, count.key, changed)
    _lots_back(draft, hold, kept)


def _lots_back(draft: Draft, hold: Hold, kept: Kept) -> None:
    account = hold.accounts[kept.leg.kind]
    assert account is not None
    keep = kept.amount
    for pool, lot, part in kept.leg.lots:
        used, back = freed(part, keep)
        keep -= used
        if back:
            now = draft.lot(account, pool, lot[0])
            draft.set_lot(account, pool, (lot[0], (0 if now is None else now[LOT_LEFT]) + back, *lot[2:]))


def trimmed(kept: Kept) -> Leg:
    """The leg with only what is used of it."""
    leg = kept.leg
    counts = [
        Count(count.kind, count.key, count.generation, still_counted(count.amount, leg.amount, kept.amount))
        for count in leg.counts
    ]
    left = tuple([count for count in counts if count.amount])
    return Leg(leg.layer, leg.kind, kept.base, kept.amount, left, tuple(lots_used(kept)), kept.base, kept.amount)


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


def due(account: Account, now: int) -> list[Hold]:
    """The open holds that have timed out, the earliest first."""
    if not account.holds:
        return []
    found = [hold for hold in account.holds.values() if hold.open and hold.expires_at <= now]
    return sorted(found, key=lambda hold: (hold.expires_at, hold.id))
