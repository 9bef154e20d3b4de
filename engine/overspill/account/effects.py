"""What a record does to an account, as absolute after-values: applying the same effects twice gives the same state.

An effect is one frozen record; `apply` is the only way that an account changes, for the running engine and for
whoever folds the journal again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import assert_never

from overspill.account.due import due_at, hold_due_at
from overspill.account.purchases import TopUp
from overspill.account.state import Account, Banked, Hold, Leg, Value
from overspill.plan.lots import default_order, in_order, order_of
from overspill.plan.shapes import FORM, GENERATION, LOT_EXPIRES_AT, LOT_ID, LOT_LEFT, Lot, WindowState, closed_key
from overspill.words.codec import Light, convert, replace
from overspill.words.instants import NEVER


class SetWindow(Light, frozen=True, array_like=True, tag="window"):
    key: str
    state: WindowState


class SetClosed(Light, frozen=True, array_like=True, tag="closed"):
    """The same for a generation that is over."""

    key: str
    state: WindowState


class SetLot(Light, frozen=True, array_like=True, tag="lot"):
    """The lot as it is now; one with nothing left leaves the state (its history is the journal)."""

    pool: str
    lot: Lot


class SetHold(Light, frozen=True, array_like=True, tag="hold"):
    hold: Hold


class EndHold(Light, frozen=True, array_like=True, tag="end_hold"):
    """`legs` and `owed` are what the hold has used in all, where its last capture ends it: what a reversal unwinds."""

    id: str
    legs: tuple[Leg, ...] = ()
    owed: int = 0


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


class SetOrder(Light, frozen=True, array_like=True, tag="order"):
    """The pool's lots are kept in this order too; empty: in the default one alone."""

    pool: str
    order: tuple[str, ...]


Effect = SetWindow | SetLot | SetHold | EndHold | SetAttribute | SetBanked | SetDebt | SetTopUp | SetOrder | SetClosed


def effects_in(effects: Mapping[str, Sequence[object]]) -> dict[str, list[Effect]]:
    """A record's effects by account, whether they were read from the journal or have just been made."""
    return {
        key: [one if isinstance(one, Light) else convert(one, Effect) for one in found]  # type: ignore[misc]
        for key, found in effects.items()
    }


def apply(account: Account, effects: Sequence[Effect], at: int) -> Account:
    """The account after one record's effects, one version later. Its time never goes back. The given one is not changed."""
    at = at if at > account.at else account.at  # what an outage left may stand behind what was stamped later
    if account.version and not account.holds:
        counted = account.windows.copy()
        for effect in effects:
            if type(effect) is not SetWindow:
                break
            counted[effect.key] = effect.state
        else:  # nothing else depends on windows, which is all that a draw mostly changes
            return replace(account, version=account.version + 1, at=at, windows=counted)
    return _applied(account, effects, at)


def _applied(account: Account, effects: Sequence[Effect], at: int) -> Account:
    """The same for effects of every kind, at an instant not before the account's."""
    windows, pools, holds, attributes = account.windows, account.pools, account.holds, account.attributes
    since, banked, debts = account.since if account.version else at, account.banked, account.debts
    due, ended, top_ups, ordered, closed = account.due_at, False, account.top_ups, account.ordered, account.closed
    for effect in effects:
        if isinstance(effect, SetWindow):
            if windows is account.windows:
                windows = windows.copy()
            if holds:
                closed = _with_closed(closed, effect.key, windows.get(effect.key), effect.state)
            windows[effect.key] = effect.state
        elif isinstance(effect, SetLot):
            if pools is account.pools:
                pools = pools.copy()
            lot = effect.lot
            pools[effect.pool] = _with_lot(pools.get(effect.pool, ()), lot, default_order)
            if effect.pool in ordered:
                order, lots = ordered[effect.pool]
                ordered = {**ordered, effect.pool: (order, _with_lot(lots, lot, order_of(order)))}
            if lot[LOT_LEFT]:
                due = min(due, lot[LOT_EXPIRES_AT])
            else:
                ended = ended or lot[LOT_EXPIRES_AT] == due != NEVER
        elif isinstance(effect, SetHold):
            hold = effect.hold
            ended = ended or _is_due(holds.get(hold.id), due)
            holds = {**_in_time(holds, at), hold.id: hold}
            due = min(due, hold_due_at(hold))
        elif isinstance(effect, EndHold):
            ended = ended or _is_due(holds.get(effect.id), due)
            holds = {id: hold for id, hold in _in_time(holds, at).items() if id != effect.id}
            closed = closed if holds else {}
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
            before = top_ups.get(effect.pool)
            ended = ended or (before is not None and before.test_at == due != NEVER)
            top_ups = {**top_ups, effect.pool: effect.top_up}
            due = min(due, effect.top_up.test_at)
        elif isinstance(effect, SetClosed):
            closed = {**closed, closed_key(effect.key, effect.state[GENERATION]): effect.state}
        elif isinstance(effect, SetOrder):
            ordered = {key: kept for key, kept in ordered.items() if key != effect.pool}
            if effect.order:
                ordered[effect.pool] = (effect.order, tuple(in_order(pools.get(effect.pool, ()), effect.order)))
        else:
            assert_never(effect)
    if ended:
        due = due_at(pools, holds, top_ups)
    return Account(
        account.version + 1, at, attributes, windows, pools, holds, since, banked, debts, due, top_ups, ordered, closed
    )


def _with_closed(
    closed: dict[str, WindowState], key: str, before: WindowState | None, after: WindowState
) -> dict[str, WindowState]:
    """A window that goes on to its next generation leaves the one before behind; one that fills up by itself has none."""
    if before is None or len(before) > FORM or before[GENERATION] == after[GENERATION]:
        return closed
    return {**closed, closed_key(key, before[GENERATION]): before}


def _is_due(hold: Hold | None, due: int) -> bool:
    return hold is not None and hold_due_at(hold) == due != NEVER


def _in_time(holds: dict[str, Hold], at: int) -> dict[str, Hold]:
    """Without those that are too late for a capture: they leave with the next change of any hold."""
    return {id: hold for id, hold in holds.items() if hold.open or at < hold.late_until}


def _with_lot(lots: tuple[Lot, ...], lot: Lot, key: Callable[[Lot], tuple[int | str, ...]]) -> tuple[Lot, ...]:
    for index, other in enumerate(lots):
        if other[LOT_ID] == lot[LOT_ID]:
            return (*lots[:index], lot, *lots[index + 1 :]) if lot[LOT_LEFT] else (*lots[:index], *lots[index + 1 :])
    if not lot[LOT_LEFT]:
        return lots
    return tuple(sorted((*lots, lot), key=key))


def _with_attribute(attributes: dict[str, Value], name: str, value: Value | None) -> dict[str, Value]:
    rest = {key: old for key, old in attributes.items() if key != name}
    return rest if value is None else {**rest, name: value}
