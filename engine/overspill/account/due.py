"""What ends by itself on an account: lots expire, holds time out, a low balance has waited to be tested again. Each is an entry of its own, at its instant, whenever
somebody comes to write it down (LANGUAGE.md G3, S2).

An account knows the next such instant, `due_at`, so that a decision has to look at one number.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from overspill.account.purchases import TopUp
from overspill.account.state import Account, Hold, Leg
from overspill.plan.shapes import LOT_EXPIRES_AT, LOT_ID, Lot
from overspill.words.codec import Struct
from overspill.words.instants import NEVER


class LotDue(Struct, frozen=True):
    """`account` is the key of the account whose lot it is."""

    at: int
    account: str
    pool: str
    lot: str


class TestDue(Struct, frozen=True):
    """A balance below its minimum is tested again: a month begins, or a back-off is over (LANGUAGE.md U1)."""

    at: int
    account: str


class HoldDue(Struct, frozen=True):
    at: int
    hold: Hold


Due = LotDue | HoldDue | TestDue


def next_due(accounts: Mapping[str, Account], now: int) -> Due | None:
    """What ended first of all that has ended on these accounts and is not written down; at one instant a lot goes before
    a hold, and the test of a balance comes last."""
    found = [due for key, account in accounts.items() if account.due_at <= now for due in _all_due(key, account, now)]
    return min(found, key=_order, default=None)


def _order(due: Due) -> tuple[int, int, str, str, str]:
    if isinstance(due, LotDue):
        return (due.at, 0, due.account, due.pool, due.lot)
    if isinstance(due, TestDue):
        return (due.at, 2, due.account, "", "")
    return (due.at, 1, due.hold.id, "", "")


def _all_due(key: str, account: Account, now: int) -> Iterator[Due]:
    for pool, lots in account.pools.items():
        for lot in lots:
            if lot[LOT_EXPIRES_AT] <= now:
                yield LotDue(lot[LOT_EXPIRES_AT], key, pool, lot[LOT_ID])
    for top_up in account.top_ups.values():
        if top_up.test_at <= now:
            yield TestDue(top_up.test_at, key)
    for hold in account.holds.values():
        if not hold.open:
            continue
        if hold.expires_at <= now:
            yield HoldDue(hold.expires_at, hold)
        for leg in hold.legs:
            owner = hold.accounts[leg.kind]
            assert owner is not None
            for pool, lot in lapsing(leg):
                if lot[LOT_EXPIRES_AT] <= now:
                    yield LotDue(lot[LOT_EXPIRES_AT], owner, pool, lot[LOT_ID])


def lapsing(leg: Leg) -> Iterator[tuple[str, Lot]]:
    """(pool key, lot) of what the leg holds, beyond what is used of it, and loses when the lot expires."""
    if not leg.lapses:
        return
    used = leg.used
    for pool, lot, part in leg.lots:
        if part > used:
            yield pool, lot
        used = max(used - part, 0)


def due_at(pools: Mapping[str, Sequence[Lot]], holds: Mapping[str, Hold], top_ups: Mapping[str, TopUp]) -> int:
    """When something of an account next ends by itself."""
    ends = [lot[LOT_EXPIRES_AT] for lots in pools.values() for lot in lots]
    return min(
        [NEVER, *ends, *[hold_due_at(hold) for hold in holds.values()], *[one.test_at for one in top_ups.values()]]
    )


def hold_due_at(hold: Hold) -> int:
    """When an open hold, or a lot that it holds and loses, ends."""
    if not hold.open:
        return NEVER
    return min([hold.expires_at, *[lot[LOT_EXPIRES_AT] for leg in hold.legs for _, lot in lapsing(leg)]])
