"""What a record does to an account, as absolute after-values: applying the same effects twice gives the same state.

An effect is one frozen record; `apply` is the only way that an account changes, for the running engine and for
whoever folds the journal again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from overspill.account.purchases import TopUp
from overspill.account.state import Account, Banked, Hold, Value
from overspill.plan.shapes import (
    LOT_CATEGORY,
    LOT_EXPIRES_AT,
    LOT_GRANTED_AT,
    LOT_ID,
    LOT_LEFT,
    LOT_PRIORITY,
    Lot,
    WindowState,
)
from overspill.words.codec import Light


class SetWindow(Light, frozen=True, array_like=True, tag="window"):
    key: str
    state: WindowState


class SetLot(Light, frozen=True, array_like=True, tag="lot"):
    """The lot as it is now; one with nothing left leaves the state (its history is the journal)."""

    pool: str
    lot: Lot


class SetHold(Light, frozen=True, array_like=True, tag="hold"):
    hold: Hold


class EndHold(Light, frozen=True, array_like=True, tag="end_hold"):
    id: str


class SetAttribute(Light, frozen=True, array_like=True, tag="attribute"):
    """`value` None: the attribute is absent again."""

    name: str
    value: Value | None


class SetBanked(Light, frozen=True, array_like=True, tag="banked"):
    """The resets of a limit that the account may redeem now."""

    limit: str
    resets: tuple[Banked, ...]


class SetDebt(Light, frozen=True, array_like=True, tag="debt"):
    """What the pool owes now."""

    pool: str
    amount: int


class SetTopUp(Light, frozen=True, array_like=True, tag="top_up"):
    """What the account keeps of buying for the pool now."""

    pool: str
    top_up: TopUp


Effect = SetWindow | SetLot | SetHold | EndHold | SetAttribute | SetBanked | SetDebt | SetTopUp


def default_order(lot: Lot) -> tuple[int, int, int, int, str]:
    """LANGUAGE.md G2: priority, expires_at, category (promotional before paid), granted_at, id (ASCII, so text order is byte order)."""
    return (
        lot[LOT_PRIORITY],
        lot[LOT_EXPIRES_AT],
        lot[LOT_CATEGORY],
        lot[LOT_GRANTED_AT],
        lot[LOT_ID],
    )


def apply(account: Account, effects: Sequence[Effect], at: int) -> Account:
    """The account after one record's effects: one version later, at the instant `at`. The given one is not changed."""
    windows, pools, holds, attributes = account.windows, account.pools, account.holds, account.attributes
    since, banked, debts = account.since if account.version else at, account.banked, account.debts
    top_ups = account.top_ups
    for effect in effects:
        if isinstance(effect, SetWindow):
            if windows is account.windows:
                windows = windows.copy()
            windows[effect.key] = effect.state
        elif isinstance(effect, SetLot):
            if pools is account.pools:
                pools = pools.copy()
            pools[effect.pool] = _with_lot(pools.get(effect.pool, ()), effect.lot)
        elif isinstance(effect, SetHold):
            holds = {**holds, effect.hold.id: effect.hold}
        elif isinstance(effect, EndHold):
            holds = {id: hold for id, hold in holds.items() if id != effect.id}
        elif isinstance(effect, SetAttribute):
            attributes = _with_attribute(attributes, effect.name, effect.value)
            since = at
        elif isinstance(effect, SetBanked):
            banked = {**banked, effect.limit: effect.resets}
        elif isinstance(effect, SetDebt):
            debts = {key: owed for key, owed in debts.items() if key != effect.pool}
            if effect.amount:
                debts[effect.pool] = effect.amount
        elif isinstance(effect, SetTopUp):
            top_ups = {**top_ups, effect.pool: effect.top_up}
        else:
            assert_never(effect)
    return Account(account.version + 1, at, attributes, windows, pools, holds, since, banked, debts, top_ups)


def _with_lot(lots: tuple[Lot, ...], lot: Lot) -> tuple[Lot, ...]:
    for index, other in enumerate(lots):
        if other[LOT_ID] == lot[LOT_ID]:
            return (*lots[:index], lot, *lots[index + 1 :]) if lot[LOT_LEFT] else (*lots[:index], *lots[index + 1 :])
    if not lot[LOT_LEFT]:
        return lots
    return tuple(sorted((*lots, lot), key=default_order))


def _with_attribute(attributes: dict[str, Value], name: str, value: Value | None) -> dict[str, Value]:
    rest = {key: old for key, old in attributes.items() if key != name}
    return rest if value is None else {**rest, name: value}
