"""The pools of one account as a decision would find them now: lots in the order that they are drawn in, and what they
come to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal

from overspill.account.candidates import Candidate, candidates
from overspill.account.held import Held
from overspill.account.state import Account
from overspill.decide.counters import Change, next_of
from overspill.decide.known import Scene, known_of
from overspill.plan.functions import ABSENT
from overspill.plan.interpret import values_of
from overspill.plan.plan import Plan, Pool, PoolLayer, state_key
from overspill.plan.shapes import (
    CATEGORIES,
    LOT_AMOUNT,
    LOT_CATEGORY,
    LOT_EXPIRES_AT,
    LOT_GRANTED_AT,
    LOT_ID,
    LOT_LEFT,
    LOT_PRIORITY,
    Lot,
)
from overspill.records.status import LotStatus, PoolStatus
from overspill.words.amounts import steps_from_text
from overspill.words.instants import NEVER, instant_text
from overspill.words.texts import amount_text_of


def order_of(plan: Plan, pool: str) -> tuple[str, ...]:
    """The order that the pool declares; empty for the default."""
    layers = (layer for waterfall in plan.waterfalls for layer in waterfall.layers if layer.name == pool)
    return next((layer.order for layer in layers if isinstance(layer, PoolLayer)), ())


def pools_of(
    scene: Scene, kind: int, account: Account, held: Held, pending: Mapping[str, Decimal]
) -> Iterator[tuple[PoolStatus, list[Change]]]:
    """(the pool as shown, what changes in it by itself) for each pool that the account of this kind keeps. `pending` is
    what was captured from a pool, by its key, and is not yet posted."""
    for pool in scene.plan.pools.values():
        for key in _keys(scene, pool, account, held, pending) if pool.kind == kind else ():
            yield _pool(scene, pool, key, account, held, pending.get(key, Decimal(0)))


def _keys(scene: Scene, pool: Pool, account: Account, held: Held, pending: Mapping[str, Decimal]) -> Iterable[str]:
    """The keys under which the account has the pool, and the one that a request would meet."""
    if not pool.per:
        return [pool.name]
    found = {key: None for keys in (account.pools, account.debts, held.lots, pending) for key in keys}
    keys = [key for key in found if key.split("|", 1)[0] == pool.name]
    for waterfall in scene.plan.waterfalls:
        known = known_of(waterfall, scene)
        for layer in waterfall.layers:
            if isinstance(layer, PoolLayer) and layer.name == pool.name and not known.missing(layer.per):
                if all(known.facts[slot] is not ABSENT for slot in layer.per):
                    keys.append(state_key(pool.name, values_of(layer.per, known.facts)))
    return list(dict.fromkeys(keys))


def _pool(
    scene: Scene, pool: Pool, key: str, account: Account, held: Held, pending: Decimal
) -> tuple[PoolStatus, list[Change]]:
    write, parts = amount_text_of(pool.unit.scale), held.lots.get(key, {})
    lots = {lot[LOT_ID]: lot for lot in account.pools.get(key, ())}
    gone = {id: _emptied(lot) for id, (lot, _) in parts.items() if id not in lots}
    found = candidates([*lots.values(), *gone.values()], order_of(scene.plan, pool.name), scene.now)
    available = sum(one.lot[LOT_LEFT] for one in found if one.passed is None)
    not_usable = sum(one.lot[LOT_LEFT] for one in found if one.passed is not None)
    in_holds = sum(part for _, part in parts.values())
    captured = steps_from_text(f"{pending:f}", pool.unit)
    changes = [change for one in found if one.lot[LOT_LEFT] for change in _changes(one.lot, scene.now)]
    status = PoolStatus(
        pool=key,
        unit=pool.unit.name,
        settled=write(available + not_usable + in_holds + captured),
        pending=write(captured),
        held=write(in_holds),
        available=write(available),
        not_usable=write(not_usable),
        debt=write(account.debts.get(key, 0)),
        lots=tuple([_lot(one, parts.get(one.lot[LOT_ID], (one.lot, 0))[1], pool) for one in found]),
        next_change=next_of(changes),
    )
    return status, changes


def _emptied(lot: Lot) -> Lot:
    """A lot that has left the state, as it is now: all that is left of it is held."""
    return (lot[0], 0, *lot[2:])


def _changes(lot: Lot, now: int) -> Iterator[Change]:
    for at, what in ((lot[LOT_GRANTED_AT], "lot_usable"), (lot[LOT_EXPIRES_AT], "lot_expires")):
        if now < at:
            yield at, what, lot[LOT_ID]


def _lot(one: Candidate, held: int, pool: Pool) -> LotStatus:
    lot, write = one.lot, amount_text_of(pool.unit.scale)
    return LotStatus(
        lot=lot[LOT_ID],
        left=write(lot[LOT_LEFT]),
        held=write(held),
        granted=write(lot[LOT_AMOUNT]),
        usable=one.passed is None,
        priority=lot[LOT_PRIORITY],
        category=CATEGORIES[lot[LOT_CATEGORY]],
        granted_at=instant_text(lot[LOT_GRANTED_AT]),
        expires_at=None if lot[LOT_EXPIRES_AT] == NEVER else instant_text(lot[LOT_EXPIRES_AT]),
    )
