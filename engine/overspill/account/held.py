"""What the open holds of an account hold of its counters and lots: the parts of their legs that no capture has used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from overspill.account.kernel import freed, still_counted
from overspill.account.state import Account, Leg
from overspill.plan.shapes import LOT_ID, Lot
from overspill.words.codec import Struct


class Held(Struct, frozen=True):
    counters: Mapping[tuple[str, int], int]
    """(counter's key, generation) → steps."""
    lots: Mapping[str, Mapping[str, tuple[Lot, int]]]
    """Pool key → lot id → (the lot as it was drawn from, steps)."""


def held(account: Account, key: str) -> Held:
    """Of the account with this key, by its own open holds and those of others that were drawn from it."""
    counters: dict[tuple[str, int], int] = {}
    lots: dict[str, dict[str, tuple[Lot, int]]] = {}
    for hold in account.holds.values():
        for leg in hold.legs if hold.open else ():
            for count in leg.counts:
                if hold.accounts[count.kind] == key:
                    part = count.amount - still_counted(count.amount, leg.amount, leg.used)
                    place = (count.key, count.generation)
                    counters[place] = counters.get(place, 0) + part
            for pool, lot, part in lots_held(leg) if hold.accounts[leg.kind] == key else ():
                known = lots.setdefault(pool, {})
                known[lot[LOT_ID]] = (lot, known.get(lot[LOT_ID], (lot, 0))[1] + part)
    return Held(counters, lots)


def lots_held(leg: Leg) -> Iterator[tuple[str, Lot, int]]:
    """(pool key, lot, amount) for each lot of the leg that is still held, in the order drawn."""
    keep = leg.used
    for pool, lot, part in leg.lots:
        used, back = freed(part, keep)
        keep -= used
        if back:
            yield pool, lot, back
