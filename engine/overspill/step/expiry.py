"""Lots that expire: what is free of them, what is held of them, and what would come back to them (LANGUAGE.md G3, G5).

What a hold holds of a lot outlives it by default (`honor`): captures take it, the rest expires when it comes back, or
becomes a lot of its own (`reissue`). Under `lapse` it expires with the lot, and a capture refills from what is free.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from overspill.account.draft import AccountOf, Draft
from overspill.account.due import lapsing
from overspill.account.effects import EndHold, SetHold
from overspill.account.holds import Homeless, Kept, give_back, held_only, lots_used, uncount
from overspill.account.state import Hold, Leg
from overspill.decide.effects import lot_with
from overspill.plan.arithmetic import cover
from overspill.plan.plan import ROOT, Layer, Plan, PoolLayer, Ratio, Waterfall
from overspill.plan.pricing import look_up
from overspill.plan.program import Program
from overspill.plan.shapes import LOT_ID, LOT_LEFT, Lot
from overspill.step import facts as facts_kept
from overspill.step.accounts import Change
from overspill.step.commands import ExpireLot
from overspill.step.keys import Identified
from overspill.words.amounts import text_from_steps
from overspill.words.codec import json_bytes, replace
from overspill.words.instants import NEVER, instant_text, instant_text_micros
from overspill.words.lengths import instant_after

ProgramOf = Callable[[str], Program]
"""The program of a policy's digest."""


def layer_of(waterfall: Waterfall, name: str) -> Layer:
    return next(layer for layer in waterfall.layers if layer.name == name)


def holders(hold: Hold) -> list[str]:
    """The accounts that know the hold: the one that answers for it, and those its legs were drawn from."""
    kinds = [ROOT, *(leg.kind for leg in hold.legs), *(count.kind for leg in hold.legs for count in leg.counts)]
    return list(dict.fromkeys(key for kind in kinds if (key := hold.accounts[kind]) is not None))


def expire_lot(
    plan: Plan, program_of: ProgramOf, command: ExpireLot, account_of: AccountOf, now: int, identified: Identified
) -> Change:
    """The lot's end: what is free of it is no more, and what holds hold of it where their pool says so."""
    draft = Draft(account_of)
    lot = draft.lot(command.account, command.pool, command.lot)
    free = 0
    if lot is not None:
        free = lot[LOT_LEFT]
        draft.set_lot(command.account, command.pool, lot_with(lot, 0))
    pool = plan.pools.get(command.pool.split("|", 1)[0])  # of one that the policy has no more, steps are told
    scale = 0 if pool is None else pool.unit.scale
    lapsed = []
    for hold in account_of(command.account).holds.values():
        taken, back = _lapse(program_of, hold, command, draft)
        if taken:
            returned = {one[LOT_ID]: text_from_steps(amount, scale) for _, one, amount in back}
            lapsed.append({"hold": hold.id, "amount": text_from_steps(taken, scale), "returned": returned})
    answer = {
        "expire_lot": identified.id,
        "at": instant_text_micros(now),
        "effective_at": instant_text(command.at),
        "account": command.account.split("/", 1)[1],
        "pool": command.pool,
        "lot": command.lot,
        "amount": text_from_steps(free, scale),
        "unit": None if pool is None else pool.unit.name,
        **({"holds": lapsed} if lapsed else {}),
    }
    return Change({key: tuple(effects) for key, effects in draft.effects().items()}, json_bytes(answer))


def _lapse(
    program_of: ProgramOf, hold: Hold, command: ExpireLot, draft: Draft
) -> tuple[int, list[tuple[str, Lot, int]]]:
    """Takes from a hold what it holds of the lot, where it lapses: (how much, what of the rest is now too little for a base
    step and goes back to other lots)."""
    taken, back, legs = 0, [], []
    for leg in hold.legs if hold.open else ():
        held = _held(leg, command) if hold.accounts[leg.kind] == command.account else 0
        if not held:
            legs.append(leg)
            continue
        program = program_of(hold.digest)
        waterfall = program.plan.waterfall(hold.waterfall)
        facts = tuple(facts_kept.read(program.plan, waterfall, hold.facts))
        ratio = look_up(layer_of(waterfall, leg.layer).ratio, waterfall, facts)
        rest = _without(leg, held, ratio, command, hold, draft)
        # A lot that ends at this very instant, and whose turn is still to come, takes it back before it goes.
        homeless = give_back(draft, hold, rest, command.at - 1)
        assert not homeless  # lots that ended before are no longer in the leg
        back += _given(rest)
        taken += held
        if rest.base:
            legs.append(replace(held_only(rest), used_base=leg.used_base, used=leg.used))
    if taken:
        after = replace(hold, legs=tuple(legs))
        known = holders(after)
        for key in holders(hold):
            draft.add(key, SetHold(after) if key in known else EndHold(hold.id))
    return taken, back


def _held(leg: Leg, command: ExpireLot) -> int:
    """What the leg holds of the lot beyond what is used of it, when it loses that."""
    if not any((pool, lot[LOT_ID]) == (command.pool, command.lot) for pool, lot in lapsing(leg)):
        return 0
    used = leg.used
    for pool, lot, part in leg.lots:
        if (pool, lot[LOT_ID]) == (command.pool, command.lot):
            return part - min(used, part)
        used = max(used - part, 0)
    return 0


def _without(leg: Leg, held: int, ratio: Ratio, command: ExpireLot, hold: Hold, draft: Draft) -> Kept:
    """The leg without what it held of the lot, and how much of that it can still keep for whole base steps."""
    lots = []
    for pool, lot, part in leg.lots:
        kept = part - held if (pool, lot[LOT_ID]) == (command.pool, command.lot) else part
        if kept:
            lots.append((pool, lot, kept))
    counts = []
    for count in leg.counts:
        if count.amount == leg.amount:  # a cap counts it all; an overage what no lot gave
            account = hold.accounts[count.kind]
            if account is not None:
                uncount(draft, account, count.key, count.generation, held)
            count = replace(count, amount=count.amount - held)
        counts.append(count)
    smaller = replace(leg, amount=leg.amount - held, counts=tuple(counts), lots=tuple(lots))
    return Kept(smaller, *cover(leg.base, smaller.amount, *ratio))


def _given(kept: Kept) -> list[tuple[str, Lot, int]]:
    """(pool key, lot, amount) of what goes back of the leg."""
    used = {(pool, lot[LOT_ID]): amount for pool, lot, amount in lots_used(kept)}
    found = [(pool, lot, part - used.get((pool, lot[LOT_ID]), 0)) for pool, lot, part in kept.leg.lots]
    return [one for one in found if one[2]]


# ---- what comes back of an expired lot


def rehoused(
    waterfall_of: Callable[[], Waterfall],
    homeless: Sequence[Homeless],
    draft: Draft,
    at: int,
    identified: Identified,
) -> list[dict[str, object]]:
    """What comes back at the instant `at` of lots that have expired is expired too, or becomes a lot of its own."""
    return list(_rehoused(waterfall_of(), homeless, draft, at, identified)) if homeless else []


def _rehoused(
    waterfall: Waterfall, homeless: Iterable[Homeless], draft: Draft, at: int, identified: Identified
) -> Iterable[dict[str, object]]:
    for number, one in enumerate(homeless):
        layer = layer_of(waterfall, one.layer)
        assert isinstance(layer, PoolLayer)
        shown: dict[str, object] = {
            "account": one.account.split("/", 1)[1],
            "pool": one.pool,
            "lot": one.lot[LOT_ID],
            "amount": text_from_steps(one.amount, layer.unit.scale),
            "unit": layer.unit.name,
        }
        if layer.reissue is not None:
            new = reissued(one.lot, one.amount, identified.derived("lot", number), at, instant_after(at, layer.reissue))
            draft.set_lot(one.account, one.pool, new)
            shown["reissued"] = {"lot": new[LOT_ID], "expires_at": None if new[3] == NEVER else instant_text(new[3])}
        yield shown


def reissued(lot: Lot, amount: int, id: str, at: int, expires_at: int) -> Lot:
    """`amount` of an expired lot as a lot of its own, of the same priority and category."""
    return (id, amount, at, expires_at, *lot[4:6], amount)
