"""Lots: granted, bought, voided, refunded, transferred, expired."""

from __future__ import annotations

from overspill.book import capacity, chart
from overspill.book.amounts import billionths
from overspill.book.chart import LotKey
from overspill.book.effects import HOLD_LEGS, LEG_AMOUNT, LEG_BASE, hold_set
from overspill.book.entry import Entry, money_of
from overspill.book.state import Hold, Leg, Lot
from overspill.records.balances import Why
from overspill.records.postings import Posted
from overspill.records.told import MovedTold, moved_told
from overspill.words.instants import instant_from_text

# ---- come into being


def granted(entry: Entry) -> Posted:
    """A grant by an operator, who may say what was paid for it."""
    return _arrived(entry, "granted", chart.OPERATOR)


def purchased(entry: Entry) -> Posted:
    """What a payment provider was paid for."""
    return _arrived(entry, "purchased", chart.PROVIDER)


def _arrived(entry: Entry, why: Why, cash: str) -> Posted:
    answer = moved_told(entry.record.answer)
    key, unit = (answer.account, answer.pool, answer.lot), answer.unit
    assert unit is not None
    if answer.effective_at is not None:
        entry.effective_at = instant_from_text(answer.effective_at)
    amount = billionths(answer.amount)
    paid, currency = (0, "") if answer.cost is None else money_of(answer.cost)
    lot = entry.open(key, unit, answer.category, answer.expires_at, cost=(paid, currency, amount, cash))
    entry.move(chart.ISSUED[lot.category], lot.account, unit, amount)
    entry.pay(lot, amount, cash)
    entry.changed(key, amount=amount, why=why)
    _repay(entry, key, answer.repaid)
    return entry.posted()


def _repay(entry: Entry, key: LotKey, repaid: str) -> None:
    """A pool's debt comes before its new lot has anything left."""
    if repaid != "0":
        debt = chart.debt_account(key[0], key[1])
        entry.leaves(key, debt, billionths(repaid), "debt_repaid", chart.REPAID_MONEY)


# ---- moved and taken away


def transferred(entry: Entry) -> Posted:
    """A part of a lot, or all of it, is a lot of another account."""
    answer = moved_told(entry.record.answer)
    key, new = (answer.account, answer.pool, answer.lot), (answer.to, answer.pool, answer.to_lot)
    entry.need_lots([key])
    expires_at = entry.book.lots[key].expires_at
    entry.succeeds(key, new, billionths(answer.amount), "transferred", expires_at, None)
    _repay(entry, new, answer.repaid)
    return entry.posted()


def voided(entry: Entry) -> Posted:
    """What is left of a lot goes back to where it came from; what was paid for it is kept."""
    answer, key, lot = _taken(entry)
    entry.leaves(key, chart.ISSUED[lot.category], billionths(answer.amount), "voided", chart.EXPIRED_MONEY)
    return entry.posted()


def refunded(entry: Entry) -> Posted:
    """The same, and its part of the money is paid back, as the answer rounds it."""
    answer, key, lot = _taken(entry)
    rounding, [(currency, money)] = f"rounding:{lot.currency}", answer.money.items()
    amount = billionths(answer.amount)
    entry.move(lot.account, chart.ISSUED[lot.category], lot.asset, amount)
    lot.outstanding -= amount
    due = billionths(money)
    deferred = entry.book.balance(chart.deferred_account(lot.account), currency)
    entry.move(chart.deferred_account(lot.account), lot.cash, currency, min(due, deferred))
    entry.move(rounding, lot.cash, currency, due - min(due, deferred))
    entry.move(chart.deferred_account(lot.account), rounding, currency, deferred - min(due, deferred))
    entry.changed(key, amount=-amount, why="refunded")
    return entry.posted()


def _taken(entry: Entry) -> tuple[MovedTold, LotKey, Lot]:
    answer = moved_told(entry.record.answer)
    key = (answer.account, answer.pool, answer.lot)
    entry.need_lots([key])
    return answer, key, entry.book.lots[key]


# ---- expired


def expired(entry: Entry) -> Posted:
    """What is free of the lot is over, and what holds have of it where they lose it with the lot."""
    answer, key, lot = _taken(entry)
    holds = [(entry.need_hold(one.hold), one) for one in answer.holds]
    entry.need_lots((*key[:2], id) for one in answer.holds for id in one.returned)
    if answer.effective_at is not None:
        entry.effective_at = instant_from_text(answer.effective_at)
    breakage, free = f"breakage:{lot.category}", entry.book.balance(lot.account, lot.asset)
    if answer.unit is not None and free != billionths(answer.amount):
        raise ValueError(f"{answer.amount} of {lot.account} expires, the book has {free} billionths of it")
    entry.leaves(key, breakage, free, "expired", chart.EXPIRED_MONEY)
    for hold, told in holds:
        step = None if answer.unit is not None else _step_of(hold, key)
        returned = {(*key[:2], id): _read(amount, step) for id, amount in told.returned.items()}
        _lapse(entry, hold, key, _read(told.amount, step), returned)
    return entry.posted()


def _read(amount: str, step: int | None) -> int:
    """A decimal; or a number of steps, where the answer knows no unit."""
    return billionths(amount) if step is None else int(amount) * step


def _step_of(hold: Hold, key: LotKey) -> int:
    """The smallest step of the lot's unit."""
    return next(leg.step for leg in hold.legs if leg.lots.get(chart.lot_text(key)))


def _lapse(entry: Entry, hold: Hold, key: LotKey, taken: int, returned: dict[LotKey, int]) -> None:
    """A hold loses what it has of the lot; what of the rest is too little for a whole step of the request goes back."""
    lot = entry.book.lots[key]
    entry.leaves(key, f"breakage:{lot.category}", taken, "expired", chart.EXPIRED_MONEY, hold.id)
    for other, amount in returned.items():
        source = entry.book.lots[other]
        entry.move(chart.held_account(hold.id, source.account), source.account, source.asset, amount)
    for number, leg in enumerate(hold.legs):
        if leg.lots.get(chart.lot_text(key)):
            _shrink(entry, hold, number, key, returned)
    hold.legs = [leg for leg in hold.legs if leg.amount]


def _shrink(entry: Entry, hold: Hold, number: int, key: LotKey, returned: dict[LotKey, int]) -> None:
    """The leg that had the lot: its counters get back as much as it has lost. How much of an overage that is, only the
    hold's legs tell."""
    leg = hold.legs[number]
    lost = leg.lots[chart.lot_text(key)]
    leg.lots[chart.lot_text(key)] = 0
    for text in list(leg.lots):
        other = chart.lot_key(text)
        part = min(returned.get(other, 0), leg.lots[text])
        if part:
            returned[other] -= part
            leg.lots[text] -= part
            lost += part
    beyond = _beyond_lost(entry, hold, number, leg, lost)
    leg.amount -= lost + beyond
    leg.beyond -= beyond
    for count in leg.counts:
        window, back = entry.book.windows[count.window], beyond if count.beyond else lost + beyond
        if count.beyond:
            entry.move(chart.held_account(hold.id, window.overage), window.overage, window.unit, back)
        capacity.give_back(entry, window, count.generation, back, chart.held_account(hold.id, window.account))
        count.left -= back


def _beyond_lost(entry: Entry, hold: Hold, number: int, leg: Leg, lost: int) -> int:
    if not leg.beyond:
        return 0
    told = hold_set(entry.record, hold.id)
    kept = [] if told is None else [one for one in told[HOLD_LEGS] if one[LEG_BASE]]
    left = kept[number][LEG_AMOUNT] * leg.step if len(kept) == len(hold.legs) else 0
    return leg.amount - lost - left
