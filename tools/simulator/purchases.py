"""Top-ups as the auditor counts them: bought with consent alone, one at a time, each paid once and granted once."""

from __future__ import annotations

from collections.abc import Set
from fractions import Fraction
from typing import TYPE_CHECKING

import msgspec

from overspill.records.journal import Record
from simulator.book import LOT_ENDS, Changes, Finding, LotKey, Where
from simulator.expiry import end_of
from simulator.ledger import Lot
from simulator.shown import paid, settings, steps, tested, unpaid

if TYPE_CHECKING:
    from simulator.auditor import Auditor

PRICE = Fraction(4, 100)
"""Cents for a step of the one pool that is topped up."""


class Purchase(msgspec.Struct):
    """`amount` in steps, `cents` to be paid; `month` is the one that it counts in, empty for none."""

    where: Where
    amount: int
    cents: int
    month: str
    is_open: bool = True
    is_granted: bool = False


class Consent(msgspec.Struct):
    """Amounts in steps."""

    enabled: bool
    minimum: int
    target: int
    maximum: int | None


def agreed(auditor: Auditor, record: Record, changes: Changes, _: int) -> list[LotKey]:
    """What somebody has agreed to takes the place of what was before."""
    answer = settings(record.answer)
    most = answer.settings.monthly_maximum
    consent = Consent(
        answer.settings.enabled,
        steps(answer.settings.minimum),
        steps(answer.settings.target),
        None if most is None else steps(most),
    )
    auditor.changed.add(answer.account)
    auditor.consents[answer.account, answer.pool] = consent
    if answer.abandoned is not None:
        auditor.mark("abandoned without consent")
        _over(auditor.purchases[answer.abandoned])
    return []


def _over(purchase: Purchase) -> None:
    if not purchase.is_open:
        raise Finding(f"{purchase} is over, and once more")
    purchase.is_open, purchase.month = False, ""


def balance(auditor: Auditor, where: Where, at: int) -> int:
    """Free in lots that end behind the instant `at`, less what is owed."""
    account = auditor.accounts[where[0]]
    lots = account.pools.get(where[1], {}).values()
    return sum(lot[1] for lot in lots if at < lot[LOT_ENDS]) - account.debts.get(where[1], 0)


def attempted(auditor: Auditor, record: Record, changes: Changes, _: int) -> list[LotKey]:
    """A test of balances, and what is to be bought."""
    answer = tested(record.answer)
    auditor.changed.add(answer.account)
    for one in answer.pools:
        where, found = (answer.account, one.pool), one.purchase
        if found is None:
            auditor.mark(f"not bought: {one.reason or 'enough'}")
            continue
        auditor.mark("to be bought")
        consent, left = auditor.consents[where], balance(auditor, where, record.at)
        month, amount = answer.at[:7], steps(found.amount)
        bought = [other.amount for other in auditor.purchases.values() if (other.where, other.month) == (where, month)]
        room = amount if consent.maximum is None else consent.maximum - sum(bought)
        if (
            not consent.enabled
            or left >= consent.minimum
            or amount not in (consent.target - left, room)
            or amount > room
        ):
            raise Finding(f"{amount} is to be bought for {left} in {where}, {sum(bought)} this month: {consent}")
        if any(other.is_open and other.where == where for other in auditor.purchases.values()):
            raise Finding(f"two purchases are open for {where}")
        if steps(found.money) != round(amount * PRICE):
            raise Finding(f"{found.money} is to be paid for {amount}")
        auditor.purchases[found.id] = Purchase(where, amount, steps(found.money), month)
    return []


def not_paid(auditor: Auditor, record: Record, changes: Changes, _: int) -> list[LotKey]:
    """A payment is under way, or it failed."""
    answer = unpaid(record.answer)
    auditor.mark(f"payment {answer.outcome}")
    purchase = auditor.purchases[answer.purchase]
    auditor.changed.add(purchase.where[0])
    if answer.outcome != "pending":
        _over(purchase)
    elif not purchase.is_open:
        raise Finding(f"{purchase} is over, and under way again")
    return []


def granted(auditor: Auditor, record: Record, changes: Changes, _: int) -> list[LotKey]:
    """A payment is a lot: one for a purchase, one for a receipt, of what was asked for."""
    answer = paid(record.answer)
    auditor.mark("bought" if auditor.purchases[answer.lot].is_open else "bought after all")
    purchase = auditor.purchases[answer.lot]
    auditor.changed.add(purchase.where[0])
    key = (*purchase.where, answer.lot)
    if purchase.is_granted or auditor.receipts.setdefault(answer.receipt, answer.lot) != answer.lot:
        raise Finding(f"{answer.lot} or its receipt {answer.receipt} was granted before: {purchase}")
    cents = steps(answer.cost.split(" ")[0])
    stated = ((answer.account, answer.pool, answer.lot), steps(answer.amount), cents)
    if stated != (key, purchase.amount, purchase.cents):
        raise Finding(f"{stated} was granted for {purchase}")
    if not purchase.is_open:
        purchase.month = answer.at[:7]
    purchase.is_open, purchase.is_granted = False, True
    lot = Lot(purchase.amount, record.at, end_of(answer.expires_at), (purchase.cents, purchase.amount))
    auditor.arrived(changes, key, lot, steps(answer.repaid))
    return [key]


def tested_enough(auditor: Auditor, changed: Set[str]) -> None:
    """Behind every commit a balance below its minimum has its attempt, or the reason for none. Lots, debts, what was agreed
    to and what was attempted are all the account's: where the commit has not `changed` it, all is as it was."""
    for where, consent in auditor.consents.items():
        if where[0] not in changed:
            continue
        kept = auditor.accounts[where[0]].top_ups[where[1]]
        left = balance(auditor, where, 0)
        if left >= consent.minimum or kept[1]:
            continue
        if not any(one.is_open and one.where == where for one in auditor.purchases.values()):
            raise Finding(f"{left} is left in {where}, and nobody says why nothing is bought: {kept}")
