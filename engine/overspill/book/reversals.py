"""Reversals and redeemed resets: what was used is there again, and windows that begin anew."""

from __future__ import annotations

from overspill.book import capacity, chart
from overspill.book.amounts import billionths, share
from overspill.book.chart import LotKey
from overspill.book.entry import Early, Entry
from overspill.records.postings import Posted
from overspill.records.told import ReturnedTold, redeemed_told, reversal_told


def reversed_(entry: Entry) -> Posted:
    """What a request used goes back, part by part, as far as the answer says."""
    answer = reversal_told(entry.record.answer)
    windows = [(one.account, one.window) for one in answer.returned if one.window is not None]
    if any(key not in entry.book.windows for key in windows):
        raise Early("unknown_request", answer.of)
    entry.need_lots((one.account, one.pool, one.lot) for one in answer.returned if one.lot)
    entry.cause, entry.policy = answer.of, answer.policy
    waterfall = answer.policy.waterfall
    for one in answer.returned:
        if one.window is not None:
            _uncount(entry, one, f"usage:{waterfall}")
        elif one.lot:
            _put_back(entry, one, waterfall)
        else:
            _forgive(entry, one, f"usage:{waterfall}")
    return entry.posted()


def _uncount(entry: Entry, one: ReturnedTold, usage: str) -> None:
    """Capacity is there again where the window says so; what was drawn beyond lots is billed no more in any case."""
    window = entry.book.windows[one.account, one.window or ""]
    amount = billionths(one.amount)
    if window.overage:
        entry.move(usage, window.overage, window.unit, amount)
    if one.to != "nothing":
        entry.move(usage, window.account, window.asset, amount)


def _put_back(entry: Entry, one: ReturnedTold, waterfall: str) -> None:
    """Value goes back to its lot, to where a lot goes that is over, or to a lot of its own; money with it."""
    key: LotKey = (one.account, one.pool, one.lot)
    lot, amount = entry.book.lots[key], billionths(one.amount)
    usage, revenue = f"usage:{waterfall}", f"revenue:{waterfall}"
    money = share(lot.cost, amount, lot.per)
    match one.to:
        case "lot":
            entry.move(usage, lot.account, lot.asset, amount)
            entry.pay(lot, amount, revenue)
            entry.changed(key, amount=amount, why="reversed")
        case "expired":
            entry.move(usage, f"breakage:{lot.category}", lot.asset, amount)
            entry.move(revenue, chart.EXPIRED_MONEY, lot.currency, money)
        case "voided":
            entry.move(usage, chart.ISSUED[lot.category], lot.asset, amount)
            entry.move(revenue, chart.EXPIRED_MONEY, lot.currency, money)
        case "reissued":
            assert one.reissued is not None
            new = (one.account, one.pool, one.reissued.lot)
            child = entry.open(new, lot.asset, lot.category, one.reissued.expires_at, parent=lot)
            entry.move(usage, child.account, lot.asset, amount)
            entry.pay(child, amount, revenue)
            entry.changed(new, amount=amount, why="reissued")
        case _:
            raise ValueError(f"a reversal returns to `{one.to}`")


def _forgive(entry: Entry, one: ReturnedTold, usage: str) -> None:
    """What is owed is owed no more; what a purchase has repaid of it is a paid lot."""
    amount = billionths(one.amount)
    if one.reissued is None:
        entry.move(usage, chart.debt_account(one.account, one.pool), one.unit, amount)
        return
    key = (one.account, one.pool, one.reissued.lot)
    lot = entry.open(key, one.unit, "paid", one.reissued.expires_at)
    entry.move(usage, lot.account, one.unit, amount)
    lot.outstanding += amount
    entry.changed(key, amount=amount, why="repaid_back")


def redeemed(entry: Entry) -> Posted:
    """Each window of the limit begins a new generation, which its first draw funds."""
    answer = redeemed_told(entry.record.answer)
    for one in answer.windows:
        layer = one.window.partition(".")[0]
        window = capacity.window_of(entry, (answer.account, one.window), layer, "", False)
        capacity.begin(entry, window, one.generation)
    return entry.posted()
